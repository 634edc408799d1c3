"""torch's path for AdamW."""

from .adam import AdamW

__all__ = ["AdamW"]

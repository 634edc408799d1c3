"""torch's path for hook handles."""

from .._core.hooks import RemovableHandle

__all__ = ["RemovableHandle"]

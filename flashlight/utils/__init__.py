"""Tools around training."""

from . import hooks

__all__ = ["hooks"]

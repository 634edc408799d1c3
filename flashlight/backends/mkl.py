"""torch.backends.mkl: not part of this back end."""

from __future__ import annotations


def is_available() -> bool:
    """False: MLX does not use it."""
    return False

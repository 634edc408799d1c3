"""torch.backends.mkldnn: not part of this back end."""

from __future__ import annotations

enabled = False  # a switch programs read


def is_available() -> bool:
    """False: MLX does not use it."""
    return False

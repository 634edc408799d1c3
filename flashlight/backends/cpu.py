"""torch.backends.cpu: not part of this back end."""

from __future__ import annotations


def is_available() -> bool:
    """False: MLX does not use it."""
    return False


def get_cpu_capability() -> str:
    """ "DEFAULT": MLX chooses its vector instructions when it is built."""
    return "DEFAULT"

"""torch.backends.opt_einsum: not part of this back end."""

from __future__ import annotations

# switches programs set; plain attributes nothing reads
enabled, strategy = False, None


def is_available() -> bool:
    """False: MLX does not use it."""
    return False

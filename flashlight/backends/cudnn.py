"""torch.backends.cudnn: the switches scripts set for reproducibility, with no cuDNN behind them."""

from __future__ import annotations

import contextlib

# plain attributes, as scripts assign them; MLX's convolutions have no variants to choose between
enabled = False
benchmark = False
deterministic = True
allow_tf32 = False
benchmark_limit = 10


def is_available() -> bool:
    """False: there is no cuDNN."""
    return False


def version() -> None:
    """None: there is no cuDNN."""
    return None


def is_acceptable(tensor) -> bool:
    """False: no tensor can be given to cuDNN."""
    return tensor is None


@contextlib.contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = True,
    allow_tf32: bool = False,
):
    """Set the switches for a while."""
    names = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit, "deterministic": deterministic,
             "allow_tf32": allow_tf32}  # fmt: skip
    before = {name: globals()[name] for name in names}
    globals().update(names)
    try:
        yield
    finally:
        globals().update(before)

"""torch.cuda.nvtx: marks for NVIDIA's profiler, which has nothing to see here."""

from __future__ import annotations

import contextlib

_depth = [0]


def range_push(msg: str) -> int:
    """Open a range; returns its depth."""
    if not isinstance(msg, str):
        raise TypeError(f"range_push() takes a str, not {type(msg).__name__}")
    _depth[0] += 1
    return _depth[0] - 1


def range_pop() -> int:
    """Close a range; returns its depth."""
    _depth[0] -= 1
    return _depth[0]


@contextlib.contextmanager
def range(msg: str, *args, **kwargs):
    """A range around the code inside."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()


def mark(msg: str) -> None:
    """A mark at one moment."""
    if not isinstance(msg, str):
        raise TypeError(f"mark() takes a str, not {type(msg).__name__}")

"""When pending work is evaluated.

MLX is lazy. Reading a value evaluates it and an optimizer step starts evaluation of what it wrote; in loops that do neither, a
budget of operations starts it, so that neither the pending graph nor memory grows.
"""

from __future__ import annotations

import threading

import mlx.core as mx

# a power of two keeps the test in the hot path to one `and`; the low bits of the counter decide
BUDGET_MASK = 255


class _Pauses(threading.local):
    """How many pauses this thread is in: others go on meanwhile."""

    depth = 0


_pauses = _Pauses()


def tick(out) -> None:
    """Start evaluating the newest result (called every BUDGET_MASK + 1 operations)."""
    if _pauses.depth == 0:
        mx.async_eval(out)


class paused:
    """No evaluation inside: arrays may be tracers of an MLX transformation."""

    def __enter__(self):
        _pauses.depth += 1

    def __exit__(self, *_exc):
        _pauses.depth -= 1


def is_paused() -> bool:
    """Whether arrays may be tracers, whose values cannot be read."""
    return _pauses.depth > 0


def settle(arrays) -> None:
    """Evaluate arrays now. What is pending can be evaluated by the thread that made it only; values can be read by all."""
    if not is_paused():
        mx.eval(arrays)

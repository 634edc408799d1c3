"""Forked processes: what is pending is evaluated before, and the child gets a stream of its own.

MLX computes in threads, and a forked child has none of its parent's. Importing this module registers both steps for
every fork of the process.
"""

from __future__ import annotations

import gc
import os
import threading

import mlx.core as mx

from .generator import DeviceSource
from .tensor import Tensor

_held = 0


def settle() -> None:
    """Evaluate every pending tensor of this thread's, and wait until the streams are idle."""
    pending = []
    for thing in gc.get_objects():
        kind = type(thing)  # not isinstance, which asks objects with a __class__ of their own
        if issubclass(kind, Tensor) and hasattr(thing, "_a"):
            pending.append(thing._a)
            if thing._view is not None:
                pending.append(thing._view.cell.value)
        elif kind is DeviceSource:
            pending.append(thing.key)
    mx.eval(pending)
    mx.synchronize()


class settled:
    """Settles once for all the forks inside."""

    def __enter__(self):
        global _held
        settle()
        _held += 1

    def __exit__(self, *_exc):
        global _held
        _held -= 1


def _before() -> None:
    # an array can be evaluated by the thread that made it only, so other threads leave everything as it is
    if not _held and threading.current_thread() is threading.main_thread():
        settle()


def _in_child() -> None:
    mx.set_default_stream(mx.new_stream(mx.cpu))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)

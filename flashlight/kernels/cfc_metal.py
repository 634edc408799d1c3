"""The Metal kernels of a closed-form continuous-time step, with their reference in mx operations.

B sequences, H units. ``gates`` (B, 4H) are z1, z2, time_a, time_b before their activations; (B, 3H) when one elapsed time
was merged into the weights of the time gate, and ``elapsed`` is then not read. ``elapsed`` broadcasts against (B, H).
"""

from __future__ import annotations

import functools

import mlx.core as mx

from .._core.numerics.elementary import exp, sigmoid, tanh
from . import launch

MODES = ("default", "no_gate", "pure")


def reference(gates: mx.array, elapsed: mx.array, mode: str = "default") -> mx.array:
    """The new state in mx operations."""
    wide, ts = launch.widened(gates, elapsed)
    parts = mx.split(wide, 4 if _merged(gates, None) is False else 3, axis=1)
    raise NotImplementedError

"""The Metal kernels of a closed-form continuous-time step, with their reference in mx operations.

B sequences, H units. ``gates`` (B, 4H) are z1, z2, time_a, time_b before their activations, or (B, 3H) z1, z2, time when one
elapsed time was merged into the weights (``elapsed`` None). ``elapsed`` is a scalar, (B, 1), (1, H) or (B, H).
"""

from __future__ import annotations

import functools

import mlx.core as mx

from .._core.numerics.elementary import exp, sigmoid, tanh
from . import launch


def reference(gates: mx.array, elapsed: mx.array | None, no_gate: bool = False) -> mx.array:
    """The new state (B, H) of the gated modes in mx operations."""
    if elapsed is None:
        (wide,) = launch.widened(gates)
        z1, z2, time = mx.split(wide, 3, axis=1)
    else:
        wide, ts = launch.widened(gates, elapsed)
        z1, z2, rate, offset = mx.split(wide, 4, axis=1)
        time = ts * rate + offset
    f1, f2, s = tanh(z1), tanh(z2), sigmoid(time)
    return ((f1 if no_gate else f1 * (1 - s)) + s * f2).astype(gates.dtype)


def reference_pure(gates: mx.array, elapsed: mx.array, decay: mx.array, amplitude: mx.array) -> mx.array:
    """The new state (B, H) of the pure mode: ``gates`` (B, H) is z1, ``decay`` w_tau and ``amplitude`` A, (H) each."""
    z, ts, tau, a = launch.widened(gates, elapsed, decay, amplitude)
    return (a - a * exp(-ts * (mx.abs(tau) + mx.abs(z))) * z).astype(gates.dtype)


def _steps(elapsed: mx.array) -> mx.array:
    """Distances in memory between the elapsed times of neighbouring sequences and units."""
    rows, units = (1,) * (2 - elapsed.ndim) + elapsed.shape
    return mx.array([0 if rows == 1 else units, 0 if units == 1 else 1], dtype=mx.uint32)


def _summed_to(a: mx.array, like: mx.array) -> mx.array:
    """A gradient (B, H) summed to what was broadcast."""
    shape = (1,) * (2 - like.ndim) + like.shape
    axes = [k for k in range(2) if shape[k] == 1 and a.shape[k] != 1]
    return mx.sum(a, axis=axes, keepdims=True).reshape(like.shape).astype(like.dtype)


def _gated_forward(gates, elapsed, columns: int, no_gate: bool) -> list[mx.array]:
    batch, units = gates.shape[0], gates.shape[1] // columns
    return launch.elementwise(
        "cfc", "cfc_step", [gates, elapsed.reshape(-1), _steps(elapsed)], [((batch, units), gates.dtype)],
        size=(batch, units), T=gates.dtype, COLUMNS=columns, NO_GATE=no_gate,
    )  # fmt: skip


def _gated_backward(g, gates, elapsed, columns: int, no_gate: bool) -> list[mx.array]:
    """Gradients of the gates and, before its sum over what it is shared by, of the elapsed time."""
    return launch.elementwise(
        "cfc", "cfc_step_backward", [g, gates, elapsed.reshape(-1), _steps(elapsed)],
        [(gates.shape, gates.dtype), (g.shape, mx.float32)], size=g.shape, T=gates.dtype, COLUMNS=columns, NO_GATE=no_gate,
    )  # fmt: skip


def _pure_forward(gates, elapsed, decay, amplitude) -> list[mx.array]:
    inputs = [gates, elapsed.reshape(-1), _steps(elapsed), decay, amplitude]
    outputs = [(gates.shape, gates.dtype)]
    return launch.elementwise("cfc", "cfc_pure", inputs, outputs, size=gates.shape, T=gates.dtype)


def _pure_backward(g, gates, elapsed, decay, amplitude) -> list[mx.array]:
    """Gradients of the gates and, before their sums, of the elapsed time, the decay and the amplitude."""
    rows = (gates.shape, mx.float32)
    return launch.elementwise(
        "cfc", "cfc_pure_backward", [g, gates, elapsed.reshape(-1), _steps(elapsed), decay, amplitude],
        [(gates.shape, gates.dtype), rows, rows, rows], size=gates.shape, T=gates.dtype,
    )  # fmt: skip


def _summed(rows, inputs) -> list[mx.array]:
    """The gates' gradient, and the others summed to the shapes of their inputs."""
    return [rows[0], *(_summed_to(d, like) for d, like in zip(rows[1:], inputs[1:], strict=True))]


@functools.cache
def _gated(columns: int, no_gate: bool):
    def plain(gates, elapsed):
        return [reference(gates, None if columns == 3 else elapsed, no_gate)]

    return launch.differentiable(
        lambda gates, elapsed: _gated_forward(gates, elapsed, columns, no_gate),
        lambda g, inputs, _results: _summed(_gated_backward(*g, *inputs, columns, no_gate), inputs),
        plain,
    )


@functools.cache
def _pure():
    return launch.differentiable(
        _pure_forward,
        lambda g, inputs, _results: _summed(_pure_backward(*g, *inputs), inputs),
        lambda *inputs: [reference_pure(*inputs)],
    )


def fits(gates: mx.array, *parameters: mx.array) -> bool:
    """Whether the Metal kernels run for these arrays; ``elapsed`` may have any of Metal's floating dtypes."""
    return launch.fits(gates, *parameters)


def _columns(elapsed) -> int:
    return 3 if elapsed is None else 4


def _given(elapsed, gates) -> mx.array:
    return mx.ones((), dtype=gates.dtype) if elapsed is None else elapsed


def step(gates: mx.array, elapsed: mx.array | None, no_gate: bool = False) -> mx.array:
    """The new state of the gated modes (``default``, ``no_gate``)."""
    if not fits(gates) or (elapsed is not None and elapsed.dtype not in launch.DTYPES):
        return reference(gates, elapsed, no_gate)
    return _gated(_columns(elapsed), no_gate)(gates, _given(elapsed, gates))[0]


def step_backward(g, gates, elapsed, no_gate: bool = False) -> tuple[mx.array, mx.array]:
    """Gradients of ``gates`` and (B, H) of the elapsed time, where :func:`fits`: for callers with a rule of their own."""
    return tuple(_gated_backward(g, gates, _given(elapsed, gates), _columns(elapsed), no_gate))


def step_pure_backward(g, gates, elapsed, decay, amplitude) -> tuple[mx.array, mx.array, mx.array, mx.array]:
    """Gradients of the arguments of :func:`step_pure`, (B, H) each, where :func:`fits`."""
    return tuple(_pure_backward(g, gates, elapsed, decay, amplitude))


def step_pure(gates: mx.array, elapsed: mx.array, decay: mx.array, amplitude: mx.array) -> mx.array:
    """The new state of the pure mode."""
    if not fits(gates, decay, amplitude) or elapsed.dtype not in launch.DTYPES:
        return reference_pure(gates, elapsed, decay, amplitude)
    return _pure()(gates, elapsed, decay, amplitude)[0]

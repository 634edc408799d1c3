"""One step of an LSTM after its matrix products, in torch's gate order or that of ncps' mixed memory.

B sequences, H units. ``pre`` (B, 4H) are the gates before their activations: i f g o, or g i f o with 1 added to the
forget gate (``order="ncps"``).
"""

from __future__ import annotations

import functools

import mlx.core as mx

from .._core.numerics.elementary import sigmoid, tanh
from . import launch

# positions of i, f, g, o among the gates, and what is added to the forget gate
_ORDERS = {"torch": ((0, 1, 2, 3), 0.0), "ncps": ((1, 2, 0, 3), 1.0)}


def _in_order(parts, order: str) -> mx.array:
    """The parts i, f, g, o beside each other, each at its place."""
    places = _ORDERS[order][0]
    return mx.concatenate([parts[places.index(k)] for k in range(4)], axis=1)


def reference(pre: mx.array, cell: mx.array, order: str = "torch") -> tuple[mx.array, mx.array, mx.array]:
    """(h, c, activated gates) in mx operations."""
    places, offset = _ORDERS[order]
    wide, c = launch.widened(pre, cell)
    i, f, g, o = (mx.split(wide, 4, axis=1)[k] for k in places)
    i, f, g, o = sigmoid(i), sigmoid(f + offset), tanh(g), sigmoid(o)
    c = f * c + i * g
    out = (o * tanh(c), c, _in_order((i, f, g, o), order))
    return tuple(a.astype(pre.dtype) for a in out)


def reference_backward(
    d_hidden, d_new_cell, activated, cell, new_cell, order: str = "torch"
) -> tuple[mx.array, mx.array]:
    """(gradient of the gates before their activations, of the cell) in mx operations."""
    dh, dc, gates, c, new_c = launch.widened(d_hidden, d_new_cell, activated, cell, new_cell)
    i, f, g, o = (mx.split(gates, 4, axis=1)[k] for k in _ORDERS[order][0])
    squashed = tanh(new_c)
    dc = dc + dh * o * (1 - squashed * squashed)
    parts = (dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * squashed * o * (1 - o))
    return _in_order(parts, order).astype(activated.dtype), (dc * f).astype(activated.dtype)


def _launch(pre, cell, order: str) -> list[mx.array]:
    dtype = pre.dtype
    return launch.elementwise(
        "lstm", "lstm_step", [pre, cell], [(cell.shape, dtype), (cell.shape, dtype), (pre.shape, dtype)],
        size=cell.shape, T=dtype, NCPS=order == "ncps",
    )  # fmt: skip


def _launch_backward(d_hidden, d_new_cell, activated, cell, new_cell, order: str) -> list[mx.array]:
    dtype = activated.dtype
    return launch.elementwise(
        "lstm", "lstm_step_backward", [d_hidden, d_new_cell, activated, cell, new_cell],
        [(activated.shape, dtype), (cell.shape, dtype)], size=cell.shape, T=dtype, NCPS=order == "ncps",
    )  # fmt: skip


@functools.cache
def _fused(order: str):
    def backward(cotangents, inputs, results):
        return _launch_backward(*cotangents, results[2], inputs[1], results[1], order)

    def plain(pre, cell):
        return list(reference(pre, cell, order)[:2])

    return launch.differentiable(functools.partial(_launch, order=order), backward, plain, outputs=2)


def fits(pre: mx.array, cell: mx.array) -> bool:
    """Whether the Metal kernels run for these arrays."""
    return launch.fits(pre, cell)


def step(pre: mx.array, cell: mx.array, order: str = "torch") -> tuple[mx.array, mx.array, mx.array]:
    """(h, c, activated gates): the third is for :func:`step_backward` and carries no gradient of its own."""
    if fits(pre, cell):
        return tuple(_fused(order)(pre, cell))
    return reference(pre, cell, order)


def step_backward(d_hidden, d_new_cell, activated, cell, new_cell, order: str = "torch") -> tuple[mx.array, mx.array]:
    """Gradients of ``pre`` and ``cell`` from those of h and c; ``cell`` is the state before the step."""
    arrays = (d_hidden, d_new_cell, activated, cell, new_cell)
    if launch.fits(*arrays):
        return tuple(_launch_backward(*arrays, order))
    return reference_backward(*arrays, order)

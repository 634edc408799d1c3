"""One step of a GRU after its matrix products.

B sequences, H units. ``from_input`` and ``from_hidden`` (B, 3H) are the gates r z n before their activations, biases
included: the part of the input and that of the hidden state.
"""

from __future__ import annotations

import functools

import mlx.core as mx

from .._core.numerics.elementary import sigmoid, tanh
from . import launch


def reference(from_input: mx.array, from_hidden: mx.array, hidden: mx.array) -> tuple[mx.array, mx.array]:
    """(h, activated gates) in mx operations."""
    x, y, h = launch.widened(from_input, from_hidden, hidden)
    (xr, xz, xn), (yr, yz, yn) = mx.split(x, 3, axis=1), mx.split(y, 3, axis=1)
    r, z = sigmoid(xr + yr), sigmoid(xz + yz)
    n = tanh(xn + r * yn)
    return (n + z * (h - n)).astype(hidden.dtype), mx.concatenate([r, z, n], axis=1).astype(hidden.dtype)


def reference_backward(d_new_hidden, activated, from_hidden, hidden) -> tuple[mx.array, mx.array, mx.array]:
    """Gradients of ``from_input``, ``from_hidden`` and ``hidden`` in mx operations."""
    dh, gates, y, h = launch.widened(d_new_hidden, activated, from_hidden, hidden)
    r, z, n = mx.split(gates, 3, axis=1)
    dn = dh * (1 - z) * (1 - n * n)
    dr = dn * mx.split(y, 3, axis=1)[2] * r * (1 - r)
    dz = dh * (h - n) * z * (1 - z)
    out = (mx.concatenate([dr, dz, dn], axis=1), mx.concatenate([dr, dz, dn * r], axis=1), dh * z)
    return tuple(a.astype(hidden.dtype) for a in out)


def _launch(from_input, from_hidden, hidden) -> list[mx.array]:
    dtype = hidden.dtype
    return launch.elementwise(
        "gru", "gru_step", [from_input, from_hidden, hidden], [(hidden.shape, dtype), (from_input.shape, dtype)],
        size=hidden.shape, T=dtype,
    )  # fmt: skip


def _launch_backward(d_new_hidden, activated, from_hidden, hidden) -> list[mx.array]:
    dtype = hidden.dtype
    return launch.elementwise(
        "gru", "gru_step_backward", [d_new_hidden, activated, from_hidden, hidden],
        [(activated.shape, dtype), (activated.shape, dtype), (hidden.shape, dtype)], size=hidden.shape, T=dtype,
    )  # fmt: skip


@functools.cache
def _fused():
    def backward(cotangents, inputs, results):
        return _launch_backward(cotangents[0], results[1], inputs[1], inputs[2])

    return launch.differentiable(_launch, backward, lambda *inputs: [reference(*inputs)[0]])


def fits(from_input: mx.array, from_hidden: mx.array, hidden: mx.array) -> bool:
    """Whether the Metal kernels run for these arrays."""
    return launch.fits(from_input, from_hidden, hidden)


def step(from_input: mx.array, from_hidden: mx.array, hidden: mx.array) -> tuple[mx.array, mx.array]:
    """(h, activated gates): the second is for :func:`step_backward` and carries no gradient of its own."""
    arrays = (from_input, from_hidden, hidden)
    return tuple(_fused()(*arrays)) if fits(*arrays) else reference(*arrays)


def step_backward(d_new_hidden, activated, from_hidden, hidden) -> tuple[mx.array, mx.array, mx.array]:
    """Gradients of ``from_input``, ``from_hidden`` and ``hidden`` (its direct part) from that of the new hidden state."""
    arrays = (d_new_hidden, activated, from_hidden, hidden)
    return tuple(_launch_backward(*arrays)) if launch.fits(*arrays) else reference_backward(*arrays)

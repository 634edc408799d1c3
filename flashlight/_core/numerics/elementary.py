"""Elementary functions that keep float64: MLX's exp, sin, cos and sigmoid of doubles are computed in single precision.

Its expm1, tan and logarithms are exact, and the others follow from them. Derivatives are given, so any order of MLX's autodiff
is exact too.
"""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx


def differentiable(derivative: Callable) -> Callable:
    """Make a function of one array a unit for MLX's autodiff with ``derivative(x, output)``."""

    def declare(fn: Callable) -> Callable:
        unit = mx.custom_function(fn)

        @unit.vjp
        def _(x, g, output):
            return g * derivative(x, output)

        return unit

    return declare


def conj(a: mx.array) -> mx.array:
    """The conjugate of a complex array, a real array as it is: torch's gradients are conjugated."""
    return mx.conjugate(a) if a.dtype == mx.complex64 else a


@differentiable(lambda x, output: output)
def _exp64(x):
    # both halves avoid the cancellation of expm1 near -1
    e = 1 + mx.expm1(mx.abs(x))
    return mx.where(x < 0, 1 / e, e)


def exp(x: mx.array) -> mx.array:
    """The exponential."""
    return _exp64(x) if x.dtype == mx.float64 else mx.exp(x)


@differentiable(lambda x, _output: _cos64(x))
def _sin64(x):
    t = mx.tan(x / 2)
    return 2 * t / (1 + t * t)


@differentiable(lambda x, _output: -_sin64(x))
def _cos64(x):
    t = mx.tan(x / 2)
    return (1 - t) * (1 + t) / (1 + t * t)


def sin(x: mx.array) -> mx.array:
    """The sine."""
    return _sin64(x) if x.dtype == mx.float64 else mx.sin(x)


def cos(x: mx.array) -> mx.array:
    """The cosine."""
    return _cos64(x) if x.dtype == mx.float64 else mx.cos(x)


@differentiable(lambda _x, output: output * (1 - output))
def _sigmoid64(x):
    e = _exp64(-mx.abs(x))
    return mx.where(x < 0, e, 1) / (1 + e)


def sigmoid(x: mx.array) -> mx.array:
    """``1 / (1 + exp(-x))``."""
    if x.dtype == mx.complex64:
        return 1 / (1 + mx.exp(-x))
    return _sigmoid64(x) if x.dtype == mx.float64 else mx.sigmoid(x)


def signbit(a: mx.array) -> mx.array:
    """Whether the sign is negative, of zeros and nans as well."""
    if not mx.issubdtype(a.dtype, mx.floating):
        return a < 0 if mx.issubdtype(a.dtype, mx.signedinteger) else mx.zeros(a.shape, dtype=mx.bool_)
    return mx.view(a, _SAME_SIZE[a.itemsize]) < 0


_SAME_SIZE = {2: mx.int16, 4: mx.int32, 8: mx.int64}


def copysign(a: mx.array, sign: mx.array) -> mx.array:
    """``a`` with the signs of ``sign``."""
    size = mx.abs(a)
    return mx.where(signbit(sign), -size, size)

"""Elementary functions that keep float64: MLX computes exp, sin, cos, sigmoid and logaddexp of doubles in float32.

Its expm1, log1p and tan are exact, and the others follow from them. Derivatives are given, so that MLX's autodiff of
any order is exact too.
"""

from __future__ import annotations

from collections.abc import Callable

import mlx.core as mx


def differentiable(derivative: Callable) -> Callable:
    """Make a function of one array a unit of MLX's autodiff; halves are computed in float32.

    ``derivative(x, output)`` is its derivative.
    """

    def declare(fn: Callable) -> Callable:
        unit = mx.custom_function(fn)

        @unit.vjp
        def _(x, g, output):
            return g * derivative(x, output)

        def call(x):
            return unit(x.astype(mx.float32)).astype(x.dtype) if x.dtype in _HALVES else unit(x)

        call.__name__, call.__doc__ = fn.__name__, fn.__doc__
        return call

    return declare


_HALVES = (mx.float16, mx.bfloat16)


def conj(a: mx.array) -> mx.array:
    """The conjugate of a complex array, a real array as it is: torch's gradients are conjugated."""
    return mx.conjugate(a) if a.dtype == mx.complex64 else a


@differentiable(lambda _x, output: output)
def _exp64(x):
    # both halves avoid the cancellation of expm1 near -1
    e = 1 + mx.expm1(mx.abs(x))
    return mx.where(x < 0, 1 / e, e)


def exp(x: mx.array) -> mx.array:
    """The exponential."""
    return _exp64(x) if x.dtype == mx.float64 else mx.exp(x)


@differentiable(lambda _x, output: output + 1)
def _expm1_64(x):
    return mx.expm1(x)


def expm1(x: mx.array) -> mx.array:
    """``exp(x) - 1``, exact near 0."""
    if x.dtype == mx.complex64:
        # real part expm1(a) cos(b) - 2 sin(b / 2) ** 2, which does not cancel
        a, b = mx.real(x), mx.imag(x)
        half = mx.sin(b / 2)
        return mx.expm1(a) * mx.cos(b) - 2 * half * half + 1j * (mx.exp(a) * mx.sin(b))
    return _expm1_64(x) if x.dtype == mx.float64 else mx.expm1(x)


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
    return mx.where(x < 0, e, mx.array(1, x.dtype)) / (1 + e)


def sigmoid(x: mx.array) -> mx.array:
    """``1 / (1 + exp(-x))``."""
    if x.dtype == mx.complex64:
        return 1 / (1 + mx.exp(-x))
    return _sigmoid64(x) if x.dtype == mx.float64 else mx.sigmoid(x)


def logaddexp(a: mx.array, b: mx.array) -> mx.array:
    """``log(exp(a) + exp(b))`` without overflow."""
    if a.dtype != mx.float64:
        return mx.logaddexp(a, b)
    high, low = mx.maximum(a, b), mx.minimum(a, b)
    same = mx.isinf(high) | (high == low)
    gap = mx.where(same, mx.array(0, a.dtype), low - high)
    return mx.where(mx.isinf(high), high, high + mx.log1p(_exp64(gap)))


@mx.custom_function
def _complex_power(a, b):
    return mx.power(a, b)


@_complex_power.vjp
def _(operands, g, output):
    a, b = operands
    return g * conj(b * _complex_power(a, b - 1)), g * conj(output * mx.log(a))


def power(a: mx.array, b: mx.array) -> mx.array:
    """``a ** b``; MLX forgets to conjugate the gradient of complex powers."""
    return _complex_power(*mx.broadcast_arrays(a, b)) if a.dtype == mx.complex64 else mx.power(a, b)


@mx.custom_function
def _complex_sign(z):
    return mx.sign(z)


@_complex_sign.vjp
def _(z, g, output):
    size = mx.abs(z)
    zero = size == 0
    turned = (g - mx.real(g * conj(output)) * output) / mx.where(zero, mx.array(1, size.dtype), size)
    return mx.where(zero, mx.array(0, z.dtype), turned)


def sign(a: mx.array) -> mx.array:
    """-1, 0 or 1; ``a / abs(a)`` of complex numbers."""
    return _complex_sign(a) if a.dtype == mx.complex64 else mx.sign(a)


def log1p(x: mx.array) -> mx.array:
    """``log(1 + x)``, exact near 0."""
    return mx.log1p(x)


def tanh(x: mx.array) -> mx.array:
    """The hyperbolic tangent."""
    return mx.tanh(x)

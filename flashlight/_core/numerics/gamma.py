"""The gamma function's logarithm and its derivatives, the Hurwitz zeta function."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import mlx.core as mx

from . import fits
from .elementary import cos, differentiable, sin
from .series import chebyshev, constant, polynomial, safely


@functools.cache
def bernoulli(n: int) -> Fraction:
    """The Bernoulli number B_n."""
    if n == 0:
        return Fraction(1)
    return -sum((math.comb(n + 1, k) * bernoulli(k) for k in range(n)), Fraction(0)) / (n + 1)


def _sine_of_pi(x):
    """sin(pi x), from the distance to the nearest whole number."""
    near = mx.round(x)
    part = sin(math.pi * (x - near))
    return mx.where(near - 2 * mx.floor(near / 2) == 1, -part, part)


# ------------------------------------------------------------------------------------------------------------ log gamma
_STIRLING = tuple(float(bernoulli(2 * k) / (2 * k * (2 * k - 1))) for k in range(1, 11))
_STIRLING_EDGE = 8


def _lgamma_right(x):
    """log(gamma(x)) for x > 0: a fit on [2, 3], recurrence below 8, Stirling's series beyond."""
    large = x >= _STIRLING_EDGE
    far = safely(large, x, 10.0)
    stirling = (far - 0.5) * (mx.log(far) - 1) + (math.log(2 * math.pi) / 2 - 0.5)
    stirling = stirling + polynomial(1 / (far * far), _STIRLING) / far
    y = safely(~large, x, 2.5)
    up = mx.maximum(constant(0, y), 2 - mx.floor(y))  # 2, 1 or 0 steps up to reach [2, 3)
    factor = mx.where(up == 2, y * (y + 1), mx.where(up == 1, y, constant(1, y)))
    down = constant(1, y)
    z = y + up
    for _ in range(_STIRLING_EDGE - 3):
        above = z >= 3
        z = mx.where(above, z - 1, z)
        down = mx.where(above, down * z, down)
    near = (z - 2) * chebyshev(2 * z - 5, fits.LGAMMA) + mx.log(down) - mx.log(factor)
    return mx.where(large, mx.where(mx.isinf(far), constant(math.inf, x), stirling), near)


@differentiable(lambda x, _output: digamma(x))
def lgamma(x):
    """log(abs(gamma(x)))."""
    left = x < 0.5
    right = _lgamma_right(safely(~left, x, 1.0))
    y = safely(left & ~mx.isinf(x), x, 0.25)
    # gamma(x) gamma(1 - x) = pi / sin(pi x); close to 0, 1 - x loses x, and gamma(x) = gamma(1 + x) / x
    tiny = mx.abs(y) < 0.25
    mirrored = math.log(math.pi) - mx.log(mx.abs(_sine_of_pi(y))) - _lgamma_right(safely(~tiny, 1 - y, 1.0))
    close = _lgamma_right(safely(tiny, 1 + y, 1.0)) - mx.log(mx.abs(y))
    value = mx.where(left, mx.where(tiny, close, mirrored), right)
    return mx.where(mx.isinf(x) | (left & (x == mx.floor(x))), constant(math.inf, x), value)


# -------------------------------------------------------------------------------------------------------------- digamma
_DIGAMMA = tuple(float(bernoulli(2 * k) / (2 * k)) for k in range(1, 11))


def _digamma_right(x):
    """The derivative of log(gamma(x)) for x > 0: the asymptotic series beyond 8, recurrence below."""
    small = x < _STIRLING_EDGE
    far = mx.where(small, x + _STIRLING_EDGE, x)
    inverse = 1 / far
    series = mx.log(far) - inverse / 2 - inverse * inverse * polynomial(inverse * inverse, _DIGAMMA)
    near = safely(small, x, 1.0)
    steps = sum((1 / (near + k) for k in range(1, _STIRLING_EDGE)), 1 / near)
    return mx.where(small, series - steps, series)


@differentiable(lambda x, _output: polygamma(1, x))
def digamma(x):
    """The derivative of lgamma."""
    left = x < 0
    right = _digamma_right(safely(~left, x, 1.0))
    y = safely(left & ~mx.isinf(x), x, -0.5)
    rest = y - mx.round(y)
    pole = left & (rest == 0) | (x == -math.inf)
    turn = math.pi * safely(~pole, rest, 0.25)
    mirrored = _digamma_right(1 - y) - math.pi * cos(turn) / sin(turn)
    value = mx.where(left, mirrored, right)
    value = mx.where(pole, constant(math.nan, x), value)
    value = mx.where(x == math.inf, x, value)
    return mx.where(x == 0, -1 / x, value)


# ------------------------------------------------------------------------------------------- Hurwitz zeta and polygamma
_DIRECT = 10  # terms summed one by one before the Euler-Maclaurin formula takes over
_EULER = tuple(float(bernoulli(2 * k) / math.factorial(2 * k)) for k in range(1, 13))


def zeta_tail(s, q):
    """sum over k >= 0 of (q + k) ** -s for q of at least about 10, by the Euler-Maclaurin formula."""
    total = q ** (1 - s) / (s - 1) + q**-s / 2
    rising, power = s, q ** (-s - 1)
    for k, c in enumerate(_EULER):
        total = total + c * rising * power
        rising = rising * (s + 2 * k + 1) * (s + 2 * k + 2)
        power = power / (q * q)
    return total


def _zeta_right(s: int, q):
    """zeta(s, q) for a whole number s > 1 and q > 0."""
    tail = zeta_tail(s, mx.where(q < _DIRECT, q + _DIRECT, q))
    near = safely(q < _DIRECT, q, 1.0)
    steps = sum((_inverse_power(near + k, s) for k in range(1, _DIRECT)), _inverse_power(near, s))
    return mx.where(q < _DIRECT, tail + steps, tail)


def _inverse_power(x, s: int):
    return mx.power(x, constant(-s, x))


@functools.cache
def _cotangent_derivative(n: int) -> tuple:
    """The n-th derivative of cot as a polynomial of cot, coefficients from the constant up."""
    if n == 0:
        return (0, 1)
    p = _cotangent_derivative(n - 1)
    slope = [k * c for k, c in enumerate(p)][1:]
    out = [0] * (len(slope) + 2)
    for k, c in enumerate(slope):
        out[k] -= c
        out[k + 2] -= c
    return tuple(out)


def polygamma(n: int, x: mx.array) -> mx.array:
    """The n-th derivative of digamma."""
    return digamma(x) if n == 0 else _polygamma(n)(x)


@functools.cache
def _polygamma(n: int):
    factor = (-1.0) ** (n + 1) * float(math.factorial(n)) if n < 171 else math.inf

    @differentiable(lambda x, _output: polygamma(n + 1, x))
    def evaluate(x):
        left = x < 0.5
        right = factor * _zeta_right(n + 1, safely(~left, x, 1.0))
        y = safely(left & ~mx.isinf(x), x, 0.25)
        rest = y - mx.round(y)
        pole = left & (rest == 0)
        turn = math.pi * safely(~pole, rest, 0.25)
        # (-1)^n psi_n(1 - x) - psi_n(x) = pi d^n/dx^n cot(pi x)
        cot = cos(turn) / sin(turn)
        bend = math.pi ** (n + 1) * polynomial(cot, _cotangent_derivative(n))
        mirrored = (-1.0) ** n * factor * _zeta_right(n + 1, 1 - y) - bend
        mirrored = mx.where(pole, constant(math.copysign(math.inf, factor), x), mirrored)
        return mx.where(left, mirrored, right)

    return evaluate

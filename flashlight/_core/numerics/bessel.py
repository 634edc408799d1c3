"""Bessel functions of order 0 and 1, plain, modified and spherical, and Airy's function.

Chebyshev series on either side of a boundary: of the function itself, or of what remains when its asymptotic form is
divided out (Abramowitz and Stegun 9.2, 9.7, 10.4).
"""

from __future__ import annotations

import math

import mlx.core as mx

from . import fits
from .elementary import cos, differentiable, exp, sin
from .series import chebyshev, constant, polynomial, safely

_TWO_OVER_PI = 2 / math.pi
_ROOT_HALF = math.sqrt(0.5)


def _split(x, edge: float):
    """(whether x <= edge, x in the left part, x in the right part); values of the other part are harmless."""
    left = x <= edge
    return left, safely(left, x, edge / 2), safely(~left & ~mx.isinf(x), x, 2 * edge)


# ---------------------------------------------------------------------------------------------- modified, first kind: I
def _scaled_i(x, small, large):
    """A fit of exp(-x) I(x) for x >= 0."""
    left, near, far = _split(x, 8.0)
    value = mx.where(left, chebyshev(near / 4 - 1, small), chebyshev(16 / far - 1, large) / mx.sqrt(far))
    return mx.where(mx.isinf(x), constant(0, x), value)


@differentiable(lambda x, output: i1e(x) - mx.sign(x) * output)
def i0e(x):
    """exp(-abs(x)) I0(x)."""
    return _scaled_i(mx.abs(x), fits.I0E_SMALL, fits.I0E_LARGE)


@differentiable(lambda x, output: _slope_of_i1e(x, output))
def i1e(x):
    """exp(-abs(x)) I1(x)."""
    size = mx.abs(x)
    left, near, far = _split(size, 8.0)
    small, large = (
        near * chebyshev(near / 4 - 1, fits.I1E_SMALL),
        chebyshev(16 / far - 1, fits.I1E_LARGE) / mx.sqrt(far),
    )
    value = mx.where(mx.isinf(size), constant(0, x), mx.where(left, small, large))
    return mx.where(x < 0, -value, value)


def _slope_of_i1e(x, output):
    zero = x == 0
    return mx.where(zero, constant(0.5, x), i0e(x) - output * (mx.sign(x) + 1 / safely(~zero, x, 1.0)))


@differentiable(lambda x, _output: i1(x))
def i0(x):
    """I0(x)."""
    return _grown(i0e(x), x)


@differentiable(lambda x, output: _slope_of_i1(x, output))
def i1(x):
    """I1(x)."""
    return _grown(i1e(x), x)


def _slope_of_i1(x, output):
    zero = x == 0
    return mx.where(zero, constant(0.5, x), i0(x) - output / safely(~zero, x, 1.0))


def _grown(scaled, x):
    # half of the exponential at a time: exp alone overflows a little before the product does
    half = exp(mx.abs(x) / 2)
    return scaled * half * half


# --------------------------------------------------------------------------------------------- modified, second kind: K
def k0e(x):
    """exp(x) K0(x)."""
    left, near, far = _split(x, 2.0)
    small = exp(near) * (chebyshev(near * near / 2 - 1, fits.K0_SMALL) - mx.log(near / 2) * i0(near))
    return _k_edges(x, mx.where(left, small, chebyshev(4 / far - 1, fits.K0_LARGE) / mx.sqrt(far)))


def k1e(x):
    """exp(x) K1(x)."""
    left, near, far = _split(x, 2.0)
    small = exp(near) * (chebyshev(near * near / 2 - 1, fits.K1_SMALL) / near + mx.log(near / 2) * i1(near))
    return _k_edges(x, mx.where(left, small, chebyshev(4 / far - 1, fits.K1_LARGE) / mx.sqrt(far)))


def k0(x):
    """K0(x)."""
    return _k_edges(x, k0e(x) * exp(-x))


def k1(x):
    """K1(x)."""
    return _k_edges(x, k1e(x) * exp(-x))


def _k_edges(x, value):
    value = mx.where(x == math.inf, constant(0, x), value)
    return mx.where(x == 0, constant(math.inf, x), mx.where(x < 0, constant(math.nan, x), value))


# ------------------------------------------------------------------------------------------------------- plain: J and Y
def _waves(x, p, q, order: int):
    """(J, Y) beyond 8: sqrt(2 / (pi x)) times a turned (P, Q)."""
    z = 8 / x
    t = 2 * z * z - 1
    first, second = chebyshev(t, p), z * chebyshev(t, q)
    # the phase x - pi/4 (or 3 pi/4) by the sum formulas: subtracting it would lose digits of a large x
    c, s = cos(x), sin(x)
    c, s = ((c + s) * _ROOT_HALF, (s - c) * _ROOT_HALF) if order == 0 else ((s - c) * _ROOT_HALF, -(s + c) * _ROOT_HALF)
    size = mx.sqrt(_TWO_OVER_PI / x)
    return size * (first * c - second * s), size * (first * s + second * c)


def j0(x):
    """J0(x)."""
    size = mx.abs(x)
    left, near, far = _split(size, 8.0)
    value = mx.where(
        left, chebyshev(near * near / 32 - 1, fits.J0_SMALL), _waves(far, fits.P0_LARGE, fits.Q0_LARGE, 0)[0]
    )
    return _calm(value, size)


def j1(x):
    """J1(x)."""
    size = mx.abs(x)
    left, near, far = _split(size, 8.0)
    small = near * chebyshev(near * near / 32 - 1, fits.J1_SMALL)
    value = _calm(mx.where(left, small, _waves(far, fits.P1_LARGE, fits.Q1_LARGE, 1)[0]), size)
    return mx.where(x < 0, -value, value)


def y0(x):
    """Y0(x)."""
    left, near, far = _split(x, 8.0)
    small = chebyshev(near * near / 32 - 1, fits.Y0_SMALL) + _TWO_OVER_PI * mx.log(near) * j0(near)
    return _y_edges(x, mx.where(left, small, _waves(far, fits.P0_LARGE, fits.Q0_LARGE, 0)[1]))


def y1(x):
    """Y1(x)."""
    left, near, far = _split(x, 8.0)
    small = near * chebyshev(near * near / 32 - 1, fits.Y1_SMALL)
    small = small + _TWO_OVER_PI * (mx.log(near) * j1(near) - 1 / near)
    return _y_edges(x, mx.where(left, small, _waves(far, fits.P1_LARGE, fits.Q1_LARGE, 1)[1]))


def _calm(value, size):
    # torch's kernels take the cosine of infinity
    return mx.where(mx.isinf(size), constant(math.nan, value), value)


def _y_edges(x, value):
    value = _calm(value, mx.abs(x))
    return mx.where(x == 0, constant(-math.inf, x), mx.where(x < 0, constant(math.nan, x), value))


def spherical_j0(x):
    """sin(x) / x."""
    near = mx.abs(x) < 0.5
    square = safely(near, x, 0.0) * safely(near, x, 0.0)
    series = polynomial(square, tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(8)))
    safe = safely(~near & ~mx.isinf(x), x, 1.0)
    return mx.where(near, series, mx.where(mx.isinf(x), constant(0, x), sin(safe) / safe))


# ----------------------------------------------------------------------------------------------------------------- Airy
def _phase(x):
    return x * mx.sqrt(x) * (2 / 3)


_PHASE_2, _PHASE_5 = 2**1.5 * 2 / 3, 5**1.5 * 2 / 3


def airy_ai(x):
    """Airy's function Ai(x)."""
    right, left = x > 2, x < -5
    high = safely(right & (x < 110), x, 3.0)
    s = _phase(high)
    decay = exp(-s) / (2 * math.sqrt(math.pi) * mx.sqrt(mx.sqrt(high)))
    value = mx.where(right, decay * chebyshev(2 * _PHASE_2 / s - 1, fits.AIRY_POSITIVE), constant(0, x))
    value = mx.where(right & (x > 103.892), constant(0, x), value)  # where the value leaves double precision's range
    low = safely(left & ~mx.isinf(x), -x, 6.0)
    s = _phase(low)
    ratio = _PHASE_5 / s
    t = 2 * ratio * ratio - 1
    c, r = cos(s), sin(s)
    turned = (
        (r + c) * chebyshev(t, fits.AIRY_NEGATIVE_P) - (c - r) * ratio * chebyshev(t, fits.AIRY_NEGATIVE_Q)
    ) * _ROOT_HALF
    value = mx.where(left, turned / (math.sqrt(math.pi) * mx.sqrt(mx.sqrt(low))), value)
    middle = ~(right | left)
    inner = chebyshev((2 * safely(middle, x, 0.0) + 3) / 7, fits.AIRY_CENTRE)
    value = mx.where(middle, inner, value)
    return mx.where(mx.isnan(x) | mx.isinf(x), constant(math.nan, x), value)

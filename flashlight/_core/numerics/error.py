"""The error function, its relatives and their inverses."""

from __future__ import annotations

import math

import mlx.core as mx

from . import fits
from .elementary import differentiable, exp
from .series import chebyshev, constant, polynomial, safely

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
_ROOT_HALF = math.sqrt(0.5)
# erf(x) = x sum (-1)^n x^2n 2 / (sqrt(pi) n! (2n + 1)), enough for |x| <= 1
_ERF = tuple((-1) ** n * _TWO_OVER_ROOT_PI / (math.factorial(n) * (2 * n + 1)) for n in range(19))


def _gauss(x):
    """``exp(-x * x)``, the square split so that its rounding does not show."""
    x = mx.clip(x, constant(-40, x), constant(40, x))
    coarse = mx.trunc(x * 16) / 16
    return exp(-coarse * coarse) * exp(-(x - coarse) * (x + coarse))


def _erfcx_right(x):
    """erfcx for x >= 0, by Shepherd and Laframboise's variable."""
    far = mx.isinf(x)
    x = safely(~far, x, 0.0)
    value = chebyshev((x - 3.75) / (x + 3.75), fits.ERFCX) / (1 + 2 * x)
    return safely(~far, value, 0.0)


def _erf_near(x):
    return x * polynomial(x * x, _ERF[:11] if x.dtype == mx.float32 else _ERF)


@differentiable(lambda x, _output: _TWO_OVER_ROOT_PI * _gauss(x))
def erf(x):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    near = mx.abs(x) < 1
    if x.dtype == mx.float32:
        far = mx.erf(x)
    else:
        size = mx.abs(x)
        far = mx.sign(x) * (1 - _gauss(size) * _erfcx_right(size))
    return mx.where(near, _erf_near(safely(near, x, 0.0)), far)


@differentiable(lambda x, _output: -_TWO_OVER_ROOT_PI * _gauss(x))
def erfc(x):
    """1 - erf(x), exact for large x."""
    size = mx.abs(x)
    tail = _gauss(size) * _erfcx_right(size)
    far = mx.where(x < 0, 2 - tail, tail)
    near = size < 0.5
    return mx.where(near, 1 - _erf_near(safely(near, x, 0.0)), far)


@differentiable(lambda x, output: 2 * x * output - _TWO_OVER_ROOT_PI)
def erfcx(x):
    """exp(x^2) erfc(x), which does not underflow."""
    size = mx.abs(x)
    right = _erfcx_right(size)
    left = x < 0
    safe = safely(left, size, 0.0)
    high = mx.trunc(safe * 16) / 16
    grown = exp(high * high) * exp((safe - high) * (safe + high))
    grown = safely(safe < 30, grown, math.inf)
    return mx.where(left, 2 * grown - right, right)


def _erfinv_of(x, w):
    """erfinv(x) where w = -log(1 - x^2), from fits of erfinv(x) / x."""
    root = mx.sqrt(w)
    ratio = chebyshev(mx.clip(w / 3.125 - 1, -1, 1), fits.ERFINV_CENTRE)
    for low, high, fit in ((2.5, 4, fits.ERFINV_MIDDLE), (4, 8, fits.ERFINV_TAIL), (8, 28, fits.ERFINV_END)):
        t = mx.clip((2 * root - (low + high)) / (high - low), -1, 1)
        ratio = mx.where(root >= low, chebyshev(t, fit), ratio)
    return x * ratio


@differentiable(lambda _x, output: exp(output * output) / _TWO_OVER_ROOT_PI)
def _erfinv64(x):
    inside = mx.abs(x) < 1
    safe = safely(inside, x, 0.0)
    size = mx.abs(safe)
    value = _erfinv_of(safe, -(mx.log1p(-size) + mx.log1p(size)))
    edge = mx.where(mx.abs(x) == 1, x * math.inf, constant(math.nan, x))
    return mx.where(inside, value, edge)


@differentiable(lambda _x, output: exp(output * output) / _TWO_OVER_ROOT_PI)
def _erfinv32(x):
    return mx.erfinv(x)


def erfinv(x):
    """The inverse of erf."""
    return _erfinv64(x) if x.dtype == mx.float64 else _erfinv32(x)


# -------------------------------------------------------------------------------------------------- normal distribution
def _density(x):
    return _gauss(x * _ROOT_HALF) / math.sqrt(2 * math.pi)


@differentiable(lambda x, _output: _density(x))
def ndtr(x):
    """The distribution function of the normal distribution."""
    return erfc(-x * _ROOT_HALF) / 2


@differentiable(lambda x, _output: _slope_of_log_ndtr(x))
def log_ndtr(x):
    """The logarithm of ndtr, exact in both tails."""
    t = x * _ROOT_HALF
    left = x < -1
    low = mx.log(erfcx(-safely(left, t, -1.0)) / 2) - t * t
    high = mx.log1p(-erfc(safely(~left, t, 0.0)) / 2)
    return mx.where(left, low, high)


def _slope_of_log_ndtr(x):
    left = x < -1
    low = math.sqrt(2 / math.pi) / erfcx(-safely(left, x, -1.0) * _ROOT_HALF)
    return mx.where(left, low, _density(x) / ndtr(safely(~left, x, 0.0)))


@differentiable(lambda _x, output: math.sqrt(2 * math.pi) * exp(output * output / 2))
def ndtri(p):
    """The inverse of ndtr."""
    inside = (p > 0) & (p < 1)
    safe = safely(inside, p, 0.5)
    w = -(mx.log(4 * safe) + mx.log1p(-safe))
    # 1 - x^2 = 4 p (1 - p); near a half its logarithm is that of 1 - x^2 itself
    x = 2 * safe - 1
    w = mx.where(mx.abs(x) < 0.5, -mx.log1p(-x * x), w)
    value = math.sqrt(2) * _erfinv_of(x, mx.maximum(w, 0))
    edge = mx.where(p == 0, constant(-math.inf, p), mx.where(p == 1, constant(math.inf, p), constant(math.nan, p)))
    return mx.where(inside, value, edge)

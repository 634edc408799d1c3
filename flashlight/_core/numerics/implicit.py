"""How gamma and beta variates move with their shape parameters: implicit reparametrisation gradients.

A variate x of distribution function F(x; a) with F held fixed moves by dx/da = -(dF/da) / (dF/dx). The functions F are
series of positive terms whose derivatives in the parameter are the same series with weights, so both are summed at once.
"""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .gamma import digamma
from .host import _exactly, on_host

_EPS = np.finfo(np.float64).eps
_LARGE = 1e5  # shapes from here on have gradients of one closed term, exact to 1 / shape
_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(64)


def _weighted_sum(ratio, weight, step):
    """sum over n of c_n w_n, with c_0 = 1, c_n = c_{n-1} ratio(n), w_0 = weight, w_n = w_{n-1} + step(n)."""
    term, total, n = np.ones_like(weight), weight.copy(), 0
    while True:
        n += 1
        factor = ratio(n)
        term = term * factor
        weight = weight + step(n)
        total = total + term * weight
        if not np.any((term * np.abs(weight) > _EPS * np.abs(total)) | (factor > 1)):
            return total


def _gamma_series(a, x):
    """P(a, x) = x^a exp(-x) sum x^n / gamma(a + n + 1)."""
    weight = np.log(x) - _exactly(digamma, a + 1)
    return -x / a * _weighted_sum(lambda n: x / (a + n), weight, lambda n: -1 / (a + n))


def _gamma_tail(a, x):
    """The integral of the upper tail, exp(-s) (1 + s / x)^(a - 1) (log(x + s) - digamma(a)) over s, by Laguerre's rule."""
    rate = 1 - (a - 1) / x  # the integrand's decay at its start
    s = _NODES / rate[:, None]
    log_ratio = np.log1p(s / x[:, None])
    height = np.exp((a - 1)[:, None] * log_ratio - s + _NODES)
    slope = log_ratio + (np.log(x) - _exactly(digamma, a))[:, None]
    return (height * slope) @ _WEIGHTS / rate


def _gamma(a, x):
    out = np.full(a.shape, np.nan)
    sound = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    large = sound & (a > _LARGE)
    tail = sound & ~large & (x > a + 10 * np.sqrt(a) + 20)
    body = sound & ~large & ~tail
    out[(a > 0) & (x == 0)] = 0.0
    excess = x[large] / a[large] - 1
    near = np.where(excess == 0, 1.0, excess)
    out[large] = np.where(excess == 0, 1.0, (1 + near) * np.log1p(near) / near)
    if tail.any():
        out[tail] = _gamma_tail(a[tail], x[tail])
    if body.any():
        out[body] = _gamma_series(a[body], x[body])
    return out


def _beta_below(x, a, b):
    """From I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) sum (a + b)_n / (a + 1)_n x^n."""
    total = a + b
    weight = np.log(x) + _exactly(digamma, total) - _exactly(digamma, a + 1)
    series = _weighted_sum(lambda n: x * (total + n - 1) / (a + n), weight, lambda n: 1 / (total + n - 1) - 1 / (a + n))
    return -x * (1 - x) / a * series


def _beta_above(x, a, b):
    """From 1 - I_y(b, a) with y = 1 - x, in the second parameter."""
    total, y = a + b, 1 - x
    weight = np.log1p(-y) + _exactly(digamma, total) - _exactly(digamma, a)
    series = _weighted_sum(lambda n: y * (total + n - 1) / (b + n), weight, lambda n: 1 / (total + n - 1))
    return x * y / b * series


def _beta(x, a, total):
    """dx/da of beta variates with parameters (a, total - a), the second held fixed."""
    out = np.full(x.shape, np.nan)
    b = total - a
    sound = (a > 0) & (b > 0) & (x > 0) & (x < 1) & np.isfinite(total)
    out[(a > 0) & (b > 0) & ((x == 0) | (x == 1))] = 0.0
    # the side whose series is of few terms: below the mean from 0, but not close to 1
    below = sound & ((x < 0.1) | (x < 0.9) & (x < a / np.where(sound, total, 1.0)))
    above = sound & ~below
    if below.any():
        out[below] = _beta_below(x[below], a[below], b[below])
    if above.any():
        out[above] = _beta_above(x[above], a[above], b[above])
    return out


def _dirichlet(x, a, total):
    # a share drawn from what the others leave: the gradient before it is spread over them
    at_end = x >= 1
    return np.where(at_end, 0.0, _beta(x, a, total) / np.where(at_end, 1.0, 1 - x))


def _undifferentiable(name: str, fn):
    """A host function of arrays whose own derivative raises."""

    @mx.custom_function
    def of_arrays(*arrays):
        return on_host(fn, *arrays)

    @of_arrays.vjp
    def _(_arrays, _g, _output):
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return of_arrays


standard_gamma_grad = _undifferentiable("_standard_gamma_grad", _gamma)
dirichlet_grad = _undifferentiable("_dirichlet_grad", _dirichlet)

"""Functions whose loops end when the values say so: computed in float64 by numpy on the host."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .. import dtypes, lazy
from ..conversion import from_host, to_numpy
from ..device import cpu_stream
from ..errors import NeedsValues
from .error import erfc
from .gamma import lgamma, zeta_tail


def on_host(fn, *arrays: mx.array) -> mx.array:
    """``fn`` of numpy float64 arrays, broadcast, as an array of the first operand's dtype."""
    require_values()
    values = np.broadcast_arrays(*(to_numpy(a).astype(np.float64) for a in arrays))
    with np.errstate(all="ignore"):
        result = fn(*values)
    kind = dtypes.from_mlx(arrays[0].dtype).numpy
    return from_host(np.asarray(result, kind or np.float32)).astype(arrays[0].dtype)


def require_values() -> None:
    """Raise if arrays are being traced and have no values."""
    if lazy.is_paused():
        raise NeedsValues("this function is computed on the host and can not be traced (compile, vmap, grad)")


def _exactly(fn, a: np.ndarray) -> np.ndarray:
    """A numeric function of this package on float64 host data."""
    with cpu_stream():
        return to_numpy(fn(from_host(np.ascontiguousarray(a))))


# ------------------------------------------------------------------------------------------- incomplete gamma functions
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
# Temme's expansion, the coefficients of powers of eta in its first three orders (DLMF 8.12.10)
_TEMME = (
    (-1 / 3, 1 / 12, -2 / 135, 1 / 864, 1 / 2835, -139 / 777600),
    (-1 / 540, -1 / 288, 25 / 12096, -223 / 1088640),
    (25 / 6048, -139 / 51840),
)
_UNIFORM = 1e5  # from here on the expansion is exact enough and the series too long


def _excess(mu):
    """mu - log(1 + mu), without cancellation near 0."""
    small = np.abs(mu) < 0.1
    m = np.where(small, mu, 0.0)
    total = np.zeros_like(m)
    for k in range(18, 1, -1):
        total = (-1) ** k / k + m * total
    return np.where(small, m * m * total, mu - np.log1p(mu))


def _front(a, x):
    """x^a exp(-x) / gamma(a + 1)."""
    direct = np.exp(a * np.log(x) - x - _exactly(lgamma, a + 1))
    large = np.maximum(a, 10.0)
    inverse = 1 / large
    correction = sum(c * inverse ** (2 * k + 1) for k, c in enumerate(_STIRLING))
    far = np.exp(-large * _excess((x - large) / large) - correction) / np.sqrt(2 * np.pi * large)
    return np.where(a < 10, direct, far)


def _lower_series(a, x):
    """P(a, x) by its power series, good for x < a + 1."""
    term = np.ones_like(x)
    total, n = term.copy(), 0
    while np.any(term > total * 1e-17):
        n += 1
        term = term * x / (a + n)
        total += term
    return total * _front(a, x)


def _upper_fraction(a, x):
    """Q(a, x) by its continued fraction (modified Lentz), good for x > a + 1."""
    b = x + 1 - a
    c, d = np.full_like(x, 1e300), 1 / b
    h, n, active = d.copy(), 0, np.ones(x.shape, bool)
    while np.any(active):
        n += 1
        an = n * (a - n)
        b = b + 2
        d = 1 / _no_zero(an * d + b)
        c = _no_zero(b + an / c)
        step = d * c
        h = np.where(active, h * step, h)
        active &= np.abs(step - 1) > 1e-16
        active &= n < 100_000
    return h * _front(a, x) * a


def _no_zero(v):
    return np.where(np.abs(v) < 1e-300, 1e-300, v)


def _uniform(a, x):
    """(P, Q) for large a by Temme's uniform expansion."""
    mu = (x - a) / a
    excess = _excess(mu)
    eta = np.sign(mu) * np.sqrt(2 * excess)
    near = np.clip(eta, -0.1, 0.1)
    order = (sum(c * near**k for k, c in enumerate(row)) / a**i for i, row in enumerate(_TEMME))
    rest = np.exp(-a * excess) / np.sqrt(2 * np.pi * a) * sum(order)
    reach = eta * np.sqrt(a / 2)
    return _exactly(erfc, -reach) / 2 - rest, _exactly(erfc, reach) / 2 + rest


def _incomplete(a, x):
    """(P, Q) for a > 0 and x > 0, both finite."""
    lower, upper = np.empty_like(x), np.empty_like(x)
    large = a > _UNIFORM
    below = ~large & (x < a + 1)
    above = ~large & ~below
    if large.any():
        lower[large], upper[large] = _uniform(a[large], x[large])
    if below.any():
        lower[below] = _lower_series(a[below], x[below])
        upper[below] = 1 - lower[below]
    if above.any():
        upper[above] = _upper_fraction(a[above], x[above])
        lower[above] = 1 - upper[above]
    return lower, upper


def _regularized(upper: bool):
    def evaluate(a, x):
        out = np.full(x.shape, np.nan)
        sound = (a >= 0) & (x >= 0)
        # the limits as torch has them: P is 1 beyond everything, 0 at the start
        one = sound & ((a == 0) & (x > 0) | np.isinf(x) & np.isfinite(a))
        none = sound & ((x == 0) & (a > 0) | np.isinf(a) & np.isfinite(x))
        out[one], out[none] = (0.0, 1.0) if upper else (1.0, 0.0)
        rest = sound & ~one & ~none & (a > 0) & np.isfinite(a) & np.isfinite(x)
        out[rest] = _incomplete(a[rest], x[rest])[int(upper)]
        return out

    return evaluate


gammainc, gammaincc = _regularized(False), _regularized(True)


# --------------------------------------------------------------------------------------------------------- Hurwitz zeta
def zeta(s, q):
    """sum over k >= 0 of (q + k) ** -s; negative q that are not whole need a whole s."""
    out = np.full(s.shape, np.nan)
    out[s == 1] = np.inf
    poles = (s > 1) & (q <= 0) & (q == np.floor(q))
    out[poles] = np.inf
    sound = (s > 1) & ~poles & ((q > 0) | (s == np.floor(s))) & np.isfinite(q)
    if sound.any():
        out[sound] = _zeta_sum(s[sound], q[sound])
    return out


def _zeta_sum(s, q):
    total = np.zeros_like(q)
    while np.any(low := q < 10):
        total += np.where(low, np.where(low, q, 1.0) ** -s, 0.0)
        q = np.where(low, q + 1, q)
    return total + zeta_tail(s, q)


@mx.custom_function
def _zeta(s, q):
    return on_host(zeta, s, q)


@_zeta.vjp
def _(arrays, g, _output):
    s, q = arrays
    return mx.zeros_like(s), -g * s * _zeta(s + 1, q)


def differentiable_zeta(s: mx.array, q: mx.array) -> mx.array:
    """``zeta`` on arrays, with its derivative by ``q``."""
    return _zeta(*mx.broadcast_arrays(s, q))


# ----------------------------------------------------------------------------------------------- orthogonal polynomials
def _recurrence(first, second, step):
    """A family by ``p[k + 1] = step(k, x, p[k], p[k - 1])``; 0 for negative degrees."""

    def evaluate(x, n):
        n = np.trunc(n)
        before, last = np.ones_like(x) * first, second(x)
        out = np.where(n == 0, before, np.where(n == 1, last, 0.0))
        for k in range(1, int(np.max(n, initial=0))):
            before, last = last, step(k, x, last, before)
            out = np.where(n == k + 1, last, out)
        return out

    return evaluate


def _chebyshev(second, inside):
    """A Chebyshev family: by its trigonometric form for high degrees inside (-1, 1), which needs no loop."""
    loop = _recurrence(1.0, second, lambda _k, x, p, q: 2 * x * p - q)

    def evaluate(x, n):
        n = np.trunc(n)
        high = (n > 6) & (np.abs(x) < 1)
        angle = np.arccos(np.where(high, x, 0.0))
        return np.where(high, inside(n, angle), loop(x, np.where(high, 0.0, n)))

    return evaluate


def _shifted(family):
    return lambda x, n: family(2 * x - 1, n)


def _ratio(up, down, limit):
    return np.where(down == 0, limit, up / np.where(down == 0, 1.0, down))


chebyshev_polynomial_t = _chebyshev(lambda x: x, lambda n, a: np.cos(n * a))
chebyshev_polynomial_u = _chebyshev(lambda x: 2 * x, lambda n, a: _ratio(np.sin((n + 1) * a), np.sin(a), n + 1))
chebyshev_polynomial_v = _chebyshev(
    lambda x: 2 * x - 1, lambda n, a: _ratio(np.cos((n + 0.5) * a), np.cos(a / 2), 2 * n + 1)
)
chebyshev_polynomial_w = _chebyshev(
    lambda x: 2 * x + 1, lambda n, a: _ratio(np.sin((n + 0.5) * a), np.sin(a / 2), 2 * n + 1)
)
shifted_chebyshev_polynomial_t = _shifted(chebyshev_polynomial_t)
shifted_chebyshev_polynomial_u = _shifted(chebyshev_polynomial_u)
shifted_chebyshev_polynomial_v = _shifted(chebyshev_polynomial_v)
shifted_chebyshev_polynomial_w = _shifted(chebyshev_polynomial_w)
hermite_polynomial_h = _recurrence(1.0, lambda x: 2 * x, lambda k, x, p, q: 2 * (x * p - k * q))
hermite_polynomial_he = _recurrence(1.0, lambda x: x, lambda k, x, p, q: x * p - k * q)
laguerre_polynomial_l = _recurrence(1.0, lambda x: 1 - x, lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1))
legendre_polynomial_p = _recurrence(1.0, lambda x: x, lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1))

"""The numerical functions against mpmath: torch's own special functions are not all exact to double precision."""

from __future__ import annotations

import mlx.core as mx
import mpmath as mp
import numpy as np
import pytest

from flashlight._core import lazy
from flashlight._core.numerics import bessel, bits, elementary, error, gamma, host

mp.mp.dps = 40
RNG = np.random.RandomState(0)


def uniform(low, high, n=60):
    return RNG.uniform(low, high, n)


def polygamma(n):
    return lambda x: gamma.polygamma(n, x)


def log_gamma(v):
    return mp.log(abs(mp.gamma(v)))


def log_ndtr(v):
    return mp.log(mp.ncdf(v)) if v < 5 else mp.log1p(-mp.ncdf(-v))


SPREAD = np.concatenate([uniform(-6, 6), uniform(-1, 1), np.array([1e-9, -1e-9, 0.0])])
WIDE = np.concatenate([SPREAD, uniform(-25, 25)])
RIGHT = np.concatenate([uniform(0.01, 3), uniform(3, 40), np.array([1e-9, 1.0, 2.0, 8.0])])
LEFT = uniform(-9.9, -0.1)
CASES = {
    "exp": (elementary.exp, mp.exp, WIDE),
    "expm1": (elementary.expm1, mp.expm1, WIDE),
    "sin": (elementary.sin, mp.sin, WIDE),
    "cos": (elementary.cos, mp.cos, WIDE),
    "sigmoid": (elementary.sigmoid, lambda v: 1 / (1 + mp.exp(-v)), WIDE),
    "erf": (error.erf, mp.erf, SPREAD),
    "erfc": (error.erfc, mp.erfc, WIDE),
    "erfcx": (error.erfcx, lambda v: mp.exp(v * v) * mp.erfc(v), WIDE),
    "erfinv": (error.erfinv, mp.erfinv, np.concatenate([uniform(-1, 1), 1 - 10.0 ** uniform(-15, -1)])),
    "ndtr": (error.ndtr, mp.ncdf, WIDE),
    "log_ndtr": (error.log_ndtr, log_ndtr, WIDE),
    "lgamma": (gamma.lgamma, log_gamma, np.concatenate([RIGHT, LEFT])),
    "digamma": (gamma.digamma, mp.digamma, np.concatenate([RIGHT, LEFT])),
    "trigamma": (polygamma(1), lambda v: mp.polygamma(1, v), np.concatenate([RIGHT, LEFT])),
    "polygamma 4": (polygamma(4), lambda v: mp.polygamma(4, v), np.concatenate([RIGHT, LEFT])),
    "i0": (bessel.i0, lambda v: mp.besseli(0, v), WIDE),
    "i1": (bessel.i1, lambda v: mp.besseli(1, v), WIDE),
    "i0e": (bessel.i0e, lambda v: mp.exp(-abs(v)) * mp.besseli(0, v), WIDE),
    "i1e": (bessel.i1e, lambda v: mp.exp(-abs(v)) * mp.besseli(1, v), WIDE),
    "k0": (bessel.k0, lambda v: mp.besselk(0, v), RIGHT[::4]),
    "k1": (bessel.k1, lambda v: mp.besselk(1, v), RIGHT[::4]),
    "k0e": (bessel.k0e, lambda v: mp.exp(v) * mp.besselk(0, v), RIGHT[::4]),
    "k1e": (bessel.k1e, lambda v: mp.exp(v) * mp.besselk(1, v), RIGHT[::4]),
    "j0": (bessel.j0, lambda v: mp.besselj(0, v), WIDE),
    "j1": (bessel.j1, lambda v: mp.besselj(1, v), WIDE),
    "y0": (bessel.y0, lambda v: mp.bessely(0, v), RIGHT),
    "y1": (bessel.y1, lambda v: mp.bessely(1, v), RIGHT),
    "spherical_j0": (bessel.spherical_j0, mp.sinc, WIDE),
    "airy_ai": (bessel.airy_ai, mp.airyai, WIDE),
}


@pytest.mark.parametrize("name", CASES)
def test_double_precision(name):
    fn, exact, points = CASES[name]
    ours = np.array(fn(mx.array(points, mx.float64)))
    true = np.array([float(exact(mp.mpf(v))) for v in points.tolist()])
    # digits are relative except about a zero of the function, where they are absolute
    np.testing.assert_allclose(ours, true, rtol=5e-13, atol=2e-15)


@pytest.mark.parametrize("name", CASES)
def test_single_precision(name):
    fn, exact, points = CASES[name]
    single = points[np.abs(points) < 20].astype(np.float32)
    ours = np.array(fn(mx.array(single)))
    assert ours.dtype == np.float32
    with np.errstate(over="ignore"):
        true = np.array([float(exact(mp.mpf(v))) for v in single.tolist()]).astype(np.float32)
    np.testing.assert_allclose(ours, true, rtol=2e-5, atol=3e-6)


@pytest.mark.parametrize("name", [n for n in CASES if n[0] not in "kjy" and n not in ("spherical_j0", "airy_ai")])
def test_derivative(name):
    fn, exact, points = CASES[name]
    points = points[(np.abs(points) > 1e-6) & (np.abs(points) < 0.9 if name == "erfinv" else np.abs(points) < 8)][:40]
    x = mx.array(points, mx.float64)
    slope = np.array(mx.vjp(fn, [x], [mx.ones_like(x)])[1][0])
    true = np.array([float(mp.diff(exact, mp.mpf(v))) for v in points.tolist()])
    np.testing.assert_allclose(slope, true, rtol=1e-9, atol=1e-12)


def test_ndtri_inverts_ndtr_in_both_tails():
    p = mx.array(np.concatenate([10.0 ** uniform(-300, -1), uniform(0.1, 0.9)]), mx.float64)
    np.testing.assert_allclose(np.array(error.ndtr(error.ndtri(p))), np.array(p), rtol=1e-12)


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16])
def test_halves_are_computed_in_single_precision(dtype):
    x = mx.array(uniform(0.5, 3).astype(np.float32)).astype(dtype)
    for fn in (error.erf, gamma.lgamma, gamma.digamma, bessel.i0, error.erfcx):
        got = fn(x)
        assert got.dtype == dtype
        assert mx.array_equal(got, fn(x.astype(mx.float32)).astype(dtype))


def test_incomplete_gamma_functions():
    shape = np.concatenate([uniform(0.01, 20), 10 ** uniform(1, 3), np.array([3e5, 1e6])])
    x = np.abs(shape + RNG.randn(shape.size) * np.sqrt(shape))
    lower, upper = host.gammainc(shape, x), host.gammaincc(shape, x)
    np.testing.assert_allclose(lower + upper, 1, rtol=1e-13)
    small = shape < 1000
    true = [float(mp.gammainc(mp.mpf(a), 0, mp.mpf(b), regularized=True)) for a, b in zip(shape[small], x[small])]
    np.testing.assert_allclose(lower[small], true, rtol=1e-11)
    # where the series hands over to the uniform expansion both give the same
    a = np.array([9.99e4, 9.99e4])
    b = np.array([9.98e4, 1.001e5])
    np.testing.assert_allclose(host._uniform(a, b)[0], host.gammainc(a, b), rtol=1e-11)


def test_zeta():
    s, q = uniform(1.1, 9), uniform(0.1, 30)
    true = [float(mp.zeta(mp.mpf(a), mp.mpf(b))) for a, b in zip(s, q)]
    np.testing.assert_allclose(host.zeta(s, q), true, rtol=1e-12)


def test_host_functions_refuse_to_be_traced():
    x = mx.array([1.0])
    with lazy.paused(), pytest.raises(RuntimeError, match="can not be traced"):
        host.on_host(host.zeta, x, x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_parts_of_numbers(dtype):
    info = np.finfo(dtype)
    v = np.array([0.0, -0.0, 1.0, -1.5, info.max, info.tiny, info.smallest_subnormal, np.inf, -np.inf], dtype)
    a = mx.array(v, {np.float16: mx.float16, np.float32: mx.float32, np.float64: mx.float64}[dtype])
    mantissa, exponent = bits.split(a)
    true = np.frexp(v)
    np.testing.assert_array_equal(np.array(mantissa), true[0])
    np.testing.assert_array_equal(np.array(exponent), np.where(np.isfinite(v), true[1], 0))
    np.testing.assert_array_equal(np.array(bits.signbit(a)), np.signbit(v))
    np.testing.assert_array_equal(np.array(bits.next_after(a, mx.zeros_like(a))), np.nextafter(v, dtype(0)))
    up = mx.full(a.shape, np.inf, dtype=a.dtype)
    np.testing.assert_array_equal(np.array(bits.next_after(a, up)), np.nextafter(v, dtype(np.inf)))

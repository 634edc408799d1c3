"""PyTorch's rejection samplers on the CPU, number for number: Poisson, gamma, Dirichlet, binomial.

How many uniforms one element takes depends on their values, and the next element goes on where it stopped: these
draws are sequential, so they are plain loops over elements. The contract is that of ``draws``.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable

import numpy as np

from flashlight._core.draws import FLOATS, normal_pair, require, storage
from flashlight._core.dtypes import dtype as DType
from flashlight._core.dtypes import float32, float64
from flashlight._core.generator import Generator

_LOOK_AHEAD = 4096


class _Reader:
    """Hands out float64 uniforms and normals one by one; on exit the generator stands behind the last one read."""

    def __init__(self, generator: Generator, expected: int):
        self._generator = generator
        self._size = min(max(expected, 8), _LOOK_AHEAD)
        self._ahead = iter(())

    def __enter__(self) -> _Reader:
        self._generator.lock.acquire()
        return self

    def __exit__(self, *_exc) -> None:
        unread = operator.length_hint(self._ahead)
        if unread:
            self._generator.rewind(self._mark)
            self._generator.words(2 * (self._size - unread))
        self._generator.lock.release()

    def uniform(self) -> float:
        for value in self._ahead:
            return value
        self._mark = self._generator.mark()
        self._ahead = iter(self._generator.doubles(self._size).tolist())
        return next(self._ahead)

    def normal(self) -> float:
        spare = self._generator.spare_normal
        if spare is not None:
            self._generator.spare_normal = None
            return spare
        first, self._generator.spare_normal = normal_pair(self.uniform(), self.uniform())
        return first


def _log(x: float) -> float:
    return math.log(x) if x > 0.0 else -math.inf if x == 0.0 else math.nan


def _floor(x: float) -> float:
    return float(math.floor(x)) if math.isfinite(x) else x


def _single(x: float) -> float:
    return float(np.float32(x))


def _exact(x: float) -> float:
    return x


def _rounding(dtype: DType) -> Callable[[float], float]:
    """How arithmetic in the dtype rounds: PyTorch computes some terms in the tensor's type, the rest in float64."""
    return _exact if dtype is float64 else _single


# ------------------------------------------------------------------------------------------------------------- Poisson
def poisson(generator: Generator, rate: np.ndarray, dtype: DType = float32) -> np.ndarray:
    """Poisson counts at the rates given (``torch.poisson``).

    Raises: RuntimeError for a negative rate, NotImplementedError for integer dtypes.
    """
    require("poisson_cpu", dtype, FLOATS)
    rates = np.asarray(rate, np.float64).ravel().tolist()
    with _Reader(generator, 4 * len(rates)) as reader:
        counts = [_poisson(r, reader.uniform) for r in rates]
    return np.array(counts, np.int64).astype(storage(dtype)).reshape(np.shape(rate))


def _poisson(rate: float, uniform: Callable[[], float]) -> int:
    if not rate >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate >= 10:
        return _poisson_large(rate, uniform)
    if rate == 0:
        return 0
    limit, product, count = math.exp(-rate), uniform(), 0
    while product > limit:
        product *= uniform()
        count += 1
    return count


def _poisson_large(rate: float, uniform: Callable[[], float]) -> int:
    """Transformed rejection (Hoermann 1993, "The transformed rejection method for generating Poisson variables")."""
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = uniform() - 0.5, uniform()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = (2 * a / us + b) * u + rate + 0.43
        # counts that no int64 holds come out as the smallest one
        k = math.floor(k) if -(2.0**63) <= k < 2.0**63 else -(1 << 63)
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        if _log(v) + log_inverse_alpha - math.log(a / (us * us) + b) <= -rate + k * log_rate - math.lgamma(k + 1):
            return k


# --------------------------------------------------------------------------------------------------------------- gamma
_THIRD = _single(1.0 / 3.0)
_SQUEEZE = _single(0.0331)


def standard_gamma(generator: Generator, alpha: np.ndarray, dtype: DType = float32) -> np.ndarray:
    """Gamma variates of shape ``alpha`` and scale 1, at least the smallest normal number of the dtype."""
    require("gamma_cpu", dtype, (float32, float64))
    return _gamma_array(generator, np.asarray(alpha, storage(dtype)), dtype)


def _gamma_array(generator: Generator, alpha: np.ndarray, dtype: DType) -> np.ndarray:
    shapes, narrow = alpha.ravel().tolist(), _rounding(dtype)
    with np.errstate(over="ignore"):
        with _Reader(generator, 4 * len(shapes)) as reader:
            drawn = [_gamma(a, reader, narrow) for a in shapes]
        drawn = np.array(drawn, np.float64).astype(storage(dtype)).reshape(alpha.shape)
    return np.fmax(drawn, np.finfo(drawn.dtype).tiny)


def _gamma(alpha: float, reader: _Reader, narrow: Callable[[float], float]) -> float:
    """Marsaglia and Tsang 2000, "A simple method for generating gamma variables"; below 1 by a power of a uniform."""
    scale = 1.0
    if alpha < 1.0:
        if alpha == 0.0:
            return 0.0
        scale = _power(1.0 - reader.uniform(), narrow(1.0 / alpha))
        alpha = narrow(alpha + 1.0)
    d = narrow(alpha - _THIRD)
    c = 1.0 / math.sqrt(9.0 * d) if d > 0 else math.nan
    while True:
        x = reader.normal()
        y = 1.0 + c * x
        while y <= 0:
            x = reader.normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - reader.uniform()
        xx = x * x
        # the comparisons let NaN through: shapes without a distribution end, as in PyTorch
        if u < 1.0 - _SQUEEZE * xx * xx or not _log(u) >= 0.5 * xx + d * (1.0 - v + _log(v)):
            return scale * d * v


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf


def dirichlet(generator: Generator, alpha: np.ndarray, dtype: DType = float32) -> np.ndarray:
    """Points of the simplex on the last axis, with concentrations ``alpha``."""
    require("dirichlet", dtype, (float32, float64))
    gammas = _gamma_array(generator, np.asarray(alpha, storage(dtype)).astype(np.float64), float64)
    kind = storage(dtype)
    with np.errstate(invalid="ignore"):
        points = (gammas / gammas.sum(axis=-1, keepdims=True)).astype(kind)
    return np.minimum(np.fmax(points, np.finfo(kind).tiny), np.nextafter(kind(1), kind(0)))


# ------------------------------------------------------------------------------------------------------------ binomial
def binomial(generator: Generator, count: np.ndarray, prob: np.ndarray, dtype: DType = float32) -> np.ndarray:
    """Successes among ``count`` trials of probability ``prob``, two arrays that broadcast (``torch.binomial``)."""
    require("binomial_cpu", dtype, (float32, float64))
    kind, narrow = storage(dtype), _rounding(dtype)
    counts, probs = np.broadcast_arrays(np.asarray(count, kind), np.asarray(prob, kind))
    with np.errstate(over="ignore"), _Reader(generator, 4 * counts.size) as reader:
        pairs = zip(counts.ravel().tolist(), probs.ravel().tolist())
        drawn = [_binomial(n, p, reader.uniform, narrow) for n, p in pairs]
    return np.array(drawn, kind).reshape(counts.shape)


def _binomial(count: float, prob: float, uniform: Callable[[], float], narrow: Callable[[float], float]) -> float:
    if count <= 0.0 or prob <= 0.0:
        return 0.0
    if prob >= 1.0:
        return count
    if math.isnan(count) or math.isnan(prob):
        return math.nan
    rare = prob if prob <= 0.5 else narrow(1.0 - prob)
    sampler = _binomial_large if narrow(count * rare) >= 10.0 else _binomial_small
    successes = sampler(count, rare, uniform, narrow)
    return successes if prob <= 0.5 else count - successes


def _binomial_small(count: float, prob: float, uniform: Callable[[], float], narrow: Callable[[float], float]) -> float:
    """By inversion: the geometric distances between successes, until they exceed the count."""
    log_failure = narrow(math.log1p(-prob))
    distance, successes = 0.0, 0.0
    while True:
        u = uniform()
        distance += math.ceil(math.log(u) / log_failure) if u > 0.0 else math.inf
        if distance > count:
            return successes
        successes += 1.0


def _binomial_large(count: float, prob: float, uniform: Callable[[], float], narrow: Callable[[float], float]) -> float:
    """Transformed rejection with squeeze (Hoermann 1993, "The generation of binomial random variates")."""
    a, b, c, v_r, odds, alpha, mode = _binomial_constants(count, prob, narrow)
    while True:
        u, v = uniform() - 0.5, uniform()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = narrow(_floor((2 * a / us + b) * u + c))
        if k < 0 or k > count:
            continue
        if us >= 0.07 and v <= v_r:
            return k
        rest = narrow(narrow(count - k) + 1.0)
        bound = (
            (mode + 0.5) * _log((mode + 1) / (odds * (count - mode + 1)))
            + narrow(count + 1.0) * _log((count - mode + 1) / rest)
            + (k + 0.5) * _log(odds * rest / narrow(k + 1.0))
            + _stirling_tail(mode)
            + _stirling_tail(count - mode)
            - _stirling_tail(k)
            - _stirling_tail(narrow(count - k))
        )
        if _log(v * alpha / (a / (us * us) + b)) <= bound:
            return k


@functools.lru_cache(256)
def _binomial_constants(count: float, prob: float, narrow: Callable[[float], float]) -> tuple[float, ...]:
    mean, failure = narrow(count * prob), narrow(1.0 - prob)
    deviation = narrow(math.sqrt(narrow(mean * failure)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    c = mean + 0.5
    v_r = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * deviation
    mode = _floor(narrow(narrow(count + 1.0) * prob))
    return a, b, c, v_r, narrow(prob / failure), alpha, mode


_STIRLING_TAILS = (
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.0104112652619720,
    0.00925546218271273,
    0.00833056343336287,
)


def _stirling_tail(k: float) -> float:
    """``log(k!)`` less Stirling's approximation of it."""
    if k < len(_STIRLING_TAILS):
        return _STIRLING_TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)

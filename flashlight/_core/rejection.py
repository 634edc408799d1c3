"""PyTorch's rejection samplers on the CPU, number for number: Poisson, gamma, Dirichlet, binomial.

How many uniforms one element takes depends on their values, and the next element goes on where it stopped; ``walks``
finds where each one starts. Here are the attempts, made for many elements at once. The contract is that of ``draws``.

Whether an attempt is accepted is found with numpy's logarithms, which may be off by a last bit; what enters a value
or the state goes through the C library's functions, as in PyTorch.
"""

from __future__ import annotations

import functools
import math

import mlx.core as mx
import numpy as np

from flashlight._core.draws import FLOATS, normal_pair, require, storage
from flashlight._core.dtypes import dtype as DType
from flashlight._core.dtypes import float32, float64
from flashlight._core.generator import Generator
from flashlight._core.walks import OUT, Sampler, Stream, by_pairs, pick, settle, walk


def _exactly(function, *operands: np.ndarray) -> np.ndarray:
    """A function of float64 arrays by the C library, where numpy has approximations of its own."""
    return np.array(function(*(mx.array(x, dtype=mx.float64) for x in operands), stream=mx.cpu))


def _draw(generator: Generator, make, *parameters: np.ndarray) -> np.ndarray:
    """float64 draws in the shape of the parameters, by the samplers that ``make`` builds from flat pieces of them."""
    out = np.empty(parameters[0].size)
    with Stream(generator, 4 * out.size) as stream:
        walk(stream, make, [np.ascontiguousarray(p).ravel() for p in parameters], out)
    return out.reshape(parameters[0].shape)


# ------------------------------------------------------------------------------------------------------------- Poisson
def poisson(generator: Generator, rate: np.ndarray, dtype: DType = float32) -> np.ndarray:
    """Poisson counts at the rates given (``torch.poisson``).

    Raises: RuntimeError for a negative rate, NotImplementedError for integer dtypes.
    """
    require("poisson_cpu", dtype, FLOATS)
    rates = np.asarray(rate, np.float64)
    refused = np.flatnonzero(~(rates.ravel() >= 0))
    if refused.size:
        _draw(generator, _Poisson, rates.ravel()[: refused[0]])  # those before it are drawn all the same
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    return _draw(generator, _Poisson, rates).astype(np.int64).astype(storage(dtype))


class _Poisson(Sampler):
    def __init__(self, rate: np.ndarray):
        super().__init__(np.zeros(rate.size))
        small, large = (rate > 0) & (rate < 10), rate >= 10
        self.rate, self.drift = rate if small.all() else None, 0.25 if large.all() else None
        if small.any():
            self.add(small, _poisson_small, [rate, np.exp(-rate)])
            self.expect(small, rate + 1, rate)
        if large.any():
            b = 0.931 + 2.53 * np.sqrt(rate)
            a = -0.059 + 0.02483 * b
            inverse_alpha, v_r = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
            # counts of any size are multiplied with the first logarithm
            logarithms = [_exactly(mx.log, rate), np.log(inverse_alpha)]
            self.add(large, _poisson_large, [rate, a, b, v_r, *logarithms], step=2)
            self.expect(large, 2 * inverse_alpha, 4 * inverse_alpha * (inverse_alpha - 1))

    def forecast(self, uniforms, start: int, rows: np.ndarray) -> tuple[np.ndarray, float]:
        if self.rate is None:
            return super().forecast(uniforms, start, rows)
        # an element goes beyond its rate by 1 on average
        sums = np.cumsum(np.minimum(-np.log(uniforms), 40.0))
        expected = np.concatenate([[0.0], np.cumsum(self.rate[rows] + 1)])
        return np.searchsorted(sums, expected).astype(np.float64), math.sqrt(rows.size)


def _poisson_small(uniforms, at, parameters):
    """As many uniforms as keep their product above exp(-rate), found from sums of logarithms where these are clear."""
    sums = np.concatenate([[0.0], np.cumsum(np.minimum(-np.log(uniforms), 40.0)), [math.inf]])
    at = np.minimum(at, uniforms.size)
    target = sums[at] + parameters[0]
    end = np.searchsorted(sums, target)
    near = np.nonzero((sums[end] - target < 1e-9) | (target - sums[end - 1] < 1e-9))
    end = np.where(end > uniforms.size, OUT, end)
    value = (end - at - 1).astype(np.float64)
    if near[0].size:
        state = np.ones((1, near[0].size)), np.zeros((1, near[0].size))
        value[near], end[near] = settle(_product, uniforms, at[near][None], pick(parameters, near), state)
    return value, end


def _product(uniforms, at, parameters, state):
    product, count = state
    product = product * uniforms[at]
    return ~(product > parameters[1]), count, at + 1, (product, count + 1)


def _poisson_large(uniforms, at, parameters):
    return by_pairs(_poisson_attempt, uniforms, at, parameters)


def _poisson_attempt(uniforms, at, parameters):
    """Transformed rejection (Hoermann 1993, "The transformed rejection method for generating Poisson variables")."""
    rate, a, b, v_r = parameters[:4]
    u, v = uniforms[at] - 0.5, uniforms[at + 1]
    us = 0.5 - np.abs(u)
    k = np.floor((2 * a / us + b) * u + rate + 0.43)
    # counts that no int64 holds come out as the smallest one
    k[~((k >= -(2.0**63)) & (k < 2.0**63))] = -(2.0**63)
    done = (us >= 0.07) & (v <= v_r)
    unsure = np.nonzero(~done & (us > 0) & (k >= 0) & ~((us < 0.013) & (v > us)))
    rate, a, b, _, log_rate, log_inverse_alpha = pick(parameters, unsure)
    us, v, n = us[unsure], v[unsure], k[unsure]
    height = np.log(v) + log_inverse_alpha - np.log(a / (us * us) + b)
    done[unsure] = height <= -rate + n * log_rate - _log_gamma(n + 1)
    return done, k


_SHORT_LOG_GAMMA = np.array([math.inf] + [math.lgamma(n) for n in range(1, 64)])


def _log_gamma(x: np.ndarray) -> np.ndarray:
    """``log((x - 1)!)`` of whole numbers, by Stirling's series from 64 on."""
    largest = x.max(initial=0.0)
    if largest < len(_SHORT_LOG_GAMMA):
        return _SHORT_LOG_GAMMA[x.astype(np.intp)]
    # the larger, the more depends on the last bit
    log = _exactly(mx.log, x) if largest > 1e6 else np.log(x)
    square = 1 / (x * x)
    tail = (1 / 12 - (1 / 360 - (1 / 1260 - square / 1680) * square) * square) / x + (math.log(2 * math.pi) - 1) / 2
    series = (x - 0.5) * (log - 1) + tail
    short = _SHORT_LOG_GAMMA[np.minimum(x, len(_SHORT_LOG_GAMMA) - 1).astype(np.intp)]
    return np.where(x < len(_SHORT_LOG_GAMMA), short, series)


# --------------------------------------------------------------------------------------------------------------- gamma
_THIRD = float(np.float32(1.0 / 3.0))
_SQUEEZE = float(np.float32(0.0331))


def standard_gamma(generator: Generator, alpha: np.ndarray, dtype: DType = float32) -> np.ndarray:
    """Gamma variates of shape ``alpha`` and scale 1, at least the smallest normal number of the dtype."""
    require("gamma_cpu", dtype, (float32, float64))
    return _gamma_array(generator, np.asarray(alpha, storage(dtype)))


def _gamma_array(generator: Generator, alpha: np.ndarray) -> np.ndarray:
    drawn = _draw(generator, _Gamma, alpha)
    with np.errstate(over="ignore"):
        drawn = drawn.astype(alpha.dtype)
    return np.fmax(drawn, np.finfo(drawn.dtype).tiny)


class _Normals:
    """Uniforms of a window, and the normals of every pair of neighbours.

    ``fresh[p]`` is the first normal of the pair at ``p``; ``spare[s]`` the second one of the pair at ``s - 3``, where
    an element that took the first one has stopped. ``spare[0]`` is what the generator keeps when the window begins.
    """

    def __init__(self, uniforms: np.ndarray, kept: float | None):
        radius = np.sqrt(-2.0 * np.log1p(-uniforms[1:]))
        angle = 2.0 * math.pi * uniforms[:-1]
        self.uniforms, self.kept, self.begun = uniforms, 0.0 if kept is None else kept, kept is not None
        self.fresh = radius * np.cos(angle)
        self.spare = np.concatenate([[self.kept, 0.0, 0.0], radius * np.sin(angle)])

    def __len__(self) -> int:
        return self.uniforms.size

    def exactly(self, source: np.ndarray) -> np.ndarray:
        """The normals named ``2 * s`` (fresh) or ``2 * s + 1`` (spare), by the C library."""
        pair, second = np.maximum((source >> 1) - 3, 0), source & 1
        radius = np.sqrt(-2.0 * _exactly(mx.log1p, -self.uniforms[pair + 1]))
        angle = 2.0 * math.pi * self.uniforms[pair]
        return np.where(source == 1, self.kept, radius * np.where(second, np.sin(angle), np.cos(angle)))


class _Gamma(Sampler):
    """Places are twice the position, plus one when there is a spare normal."""

    states = 2
    tabulated = False

    def __init__(self, alpha: np.ndarray):
        super().__init__(np.zeros(alpha.size))
        kind, wide = alpha.dtype.type, alpha.astype(np.float64)
        self.drawn, self.boosted = alpha != 0, (alpha < 1) & (alpha != 0)
        self.exponent = (1.0 / wide).astype(kind).astype(np.float64)
        shape = np.where(self.boosted, (wide + 1.0).astype(kind), alpha).astype(np.float64)
        self.d = (shape - _THIRD).astype(kind).astype(np.float64)
        self.c = np.where(self.d > 0, 1.0 / np.sqrt(9.0 * self.d), math.nan)
        self.parameters, self.step = np.stack([self.d, self.c]), 1
        rejected = 0.05 / np.maximum(shape, 0.5)
        self.expect(self.drawn, 4 + 4 * rejected + 2 * self.boosted, 16 * rejected)
        self.rejected = np.where(self.drawn, np.nan_to_num(rejected), 0.0)

    # Elements take 3 uniforms for an attempt with a fresh normal, 1 with a spare one, and 1 more below a shape of 1.
    # So lanes count attempts. The few that have a normal but no uniform to accept it leave them, and end the block.
    def forecast(self, window: _Normals, start: int, rows: np.ndarray) -> tuple[np.ndarray, float]:
        rejected = self.rejected[rows]
        attempts = np.concatenate([[0.0], np.cumsum(self.drawn[rows] + rejected)])
        return start + attempts, math.sqrt(rejected.sum())

    def places(self, window: _Normals, lanes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        spare = lanes & 1
        return 2 * (2 * lanes + spare + self._offsets(window, rows)[:-1]) + spare

    def lanes(self, window: _Normals, ends: np.ndarray, rows: np.ndarray) -> np.ndarray:
        spare = ends & 1
        lane, odd = np.divmod((ends >> 1) - spare - self._offsets(window, rows)[1:], 2)
        return np.where((odd == 0) & (lane & 1 == spare), lane, OUT)

    def _offsets(self, window: _Normals, rows: np.ndarray) -> np.ndarray:
        boosts = np.concatenate([[0], np.cumsum(self.boosted[rows])])
        return (boosts - 3 * window.begun)[:, None]

    def look(self, stream: Stream, n: int) -> _Normals:
        return _Normals(stream.peek(max(n, 2)), stream.generator.spare_normal)

    def place(self, stream: Stream) -> int:
        return int(stream.generator.spare_normal is not None)

    def leave(self, stream: Stream, window: _Normals, place: int) -> None:
        position, spare = divmod(place, 2)
        if not spare:
            stream.generator.spare_normal = None
        elif position:
            stream.generator.spare_normal = normal_pair(*window.uniforms[position - 3 : position - 1].tolist())[1]
        stream.take(position)

    def draw(self, window: _Normals, place: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        position, spare = np.minimum(place >> 1, len(window)), place & 1
        at, state = position + self.boosted[rows, None], (spare, position)
        source, stop = settle(_gamma, window, at, self.parameters[:, rows, None], state, 3)
        end = np.where(stop == OUT, OUT, 2 * stop + (source % 2 == 0))
        nothing = np.flatnonzero(~self.drawn[rows])
        end[nothing] = place[nothing]
        return source, end

    def finish(self, window: _Normals, place: np.ndarray, rows: np.ndarray, value: np.ndarray) -> np.ndarray:
        rows = np.broadcast_to(rows, place.shape)
        drawn = self.drawn[rows]
        y = 1.0 + self.c[rows] * window.exactly(value.astype(np.intp))
        scale = np.ones(place.size)
        boosted = np.flatnonzero(self.boosted[rows])
        base = 1.0 - window.uniforms[place[boosted] >> 1]
        if boosted.size:
            scale[boosted] = _exactly(mx.power, base, self.exponent[rows[boosted]])
        return np.where(drawn, scale * self.d[rows] * (y * y * y), 0.0)


def _gamma(window: _Normals, at, parameters, state):
    """Marsaglia and Tsang 2000, "A simple method for generating gamma variables"; its value names the normal taken."""
    d, c = parameters
    spare, source = state
    spare = spare == 1
    x = np.where(spare, window.spare[source], window.fresh[at])
    source, at = np.where(spare, source, at + 3), np.where(spare, at, at + 2)
    y = 1.0 + c * x
    tried = ~(y <= 0)
    v = y * y * y
    u = 1.0 - window.uniforms[at]
    xx = x * x
    done = tried & (u < 1.0 - _SQUEEZE * xx * xx)
    unsure = np.nonzero(tried & ~done)
    (d, _), u, v, xx = pick(parameters, unsure), u[unsure], v[unsure], xx[unsure]
    # the comparison lets NaN through: shapes without a distribution end, as in PyTorch
    done[unsure] = ~(np.log(u) >= 0.5 * xx + d * (1.0 - v + np.log(v)))
    return done, 2 * source + spare, at + tried, (1 - spare, source)


def dirichlet(generator: Generator, alpha: np.ndarray, dtype: DType = float32) -> np.ndarray:
    """Points of the simplex on the last axis, with concentrations ``alpha``."""
    require("dirichlet", dtype, (float32, float64))
    gammas = _gamma_array(generator, np.asarray(alpha, storage(dtype)).astype(np.float64))
    kind = storage(dtype)
    with np.errstate(invalid="ignore"):
        points = (gammas / gammas.sum(axis=-1, keepdims=True)).astype(kind)
    return np.minimum(np.fmax(points, np.finfo(kind).tiny), np.nextafter(kind(1), kind(0)))


# ------------------------------------------------------------------------------------------------------------ binomial
def binomial(generator: Generator, count: np.ndarray, prob: np.ndarray, dtype: DType = float32) -> np.ndarray:
    """Successes among ``count`` trials of probability ``prob``, two arrays that broadcast (``torch.binomial``)."""
    require("binomial_cpu", dtype, (float32, float64))
    kind = storage(dtype)
    counts, probs = np.broadcast_arrays(np.asarray(count, kind), np.asarray(prob, kind))
    return _draw(generator, _Binomial, counts, probs).astype(kind)


_OVERHANG = 32  # uniforms that an element below a mean of 10 hardly ever exceeds


class _Binomial(Sampler):
    """Successes or, where they are likelier, failures; ``narrow`` rounds as arithmetic in the tensor's type does."""

    def __init__(self, count: np.ndarray, prob: np.ndarray):
        kind = count.dtype.type

        def narrow(x: np.ndarray) -> np.ndarray:
            return x.astype(kind).astype(np.float64)

        n, p = count.astype(np.float64), prob.astype(np.float64)
        none, full = (n <= 0) | (p <= 0), p >= 1
        super().__init__(np.where(none, 0.0, np.where(full, n, math.nan)))
        self.count, self.failures = n, p > 0.5
        rare = np.where(self.failures, narrow(1.0 - p), p)
        drawn = ~(none | full | np.isnan(n) | np.isnan(p))
        self.drawn = drawn
        mean = narrow(n * rare)
        small, large = drawn & ~(mean >= 10), drawn & (mean >= 10)
        self.drift = 0.25 if large.all() else None
        if small.any():
            self.add(small, _binomial_small, [n, narrow(_exactly(mx.log1p, -rare))])
            self.expect(small, mean + 1, mean)
        if large.any():
            failure = narrow(1.0 - rare)
            deviation, odds = narrow(np.sqrt(narrow(mean * failure))), narrow(rare / failure)
            b = 1.15 + 2.53 * deviation
            a = -0.0873 + 0.0248 * b + 0.01 * rare
            alpha, attempts = (2.83 + 5.1 / b) * deviation, (2.83 + 5.1 / b) / math.sqrt(2 * math.pi)
            mode, whole = np.floor(narrow(narrow(n + 1.0) * rare)), narrow(n + 1.0)
            first = (mode + 0.5) * np.log((mode + 1) / (odds * (n - mode + 1)))
            shared = [first, whole, n - mode + 1, _stirling_tail(mode), _stirling_tail(n - mode)]
            method = functools.partial(_binomial_large, narrow)
            self.add(large, method, [n, a, b, mean + 0.5, 0.92 - 4.2 / b, odds, alpha, *shared], step=2)
            self.expect(large, 2 * attempts, 4 * attempts * (attempts - 1))

    def finish(self, window, place: np.ndarray, rows: np.ndarray, value: np.ndarray) -> np.ndarray:
        return np.where((self.drawn & self.failures)[rows], self.count[rows] - value, value)


def _binomial_small(uniforms, at, parameters):
    """By inversion: the geometric distances between successes, until they exceed the count.

    The sums along lines of neighbouring places are whole numbers, so that differences of them are exact.
    """
    count, log_failure = parameters
    if count.max() > 1 << 20:
        return settle(_success, np.log(uniforms), at, parameters, (np.zeros(at.shape), np.zeros(at.shape)))
    columns, longer = at.shape[1], at.shape[1] + _OVERHANG
    line = np.minimum(at[:, :1] + np.arange(longer), uniforms.size - 1)
    distance = np.minimum(np.ceil(np.log(uniforms)[line] / log_failure), np.floor(count) + 1)
    sums = np.concatenate([[0.0], np.cumsum(distance)])
    first = longer * np.arange(len(at))[:, None]
    begin = first + np.arange(columns)
    behind = np.searchsorted(sums, sums[begin] + count, side="right")
    end = at + (behind - begin)
    end[(behind > first + longer) | (end > uniforms.size)] = OUT
    return behind - (begin + 1.0), end


def _success(logarithms, at, parameters, state):
    count, log_failure = parameters
    distance, successes = state
    distance = distance + np.ceil(logarithms[at] / log_failure)
    return distance > count, successes, at + 1, (distance, successes + 1)


def _binomial_large(narrow, uniforms, at, parameters):
    return by_pairs(functools.partial(_binomial_attempt, narrow), uniforms, at, parameters)


def _binomial_attempt(narrow, uniforms, at, parameters):
    """Transformed rejection with squeeze (Hoermann 1993, "The generation of binomial random variates")."""
    count, a, b, c, v_r = parameters[:5]
    u, v = uniforms[at] - 0.5, uniforms[at + 1]
    us = 0.5 - np.abs(u)
    k = narrow(np.floor((2 * a / us + b) * u + c))
    possible = (us > 0) & ~((k < 0) | (k > count))
    done = possible & (us >= 0.07) & (v <= v_r)
    unsure = np.nonzero(possible & ~done)
    count, a, b, _, _, odds, alpha, first, whole, upper, tail, other_tail = pick(parameters, unsure)
    us, v, n = us[unsure], v[unsure], k[unsure]
    rest = narrow(narrow(count - n) + 1.0)
    bound = (
        first
        + whole * np.log(upper / rest)
        + (n + 0.5) * np.log(odds * rest / narrow(n + 1.0))
        + tail
        + other_tail
        - _stirling_tail(n)
        - _stirling_tail(narrow(count - n))
    )
    done[unsure] = np.log(v * alpha / (a / (us * us) + b)) <= bound
    return done, k


_STIRLING_TAILS = np.array(
    [
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
    ]
)


def _stirling_tail(k: np.ndarray) -> np.ndarray:
    """``log(k!)`` less Stirling's approximation of it."""
    square = (k + 1) * (k + 1)
    series = (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
    short = _STIRLING_TAILS[np.clip(np.nan_to_num(k), 0, len(_STIRLING_TAILS) - 1).astype(np.intp)]
    return np.where(k < len(_STIRLING_TAILS), short, series)

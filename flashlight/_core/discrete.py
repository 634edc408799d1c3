"""PyTorch's discrete draws on the CPU, number for number: booleans, integers, permutations, categories, dropout.

The contract is that of ``draws``: numpy arrays from a ``Generator``, float16 and bfloat16 held in float32.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np

from flashlight._core.draws import FLOATS, exponential, from_doubles, require, rounded, storage
from flashlight._core.dtypes import (
    INT,
    bfloat16,
    bool_,
    complex64,
    cpp_name,
    finfo,
    float16,
    float32,
    float64,
    from_numpy,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    scalar_type_name,
    uint8,
    uint64,
)
from flashlight._core.dtypes import dtype as DType
from flashlight._core.generator import Generator, chunks

_INTS = (uint8, int8, int16, int32, int64)
_DIGITS = {float16: 11, bfloat16: 8, float32: 24, float64: 53}
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


# ------------------------------------------------------------------------------------------------------------ booleans
def bernoulli(generator: Generator, p: float | np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Booleans that are true with probability ``p``: ``torch.bernoulli``, ``Tensor.bernoulli_`` and dropout masks.

    A number, or a float64 array, is compared with a float64 uniform (two words each); an array of a narrower
    type with a float32 one (a word each). Arrays broadcast to ``shape``.
    """
    if isinstance(p, np.ndarray):
        return _bernoulli_by_array(generator, p, shape)
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    out = np.empty(math.prod(shape), np.bool_)
    below = np.uint64(math.ceil(p * 2.0**53))  # k * 2**-53 < p, in integers
    for part in chunks(out):
        np.less(generator.words64(part.size, 53), below, out=part)
    return out.reshape(tuple(shape))


def _bernoulli_by_array(generator: Generator, p: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    if p.dtype.kind != "f":
        require("bernoulli_tensor_cpu_p_", from_numpy(p.dtype), FLOATS)
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  "
            "If so, please report an enhancement request to PyTorch.)"
        )
    u = np.empty(math.prod(shape), np.float64 if p.dtype == np.float64 else np.float32)
    return generator.fill(u).reshape(tuple(shape)) < p


def geometric(generator: Generator, shape: Sequence[int], p: float, dtype: DType = float32) -> np.ndarray:
    """Number of Bernoulli(``p``) trials up to and including the first success (``Tensor.geometric_``)."""
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if math.prod(shape):
        require("geometric_cpu", dtype, FLOATS + _INTS)
    return from_doubles(generator, shape, dtype, lambda u: np.ceil(np.log(u) / math.log1p(-p)))


# ------------------------------------------------------------------------------------------------------------ integers
def randint(generator: Generator, low: int, high: int, shape: Sequence[int], dtype: DType = int64) -> np.ndarray:
    """Integers of ``[low, high)`` (``torch.randint``)."""
    return random_(generator, shape, dtype, low, high)


def random_(
    generator: Generator, shape: Sequence[int], dtype: DType = int64, low: int | None = None, high: int | None = None
) -> np.ndarray:
    """``Tensor.random_``: integers of ``[low, high)`` in any dtype.

    Without ``low``, from 0. Without both, up to the largest integer of the dtype, or the last one up to which a
    floating dtype has them all. With only ``low``, up to that too; ``low=-2**63`` means all 64 bits.
    """
    if low is None and high is None:
        return _random_default(generator, shape, dtype)
    low = 0 if low is None else low
    for bound in (low, high):
        if bound is not None and not _INT64_MIN <= bound <= _INT64_MAX:
            raise ValueError("Overflow when unpacking long long")
    if high is None and low == _INT64_MIN:
        return _random_all_bits(generator, shape, dtype)
    low, last = _last_integer(dtype, low, high)
    _check_integers(dtype, low, last)
    span = last - low + 1
    # from 2**28 on, 32 bits would favour small numbers
    return _below(generator, shape, dtype, span, span >= 1 << 28, low)


def _below(generator: Generator, shape, dtype: DType, span: int, wide: bool, low: int = 0) -> np.ndarray:
    """``low`` plus the remainders by ``span`` of 64-bit words, or of 32-bit ones."""
    out = np.empty(math.prod(shape), storage(dtype))
    for part in chunks(out):
        words = generator.words64(part.size) if wide else generator.words(part.size)
        divisor = words.dtype.type(span)
        if span & (span - 1) == 0:
            words &= words.dtype.type(span - 1)
        elif wide:
            words %= divisor
        else:
            words -= words // divisor * divisor  # numpy divides 32 bits faster than it takes remainders
        part[...] = words.astype(np.int64) + np.int64(low) if low else words
    return out.reshape(tuple(shape))


def _random_default(generator: Generator, shape: Sequence[int], dtype: DType) -> np.ndarray:
    if math.prod(shape):
        require("random_kernel_cpu", dtype, FLOATS + _INTS + (bool_,))
    span = (1 << _DIGITS[dtype]) + 1 if dtype in _DIGITS else 2 if dtype is bool_ else iinfo(dtype).max + 1
    return _below(generator, shape, dtype, span, dtype in (int64, float64))


def _random_all_bits(generator: Generator, shape: Sequence[int], dtype: DType) -> np.ndarray:
    n = math.prod(shape)
    if n:
        require("random_full_64_bits_range_kernel_cpu", dtype, _INTS + (bfloat16, float32, float64))
        if dtype in _INTS and dtype is not int64:
            raise RuntimeError(
                "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16",
            )
    return generator.words64(n).view(np.int64).astype(storage(dtype)).reshape(tuple(shape))


def _last_integer(dtype: DType, low: int, high: int | None) -> tuple[int, int]:
    """The first and the last integer to draw, moved inwards to what a floating dtype can hold."""
    if high is not None and low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if dtype in _DIGITS:
        start = _inward(dtype, low, 1)
        if high is not None:
            stop = _inward(dtype, high, -1)
            if start >= stop:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got "
                    f"from={start} >= to={stop}"
                )
            return start, stop - 1
        last = 1 << _DIGITS[dtype]
        if start >= last:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got "
                f"from={start} > to_inc={last}"
            )
        return start, last
    if high is not None:
        return low, high - 1
    if dtype is complex64:
        raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
    # PyTorch reads the last uint64 as an int64
    return low, 1 if dtype is bool_ else -1 if dtype is uint64 else iinfo(dtype).max


def _inward(dtype: DType, bound: int, step: int) -> int:
    """``bound``, or the next value inside if the dtype rounds its neighbour across it."""
    neighbour = float(rounded(np.array([bound + step], storage(dtype)), dtype)[0])
    # out of range conversions give the smallest integer
    neighbour = int(neighbour) if -(2.0**63) <= neighbour < 2.0**63 else _INT64_MIN
    if (neighbour < bound) if step > 0 else (neighbour >= bound):
        exponent = max(abs(bound + step).bit_length() - 1, 0)
        return neighbour + step * (1 << (exponent - _DIGITS[dtype] + 1))
    return bound


def _check_integers(dtype: DType, low: int, last: int) -> None:
    if dtype in FLOATS:
        least, largest = -finfo(dtype).max, finfo(dtype).max
    elif dtype is uint64:
        least, largest = 0, _INT64_MAX
    elif dtype.category == INT or dtype is bool_:
        least, largest = (0, 1) if dtype is bool_ else (iinfo(dtype).min, iinfo(dtype).max)
    else:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    name = cpp_name(dtype)
    for what, value in (("from", low), ("to - 1", last)):
        if not least <= value <= largest:
            raise RuntimeError(f"{what} is out of bounds for {name}")
    for what, value in (("from", low), ("to - 1", last)) if dtype in FLOATS else ():
        digits = _DIGITS[dtype]
        if abs(value) > 1 << digits:
            warnings.warn(
                f"{what} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {name} can support "
                "discrete uniform distribution only within this range. This warning will become an error in version "
                "1.7 release, please fix the code in advance",
                UserWarning,
                stacklevel=4,
            )


# -------------------------------------------------------------------------------------------------------- permutations
_WIDE_PERMUTATION = ((1 << 32) - 1) // 20  # from this length on, PyTorch shuffles inside out with 64-bit words


def randperm(generator: Generator, n: int, dtype: DType = int64) -> np.ndarray:
    """A permutation of ``0 .. n - 1`` (``torch.randperm``).

    Raises: RuntimeError if ``n`` is negative or too large for the dtype.
    """
    check_permutation(n, dtype)
    if n >= _WIDE_PERMUTATION:
        partner = generator.words64(n) % np.arange(1, n + 1, dtype=np.uint64)
        return shuffle_inside_out(partner.view(np.int64)).astype(storage(dtype))
    partner = np.arange(n)
    partner[: max(n - 1, 0)] += generator.words(max(n - 1, 0)) % np.arange(n, 1, -1, dtype=np.uint32)
    return shuffle(partner).astype(storage(dtype))


def check_permutation(n: int, dtype: DType) -> None:
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    limit = {float16: "2049", float32: "2^24+1", float64: "2^53+1"}.get(dtype)
    if limit and n > (1 << _DIGITS[dtype]) + 1:
        raise RuntimeError(f"n cannot be greater than {limit} for {scalar_type_name(dtype)} type.")
    if dtype.category == INT and n - 1 > iinfo(dtype).max:
        name = {int32: "int"}.get(dtype, f"{dtype.name}_t")
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    require("randperm", dtype, FLOATS + _INTS)


def shuffle(partner: np.ndarray) -> np.ndarray:
    """``range(n)`` after swapping position ``i`` with ``partner[i] >= i``, for i = 0, 1, ... in turn.

    Done for all positions at once. Step ``i`` brings the value at ``i`` to its partner. So what stands at ``i`` when
    its turn comes was brought by the last step whose partner is ``i``, and that step's value by an earlier one: the
    links are followed to their root. What step ``i`` finds at its partner, and leaves at ``i``, was likewise brought
    by the last earlier step with the same partner, or has stood there from the start.
    """
    steps = np.arange(partner.size)
    moves = np.flatnonzero(partner != steps)
    source = steps.copy()
    source[partner[moves]] = moves  # the last one of equal targets stays
    value = _roots(source)
    earlier, later = _same_partner(partner, moves)
    out = np.where(partner == steps, value, partner)
    out[later] = value[earlier]
    return out


def shuffle_inside_out(partner: np.ndarray) -> np.ndarray:
    """``range(n)`` built by appending ``i`` and swapping it with ``partner[i] <= i``, for i = 0, 1, ... in turn.

    Step ``i`` leaves ``i`` at its partner and takes what stood there: the last earlier step with that partner, or
    else what its partner's own step took.
    """
    steps = np.arange(partner.size)
    moves = np.flatnonzero(partner != steps)
    earlier, later = _same_partner(partner, moves)
    source, taken = partner.copy(), steps
    source[later], taken[later] = later, earlier
    out = taken[_roots(source)]
    out[partner[moves]] = moves
    return out


def _same_partner(partner: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of successive moves with the same partner."""
    keys = np.sort(partner[moves] << 32 | moves)
    again = np.flatnonzero(keys[1:] >> 32 == keys[:-1] >> 32)
    return keys[again] & 0xFFFFFFFF, keys[again + 1] & 0xFFFFFFFF


def _roots(source: np.ndarray) -> np.ndarray:
    """Follow every link to its end; jumping doubles, so this takes a few rounds."""
    while not np.array_equal(further := source[source], source):
        source = further
    return source


# ---------------------------------------------------------------------------------------------------------- categories
def multinomial(
    generator: Generator, probs: np.ndarray, num_samples: int, replacement: bool = False, dtype: DType = float32
) -> np.ndarray:
    """Categories drawn in proportion to ``probs`` (C) or (N, C) -> int64 (num_samples) or (N, num_samples).

    One sample, and samples without replacement, are the largest of probability / exponential; samples with
    replacement are looked up in the cumulated probabilities. Equal quotients (frequent in halves, and what zero
    probabilities give) come in no particular order, as in PyTorch.

    Raises: RuntimeError for probabilities or counts that PyTorch refuses.
    """
    check_multinomial(probs, num_samples, replacement, dtype)
    if replacement and num_samples > 1:
        return _by_lookup(generator, probs, num_samples, dtype)
    if not (probs.max(initial=0) < math.inf and probs.min(initial=0) >= 0):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (probs.sum(axis=-1) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    arrival = rounded(exponential(generator, probs.shape, 1.0, dtype), dtype)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient = rounded(probs / arrival, dtype)
    if num_samples == 1:
        return np.argmax(quotient, axis=-1, keepdims=True)
    quotient[np.isnan(quotient)] = math.inf
    np.negative(quotient, out=quotient)
    largest = np.argpartition(quotient, num_samples - 1, axis=-1)[..., :num_samples]
    order = np.argsort(np.take_along_axis(quotient, largest, axis=-1), axis=-1)
    return np.take_along_axis(largest, order, axis=-1)


def check_multinomial(probs: np.ndarray, num_samples: int, replacement: bool, dtype: DType) -> None:
    if probs.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if dtype not in FLOATS:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {scalar_type_name(dtype)}",
        )
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > probs.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if probs.shape[-1] > 1 << 24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    if probs.size == 0 and probs.shape[0] > 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
        )


def _by_lookup(generator: Generator, probs: np.ndarray, num_samples: int, dtype: DType) -> np.ndarray:
    rows = probs.reshape(-1, probs.shape[-1]).astype(storage(dtype), copy=False)
    if not (rows >= 0).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not np.isfinite(rows).all():
        raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    totals = np.cumsum(rows, axis=-1, dtype=rows.dtype)
    if not (totals[:, -1] > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    totals /= totals[:, -1:]
    totals[:, -1] = 1
    uniforms = generator.doubles(len(rows) * num_samples).reshape(-1, num_samples)
    # a row at a time: searchsorted takes one sorted row
    found = [np.searchsorted(row.astype(np.float64), u) for row, u in zip(totals, uniforms)]
    return np.array(found, np.int64).reshape(*probs.shape[:-1], num_samples)


# ------------------------------------------------------------------------------------------------------------- dropout
_ALPHA = 1.7580993408473766  # the negative of SELU's limit at minus infinity


def feature_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The noise shape of the feature dropouts: (N, C, ...) -> (N, C, 1, ...)."""
    if len(shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*shape[:2], *(1 for _ in shape[2:]))


def dropout_noise(generator: Generator, shape: Sequence[int], p: float, dtype: DType = float32) -> np.ndarray:
    """What dropout multiplies its input with: 0 with probability ``p < 1``, else ``1 / (1 - p)``.

    PyTorch draws nothing for ``p`` 0 or 1, nor for an empty input.
    """
    kept = bernoulli(generator, 1 - p, shape)
    kind = storage(dtype)
    return rounded(kept.astype(kind) / kind(1 - p), dtype)


def alpha_dropout_noise(
    generator: Generator, shape: Sequence[int], p: float, dtype: DType = float32
) -> tuple[np.ndarray, np.ndarray]:
    """The factor and the summand of alpha dropout, which keeps mean and variance of SELU's output."""
    noise = bernoulli(generator, 1 - p, shape).astype(storage(dtype))
    kind, a = storage(dtype), 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = rounded(rounded((noise - 1) * kind(_ALPHA * a), dtype) + kind(_ALPHA * a * p), dtype)
    return rounded(noise * kind(a), dtype), shift


def rrelu_noise(
    generator: Generator, input: np.ndarray, lower: float = 1 / 8, upper: float = 1 / 3, dtype: DType = float32
) -> np.ndarray:
    """The slopes of ``rrelu`` in training: uniform on ``[lower, upper)`` where ``input <= 0``, else 1 with no draw."""
    require("rrelu_with_noise_out_cpu", dtype, (bfloat16, float32, float64))
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    kind = storage(dtype)
    low, high = float(kind(lower)), float(kind(upper))
    noise = np.ones(input.shape, kind)
    leaky = input <= 0
    noise[leaky] = generator.doubles(int(leaky.sum())) * (high - low) + low
    return noise

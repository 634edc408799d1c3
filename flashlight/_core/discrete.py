"""PyTorch's discrete draws on the CPU, number for number: booleans, integers, permutations, categories, dropout.

The contract is that of ``draws``: numpy arrays from a ``Generator``, float16 and bfloat16 held in float32.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np

from flashlight._core.draws import CPP_NAMES, FLOATS, HALVES, exponential, from_doubles, require, rounded, storage
from flashlight._core.dtypes import (
    INT,
    bfloat16,
    bool_,
    complex64,
    finfo,
    float16,
    float32,
    float64,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    scalar_type_name,
    uint8,
    uint16,
    uint32,
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
        raise NotImplementedError(f"\"bernoulli_tensor_cpu_p_\" not implemented for '{p.dtype.name}'")
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, "
            "please report an enhancement request to PyTorch.)"
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
    n, span = math.prod(shape), last - low + 1
    out = np.empty(n, storage(dtype))
    for part in chunks(out):
        if span >= 1 << 28:  # from here on 32 bits would favour small numbers
            offsets = generator.words64(part.size) % np.uint64(span)
        else:
            words = generator.words(part.size)
            offsets = words - words // np.uint32(span) * np.uint32(span)  # numpy divides faster than it takes remainders
        part[...] = offsets.astype(np.int64) + np.int64(low)
    return out.reshape(tuple(shape))


def _random_default(generator: Generator, shape: Sequence[int], dtype: DType) -> np.ndarray:
    n = math.prod(shape)
    out = np.empty(n, storage(dtype))
    if n:
        require("random_kernel_cpu", dtype, FLOATS + _INTS + (bool_,))
    if dtype in (int64, float64):
        span = (1 << 53) + 1 if dtype is float64 else 1 << 63
        out[...] = generator.words64(n) % np.uint64(span)
    else:
        span = (1 << _DIGITS[dtype]) + 1 if dtype in _DIGITS else 2 if dtype is bool_ else iinfo(dtype).max + 1
        out[...] = generator.words(n) % np.uint32(span)
    return out.reshape(tuple(shape))


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
    name = CPP_NAMES[dtype.name]
    for what, value in (("from", low), ("to - 1", last)):
        if not least <= value <= largest:
            raise RuntimeError(f"{what} is out of bounds for {name}")
    for what, value in (("from", low), ("to - 1", last)) if dtype in FLOATS else ():
        digits = _DIGITS[dtype]
        if abs(value) > 1 << digits:
            warnings.warn(
                f"{what} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {name} can support "
                "discrete uniform distribution only within this range. This warning will become an error in version 1.7 "
                "release, please fix the code in advance",
                UserWarning,
                stacklevel=4,
            )


# -------------------------------------------------------------------------------------------------------- permutations
_WIDE_PERMUTATION = ((1 << 32) - 1) // 20  # from this length on, PyTorch shuffles inside out with 64-bit words


def randperm(generator: Generator, n: int, dtype: DType = int64) -> np.ndarray:
    """A permutation of ``0 .. n - 1`` (``torch.randperm``).

    Raises: RuntimeError if ``n`` is negative or too large for the dtype.
    """
    _check_permutation(n, dtype)
    if n < _WIDE_PERMUTATION:
        steps = np.arange(max(n - 1, 0))
        partner = np.arange(n)
        partner[:-1] += generator.words(max(n - 1, 0)) % (n - steps)
        return shuffled(partner).astype(storage(dtype))
    steps = np.arange(n, dtype=np.uint64)
    return shuffled_inside_out((generator.words64(n) % (steps + np.uint64(1))).astype(np.int64)).astype(storage(dtype))


def _check_permutation(n: int, dtype: DType) -> None:
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    limit = {float16: "2049", float32: "2^24+1", float64: "2^53+1"}.get(dtype)
    if limit and n > (1 << _DIGITS[dtype]) + 1:
        raise RuntimeError(f"n cannot be greater than {limit} for {scalar_type_name(dtype)} type.")
    if dtype.category == INT and n - 1 > iinfo(dtype).max:
        name = {int32: "int"}.get(dtype, f"{dtype.name}_t")
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    require("randperm", dtype, FLOATS + _INTS)


def shuffled(partner: np.ndarray) -> np.ndarray:
    """``range(n)`` after swapping position ``i`` with ``partner[i] >= i``, for i = 0, 1, ... in that order.

    Solved for all positions at once. What stands at ``i`` when its turn comes was put there by the last step that
    chose ``i``; following these links back gives its value. Step ``i`` leaves at ``i`` what it finds at its partner:
    the value moved there by the last earlier step with that partner, or else the partner itself.
    """
    n = partner.size
    steps = np.arange(n)
    moves = np.flatnonzero(partner != steps)
    source = steps.copy()
    source[partner[moves]] = moves  # of equal targets the last one stays
    found = _roots(source)
    # sort (partner, step): the predecessor with the same partner is the earlier step that matters
    order = np.sort(partner[moves] * n + moves) if n < 1 << 31 else moves[np.lexsort((moves, partner[moves]))]
    step = order % n if n < 1 << 31 else order
    target = partner[step]
    again = np.flatnonzero(target[1:] == target[:-1]) + 1
    out = partner.copy()
    out[again_steps] = found[step[again - 1]] if (again_steps := step[again]).size else out[again_steps]
    still = np.flatnonzero(partner == steps)
    out[still] = found[still]
    return out

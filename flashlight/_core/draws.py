"""PyTorch's continuous distributions on the CPU, number for number: numpy arrays drawn from a ``Generator``.

Contract: an array comes back in the numpy type of the dtype asked for. float16 and bfloat16 come back as float32
that casts to PyTorch's very bits (numpy has no bfloat16); array arguments in these two types are float32 as well.
Bounds and probabilities are checked in PyTorch's words, before anything is drawn.

PyTorch fills in memory order. A tensor that is not contiguous is filled along its strides, largest first, and its
normals are drawn in pairs even when there are 16 or more: ``normal(..., contiguous=False)``.

Uniforms, integers and booleans agree to the bit; what goes through log, sin, cos or exp agrees to about 1e-7.
Not reproduced: with an Intel processor, PyTorch leaves scalar Bernoulli and exponential draws to MKL.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence

import numpy as np

from flashlight._core.dtypes import (
    INT,
    bfloat16,
    complex64,
    cpp_name,
    finfo,
    float16,
    float32,
    float64,
    scalar_type_name,
)
from flashlight._core.dtypes import dtype as DType
from flashlight._core.generator import Generator, chunks

HALVES = (float16, bfloat16)
FLOATS = (float16, bfloat16, float32, float64)


# ------------------------------------------------------------------------------------------------------------ rounding
def storage(dtype: DType):
    """The numpy type an array of ``dtype`` is made in."""
    return np.float32 if dtype in HALVES else dtype.numpy


def rounded(x: np.ndarray, dtype: DType) -> np.ndarray:
    """float32 values rounded to float16 or bfloat16 (still stored as float32); other dtypes are left alone."""
    if dtype is float16:
        with np.errstate(over="ignore"):
            return x.astype(np.float16).astype(np.float32)
    if dtype is bfloat16:
        bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
        even = bits + (((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF))
        even &= np.uint32(0xFFFF0000)
        return np.where(np.isnan(x), x, even.view(np.float32))
    return x


def _element(value: float, dtype: DType):
    """A Python number as an element of a tensor."""
    with np.errstate(over="ignore"):
        return rounded(np.full(1, value, storage(dtype)), dtype)[0]


def require(kernel: str, dtype: DType, allowed: Sequence[DType]) -> None:
    """Raise NotImplementedError in PyTorch's words if ``kernel`` does not take ``dtype``."""
    if dtype not in allowed:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_type_name(dtype)}'")


def _shaped(flat: np.ndarray, shape: Sequence[int], dtype: DType) -> np.ndarray:
    if dtype is complex64:
        flat = flat.view(np.complex64)
    return flat.reshape(tuple(shape))


def from_doubles(generator: Generator, shape: Sequence[int], dtype: DType, transform) -> np.ndarray:
    """One float64 uniform per element, through ``transform`` (which may overwrite its argument), then cast."""
    out = np.empty(math.prod(shape), storage(dtype))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        for part in chunks(out):
            values = transform(generator.doubles(part.size))
            # narrow integers are cut off from wide ones, not saturated
            part[...] = values.astype(np.int64) if dtype.category == INT else values
    return out.reshape(tuple(shape))


# ------------------------------------------------------------------------------------------------------------- uniform
def uniform(
    generator: Generator, shape: Sequence[int], low: float = 0.0, high: float = 1.0, dtype: DType = float32
) -> np.ndarray:
    """Uniform on ``[low, high)``: ``torch.rand`` and ``Tensor.uniform_``; complex64 has both parts uniform.

    Raises: RuntimeError for bounds out of order or out of range, NotImplementedError for integer dtypes.
    """
    real = float32 if dtype is complex64 else dtype
    _check_uniform(low, high, real)
    out = generator.fill(np.empty(math.prod(shape) * (1 + (dtype is complex64)), storage(real)))
    if (low, high) != (0.0, 1.0):
        for part in chunks(out, 1 << 13):  # small ones: there are many temporaries
            _scale(part, low, high, real)
    if real in HALVES:
        out = rounded(out, real)
    if real in HALVES or (low, high) != (0.0, 1.0):
        # rounding can reach the open end of the interval
        out[out == _element(high, real)] = _element(low, real)
    return _shaped(out, shape, dtype)


def _check_uniform(low: float, high: float, dtype: DType) -> None:
    require("check_uniform_bounds", dtype, FLOATS)
    largest = finfo(dtype).max
    for name, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {cpp_name(dtype)}")
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}",
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{scalar_type_name(dtype)}>::max(), but found to={high:g} "
            f"and from={low:g} which result in to-from to exceed the limit"
        )


def _scale(x: np.ndarray, low: float, high: float, dtype: DType) -> None:
    """``x * (high - low) + low`` in place with a single rounding, as compilers fuse it."""
    if dtype is not float64:
        low32 = np.float32(low)
        # the product of two float32 is exact in float64, and so is the sum for bounds of like size
        x[...] = x.astype(np.float64) * float(np.float32(high) - low32) + float(low32)
        return
    span = np.float64(high - low)
    product = x * span
    x_head, span_head = _head(x), _head(np.atleast_1d(span))[0]
    x_tail, span_tail = x - x_head, span - span_head
    error = ((x_head * span_head - product) + x_head * span_tail + x_tail * span_head) + x_tail * span_tail
    total = product + low
    moved = total - product
    x[...] = total + (((product - (total - moved)) + (low - moved)) + error)


def _head(x: np.ndarray) -> np.ndarray:
    """The upper 26 bits of float64 significands: products of heads are exact."""
    return (x.view(np.uint64) & np.uint64(~((1 << 27) - 1) % (1 << 64))).view(np.float64)


# -------------------------------------------------------------------------------------------------------------- normal
# PyTorch's AVX2 kernel multiplies by a float32 2 pi, the portable one (Apple processors) by a float64 one.
_ANGLE_TYPE = np.float32 if platform.machine() in ("x86_64", "AMD64") else np.float64


def normal(
    generator: Generator,
    shape: Sequence[int],
    mean: float | np.ndarray = 0.0,
    std: float | np.ndarray = 1.0,
    dtype: DType = float32,
    contiguous: bool = True,
) -> np.ndarray:
    """Normal with ``mean`` and ``std``: ``torch.randn``, ``torch.normal`` and ``Tensor.normal_``.

    Numbers are drawn in blocks of 16 when there are at least 16 of them, else in pairs of which the generator keeps
    the spare one. Arrays of means or deviations (broadcasting to ``shape``) are applied to standard normals.
    For complex64 the variance ``std**2`` is shared by the two parts.

    Raises: RuntimeError for a negative ``std``, NotImplementedError for integer dtypes.
    """
    if isinstance(mean, np.ndarray) or isinstance(std, np.ndarray):
        return _normal_by_array(generator, shape, mean, std, dtype, contiguous)
    _check_std(std)
    n = math.prod(shape)
    if n == 0:
        return np.empty(tuple(shape), storage(dtype))
    if dtype is complex64:
        return _shaped(_normal_flat(generator, 2 * n, mean, std / math.sqrt(2), float32, contiguous), shape, dtype)
    require("normal_kernel_cpu", dtype, FLOATS)
    return _shaped(_normal_flat(generator, n, mean, std, dtype, contiguous), shape, dtype)


def _check_std(std: float) -> None:
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")


def _normal_by_array(generator, shape, mean, std, dtype, contiguous) -> np.ndarray:
    if isinstance(std, np.ndarray):
        if np.iscomplexobj(std):
            raise RuntimeError("normal expects standard deviation to be non-complex")
        if std.size and not std.min() >= 0:
            raise RuntimeError("normal expects all elements of std >= 0.0")
        out = rounded(normal(generator, shape, 0.0, 1.0, dtype, contiguous), dtype)
        out = rounded((out * std).astype(storage(dtype), copy=False), dtype)
        if not isinstance(mean, np.ndarray):
            mean = _element(mean, dtype)
    else:
        out = rounded(normal(generator, shape, 0.0, std, dtype, contiguous), dtype)
    return (out + mean).astype(storage(dtype), copy=False)


def _normal_flat(generator, n: int, mean: float, std: float, dtype: DType, contiguous: bool) -> np.ndarray:
    kind, full = storage(dtype), n - n % 16
    out = np.empty(n, kind)
    if n < 16 or not contiguous:
        out[...] = _paired_normals(generator, n) * std + mean
        return out
    mean, std = float(kind(mean)), float(kind(std))
    # the last, incomplete block is drawn in vain by the wide types, and not at all by the halves
    for part in chunks(out[:full] if dtype in HALVES else out):
        _box_muller(generator.fill(part)[: part.size - part.size % 16], mean, std)
    if full < n:
        _box_muller(generator.fill(out[-16:]), mean, std)
    return out


def _box_muller(x: np.ndarray, mean: float, std: float) -> None:
    """Turn uniforms into normals in place, in blocks of 16: the first 8 give the radii, the last 8 the angles."""
    blocks = x.reshape(-1, 2, 8)
    radius = np.subtract(1, np.take(blocks, 0, axis=1))
    np.log(radius, out=radius)
    radius *= -2
    np.sqrt(radius, out=radius)
    angle = np.take(blocks, 1, axis=1)
    kind = np.float64 if x.dtype == np.float64 else _ANGLE_TYPE
    np.multiply(angle, 2 * math.pi, out=angle, dtype=kind, casting="same_kind")
    np.multiply(radius, np.cos(angle), out=blocks[:, 0])
    np.multiply(radius, np.sin(angle, out=angle), out=blocks[:, 1])
    if std != 1.0:
        x *= std
    if mean != 0.0:
        x += mean


def _paired_normals(generator: Generator, n: int) -> np.ndarray:
    """``n`` float64 standard normals in pairs; the generator keeps the second of the last pair for the next call."""
    out = np.empty(n)
    spare = generator.spare_normal if n else None
    taken = int(spare is not None)
    if taken:
        out[0], generator.spare_normal = spare, None
    pairs = (n - taken + 1) // 2
    if pairs:
        uniforms = generator.doubles(2 * pairs).reshape(pairs, 2)
        radius = np.sqrt(-2.0 * np.log1p(-uniforms[:, 1]))
        angle = 2.0 * math.pi * uniforms[:, 0]
        both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
        out[taken:] = both[: n - taken]
        if (n - taken) % 2:
            generator.spare_normal = normal_pair(*uniforms[-1].tolist())[1]
    return out


def normal_pair(u1: float, u2: float) -> tuple[float, float]:
    """The two standard normals of a pair of uniforms, by the C library: the second is part of the state."""
    radius = math.sqrt(-2.0 * math.log1p(-u2))
    angle = 2.0 * math.pi * u1
    return radius * math.cos(angle), radius * math.sin(angle)


def log_normal(
    generator: Generator, shape: Sequence[int], mean: float = 1.0, std: float = 2.0, dtype: DType = float32
) -> np.ndarray:
    """The exponential of a normal (``Tensor.log_normal_``), always drawn in pairs."""
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    n = math.prod(shape)
    if n:
        require("log_normal_cpu", dtype, FLOATS)
    out = np.empty(n, storage(dtype))
    with np.errstate(over="ignore"):
        out[...] = np.exp(_paired_normals(generator, n) * std + mean)
    return out.reshape(tuple(shape))


def exponential(generator: Generator, shape: Sequence[int], lambd: float = 1.0, dtype: DType = float32) -> np.ndarray:
    """Exponential with rate ``lambd`` (``Tensor.exponential_``)."""
    if not lambd > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    if dtype not in FLOATS and math.prod(shape):
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {scalar_type_name(dtype)}"
        )

    def transform(u: np.ndarray) -> np.ndarray:
        np.log1p(np.negative(u, out=u), out=u)
        u *= -1.0 / lambd
        return u

    return from_doubles(generator, shape, dtype, transform)


def cauchy(
    generator: Generator, shape: Sequence[int], median: float = 0.0, sigma: float = 1.0, dtype: DType = float32
) -> np.ndarray:
    """Cauchy with location ``median`` and scale ``sigma`` (``Tensor.cauchy_``)."""
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if dtype not in FLOATS:
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {cpp_name(dtype)}"
        )
    return from_doubles(generator, shape, dtype, lambda u: median + sigma * np.tan(math.pi * (u - 0.5)))


def trunc_normal(
    generator: Generator, shape: Sequence[int], mean: float, std: float, a: float, b: float, dtype: DType = float32
) -> np.ndarray:
    """Normal cut to ``[a, b]`` by rejection, as ``nn.init.trunc_normal_`` draws it for a contiguous tensor.

    While [a, b] holds more than 0.3 of the mass, normals outside are drawn again; else uniforms on [a, b] are
    accepted in proportion to the density. Each round draws for all elements.
    """
    below_a, below_b = ((1.0 + math.erf((v - mean) / std / math.sqrt(2.0))) / 2.0 for v in (a, b))
    if below_b - below_a > 0.3:
        low, high = _element(a, dtype), _element(b, dtype)
        out = rounded(normal(generator, shape, mean, std, dtype), dtype)
        while (outside := (out < low) | (out > high)).any():
            out = np.where(outside, rounded(normal(generator, shape, mean, std, dtype), dtype), out)
        return out
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    out, pending = None, None
    while pending is None or pending.any():
        candidates = uniform(generator, shape, a, b, dtype)
        out = candidates if out is None else np.where(pending, candidates, out)
        with np.errstate(divide="ignore"):
            height = rounded(np.log(uniform(generator, shape, dtype=dtype)), dtype)
        rejected = height > _log_density(candidates, mean, std, peak, dtype)
        pending = rejected if pending is None else pending & rejected
    return out


def _log_density(x: np.ndarray, mean: float, std: float, peak: float, dtype: DType) -> np.ndarray:
    """Logarithm of the normal density relative to its peak, rounded at every step as in-place operators do."""
    x = rounded(x - storage(dtype)(mean), dtype)
    x = rounded(x / storage(dtype)(std), dtype)
    x = rounded(x * x, dtype)
    x = rounded(x * storage(dtype)(-0.5), dtype)
    return rounded(x - storage(dtype)(peak), dtype)

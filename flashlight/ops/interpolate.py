"""Resizing: every mode of ``interpolate``.

All modes are linear and act on one dimension after another. Along a dimension each output takes a few input positions
(taps) with weights, both worked out on the host; the gradient is the transposed map.
"""

from __future__ import annotations

import functools
import math
import warnings

import mlx.core as mx
import numpy as np

from .._core import dtypes
from .._core.conversion import from_host
from .._core.table import Array, composite, namespaces, op
from .._core.tensor import Tensor

_LINEAR = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_MODES = ("nearest", "nearest-exact", "area", "lanczos", *_LINEAR)


# ---------------------------------------------------------------------------------------------------------------- taps
def _cubic(t, a: float):
    """Keys' convolution kernel at distance t."""
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


def _source(size: int, out: int, scale: float | None, align: bool, single: bool):
    """Where in the input each output position lies, and the input positions a step of one output covers."""
    kind = np.float32 if single else np.float64
    i = np.arange(out, dtype=kind)
    if align:
        ratio = kind((size - 1) / (out - 1)) if out > 1 else kind(0)
        return i * ratio, ratio
    ratio = kind(1.0 / scale) if scale is not None and scale > 0 else kind(size) / kind(out)
    return (i + kind(0.5)) * ratio - kind(0.5), ratio


@functools.lru_cache(256)
def _taps(mode: str, size: int, out: int, scale: float | None, align: bool, antialias: bool, single: bool) -> tuple:
    """(P, T) positions in the input and their weights, for each output position of one dimension."""
    if mode in ("nearest", "nearest-exact"):
        kind = np.float32
        ratio = kind(1.0 / scale) if scale is not None and scale > 0 else kind(size) / kind(out)
        shift = kind(0.5) if mode == "nearest-exact" else kind(0)
        at = np.minimum(np.floor((np.arange(out, dtype=kind) + shift) * ratio).astype(np.int64), size - 1)
        return at[:, None], np.ones((out, 1))
    x, ratio = _source(size, out, scale, align, single)
    if antialias:
        return _antialiased(mode, size, out, ratio)
    if mode == "bicubic":
        base = np.floor(x)
        taps = base[:, None].astype(np.int64) + np.arange(-1, 3)
        return np.clip(taps, 0, size - 1), _cubic((x - base)[:, None] - np.arange(-1, 3), -0.75)
    x = np.maximum(x, 0)
    low = np.minimum(np.floor(x).astype(np.int64), size - 1)
    part = np.clip(x - low, 0, 1)
    return np.stack([low, np.minimum(low + 1, size - 1)], 1), np.stack([1 - part, part], 1)


def _antialiased(mode: str, size: int, out: int, ratio) -> tuple:
    # the kernel is widened to the step when shrinking, and the weights inside the image sum to one; torch steps from half a
    # step with aligned corners too
    stretch, reach = max(float(ratio), 1.0), {"lanczos": 3.0, "bicubic": 2.0}.get(mode, 1.0)
    center = ((np.arange(out, dtype=ratio.dtype) + ratio.dtype.type(0.5)) * ratio).astype(np.float64)
    support = reach * stretch
    start = np.maximum((center - support + 0.5).astype(np.int64), 0)
    end = np.minimum((center + support + 0.5).astype(np.int64), size)
    taps = start[:, None] + np.arange(int((end - start).max()))
    distance = (taps - center[:, None] + 0.5) / stretch
    weights = _KERNELS[mode](distance)
    weights = np.where(taps < end[:, None], weights, 0.0)
    return np.minimum(taps, size - 1), weights / weights.sum(1, keepdims=True)


_KERNELS = {
    "bilinear": lambda t: np.maximum(1 - np.abs(t), 0),
    "bicubic": lambda t: _cubic(t, -0.5),
    "lanczos": lambda t: np.where(np.abs(t) < 3, np.sinc(t) * np.sinc(t / 3), 0.0),
}


@functools.lru_cache(64)
def _matrix(*spec) -> np.ndarray:
    """(P, S): the whole map along one dimension."""
    taps, weights = _taps(*spec)
    dense = np.zeros((taps.shape[0], spec[1]))
    np.add.at(dense, (np.arange(taps.shape[0])[:, None], taps), weights)
    return dense


# ---------------------------------------------------------------------------------------------------------------- maps
_MANY = 4  # taps from which a matrix product beats sums of gathered slices


def _resize(x, axis: int, spec: tuple):
    size, out = spec[1], spec[2]
    taps, weights = _taps(*spec)
    if taps.shape[1] == 1:
        if out % size == 0 and (taps[:, 0] == np.arange(out) // (out // size)).all():
            return mx.repeat(x, out // size, axis=axis) if out != size else x
        return mx.take(x, from_host(taps[:, 0]), axis=axis)
    if taps.shape[1] > _MANY:
        return _product(x, axis, _matrix(*spec))
    shape = [1] * x.ndim
    shape[axis] = out
    total = None
    for t in range(taps.shape[1]):
        weight = from_host(weights[:, t], _dtype(x)).reshape(shape)
        part = mx.take(x, from_host(taps[:, t]), axis=axis) * weight
        total = part if total is None else total + part
    return total


def _resize_back(g, axis: int, spec: tuple):
    """The adjoint of `_resize`."""
    size, out = spec[1], spec[2]
    taps = _taps(*spec)[0]
    if taps.shape[1] == 1 and out % size == 0 and (taps[:, 0] == np.arange(out) // (out // size)).all():
        return g.reshape(*g.shape[:axis], size, out // size, *g.shape[axis + 1 :]).sum(axis + 1)
    return _product(g, axis, _matrix(*spec).T)


def _dtype(x):
    return dtypes.from_mlx(x.dtype)


def _product(x, axis: int, matrix):
    weights = from_host(np.ascontiguousarray(matrix.T), _dtype(x))
    return mx.moveaxis(mx.moveaxis(x, axis, -1) @ weights, -1, axis)


def _is_identity(*spec) -> bool:
    return spec[1] == spec[2] and np.array_equal(_matrix(*spec), np.eye(spec[1]))


def _axes(shape, sizes, mode, align, scales, antialias, dtype) -> list:
    # the weights of images of bytes are worked out in double precision too
    single = dtype not in (mx.float64, mx.uint8)
    found = []
    for i, (n, out, scale) in enumerate(zip(shape[2:], sizes, scales, strict=True)):
        spec = (mode, n, out, scale, align, antialias, single)
        if not (n == out and scale in (None, 1.0)) or not _is_identity(*spec):
            found.append((i + 2, spec))
    return found


@op(name="interpolate", namespace="_", method=False, backward="Upsample", autocast="gpu fp32")
def _interpolated(input: Array, sizes, mode, align, scales, antialias) -> Array:
    """``input`` (N, C, *S) resized to (N, C, *sizes)."""
    if input.dtype == mx.uint8:
        return _bytes(input, sizes, mode, align, scales, antialias)
    x = input.astype(mx.float32) if input.itemsize == 2 else input
    for axis, spec in _axes(input.shape, sizes, mode, align, scales, antialias, input.dtype):
        x = _resize(x, axis, spec)
    return x.astype(input.dtype)


def _bytes(input, sizes, mode, align, scales, antialias):
    # images of bytes: each dimension's sums, the last dimension first, are rounded and kept in range
    axes = _axes(input.shape, sizes, mode, align, scales, antialias, input.dtype)
    if mode.startswith("nearest"):
        for axis, spec in axes:
            input = _resize(input, axis, spec)
        return input
    x = input.astype(mx.float32)
    for axis, spec in reversed(axes):
        weights, bits = _whole_weights(*spec)
        x = mx.clip(mx.floor(_product(x, axis, weights) / 2**bits + 0.5), 0, 255)
    return x.astype(mx.uint8)


@functools.lru_cache(64)
def _whole_weights(*spec) -> tuple:
    """The map with weights as torch rounds them for bytes: whole numbers, and the power of two they count in."""
    matrix = _matrix(*spec)
    largest, bits = matrix.max(), 0
    while bits < 22 and int(0.5 + largest * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    return np.trunc(matrix * (1 << bits) + np.where(matrix < 0, -0.5, 0.5)), bits


@_interpolated.vjp
def _(g, sizes, mode, align, scales, antialias, shapes, dtypes):
    g = g.astype(mx.float32) if g.itemsize == 2 else g
    for axis, spec in reversed(_axes(shapes[0], sizes, mode, align, scales, antialias, dtypes[0])):
        g = _resize_back(g, axis, spec)
    return g.astype(dtypes[0])


@_interpolated.checked
def _(arrays, statics):
    shape = arrays[0].shape
    if min(statics[0]) > 0 and 0 in shape[1:2]:
        raise RuntimeError(f"Non-empty {len(shape)}D data tensor expected but got a tensor with sizes {list(shape)}")
    if min(statics[0]) <= 0 or 0 in shape[2:]:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({_named(shape[2:])}) "
            f"{'and ' if len(shape) == 3 else ''}output ({_named(statics[0])})"
        )
    kind = arrays[0].dtype
    if not mx.issubdtype(kind, mx.floating) and kind != mx.uint8:
        name = dtypes.scalar_type_name(dtypes.from_mlx(kind))
        raise NotImplementedError(f"\"upsample_{statics[1].replace('-', '_')}\" not implemented for '{name}'")
    return arrays


def _named(sizes) -> str:
    return ", ".join(f"{name}: {n}" for name, n in zip("DHW"[-len(sizes) :], sizes, strict=True))


# ----------------------------------------------------------------------------------------------------------- arguments
def _sizes(input: Tensor, size, scale_factor, recompute: bool | None) -> tuple:
    """The output sizes, and the scale factors that fix the grid (None where the sizes do)."""
    n = max(input.dim() - 2, 0)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (tuple, list)):
            if len(size) != n:
                raise ValueError(
                    _mismatch("output", size, input, "output size of", "output size in (o1, o2, ...,oK) format")
                )
            if any(not hasattr(s, "__index__") for s in size):
                raise TypeError(
                    "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size "
                    f"with types {[type(s) for s in size]}"
                )
            return tuple(s.__index__() for s in size), (None,) * n
        if not hasattr(size, "__index__"):
            raise TypeError(
                f"interpolate(): argument 'size' must be an int or a tuple of ints, not {type(size).__name__}"
            )
        return (size.__index__(),) * n, (None,) * n
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * n
    if len(factors) != n:
        raise ValueError(
            _mismatch(
                "scale_factor", factors, input, "scale_factor of shape", "scale_factor in (s1, s2, ...,sK) format"
            )
        )
    sizes = tuple(math.floor(int(s) * float(f)) for s, f in zip(input.shape[2:], factors, strict=True))
    return sizes, (None,) * n if recompute else tuple(float(f) for f in factors)


def _mismatch(what: str, given, input: Tensor, name: str, form: str) -> str:
    return (
        f"Input and {what} must have the same number of spatial dimensions, but got input with spatial dimensions of "
        f"{list(input.shape[2:])} and {name} {given}. Please provide input tensor in (N, C, d1, d2, ...,dK) "
        f"format and {form}."
    )


def _check_mode(mode: str, n: int, antialias: bool) -> None:
    """Whether a mode fits ``n`` spatial dimensions."""
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and n == 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and n == 2 and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    needed = {**_LINEAR, "lanczos": 2}.get(mode, n)
    if n in (1, 2, 3) and mode in ("linear", "bilinear", "trilinear") and needed != n:
        raise NotImplementedError(f"Got {n + 2}D input, but {mode} mode needs {needed + 2}D input")
    if n not in (1, 2, 3) or mode not in _MODES or needed != n:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {n + 2}D) for the modes: nearest | linear | "
            f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        )


@composite(namespace="nn.functional")
def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """Resize the spatial dimensions to ``size``, or by ``scale_factor``. Shape: (N, C, *S), one to three in S.

    ``mode``: nearest, nearest-exact, linear, bilinear, bicubic, trilinear, lanczos or area; ``antialias`` goes with
    bilinear and bicubic, and must with lanczos.
    """
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    align = bool(align_corners)
    sizes, scales = _sizes(input, size, scale_factor, recompute_scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    n = input.dim() - 2
    _check_mode(mode, n, bool(antialias))
    if mode == "lanczos" and align:
        raise ValueError("Lanczos mode does not support align_corners=True")
    if mode == "area":
        return namespaces["nn.functional"][f"adaptive_avg_pool{n}d"](input, sizes)
    return _interpolated.public(input, sizes, mode, align, scales, bool(antialias))


@composite(namespace="nn.functional")
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """``interpolate`` under its old name."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


@composite(namespace="nn.functional")
def upsample_nearest(input, size=None, scale_factor=None):
    """``interpolate(mode="nearest")`` under its old name."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="nearest")


@composite(namespace="nn.functional")
def upsample_bilinear(input, size=None, scale_factor=None):
    """``interpolate(mode="bilinear", align_corners=True)`` under its old name."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)

"""Distinct values and histograms: unique, unique_consecutive, bincount, histc, histogram, histogramdd."""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes, return_types
from .._core.axes import axes_of
from .._core.conversion import from_host, host_value, to_numpy
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read, wrap, wrap_dim
from .kinds import INT, kind_of, no_derivative, not_implemented
from .random import refused


def _on_host(a: mx.array) -> np.ndarray:
    return to_numpy(host_value(wrap(a)))


def _from_host(values: np.ndarray, like: mx.array) -> mx.array:
    return from_host(values, dtypes.from_mlx(like.dtype))


# ------------------------------------------------------------------------------------------------------------- unique
@op(namespace="_", method=False, host=True, name="unique", constant_outputs=(1, 2), backward="Unique2")
def unique_values(input: Array, dim) -> tuple[Array, Array, Array]:
    """The distinct values in order, where each element's value is among them, and how often each occurs."""
    host = _on_host(input)
    if dim is not None and host.size == 0:
        return _unique_of_nothing(input, dim)
    values, inverse, counts = np.unique(host, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    return _from_host(values, input), mx.array(inverse.reshape(host.shape if dim is None else -1)), mx.array(counts)


def _unique_of_nothing(input: mx.array, dim: int) -> tuple:
    if input.shape[dim] != 0:
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    empty = mx.zeros((0,), dtype=mx.int64)
    return input, empty, empty


@op(namespace="_", method=False, host=True, name="unique_consecutive", constant_outputs=(1, 2))
def consecutive_values(input: Array, dim) -> tuple[Array, Array, Array]:
    """The first of each run of equals, the run of each element, and the lengths of the runs."""
    if dim is not None and input.size == 0:
        return _unique_of_nothing(input, dim)
    host = _on_host(input)
    rows = host.reshape(-1) if dim is None else np.moveaxis(host, dim, 0)
    differs = (rows[1:] != rows[:-1]).any(axis=tuple(range(1, rows.ndim)))
    starts = np.concatenate([np.ones(min(len(rows), 1), dtype=bool), differs])
    first = np.flatnonzero(starts)
    values = rows[first] if dim is None else np.moveaxis(rows[first], 0, dim)
    runs = np.cumsum(starts) - 1
    counts = np.diff(np.append(first, len(rows)))
    shape = host.shape if dim is None else -1
    return _from_host(values, input), mx.array(runs.reshape(shape)), mx.array(counts.astype(np.int64))


no_derivative(unique_values, consecutive_values)


def _parts(results: tuple, return_inverse: bool, return_counts: bool):
    asked = [results[0], *([results[1]] if return_inverse else []), *([results[2]] if return_counts else [])]
    return asked[0] if len(asked) == 1 else tuple(asked)


def _unique_input(name: str, input: Tensor, dim) -> tuple:
    if input.is_complex():
        raise not_implemented(name, input._a)
    return (None if dim is None else wrap_dim(dim, input.ndim),)


@composite
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements, or slices along ``dim``, in order; ``sorted=False`` allows any order and gives the same.

    Args:
        return_inverse: also where each element's value is among the results.
        return_counts: also how often each occurs.
    """
    results = dispatch.run(unique_values, (input,), _unique_input("unique", input, dim))
    return _parts(results, return_inverse, return_counts)


@composite
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements, or slices along ``dim``, without those equal to the one before; other results as in ``unique``."""
    results = dispatch.run(consecutive_values, (input,), _unique_input("unique", input, dim))
    return _parts(results, return_inverse, return_counts)


# --------------------------------------------------------------------------------------------------------- histograms
@op(grad=False, host=True)
def bincount(input: Array, weights: Array | None = None, minlength=0) -> Array:
    """How often each whole number occurs, or the sum of its ``weights``."""
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if kind_of(input) != INT:
        raise not_implemented("bincount_cpu", input)
    values = _on_host(input)
    if values.ndim != 1 or (values.size and values.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return mx.array(np.bincount(values.astype(np.int64), minlength=minlength).astype(np.int64))
    if weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    kind = np.float32 if weights.dtype == mx.float32 else np.float64
    sums = np.bincount(values.astype(np.int64), _on_host(weights).astype(np.float64), minlength)
    return from_host(sums.astype(kind))


def _extent(values: np.ndarray) -> tuple:
    return float(values.min()), float(values.max())


def _limits(name: str, low, high, margin: float) -> tuple:
    """The range of a histogram, widened by ``margin`` if it is empty."""
    if low == high:
        low, high = low - margin, high + margin
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"torch.{name}: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.{name}: max must be larger than min")
    return low, high


def _floats(name: str, a: mx.array) -> None:
    if not mx.issubdtype(a.dtype, mx.floating):
        raise not_implemented(name, a)


@op(grad=False, host=True)
def histc(input: Array, bins=100, min=0, max=0) -> Array:
    """How many elements fall into ``bins`` equal intervals between ``min`` and ``max`` (of the data if both are 0)."""
    _floats("histogram_cpu", input)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    values = _on_host(input).reshape(-1)
    low, high = _extent(values) if min == max and values.size else (min, max)
    low, high = _limits("histc", low, high, 1)
    counts = np.histogramdd(values[:, None], [_edges(low, high, bins, values.dtype)])[0]
    return _from_host(counts.astype(values.dtype), input)


def _edges(low: float, high: float, bins: int, kind) -> np.ndarray:
    """Bin edges as ``linspace`` spaces them: from the nearer end, in the values' precision."""
    low, high, i = kind.type(low), kind.type(high), np.arange(bins + 1)
    step = (high - low) / kind.type(bins)
    return np.where(i < (bins + 1) // 2, low + step * i.astype(kind), high - step * (bins - i).astype(kind)).astype(
        kind
    )


@op(namespace="_", method=False, grad=False, host=True, name="histogram")
def histogram_of(input: Array, weight: Array | None, edges, density) -> Array:
    """The weights that fall into the boxes between edges, one array of them for each column of ``input``."""
    _floats("histogramdd", input)
    points = _on_host(input).astype(np.float64).reshape(-1 if edges else math.prod(input.shape[:-1]), len(edges))
    weights = None if weight is None else _on_host(weight).astype(np.float64).reshape(-1)
    hist = _boxed(points, [e.astype(np.float64) for e in edges], weights)
    if density:
        hist = hist / _volumes(edges) / hist.sum()
    return _from_host(hist.astype(_on_host(input).dtype), input)


def _boxed(points: np.ndarray, edges: list, weights) -> np.ndarray:
    """The weights of the points in each box; edges that do not increase leave boxes out, as torch's search does."""
    if not edges:  # torch counts nothing where there is no dimension
        return np.zeros(())
    inside, place, shape = np.ones(len(points), dtype=bool), 0, [len(e) - 1 for e in edges]
    for column, e, n in zip(points.T, edges, shape, strict=True):
        inside &= (column >= e[0]) & (column <= e[-1])
        place = place * n + np.clip(_first_above(column, e) - 1, 0, n - 1)
    weights = None if weights is None else weights[inside]
    return np.bincount(place[inside], weights, math.prod(shape)).astype(np.float64).reshape(shape)


def _first_above(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Where halving ends: in increasing edges, at the first one above each value."""
    first, count = np.zeros(values.shape, dtype=np.int64), np.full(values.shape, len(edges))
    for _ in range(len(edges).bit_length()):
        half = count // 2
        middle = np.minimum(first + half, len(edges) - 1)
        passed = (count > 0) & ~(values < edges[middle])
        first = np.where(passed, middle + 1, first)
        count = np.where(passed, count - half - 1, half)
    return first


def _volumes(edges) -> np.ndarray:
    volume = np.ones(())
    for e in edges:
        volume = np.multiply.outer(volume, np.diff(e.astype(np.float64)))
    return volume


def _check_histogram(input: Tensor, bins, range, weight) -> None:
    """Raise unless edges or counts, the range and the weights fit points that are the rows of ``input``."""
    n = input.shape[-1]
    if weight is not None:
        if tuple(weight.shape) != tuple(input.shape[:-1]):
            raise RuntimeError(
                "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor "
                f"excluding its innermost dimension, but got input with shape {list(input.shape)} and weight with shape "
                f"{list(weight.shape)}"
            )
        if weight.dtype is not input.dtype:
            have, found = (dtypes.cpp_name(t.dtype) for t in (input, weight))
            raise RuntimeError(
                "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same "
                f"dtype, but got input({have}), and weight({found})"
            )
    for i, b in enumerate(bins):
        if isinstance(b, Tensor):
            _check_edges(input, b, i)
        count = b.shape[0] - 1 if isinstance(b, Tensor) else b
        if count <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {count} for dimension {i}")
    if range is not None and len(range) != 2 * n:
        raise RuntimeError(
            f"torch.histogramdd: for a {n}-dimensional histogram range should have {2 * n} elements, but got {len(range)}"
        )


def _check_edges(input: Tensor, edges: Tensor, i: int) -> None:
    if edges.dtype is not input.dtype:
        have, found = (dtypes.cpp_name(t.dtype) for t in (input, edges))
        raise RuntimeError(
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
            f"{have} and bins for dimension {i} with dtype {found}"
        )
    if edges.ndim != 1:
        raise RuntimeError(
            f"torch.histogramdd: bins tensor should have one dimension, but got {edges.ndim} dimensions in the bins tensor "
            f"for dimension {i}"
        )
    if not edges.shape[0]:
        raise RuntimeError(
            "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for "
            f"dimension {i}"
        )


def _histogram_edges(columns: np.ndarray, bins, range) -> list:
    """The edges in each dimension, given as tensors or as counts with a range."""
    edges = []
    for i, b in enumerate(bins):
        if isinstance(b, Tensor):
            edges.append(to_numpy(host_value(b)))
            continue
        if range is not None:
            low, high = range[2 * i], range[2 * i + 1]
        else:
            low, high = _extent(columns[:, i]) if columns.size else (0, 1)
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {i}"
            )
        low, high = _limits("histogramdd", low, high, 0.5)
        edges.append(_edges(low, high, int(b), columns.dtype))
    return edges


@composite
def histogram(input, bins=100, *, range=None, weight=None, density=False, out=None):
    """(hist, bin_edges): what falls between edges given as a tensor or as a count of equal ``bins`` over ``range``."""
    by_edges = isinstance(bins, Tensor)
    if (by_edges and range is not None) or (not by_edges and not _is_count(bins)):
        raise refused("histogram", (input, bins), {} if range is None else {"range": range})
    _floats("histogram_cpu" if by_edges else "histogramdd", read(input))
    flat = None if weight is None else weight.reshape(-1)
    _check_histogram(input.reshape(-1, 1), [bins], range, flat)
    columns = to_numpy(host_value(input)).reshape(-1, 1)
    edges = _histogram_edges(columns, [bins], range)
    hist = dispatch.run(histogram_of, (input, weight), (edges, density))
    result = return_types.histogram(hist, wrap(_from_host(edges[0], input._a), input._device))
    return result if out is None else dispatch.write_out(out, result)


def _is_count(bins) -> bool:
    return isinstance(bins, (int, np.integer)) and not isinstance(bins, bool)


def _bins_of(bins, n: int) -> list:
    """One count or row of edges for each of ``n`` dimensions: all counts or all edges."""
    bins = [bins] * n if _is_count(bins) else list(bins)
    for i, b in enumerate(bins):
        if isinstance(bins[0], Tensor) and not isinstance(b, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(b).__name__}")
        if not isinstance(bins[0], Tensor) and not _is_count(b):
            raise TypeError(
                f"histogramdd(): argument 'bins' failed to unpack the object at pos {i + 1} with error \"type must be tuple "
                f'of ints,but got {type(b).__name__}"'
            )
    if len(bins) != n and bins and isinstance(bins[0], Tensor):
        raise RuntimeError(
            f"torch.histogramdd: expected {n} sequences of bin edges for a {n}-dimensional histogram but got {len(bins)}"
        )
    if len(bins) != n:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    return bins


@composite(method=False)
def histogramdd(input, bins, range=None, weight=None, density=False):
    """(hist, bin_edges) of points, the rows of ``input``, over boxes; ``bins``: a count, counts or edges."""
    if not _is_count(bins) and not isinstance(bins, (list, tuple)):
        raise refused("histogramdd", (input, bins), {})
    _floats("histogramdd", read(input))
    if input.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    n = input.shape[-1]
    bins = _bins_of(bins, n)
    _check_histogram(input, bins, range, weight)
    columns = to_numpy(host_value(input)).reshape(math.prod(input.shape[:-1]), n)
    edges = _histogram_edges(columns, bins, range)
    hist = dispatch.run(histogram_of, (input, weight), (edges, density))
    return return_types.histogramdd(hist, tuple(wrap(_from_host(e, input._a), input._device) for e in edges))


# --------------------------------------------------------------------------------------------------------------- hash
@op(grad=False, host=True)
def hash_tensor(input: Array, dim=(), *, keepdim=False, mode=0) -> Array:
    """The exclusive or of the elements' bits as float64 or int64, of all or over dimensions, as uint64."""
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if input.dtype == mx.complex64:
        raise not_implemented("xor_sum_cpu", input)
    axes = axes_of(dim, input.ndim)
    if input.size == 0 and axes is None:
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
            "'dim' argument."
        )
    for axis in axes or ():
        if input.ndim and input.shape[axis] == 0:
            raise IndexError(f"hash_tensor: Expected reduction dim {axis} to have non-zero size.")
    wide = np.float64 if mx.issubdtype(input.dtype, mx.floating) else np.int64
    bits = np.ascontiguousarray(_on_host(input).astype(wide)).view(np.uint64).reshape(input.shape)
    over = (axes if input.ndim else None) or None
    found = bits
    for axis in sorted(range(input.ndim) if over is None else over, reverse=True):
        found = np.bitwise_xor.reduce(found, axis=axis, keepdims=keepdim)
    return from_host(np.asarray(found), dtypes.uint64)

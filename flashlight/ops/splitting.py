"""Several views of one tensor: unbind, split, chunk and their relatives."""

from __future__ import annotations

import itertools
import operator

import mlx.core as mx

from .._core import dtypes
from .._core.conversion import host_value
from .._core.steps import Slice
from .._core.table import composite
from .._core.tensor import Tensor, read, wrap_dim
from .._core.views import several
from .shape import ints, sliced


def _unstack(dim: int):
    def join(gs, _like):
        return mx.stack(gs, axis=dim)

    return join


def _concatenate(dim: int):
    def join(gs, _like):
        return mx.concatenate(gs, axis=dim)

    return join


@composite
def unbind(input, dim: int = 0):
    """The parts along a dimension, without it."""
    shape = read(input).shape
    if not shape:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    dim = wrap_dim(dim, len(shape))
    before = tuple(slice(0, n, 1) for n in shape[:dim])
    after = tuple(slice(0, n, 1) for n in shape[dim + 1 :])
    steps = [Slice((*before, i, *after)) for i in range(shape[dim])]
    return several(input, steps, _unstack(dim), "UnbindBackward0")


def _pieces(input: Tensor, dim: int, lengths, name: str) -> tuple:
    key, steps, start = [slice(0, n, 1) for n in read(input).shape], [], 0
    for n in lengths:
        key[dim] = slice(start, start + n, 1)
        steps.append(Slice(tuple(key)))
        start += n
    return several(input, steps, _concatenate(dim), name)


@composite
def split(tensor, split_size_or_sections=None, dim: int = 0, *, split_size=None):
    """Consecutive parts along a dimension, of one size or of given sizes."""
    size = split_size if split_size_or_sections is None else split_size_or_sections
    if isinstance(size, (list, tuple)):
        return split_with_sizes(tensor, size, dim)
    if isinstance(size, float) or not hasattr(size, "__index__"):
        raise TypeError(
            f"split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, not {type(size).__name__}"
        )
    shape, size = read(tensor).shape, operator.index(size)
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    dim = wrap_dim(dim, len(shape))
    n = shape[dim]
    if size == 0 and n:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    return _pieces(tensor, dim, _lengths(n, size), "SplitBackward0")


def _lengths(n: int, size: int) -> list:
    if n == 0:
        return [0]
    return [min(size, n - start) for start in range(0, n, size)]


@composite
def split_with_sizes(input, split_sizes, dim: int = 0):
    """Consecutive parts of given sizes along a dimension."""
    shape, sizes = read(input).shape, ints(split_sizes, "split_with_sizes", "split_sizes")
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = wrap_dim(dim, len(shape))
    if any(n < 0 for n in sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(sizes)}"
        )
    if sum(sizes) != shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {shape[dim]} (input tensor's size at dimension "
            f"{dim}), but got "
            f"split_sizes={list(sizes)}"
        )
    return _pieces(input, dim, sizes, "SplitWithSizesBackward0")


@composite
def chunk(input, chunks: int, dim: int = 0):
    """At most ``chunks`` consecutive parts of equal size; the last may be smaller."""
    shape = read(input).shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = wrap_dim(dim, len(shape))
    n = shape[dim]
    if n == 0:
        return _pieces(input, dim, [0] * chunks, "SplitWithSizesBackward0")
    return _pieces(input, dim, _lengths(n, -(-n // chunks)), "SplitBackward0")


@composite
def tensor_split(input, indices_or_sections=None, dim: int = 0, *, indices=None, sections=None):
    """Parts along a dimension: so many, as equal as can be, or cut at given indices."""
    given = next((g for g in (indices_or_sections, indices, sections) if g is not None), None)
    shape = read(input).shape
    if not shape:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = wrap_dim(dim, len(shape))
    n = shape[dim]
    if isinstance(given, Tensor):
        given = _split_points(given)
    if not isinstance(given, (list, tuple)):
        given = operator.index(given)
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        small, larger = divmod(n, given)
        given = [i * small + min(i, larger) for i in range(1, given)]
    cuts = [0, *given, n]
    parts = []
    for start, stop in itertools.pairwise(cuts):
        whole = slice(start, stop).indices(n)
        parts.append(sliced(input, dim, whole[0], max(whole[0], whole[1])))
    return tuple(parts)


def _split_points(t: Tensor):
    if t.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but "
            "got a tensor "
            f"with {t.ndim} dims"
        )
    if t.dtype is not dtypes.int64:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
            f"{dtypes.scalar_type_name(t.dtype)}"
        )
    return host_value(t).tolist()


def _split_along(name: str, ndim: int, dim_of) -> None:
    def split_along(input, indices_or_sections):
        shape = read(input).shape
        if len(shape) < ndim:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {ndim} dimension, but got a tensor with {len(shape)} "
                "dimensions!"
            )
        dim = dim_of(len(shape))
        if isinstance(indices_or_sections, int):
            if indices_or_sections <= 0:
                raise RuntimeError(f"number of sections must be larger than 0, got {indices_or_sections}")
            if shape[dim] % indices_or_sections:
                raise RuntimeError(
                    f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
                    f"{shape[dim]} is not divisible by "
                    f"the split_size {indices_or_sections}!"
                )
        return tensor_split(input, indices_or_sections, dim)

    split_along.__name__ = name
    split_along.__doc__ = f"``tensor_split`` along the dimension ``{name}`` is named for."
    composite(split_along)


_split_along("hsplit", 1, lambda ndim: 0 if ndim == 1 else 1)
_split_along("vsplit", 2, lambda ndim: 0)
_split_along("dsplit", 3, lambda ndim: 2)

"""torch index expressions taken apart: a basic part that is a view, and index tensors for the rest."""

from __future__ import annotations

import operator

import mlx.core as mx
import numpy as np

from . import checks, dtypes
from .conversion import host_value, infer
from .steps import Slice, Squeeze
from .tensor import Tensor, read, wrap
from .views import view

_WHOLE = slice(None)


def _out_of_range(value: int, dim: int, size: int) -> IndexError:
    return IndexError(f"index {value} is out of bounds for dimension {dim} with size {size}")


def select_key(value: int, size: int, dim: int) -> int:
    """A non-negative index, or torch's IndexError."""
    if not -size <= value < size:
        raise _out_of_range(value, dim, size)
    return value + size if value < 0 else value


def slice_key(s: slice, size: int) -> slice:
    """A slice with explicit, in-range bounds; negative steps are refused as torch refuses them."""
    step = 1 if s.step is None else operator.index(s.step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    start, stop, _ = slice(
        None if s.start is None else operator.index(s.start), None if s.stop is None else operator.index(s.stop), step
    ).indices(size)
    return slice(start, max(start, stop), step)


def _as_index(item):
    """An element of an index expression in the form the parser takes: int, slice, None, Ellipsis, bool or Tensor."""
    if item is None or item is Ellipsis or isinstance(item, (slice, bool, int)):
        return item
    if isinstance(item, np.bool_):
        return bool(item)
    if isinstance(item, Tensor):
        a = read(item)
        kind = item.dtype.category
        if kind > dtypes.INT:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return int(host_value(item).item()) if a.ndim == 0 and kind == dtypes.INT else item
    if isinstance(item, (list, tuple, range)):
        return wrap(infer(list(item), None if len(item) else dtypes.int64))
    if isinstance(item, np.ndarray):
        return wrap(infer(item, None))
    try:
        return operator.index(item)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(item).__name__})"
        ) from None


def _consumes(item) -> int:
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, Tensor) and item.dtype in (dtypes.bool_, dtypes.uint8):
        return read(item).ndim
    return 1


def parse(t: Tensor, key) -> tuple[Tensor, list | None]:
    """The basic part of ``t[key]`` as a view, and the index tensor (or None) for each of its dimensions, if there are any."""
    shape = read(t).shape
    if type(key) is int:
        if not shape:
            raise _scalar_index()
        return view(t, Slice((select_key(key, shape[0], 0), *_rest(shape, 1))), "SelectBackward0"), None
    if isinstance(key, tuple):
        items = [_as_index(k) for k in key]
    else:
        items = [_as_index(key)]
    used = sum(map(_consumes, items))
    if used > len(shape):
        if not shape and not isinstance(key, tuple) and isinstance(items[0], int):
            raise _scalar_index()
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    if Ellipsis in [i for i in items if not isinstance(i, Tensor)]:
        at = next(n for n, i in enumerate(items) if i is Ellipsis)
        items[at : at + 1] = [_WHOLE] * (len(shape) - used)
        if any(i is Ellipsis for i in items):
            raise IndexError("an index can only have a single ellipsis ('...')")
    items += [_WHOLE] * (len(shape) - sum(map(_consumes, items)))
    return _apply(t, shape, items)


def _rest(shape, start: int) -> tuple:
    return tuple(slice(0, n, 1) for n in shape[start:])


def _scalar_index() -> IndexError:
    return IndexError(
        "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to "
        "a number"
    )


def _apply(t: Tensor, shape, items) -> tuple[Tensor, list | None]:
    basic, source, sizes, advanced, trivial = [], [], [], [], True
    dim = 0
    for item in items:
        if item is None or isinstance(item, bool):
            source.append(None)
            sizes.append(1)
            advanced.append(None if item is None else wrap(mx.array([0] if item else [], dtype=mx.int64)))
            continue
        if isinstance(item, Tensor):
            for index in _index_tensors(item, shape, dim):
                basic.append(slice(0, shape[dim], 1))
                source.append(len([b for b in basic if isinstance(b, slice)]) - 1)
                sizes.append(shape[dim])
                advanced.append(index)
                dim += 1
            continue
        n = shape[dim]
        if isinstance(item, slice):
            s = slice_key(item, n)
            trivial = trivial and s == slice(0, n, 1)
            basic.append(s)
            source.append(len([b for b in basic if isinstance(b, slice)]) - 1)
            sizes.append(len(range(s.start, s.stop, s.step)))
            advanced.append(None)
        else:
            basic.append(select_key(item, n, dim))
            trivial = False
        dim += 1
    seen = t if trivial else view(t, Slice(tuple(basic)), "SelectBackward0" if _selects(basic) else "SliceBackward0")
    if None in source:
        seen = view(seen, Squeeze(tuple(sizes), tuple(source)), "UnsqueezeBackward0")
    if any(a is not None for a in advanced):
        return seen, advanced
    if seen is t:
        seen = view(t, Slice(tuple(basic)), "AliasBackward0")
    return seen, None


def _selects(basic) -> bool:
    return any(isinstance(b, int) for b in basic)


def _index_tensors(item: Tensor, shape, dim: int) -> list[Tensor]:
    """Integer index tensors; a mask gives one per dimension it covers."""
    if item.dtype not in (dtypes.bool_, dtypes.uint8):
        return [item]
    mask = np.array(host_value(item)).astype(bool)
    for i, (m, n) in enumerate(zip(mask.shape, shape[dim:], strict=False)):
        if m != n:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {i} does not match the shape of the indexed tensor "
                f"{list(shape)} at index {dim + i}"
            )
    if mask.ndim == 0:
        raise IndexError("a 0-dimensional mask cannot index a dimension; use a Python bool or x[mask.unsqueeze(0)]")
    return [wrap(checks.know(mx.array(i))) for i in np.nonzero(mask)]


def checked(indices: list, shape) -> tuple:
    """Index tensors as arrays that are safe to gather with; raises IndexError for values known to be out of range."""
    arrays = []
    for d, index in enumerate(indices):
        if index is None:
            arrays.append(None)
            continue
        n = shape[d]
        a = read(index)
        if a.dtype in (mx.uint8, mx.bool_, mx.uint64):
            a = a.astype(mx.int64)
        if n == 0 and a.size:
            raise IndexError(f"index is out of bounds for dimension {d} with size 0")
        arrays.append(checks.bounded(a, n, lambda v, d=d, n=n: _out_of_range(v, d, n), lowest=-n))
    try:
        mx.broadcast_shapes(*[a.shape for a in arrays if a is not None])
    except ValueError:
        shapes = ", ".join(str(list(a.shape)) for a in arrays if a is not None)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    return tuple(arrays)


def mlx_key(arrays) -> tuple:
    """The MLX index expression for a tuple of index arrays and Nones."""
    return tuple(_WHOLE if a is None else a for a in arrays)

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
    if isinstance(item, Tensor):
        kind = item.dtype
        if read(item).ndim == 0 and kind.category == dtypes.INT and kind is not dtypes.uint8:
            return int(host_value(item).item())
        if kind not in (dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.bool_):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return item
    if isinstance(item, (list, tuple, range, str, bytes)):
        return _index_from(list(item) if not isinstance(item, (str, bytes)) else [item])
    if isinstance(item, np.ndarray):
        return _as_index(_index_from(item))
    try:
        return operator.index(item)
    except TypeError:
        kind = f"numpy.{type(item).__name__}" if isinstance(item, np.generic) else type(item).__name__
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
            f"{kind})"
        ) from None


def _index_from(data) -> Tensor:
    # torch reads numbers that are not integers as such; masks stay masks
    t = wrap(infer(data, dtypes.int64 if isinstance(data, list) and not data else None))
    return t if t.dtype in (dtypes.bool_, dtypes.uint8, dtypes.int64) else wrap(checks.know(t._a.astype(mx.int64)))


def _is_tuple(key) -> bool:
    """Whether a key is a tuple, or a list torch takes for one: short, with an element that is no number."""
    if isinstance(key, tuple):
        return True
    if not isinstance(key, list) or len(key) >= 32:
        return False
    return any(k is None or k is Ellipsis or isinstance(k, (Tensor, slice, list, tuple, str, np.ndarray)) for k in key)


def _consumes(item) -> int:
    """How many dimensions an item takes."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, Tensor) and item.dtype in (dtypes.bool_, dtypes.uint8):
        return read(item).ndim
    return 1


def parse(t: Tensor, key) -> tuple[Tensor, list | None]:
    """The basic part of ``t[key]`` as a view, and the index tensor (or None) for each of its dimensions, if there are "
    "any."""
    shape = read(t).shape
    if type(key) is int and shape:
        return view(t, Slice((select_key(key, shape[0], 0), *_rest(shape, 1))), "SelectBackward0"), None
    items = [_as_index(k) for k in key] if _is_tuple(key) else [_as_index(key)]
    used = sum(map(_consumes, items))
    if used > len(shape):
        raise _too_many(shape, items, isinstance(key, tuple))
    # torch's messages count the items, not the dimensions they take
    places = list(range(len(items)))
    for at in [n for n, i in enumerate(items) if i is Ellipsis][::-1]:
        first = all(i is not Ellipsis for i in items[:at])
        rest = [_WHOLE] * (len(shape) - used) if first else []
        items[at : at + 1], places[at : at + 1] = rest, [places[at]] * len(rest)
    missing = len(shape) - sum(map(_consumes, items))
    return _apply(t, shape, items + [_WHOLE] * missing, places + [0] * missing)


def _too_many(shape, items, is_tuple: bool) -> IndexError:
    if not shape and not is_tuple and type(items[0]) is int:
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
            "0-dim tensor "
            "to a number"
        )
    if not shape and not is_tuple and isinstance(items[0], slice):
        return IndexError("slice() cannot be applied to a 0-dim tensor.")
    return IndexError(f"too many indices for tensor of dimension {len(shape)}")


def _rest(shape, start: int) -> tuple:
    return tuple(slice(0, n, 1) for n in shape[start:])


def _apply(t: Tensor, shape, items, places) -> tuple[Tensor, list | None]:
    """Cut ``t`` as the ints, slices and Nones say; index tensors stay for later."""
    basic, source, sizes, advanced = [], [], [], []
    dim, kept, trivial = 0, 0, True
    for item, place in zip(items, places, strict=True):
        if item is None or isinstance(item, bool):
            source.append(None)
            sizes.append(1)
            advanced.append(None if item is None else _flag(item))
            continue
        if isinstance(item, int):
            basic.append(select_key(item, shape[dim], place))
            trivial = False
            dim += 1
            continue
        if isinstance(item, slice):
            cut, found = slice_key(item, shape[dim]), [None]
            trivial = trivial and cut == slice(0, shape[dim], 1)
        else:
            cut, found = None, _index_tensors(item, shape, dim)
            if _consumes(item) == 0:
                source.append(None)
                sizes.append(1)
                advanced.append(found[0])
                continue
        for index in found:
            part = slice(0, shape[dim], 1) if cut is None else cut
            basic.append(part)
            source.append(kept)
            sizes.append(len(range(part.start, part.stop, part.step)))
            advanced.append(index)
            dim, kept = dim + 1, kept + 1
    seen = t if trivial else view(t, Slice(tuple(basic)), "SelectBackward0" if _selects(basic) else "SliceBackward0")
    if None in source:
        seen = view(seen, Squeeze(tuple(sizes), tuple(source)), "UnsqueezeBackward0")
    if any(a is not None for a in advanced):
        return seen, advanced
    if seen is t:
        seen = view(t, Slice(tuple(basic)), "SliceBackward0" if _has_slice(items) else "AliasBackward0")
    return seen, None


def _has_slice(items) -> bool:
    return any(isinstance(i, slice) and i is not _WHOLE for i in items)


def _flag(item: bool) -> Tensor:
    """True and False index a new dimension of length one: with all of it, or none."""
    return wrap(checks.know(mx.array([0] if item else [], dtype=mx.int64)))


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
        return [_flag(bool(mask))]
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
            raise IndexError("index is out of bounds for dimension with size 0")
        arrays.append(checks.bounded(a, n, lambda v, d=d, n=n: _out_of_range(v, d, n), lowest=-n))
    try:
        mx.broadcast_shapes(*[a.shape for a in arrays if a is not None])
    except ValueError:
        shapes = ", ".join(str(list(a.shape)) for a in arrays if a is not None)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    return tuple(arrays)


# ------------------------------------------------------------------------------------------------- gathers and scatters
def _key(indices) -> tuple:
    return tuple(_WHOLE if a is None else a for a in indices)


def region_of(shape, indices) -> tuple:
    """The shape of what index arrays (one or None for each dimension) select."""
    at = [d for d, a in enumerate(indices) if a is not None]
    block = tuple(mx.broadcast_shapes(*[indices[d].shape for d in at]))
    kept = tuple(n for n, a in zip(shape, indices, strict=True) if a is None)
    # index arrays side by side stay where they are; apart, their block goes first
    start = at[0] if at[-1] - at[0] == len(at) - 1 else 0
    return (*kept[:start], *block, *kept[start:])


def gather(a, indices):
    """The elements of an array at index arrays."""
    region = region_of(a.shape, indices)
    # MLX refuses arrays without elements here
    return mx.zeros(region, dtype=a.dtype) if 0 in region else a[_key(indices)]


def scatter(a, indices, values):
    """The array with the elements at index arrays replaced."""
    if 0 in region_of(a.shape, indices):
        return a
    out = mx.array(a)
    out[_key(indices)] = values
    return out


def scatter_add(a, indices, values):
    """The array with values added at index arrays, repeated indices included."""
    return a if 0 in region_of(a.shape, indices) else a.at[_key(indices)].add(values)

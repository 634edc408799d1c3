"""torch index expressions taken apart: a basic part that is a view, and index tensors for the rest."""

from __future__ import annotations

import operator

import mlx.core as mx
import numpy as np

from . import checks, dtypes, lazy
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
    start, stop, step = s.indices(size)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    return slice(start, stop if stop > start else start, step)


def _as_index(item):
    """An element of an index expression in the form the parser takes: int, slice, None, Ellipsis, bool or Tensor."""
    if item is None or item is Ellipsis or isinstance(item, (slice, bool, int)):
        return item
    if isinstance(item, Tensor):
        kind = item.dtype
        if read(item).ndim == 0 and kind.category == dtypes.INT and kind is not dtypes.uint8 and not lazy.is_paused():
            return int(host_value(item).item())
        if kind not in (dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.bool_):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return item
    if isinstance(item, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(item).__name__}'")
    if isinstance(item, (list, tuple, range)):
        return _index_from(list(item))
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
    kind = type(key)
    if kind is tuple or kind is int or kind is slice:
        cut = _plain_cut(shape, key if kind is tuple else (key,))
        if cut is not None:
            return view(t, Slice(cut[0]), cut[1]), None
    items = [_as_index(k) for k in key] if _is_tuple(key) else [_as_index(key)]
    used = sum(map(_consumes, items))
    if used > len(shape):
        raise _too_many(shape, items, not isinstance(key, (tuple, list, Tensor)))
    # torch's messages count the items, not the dimensions they take
    places = list(range(len(items)))
    for at in [n for n, i in enumerate(items) if i is Ellipsis][::-1]:
        first = all(i is not Ellipsis for i in items[:at])
        rest = [_WHOLE] * (len(shape) - used) if first else []
        items[at : at + 1], places[at : at + 1] = rest, [places[at]] * len(rest)
    missing = len(shape) - sum(map(_consumes, items))
    return _apply(t, shape, items + [_WHOLE] * missing, places + [0] * missing)


def _too_many(shape, items, alone: bool) -> IndexError:
    if not shape and alone and type(items[0]) is int:
        return (
            _out_of_range(items[0], 0, 0)
            if items[0]
            else IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                "convert a "
                "0-dim tensor "
                "to a number"
            )
        )
    if not shape and alone and isinstance(items[0], slice):
        return IndexError("slice() cannot be applied to a 0-dim tensor.")
    return IndexError(f"too many indices for tensor of dimension {len(shape)}")


def _plain_cut(shape, items) -> tuple | None:
    """The key of ints and slices only for every dimension, and the name of the node; None for any other key."""
    if not 0 < len(items) <= len(shape) or any(type(k) is not int and type(k) is not slice for k in items):
        return None
    cut, name = [], "SliceBackward0"
    for place, (item, n) in enumerate(zip(items, shape, strict=False)):
        if type(item) is slice:
            part = slice_key(item, n)
            if part.start or part.stop != n or part.step != 1:
                name = "SliceBackward0"
        else:
            part, name = select_key(item, n, place), "SelectBackward0"
        cut.append(part)
    cut += [slice(0, n, 1) for n in shape[len(items) :]]
    return tuple(cut), name


def _apply(t: Tensor, shape, items, places) -> tuple[Tensor, list | None]:
    """Cut ``t`` as the ints, slices and Nones say; index tensors stay for later."""
    basic, source, advanced, sizes = [], [], [], []
    dim, kept, trivial = 0, 0, True
    for item, place in zip(items, places, strict=True):
        if isinstance(item, int) and not isinstance(item, bool):
            basic.append(select_key(item, shape[dim], place))
            trivial = False
            dim += 1
            continue
        count = _consumes(item)
        if count == 0:  # None, or a flag: a new dimension of length one
            source.append(None)
            sizes.append(1)
        part = slice_key(item, shape[dim]) if isinstance(item, slice) else None
        for d in range(dim, dim + count):
            basic.append(slice(0, shape[d], 1) if part is None else part)
            source.append(kept)
            sizes.append(len(range(basic[-1].start, basic[-1].stop, basic[-1].step)))
            kept += 1
        trivial = trivial and (part is None or part == slice(0, shape[dim], 1))
        advanced += [None if item is None or part is not None else item] + [None] * (count - 1)
        dim += count
    seen = t if trivial else view(t, Slice(tuple(basic)), "SelectBackward0" if _selects(basic) else "SliceBackward0")
    if None in source:
        seen = view(seen, Squeeze(tuple(sizes), tuple(source)), "UnsqueezeBackward0")
    if any(a is not None for a in advanced):
        return seen, _spread_masks(advanced, sizes)
    return view(t, Slice(tuple(basic)), "AliasBackward0") if seen is t else seen, None


def _spread_masks(advanced: list, shape) -> list:
    """Masks as integer index tensors, one for each dimension they cover."""
    out = list(advanced)
    for d, item in enumerate(advanced):
        if isinstance(item, bool):
            out[d] = _flag(item)
        elif item is not None and item.dtype in (dtypes.bool_, dtypes.uint8):
            found = _true_places(item, shape, d)
            out[d : d + len(found)] = found
    return out


def _selects(basic) -> bool:
    return any(isinstance(b, int) for b in basic)


def _flag(item: bool) -> Tensor:
    """True and False index a new dimension of length one: with all of it, or none."""
    return wrap(checks.know(mx.array([0] if item else [], dtype=mx.int64)))


def _true_places(item: Tensor, shape, dim: int) -> list[Tensor]:
    mask = np.array(host_value(item)).astype(bool)
    if mask.ndim == 0:
        return [_flag(bool(mask))]
    for i, (m, n) in enumerate(zip(mask.shape, shape[dim:], strict=False)):
        if m != n:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {i} does not match the shape of the indexed tensor "
                f"{list(shape)} at index {dim + i}"
            )
    return [wrap(checks.know(mx.array(i))) for i in np.nonzero(mask)]


def checked(indices: list, shape) -> tuple:
    """Index tensors as arrays that are safe to gather with; raises IndexError for values known to be out of range."""
    arrays = [None if i is None else _signed(read(i)) for i in indices]
    present = [a for a in arrays if a is not None]
    try:
        block = mx.broadcast_shapes(*[a.shape for a in present])
    except ValueError:
        shapes = ", ".join(str(list(a.shape)) for a in present)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None
    if 0 not in block and any(n == 0 and a is not None for n, a in zip(shape, arrays, strict=True)):
        raise IndexError("index is out of bounds for dimension with size 0")
    if 0 in region_of(shape, arrays):
        return tuple(arrays)
    for d, (a, n) in enumerate(zip(arrays, shape, strict=True)):
        if a is not None:
            arrays[d] = checks.bounded(a, n, lambda v, d=d, n=n: _out_of_range(v, d, n), lowest=-n)
    return tuple(arrays)


def _signed(a):
    return a.astype(mx.int64) if a.dtype in (mx.uint8, mx.bool_, mx.uint64) else a


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
    return _scattered(a, indices, values, _set)


def scatter_add(a, indices, values):
    """The array with values added at index arrays, repeated indices included."""
    return _scattered(a, indices, values, _add)


def _set(rows, index, values):
    out = mx.array(rows)
    out[index] = values
    return out


def _add(rows, index, values):
    return rows.at[index].add(values)


def _scattered(a, indices, values, write):
    # MLX's own scatter with several keys loses track of dimensions of length one: bring it down to one index of rows
    region = region_of(a.shape, indices)
    if 0 in region:
        return a
    at = [d for d, i in enumerate(indices) if i is not None]
    if at == [0] and indices[0].ndim:
        return write(a, indices[0], mx.broadcast_to(values, region))
    order = at + [d for d in range(a.ndim) if d not in at]
    front = a if order == list(range(a.ndim)) else mx.transpose(a, order)
    block = mx.broadcast_shapes(*[indices[d].shape for d in at])
    flat = _flat_index([mx.broadcast_to(indices[d], block) for d in at], [a.shape[d] for d in at])
    start = at[0] if at[-1] - at[0] == len(at) - 1 else 0
    values = mx.broadcast_to(values, region)
    if start:
        inner = range(start, start + len(block))
        values = mx.transpose(values, [*inner, *(d for d in range(values.ndim) if d not in inner)])
    tail = front.shape[len(at) :]
    rows = write(front.reshape(-1, *tail), flat, values.reshape(-1, *tail)).reshape(front.shape)
    return rows if order == list(range(a.ndim)) else mx.transpose(rows, np.argsort(order).tolist())


def _flat_index(indices, lengths):
    flat = None
    for i, n in zip(indices, lengths, strict=True):
        # a negative index would not be seen as one in the flattened dimension
        i = mx.where(i < 0, i + n, i).astype(mx.int64)
        flat = i if flat is None else flat * n + i
    return flat.reshape(-1)

"""Elements chosen by masks, by flat positions, and the positions of nonzero elements."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .._core import checks, dispatch, dtypes
from .._core.axes import summed
from .._core.conversion import from_host, host_value
from .._core.dispatch import convert, deliver
from .._core.steps import unbroadcast
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read, wrap
from .joining import merged_shape
from .scatter import filler, kind_of, two_forms


# ---------------------------------------------------------------------------------------------------------- masked_fill
@op(namespace="_", name="masked_fill", method=False)
def _masked_fill(input: Array, mask: Array, value: Array) -> Array:
    """``value`` where the mask is true."""
    return mx.where(mask, convert(value, input.dtype), input)


@_masked_fill.vjp
def _(g, mask, needs, shapes):
    zero = mx.zeros((), dtype=g.dtype)
    kept = unbroadcast(mx.where(mask, zero, g), shapes[0]) if needs[0] else None
    return kept, None, summed(mx.where(mask, g, zero)) if needs[2] else None


@_masked_fill.checked
def _(arrays, _statics):
    a, mask, value = arrays
    if mask.dtype != mx.bool_:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {dtypes.cpp_name(dtypes.from_mlx(mask.dtype))}"
        )
    if value.dtype == mx.complex64 and a.dtype != mx.complex64:
        raise RuntimeError(
            f"value cannot be converted to type {dtypes.cpp_name(dtypes.from_mlx(a.dtype))} without overflow"
        )
    merged_shape(mask.shape, a.shape)
    return arrays


@two_forms
def masked_fill(input, mask, value):
    """``value`` where ``mask`` is true, ``input`` elsewhere."""
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    return _masked_fill, (input, mask, filler(value, input)), ()


# ------------------------------------------------------------------------------------------- masked_select and _scatter
@op(namespace="_", name="masked_select", method=False)
def _masked_select(input: Array, places) -> Array:
    """Elements at flat positions, each named once."""
    return mx.take(input.reshape(-1), places) if input.size else mx.zeros((0,), dtype=input.dtype)


@_masked_select.vjp
def _(g, places, shapes):
    size = int(np.prod(shapes[0]))
    if not size:
        return mx.zeros(shapes[0], dtype=g.dtype)
    return mx.put_along_axis(mx.zeros((size,), dtype=g.dtype), places, g, axis=0).reshape(shapes[0])


@composite
def masked_select(input, mask, *, out=None):
    """The elements where ``mask`` is true, as a vector."""
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = merged_shape(mask.shape, input.shape)
    places = np.flatnonzero(np.array(mx.broadcast_to(host_value(mask), shape)))
    result = dispatch.run(_masked_select, (input.expand(shape),), (from_host(places),))
    return deliver(result, out, "exact apart", (input, mask))


def _taken_in_turn(mask, source):
    """For each place of the mask the element of the source it takes, if it takes one."""
    turn = mx.cumsum(mask.reshape(-1).astype(mx.int64)) - 1
    return mx.take(source.reshape(-1), mx.clip(turn, 0, max(source.size - 1, 0))).reshape(mask.shape)


@op(namespace="_", name="masked_scatter", method=False)
def _masked_scatter(input: Array, mask: Array, source: Array) -> Array:
    """The elements of ``source`` in turn where the mask is true."""
    shape = mx.broadcast_shapes(input.shape, mask.shape)
    if source.size == 0 or 0 in shape:
        return mx.broadcast_to(input, shape)
    mask = mx.broadcast_to(mask, shape)
    return mx.where(mask, _taken_in_turn(mask, source), input)


@_masked_scatter.vjp
def _(g, mask, needs, shapes):
    mask = mx.broadcast_to(mask, g.shape)
    zero = mx.zeros((), dtype=g.dtype)
    kept = unbroadcast(mx.where(mask, zero, g), shapes[0]) if needs[0] else None
    return kept, None, _gathered_in_turn(g, mask, shapes[2]) if needs[2] else None


def _gathered_in_turn(g, mask, shape):
    size = int(np.prod(shape))
    if not size or not g.size:
        return mx.zeros(shape, dtype=g.dtype)
    turn = mx.cumsum(mask.reshape(-1).astype(mx.int64)) - 1
    out = mx.zeros((size,), dtype=g.dtype)
    taken = mx.where(mask, g, mx.zeros((), dtype=g.dtype)).reshape(-1)
    return out.at[mx.clip(turn, 0, size - 1)].add(taken).reshape(shape)


@_masked_scatter.checked
def _(arrays, _statics):
    a, mask, source = arrays
    if a.dtype != source.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got{kind_of(a)} and {kind_of(source)}"
        )
    if mask.dtype != mx.bool_:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {kind_of(mask)}")
    shape = merged_shape(mask.shape, a.shape)
    needed = summed(mx.broadcast_to(mask, shape))
    checks.refuse(
        needed > source.size, mask, lambda: RuntimeError("Number of elements of source < number of ones in mask")
    )
    return arrays


@two_forms
def masked_scatter(input, mask, source):
    """The elements of ``source`` one after the other where ``mask`` is true, ``input`` elsewhere."""
    return _masked_scatter, (input, mask, source), ()


# ------------------------------------------------------------------------------------------------------- flat positions
def _flat_bounds(name: str, a, index):
    if index.dtype != mx.int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {kind_of(index)}")
    n = a.size

    def error(v):
        return IndexError(f"out of range: tried to access index {v} on a tensor of {n} elements.")

    return checks.bounded(index, n, error, lowest=-n)


@op(out="exact apart")
def take(input: Array, index: Array) -> Array:
    """The elements at flat positions, in the shape of ``index``."""
    return mx.take(input.reshape(-1), index) if index.size else mx.zeros(index.shape, dtype=input.dtype)


@take.vjp
def _(g, index, shapes):
    if not index.size:
        return mx.zeros(shapes[0], dtype=g.dtype), None
    flat = mx.zeros((int(np.prod(shapes[0])),), dtype=g.dtype)
    return flat.at[index.reshape(-1)].add(g.reshape(-1)).reshape(shapes[0]), None


@take.checked
def _(arrays, _statics):
    a, index = arrays
    if index.dtype == mx.int64 and not a.size and index.size:
        raise IndexError("take(): tried to take from an empty tensor")
    return [a, _flat_bounds("take", a, index)]


@op(inplace=True)
def put(input: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    """``input`` with the elements at flat positions replaced by, or added to, those of ``source``."""
    if not index.size:
        return input
    flat, places, values = input.reshape(-1), index.reshape(-1), source.reshape(-1)
    if accumulate:
        return flat.at[places].add(values).reshape(input.shape)
    return mx.put_along_axis(flat, places, values, axis=0).reshape(input.shape)


@put.vjp
def _(g, index, accumulate, needs, shapes):
    if not index.size:
        return g, None, mx.zeros(shapes[2], dtype=g.dtype)
    flat, places, kept = g.reshape(-1), index.reshape(-1), g
    if not accumulate:
        kept = mx.put_along_axis(flat, places, mx.zeros(places.shape, dtype=g.dtype), axis=0).reshape(g.shape)
    return kept, None, mx.take(flat, places).reshape(shapes[2]) if needs[2] else None


@put.checked
def _(arrays, _statics):
    a, index, source = arrays
    if a.dtype != source.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {kind_of(a)} and "
            "source.dtype = "
            f"{kind_of(source)}"
        )
    if index.dtype == mx.int64 and index.size != source.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.size}, index.numel() = {index.size}"
        )
    if index.dtype == mx.int64 and not a.size and index.size:
        raise IndexError("put_(): tried to put elements into an empty tensor")
    return [a, _flat_bounds("put_", a, index), source]


# -------------------------------------------------------------------------------------------------------------- nonzero
@composite(differentiable=False, host=True)
def nonzero(input, *, out=None, as_tuple: bool = False):
    """The positions of the elements that are not zero: a row for each, or with ``as_tuple`` a vector for each "
    "dimension."""
    values = np.array(host_value(input) if input.dtype is not dtypes.bfloat16 else host_value(input).astype(mx.float32))
    if as_tuple:
        places = np.nonzero(np.atleast_1d(values))
        return tuple(wrap(from_host(p.astype(np.int64)), input._device) for p in places)
    return deliver(wrap(from_host(np.argwhere(values).astype(np.int64)), input._device), out)


@composite(differentiable=False, host=True)
def argwhere(input):
    """The positions of the elements that are not zero, a row for each."""
    return nonzero(input)


@composite(method=False, differentiable=False)
def unravel_index(indices, shape):
    """The indices in each dimension of flat positions in a tensor of a shape."""
    shape = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if indices.dtype.category != dtypes.INT:
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype!r}")
    if any(n < 0 for n in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {shape}")
    a, size, found = read(indices), 1, []
    for n in reversed(shape):
        found.append(wrap((a // size) % max(n, 1), indices._device))
        size *= n
    return tuple(reversed(found))


@composite(namespace=(), method=True)
def fill_diagonal_(self, fill_value, wrap: bool = False):
    """Fill the main diagonal in place; with ``wrap`` it starts again below the square part of a tall matrix."""
    shape = self.shape
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) != 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step = sum(self.stride(d) for d in range(len(shape)))
    place = self.storage_offset()
    self.as_strided((min(shape),), (step,), place).fill_(fill_value)
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        rest = self[shape[1] + 1 :]
        fill_diagonal_(rest, fill_value, wrap)
    return self

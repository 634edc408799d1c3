"""Indexing: ``x[key]``, ``x[key] = value``, index_put, copy_."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes
from .._core.conversion import infer
from .._core.dispatch import cast, is_number, scalar_array
from .._core.indexing import checked, gather, parse, region_of, scatter, scatter_add
from .._core.table import Array, composite, method, op, operators
from .._core.tensor import Tensor, read, wrap


@op(namespace="_", name="index", method=False)
def index(input: Array, indices) -> Array:
    """Elements of ``input`` at integer index arrays, one or None for each dimension."""
    return gather(input, indices)


@index.vjp
def _(g, shapes, indices):
    return scatter_add(mx.zeros(shapes[0], dtype=g.dtype), indices, g)


@method
def __getitem__(self, key):
    seen, advanced = parse(self, key)
    if advanced is None:
        return seen
    return dispatch.run(index, (seen,), (checked(advanced, read(seen).shape),))


def _assigned(value, to: Tensor) -> Tensor:
    """What is assigned to a part of ``to``: a tensor, or a number in its dtype."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, (bool, int, float, complex)):
        kind = f"numpy.{type(value).__name__}" if isinstance(value, (np.generic, np.ndarray)) else type(value).__name__
        raise TypeError(f"can't assign a {kind} to a {to.type()}")
    if isinstance(value, complex) and not to.is_complex():
        raise RuntimeError(f"value cannot be converted to type {dtypes.cpp_name(to.dtype)} without overflow")
    if to.dtype.category >= dtypes.FLOAT:
        return wrap(scalar_array(value, to._a.dtype))
    return wrap(infer(value, to.dtype))


def _without_ones(value: Tensor) -> Tensor:
    """``value`` without its leading dimensions of length one."""
    shape = value._a.shape
    ones = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return value.reshape(shape[ones:]) if ones else value


@method
def __setitem__(self, key, value):
    if isinstance(key, Tensor) and is_number(value) and key._a.dtype == mx.bool_ and key.shape == self.shape:
        self.masked_fill_(key, value)
        return
    seen, advanced = parse(self, key)
    value = _without_ones(_assigned(value, self))
    if advanced is None:
        shape = read(seen).shape
        if value.shape != shape:
            value = value.expand(shape)
        seen.copy_(value)
    elif key is not False:
        put(seen, advanced, value, False)


@op(namespace="_", name="index_put", method=False, autocast="gpu widest")
def index_put(input: Array, values: Array, indices, accumulate: bool) -> Array:
    """``input`` with the elements at index arrays replaced by, or added to, ``values``."""
    return (scatter_add if accumulate else scatter)(input, indices, values)


@index_put.vjp
def _(g, shapes, indices, accumulate):
    kept = g if accumulate else scatter(g, indices, mx.zeros((), dtype=g.dtype))
    return kept, _reduced(gather(g, indices), shapes[1])


def _reduced(g, shape):
    """The gradient of a value that was broadcast into an indexed region."""
    return g if g.shape == shape else dispatch.unbroadcast(g, shape)


def put(target: Tensor, advanced: list, value: Tensor, accumulate: bool) -> Tensor:
    """Write values at index tensors into a tensor in place."""
    if value.dtype is not target.dtype:
        have, want = map(dtypes.scalar_type_name, (target.dtype, value.dtype))
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {have} for the destination and {want} "
            "for the source."
        )
    arrays = checked(advanced, read(target).shape)
    region = region_of(read(target).shape, arrays)
    try:
        fits = mx.broadcast_shapes(value.shape, region) == tuple(region)
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {list(region)}"
        )
    return dispatch.in_place(index_put, (target, value), (arrays, accumulate))


def _spread(self, indices):
    """The index tensors of ``index_put`` for every dimension, masks taken apart."""
    if not isinstance(indices, (tuple, list)):
        raise TypeError(
            f"index_put_(): argument 'indices' (position 2) must be tuple of Tensors, not {type(indices).__name__}"
        )
    for i, t in enumerate(indices):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(t).__name__}")
    if len(indices) > self.ndim:
        raise IndexError(f"too many indices for tensor of dimension {self.ndim} (got {len(indices)})")
    # a 0-dimensional index is a tensor here, not a number
    key = [t.unsqueeze(0) if t.ndim == 0 and t.dtype is not dtypes.bool_ else t for t in indices]
    seen, advanced = parse(self, tuple(key))
    return seen, advanced if advanced is not None else [None] * seen.ndim


@composite
def index_put_(input, indices, values, accumulate=False):
    """Put ``values`` at the positions given by index tensors, in place; ``accumulate`` adds them."""
    seen, advanced = _spread(input, indices)
    put(seen, advanced, values, accumulate)
    return input


@composite(name="index_put")
def index_put_function(input, indices, values, accumulate=False):
    """``index_put_`` on a copy."""
    return index_put_(input.clone(), indices, values, accumulate)


@method
def __delitem__(self, _key):
    raise TypeError("Tensor does not support deleting items")


@op(namespace="_", name="copy", method=False)
def copy(input: Array, src: Array) -> Array:
    """``src`` in the shape and dtype of ``input``."""
    return mx.broadcast_to(dispatch.convert(src, input.dtype), input.shape)


@copy.vjp
def _(g, shapes, needs):
    grad = _reduced(g, shapes[1]) if needs[1] else None
    return mx.zeros_like(g) if needs[0] else None, grad


@method
def copy_(self, src, non_blocking=False):
    """Copy the values of ``src``, broadcast and cast, into this tensor."""
    if not isinstance(src, Tensor):
        src = wrap(infer(src, None))
    if isinstance(src, Tensor) and src.dtype is not self.dtype:
        src = cast(src, self.dtype)
    try:
        fits = mx.broadcast_shapes(src.shape, self.shape) == tuple(self.shape)
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(src.shape)}"
            if src.ndim <= self.ndim and src.numel() == self.numel()
            else f"The size of tensor a ({_last(self)}) must match the size of tensor b ({_last(src)}) at "
            f"non-singleton dimension {max(self.ndim, src.ndim) - 1}"
        )
    return dispatch.in_place(operators["_.copy"], (self, src), ())


def _last(t: Tensor) -> int:
    return t.shape[-1] if t.ndim else 1

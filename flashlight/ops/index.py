"""Indexing: ``x[key]``, ``x[key] = value``, index_put, copy_."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch
from .._core.conversion import infer
from .._core.dispatch import cast, is_number
from .._core.indexing import checked, mlx_key, parse
from .._core.table import Array, composite, method, op, operators
from .._core.tensor import Tensor, read, wrap


@op(namespace="_", name="index", method=False)
def index(input: Array, indices) -> Array:
    """Elements of ``input`` at integer index arrays, one or None for each dimension."""
    return input[mlx_key(indices)]


@index.vjp
def _(g, shapes, indices):
    return mx.zeros(shapes[0], dtype=g.dtype).at[mlx_key(indices)].add(g)


@method
def __getitem__(self, key):
    seen, advanced = parse(self, key)
    if advanced is None:
        return seen
    return dispatch.run(index, (seen,), (checked(advanced, read(seen).shape),))


def as_value(value, like: Tensor) -> Tensor:
    """What is assigned to part of ``like``, in its dtype."""
    if not isinstance(value, Tensor):
        value = wrap(infer(value, like.dtype if is_number(value) else None))
    return value if value.dtype is like.dtype else cast(value, like.dtype)


@method
def __setitem__(self, key, value):
    if isinstance(key, Tensor) and is_number(value) and key._a.dtype == mx.bool_ and key.shape == self.shape:
        self.masked_fill_(key, value)
        return
    seen, advanced = parse(self, key)
    value = as_value(value, self)
    if advanced is None:
        shape, target = value.shape, read(seen).shape
        while len(shape) > len(target) and shape[0] == 1:
            value, shape = value.squeeze(0), shape[1:]
        try:
            seen.copy_(value)
        except RuntimeError as error:
            if "doesn't match the broadcast shape" not in str(error) and "expand" not in str(error):
                raise
            raise RuntimeError(f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing result of "
                               f"shape {list(target)}") from None  # fmt: skip
        return
    put(seen, advanced, value, False)


@op(namespace="_", name="index_put", method=False)
def index_put(input: Array, values: Array, indices, accumulate: bool) -> Array:
    """``input`` with the elements at index arrays replaced by, or added to, ``values``."""
    key = mlx_key(indices)
    if accumulate:
        return input.at[key].add(values)
    out = mx.array(input)
    out[key] = values
    return out


@index_put.vjp
def _(g, shapes, indices, accumulate):
    key = mlx_key(indices)
    kept = g
    if not accumulate:
        kept = mx.array(g)
        kept[key] = mx.zeros((), dtype=g.dtype)
    return kept, _reduced(g[key], shapes[1])


def _reduced(g, shape):
    """The gradient of a value that was broadcast into an indexed region."""
    return g if g.shape == shape else dispatch.unbroadcast(g, shape)


def put(target: Tensor, advanced: list, value: Tensor, accumulate: bool) -> Tensor:
    """Write values at index tensors into a tensor in place."""
    arrays = checked(advanced, read(target).shape)
    region = read(target)[mlx_key(arrays)].shape
    while value.ndim > len(region) and value.shape[0] == 1:
        value = value.squeeze(0)
    try:
        fits = mx.broadcast_shapes(value.shape, region) == tuple(region)
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of shape {list(region)}"
        )
    return dispatch.in_place(index_put, (target, value), (arrays, accumulate))


def _spread(self, indices):
    indices = [i if i is None or isinstance(i, Tensor) else wrap(infer(i, None)) for i in indices]
    seen, advanced = parse(self, tuple(slice(None) if i is None else i for i in indices))
    return seen, advanced if advanced is not None else [None] * seen.ndim


@composite
def index_put_(input, indices, values, accumulate=False):
    """Put ``values`` at the positions given by a tuple of index tensors, in place; ``accumulate`` adds them."""
    seen, advanced = _spread(input, indices)
    put(seen, advanced, as_value(values, input), accumulate)
    return input


@composite(name="index_put")
def index_put_function(input, indices, values, accumulate=False):
    """``index_put_`` on a copy."""
    return index_put_(input.clone(), indices, values, accumulate)


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
            else f"The size of tensor a ({_last(self)}) must match the size of tensor b ({_last(src)}) at non-singleton "
            f"dimension {max(self.ndim, src.ndim) - 1}"
        )
    return dispatch.in_place(operators["_.copy"], (self, src), ())


def _last(t: Tensor) -> int:
    return t.shape[-1] if t.ndim else 1

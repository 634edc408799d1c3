"""What operators along one dimension share: picking values by an index (max, median, sort, topk, ...), shifting."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import wrap_dim


def picked(a: mx.array, index: mx.array, axis: int, keepdim: bool) -> tuple:
    """(values, indices) of one element of each row; ``index`` has the dimension kept."""
    values = mx.take_along_axis(a, index, axis)
    index = index.astype(mx.int64)
    return (values, index) if keepdim else (mx.squeeze(values, axis), mx.squeeze(index, axis))


def lifted(a: mx.array, dim: int) -> tuple:
    """(array with at least one dimension, axis): dimension 0 of a number is a dimension of length one."""
    axis = wrap_dim(dim, a.ndim)
    return (a if a.ndim else mx.reshape(a, (1,))), axis


def lowered(outs: tuple, like: mx.array) -> tuple:
    """Results of a lifted array in the shape of a number again."""
    return outs if like.ndim else tuple(mx.reshape(o, ()) for o in outs)


def put_back(g: mx.array, index: mx.array, shape, dim: int, keepdim: bool = True) -> mx.array:
    """The gradient of a pick: ``g`` at the picked places, which differ within a row, zero elsewhere."""
    if not shape:
        return mx.reshape(g, ())
    axis = wrap_dim(dim, len(shape))
    if not keepdim:
        g, index = mx.expand_dims(g, axis), mx.expand_dims(index, axis)
    if g.size == 0:
        return mx.zeros(shape, dtype=g.dtype)
    return mx.put_along_axis(mx.zeros(shape, dtype=g.dtype), index, g, axis)


def add_back(g: mx.array, index: mx.array, shape, dim: int) -> mx.array:
    """``put_back`` for places that may coincide: their gradients add up."""
    if not shape or g.size == 0:
        return mx.reshape(g, shape) if not shape else mx.zeros(shape, dtype=g.dtype)
    axis = wrap_dim(dim, len(shape))
    zeros = mx.zeros(shape, dtype=g.dtype)
    return mx.vjp(lambda a: mx.take_along_axis(a, index, axis), [zeros], [g])[1][0]


def shifted(a: mx.array, by: int, axis: int, fill, forwards: bool = False) -> mx.array:
    """``a`` moved ``by`` places towards the start (or end), ``fill`` moving in."""
    n = a.shape[axis]
    shape = list(a.shape)
    shape[axis] = min(by, n)
    rest = mx.full(shape, fill, dtype=a.dtype)
    kept = mx.split(a, [n - by] if forwards else [by], axis=axis)[0 if forwards else 1] if by < n else None
    if kept is None:
        return rest
    return mx.concatenate([rest, kept] if forwards else [kept, rest], axis=axis)

"""Dimension arguments of reductions."""

from __future__ import annotations

import functools
import operator

import mlx.core as mx

from .tensor import wrap_dim


def axes_of(dim, ndim: int) -> tuple | None:
    """The dimensions to reduce over, sorted; None for all of them (also for ``()`` and for 0-dimensional tensors).

    Raises: IndexError out of range, RuntimeError for a dimension named twice.
    """
    if dim is None:
        return None
    if type(dim) is int:
        axis = wrap_dim(dim, ndim)
        return (axis,) if ndim else None
    if not isinstance(dim, (tuple, list)):
        dim = (dim,)
    axes: list[int] = []
    for d in dim:
        if isinstance(d, bool) or not hasattr(d, "__index__"):
            raise TypeError(f"argument 'dim' must be tuple of ints, but found element of type {type(d).__name__}")
        axis = wrap_dim(operator.index(d), ndim)
        if axis in axes:
            raise RuntimeError(f"dim {axis} appears multiple times in the list of dims")
        axes.append(axis)
    return tuple(sorted(axes)) if axes and ndim else None


def kept_shape(shape, axes: tuple | None) -> tuple:
    """A shape with the reduced dimensions kept at length one."""
    if axes is None:
        return (1,) * len(shape)
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def count(shape, axes: tuple | None) -> int:
    """How many elements go into each result."""
    n = 1
    for i, length in enumerate(shape):
        if axes is None or i in axes:
            n *= length
    return n


def result_shape(shape, axes: tuple | None, keepdims: bool) -> tuple:
    """The shape of a reduction."""
    kept = kept_shape(shape, axes)
    return kept if keepdims else tuple(n for i, n in enumerate(kept) if axes is not None and i not in axes)


def summed(a: mx.array, axis=None, keepdims: bool = False) -> mx.array:
    """``mx.sum``, also of nothing: MLX's CPU reductions of empty arrays may run without end."""
    if a.size == 0:
        return filled(a, axis, keepdims, 0)
    return mx.sum(a, axis=axis, keepdims=keepdims)


def averaged(a: mx.array, axis=None, keepdims: bool = False) -> mx.array:
    """``mx.mean``, also of nothing, which is nan."""
    if a.size == 0:
        return filled(a, axis, keepdims, float("nan"))
    return mx.mean(a, axis=axis, keepdims=keepdims)


def holds_any(a: mx.array) -> mx.array:
    """``mx.any`` of all elements, False of nothing."""
    return mx.any(a) if a.size else mx.array(False)


def filled(a: mx.array, axis, keepdims: bool, value) -> mx.array:
    """What a reduction of an empty array gives, whose identity is ``value``."""
    axes = (axis % a.ndim,) if isinstance(axis, int) else axis
    return mx.full(result_shape(a.shape, axes, keepdims), value, dtype=a.dtype)


def numpy_names(fn):
    """Let a function with ``dim`` and ``keepdim`` also take numpy's ``axis`` and ``keepdims``, as torch does."""

    @functools.wraps(fn)
    def renamed(*args, **kwargs):
        if kwargs:
            for alias, name in (("axis", "dim"), ("keepdims", "keepdim")):
                if alias in kwargs:
                    kwargs[name] = kwargs.pop(alias)
        return fn(*args, **kwargs)

    return renamed

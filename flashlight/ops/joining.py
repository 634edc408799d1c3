"""Tensors put together: cat, stack and their relatives, tiles and repeats."""

from __future__ import annotations

import mlx.core as mx

from .._core.table import Array, Arrays, op
from .._core.tensor import wrap_dim


# ----------------------------------------------------------------------------------------------------------- cat, stack
def _is_legacy_empty(shape) -> bool:
    # torch leaves out one-dimensional tensors without elements, whatever the others' shapes are
    return tuple(shape) == (0,)


@op(promote="same", method=False, autocast="widest", aliases=("concat", "concatenate"))
def cat(tensors: Arrays, dim: int = 0) -> Array:
    """The tensors one after the other along a dimension they all have."""
    kept = [a for a in tensors if not _is_legacy_empty(a.shape)]
    if not kept:
        return tensors[0]
    return mx.concatenate(kept, axis=wrap_dim(dim, kept[0].ndim))


@cat.vjp
def _(g, shapes, dim):
    dim = wrap_dim(dim, g.ndim)
    ends, total = [], 0
    for shape in shapes:
        total += 0 if _is_legacy_empty(shape) and g.ndim != 1 else shape[dim]
        ends.append(total)
    parts = mx.split(g, ends[:-1], axis=dim)
    return [mx.zeros(s, dtype=g.dtype) if _is_legacy_empty(s) else p for p, s in zip(parts, shapes, strict=True)]


@cat.checked
def _(arrays, statics):
    if not arrays:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, a in enumerate(arrays):
        if a.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    first = next((a for a in arrays if not _is_legacy_empty(a.shape)), None)
    if first is None:
        wrap_dim(statics[0], 1)
        return arrays
    dim = wrap_dim(statics[0], first.ndim)
    for i, a in enumerate(arrays):
        if a is first or _is_legacy_empty(a.shape):
            continue
        if a.ndim != first.ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {first.ndim} and {a.ndim}")
        for d, (n, m) in enumerate(zip(first.shape, a.shape, strict=True)):
            if n != m and d != dim:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {n} but got size {m} for "
                    f"tensor number {i} "
                    "in the list."
                )
    return arrays


@op(promote="same", method=False, autocast="widest")
def stack(tensors: Arrays, dim: int = 0) -> Array:
    """Tensors of one shape side by side along a new dimension."""
    return mx.stack(tensors, axis=wrap_dim(dim, tensors[0].ndim + 1))


@stack.vjp
def _(g, dim):
    dim = wrap_dim(dim, g.ndim)
    return [mx.squeeze(part, dim) for part in mx.split(g, g.shape[dim], axis=dim)]


@stack.checked
def _(arrays, statics):
    if not arrays:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, a in enumerate(arrays):
        if a.shape != arrays[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at entry 0 and "
                f"{list(a.shape)} at entry {i}"
            )
    return arrays

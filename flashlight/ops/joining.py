"""Tensors put together: cat, stack and their relatives, tiles and repeats."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes
from .._core.axes import summed
from .._core.conversion import from_host, host_value
from .._core.size import Size
from .._core.table import Array, Arrays, composite, op
from .._core.tensor import Tensor, wrap, wrap_dim
from .shape import ints, variadic


# ----------------------------------------------------------------------------------------------------------- cat, stack
def _is_legacy_empty(shape) -> bool:
    # torch leaves out one-dimensional tensors without elements, whatever the others' shapes are
    return tuple(shape) == (0,)


@op(promote="same", method=False, autocast="cpu widest", aliases=("concat", "concatenate"), out="apart")
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


@cat.guarded
def _(arrays):
    if not arrays:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")


@cat.checked
def _(arrays, statics):
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


@op(promote="same", method=False, autocast="cpu widest")
def stack(tensors: Arrays, dim: int = 0) -> Array:
    """Tensors of one shape side by side along a new dimension."""
    return mx.stack(tensors, axis=wrap_dim(dim, tensors[0].ndim + 1))


@stack.vjp
def _(g, dim):
    dim = wrap_dim(dim, g.ndim)
    return [mx.squeeze(part, dim) for part in mx.split(g, g.shape[dim], axis=dim)]


@stack.guarded
def _(arrays):
    if not arrays:
        raise RuntimeError("stack expects a non-empty TensorList")


@stack.checked
def _(arrays, statics):
    wrap_dim(statics[0], arrays[0].ndim + 1)
    for i, a in enumerate(arrays):
        if a.shape != arrays[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at entry 0 and "
                f"{list(a.shape)} at entry {i}"
            )
    return arrays


def _listed(tensors, name: str) -> list:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return list(tensors)


@composite(method=False)
def hstack(tensors, *, out=None):
    """``cat`` along the second dimension, vectors along their only one."""
    tensors = [atleast_1d(t) for t in _listed(tensors, "hstack")]
    return cat.public(tensors, 0 if tensors[0].ndim == 1 else 1, out=out)


@composite(method=False, aliases=("row_stack",))
def vstack(tensors, *, out=None):
    """``cat`` along the first dimension, vectors as rows."""
    return cat.public([atleast_2d(t) for t in _listed(tensors, "vstack")], 0, out=out)


@composite(method=False)
def dstack(tensors, *, out=None):
    """``cat`` along the third dimension."""
    return cat.public([atleast_3d(t) for t in _listed(tensors, "dstack")], 2, out=out)


@composite(method=False)
def column_stack(tensors, *, out=None):
    """``cat`` along the second dimension, vectors as columns."""
    columns = [t if t.ndim > 1 else t.reshape(-1, 1) for t in _listed(tensors, "column_stack")]
    return cat.public(columns, 1, out=out)


def _each(fn, tensors):
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return fn(tensors[0])
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    return tuple(map(fn, tensors))


@composite(method=False)
def atleast_1d(*tensors):
    """Scalars as vectors."""
    return _each(lambda t: t.reshape(1) if t.ndim == 0 else t, tensors)


@composite(method=False)
def atleast_2d(*tensors):
    """Scalars and vectors as matrices of one row."""
    return _each(lambda t: t.reshape(1, 1) if t.ndim == 0 else t.unsqueeze(0) if t.ndim == 1 else t, tensors)


@composite(method=False)
def atleast_3d(*tensors):
    """Tensors of less than three dimensions with ones added: a vector is put in the middle."""

    def raised(t):
        if t.ndim == 0:
            return t.reshape(1, 1, 1)
        return t.unsqueeze(0).unsqueeze(-1) if t.ndim == 1 else t.unsqueeze(-1) if t.ndim == 2 else t

    return _each(raised, tensors)


@op(namespace="_", name="block_diag", method=False, promote="same")
def _block_diag(tensors: Arrays) -> Array:
    """Matrices along the diagonal of a larger one."""
    width, right, rows = sum(a.shape[1] for a in tensors), 0, []
    for a in tensors:
        rows.append(mx.pad(a, [(0, 0), (right, width - right - a.shape[1])]))
        right += a.shape[1]
    return mx.concatenate(rows, axis=0)


@_block_diag.vjp
def _(g, shapes):
    parts, row, column = [], 0, 0
    for n, m in shapes:
        parts.append(g[row : row + n, column : column + m])
        row, column = row + n, column + m
    return parts


@composite(method=False)
def block_diag(*tensors):
    """A matrix with the given ones along its diagonal, zeros elsewhere; vectors are rows."""
    for i, t in enumerate(tensors):
        if t.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} dimensions"
            )
    if not tensors:
        return wrap(mx.zeros((1, 0), dtype=dtypes.get_default_dtype().mlx))
    return dispatch.run(_block_diag, tuple(map(atleast_2d, tensors)), ())


@composite(method=False)
def cartesian_prod(*tensors):
    """Every way to choose one element of each vector, a row each."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    for t in tensors:
        if t.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if any(t.dtype is not tensors[0].dtype for t in tensors):
        raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    n = len(tensors)
    grids = broadcast_tensors(*(t.view(*([1] * i), -1, *([1] * (n - 1 - i))) for i, t in enumerate(tensors)))
    return stack.public([g.reshape(-1) for g in grids], 1)


# --------------------------------------------------------------------------------------------------------- broadcasting
@composite(method=False, differentiable=False)
def broadcast_shapes(*shapes) -> Size:
    """The shape that tensors of these shapes broadcast to.

    Raises: RuntimeError if they do not fit.
    """
    shapes = [(s,) if isinstance(s, int) else s for s in shapes]
    result = [1] * max(map(len, shapes), default=0)
    for at, shape in enumerate(shapes):
        for i in range(-1, -1 - len(shape), -1):
            n = shape[i]
            if n < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if n == 1 or n == result[i]:
                continue
            if result[i] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {n} at {i}! Mismatching argument at index {at} had "
                    f"{shape}; but "
                    f"expected shape should be broadcastable to {result}"
                )
            result[i] = n
    return Size(result)


@composite(method=False)
def broadcast_tensors(*tensors):
    """The tensors expanded to one shape."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    shape = ()
    for t in tensors:
        shape = merged_shape(shape, t.shape)
    return tuple(t if t.shape == shape else t.expand(shape) for t in tensors)


def merged_shape(a, b) -> tuple:
    """Two shapes broadcast together. Raises torch's RuntimeError if they do not fit."""
    ndim, out = max(len(a), len(b)), []
    for i in range(ndim):
        n = a[i - ndim + len(a)] if i >= ndim - len(a) else 1
        m = b[i - ndim + len(b)] if i >= ndim - len(b) else 1
        if n != m and n != 1 and m != 1:
            raise RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {i}"
            )
        out.append(m if n == 1 else n)
    return tuple(out)


# -------------------------------------------------------------------------------------------------------------- repeats
@op(namespace="_", name="repeat", method=False)
def _repeat(input: Array, repeats) -> Array:
    """``input`` side by side with itself along each dimension."""
    return mx.tile(input, repeats)


@_repeat.vjp
def _(g, repeats, shapes):
    shape = (1,) * (len(repeats) - len(shapes[0])) + tuple(shapes[0])
    paired = [length for pair in zip(repeats, shape, strict=True) for length in pair]
    return summed(g.reshape(paired), axis=tuple(range(0, len(paired), 2))).reshape(shapes[0])


@variadic(function=False)
def repeat(input, repeats):
    """Copies of ``input`` side by side: so many along each dimension."""
    repeats = ints(repeats, "repeat", "repeats")
    shape = input.shape
    if len(repeats) < len(shape):
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    target = [n * m for n, m in zip(repeats, (1,) * (len(repeats) - len(shape)) + tuple(shape), strict=True)]
    if any(n < 0 for n in target):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(target)}: {target}")
    return dispatch.run(_repeat, (input,), (repeats,))


@variadic
def tile(input, dims):
    """``repeat`` with ones put before ``dims`` where it is too short."""
    dims = ints(dims, "tile", "dims")
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@op(namespace="_", name="repeat_interleave", method=False)
def _repeat_each(input: Array, repeats, dim) -> Array:
    """Every element ``repeats`` times in a row."""
    return mx.repeat(input, repeats, axis=dim)


@_repeat_each.vjp
def _(g, repeats, dim, shapes):
    shape = shapes[0]
    return summed(g.reshape(*shape[: dim + 1], repeats, *shape[dim + 1 :]), axis=dim + 1)


@composite
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element repeated in place: a number of times, or as often as the tensor ``repeats`` says.

    ``repeat_interleave(repeats)`` gives the indices that do so.
    """
    if repeats is None:
        return _interleaved_indices(input, output_size)
    if dim is None:
        input, dim = input.flatten(), 0
    dim = wrap_dim(dim, input.ndim)
    length = input.shape[dim] if input.ndim else 1
    if isinstance(repeats, Tensor) and repeats.numel() == 1 and repeats.ndim < 2:
        repeats = repeats.expand(length)
    if isinstance(repeats, Tensor):
        if repeats.ndim > 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
        if repeats.shape[0] != length:
            raise RuntimeError(
                "repeats must have the same size as input along dim, but got repeats.size(0) = "
                f"{repeats.shape[0]} and input.size({dim}) = {length}"
            )
        return input.index_select(dim, _interleaved_indices(repeats, output_size))
    if isinstance(repeats, bool) or not isinstance(repeats, int):
        raise TypeError(
            f"repeat_interleave() received an invalid combination of arguments - got ({type(repeats).__name__}), but "
            "expected one "
            "of:\n * (Tensor repeats, int dim = None, *, int output_size = None)\n * (int repeats, int dim = None, *, "
            "int "
            "output_size = None)\n"
        )
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    if output_size is not None and output_size != length * repeats:
        raise RuntimeError(f"repeat_interleave: Invalid output_size, expected {length * repeats} but got {output_size}")
    return dispatch.run(_repeat_each, (input,), (repeats, dim))


def _interleaved_indices(repeats: Tensor, output_size) -> Tensor:
    if repeats.dtype not in (dtypes.int32, dtypes.int64):
        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{dtypes.scalar_type_name(repeats.dtype)}'"
        )
    if repeats.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    counts = np.array(host_value(repeats))
    if (counts < 0).any():
        raise RuntimeError("repeats can not be negative")
    if output_size is not None and output_size != counts.sum():
        raise RuntimeError("allocated size does not match required size")
    index = np.repeat(np.arange(counts.size), counts)
    return wrap(from_host(index.astype(repeats.dtype.numpy)), repeats._device)

"""Elements moved, dropped or put in: roll, flip, triangles, diagonals, padding, and views written to a copy."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch
from .._core.dispatch import cast, scalar_array
from .._core.steps import Diagonal, Gathered, Slice
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read, wrap_dim
from .shape import diagonal as diagonal_of
from .shape import ints, narrow, variadic


# ----------------------------------------------------------------------------------------------------------- roll, flip
@op(namespace="_", name="roll", method=False)
def _roll(input: Array, shifts, dims) -> Array:
    """Elements moved along dimensions, those that leave coming in at the other end."""
    return mx.roll(input, shifts, dims)


@_roll.vjp
def _(g, shifts, dims):
    return mx.roll(g, tuple(-s for s in shifts), dims)


@composite
def roll(input, shifts, dims=None):
    """Elements moved by ``shifts`` along ``dims``, or over the flattened tensor; those that leave come in at the "
    "other end."""
    shifts = (shifts,) if not isinstance(shifts, (list, tuple)) else shifts
    shifts = ints(tuple(int(s) for s in shifts), "roll", "shifts")
    dims = () if dims is None else (dims,) if isinstance(dims, int) else ints(dims, "roll", "dims")
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        return roll(input.reshape(-1), shifts, 0).reshape(input.shape)
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if input.ndim == 0:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    if not input.numel():
        return input.clone()
    dims = tuple(wrap_dim(d, input.ndim) for d in dims)
    return dispatch.run(_roll, (input,), (shifts, dims))


@op(namespace="_", name="flip", method=False)
def _flip(input: Array, dims) -> Array:
    """Dimensions in reverse order."""
    return _reversed(input, dims)


@_flip.vjp
def _(g, dims):
    return _reversed(g, dims)


def _reversed(a, dims):
    key = tuple(slice(None, None, -1 if d in dims else None) for d in range(a.ndim))
    return a[key] if dims and a.size else mx.array(a)


@variadic
def flip(input, dims):
    """The elements along ``dims`` in reverse order (a copy)."""
    dims = tuple(wrap_dim(d, input.ndim) for d in ints(dims, "flip", "dims"))
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dispatch.run(_flip, (input,), (dims if input.ndim else (),))


@composite
def fliplr(input):
    """``flip`` of the second dimension."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


@composite
def flipud(input):
    """``flip`` of the first dimension."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


@composite
def rot90(input, k: int = 1, dims=(0, 1)):
    """Rotated by ``k`` times 90 degrees from the first of ``dims`` towards the second."""
    dims, ndim = ints(dims, "rot90", "dims"), input.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    first, second = (wrap_dim(d, ndim) for d in dims)
    turns = k % 4
    if turns == 1:
        return flip(input, (second,)).transpose(first, second)
    if turns == 2:
        return flip(input, (first, second))
    if turns == 3:
        return flip(input, (first,)).transpose(first, second)
    return input.clone()


# ------------------------------------------------------------------------------------------------- triangles, diagonals
@op(inplace=True)
def tril(input: Array, diagonal: int = 0) -> Array:
    """The lower triangle of matrices, up to a diagonal; zeros elsewhere."""
    return mx.tril(input, diagonal)


@tril.vjp
def _(g, diagonal):
    return mx.tril(g, diagonal)


@op(inplace=True)
def triu(input: Array, diagonal: int = 0) -> Array:
    """The upper triangle of matrices, from a diagonal on; zeros elsewhere."""
    return mx.triu(input, diagonal)


@triu.vjp
def _(g, diagonal):
    return mx.triu(g, diagonal)


def _needs_matrices(name: str):
    def check(arrays, _statics):
        if arrays[0].ndim < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        return arrays

    return check


tril.checked(_needs_matrices("tril"))
triu.checked(_needs_matrices("triu"))


@op(namespace="_", name="diag_embed", method=False)
def _diag_embed(input: Array, offset, dim1, dim2) -> Array:
    """The last dimension as a diagonal of two dimensions."""
    n = input.shape[-1] + abs(offset)
    along = mx.arange(n)
    on_diagonal = along[:, None] + offset == along[None, :]
    padded = mx.pad(input, [(0, 0)] * (input.ndim - 1) + [(0, abs(offset))])
    values = mx.expand_dims(padded, -1 if offset >= 0 else -2)
    out = mx.where(on_diagonal, values, mx.zeros((), dtype=input.dtype))
    first, second = sorted((dim1, dim2))
    if dim1 > dim2:
        out = mx.swapaxes(out, -1, -2)
    return mx.moveaxis(mx.moveaxis(out, -2, first), -1, second)


@_diag_embed.vjp
def _(g, offset, dim1, dim2):
    return Diagonal(offset, dim1, dim2).read(g)


@composite
def diag_embed(input, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """The last dimension as a diagonal of two new dimensions, zeros elsewhere."""
    ndim = input.ndim + 1
    first, second = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return dispatch.run(_diag_embed, (input,), (offset, first, second))


@composite
def diag(input, diagonal: int = 0, *, out=None):
    """The diagonal of a matrix (a copy), or the matrix with a vector on its diagonal."""
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    if input.ndim == 1:
        return dispatch.deliver(diag_embed(input, diagonal), out)
    return dispatch.deliver(diagonal_of(input, diagonal).clone(), out)


@composite
def diagflat(input, offset: int = 0):
    """The matrix with the flattened ``input`` on its diagonal."""
    return diag_embed(input.reshape(-1), offset)


# -------------------------------------------------------------------------------------------------------------- padding
def _padded(a, widths, value):
    crop = tuple(slice(max(-before, 0), n - max(-after, 0)) for n, (before, after) in zip(a.shape, widths, strict=True))
    grow = [(max(before, 0), max(after, 0)) for before, after in widths]
    return mx.pad(a[crop] if a.ndim else a, grow, constant_values=value)


@op(namespace="_", name="constant_pad_nd", method=False)
def _constant_pad(input: Array, widths, value) -> Array:
    """``value`` put around; negative widths cut off."""
    return _padded(input, widths, scalar_array(value, input.dtype))


@_constant_pad.vjp
def _(g, widths):
    return _padded(g, [(-before, -after) for before, after in widths], mx.zeros((), dtype=g.dtype))


@composite(method=False)
def constant_pad_nd(input, pad, value=0):
    """``value`` put before and after dimensions, the last one first: ``pad = (left, right, top, bottom, ...)``.

    Negative widths cut off.
    """
    pad, shape = ints(pad, "constant_pad_nd", "pad"), input.shape
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    if len(pad) > 2 * len(shape):
        raise RuntimeError(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)}while the input has {len(shape)}dimensions."
        )
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    widths = [(0, 0)] * (len(shape) - len(pairs)) + pairs[::-1]
    for d, (n, (before, after)) in enumerate(zip(shape, widths, strict=True)):
        if n + before + after < 0 or n + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {before} and {after} resulted in a negative output size, "
                "which is "
                f"invalid. Check dimension {d} of your input."
            )
    return dispatch.run(_constant_pad, (input,), (tuple(widths), value))


# -------------------------------------------------------------------------------------------- writes to views of a copy
@op(namespace="_", name="written", method=False, backward="SliceScatter")
def _written(input: Array, src: Array, step) -> Array:
    """``input`` with what a view of it sees replaced by ``src``."""
    return step.write(input, src)


@_written.vjp
def _(g, step, shapes, needs):
    kept = step.write(g, mx.zeros(shapes[1], dtype=g.dtype)) if needs[0] else None
    return kept, step.read(g) if needs[1] else None


def _write_view(input: Tensor, src: Tensor, step, shape) -> Tensor:
    if tuple(src.shape) != tuple(shape):
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = "
            f"{list(shape)}"
        )
    if src.dtype is not input.dtype:
        src = cast(src, input.dtype)
    return dispatch.run(_written, (input, src), (step,))


@composite
def select_scatter(input, src, dim: int, index: int):
    """A copy with ``input.select(dim, index)`` replaced by ``src``."""
    shape = read(input).shape
    dim = wrap_dim(dim, len(shape))
    if not -shape[dim] <= index < shape[dim]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}")
    key = [slice(0, n, 1) for n in shape]
    key[dim] = index % shape[dim]
    return _write_view(input, src, Slice(tuple(key)), (*shape[:dim], *shape[dim + 1 :]))


@composite
def slice_scatter(input, src, dim: int = 0, start=None, end=None, step: int = 1):
    """A copy with a slice of one dimension replaced by ``src``."""
    shape = read(input).shape
    dim = wrap_dim(dim, len(shape))
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    first, stop, _ = slice(start, end, step).indices(shape[dim])
    stop = max(first, stop)
    key = [slice(0, n, 1) for n in shape]
    key[dim] = slice(first, stop, step)
    length = len(range(first, stop, step))
    return _write_view(input, src, Slice(tuple(key)), (*shape[:dim], length, *shape[dim + 1 :]))


@composite
def diagonal_scatter(input, src, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """A copy with a diagonal replaced by ``src``."""
    shape = diagonal_of(input.detach(), offset, dim1, dim2).shape
    step = Diagonal(offset, wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim))
    return _write_view(input, src, step, shape)


@composite
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy with the elements ``as_strided`` names replaced by ``src``."""
    size, stride = ints(size, "as_strided_scatter", "size"), ints(stride, "as_strided_scatter", "stride")
    copied = input.contiguous()
    copied.detach().clone().as_strided(size, stride, storage_offset)
    return _write_view(copied, src, Gathered(size, stride, storage_offset or 0), size)


@composite
def narrow_copy(input, dim: int, start: int, length: int):
    """``narrow`` as a copy."""
    if dim >= input.ndim:
        raise RuntimeError(f"Expected dim < {input.ndim}, the number of dimensions, but got {dim}")
    return narrow(input, dim, start, length).clone()

"""Views: other shapes, orders and parts of the same storage."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Sequence

import numpy as np

from .._core import dispatch, dtypes
from .._core.conversion import host_value
from .._core.modes import modes
from .._core.steps import Bitcast, Diagonal, Expand, Gathered, Permute, Reshape, Slice, Squeeze, Unfold, viewed_strides
from .._core.table import Array, composite, inplace_view, method, namespaces, op, publish
from .._core.tensor import Tensor, read, tensor_property, wrap_dim
from .._core.views import layout_of, storage_positions, storage_root
from .._core.views import view as see


# ------------------------------------------------------------------------------------------------------- size arguments
def ints(values, name: str, argument: str) -> tuple:
    """A tuple of Python ints from a sequence of ints, numpy ints or one-element integer tensors."""
    if type(values) is tuple and all(type(n) is int for n in values):
        return values
    if isinstance(values, (str, Tensor)) or not isinstance(values, Sequence):
        raise TypeError(
            f"{name}(): argument '{argument}' (position 2) must be tuple of ints, not {type(values).__name__}"
        )
    try:
        return tuple(map(operator.index, values))
    except TypeError:
        at = next(i for i, n in enumerate(values) if not hasattr(n, "__index__") or isinstance(n, Tensor))
        raise TypeError(
            f"{name}(): argument '{argument}' (position 2) must be tuple of ints, but found element of type "
            f"{type(values[at]).__name__} at pos {at}"
        ) from None


def variadic(fn=None, *, function: bool = True):
    """Publish ``fn(input, sizes)`` and a method that takes the sizes spelled out too: ``x.permute(0, 1)``."""

    def declare(fn):
        name, word = fn.__name__, list(inspect.signature(fn).parameters)[1]

        def spelled(self, *sizes, **named):
            if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
                return fn(self, sizes[0], **named)
            if sizes:
                return fn(self, sizes, **named)
            if word not in named:
                raise TypeError(f'{name}() missing 1 required positional arguments: "{word}"')
            return fn(self, **named)

        spelled.__name__, spelled.__doc__ = name, fn.__doc__
        method(spelled)
        return composite(fn, method=False) if function else fn

    return declare if fn is None else declare(fn)


def inferred(shape: tuple, size: int) -> tuple:
    """A shape for ``size`` elements with its -1 filled in. Raises RuntimeError as torch does."""
    known, unknown = 1, None
    for i, n in enumerate(shape):
        if n >= 0:
            known *= n
        elif n == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = i
        else:
            raise RuntimeError(f"invalid shape dimension {n} at index {i} of shape {list(shape)}")
    if unknown is None:
        if known != size:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
        return shape
    if known == 0 and size == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 "
            "can be any "
            "value and is ambiguous"
        )
    if known == 0 or size % known:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    return (*shape[:unknown], size // known, *shape[unknown + 1 :])


# -------------------------------------------------------------------------------------------------------------- reshape
@op(namespace="_", name="unsafe_view", method=False)
def unsafe_view(input: Array, shape) -> Array:
    """A copy of ``input`` under another shape."""
    return input.reshape(shape)


@unsafe_view.vjp
def _(g, shapes):
    return g.reshape(shapes[0])


def _viewable(t: Tensor, shape: tuple) -> bool:
    v = t._view
    if v is None or (not v.steps and v.cell.strides is None):
        return True
    old, strides, _ = layout_of(t)
    return viewed_strides(old, strides, shape) is not None


@variadic
def reshape(input, shape):
    """``input`` under another shape: a view when its strides allow one, else a copy."""
    shape = inferred(ints(shape, "reshape", "shape"), read(input).size)
    if _viewable(input, shape):
        return see(input, Reshape(shape), "ViewBackward0")
    return dispatch.run(unsafe_view, (input,), (shape,))


@composite(namespace=(), method=True)
def view(self, *shape, size=None, dtype=None):
    """The same storage under another shape, or the same bytes as another dtype.

    Raises: RuntimeError if the strides do not allow the shape without a copy.
    """
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = shape[0]
        if isinstance(shape, dtypes.dtype):
            dtype, shape = shape, ()
    elif not shape and size is not None:
        shape = size
    elif not shape and dtype is None:
        raise _bad_view("")
    if dtype is not None:
        return _view_dtype(self, dtype)
    try:
        shape = ints(shape, "view", "size")
    except TypeError:
        raise _bad_view(type(shape).__name__) from None
    shape = inferred(shape, read(self).size)
    if not _viewable(self, shape):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous "
            "subspaces). Use .reshape(...) instead."
        )
    return see(self, Reshape(shape), "ViewBackward0")


def _bad_view(kind: str) -> TypeError:
    return TypeError(
        f"view() received an invalid combination of arguments - got ({kind}), but expected one of:\n * (torch.dtype "
        "dtype)\n"
        " * (tuple of ints size)\n"
    )


def _view_dtype(t: Tensor, dtype) -> Tensor:
    old, new = t.element_size(), dtype.itemsize
    target = dtypes.to_mlx(dtype)
    shape, strides, offset = layout_of(t)
    if dtype is t.dtype:
        return see(t, Reshape(shape), "AliasBackward0")
    if old != new:
        if not shape:
            raise RuntimeError(
                f"self.dim() cannot be 0 to view {_kind(t.dtype)} as {_kind(dtype)} (different element sizes)"
            )
        if strides[-1] != 1:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {_kind(t.dtype)} as {_kind(dtype)} (different element sizes), but "
                "got "
                f"{strides[-1]}"
            )
        ratio = new // old
        if new > old and shape[-1] % ratio:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {ratio} to view {_kind(t.dtype)} as {_kind(dtype)} (different "
                "element "
                f"sizes), but got {shape[-1]}"
            )
        if new > old and offset % ratio:
            raise RuntimeError(
                f"self.storage_offset() must be divisible by {ratio} to view {_kind(t.dtype)} as {_kind(dtype)} "
                f"(different element sizes), but got {offset}"
            )
        if new > old and any(s % ratio for s in strides[:-1]):
            at = next(i for i, s in enumerate(strides) if s % ratio)
            raise RuntimeError(
                f"self.stride({at}) must be divisible by {ratio} to view {_kind(t.dtype)} as {_kind(dtype)} (different "
                f"element sizes), but got {strides[at]}"
            )
    return see(t, Bitcast(target, read(t).dtype), "AliasBackward0")


def _kind(dtype) -> str:
    return dtypes.scalar_type_name(dtype)


@method
def view_as(self, other):
    """``self.view(other.shape)``."""
    return self.view(other.shape)


@method
def reshape_as(self, other):
    """``self.reshape(other.shape)``."""
    return reshape(self, other.shape)


@composite
def flatten(input, start_dim: int = 0, end_dim: int = -1):
    """The dimensions from ``start_dim`` to ``end_dim`` as one."""
    shape = read(input).shape
    start, end = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, (1,))
    if start == end:
        return input
    length = 1
    for n in shape[start : end + 1]:
        length *= n
    return reshape(input, (*shape[:start], length, *shape[end + 1 :]))


@composite
def ravel(input):
    """``input`` as one dimension, in row-major order."""
    return reshape(input, (-1,)) if read(input).size else reshape(input, (0,))


@composite
def unflatten(input, dim: int, sizes):
    """One dimension as several; one of ``sizes`` may be -1."""
    shape = read(input).shape
    dim = wrap_dim(dim, len(shape))
    sizes = ints(sizes, "unflatten", "sizes")
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        new = inferred(sizes, shape[dim])
    except RuntimeError as error:
        if sizes.count(-1) < 2 and min(sizes) >= -1:
            raise RuntimeError(
                f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in "
                "the input tensor"
            ) from None
        raise RuntimeError(f"unflatten got an unexpected error:\n{error}") from None
    return input.view(*shape[:dim], *new, *shape[dim + 1 :])


# ---------------------------------------------------------------------------------------------------------------- order
def _swapped(ndim: int, a: int, b: int) -> tuple:
    axes = list(range(ndim))
    axes[a], axes[b] = b, a
    return tuple(axes)


@composite(aliases=("swapaxes", "swapdims"))
def transpose(input, dim0: int, dim1: int):
    """Two dimensions exchanged."""
    ndim = input._a.ndim
    dim0, dim1 = wrap_dim(dim0, ndim), wrap_dim(dim1, ndim)
    return see(input, Permute(_swapped(ndim, dim0, dim1) if ndim else ()), "TransposeBackward0")


@composite
def t(input):
    """The transpose of a matrix; a vector or scalar as it is."""
    ndim = read(input).ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return see(input, Permute((1, 0) if ndim == 2 else tuple(range(ndim))), "TBackward0")


@variadic
def permute(input, dims):
    """The dimensions in another order."""
    dims, ndim = ints(dims, "permute", "dims"), input._a.ndim
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            "ordering of "
            f"dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    dims = tuple(wrap_dim(d, ndim) for d in dims)
    if len(set(dims)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return see(input, Permute(dims), "PermuteBackward0")


@composite(aliases=("moveaxis",))
def movedim(input, source, destination):
    """Dimensions moved to other positions; the others keep their order."""
    ndim = read(input).ndim
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number "
            "of dims as "
            f"destination ({list(destination)} dims)"
        )
    source = [wrap_dim(d, ndim) for d in source]
    destination = [wrap_dim(d, ndim) for d in destination]
    for name, dims in (("source", source), ("destination", destination)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({dims})")
    if not ndim:
        return see(input, Permute(()), "AliasBackward0")
    rest = iter(d for d in range(ndim) if d not in source)
    moved = dict(zip(destination, source, strict=True))
    return permute(input, tuple(moved[d] if d in moved else next(rest) for d in range(ndim)))


def _matrix(t: Tensor, name: str) -> int:
    ndim = read(t).ndim
    if ndim == 1:
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return ndim


@tensor_property
def T(self):
    """All dimensions in reverse order."""
    return permute(self, tuple(reversed(range(self.ndim))))


@tensor_property
def mT(self):
    """The last two dimensions exchanged."""
    return transpose(self, -2, -1) if _matrix(self, "mT") else permute(self, ())


@tensor_property
def H(self):
    """The conjugate transpose of a matrix."""
    ndim = self.ndim
    if ndim not in (0, 2):
        hint = " For batches of matrices, consider using tensor.mH" if ndim > 2 else ""
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{hint}")
    return adjoint(self)


@tensor_property
def mH(self):
    """The conjugate transpose of the last two dimensions."""
    _matrix(self, "mH")
    return adjoint(self)


@composite
def adjoint(input):
    """The last two dimensions exchanged, and conjugated."""
    flipped = transpose(input, -2, -1) if _matrix(input, "adjoint()") else permute(input, ())
    return flipped.conj() if flipped.is_complex() else flipped


# --------------------------------------------------------------------------------------------- dimensions of length one
@composite
def squeeze(input, dim=None):
    """Without the dimensions of length one, all of them or those named."""
    shape = read(input).shape
    if dim is None:
        drop, name = {i for i, n in enumerate(shape) if n == 1}, "SqueezeBackward0"
    elif isinstance(dim, int):
        dim = wrap_dim(dim, len(shape))
        drop, name = {dim} if shape and shape[dim] == 1 else set(), "SqueezeBackward1"
    else:
        dims = [wrap_dim(d, len(shape)) for d in dim]
        for d in dims:
            if dims.count(d) > 1:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        drop, name = {d for d in dims if shape and shape[d] == 1}, "SqueezeBackward2"
    kept = tuple(i for i in range(len(shape)) if i not in drop)
    return see(input, Squeeze(tuple(shape[i] for i in kept), kept), name)


@composite
def unsqueeze(input, dim: int):
    """With a new dimension of length one at ``dim``."""
    shape = input._a.shape
    dim = wrap_dim(dim, len(shape) + 1)
    source = (*range(dim), None, *range(dim, len(shape)))
    return see(input, Squeeze((*shape[:dim], 1, *shape[dim:]), source), "UnsqueezeBackward0")


# --------------------------------------------------------------------------------------------------------------- expand
@variadic(function=False)
def expand(input, size, *, implicit: bool = False):
    """Dimensions of length one repeated without copying; -1 keeps a length."""
    shape, size = read(input).shape, ints(size, "expand", "size")
    extra = len(size) - len(shape)
    if extra < 0:
        raise RuntimeError(
            f"expand({input.type()}{{{list(shape)}}}, size={list(size)}): the number of sizes provided ({len(size)}) "
            "must be greater or "
            f"equal to the number of dimensions in the tensor ({len(shape)})"
        )
    target = list(size)
    for i in range(len(size) - 1, -1, -1):
        n = size[i]
        have = shape[i - extra] if i >= extra else None
        if have is None and n < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
            )
        if n == -1:
            n = have
        elif have is not None and have != n and (have != 1 or n < 0):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton "
                f"dimension {i}.  "
                f"Target sizes: {list(size)}.  Tensor sizes: {list(shape)}"
            )
        target[i] = n
    return see(input, Expand(tuple(target)), "ExpandBackward0")


@method
def expand_as(self, other):
    """``self.expand(other.shape)``."""
    return expand(self, other.shape)


@composite
def broadcast_to(input, size):
    """``input.expand(size)``."""
    return expand(input, size)


# ---------------------------------------------------------------------------------------------------------------- parts
def sliced(t: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """A slice of one dimension, with bounds in range."""
    key = [slice(0, n, 1) for n in read(t).shape]
    key[dim] = slice(start, stop, 1)
    return see(t, Slice(tuple(key)), "SliceBackward0")


@composite
def select(input, dim: int, index):
    """The part at ``index`` of one dimension."""
    shape = read(input).shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, index = wrap_dim(dim, len(shape)), operator.index(index)
    if not -shape[dim] <= index < shape[dim]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}")
    key = [slice(0, n, 1) for n in shape]
    key[dim] = index + shape[dim] if index < 0 else index
    return see(input, Slice(tuple(key)), "SelectBackward0")


@composite
def narrow(input, dim: int, start, length: int):
    """``length`` elements of one dimension from ``start``."""
    shape = read(input).shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor):
        if start.ndim or start.dtype.category != dtypes.INT:
            raise RuntimeError("start must be an 0-dim integral Tensor.")
        start = int(host_value(start).item())
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    dim = wrap_dim(dim, len(shape))
    n = shape[dim]
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return sliced(input, dim, start, start + length)


@composite
def diagonal(input, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """The diagonal of two dimensions, put last; ``offset`` counts to the right of the main one."""
    ndim = read(input).ndim
    first, second = wrap_dim(dim1, ndim), wrap_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return see(input, Diagonal(offset, first, second), "DiagonalBackward0")


@method
def unfold(self, dimension: int, size: int, step: int):
    """Windows of ``size`` every ``step`` along a dimension, the window put last."""
    shape = read(self).shape
    dim = wrap_dim(dimension, len(shape))
    longest = shape[dim] if shape else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > longest:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {longest} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return see(self, Unfold(dim, size, step), "UnfoldBackward0")


def _beyond(input, root, step: Gathered):
    """What ``step`` names of the storage ``root``, the elements ``input``, a leaf and a part of it, sees being the leaf's.

    A copy: torch refuses to write into a view of a leaf.
    """
    own = Gathered(*layout_of(input)).positions().reshape(-1)
    place = np.arange(read(root).size, dtype=np.int64) + own.size
    place[own] = np.arange(own.size)
    everything = namespaces["torch"]["cat"]([input.reshape(-1), root.detach().reshape(-1)])
    return see(
        everything, Gathered(step.shape, step.strides, step.offset, place[step.positions()]), "AsStridedBackward0"
    ).clone()


@composite
def as_strided(input, size, stride, storage_offset=None):
    """Elements of the storage by size, stride and offset, wherever ``input`` itself lies in it."""
    size, stride = ints(size, "as_strided", "size"), ints(stride, "as_strided", "stride")
    own = layout_of(input)[2]
    offset = own if storage_offset is None else operator.index(storage_offset)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if any(n < 0 for n in size):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    root = storage_root(input)
    last = 0 if 0 in size else 1 + offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if last > read(root).size:
        width = input.element_size()
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {width} "
            "requiring a storage "
            f"size of {last * width} are out of bounds for storage of size {read(root).size * width}"
        )
    step = Gathered(size, stride, offset)
    source = storage_positions(input, step)
    if source is None:  # some elements lie outside of what ``input`` sees
        if input._rg and not root._rg and modes.grad:
            return _beyond(input, root, step)
        return see(root, step, "AsStridedBackward0")
    return see(input, source, "AsStridedBackward0")


for _changing in (t, transpose, squeeze, unsqueeze, as_strided):
    inplace_view(_changing)
for _alias in ("swapaxes_", "swapdims_"):
    composite(Tensor.transpose_, name=_alias, namespace=(), method=True)
publish("as_strided_", Tensor.as_strided_, ("torch",))

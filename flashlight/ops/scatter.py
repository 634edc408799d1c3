"""Elements chosen and replaced by index tensors along a dimension, or by masks."""

from __future__ import annotations

import functools

import mlx.core as mx

from .._core import checks, dispatch, dtypes
from .._core.axes import summed
from .._core.dispatch import convert, deliver, scalar_array
from .._core.indexing import scatter as write_rows
from .._core.indexing import scatter_add as add_rows
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, wrap, wrap_dim
from .joining import merged_shape


def kind_of(a) -> str:
    """What torch's messages call the dtype of an array."""
    return dtypes.scalar_type_name(dtypes.from_mlx(a.dtype))


def out_of_range(size: int, dim: int, error):
    """The error for an index out of range, of the type ``error``."""
    return lambda v: error(f"index {v} is out of bounds for dimension {dim} with size {size}")


def two_forms(choose):
    """From a function that gives (operator, tensors, statics), publish it as a function, a method and ``name_``."""
    name = choose.__name__

    @functools.wraps(choose)
    def out_of_place(input, *args, out=None, **kwargs):
        return deliver(dispatch.run(*choose(input, *args, **kwargs)), out)

    @functools.wraps(choose)
    def in_place(input, *args, **kwargs):
        return dispatch.in_place(*choose(input, *args, **kwargs))

    in_place.__name__ = name + "_"
    composite(out_of_place)
    composite(in_place, namespace=(), method=True)
    return out_of_place


def vector(a):
    """A scalar as a vector of one element, anything else as it is."""
    return a.reshape(1) if a.ndim == 0 else a


def _rows(dim: int, index) -> tuple:
    """Index arrays for whole rows of one dimension."""
    return (*(None,) * dim, vector(index))


def _for_rows(a, dim: int, index) -> tuple:
    return (*_rows(dim, index), *(None,) * (max(a.ndim, 1) - dim - 1))


# ----------------------------------------------------------------------------------------- rows: index_select and so on
@op(out="exact apart")
def index_select(input: Array, dim: int, index: Array) -> Array:
    """The parts of ``input`` at ``index`` along a dimension."""
    if input.ndim == 0:
        return mx.take(input.reshape(1), index.reshape(-1)).reshape(()) if index.size else mx.zeros((0,), input.dtype)
    dim = wrap_dim(dim, input.ndim)
    if index.size == 0 or input.size == 0:
        return mx.zeros((*input.shape[:dim], index.size, *input.shape[dim + 1 :]), dtype=input.dtype)
    return mx.take(input, vector(index), axis=dim)


@index_select.vjp
def _(g, index, dim, shapes):
    like = mx.zeros(vector_shape(shapes[0]), dtype=g.dtype)
    dim = wrap_dim(dim, like.ndim)
    return add_rows(like, _for_rows(like, dim, index), vector(g)).reshape(shapes[0]), None


def vector_shape(shape) -> tuple:
    """The shape of ``vector(a)``."""
    return tuple(shape) or (1,)


@index_select.checked
def _(arrays, statics):
    a, index = arrays
    dim = wrap_dim(statics[0], a.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if index.dtype not in (mx.int32, mx.int64):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if a.ndim == 0 and index.size != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)")
    n = a.shape[dim] if a.ndim else 1
    if n == 0 and index.size:
        if a.ndim == 1:
            raise IndexError("index out of range in self")
        raise RuntimeError("index_select(): self indexing axis dim should be positive")
    return [a, checks.bounded(index, n, lambda _v: IndexError("index out of range in self"))]


def check_rows(name: str, a, dim: int, index, source, kinds: str = "int32/int64") -> int:
    """What index_add and index_reduce demand of their arguments; gives the length of the dimension."""
    dim = wrap_dim(dim, a.ndim)
    if index.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim} with type: {kind_of(index)} and "
            "size: "
            f"{list(index.shape)}"
        )
    if index.dtype not in (mx.int32, mx.int64):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got: {kind_of(index)}")
    if a.dtype != source.dtype:
        raise RuntimeError(
            f"{name}(): self ({kind_of(a)}) and source ({kind_of(source)}) must have the same scalar type"
        )
    if dim >= max(source.ndim, 1):
        raise RuntimeError(f"{name}(): Indexing dim {dim} is out of bounds of the source tensor with dim {source.ndim}")
    if not source.ndim and index.size != 1:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    length = source.shape[dim] if source.ndim else 1
    if index.size != length:
        raise RuntimeError(
            f"{name}(): Number of indices ({index.size}) should be equal to source.size(dim): ({length}), for dim: "
            f"{dim}"
        )
    if _but(a.shape, dim) != _but(source.shape, dim) or a.ndim != source.ndim:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(a.shape)} source.shape = {list(source.shape)}"
        )
    return a.shape[dim] if a.ndim else 1


def _but(shape, dim: int) -> tuple:
    return tuple(n for i, n in enumerate(shape) if i != dim)


@op(inplace=True)
def index_add(input: Array, dim: int, index: Array, source: Array, *, alpha=1) -> Array:
    """``input`` with ``alpha * source`` added to the parts at ``index``."""
    a = vector(input)
    added = source if alpha == 1 else source * scalar_array(alpha, source.dtype)
    key = _for_rows(a, wrap_dim(dim, a.ndim), index)
    if input.dtype == mx.bool_:
        counts = add_rows(a.astype(mx.int32), key, vector(added).astype(mx.int32))
        return (counts != 0).reshape(input.shape)
    return add_rows(a, key, vector(added)).reshape(input.shape)


@index_add.vjp
def _(g, index, dim, alpha, needs, shapes):
    part = None
    if needs[2]:
        rows = mx.take(vector(g), vector(index), axis=wrap_dim(dim, max(g.ndim, 1))).reshape(shapes[2])
        part = rows if alpha == 1 else rows * scalar_array(alpha, g.dtype)
    return g, None, part


@index_add.checked
def _(arrays, statics):
    a, index, source = arrays
    dim = wrap_dim(statics[0], a.ndim)
    n = check_rows("index_add_", a, dim, index, source)
    return [a, checks.bounded(index, n, out_of_range(n, dim, RuntimeError)), source]


@op(inplace=True, autocast="cpu widest")
def index_copy(input: Array, dim: int, index: Array, source: Array) -> Array:
    """``input`` with the parts at ``index`` replaced by those of ``source``."""
    a = vector(input)
    key = _for_rows(a, wrap_dim(dim, a.ndim), index)
    return write_rows(a, key, vector(source)).reshape(input.shape)


@index_copy.vjp
def _(g, index, dim, needs, shapes):
    a, kept, part = vector(g), None, None
    dim = wrap_dim(dim, a.ndim)
    if needs[0]:
        kept = write_rows(a, _for_rows(a, dim, index), mx.zeros((), dtype=g.dtype)).reshape(g.shape)
    if needs[2]:
        part = mx.take(a, vector(index), axis=dim).reshape(shapes[2])
    return kept, None, part


@index_copy.checked
def _(arrays, statics):
    a, index, source = arrays
    dim = wrap_dim(statics[0], a.ndim)
    if index.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if source.ndim == 0 and index.size != 1:
        raise IndexError(f"index_copy_(): When source is scalar, index should have one element (got {index.size})")
    if source.ndim and a.ndim and source.ndim != a.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
            f"dimensionality ({source.ndim}), destination dimensionality ({a.ndim})"
        )
    if index.dtype != mx.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {kind_of(index)}")
    if a.dtype != source.dtype:
        raise RuntimeError(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) {kind_of(a)} and (source) "
            f"{kind_of(source)}"
        )
    if _but(a.shape, dim) != _but(source.shape, dim):
        theirs, ours = (" ".join(map(str, _but(s, dim))) for s in (source.shape, a.shape))
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{ours} at dimension {dim} and source slice shape: {theirs} at dimension 0."
        )
    length = source.shape[dim] if source.ndim else 1
    if index.size != length:
        raise IndexError(
            f"index_copy_(): Number of indices ({index.size}) should be equal to source.size(dim) ({length})"
        )
    n = a.shape[dim] if a.ndim else 1
    error = out_of_range(n, dim, str)
    return [a, checks.bounded(index, n, lambda v: IndexError(f"index_copy_(): {error(v)}")), source]


@op(namespace="_", name="index_fill", method=False)
def _index_fill(input: Array, index: Array, value: Array, dim) -> Array:
    """``input`` with the parts at ``index`` replaced by one value."""
    a = vector(input)
    return write_rows(a, _for_rows(a, dim, index), convert(value, a.dtype)).reshape(input.shape)


@_index_fill.vjp
def _(g, index, dim, needs):
    a, kept, filled = vector(g), None, None
    rows = _for_rows(a, dim, index)
    if needs[0]:
        kept = write_rows(a, rows, mx.zeros((), dtype=g.dtype)).reshape(g.shape)
    if needs[2]:  # a place that the index names twice is filled once
        filled = summed(a * write_rows(mx.zeros_like(a), rows, mx.ones((), dtype=g.dtype)))
    return kept, None, filled


@_index_fill.checked
def _(arrays, statics):
    a, index, value = arrays
    if index.dtype != mx.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    if value.dtype == mx.complex64 and a.dtype != mx.complex64:
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    n = a.shape[statics[0]] if a.ndim else 1
    return [a, checks.bounded(index, n, out_of_range(n, statics[0], IndexError), lowest=-n), value]


@two_forms
def index_fill(input, dim: int, index, value):
    """``input`` with the parts at ``index`` along a dimension replaced by one value."""
    dim = wrap_dim(dim, input.ndim)
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    return _index_fill, (input, index, filler(value, input)), (dim,)


def filler(value, like: Tensor) -> Tensor:
    """A fill value as a tensor: numbers go straight to the dtype they are written in."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, complex) and not like.is_complex():
        return wrap(mx.array(value))
    return wrap(scalar_array(value, like._a.dtype))


# -------------------------------------------------------------------------------------------- along a dimension: gather
def _cropped(a, dim: int, shape):
    """The part of ``a`` that an index of this shape reaches: all of ``dim``, as much of the others as the index has."""
    if all(n == m or d == dim for d, (n, m) in enumerate(zip(a.shape, shape, strict=True))):
        return a
    return a[tuple(slice(None) if d == dim else slice(0, n) for d, n in enumerate(shape))]


def along(a, dim: int, index):
    """The elements of ``a`` that ``index`` names along a dimension."""
    if index.size == 0:
        return mx.zeros(index.shape, dtype=a.dtype)
    return mx.take_along_axis(_cropped(a, dim, index.shape), index, axis=dim)


def add_along(a, dim: int, index, source):
    """``a`` with ``source`` added where ``index`` names places along a dimension."""
    if index.size == 0:
        return a
    if a.dtype == mx.bool_:
        return add_along(a.astype(mx.int32), dim, index, source.astype(mx.int32)) != 0
    # the transpose of a gather is a scatter with addition; MLX's own kernel for it is the fastest there is
    return a + mx.vjp(lambda z: along(z, dim, index), [mx.zeros(a.shape, dtype=a.dtype)], [source])[1][0]


def set_along(a, dim: int, index, source):
    """``a`` with ``source`` written where ``index`` names places along a dimension."""
    if index.size == 0:
        return a
    part = _cropped(a, dim, index.shape)
    written = mx.put_along_axis(part, index, mx.broadcast_to(source, index.shape), axis=dim)
    if part is a:
        return written
    out = mx.array(a)
    out[tuple(slice(None) if d == dim else slice(0, n) for d, n in enumerate(index.shape))] = written
    return out


def flat_places(shape, dim: int, index):
    """Where in the flattened array of this shape the elements are that ``index`` names along a dimension."""
    flat, step = None, 1
    for d in range(len(shape) - 1, -1, -1):
        at = index.astype(mx.int64) if d == dim else _counting(d, index)
        flat = at * step if flat is None else flat + at * step
        step *= shape[d]
    return flat.reshape(-1)


def _counting(d: int, index):
    return mx.arange(index.shape[d], dtype=mx.int64).reshape([-1 if i == d else 1 for i in range(index.ndim)])


def multiply_along(a, dim: int, index, source):
    """``a`` multiplied by ``source`` where ``index`` names places along a dimension."""
    if index.size == 0:
        return a
    if a.dtype == mx.bool_:
        return multiply_along(a.astype(mx.int32), dim, index, source.astype(mx.int32)) != 0
    places = flat_places(a.shape, dim, index)

    # MLX has no gradient of a scatter that multiplies
    @mx.custom_function
    def multiplied(a, source):
        return a.reshape(-1).at[places].multiply(source.reshape(-1)).reshape(a.shape)

    @multiplied.vjp
    def _(primals, g, out):
        return pull_product(g, *primals, out, dim, index, lambda x, y: multiply_along(x, dim, index, y))

    return multiplied(a, source)


def pull_product(g, a, source, out, dim: int, index, multiply):
    """Gradients of ``multiply(a, source)``, which multiplies along a dimension."""
    one = mx.ones((), dtype=a.dtype)
    # a factor's gradient is the product of the others: divide, and where the factor is zero multiply without it
    nonzero = mx.where(a == 0, one, a)
    to_self = g * multiply(nonzero, source) / nonzero
    is_zero = source == 0
    zeros = add_along(mx.zeros(a.shape, dtype=a.dtype), dim, index, is_zero.astype(a.dtype))
    single = mx.logical_and(is_zero, along(zeros, dim, index) == 1)
    without = multiply(a, mx.where(single, one, source))
    divided = along(g * out, dim, index) / mx.where(is_zero, one, source)
    return to_self, mx.where(single, along(g * without, dim, index), divided)


def source_for(index, source):
    """The part of a source that an index of a smaller shape reads."""
    if source.shape == index.shape or source.ndim == 0:
        return source
    return source[tuple(slice(0, n) for n in index.shape)]


def grown(g, shape):
    """The gradient of a source of which a part was read."""
    if tuple(g.shape) == tuple(shape):
        return g
    return mx.pad(g, [(0, n - m) for n, m in zip(shape, g.shape, strict=True)])


def _check_along(name: str, a, dim: int, index, other: str = "self") -> None:
    if index.size and index.dtype not in (mx.int32, mx.int64):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if index.size and max(index.ndim, 1) != max(a.ndim, 1):
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {other} tensor")


def _bounded_along(a, dim: int, index):
    n = a.shape[dim] if a.ndim else 1
    return checks.bounded(index, n, out_of_range(n, dim, RuntimeError))


def lifted(a, index, *others) -> list:
    """Scalars as vectors of one element."""
    return [a if a.ndim else a.reshape(1), *(x if x.ndim else x.reshape(1) for x in (index, *others))]


@op(out="exact apart-first")
def gather(input: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Array:
    """The elements of ``input`` that ``index`` names along a dimension: ``out[i][j] = input[index[i][j]][j]``.

    ``sparse_grad`` changes how torch stores the gradient, not its values, and is the same here either way.
    """
    a, places = lifted(input, index)
    if index.size == 0:
        return mx.zeros(index.shape, dtype=input.dtype)
    return along(a, wrap_dim(dim, a.ndim), places).reshape(index.shape)


@gather.vjp
def _(g, index, dim, shapes):
    like = mx.zeros(vector_shape(shapes[0]), dtype=g.dtype)
    if index.size == 0:
        return like.reshape(shapes[0]), None
    g, places = lifted(g, index)
    return add_along(like, wrap_dim(dim, like.ndim), places, g).reshape(shapes[0]), None


@gather.checked
def _(arrays, statics):
    a, index = arrays
    dim = wrap_dim(statics[0], a.ndim)
    _check_along("gather", a, dim, index, "input")
    for d, (n, m) in enumerate(zip(index.shape, a.shape, strict=False)):
        if index.size and d != dim and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than self "
                f"{list(a.shape)} apart from dimension {dim}"
            )
    return [a, _bounded_along(a, dim, index)]


@composite
def take_along_dim(input, indices, dim=None, *, out=None):
    """``gather`` with the other dimensions broadcast; without ``dim``, from the flattened tensor."""
    if indices.dtype is not dtypes.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got {dtypes.scalar_type_name(indices.dtype)}"
        )
    if dim is None:
        return deliver(gather.public(input.reshape(-1), 0, indices.reshape(-1)), out)
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, input.ndim)
    shape = list(merged_shape(_with(input.shape, dim, 1), _with(indices.shape, dim, 1)))
    source = input.expand(_with(shape, dim, input.shape[dim]))
    if input.shape[dim]:
        indices = indices.remainder(input.shape[dim])
    return deliver(gather.public(source, dim, indices.expand(_with(shape, dim, indices.shape[dim]))), out)


def _with(shape, dim: int, n: int) -> list:
    return [n if d == dim else m for d, m in enumerate(shape)]


# -------------------------------------------------------------------------------------------------------------- scatter
def _check_scatter(name: str, a, dim: int, index, source) -> None:
    _check_along(name, a, dim, index)
    if source.dtype != a.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if not index.size:
        return
    if 0 < source.ndim < index.ndim:
        wrap_dim(source.ndim, source.ndim)  # raises
    if max(source.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    index_shape, own, theirs = (vector_shape(x.shape) for x in (index, a, source))
    fits = all(n <= m or d == dim for d, (n, m) in enumerate(zip(index_shape, own, strict=True)))
    if not fits or any(n > m for n, m in zip(index_shape, theirs, strict=True)):
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(a.shape)} apart from dimension {dim} "
            "and "
            f"to be no larger size than src {list(source.shape)}"
        )


def checked_scatter(name: str):
    """The check of an operator on (input, index, source) along its first static argument."""

    def check(arrays, statics):
        a, index, source = arrays
        dim = wrap_dim(statics[0], a.ndim)
        _check_scatter(name, a, dim, index, source)
        return [a, _bounded_along(a, dim, index), source]

    return check


@op(namespace="_", name="scatter", method=False)
def _scatter(input: Array, index: Array, src: Array, dim) -> Array:
    """``input`` with elements of ``src`` written where ``index`` says."""
    a, places, source = lifted(input, index, src)
    return set_along(a, wrap_dim(dim, a.ndim), places, source_for(places, source)).reshape(input.shape)


@_scatter.vjp
def _(g, index, dim, needs, shapes):
    a, places = lifted(g, index)
    dim = wrap_dim(dim, a.ndim)
    kept = set_along(a, dim, places, mx.zeros((), dtype=g.dtype)).reshape(g.shape) if needs[0] else None
    part = grown(along(a, dim, places), vector_shape(shapes[2])).reshape(shapes[2]) if needs[2] else None
    return kept, None, part


_scatter.checked(checked_scatter("scatter"))


@op(namespace="_", name="scatter_value", method=False, backward="Scatter")
def _scatter_value(input: Array, index: Array, dim, value) -> Array:
    """``input`` with one value written where ``index`` says."""
    a, places = lifted(input, index)
    return set_along(a, wrap_dim(dim, a.ndim), places, scalar_array(value, a.dtype)).reshape(input.shape)


@_scatter_value.vjp
def _(g, index, dim):
    a, places = lifted(g, index)
    return set_along(a, wrap_dim(dim, a.ndim), places, mx.zeros((), dtype=g.dtype)).reshape(g.shape), None


@_scatter_value.checked
def _(arrays, statics):
    a, index = arrays
    dim = wrap_dim(statics[0], a.ndim)
    _check_scatter("scatter", a, dim, index, mx.broadcast_to(mx.zeros((), a.dtype), index.shape))
    return [a, _bounded_along(a, dim, index)]


@two_forms
def scatter(input, dim: int, index, src=None, value=None, *, reduce=None):
    """``input`` with elements of ``src``, or one value, written at the places ``index`` names along a dimension.

    ``reduce`` ("add" or "multiply") combines them with what is there instead, without a gradient.
    """
    source = value if src is None else src
    if source is None:
        raise TypeError('scatter() missing 1 required positional arguments: "src"')
    if reduce is not None and reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    if isinstance(source, complex) and not input.is_complex():
        raise RuntimeError(f"value cannot be converted to type {dtypes.cpp_name(input.dtype)} without overflow")
    if reduce is None:
        if isinstance(source, Tensor):
            return _scatter, (input, index, source), (dim,)
        return _scatter_value, (input, index), (dim, source)
    if not isinstance(source, Tensor):
        source = wrap(scalar_array(source, input._a.dtype)).expand(index.shape)
    return _scatter_combined, (input, index, source), (dim, reduce)


@op(namespace="_", name="scatter_combined", method=False, backward="NotImplemented")
def _scatter_combined(input: Array, index: Array, src: Array, dim, reduce) -> Array:
    """``input`` with elements of ``src`` added or multiplied in where ``index`` says."""
    a, places, source = lifted(input, index, src)
    combine = add_along if reduce == "add" else multiply_along
    return combine(a, wrap_dim(dim, a.ndim), places, source_for(places, source)).reshape(input.shape)


@_scatter_combined.vjp
def _():
    raise RuntimeError("derivative for aten::scatter is not implemented")


_scatter_combined.checked(checked_scatter("scatter"))


@op(inplace=True, autocast="gpu widest")
def scatter_add(input: Array, dim: int, index: Array, src: Array) -> Array:
    """``input`` with elements of ``src`` added at the places ``index`` names along a dimension."""
    a, places, source = lifted(input, index, src)
    return add_along(a, wrap_dim(dim, a.ndim), places, source_for(places, source)).reshape(input.shape)


@scatter_add.vjp
def _(g, index, dim, needs, shapes):
    if not needs[2]:
        return g, None, None
    a, places = lifted(g, index)
    part = grown(along(a, wrap_dim(dim, a.ndim), places), vector_shape(shapes[2])).reshape(shapes[2])
    return g, None, part


scatter_add.checked(checked_scatter("scatter"))

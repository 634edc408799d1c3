"""Reductions: sums, products, means, moments, logical reductions."""

from __future__ import annotations

import warnings

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.axes import axes_of, count, filled, kept_shape, numpy_names, summed
from .._core.dispatch import convert
from .._core.halves import HALVES, wide
from .._core.table import Array, composite, op
from .kinds import BOOL, kind_of, not_implemented
from .selection import shifted


def spread(g: mx.array, shape, axes) -> mx.array:
    """The gradient of a sum: every element gets that of its result."""
    return mx.broadcast_to(mx.reshape(g, kept_shape(shape, axes)), shape)


def _result_dtype(a: mx.array, dtype):
    """What a sum gives: integers and bools give int64."""
    if dtype is not None:
        return dtypes.to_mlx(dtype)
    return a.dtype if mx.issubdtype(a.dtype, mx.inexact) else mx.int64


def _accumulated(reduce, a: mx.array, dtype, *args, **kwargs) -> mx.array:
    """A reduction in the dtype torch accumulates in and gives."""
    result = _result_dtype(a, dtype)
    work = mx.float32 if result in HALVES else result
    out = reduce(a if a.dtype == work else convert(a, work), *args, **kwargs)
    return out if out.dtype == result else out.astype(result)


def _average(a: mx.array, axis=None, keepdims: bool = False) -> mx.array:
    return mx.mean(a, axis=axis, keepdims=keepdims) if a.size else filled(a, axis, keepdims, float("nan"))


def _product(a: mx.array, axis=None, keepdims: bool = False) -> mx.array:
    return mx.prod(a, axis=axis, keepdims=keepdims) if a.size else filled(a, axis, keepdims, 1)


def _inexact(name: str, a: mx.array, dtype) -> None:
    given = dtypes.from_mlx(a.dtype) if dtype is None else dtype
    if given.category < dtypes.FLOAT:
        which = "Input" if dtype is None else "Optional"
        raise RuntimeError(
            f"{name}(): could not infer output dtype. {which} dtype must be either a floating point or complex dtype. "
            "Got: "
            f"{dtypes.scalar_type_name(given)}"
        )


# -------------------------------------------------------------------------------------------------- sums and products
@op(name="sum", autocast="gpu fp32")
def sum_(input: Array, dim=None, keepdim=False, *, dtype=None) -> Array:
    """The sum of all elements, or over dimensions; integers and bools give int64."""
    return _accumulated(summed, input, dtype, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@sum_.vjp
def _(g, dim, shapes, dtypes):
    shape = shapes[0]
    return convert(spread(g, shape, axes_of(dim, len(shape))), dtypes[0])


@op
def nansum(input: Array, dim=None, keepdim=False, *, dtype=None) -> Array:
    """``sum`` that counts NaN as zero."""
    if input.dtype == mx.complex64:
        raise RuntimeError("nansum on CPU does not support complex inputs")
    known = mx.where(mx.isnan(input), mx.zeros((), dtype=input.dtype), input)
    return _accumulated(summed, known, dtype, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@nansum.vjp
def _(g, input, dim):
    g = convert(spread(g, input.shape, axes_of(dim, input.ndim)), input.dtype)
    return mx.where(mx.isnan(input), mx.zeros((), dtype=g.dtype), g)


@op()
def mean(input: Array, dim=None, keepdim=False, *, dtype=None) -> Array:
    """The mean of all elements, or over dimensions.

    Raises: RuntimeError for integers, whose mean would be none.
    """
    _inexact("mean", input, dtype)
    return _accumulated(_average, input, dtype, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@mean.vjp
def _(g, dim, shapes, dtypes):
    shape = shapes[0]
    axes = axes_of(dim, len(shape))
    return convert(spread(g / max(count(shape, axes), 1), shape, axes), dtypes[0])


@op
def nanmean(input: Array, dim=None, keepdim=False, *, dtype=None) -> Array:
    """``mean`` of what is not NaN."""
    if not mx.issubdtype(input.dtype, mx.inexact):
        name = dtypes.scalar_type_name(dtypes.from_mlx(input.dtype))
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {name}")
    axes = axes_of(dim, input.ndim)
    known = mx.logical_not(mx.isnan(input))
    values = mx.where(known, input, mx.zeros((), dtype=input.dtype))
    many = summed(known, axis=axes, keepdims=keepdim)
    return _accumulated(lambda a: summed(a, axis=axes, keepdims=keepdim) / many.astype(a.dtype), values, dtype)


@op(autocast="fp32", watch="input output")
def prod(input: Array, dim=None, keepdim=False, *, dtype=None) -> Array:
    """The product of all elements, or over one dimension; integers and bools give int64."""
    if isinstance(dim, (tuple, list)):
        raise TypeError("prod(): argument 'dim' must be int, not " + type(dim).__name__)
    return _accumulated(_product, input, dtype, axis=axes_of(dim, input.ndim), keepdims=keepdim)


@prod.vjp
def _(g, input, dim, keepdim):
    axes = axes_of(dim, input.ndim)
    work = mx.float32 if g.dtype in HALVES else g.dtype
    a, g = convert(input, work), g.astype(work)
    if work != mx.complex64:
        return convert(mx.vjp(lambda x: _product(x, axes, keepdim), [a], [g])[1][0], input.dtype)
    if axes is None:
        others = mx.reshape(_products_of_others(mx.reshape(mx.conjugate(a), (-1,)), 0), input.shape)
    else:
        others = _products_of_others(mx.conjugate(a), axes[0])
    return convert(spread(g, input.shape, axes) * others, input.dtype)


def _products_of_others(a: mx.array, axis: int) -> mx.array:
    """For every element the product of the rest of its row, without dividing, so that zeros do no harm."""
    return _products(a, axis, True) * _products(a, axis, False)


def _products(a: mx.array, axis: int, before: bool) -> mx.array:
    a = shifted(a, 1, axis, 1, forwards=before)
    reach = 1
    while reach < a.shape[axis]:
        a = a * shifted(a, reach, axis, 1, forwards=before)
        reach *= 2
    return a


@op(autocast="cpu fp32")
def trace(input: Array) -> Array:
    """The sum of the diagonal of a matrix."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    if kind_of(input) == BOOL:
        raise not_implemented("trace", input)
    if input.size == 0:
        return mx.zeros((), dtype=_result_dtype(input, None))
    return _accumulated(summed, mx.diagonal(input), None)


@trace.vjp
def _(g, shapes):
    return g * mx.eye(*shapes[0], dtype=g.dtype)


# ------------------------------------------------------------------------------------------------------------ logical
def _truth(a: mx.array, reduce, dim, keepdim: bool) -> mx.array:
    if isinstance(dim, (tuple, list)) and not dim:  # no dimension is reduced, unlike in the other reductions
        out = a != 0
    else:
        axes = axes_of(dim, a.ndim)
        out = reduce(a != 0, axis=axes, keepdims=keepdim) if a.size else filled(a != 0, axes, keepdim, reduce is mx.all)
    return out.astype(mx.uint8) if a.dtype == mx.uint8 else out


@op(name="all", grad=False)
def all_(input: Array, dim=None, keepdim=False) -> Array:
    """Whether every element is not zero, of all or over dimensions; uint8 gives uint8."""
    return _truth(input, mx.all, dim, keepdim)


@op(name="any", grad=False)
def any_(input: Array, dim=None, keepdim=False) -> Array:
    """Whether some element is not zero, of all or over dimensions; uint8 gives uint8."""
    return _truth(input, mx.any, dim, keepdim)


@op(grad=False)
def count_nonzero(input: Array, dim=None) -> Array:
    """How many elements are not zero, of all or over dimensions."""
    return summed((input != 0).astype(mx.int64), axis=axes_of(dim, input.ndim))


# ------------------------------------------------------------------------------------------------------------ moments
def _centred(a: mx.array, axes) -> mx.array:
    a = wide(a)
    return a - _average(a, axes, True)


def variance(name: str, a: mx.array, dim, correction, keepdim: bool) -> mx.array:
    """The variance in float32 or wider; warns where the correction leaves no degrees of freedom."""
    if not mx.issubdtype(a.dtype, mx.inexact):
        raise RuntimeError("std and var only support floating point and complex dtypes")
    axes = axes_of(dim, a.ndim)
    freedom = count(a.shape, axes) - correction
    if freedom <= 0:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
            "(input numel "
            "divided by output numel).",
            stacklevel=6,
        )
    centred = _centred(a, axes)
    squares = (
        mx.square(mx.real(centred)) + mx.square(mx.imag(centred)) if a.dtype == mx.complex64 else mx.square(centred)
    )
    total = summed(squares, axis=axes, keepdims=keepdim)
    return total / max(freedom, 0)


def _narrow(out: mx.array, like: mx.array) -> mx.array:
    return out.astype(like.dtype) if like.dtype in HALVES else out


@op(name="var", namespace="_", method=False)
def var_dim(input: Array, dim, correction, keepdim) -> Array:
    """The variance with ``n - correction`` in the denominator."""
    return _narrow(variance("var", input, dim, correction, keepdim), input)


def _variance_pulled(g, input, dim, correction):
    axes = axes_of(dim, input.ndim)
    n = count(input.shape, axes)
    freedom = n - correction
    if dim is None and freedom <= 0:  # torch's value for what has no derivative
        return mx.broadcast_to(g * float("nan" if n == 1 else "inf"), input.shape).astype(input.dtype)
    factor = 2 / freedom if freedom else float("inf")
    return (spread(wide(g) * factor, input.shape, axes) * _centred(input, axes)).astype(input.dtype)


@var_dim.vjp
def _(g, input, dim, correction):
    return _variance_pulled(g, input, dim, correction)


@op(name="std", namespace="_", method=False)
def std_dim(input: Array, dim, correction, keepdim) -> Array:
    """The standard deviation with ``n - correction`` in the denominator."""
    return _narrow(mx.sqrt(variance("std", input, dim, correction, keepdim)), input)


@std_dim.vjp
def _(g, input, dim, correction, output):
    flat = output == 0
    safe = mx.where(flat, mx.ones((), dtype=output.dtype), output)
    scaled = mx.where(flat, mx.zeros((), dtype=g.dtype), wide(g) / (2 * wide(safe)))
    return _variance_pulled(scaled, input, dim, correction)


def _moment_arguments(dim, unbiased, correction) -> tuple:
    """(dim, correction) from the call forms ``f(unbiased)``, ``f(dim, unbiased)`` and ``f(dim, correction=)``."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError("unbiased and correction can not be given together")
        correction = int(unbiased)
    return dim, 1 if correction is None else correction


def _moment(name: str, operator, doc: str):
    @numpy_names
    def moment(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
        dim, correction = _moment_arguments(dim, unbiased, correction)
        result = dispatch.run(operator, (input,), (dim, correction, keepdim))
        return result if out is None else dispatch.write_out(out, result)

    moment.__name__, moment.__doc__ = name, doc
    composite(moment)

    @numpy_names
    def with_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
        if input.dtype.category < dtypes.FLOAT:
            raise RuntimeError(f"{name}_mean only support floating point and complex dtypes")
        dim, correction = _moment_arguments(dim, unbiased, correction)
        return dispatch.run(operator, (input,), (dim, correction, keepdim)), dispatch.run(
            mean, (input,), (dim, keepdim, None)
        )

    with_mean.__name__, with_mean.__doc__ = f"{name}_mean", f"``({name}, mean)`` of all elements or over dimensions."
    composite(with_mean, method=False)


_moment(
    "var",
    var_dim,
    "The variance of all elements or over dimensions, with ``n - correction`` (1 by default) in the denominator.",
)
_moment("std", std_dim, "The standard deviation of all elements or over dimensions: the root of ``var``.")

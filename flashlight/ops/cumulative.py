"""Running sums, products and extrema along a dimension."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch, dtypes, return_types
from .._core.axes import numpy_names
from .._core.dispatch import convert
from .._core.halves import HALVES, wide
from .._core.numerics.elementary import conj, exp
from .._core.table import Array, method, op
from .._core.tensor import wrap_dim
from .kinds import COMPLEX, kind_of, not_implemented
from .selection import add_back, lifted, lowered, shifted


def _accumulated(name: str, scan, a: mx.array, dim, dtype) -> mx.array:
    """A scan in the dtype torch accumulates in and gives: integers and bools give int64."""
    axis = wrap_dim(dim, a.ndim)
    if dtype is dtypes.bool_:
        raise not_implemented(f"{name}_out_cpu", a.astype(mx.bool_))
    result = dtypes.to_mlx(dtype) if dtype is not None else a.dtype if mx.issubdtype(a.dtype, mx.inexact) else mx.int64
    work = mx.float32 if result in HALVES else result
    a = a if a.dtype == work else convert(a, work)
    out = scan(a, axis=axis) if a.ndim and a.size else a
    return out if result == work else out.astype(result)


@op(autocast="gpu fp32")
def cumsum(input: Array, dim, *, dtype=None) -> Array:
    """Running sums along a dimension."""
    return _accumulated("cumsum", mx.cumsum, input, dim, dtype)


@cumsum.vjp
def _(g, dim, dtypes):
    if g.ndim and g.size:
        g = mx.cumsum(wide(g), axis=dim, reverse=True).astype(g.dtype)
    return convert(g, dtypes[0])


@op(autocast="gpu fp32")
def cumprod(input: Array, dim, *, dtype=None) -> Array:
    """Running products along a dimension."""
    return _accumulated("cumprod", mx.cumprod, input, dim, dtype)


@cumprod.vjp
def _(g, input, dim, output):
    if input.ndim == 0 or input.size == 0:
        return convert(g, input.dtype)
    axis = wrap_dim(dim, input.ndim)
    a, out, g = wide(conj(convert(input, output.dtype))), wide(conj(output)), wide(g)
    # products without a factor, and no division: d/dx_i = (x_1 ... x_{i-1}) (g_i + x_{i+1} (g_{i+1} + ...))
    before = shifted(out, 1, axis, 1, forwards=True)
    return convert(before * _recurrence(shifted(a, 1, axis, 0), g, axis), input.dtype)


def _in_place(operator):
    name = operator.name

    def scan_(self, dim, *, dtype=None):
        if self.dtype is dtypes.bool_:
            raise not_implemented(f"{name}_out_cpu", self._a)
        if dtype is not None and dtype is not self.dtype:
            names = dtypes.scalar_type_name(self.dtype), dtypes.scalar_type_name(dtype)
            raise RuntimeError(
                f"provided dtype must match the dtype of self tensor in {name}. Got {names[0]} and {names[1]}."
            )
        return dispatch.in_place(operator, (self,), (dim, self.dtype))

    scan_.__name__ = f"{name}_"
    scan_.__doc__ = f"In-place form of ``{name}``, in the tensor's own dtype."
    method(numpy_names(scan_))


_in_place(cumsum)
_in_place(cumprod)


def _recurrence(a: mx.array, b: mx.array, axis: int) -> mx.array:
    """``r_i = b_i + a_i r_{i+1}`` in log2(n) steps that each double the reach."""
    reach, n = 1, a.shape[axis]
    while reach < n:
        b = b + a * shifted(b, reach, axis, 0)
        a = a * shifted(a, reach, axis, 0)
        reach *= 2
    return b


def _log_add(a: mx.array, b: mx.array) -> mx.array:
    high = mx.maximum(a, b)
    gap = mx.where(a == b, mx.zeros((), dtype=a.dtype), -mx.abs(a - b))
    return high + mx.log1p(exp(gap))


def _log_scan64(a: mx.array, axis: int) -> mx.array:
    """Doubles by doubling: MLX's own scan computes their exponentials in single precision."""
    reach = 1
    while reach < a.shape[axis]:
        a = _log_add(a, shifted(a, reach, axis, float("-inf"), forwards=True))
        reach *= 2
    return a


@op
def logcumsumexp(input: Array, dim) -> Array:
    """Running ``log(sum(exp(x)))`` along a dimension."""
    axis = wrap_dim(dim, input.ndim)
    if input.ndim == 0 or input.size == 0:
        return input
    a = wide(input)
    return (_log_scan64(a, axis) if a.dtype == mx.float64 else mx.logcumsumexp(a, axis=axis)).astype(input.dtype)


@logcumsumexp.checked
def _(arrays, _statics):
    if not mx.issubdtype(arrays[0].dtype, mx.inexact):
        raise not_implemented("logcumsumexp_out_cpu", arrays[0])
    return arrays


@logcumsumexp.vjp
def _(g, input, dim, output):
    if input.ndim == 0 or input.size == 0:
        return g
    axis = wrap_dim(dim, input.ndim)
    a, out, g = wide(input), wide(output), wide(g)
    # the sums grow along the dimension, so every factor is at most one
    growth = exp(_difference(out, shifted(out, 1, axis, float("inf"))))
    return (conj(exp(a - out)) * _recurrence(conj(growth), g, axis)).astype(input.dtype)


def _difference(a: mx.array, b: mx.array) -> mx.array:
    """``a - b``, zero for equal infinities."""
    return mx.where(a == b, mx.zeros((), dtype=a.dtype), a - b)


# ------------------------------------------------------------------------------------------------------------ extrema
def _running(name: str, scan, least):
    @op(name=name, result=getattr(return_types, name), constant_outputs=(1,), indices=True)
    def running(input: Array, dim) -> tuple[Array, Array]:
        if kind_of(input) == COMPLEX:
            raise not_implemented(f"{name}_cpu", input)
        a, axis = lifted(input, dim)
        if a.size == 0:
            return input, mx.zeros(input.shape, dtype=mx.int64)
        index = _latest(a, axis, scan, least)
        return lowered((mx.take_along_axis(a, index, axis), index), input)

    running.plain_body.__doc__ = (
        f"Running {'maxima' if name == 'cummax' else 'minima'} along a dimension and where they were met last."
    )
    running.public.__doc__ = running.plain_body.__doc__

    @running.vjp
    def _(gs, outputs, shapes, dim):
        return add_back(gs[0], outputs[1], shapes[0], dim)


def _latest(a: mx.array, axis: int, scan, least: float) -> mx.array:
    """Where the running extremum was last met; from the first NaN on, the last NaN."""
    if a.dtype == mx.bool_:
        a = a.astype(mx.uint8)
    place = mx.arange(a.shape[axis], dtype=mx.int64).reshape([-1 if i == axis else 1 for i in range(a.ndim)])
    if mx.issubdtype(a.dtype, mx.floating):
        missing = mx.isnan(a)
        a = mx.where(missing, mx.array(least, dtype=a.dtype), a)
        met = mx.logical_and(a == scan(a, axis=axis), mx.cumsum(missing.astype(mx.int32), axis=axis) == 0)
        met = mx.logical_or(met, missing)
    else:
        met = a == scan(a, axis=axis)
    return mx.cummax(mx.where(met, mx.broadcast_to(place, a.shape), mx.zeros((), dtype=mx.int64)), axis=axis)


_running("cummax", mx.cummax, float("-inf"))
_running("cummin", mx.cummin, float("inf"))

"""Order statistics: kthvalue, median, nanmedian, mode, quantile, nanquantile."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch, dtypes, lazy, return_types
from .._core.axes import numpy_names, summed
from .._core.conversion import host_value
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read, wrap, wrap_dim
from .kinds import BOOL, COMPLEX, kind_of, not_implemented
from .selection import lifted, lowered, picked, put_back
from .sort import order


def _at(index: mx.array, k: int, axis: int) -> mx.array:
    return index[(slice(None),) * axis + (slice(k, k + 1),)]


def _nonempty(name: str, a: mx.array, axis: int) -> None:
    if a.shape[axis] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


def _orderable(name: str, a: mx.array) -> None:
    if kind_of(a) in (BOOL, COMPLEX):
        raise not_implemented(f"{name}_out_cpu", a)


def _nothing(a: mx.array, axis: int, keepdim: bool) -> tuple:
    shape = [1 if i == axis else n for i, n in enumerate(a.shape) if keepdim or i != axis]
    return mx.zeros(shape, dtype=a.dtype), mx.zeros(shape, dtype=mx.int64)


def _selecting(name: str, choose):
    """An operator that picks one element of each row: ``choose(array, axis, *more) -> index``, the dimension kept."""

    @op(name=f"{name}_dim", namespace="_", method=False, backward=name.capitalize(), constant_outputs=(1,), indices=True,
        result=getattr(return_types, name))  # fmt: skip
    def selecting(input: Array, dim, keepdim) -> tuple[Array, Array]:
        """One element of each row and its index."""
        _orderable(name, input)
        a, axis = lifted(input, dim)
        _nonempty(name, a, axis)
        if a.size == 0:
            return _nothing(a, axis, keepdim)
        return lowered(picked(a, choose(a, axis), axis, keepdim), input)

    selecting.vjp(_selected)
    return selecting


def _selected(gs, outputs, shapes, dim, keepdim):
    return put_back(gs[0], outputs[1], shapes[0], dim, keepdim)


# ----------------------------------------------------------------------------------------------------------- kthvalue
@op(constant_outputs=(1,), indices=True, result=return_types.kthvalue, out="exact apart")
def kthvalue(input: Array, k, dim=-1, keepdim=False) -> tuple[Array, Array]:
    """The ``k``-th smallest element along a dimension (counted from 1) and its index."""
    a, axis = lifted(input, dim)
    _nonempty("kthvalue", a, axis)
    if input.ndim and kind_of(a) in (BOOL, COMPLEX):
        raise not_implemented("kthvalue_cpu", a)
    if not 1 <= k <= a.shape[axis]:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    if a.size == 0:
        return _nothing(a, axis, keepdim)
    return lowered(picked(a, _at(order(a, axis), k - 1, axis), axis, keepdim), input)


kthvalue.vjp(_selected)


# ------------------------------------------------------------------------------------------------------------- median
def _median_index(a: mx.array, axis: int) -> mx.array:
    index = _at(order(a, axis), (a.shape[axis] - 1) // 2, axis)
    if not mx.issubdtype(a.dtype, mx.floating):
        return index
    missing = mx.isnan(a)
    return mx.where(mx.any(missing, axis=axis, keepdims=True), mx.argmax(missing, axis=axis, keepdims=True), index)


def _nanmedian_index(a: mx.array, axis: int) -> mx.array:
    if not mx.issubdtype(a.dtype, mx.floating):
        return _median_index(a, axis)
    known = summed(mx.logical_not(mx.isnan(a)).astype(mx.int64), axis=axis, keepdims=True)
    return mx.take_along_axis(order(a, axis), mx.maximum(known - 1, 0) // 2, axis)


def _shared(g, input, output):
    """The gradient of an extremum or median of everything: equals share it evenly."""
    equal = mx.logical_or(input == output, mx.logical_and(mx.isnan(input), mx.isnan(output))).astype(g.dtype)
    return equal * (g / summed(equal))


def _median(name: str, choose, doc: str):
    over_dim = _selecting(name, choose)

    @op(name=name, namespace="_", method=False)
    def over_all(input: Array) -> Array:
        """The median of all elements."""
        _orderable(name, input)
        if input.size == 0:
            if mx.issubdtype(input.dtype, mx.floating):
                return mx.full((), float("nan"), dtype=input.dtype)
            return mx.full((), int(mx.iinfo(input.dtype).min), dtype=input.dtype)
        flat = mx.reshape(input, (-1,))
        return mx.reshape(mx.take(flat, choose(flat, 0)), ())

    over_all.vjp(_shared)

    @numpy_names
    def median(input, dim=None, keepdim=False, *, out=None):
        if dim is None:
            if keepdim:
                raise TypeError(f"{name}() received an invalid combination of arguments: keepdim needs a dim")
            return dispatch.run(over_all, (input,), ())
        result = dispatch.run(over_dim, (input,), (dim, keepdim))
        return result if out is None else dispatch.write_out(out, result)

    median.__name__, median.__doc__ = name, doc
    composite(median)


_median(
    "median",
    _median_index,
    "The lower median of all elements, or along a dimension with its indices; NaN if there is one.",
)
_median(
    "nanmedian",
    _nanmedian_index,
    "The lower median of what is not NaN, of all elements or along a dimension with its indices.",
)


# --------------------------------------------------------------------------------------------------------------- mode
def _mode_index(a: mx.array, axis: int) -> mx.array:
    """The last place of the smallest of the most frequent values."""
    if a.dtype == mx.bool_:
        a = a.astype(mx.uint8)
    places = order(a, axis).astype(mx.int64)
    values = mx.moveaxis(mx.take_along_axis(a, places, axis), axis, -1)
    counter = mx.broadcast_to(mx.arange(values.shape[-1], dtype=mx.int64), values.shape)
    changes = mx.concatenate(
        [mx.zeros((*values.shape[:-1], 1), dtype=mx.bool_), values[..., 1:] != values[..., :-1]], axis=-1
    )
    starts = mx.cummax(mx.where(changes, counter, mx.zeros((), dtype=mx.int64)), axis=-1)
    longest = mx.argmax(counter - starts, axis=-1, keepdims=True)
    return mx.take_along_axis(places, mx.moveaxis(longest, -1, axis), axis)


@op(name="mode", constant_outputs=(1,), indices=True, result=return_types.mode)
def mode(input: Array, dim=-1, keepdim=False) -> tuple[Array, Array]:
    """The most frequent value along a dimension, the smallest of several, and the index of its last occurrence."""
    if kind_of(input) == COMPLEX:
        raise not_implemented("mode_cpu", input)
    a, axis = lifted(input, dim)
    _nonempty("mode", a, axis)
    if a.size == 0:
        return _nothing(a, axis, keepdim)
    return lowered(picked(a, _mode_index(a, axis), axis, keepdim), input)


mode.vjp(_selected)


# ----------------------------------------------------------------------------------------------------------- quantile
_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _between(values: mx.array, ranks: mx.array, interpolation: str) -> mx.array:
    """Values of sorted rows (last dimension) at fractional ranks, the ranks' dimension last."""

    def at(place):
        return mx.take_along_axis(values, mx.stop_gradient(place.astype(mx.int64)), axis=-1)

    if interpolation == "lower":
        return at(mx.floor(ranks))
    if interpolation == "higher":
        return at(mx.ceil(ranks))
    if interpolation == "nearest":
        return at(mx.round(ranks))
    below = mx.floor(ranks)
    low, high = at(below), at(mx.ceil(ranks))
    weight = mx.array(0.5, dtype=values.dtype) if interpolation == "midpoint" else ranks - below
    # from the nearer end, so that infinite neighbours do not meet a weight of zero
    return mx.where(weight < 0.5, low + weight * (high - low), high - (high - low) * (1 - weight))


@op(namespace="_", method=False, name="quantile", autocast="cpu fp32", watch="")
def quantile_of(input: Array, q: Array, dim, keepdim, interpolation, ignore_nan) -> Array:
    """Quantiles of sorted values; the quantiles' dimension comes first."""
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    rows = mx.reshape(input, (-1,)) if axis is None or input.ndim == 0 else mx.moveaxis(input, axis, -1)
    values, n = mx.sort(rows, axis=-1), rows.shape[-1]
    missing = mx.isnan(rows)
    steps = mx.reshape(q, (-1,)).astype(values.dtype)
    if ignore_nan:
        known = summed(mx.logical_not(missing).astype(values.dtype), axis=-1, keepdims=True)
        ranks = mx.maximum(steps * (known - 1), 0)
    else:
        ranks = mx.broadcast_to(steps * (n - 1), (*rows.shape[:-1], steps.size))
        # the greatest of a row with NaN is NaN
        ranks = mx.where(mx.any(missing, axis=-1, keepdims=True), mx.array(n - 1, dtype=values.dtype), ranks)
    out = mx.moveaxis(_between(values, ranks, interpolation), -1, 0)
    if keepdim:
        kept = [1] * input.ndim if axis is None else [1 if i == axis else m for i, m in enumerate(input.shape)]
        out = mx.reshape(out, (steps.size, *kept))
    return out if q.ndim else mx.squeeze(out, 0)


def _checked_q(name: str, input: Tensor, q) -> Tensor:
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        return wrap(mx.array(q, dtype=input._a.dtype))
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if not lazy.is_paused() and q.numel():
        values = host_value(q)
        if not bool(mx.all(mx.logical_and(values >= 0, values <= 1)).item()):
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _quantile(name: str, ignore_nan: bool, doc: str):
    @numpy_names
    def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
        if input.numel() == 0:
            raise RuntimeError(f"{name}() input tensor must be non-empty")
        if input.dtype not in (dtypes.float32, dtypes.float64):
            raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
        if interpolation not in _INTERPOLATIONS:
            raise RuntimeError(
                f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
                f"{interpolation}"
            )
        q = _checked_q(name, input, q)
        if dim is not None:
            wrap_dim(dim, read(input).ndim)
        result = dispatch.run(quantile_of, (input, q), (dim, keepdim, interpolation, ignore_nan))
        return result if out is None else dispatch.write_out(out, result)

    quantile.__name__, quantile.__doc__ = name, doc
    composite(quantile, autocast="cpu fp32")


_quantile(
    "quantile",
    False,
    "The values below which the fractions ``q`` of all elements, or of each row, lie; NaN if there is one.",
)
_quantile("nanquantile", True, "``quantile`` of what is not NaN.")

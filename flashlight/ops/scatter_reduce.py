"""Elements combined by sum, product, mean, maximum or minimum at the places index tensors name."""

from __future__ import annotations

import mlx.core as mx

from .._core import checks
from .._core.table import Array, op
from .._core.tensor import wrap_dim
from .scatter import (
    add_along,
    along,
    check_rows,
    checked_scatter,
    flat_places,
    grown,
    lifted,
    multiply_along,
    pull_product,
    set_along,
    source_for,
    two_forms,
    vector,
    vector_shape,
)


# ----------------------------------------------------------------------------------------------------------- the values
def _identity(a, reduce: str):
    """What a reduction starts from."""
    if reduce in ("sum", "mean"):
        return mx.zeros((), dtype=a.dtype)
    if reduce == "prod":
        return mx.ones((), dtype=a.dtype)
    if a.dtype == mx.bool_:
        return mx.array(reduce == "amin")
    if mx.issubdtype(a.dtype, mx.floating):
        return mx.array(float("-inf") if reduce == "amax" else float("inf"), dtype=a.dtype)
    limits = mx.iinfo(a.dtype)
    return mx.array(limits.min if reduce == "amax" else limits.max, dtype=a.dtype)


def _extreme_along(a, dim: int, index, source, reduce: str):
    if index.size == 0:
        return a
    if a.dtype == mx.bool_:
        return _extreme_along(a.astype(mx.int32), dim, index, source.astype(mx.int32), reduce) != 0
    places = flat_places(a.shape, dim, index)
    target = a.reshape(-1).at[places]
    updates = source.reshape(-1)
    out = (target.maximum(updates) if reduce == "amax" else target.minimum(updates)).reshape(a.shape)
    if not mx.issubdtype(a.dtype, mx.floating):
        return out
    # MLX compares nan away; torch keeps it
    nans = add_along(mx.isnan(a).astype(mx.int32), dim, index, mx.isnan(source).astype(mx.int32))
    return mx.where(nans != 0, mx.array(float("nan"), dtype=a.dtype), out)


def _counts(like, dim: int, index, include_self: bool):
    start = (mx.ones if include_self else mx.zeros)(like.shape, dtype=like.dtype)
    return add_along(start, dim, index, mx.ones(index.shape, dtype=like.dtype))


def _divided(total, counts):
    if mx.issubdtype(total.dtype, mx.inexact):
        return total / counts
    return mx.floor_divide(total, counts)


def _combined(a, dim: int, index, source, reduce: str, include_self: bool):
    start = a if include_self else set_along(a, dim, index, _identity(a, reduce))
    if reduce in ("amax", "amin"):
        return _extreme_along(start, dim, index, source, reduce)
    if reduce == "prod":
        return multiply_along(start, dim, index, source)
    total = add_along(start, dim, index, source)
    if reduce == "sum":
        return total
    counts = _counts(a, dim, index, include_self)
    return _divided(total, mx.where(counts == 0, mx.ones((), dtype=counts.dtype), counts))


# -------------------------------------------------------------------------------------------------------- the gradients
def _pull_mean(g, dim, index, include_self):
    counts = _counts(g, dim, index, include_self)
    share = g / mx.maximum(counts, mx.ones((), dtype=g.dtype))
    return share, along(share, dim, index)


def _pull_extreme(g, a, dim, index, source, out):
    # ties share the gradient equally
    self_ties = (a == out).astype(g.dtype)
    source_ties = (source == along(out, dim, index)).astype(g.dtype)
    share = g / add_along(self_ties, dim, index, source_ties)
    return mx.where(self_ties != 0, share, mx.zeros((), dtype=g.dtype)), source_ties * along(share, dim, index)


def _pulled(g, a, dim, index, source, out, reduce, include_self):
    if reduce == "sum":
        to_self, to_source = g, along(g, dim, index)
    elif reduce == "mean":
        to_self, to_source = _pull_mean(g, dim, index, include_self)
    elif reduce == "prod":
        multiply = lambda x, y: _combined(x, dim, index, y, "prod", include_self)  # noqa: E731
        to_self, to_source = pull_product(g, a, source, out, dim, index, multiply)
    else:
        to_self, to_source = _pull_extreme(g, a, dim, index, source, out)
    if not include_self:
        to_self = set_along(to_self, dim, index, mx.zeros((), dtype=g.dtype))
    return to_self, to_source


# ------------------------------------------------------------------------------------------------------- scatter_reduce
@op(namespace="_", name="scatter_reduce", method=False)
def _scatter_reduce(input: Array, index: Array, src: Array, dim, reduce, include_self) -> Array:
    """``input`` combined with the elements of ``src`` at the places ``index`` names."""
    a, places, source = lifted(input, index, src)
    dim = wrap_dim(dim, a.ndim)
    return _combined(a, dim, places, source_for(places, source), reduce, include_self).reshape(input.shape)


@_scatter_reduce.vjp
def _(g, input, index, src, output, dim, reduce, include_self):
    a, places, source, grad, out = lifted(input, index, src, g, output)
    dim = wrap_dim(dim, a.ndim)
    to_self, to_source = _pulled(grad, a, dim, places, source_for(places, source), out, reduce, include_self)
    to_source = grown(to_source, vector_shape(src.shape)).reshape(src.shape)
    return to_self.reshape(input.shape), None, to_source


_scatter_reduce.checked(checked_scatter("scatter"))

_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@two_forms
def scatter_reduce(input, dim: int, index, src, reduce: str, *, include_self: bool = True):
    """``input`` with the elements of ``src`` combined into the places ``index`` names along a dimension.

    ``reduce`` is sum, prod, mean, amax or amin; ``include_self`` says whether the values of ``input`` take part.
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    return _scatter_reduce, (input, index, src), (dim, reduce, include_self)


# --------------------------------------------------------------------------------------------------------- index_reduce
@op(namespace="_", name="index_reduce", method=False)
def _index_reduce(input: Array, index: Array, source: Array, dim, reduce, include_self) -> Array:
    """``input`` combined with the parts of ``source`` at ``index``."""
    a, rows = vector(input), vector(source)
    return _combined(a, dim, _spread(index, rows, dim), rows, reduce, include_self).reshape(input.shape)


def _spread(index, rows, dim: int):
    """An index of whole rows as one of elements."""
    column = index.reshape([-1 if d == dim else 1 for d in range(rows.ndim)])
    return mx.broadcast_to(column, rows.shape)


@_index_reduce.vjp
def _(g, input, index, source, output, dim, reduce, include_self):
    a, rows, grad, out = vector(input), vector(source), vector(g), vector(output)
    places = _spread(index, rows, dim)
    to_self, to_source = _pulled(grad, a, dim, places, rows, out, reduce, include_self)
    return to_self.reshape(input.shape), None, to_source.reshape(source.shape)


@_index_reduce.checked
def _(arrays, statics):
    a, index, source = arrays
    n = check_rows("index_reduce_", a, statics[0], index, source)
    return [a, checks.bounded(index, n, lambda _v: IndexError("index out of range in self")), source]


@two_forms
def index_reduce(input, dim: int, index, source, reduce: str, *, include_self: bool = True):
    """``input`` with the parts of ``source`` combined into those at ``index`` by prod, mean, amax or amin."""
    if reduce not in _REDUCTIONS[1:]:
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    return _index_reduce, (input, index, source), (wrap_dim(dim, input.ndim), reduce, include_self)

"""Differences and integrals of samples: diff, trapezoid, cumulative_trapezoid, gradient."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.axes import axes_of, summed
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, wrap_dim


def _part(a: mx.array, axis: int, start, stop) -> mx.array:
    return a[(slice(None),) * axis + (slice(start, stop),)]


def _steps(a: mx.array, axis: int) -> mx.array:
    later, earlier = _part(a, axis, 1, None), _part(a, axis, None, -1)
    return mx.not_equal(later, earlier) if a.dtype == mx.bool_ else later - earlier


@op(promote="same", watch="")
def diff(input: Array, n=1, dim=-1, prepend: Array | None = None, append: Array | None = None) -> Array:
    """The ``n``-th differences along a dimension, after putting ``prepend`` and ``append`` at its ends."""
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = wrap_dim(dim, input.ndim)
    parts = [a for a in (prepend, input, append) if a is not None]
    if any(a.ndim != input.ndim for a in parts):
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    if n == 0:
        return input
    a = mx.concatenate(parts, axis=axis) if len(parts) > 1 else input
    for _ in range(min(n, a.shape[axis])):
        a = _steps(a, axis)
    return a


def _floating(a: mx.array) -> mx.array:
    return a if mx.issubdtype(a.dtype, mx.inexact) else a.astype(dtypes.get_default_dtype().mlx)


def _spacing(y: mx.array, x: mx.array | None, dx, axis: int):
    """The widths of the intervals, to multiply a slice along ``axis`` with."""
    if x is None:
        return 1 if dx is None else dx
    if x.ndim == 0:
        raise RuntimeError("trapezoid: x must not be a scalar tensor")
    if x.ndim == 1:
        if x.shape[0] != y.shape[axis]:
            raise RuntimeError(
                f"trapezoid: There must be one `x` value for each sample point, got {x.shape[0]} and {y.shape[axis]}"
            )
        return _steps(x, 0).reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    return _steps(x, axis - y.ndim + x.ndim)


def _areas(y, x, dx, axis: int) -> mx.array:
    return (_part(y, axis, 1, None) + _part(y, axis, None, -1)) * _spacing(y, x, dx, axis)


def _refuse_both(name: str, x, dx) -> None:
    if x is not None and dx is not None:
        raise TypeError(f"{name}() received an invalid combination of arguments: give x or dx, not both")


@op(promote="same", out=False, method=False, aliases=("trapz",), watch="")
def trapezoid(y: Array, x: Array | None = None, *, dx=None, dim=-1) -> Array:
    """The integral along a dimension by the trapezoidal rule, over sample points ``x`` or ``dx`` apart."""
    _refuse_both("trapezoid", x, dx)
    axis = wrap_dim(dim, y.ndim)
    if y.shape[axis] == 0:
        return summed(y, axis=axis)
    return summed(_floating(_areas(y, x, dx, axis)), axis=axis) / 2


@op(promote="same", out=False, method=False, watch="")
def cumulative_trapezoid(y: Array, x: Array | None = None, *, dx=None, dim=-1) -> Array:
    """The running integral along a dimension by the trapezoidal rule."""
    _refuse_both("cumulative_trapezoid", x, dx)
    axis = wrap_dim(dim, y.ndim)
    if y.shape[axis] == 0:
        return y
    return mx.cumsum(_floating(_areas(y, x, dx, axis)), axis=axis) / 2


# ----------------------------------------------------------------------------------------------------------- gradient
@op(promote=None, namespace="_", method=False, name="gradient", watch="")
def gradient_along(input: Array, points: Array | None, spacing, dim, edge_order) -> Array:
    """Central differences inside, one-sided ones of ``edge_order`` at the ends."""
    a = _floating(input)
    n = a.shape[dim]
    if points is None:
        left = right = mx.full((n - 2,), spacing, dtype=mx.float32 if a.dtype == mx.complex64 else a.dtype)
        first = last = spacing
    else:
        width = _steps(points.astype(a.dtype), 0)
        left, right = width[:-1], width[1:]
        first, last = width[0], width[-1]
    shape = [-1 if i == dim else 1 for i in range(a.ndim)]
    left, right = mx.reshape(left, shape), mx.reshape(right, shape)
    f0, f1, f2 = _part(a, dim, None, -2), _part(a, dim, 1, -1), _part(a, dim, 2, None)
    span = left + right
    inner = f2 * (left / (right * span)) + f1 * ((right - left) / (left * right)) - f0 * (right / (left * span))
    if edge_order == 1:
        head = (_part(a, dim, 1, 2) - _part(a, dim, 0, 1)) / first
        tail = (_part(a, dim, n - 1, n) - _part(a, dim, n - 2, n - 1)) / last
    else:
        head, tail = _second_order_ends(a, dim, left, right)
    return mx.concatenate([head, inner, tail], axis=dim)


def _second_order_ends(a, dim: int, left, right) -> tuple:
    n = a.shape[dim]

    def at(i):
        return _part(a, dim, i, i + 1)

    d1, d2 = _part(left, dim, 0, 1), _part(right, dim, 0, 1)
    head = (
        at(1) * ((d1 + d2) / (d1 * d2)) - at(0) * ((2 * d1 + d2) / (d1 * (d1 + d2))) - at(2) * (d1 / (d2 * (d1 + d2)))
    )
    d1, d2 = _part(left, dim, n - 3, n - 2), _part(right, dim, n - 3, n - 2)
    tail = (
        at(n - 3) * (d2 / (d1 * (d1 + d2)))
        - at(n - 2) * ((d1 + d2) / (d1 * d2))
        + at(n - 1) * ((2 * d2 + d1) / (d2 * (d1 + d2)))
    )
    return head, tail


@composite(method=False)
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The derivative of samples along each dimension: a tuple of tensors.

    Args:
        spacing: the distance between samples, one number or one for each dimension, or tensors of sample points.
    """
    dims = axes_of(dim, input.ndim)
    dims = (
        tuple(range(input.ndim))
        if dims is None
        else tuple(wrap_dim(d, input.ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,)))
    )
    if spacing is None:
        spacing = 1
    if isinstance(spacing, Tensor):
        spacing = (spacing,)
    each = tuple(spacing) if isinstance(spacing, (tuple, list)) else (spacing,) * len(dims)
    if len(each) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{input.ndim}' "
            f"or 'dim', but got a list of length {len(each)}"
        )
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if any(input.shape[d] < edge_order + 1 for d in dims):
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    results = []
    for d, space in zip(dims, each, strict=True):
        points = space if isinstance(space, Tensor) else None
        if points is not None and (points.ndim != 1 or points.shape[0] != input.shape[d]):
            raise RuntimeError(
                "torch.gradient expected each element of `spacing` to have 1 dimension and as many points as "
                f"dimension {d}, "
                f"but got shape {list(points.shape)}"
            )
        results.append(
            dispatch.run(gradient_along, (input, points), (None if points is not None else space, d, edge_order))
        )
    return tuple(results)

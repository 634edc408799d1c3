"""Differences and integrals of samples: diff, trapezoid, cumulative_trapezoid, gradient."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.axes import axes_of, numpy_names, summed
from .._core.dispatch import deliver
from .._core.errors import size_mismatch
from .._core.table import MISSING, Array, composite, op
from .._core.tensor import Tensor, wrap_dim
from .random import refused


def _part(a: mx.array, axis: int, start, stop) -> mx.array:
    return a[(slice(None),) * axis + (slice(start, stop),)]


def _steps(a: mx.array, axis: int) -> mx.array:
    later, earlier = _part(a, axis, 1, None), _part(a, axis, None, -1)
    return mx.not_equal(later, earlier) if a.dtype == mx.bool_ else later - earlier


@op(promote="same", namespace="_", method=False, name="diff", watch="")
def _diff(input: Array, n, dim, prepend: Array | None = None, append: Array | None = None) -> Array:
    """The ``n``-th differences along a dimension, after putting ``prepend`` and ``append`` at its ends."""
    parts = [a for a in (prepend, input, append) if a is not None]
    a = mx.concatenate(parts, axis=dim) if len(parts) > 1 else input
    for _ in range(min(n, a.shape[dim])):
        a = _steps(a, dim)
    return a


def _check_ends(input: Tensor, axis: int, ends) -> None:
    """Raise unless what is put at the ends fits in all other dimensions."""
    for t in ends:
        if t.ndim != input.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        for i, (n, m) in enumerate(zip(input.shape, t.shape, strict=True)):
            if i != axis and n != m:
                raise RuntimeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the "
                    f"differencing dimension; input.size({i}) = {n}, but got tensor.size({i}) = {m}"
                )


@composite
@numpy_names
def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The ``n``-th differences along a dimension, after putting ``prepend`` and ``append`` at its ends."""
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    ends = [t for t in (prepend, append) if t is not None]
    if ends:
        _check_ends(input, wrap_dim(dim, input.ndim), ends)
    if n == 0:
        return deliver(input.clone(), out)
    return deliver(dispatch.run(_diff, (input, prepend, append), (n, wrap_dim(dim, input.ndim))), out)


# ----------------------------------------------------------------------------------------------------------- integrals
def _floating(a: mx.array) -> mx.array:
    return a if mx.issubdtype(a.dtype, mx.inexact) else a.astype(dtypes.get_default_dtype().mlx)


def _areas(y: mx.array, x: mx.array | None, dx, axis: int) -> mx.array:
    """Twice the areas between neighbouring samples; the dimensions of ``x`` are counted from its first."""
    heights = _part(y, axis, 1, None) + _part(y, axis, None, -1)
    if x is None:
        return heights * dx
    if x.ndim == 1:
        x = x.reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    elif x.ndim < y.ndim:
        x = x.reshape((1,) * (y.ndim - x.ndim) + x.shape)
    widths = _steps(x, axis)
    mismatch = size_mismatch((heights, widths))
    if mismatch is not None:
        raise mismatch
    return heights * widths


def _samples(name: str, y, x, dx, dim: int) -> tuple:
    """(sample points or None, distance between them, axis), checked."""
    given = {k: v for k, v in (("x", x), ("dx", dx)) if v is not MISSING}
    if len(given) == 2 or any(v is None for v in given.values()):
        raise refused(name, (y,), given)
    if y.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return given.get("x"), given.get("dx", 1), wrap_dim(dim, y.ndim)


def _check_points(name: str, y: Tensor, x: Tensor | None, axis: int) -> None:
    if dtypes.bool_ in (y.dtype, None if x is None else x.dtype):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{name}: received a bool input for {which}, but bool is not supported")
    if x is not None and x.ndim == 1 and x.shape[0] != y.shape[axis]:
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")


@op(promote="same", namespace="_", method=False, name="trapezoid", watch="")
def _integral(y: Array, x: Array | None, dx, dim) -> Array:
    """The integral along a dimension."""
    return summed(_floating(_areas(y, x, dx, dim)), axis=dim) / 2


@op(promote="same", namespace="_", method=False, name="cumulative_trapezoid", watch="")
def _running_integral(y: Array, x: Array | None, dx, dim) -> Array:
    """The integral along a dimension up to each sample."""
    return mx.cumsum(_floating(_areas(y, x, dx, dim)), axis=dim) / 2


@composite(method=False, aliases=("trapz",))
@numpy_names
def trapezoid(y, x=MISSING, *, dx=MISSING, dim=-1):
    """The integral along a dimension by the trapezoidal rule, over sample points ``x`` or ``dx`` apart."""
    x, dx, axis = _samples("trapezoid", y, x, dx, dim)
    if y.shape[axis] == 0:
        return y.new_zeros([n for i, n in enumerate(y.shape) if i != axis])
    _check_points("trapezoid", y, x, axis)
    return dispatch.run(_integral, (y, x), (dx, axis))


@composite(method=False)
@numpy_names
def cumulative_trapezoid(y, x=MISSING, *, dx=MISSING, dim=-1):
    """The running integral along a dimension by the trapezoidal rule, over sample points ``x`` or ``dx`` apart."""
    x, dx, axis = _samples("cumulative_trapezoid", y, x, dx, dim)
    _check_points("cumulative_trapezoid", y, x, axis)
    return dispatch.run(_running_integral, (y, x), (dx, axis))


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
        width = _steps(_floating(points), 0)
        left, right = width[:-1], width[1:]
        if a.dtype != mx.complex64:
            width = width.astype(a.dtype)  # at the ends, single steps take part as numbers do
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
        kind = left.dtype if a.dtype == mx.complex64 else a.dtype
        head, tail = _second_order_ends(a, dim, left.astype(kind), right.astype(kind))
    return mx.concatenate([head, inner, tail], axis=dim)


def _second_order_ends(a, dim: int, left, right) -> tuple:
    n = a.shape[dim]

    def at(i):
        return _part(a, dim, i, i + 1)

    d1, d2 = _part(left, dim, 0, 1), _part(right, dim, 0, 1)
    head = (
        at(1) * ((d1 + d2) / (d1 * d2)) - at(0) * ((2 * d1 + d2) / (d1 * (d1 + d2))) - at(2) * (d1 / (d2 * (d1 + d2)))
    )
    d1, d2 = _part(left, dim, -1, None), _part(right, dim, -1, None)
    tail = (
        at(n - 3) * (d2 / (d1 * (d1 + d2)))
        - at(n - 2) * ((d1 + d2) / (d1 * d2))
        + at(n - 1) * ((2 * d2 + d1) / (d2 * (d1 + d2)))
    )
    return head, tail


def _check_coordinates(points: Tensor, n: int, dim: int) -> None:
    """Raise unless there are points for ``n`` samples; three may stand for any number, as their steps are broadcast."""
    if points.ndim != 1:
        raise RuntimeError(
            "torch.gradient expected each element of spacing to have one dimension, but got an element with "
            f"{points.ndim} dimensions!"
        )
    if points.dtype is dtypes.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` "
            "or `logical_not()` operator instead."
        )
    steps = max(points.shape[0] - 2, 0)
    if steps != n - 2 and 1 not in (steps, n - 2):
        raise RuntimeError(
            f"The size of tensor a ({steps}) must match the size of tensor b ({n - 2}) at non-singleton dimension {dim}"
        )
    if points.shape[0] < 2:
        raise IndexError("select(): index 0 out of range for tensor of size [0] at dimension 0")


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
    if isinstance(spacing, (tuple, list)) and any(isinstance(x, Tensor) for x in spacing):
        for i, x in enumerate(spacing):
            if not isinstance(x, Tensor):
                raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(x).__name__}")
    each = tuple(spacing) if isinstance(spacing, (tuple, list)) else (spacing,) * len(dims)
    if len(each) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{input.ndim}' "
            f"or 'dim', but got a list of length {len(each)}"
        )
    if input.dtype is dtypes.bool_ and not (edge_order == 2 and any(isinstance(x, Tensor) for x in each)):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
            "instead."
        )
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if any(input.shape[d] < edge_order + 1 for d in dims):
        raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    results = []
    for d, space in zip(dims, each, strict=True):
        points = space if isinstance(space, Tensor) else None
        if points is not None:
            _check_coordinates(points, input.shape[d], d)
        results.append(
            dispatch.run(gradient_along, (input, points), (None if points is not None else space, d, edge_order))
        )
    return tuple(results)

"""Vector norms and what is made of them: norm, dist, renorm."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.axes import axes_of, numpy_names, summed
from .._core.dispatch import convert
from .._core.numerics.elementary import conj
from .._core.table import Array, composite, namespaces, op, operators
from .reduce import spread, wide


def _root(total: mx.array) -> mx.array:
    """A square root whose derivative at zero is zero."""
    zero = total == 0
    one = mx.ones((), dtype=total.dtype)
    return mx.where(zero, mx.zeros((), dtype=total.dtype), mx.sqrt(mx.where(zero, one, total)))


def _magnitudes(a: mx.array) -> mx.array:
    if a.dtype != mx.complex64:
        return mx.abs(a)
    return _root(mx.square(mx.real(a)) + mx.square(mx.imag(a)))


def p_norm(a: mx.array, p, axes, keepdim: bool, root=_root) -> mx.array:
    """The p-norm of an array of floats over dimensions (None: all); any p, also 0 and the infinities."""
    if p == 2:
        squares = mx.square(a) if a.dtype != mx.complex64 else mx.square(mx.real(a)) + mx.square(mx.imag(a))
        return root(summed(squares, axis=axes, keepdims=keepdim))
    size = _magnitudes(a)
    if p == 0:
        return summed((size != 0).astype(size.dtype), axis=axes, keepdims=keepdim)
    if p == 1:
        return summed(size, axis=axes, keepdims=keepdim)
    if math.isinf(p):
        return (mx.max if p > 0 else mx.min)(size, axis=axes, keepdims=keepdim)
    return mx.power(summed(mx.power(size, p), axis=axes, keepdims=keepdim), 1 / p)


def _checked_axes(a: mx.array, p, dim):
    if not mx.issubdtype(a.dtype, mx.inexact):
        name = dtypes.scalar_type_name(dtypes.from_mlx(a.dtype))
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {name}")
    axes = axes_of(dim, a.ndim)
    if a.size == 0 and (p < 0 or math.isinf(p)):
        shown = f"{p:g}"
        if axes is None:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {shown} norm on an empty tensor because the "
                "operation does "

                               "not have an identity")  # fmt: skip
        empty = [i for i in axes if a.shape[i] == 0]
        if empty:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {shown} norm on the dimension {empty[0]} because "
                "this "

                               "dimension is empty and the operation does not have an identity")  # fmt: skip
    return axes


@op(namespace="_", method=False, autocast="gpu fp32")
def vector_norm(input: Array, p, dim, keepdim, dtype) -> Array:
    """The p-norm over all or some dimensions, as ``linalg.vector_norm`` takes it."""
    axes = _checked_axes(input, p, dim)
    a = input if dtype is None else convert(input, dtypes.to_mlx(dtype))
    result = mx.float32 if a.dtype == mx.complex64 else a.dtype
    if a.size == 0 and (p < 0 or math.isinf(p)):
        kept = [1 if axes is None or i in axes else n for i, n in enumerate(a.shape)]
        return mx.zeros(kept if keepdim else [n for i, n in enumerate(a.shape) if i not in axes], dtype=result)
    return p_norm(wide(a), p, axes, keepdim, mx.sqrt).astype(result)


@vector_norm.vjp
def _(g, input, p, dim, output, dtype):
    axes = axes_of(dim, input.ndim)
    a = wide(input if dtype is None else convert(input, dtypes.to_mlx(dtype)))
    g, output = (spread(wide(t), input.shape, axes) for t in (g, output))
    return convert(norm_pulled(g, a, p, output, axes), input.dtype)


def norm_pulled(g, a, p, norm, axes):
    """The gradient of a p-norm (``g`` and ``norm`` broadcast to the input); zero where it has none."""
    nothing, one = mx.zeros((), dtype=g.dtype), mx.ones((), dtype=g.dtype)
    if p == 0:
        return mx.zeros(a.shape, dtype=a.dtype)
    flat = norm == 0
    safe = mx.where(flat, one, norm)
    if p == 2:
        return mx.where(flat, nothing, g / safe) * a
    size = _magnitudes(a)
    at_zero = size == 0
    nonzero = mx.where(at_zero, one, size)
    sign = mx.where(at_zero, mx.zeros((), dtype=a.dtype), a / nonzero)
    if p == 1:
        return g * sign
    if math.isinf(p):
        reached = mx.logical_or(size == norm, mx.logical_and(mx.isnan(size), mx.isnan(norm))).astype(g.dtype)
        return sign * (g / summed(reached, axis=axes, keepdims=True) * reached)
    scaled = mx.where(at_zero, nothing, mx.power(nonzero, p - 1))
    return sign * (scaled * mx.where(flat, nothing, g * mx.power(safe, 1 - p)))


def _norm_order(p, dim) -> tuple:
    """(order as a number, or None for the nuclear norm)."""
    if p is None:
        return 2
    if isinstance(p, str):
        if p == "nuc":
            return None
        if p != "fro":
            raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
        if isinstance(dim, (tuple, list)) and len(dim) > 2:
            raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
        return 2
    return p


@composite
@numpy_names
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm of all elements or over dimensions, ``"fro"`` being 2; ``"nuc"`` is the nuclear norm of matrices."""
    order = _norm_order(p, dim)
    if order is None:
        over = tuple(range(input.ndim)) if dim is None and input.ndim > 1 else (-2, -1) if dim is None else dim
        return namespaces["linalg"]["matrix_norm"](input, "nuc", over, keepdim, dtype=dtype, out=out)
    result = dispatch.run(vector_norm, (input,), (order, dim, keepdim, dtype))
    return result if out is None else dispatch.write_out(out, result)


@composite(autocast="gpu fp32")
def dist(input, other, p=2):
    """The p-norm of ``input - other``."""
    return dispatch.run(vector_norm, (operators["sub"].public(input, other),), (p, None, False, None))


_MARGIN = 1e-7  # what torch adds to a norm before it divides by it


def _others(a: mx.array, dim: int) -> tuple:
    axis = axes_of(dim, a.ndim)[0]
    return tuple(i for i in range(a.ndim) if i != axis)


@op(inplace=True, autocast="gpu fp32")
def renorm(input: Array, p, dim, maxnorm) -> Array:
    """Scale down the slices along ``dim`` whose p-norm exceeds ``maxnorm`` to that norm."""
    if p <= 0:
        raise RuntimeError("renorm: non-positive norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    if not mx.issubdtype(input.dtype, mx.inexact):
        name = dtypes.scalar_type_name(dtypes.from_mlx(input.dtype))
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {name}")
    a = wide(input)
    size = p_norm(a, p, _checked_axes(a, p, _others(a, dim)), True)
    factor = mx.where(size > maxnorm, maxnorm / (size + _MARGIN), mx.ones((), dtype=size.dtype))
    return (a * factor).astype(input.dtype)


@renorm.vjp
def _(g, input, p, dim, maxnorm):
    a, axes = wide(input), _others(input, dim)
    g = wide(g)
    size = p_norm(a, p, axes, True)
    along = summed(mx.real(conj(a) * g) if a.dtype == mx.complex64 else a * g, axis=axes, keepdims=True)
    inverse = 1 / (size + _MARGIN)
    pulled = norm_pulled(mx.broadcast_to(along, a.shape), a, p, mx.broadcast_to(size, a.shape), axes)
    scaled = maxnorm * inverse * (g - inverse * pulled)
    return mx.where(size > maxnorm, scaled, g).astype(input.dtype)

"""softmax, log_softmax and logsumexp."""

from __future__ import annotations

import mlx.core as mx

from .._core import dtypes
from .._core.axes import axes_of, summed
from .._core.dispatch import convert
from .._core.halves import HALVES, wide
from .._core.numerics.elementary import exp
from .._core.table import Array, op
from .._core.tensor import wrap_dim
from .kinds import not_implemented
from .reduce import spread


def _prepared(name: str, a: mx.array, dim, dtype) -> tuple:
    """(array in the result's dtype with a dimension at least, axis)."""
    if isinstance(dim, bool) or not isinstance(dim, int):
        raise TypeError(f"{name}(): argument 'dim' (position 2) must be int, not {type(dim).__name__}")
    axis = wrap_dim(dim, a.ndim)
    if dtype is not None:
        a = convert(a, dtypes.to_mlx(dtype))
    if a.size and not mx.issubdtype(a.dtype, mx.inexact):
        last = "_lastdim" if axis == max(a.ndim, 1) - 1 else ""
        raise not_implemented(f"{name}{last}_kernel_impl", a)
    return a, axis


@op(namespace=("torch", "special"), autocast="gpu fp32")
def softmax(input: Array, dim, dtype=None) -> Array:
    """``exp(x) / sum(exp(x))`` along a dimension."""
    a, axis = _prepared("softmax", input, dim, dtype)
    if a.ndim == 0:
        return mx.where(mx.isfinite(a), mx.ones((), dtype=a.dtype), mx.full((), float("nan"), dtype=a.dtype))
    if a.size == 0:
        return a
    if a.dtype in (mx.float64, mx.complex64):
        powers = exp(a - mx.max(a, axis=axis, keepdims=True)) if a.dtype == mx.float64 else mx.exp(a)
        return powers / summed(powers, axis=axis, keepdims=True)
    return mx.softmax(a, axis=axis, precise=True)


@softmax.vjp
def _(g, output, dim, dtypes):
    if output.ndim == 0 or output.size == 0:
        return convert(g * (output - output), dtypes[0])
    out = mx.conjugate(output) if output.dtype == mx.complex64 else output
    weighted = wide(g) * wide(out)
    grad = weighted - wide(out) * summed(weighted, axis=dim, keepdims=True)
    return convert(grad.astype(g.dtype), dtypes[0])


@op(namespace=("torch", "special"), autocast="gpu fp32")
def log_softmax(input: Array, dim, dtype=None) -> Array:
    """``x - log(sum(exp(x)))`` along a dimension."""
    a, axis = _prepared("log_softmax", input, dim, dtype)
    if a.ndim == 0:
        return a - a
    if a.size == 0:
        return a
    shifted = wide(a)
    if a.dtype != mx.complex64:
        # subtracting the maximum first keeps the digits of rows far from zero
        shifted = shifted - mx.max(shifted, axis=axis, keepdims=True)
    if a.dtype in (mx.float64, mx.complex64):
        total = mx.log(summed(exp(shifted), axis=axis, keepdims=True))
    else:
        total = mx.logsumexp(shifted, axis=axis, keepdims=True)
    return (shifted - total).astype(a.dtype)


@log_softmax.vjp
def _(g, output, dim, dtypes):
    if output.ndim == 0 or output.size == 0:
        return convert(g * (output - output), dtypes[0])
    out = mx.conjugate(output) if output.dtype == mx.complex64 else output
    grad = wide(g) - exp(wide(out)) * summed(wide(g), axis=dim, keepdims=True)
    return convert(grad.astype(g.dtype), dtypes[0])


def _log_sum(a: mx.array, axes, keepdim: bool) -> mx.array:
    if a.dtype not in (mx.float64, mx.complex64):
        return mx.logsumexp(a, axis=axes, keepdims=keepdim)
    largest = mx.max(mx.real(a) if a.dtype == mx.complex64 else a, axis=axes, keepdims=True)
    # an infinite maximum would make inf - inf
    largest = mx.where(mx.isfinite(largest), largest, mx.zeros((), dtype=largest.dtype))
    total = mx.log(summed(exp(a - largest), axis=axes, keepdims=keepdim))
    return total + (largest if keepdim else mx.reshape(largest, total.shape))


@op(promote="float", namespace=("torch", "special"), autocast="gpu fp32")
def logsumexp(input: Array, dim, keepdim=False) -> Array:
    """``log(sum(exp(x)))`` over dimensions."""
    axes = axes_of(dim, input.ndim)
    if input.ndim == 0 and input.dtype != mx.complex64:
        return input
    reduced = range(input.ndim) if axes is None else axes
    if any(input.shape[i] == 0 for i in reduced):
        shape = [1 if i in reduced else n for i, n in enumerate(input.shape) if keepdim or i not in reduced]
        return mx.full(shape, float("-inf"), dtype=input.dtype)
    if input.size == 0:
        return summed(input, axis=axes, keepdims=keepdim)
    out = _log_sum(wide(input), axes, keepdim)
    return out.astype(input.dtype) if input.dtype in HALVES else out


@logsumexp.vjp
def _(g, input, output, dim):
    axes = axes_of(dim, input.ndim)
    g, out = spread(wide(g), input.shape, axes), spread(wide(output), input.shape, axes)
    shares = exp(wide(input) - out)
    return (g * (mx.conjugate(shares) if input.dtype == mx.complex64 else shares)).astype(input.dtype)

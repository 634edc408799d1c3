"""Distances and similarities between vectors."""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes
from .._core.conversion import from_host
from .._core.table import Array, composite, op
from .._core.tensor import read, wrap_dim
from .arithmetic import TWO_BOOLS, refuse_a_bool
from .kinds import FLOAT
from .norms import p_norm

_BOTH = ("torch", "nn.functional")


def _norm(x, p: float):
    """The p-norm of the last axis; every operation has a gradient, that at zero being zero as in torch."""
    if p == 0:
        return (x != 0).astype(x.dtype).sum(-1)
    if x.dtype == mx.complex64:
        return p_norm(x, p, -1, False)
    size = mx.abs(x)
    if p == 1:
        return size.sum(-1)
    if p == math.inf:
        return mx.max(size, axis=-1)
    # roots are taken of one where the sum is zero, so that its gradient is no quotient of zeros
    total = mx.square(x).sum(-1) if p == 2 else mx.power(mx.where(size > 0, size, mx.ones_like(size)), p)
    if p != 2:
        total = mx.where(size > 0, total, mx.zeros_like(total)).sum(-1)
    zero = total == 0
    safe = mx.where(zero, mx.ones_like(total), total)
    root = mx.sqrt(safe) if p == 2 else mx.power(safe, 1 / p)
    return mx.where(zero, mx.zeros_like(root), root)


@op(namespace=_BOTH, method=False, out=False, promote="same", autocast="gpu fp32", backward="Norm", watch="output")
def pairwise_distance(x1: Array, x2: Array, p=2.0, eps=1e-06, keepdim=False) -> Array:
    """``norm(x1 - x2 + eps, p)`` over the last dimension. Shape: (*, D), (*, D) -> (*)."""
    d = x1 - x2 + eps
    if not d.ndim:
        return _norm(d.reshape(1), p)
    out = _norm(d, p)
    return mx.expand_dims(out, -1) if keepdim else out


pairwise_distance.guarded(refuse_a_bool)


@pairwise_distance.checked
def _(arrays, statics):
    if not isinstance(statics[2], bool):
        raise TypeError(f"pairwise_distance(): argument 'keepdim' must be bool, not {type(statics[2]).__name__}")
    if arrays[0].dtype == mx.bool_:
        raise RuntimeError(TWO_BOOLS)
    return arrays


@op(namespace=_BOTH, method=False, out=False, autocast="gpu fp32", watch="input output")
def pdist(input: Array, p=2.0) -> Array:
    """The distances between all pairs of rows, in order (0, 1), (0, 2), ... Shape: (N, D) -> (N (N - 1) / 2)."""
    rows, columns = (from_host(i) for i in np.triu_indices(input.shape[0], 1))
    if rows.size == 0:
        return mx.zeros((0,), input.dtype)
    if input.shape[1] == 0:
        return mx.zeros((rows.size,), input.dtype)
    return _norm(input[rows] - input[columns], p)


@pdist.vjp
def _(g, input, p):
    if g.size == 0 or input.size == 0:
        return mx.zeros_like(input)
    return mx.vjp(lambda x: pdist(x, p), [input], [g])[1][0]


@pdist.checked
def _(arrays, statics):
    if arrays[0].ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {arrays[0].ndim}D")
    if statics[0] < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if not mx.issubdtype(arrays[0].dtype, mx.floating):
        raise RuntimeError("pdist only supports floating-point dtypes")
    return arrays


@composite(namespace=_BOTH, method=False)
def cosine_similarity(x1, x2, dim=1, eps=1e-08):
    """``x1 . x2 / (max(|x1|, eps) max(|x2|, eps))`` over ``dim``; the shapes broadcast."""
    common = x1.dtype if x1.dtype is x2.dtype else dispatch.common_dtype((read(x1), read(x2)))
    if common.category != FLOAT:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {dtypes.scalar_type_name(common)}"
        )
    if eps < 0:
        raise RuntimeError(f"eps must be non-negative, got: {eps:g}")
    if not hasattr(dim, "__index__"):
        raise TypeError(f"cosine_similarity(): argument 'dim' (position 3) must be int, not {type(dim).__name__}")
    wrap_dim(dim, max(x1.ndim, x2.ndim))
    return _cosine.public(x1, x2, dim, eps)


@op(name="cosine_similarity", namespace="_", method=False, promote="same", autocast="gpu fp32", backward="Sum")
def _cosine(x1: Array, x2: Array, dim, eps) -> Array:
    shape = mx.broadcast_shapes(x1.shape, x2.shape)
    a, b = mx.broadcast_to(x1, shape), mx.broadcast_to(x2, shape)
    a, b = (mx.moveaxis(x, dim, -1) if shape else x.reshape(1) for x in (a, b))
    lengths = [mx.expand_dims(_norm(x, 2), -1) for x in (a, b)]
    # torch's clamp leaves the gradient alone below eps as well
    lengths = [n + mx.stop_gradient(mx.maximum(eps - n, mx.zeros_like(n))) for n in lengths]
    return (a / lengths[0] * (b / lengths[1])).sum(-1)

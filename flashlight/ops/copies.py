"""Forms of view functions that give copies, and torch's lower-level forms of norms and dropout."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dtypes
from .._core.axes import summed
from .._core.dispatch import write_out
from .._core.steps import unbroadcast
from .._core.table import Array, composite, namespaces, op
from .._core.tensor import Tensor, read
from .norm import check_group_norm, check_layer_norm

_torch = namespaces["torch"]


def _copied(value):
    """Copies of a tensor or of each of several."""
    return value.clone() if isinstance(value, Tensor) else tuple(v.clone() for v in value)


def _copy_form(name: str) -> None:
    def copy(input, *args, out=None, **kwargs):
        see = _torch[name] if name in _AS_FUNCTIONS else getattr(Tensor, name)
        result = _copied(see(input, *args, **kwargs))
        return result if out is None else write_out(out, result)

    copy.__name__ = f"{name}_copy"
    copy.__doc__ = f"``{name}`` as a copy."
    composite(copy, method=False)


_AS_FUNCTIONS = {"view_as_real", "view_as_complex"}
for _name in [
    "as_strided",
    "detach",
    "diagonal",
    "expand",
    "permute",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "transpose",
    "unbind",
    "unfold",
    "unsqueeze",
    "view",
    "view_as_real",
    "view_as_complex",
]:
    _copy_form(_name)


@composite(method=False)
def alias_copy(input):
    """A copy."""
    return input.clone()


@composite(method=False)
def slice_copy(input, dim=0, start=None, end=None, step=1):
    """Part of a dimension, as a copy."""
    key = [slice(None)] * input.ndim
    key[dim] = slice(start, end, step)
    return input[tuple(key)].clone()


@composite
def unsafe_chunk(input, chunks, dim=0):
    """``chunk`` whose parts may be written to in place."""
    return _copied(input.chunk(chunks, dim))


@composite
def unsafe_split(input, split_size, dim=0):
    """``split`` whose parts may be written to in place."""
    return _copied(input.split(split_size, dim))


@composite
def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """``split_with_sizes`` whose parts may be written to in place."""
    return _copied(input.split(list(split_sizes), dim))


@composite(differentiable=False)
def nonzero_static(input, *, size, fill_value=-1):
    """The first ``size`` indices of elements that are not zero, filled up with ``fill_value``."""
    found = input.nonzero()[:size]
    if found.shape[0] == size:
        return found
    return _torch["cat"]([found, found.new_full((size - found.shape[0], found.shape[1]), fill_value)])


# ----------------------------------------------------------------------------------------------- norms with their statistics
def _moments(x, dims):
    mean = x.mean(dims, keepdim=True)
    return mean, (x - mean).pow(2).mean(dims, keepdim=True)


@composite(method=False)
def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """Layer norm with the mean and reciprocal deviation it used."""
    check_layer_norm(normalized_shape, *(None if t is None else read(t) for t in (input, weight, bias)))
    dims = list(range(input.ndim - len(normalized_shape), input.ndim))
    x = _single(input)
    mean, var = _moments(x, dims)
    rstd = (var + eps).rsqrt()
    out = (x - mean) * rstd
    out = out if weight is None else out * weight
    out = out if bias is None else out + bias
    kind = _kept_dtype(input, weight, bias)
    return out.to(input.dtype), mean.detach().to(kind), rstd.detach().to(kind)


def _single(input):
    """Half precision is summed in single precision."""
    return input.float() if input.element_size() == 2 else input


def _kept_dtype(input, *parameters):
    """The dtype of the statistics: that of the parameters, if there are any."""
    return next((t.dtype for t in parameters if t is not None), input.dtype)


@composite(method=False)
def native_group_norm(input, weight, bias, N, C, HxW, group, eps):
    """Group norm with the mean and reciprocal deviation of each group. ``input`` is read as (N, C, HxW)."""
    check_group_norm(C, group, *(None if t is None else read(t) for t in (input, weight, bias)))
    if input.numel() != N * C * HxW:
        raise RuntimeError(
            f"native_group_norm(): expected an input of N * C * HxW = {N * C * HxW} elements, but got {input.numel()}"
        )
    x = _single(input)
    grouped = x.reshape(N, group, C // group * HxW)
    mean, var = _moments(grouped, [2])
    rstd = (var + eps).rsqrt()
    out = ((grouped - mean) * rstd).reshape(N, C, HxW)
    out = out if weight is None else out * weight.view(C, 1)
    out = out if bias is None else out + bias.view(C, 1)
    kind = _kept_dtype(input, weight, bias)
    return out.reshape(input.shape).to(input.dtype), mean.squeeze(2).to(kind), rstd.squeeze(2).to(kind)


@composite(method=False)
def native_dropout(input, p, train):
    """Dropout with the mask it drew."""
    if not train:
        return input.clone(), _torch["ones_like"](input, dtype=_torch["eq"](input, input).dtype)
    mask = _torch["empty_like"](input).bernoulli_(1 - p)
    return input * mask * (1 / (1 - p) if p < 1 else 0.0), mask.bool()


def _check_dimensions(input, grid, n: int) -> None:
    if isinstance(input, Tensor) and isinstance(grid, Tensor) and (input.ndim != n or grid.ndim != n):
        raise RuntimeError(
            f"grid_sampler(): expected {n}D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )


@composite(method=False)
def grid_sampler_2d(input, grid, interpolation_mode, padding_mode, align_corners):
    """``grid_sampler`` of images."""
    _check_dimensions(input, grid, 4)
    return _torch["grid_sampler"](input, grid, interpolation_mode, padding_mode, align_corners)


@composite(method=False)
def grid_sampler_3d(input, grid, interpolation_mode, padding_mode, align_corners):
    """``grid_sampler`` of volumes."""
    _check_dimensions(input, grid, 5)
    return _torch["grid_sampler"](input, grid, interpolation_mode, padding_mode, align_corners)


# --------------------------------------------------------------------------------------------------------------- distances
@op(namespace="_", name="euclidean_cdist", method=False, autocast="fp32")
def euclidean(x1: Array, x2: Array, by_product: bool) -> Array:
    """Euclidean distances between rows: (..., P, M), (..., R, M) -> (..., P, R)."""
    if by_product:
        squares = (
            summed(x1 * x1, axis=-1, keepdims=True)
            + mx.expand_dims(summed(x2 * x2, axis=-1), -2)
            - 2 * mx.matmul(x1, mx.swapaxes(x2, -1, -2))
        )
        return mx.sqrt(mx.maximum(squares, mx.zeros((), dtype=x1.dtype)))
    d = mx.expand_dims(x1, -2) - mx.expand_dims(x2, -3)
    return mx.sqrt(summed(d * d, axis=-1))


@euclidean.vjp
def _(g, x1, x2, output, shapes):
    # two equal rows have distance zero and no direction: their gradient is zero
    w = mx.where(output == 0, mx.zeros_like(g), g / mx.where(output == 0, mx.ones_like(output), output))
    d1 = x1 * summed(w, axis=-1, keepdims=True) - mx.matmul(w, x2)
    w = mx.swapaxes(w, -1, -2)
    d2 = x2 * summed(w, axis=-1, keepdims=True) - mx.matmul(w, x1)
    return unbroadcast(d1, shapes[0]), unbroadcast(d2, shapes[1])


def _same_float_dtype(x1, x2, by_product: bool):
    """``x2``, after a look at the dtypes of the rows whose distances are asked for."""
    for name, t in (("X1", x1), ("X2", x2)):
        if t.dtype.category != dtypes.FLOAT:
            kind = dtypes.scalar_type_name(t.dtype)
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {kind}")
    if x1.dtype is x2.dtype:
        return x2
    if not x1.numel() or not x2.numel():  # there is nothing to compute
        return x2.to(x1.dtype)
    if by_product:
        have = " != ".join(dtypes.cpp_name(t.dtype) for t in (x1, x2))
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {have}")
    have, found = (dtypes.scalar_type_name(t.dtype) for t in (x1, x2))
    raise RuntimeError(f"expected scalar type {have} but found {found}")


@composite(method=False)
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """Distances in the p-norm between the rows of two batches: (B, P, M), (B, R, M) -> (B, P, R).

    Raises: RuntimeError for a negative p or shapes that do not fit, ValueError for an unknown ``compute_mode``.
    """
    modes = {
        "use_mm_for_euclid_dist_if_necessary": 25,
        "use_mm_for_euclid_dist": 25,  # of few rows the differences themselves are as quick and lose no digits
        "donot_use_mm_for_euclid_dist": math.inf,
    }
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    if x1.ndim < 2 or x2.ndim < 2:
        name, t = ("X1", x1) if x1.ndim < 2 else ("X2", x2)
        raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {t.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    limit = modes[compute_mode] if p == 2 else math.inf
    by_product = x1.shape[-2] > limit or x2.shape[-2] > limit
    x2 = _same_float_dtype(x1, x2, by_product)
    if p == 2 and x1.numel() and x2.numel():
        return euclidean.public(x1, x2, by_product)
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


# ----------------------------------------------------------------------------------------------------------- low rank
def _range_finder(A, q: int, niter: int):
    """An orthonormal basis of an approximate range of A (Halko et al. 2011)."""
    R = _torch["randn"](A.shape[-1], q, dtype=A.dtype)
    Q = namespaces["linalg"]["qr"](A @ R)[0]
    for _ in range(niter):
        Q = namespaces["linalg"]["qr"](A.mH @ Q)[0]
        Q = namespaces["linalg"]["qr"](A @ Q)[0]
    return Q


def _mean_for(A, M):
    """``M`` in the shape of ``A``, of whose dtype it must be to be multiplied with the same matrices."""
    M = M.expand(A.shape)
    if M.dtype is A.dtype:
        return M
    if M.dtype is dtypes.bool_ and A.ndim > 2:
        raise NotImplementedError("\"bmm\" not implemented for 'Bool'")
    if A.ndim == 2:
        have = " != ".join(dtypes.cpp_name(t.dtype) for t in (M, A))
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {have}")
    have, found = (dtypes.scalar_type_name(t.dtype) for t in (M, A))
    raise RuntimeError(f"expected scalar type {have} but found {found}")


@composite(method=False)
def svd_lowrank(A, q=6, niter=2, M=None):
    """The largest ``q`` singular values and vectors, by a randomised method.

    Source: Halko, Martinsson and Tropp, Finding structure with randomness, 2011.
    """
    q = 6 if q is None else q
    A = A if M is None else A - _mean_for(A, M)
    wide = A.shape[-2] < A.shape[-1]
    A = A.mH if wide else A
    Q = _range_finder(A, q, niter)
    U, S, Vh = namespaces["linalg"]["svd"](Q.mH @ A, full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


@composite(method=False)
def pca_lowrank(A, q=None, center=True, niter=2):
    """Principal components, by a randomised method: ``svd_lowrank`` of the (centred) rows."""
    q = min(6, *A.shape[-2:]) if q is None else q
    if not 0 <= q <= min(A.shape[-2:]):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(A.shape[-2:])}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)

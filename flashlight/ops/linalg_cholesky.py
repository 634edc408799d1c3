"""Cholesky factors, and what is solved by them. They are computed in numpy on the host, as in ``linalg``."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .._core import dispatch, return_types
from .._core.conversion import host_value
from .._core.dispatch import deliver
from .._core.table import Array, composite, op
from .linalg import (
    LinAlgError,
    broadcast_batches,
    check_float,
    check_lapack,
    check_linear_solve,
    check_square,
    conj_t,
    each_matrix,
    first_failure,
    in_batch,
    on_host,
    solve_triangular_arrays,
)


def _factor_cholesky(a: np.ndarray) -> tuple:
    """(lower factor, for each matrix 0 or the order of the first minor that is not positive)."""
    try:
        return np.linalg.cholesky(a), np.zeros(a.shape[:-2], dtype=np.int32)
    except np.linalg.LinAlgError:
        return each_matrix(_cholesky_by_minors, a)


def _cholesky_by_minors(a: np.ndarray) -> tuple:
    n = a.shape[-1]
    for order in range(1, n + 1):
        try:
            factor = np.linalg.cholesky(a[:order, :order])
        except np.linalg.LinAlgError:
            return np.tril(a), np.int32(order)
    return factor, np.int32(0)


@op(
    namespace="_",
    name="cholesky_ex",
    method=False,
    constant_outputs=(1,),
    host=True,
    backward="LinalgCholeskyEx",
    autocast="cpu fp32",
)
def _cholesky_ex(A: Array, upper) -> Array:
    """The Cholesky factor, and where there is none."""

    def factored(a):
        low, info = _factor_cholesky(np.conj(np.swapaxes(a, -1, -2)) if upper else a)
        return (np.conj(np.swapaxes(low, -1, -2)) if upper else low), info

    return on_host(factored, A)


@_cholesky_ex.vjp
def _(gs, outputs, upper):
    low, g = (conj_t(outputs[0]), conj_t(gs[0])) if upper else (outputs[0], gs[0])
    inner = mx.tril(mx.matmul(conj_t(low), g))
    # half of the lower triangle and its mirror image: what is left of the symmetric part
    inner = (inner + conj_t(mx.tril(inner, -1))) * 0.5
    back = conj_t(low)
    left = solve_triangular_arrays(back, inner, True, False)
    return conj_t(solve_triangular_arrays(back, conj_t(left), True, False))


def _not_positive(name: str, shape, failed) -> LinAlgError:
    return LinAlgError(
        f"{name}: {in_batch(shape, failed[0])}The factorization could not be completed because the input is not "
        "positive-definite "
        f"(the leading minor of order {failed[1]} is not positive-definite)."
    )


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def cholesky_ex(input, *, upper: bool = False, check_errors: bool = False, out=None):
    """(Cholesky factor, info): ``info`` is 0, or the order of the first leading minor that is not positive-definite."""
    check_square("linalg.cholesky", input)
    check_float("linalg.cholesky", input)
    factor, info = dispatch.run(_cholesky_ex, (input,), (upper,))
    failed = first_failure(info) if check_errors else None
    if failed is not None:
        raise _not_positive("linalg.cholesky_ex", input.shape, failed)
    return deliver(return_types.linalg_cholesky_ex(factor, info), out)


@composite(namespace="linalg", method=False, name="cholesky", autocast="cpu fp32")
def linalg_cholesky(input, *, upper: bool = False, out=None):
    """The lower (or upper) triangular factor of positive-definite matrices.

    Raises: LinAlgError if one is not positive-definite.
    """
    factor, info = cholesky_ex(input, upper=upper)
    failed = first_failure(info)
    if failed is not None:
        raise _not_positive("linalg.cholesky", input.shape, failed)
    return deliver(factor, out)


@composite(autocast="cpu fp32")
def cholesky(input, upper: bool = False, *, out=None):
    """The triangular factor of positive-definite matrices.

    Raises: LinAlgError if one is not positive-definite.
    """
    if not input.numel():  # of nothing, torch does not look at the shape or the dtype
        return deliver(input.clone(), out)
    check_square("cholesky", input)
    check_lapack("cholesky_cpu", input)
    factor, info = dispatch.run(_cholesky_ex, (input,), (upper,))
    failed = first_failure(info)
    if failed is not None:
        raise _not_positive("cholesky", input.shape, failed)
    return deliver(factor, out)


@composite(autocast="cpu fp32")
def cholesky_solve(B, L, upper: bool = False, *, out=None):
    """The solution of ``A X = B`` given the Cholesky factor of ``A``."""
    for letter, t in (("b", B), ("u", L)):
        if t.ndim < 2:
            raise RuntimeError(f"{letter} should have at least 2 dimensions, but has {t.ndim} dimensions instead")
    check_linear_solve("cholesky_solve", B, L)
    b, factor = broadcast_batches(B, L)
    check_lapack("cholesky_solve_cpu", b)
    return deliver(dispatch.run(_cholesky_solve, (b, factor), (upper,)), out)


def _solve_by_factor(b, factor, upper):
    low = conj_t(factor) if upper else factor
    half = solve_triangular_arrays(low, b, False, False)
    return solve_triangular_arrays(conj_t(low), half, True, False)


@op(namespace="_", name="cholesky_solve", method=False, host=True, autocast="cpu fp32")
def _cholesky_solve(B: Array, L: Array, upper) -> Array:
    """The solution of a system given the Cholesky factor of its matrix."""
    return _solve_by_factor(B, L, upper)


@_cholesky_solve.vjp
def _(g, L, output, upper):
    to_b = _solve_by_factor(g, L, upper)
    common = mx.matmul(to_b, conj_t(output))
    return to_b, _to_factor(common + conj_t(common), L, upper)


def _to_factor(common, factor, upper):
    # as in torch, the triangle that is not read gets the gradient of the formula too
    return -mx.matmul(factor, common) if upper else -mx.matmul(common, factor)


@op(namespace="_", name="cholesky_inverse", method=False, host=True, autocast="cpu fp32")
def _cholesky_inverse(L: Array, upper) -> Array:
    """The inverse of a matrix given its Cholesky factor."""
    return _solve_by_factor(mx.broadcast_to(mx.eye(L.shape[-1], dtype=L.dtype), L.shape), L, upper)


@_cholesky_inverse.vjp
def _(g, L, output, upper):
    common = mx.matmul(output, mx.matmul(g + conj_t(g), output))
    return _to_factor(common, L, upper)


@composite(autocast="cpu fp32")
def cholesky_inverse(L, upper: bool = False, *, out=None):
    """The inverse of a matrix given its Cholesky factor.

    Raises: LinAlgError if the factor has a zero on its diagonal.
    """
    check_square("cholesky_inverse", L)
    check_lapack("cholesky_inverse_out_cpu", L)
    pivots = np.array(host_value(L.detach().diagonal(dim1=-2, dim2=-1)))
    if (pivots == 0).any():
        at = np.argwhere(pivots == 0)[0]
        which = int(np.ravel_multi_index(tuple(at[:-1]), pivots.shape[:-1])) if pivots.ndim > 1 else 0
        raise LinAlgError(
            f"cholesky_inverse: {in_batch(L.shape, which)}The diagonal element {at[-1] + 1} is zero, the inversion "
            "could not be "
            "completed because the input matrix is singular."
        )
    return deliver(dispatch.run(_cholesky_inverse, (L,), (upper,)), out)

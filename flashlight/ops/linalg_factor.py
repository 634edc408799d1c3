"""Decompositions of matrices: QR, singular values, eigenvalues, LU, and what is made of them.

The gradients follow Giles, "An extended collection of matrix derivative results" (2008), with the conventions of torch
for what a decomposition leaves undetermined.
"""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes, lazy, return_types
from .._core.dispatch import deliver
from .._core.table import Array, composite, op
from .._core.tensor import Tensor
from .linalg import (
    LinAlgError,
    broadcast_batches,
    check_equation,
    check_float,
    check_lapack,
    check_matrix,
    check_square,
    conj_t,
    each_matrix,
    factorise,
    in_batch,
    matrix_input,
    on_host,
    solve_arrays,
    solve_triangular,
    solve_triangular_arrays,
    square_input,
)


def _divided(a, b):
    """``a / b`` where 0 / 0 is 0: a gradient nothing came back from stays zero at repeated or zero singular values."""
    zero = b == 0
    quotient = a / mx.where(zero, mx.ones((), dtype=b.dtype), b)
    return mx.where(mx.logical_and(zero, a != 0), mx.array(float("inf"), dtype=a.dtype), quotient)


def _diagonal(a):
    return mx.diagonal(a, 0, -2, -1)


def _with_diagonal(a, values):
    """The matrices with another diagonal."""
    on = mx.eye(a.shape[-1], dtype=mx.bool_)
    return mx.where(on, mx.expand_dims(values, -1).astype(a.dtype), a)


def _skew(a):
    return a - conj_t(a)


def _check_phase(values, message: str) -> None:
    """Raise if a complex loss depends on the phases of the vectors, which a decomposition leaves open."""
    if values.dtype != mx.complex64 or lazy.is_paused():
        return
    phases = np.array(mx.imag(values))
    if phases.size and not np.allclose(phases, 0, atol=1e-2):
        raise RuntimeError(message)


# ------------------------------------------------------------------------------------------------------------------- qr
@op(namespace="_", name="qr", method=False, host=True, backward="LinalgQr", autocast="cpu fp32")
def _qr(A: Array, mode) -> Array:
    """Q and R; Q is empty in mode "r"."""

    def factored(a):
        if mode == "r":
            return np.zeros((0,), dtype=a.dtype), np.linalg.qr(a, mode="r")
        q, r = np.linalg.qr(a, mode=mode)
        return q, r

    return on_host(factored, A)


@_qr.vjp
def _(gs, outputs, mode, shapes):
    m, n = shapes[0][-2:]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
            "mode='reduced') if you are going to differentiate through linalg.qr."
        )
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    (q, r), (gq, gr) = outputs, gs
    if m >= n:
        return _pull_tall_qr(gq, gr, q, r)
    # A = [X Y] and R = [U V] with X square: Y = Q V
    u, v, gu, gv = r[..., :m], r[..., m:], gr[..., :m], gr[..., m:]
    y = mx.matmul(q, v)
    to_x = _pull_tall_qr(gq + mx.matmul(y, conj_t(gv)), gu, q, u)
    return mx.concatenate([to_x, mx.matmul(q, gv)], axis=-1)


def _pull_tall_qr(gq, gr, q, r):
    inner = mx.matmul(r, conj_t(gr)) - mx.matmul(conj_t(gq), q)
    below = mx.tril(inner, -1)
    mirrored = _with_diagonal(below + conj_t(below), _real_part(_diagonal(inner)))
    total = gq + mx.matmul(q, mirrored)
    # X R^H = total
    return conj_t(solve_triangular_arrays(r, conj_t(total), True, False))


def _real_part(a):
    return mx.real(a) if a.dtype == mx.complex64 else a


def _factor_qr(name: str, A: Tensor, mode: str):
    check_matrix(name, A)
    check_float(name, A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return dispatch.run(_qr, (A,), (mode,))


@composite(namespace="linalg", method=False, name="qr", autocast="cpu fp32")
def linalg_qr(A, mode: str = "reduced", *, out=None):
    """(Q, R): ``A`` as orthonormal columns times an upper triangle; ``mode`` is reduced, complete or r (R only)."""
    return deliver(return_types.linalg_qr(*_factor_qr("linalg.qr", A, mode)), out)


@composite(autocast="cpu fp32")
def qr(input, some: bool = True, *, out=None):
    """(Q, R), reduced unless ``some`` is False."""
    return deliver(return_types.qr(*_factor_qr("linalg.qr", input, "reduced" if some else "complete")), out)


@op(name="geqrf", host=True, result=return_types.geqrf, autocast="cpu fp32")
def geqrf(input: Array) -> Array:
    """(reflectors below the diagonal and R above, their factors tau): the QR decomposition as LAPACK keeps it."""

    def raw(a):
        h, tau = np.linalg.qr(a, mode="raw")
        return np.swapaxes(h, -1, -2).astype(a.dtype), tau.astype(a.dtype)

    return on_host(raw, input)


@geqrf.vjp
def _():
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


@geqrf.checked
def _(arrays, _statics):
    if arrays[0].ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    check_lapack("geqrf_cpu", arrays[0])
    return arrays


# ------------------------------------------------------------------------------------------------------ singular values
@op(namespace="_", name="svd", method=False, host=True, backward="LinalgSvd", autocast="cpu fp32")
def _svd(A: Array, full_matrices) -> Array:
    """U, S and the conjugate transpose of V."""

    def factored(a):
        if not np.isfinite(a).all():
            at = np.flatnonzero(~np.isfinite(a).all(axis=(-2, -1)).reshape(-1))[0]
            raise LinAlgError(
                f"linalg.svd: {in_batch(a.shape, int(at))}The algorithm failed to converge because the input matrix "
                "contained "
                "non-finite values."
            )
        return tuple(np.linalg.svd(a, full_matrices=full_matrices))

    return on_host(factored, A)


@_svd.vjp
def _(gs, outputs):
    (gu, gs_, gvh), (u, s, vh) = gs, outputs
    k = s.shape[-1]
    u, gu, vh, gvh = u[..., :k], gu[..., :k], vh[..., :k, :], gvh[..., :k, :]
    m, n = u.shape[-2], vh.shape[-1]
    s = s.astype(u.dtype)
    turn_u, turn_v = _skew(mx.matmul(conj_t(u), gu)), _skew(mx.matmul(vh, conj_t(gvh)))
    _check_phase(
        _diagonal(turn_u) + _diagonal(turn_v),
        "svd_backward: The singular vectors in the complex case are specified up to multiplication by e^{i phi}. The "
        "specified "
        "loss function depends on this phase term, making it ill-defined.",
    )
    row, column = mx.expand_dims(s, -2), mx.expand_dims(s, -1)
    gaps = _with_diagonal(row * row - column * column, mx.ones(s.shape, dtype=s.dtype))
    diagonal = gs_.astype(u.dtype)
    if u.dtype == mx.complex64:
        diagonal = diagonal + _divided(_diagonal(turn_u), 2 * s)
    inner = _with_diagonal(_divided(turn_u * row + column * turn_v, gaps), diagonal)
    if m > k:
        scaled = _divided(gu, row)
        outside = scaled - mx.matmul(u, mx.matmul(conj_t(u), scaled))
        return mx.matmul(mx.matmul(u, inner) + outside, vh)
    if n > k:
        scaled = _divided(gvh, column)
        outside = scaled - mx.matmul(mx.matmul(scaled, conj_t(vh)), vh)
        return mx.matmul(u, mx.matmul(inner, vh) + outside)
    return mx.matmul(mx.matmul(u, inner), vh)


_svd.checked(matrix_input("linalg.svd"))


@composite(namespace="linalg", method=False, name="svd", autocast="cpu fp32")
def linalg_svd(A, full_matrices: bool = True, *, driver=None, out=None):
    """(U, S, Vh): ``A`` as ``U diag(S) Vh`` with the singular values in descending order."""
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    return deliver(return_types.linalg_svd(*dispatch.run(_svd, (A,), (full_matrices,))), out)


@composite(autocast="cpu fp32")
def svd(input, some: bool = True, compute_uv: bool = True, *, out=None):
    """(U, S, V): ``input`` as ``U diag(S) V^H``; without ``compute_uv`` U and V are zeros."""
    u, s, vh = dispatch.run(_svd, (input,), (not some,))
    if not compute_uv:
        m, n = input.shape[-2:]
        u = input.detach().new_zeros(*input.shape[:-2], m, m)
        vh = input.detach().new_zeros(*input.shape[:-2], n, n)
    return deliver(return_types.svd(u, s, vh.mH), out)


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def svdvals(A, *, driver=None, out=None):
    """The singular values in descending order."""
    return deliver(linalg_svd(A, full_matrices=False, driver=driver).S, out)


# ---------------------------------------------------------------------------------------------------------- eigenvalues
@op(namespace="_", name="eigh", method=False, host=True, backward="LinalgEigh")
def _eigh(A: Array, UPLO) -> Array:
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    if not A.size:  # in any dtype, as in torch
        return mx.zeros(A.shape[:-1], dtype=mx.float32 if A.dtype == mx.complex64 else A.dtype), A

    def factored(a):
        try:
            return tuple(np.linalg.eigh(a, UPLO.upper()))
        except np.linalg.LinAlgError:
            raise LinAlgError(
                "linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or has too "
                "many "
                "repeated eigenvalues."
            ) from None

    return on_host(factored, A)


@_eigh.vjp
def _(gs, outputs):
    (gl, gv), (values, v) = gs, outputs
    inner = mx.matmul(conj_t(v), gv)
    _check_phase(
        _diagonal(inner),
        "linalg_eigh_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. "
        "The "
        "specified loss function depends on this quantity, so it is ill-defined.",
    )
    values = values.astype(v.dtype)
    gaps = _with_diagonal(mx.expand_dims(values, -2) - mx.expand_dims(values, -1), mx.ones(values.shape, dtype=v.dtype))
    inner = _with_diagonal(_divided(_skew(inner) * 0.5, gaps), gl)
    return mx.matmul(v, mx.matmul(inner, conj_t(v)))


@_eigh.checked
def _(arrays, statics):
    check_square("linalg.eigh", arrays[0])
    if statics[0] not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {statics[0]}")
    if arrays[0].size:
        check_lapack("linalg_eigh_cpu", arrays[0])
    return arrays


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def eigh(A, UPLO: str = "L", *, out=None):
    """(eigenvalues in ascending order, eigenvectors) of Hermitian matrices, of which one triangle is read."""
    return deliver(return_types.linalg_eigh(*dispatch.run(_eigh, (A,), (UPLO,))), out)


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def eigvalsh(A, UPLO: str = "L", *, out=None):
    """The eigenvalues of Hermitian matrices in ascending order."""
    return deliver(eigh(A, UPLO)[0], out)


@op(namespace="_", name="eig", method=False, host=True, backward="LinalgEig")
def _eig(A: Array) -> Array:
    """Eigenvalues and eigenvectors, complex."""

    def factored(a):
        if not np.isfinite(a).all():
            raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
        values, vectors = np.linalg.eig(a)
        if a.dtype == np.float64:
            dtypes.to_mlx(dtypes.complex128)
        return values.astype(np.complex64), vectors.astype(np.complex64)

    return on_host(factored, A)


@_eig.vjp
def _(gs, A, outputs):
    (gl, gv), (values, v) = gs, outputs
    back = conj_t(v)
    inner = mx.matmul(back, gv)
    _check_phase(
        _diagonal(inner),
        "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. "
        "The "
        "specified loss function depends on this quantity, so it is ill-defined.",
    )
    inner = inner - mx.matmul(back, v * mx.expand_dims(mx.real(_diagonal(inner)).astype(v.dtype), -2))
    gaps = mx.conjugate(mx.expand_dims(values, -2) - mx.expand_dims(values, -1))
    gaps = _with_diagonal(gaps, mx.ones(values.shape, dtype=v.dtype))
    inner = _with_diagonal(_divided(inner, gaps), gl)
    grad = solve_arrays(back, mx.matmul(inner, back))
    return grad if A.dtype == mx.complex64 else mx.real(grad)


_eig.checked(square_input("linalg.eig"))


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def eig(A, *, out=None):
    """(eigenvalues, eigenvectors) of square matrices, complex."""
    return deliver(return_types.linalg_eig(*dispatch.run(_eig, (A,), ())), out)


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def eigvals(A, *, out=None):
    """The eigenvalues of square matrices, complex."""
    return deliver(eig(A)[0], out)


# ------------------------------------------------------------------------------------------------------------------- lu
def _order(pivots: np.ndarray, m: int) -> np.ndarray:
    """The order of rows that exchanges counted from one leave."""
    order = np.arange(m)
    for k, p in enumerate(pivots):
        order[[k, p - 1]] = order[[p - 1, k]]
    return order


def _permutation(pivots: np.ndarray, m: int, dtype) -> np.ndarray:
    """The matrices P of ``A = P L U``."""

    def one(p):
        matrix = np.zeros((m, m), dtype=dtype)
        matrix[_order(p, m), np.arange(m)] = 1
        return matrix

    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    return np.array([one(p) for p in flat], dtype=dtype).reshape(*pivots.shape[:-1], m, m)


def _lower(lu):
    k = min(lu.shape[-2:])
    return mx.tril(lu[..., :k], -1) + mx.eye(lu.shape[-2], k, dtype=lu.dtype)


def _upper(lu):
    return mx.triu(lu[..., : min(lu.shape[-2:]), :])


def _pull_lu(gl, gu, low, up, p):
    """The gradient of ``A = P L U`` from those of L and U."""
    m, n = low.shape[-2], up.shape[-1]
    k = min(m, n)
    low1, up1, gl1, gu1 = low[..., :k, :], up[..., :k], gl[..., :k, :], gu[..., :k]
    below, above = mx.matmul(conj_t(low1), gl1), mx.matmul(gu1, conj_t(up1))
    if n > k:
        below = below - mx.matmul(gu[..., k:], conj_t(up[..., k:]))
    if m > k:
        above = above - mx.matmul(conj_t(low[..., k:, :]), gl[..., k:, :])
    inner = mx.tril(below, -1) + mx.triu(above)
    inner = solve_triangular_arrays(conj_t(low1), inner, True, True)
    grad = conj_t(solve_triangular_arrays(up1, conj_t(inner), True, False))
    if n > k:
        grad = mx.concatenate([grad, solve_triangular_arrays(conj_t(low1), gu[..., k:], True, True)], axis=-1)
    if m > k:
        rest = conj_t(solve_triangular_arrays(up1, conj_t(gl[..., k:, :]), True, False))
        grad = mx.concatenate([grad, rest], axis=-2)
    return mx.matmul(p, grad)


@op(namespace="_", name="lu_factor_ex", method=False, constant_outputs=(1, 2), host=True, backward="LinalgLuFactorEx")
def _lu_factor_ex(A: Array) -> Array:
    """Compact LU, row exchanges, and where a pivot is zero."""

    def factored(a):
        lu, pivots = (
            each_matrix(factorise, a) if a.size else (a.copy(), np.zeros((*a.shape[:-2], min(a.shape[-2:])), np.int32))
        )
        zero = np.diagonal(lu, axis1=-2, axis2=-1) == 0
        info = np.where(zero.any(-1), zero.argmax(-1) + 1, 0) if zero.shape[-1] else np.zeros(a.shape[:-2])
        return lu, pivots, np.asarray(info, dtype=np.int32)

    return on_host(factored, A)


@_lu_factor_ex.vjp
def _(gs, outputs):
    lu, pivots, _ = outputs
    m, n = lu.shape[-2:]
    k = min(m, n)
    p = on_host(lambda x: _permutation(x, m, np.float32), pivots).astype(lu.dtype)
    gl = mx.tril(gs[0][..., :k], -1)
    gu = mx.triu(gs[0][..., :k, :])
    return _pull_lu(gl, gu, _lower(lu), _upper(lu), p)


def _factor_lu(name: str, A: Tensor, pivot: bool):
    check_matrix(name, A)
    if A.numel():  # of nothing, torch takes any dtype
        check_lapack("lu_cpu", A)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    return dispatch.run(_lu_factor_ex, (A,), ())


@composite(namespace="linalg", method=False)
def lu_factor_ex(A, *, pivot: bool = True, check_errors: bool = False, out=None):
    """(compact LU, row exchanges, info): ``info`` is 0, or the number of the first pivot that is zero."""
    found = _factor_lu("torch.linalg.lu_factor_ex", A, pivot)
    if check_errors:
        _check_pivots("torch.linalg.lu_factor_ex", A.shape, found[2])
    return deliver(return_types.linalg_lu_factor_ex(*found), out)


def _check_pivots(name: str, shape, info: Tensor) -> None:
    values = np.array(info._a).reshape(-1)
    at = np.flatnonzero(values)
    if at.size:
        k = values[at[0]]
        raise RuntimeError(
            f"{name}: {in_batch(shape, int(at[0]))}U[{k},{k}] is zero and using it on lu_solve would result in a "
            "division by "
            "zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
            "linalg.lu_factor_ex(A, pivot)"
        )


@composite(namespace="linalg", method=False)
def lu_factor(A, *, pivot: bool = True, out=None):
    """(compact LU, row exchanges): L without its diagonal of ones below, U above.

    Raises: RuntimeError if a pivot is zero.
    """
    lu, pivots, info = _factor_lu("torch.linalg.lu_factor", A, pivot)
    _check_pivots("torch.linalg.lu_factor", A.shape, info)
    return deliver(return_types.linalg_lu_factor(lu, pivots), out)


@composite(name="lu")
def compact_lu(A, pivot: bool = True, get_infos: bool = False, out=None):
    """(compact LU, row exchanges), and with ``get_infos`` where a pivot is zero."""
    lu, pivots, info = _factor_lu("torch.linalg.lu_factor_ex", A, pivot)
    return deliver((lu, pivots, info) if get_infos else (lu, pivots), out)


@op(namespace="_", name="lu_unpack", method=False, constant_outputs=(0,), host=True)
def _lu_unpack(LU: Array, pivots: Array) -> Array:
    """P, L and U."""
    m = LU.shape[-2]
    if not LU.size:
        p = mx.broadcast_to(mx.eye(m, dtype=LU.dtype), (*LU.shape[:-2], m, m))
        k = min(LU.shape[-2:])
        return (
            p,
            mx.zeros((*LU.shape[:-1], k), dtype=LU.dtype),
            mx.zeros((*LU.shape[:-2], k, LU.shape[-1]), dtype=LU.dtype),
        )
    p = on_host(lambda x: _permutation(x, m, np.float32), pivots).astype(LU.dtype)
    return p, _lower(LU), _upper(LU)


@_lu_unpack.vjp
def _(gs, shapes):
    m, n = shapes[0][-2:]
    k = min(m, n)
    low, up = mx.tril(gs[1], -1), mx.triu(gs[2])
    widths = [(0, 0)] * (len(shapes[0]) - 2)
    return mx.pad(low, [*widths, (0, 0), (0, n - k)]) + mx.pad(up, [*widths, (0, m - k), (0, 0)]), None


@composite(method=False)
def lu_unpack(LU_data, LU_pivots, unpack_data: bool = True, unpack_pivots: bool = True, *, out=None):
    """(P, L, U) from a compact LU; what is not asked for is empty."""
    if LU_data.ndim < 2:
        raise RuntimeError(
            f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {list(LU_data.shape)} instead"
        )
    if unpack_pivots and LU_pivots.dtype is not dtypes.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this "
            "function is intended "
            "to be used with the output produced by torch.linalg.lu_factor"
        )
    wanted = (*LU_data.shape[:-2], min(LU_data.shape[-2:]))
    if not LU_data.numel() or not unpack_pivots:
        LU_pivots = LU_data.detach().new_ones(wanted, dtype=dtypes.int32)
    elif tuple(LU_pivots.shape) != wanted:
        if LU_pivots.numel() != math.prod(wanted):
            raise RuntimeError(
                f"torch.lu_unpack: Expected LU_pivots to have shape {list(wanted)}, but got {list(LU_pivots.shape)}"
            )
        LU_pivots = LU_pivots.reshape(wanted)
    p, low, up = dispatch.run(_lu_unpack, (LU_data, LU_pivots), ())
    nothing = LU_data.detach().new_zeros(0)
    if not unpack_data:
        low = up = nothing
    return deliver(return_types.lu_unpack(p if unpack_pivots else nothing, low, up), out)


@composite(namespace="linalg", method=False, name="lu")
def linalg_lu(A, *, pivot: bool = True, out=None):
    """(P, L, U): ``A`` as a permutation times a unit lower times an upper triangle."""
    lu, pivots, _ = _factor_lu("linalg.lu_factor", A, pivot)
    return deliver(return_types.linalg_lu(*lu_unpack(lu, pivots)), out)


@composite(namespace="linalg", method=False, name="lu_solve")
def linalg_lu_solve(LU, pivots, B, *, left: bool = True, adjoint: bool = False, out=None):
    """The solution of ``A X = B`` (``A^H X = B`` with ``adjoint``, ``X A = B`` without ``left``) given the compact LU "
    "of A."""
    check_float("torch.linalg.lu_solve", LU, half=True)
    if pivots.dtype is not dtypes.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    check_square("torch.linalg.lu_solve", LU)
    check_matrix("linalg.lu_solve", B, "B")
    check_equation("linalg.lu_solve", LU, B, left, "LU")
    if pivots.ndim == 0:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    if pivots.shape[-1] != LU.shape[-1]:
        raise RuntimeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    if tuple(pivots.shape) != tuple(LU.shape[:-1]):
        raise RuntimeError(
            "linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    check_lapack("linalg.lu_solve_cpu", LU)
    if not left:
        # (X A)^H = A^H X^H
        return deliver(linalg_lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH, out)
    p, low, up = lu_unpack(LU, pivots)
    low, b = broadcast_batches(low, B)
    up, _ = broadcast_batches(up, B)
    if not adjoint:
        half = solve_triangular(low, p.mT.matmul(b), upper=False, unitriangular=True)
        return deliver(solve_triangular(up, half, upper=True), out)
    half = solve_triangular(up.mH, b, upper=False)
    return deliver(p.matmul(solve_triangular(low.mH, half, upper=True, unitriangular=True)), out)


@composite(autocast="cpu fp32")
def lu_solve(b, LU_data, LU_pivots, *, out=None):
    """The solution of ``A x = b`` given the compact LU of A."""
    return linalg_lu_solve(LU_data, LU_pivots, b, out=out)

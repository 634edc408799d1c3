"""The LDL decomposition of symmetric and Hermitian matrices, by Bunch and Kaufman's pivoting.

The result is LAPACK's compact form: the unit lower triangle L and the diagonal blocks D of one or two rows in one
matrix. A positive pivot p says that a block of one row changed places with row p; two equal negative ones -p mark a
block of two rows the second of which did.
"""

from __future__ import annotations

import math

import numpy as np

from .._core import dispatch, dtypes, return_types
from .._core.conversion import host_value
from .._core.dispatch import deliver
from .._core.table import Array, composite, op
from .linalg import (
    broadcast_batches,
    check_float,
    check_lapack,
    check_linear_solve,
    check_square,
    each_matrix,
    kind_name,
    on_host,
)

_ALPHA = (1 + math.sqrt(17)) / 8  # bounds the growth of elements


def _size(x):
    return np.abs(x.real) + np.abs(x.imag) if np.iscomplexobj(x) else np.abs(x)


def _choose(a, k: int) -> tuple[int, int, bool]:
    """(row to pivot with, rows of the block, whether the column is zero) at step ``k``."""
    here, below = _size(a[k, k]), _size(a[k + 1 :, k])
    largest = below.max(initial=0)
    if max(here, largest) == 0:
        return k, 1, True
    if here >= _ALPHA * largest:
        return k, 1, False
    row = k + 1 + int(np.argmax(below))
    row_largest = max(_size(a[row, k:row]).max(initial=0), _size(a[row + 1 :, row]).max(initial=0))
    if here >= _ALPHA * largest * (largest / row_largest):
        return k, 1, False
    return (row, 1, False) if _size(a[row, row]) >= _ALPHA * row_largest else (row, 2, False)


def _exchange(a, k: int, kk: int, p: int, conj) -> None:
    """Swap rows and columns ``kk`` and ``p`` of what is left of a lower triangle."""
    a[p + 1 :, [kk, p]] = a[p + 1 :, [p, kk]]
    middle = a[kk + 1 : p, kk].copy()
    a[kk + 1 : p, kk] = conj(a[p, kk + 1 : p])
    a[p, kk + 1 : p] = conj(middle)
    a[p, kk] = conj(a[p, kk])
    a[kk, kk], a[p, p] = a[p, p], a[kk, kk]
    if kk > k:
        a[kk, k], a[p, k] = a[p, k], a[kk, k]


def _factor(a: np.ndarray, hermitian: bool) -> tuple:
    """(compact LDL, pivots, 0 or the number of the first zero block) of one matrix, of which the lower triangle is "
    "read."""
    conj = np.conj if hermitian else (lambda x: x)
    a, n = a.copy(), a.shape[-1]
    pivots, info, k = np.zeros(n, dtype=np.int32), 0, 0
    while k < n:
        p, rows, zero = _choose(a, k)
        if zero:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        kk = k + rows - 1
        if p != kk:
            _exchange(a, k, kk, p, conj)
        block, rest = _block(a, k, rows, conj), a[k + rows :, k : k + rows].copy()
        low = np.linalg.solve(block.T, rest.T).T
        a[k + rows :, k + rows :] -= np.tril(low @ conj(rest).T)
        a[k + rows :, k : k + rows] = low
        pivots[k : k + rows] = p + 1 if rows == 1 else -(p + 1)
        k += rows
    return np.tril(a), pivots, np.int32(info)


def _block(a, k: int, rows: int, conj):
    if rows == 1:
        return a[k : k + 1, k : k + 1]
    return np.array([[a[k, k], conj(a[k + 1, k])], [a[k + 1, k], a[k + 1, k + 1]]])


def _solve(ld: np.ndarray, pivots: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    """The solution of one system given the decomposition of its matrix."""
    conj = np.conj if hermitian else (lambda x: x)
    x, n, k, blocks = b.copy(), ld.shape[-1], 0, []
    while k < n:
        rows = 1 if pivots[k] > 0 else 2
        kk, p = k + rows - 1, abs(int(pivots[k])) - 1
        x[[kk, p]] = x[[p, kk]]
        x[k + rows :] -= ld[k + rows :, k : k + rows] @ x[k : k + rows]
        x[k : k + rows] = np.linalg.solve(_block(ld, k, rows, conj), x[k : k + rows])
        blocks.append((k, rows, kk, p))
        k += rows
    for k, rows, kk, p in reversed(blocks):
        x[k : k + rows] -= conj(ld[k + rows :, k : k + rows]).T @ x[k + rows :]
        x[[kk, p]] = x[[p, kk]]
    return x


@op(namespace="_", name="ldl_factor_ex", method=False, constant_outputs=(1, 2), host=True, backward="NotImplemented")
def _ldl_factor_ex(A: Array, hermitian) -> Array:
    """Compact LDL, pivots, and where a block is zero."""
    return on_host(lambda a: each_matrix(lambda m: _factor(m, hermitian), a), A)


@_ldl_factor_ex.vjp
def _():
    raise NotImplementedError("derivative for aten::linalg_ldl_factor_ex is not implemented")


@composite(namespace="linalg", method=False, differentiable=False, host=True)
def ldl_factor_ex(A, *, hermitian: bool = False, check_errors: bool = False, out=None):
    """(compact LDL, pivots, info): ``info`` is 0, or the number of the first block of D that is zero."""
    check_square("torch.linalg.ldl_factor_ex", A)
    if A.dtype.category < dtypes.FLOAT:
        check_float("torch.linalg.ldl_factor_ex", A)
    check_lapack("ldl_factor_kernel_cpu", A)
    found = dispatch.run(_ldl_factor_ex, (A,), (hermitian and A.is_complex(),))
    bad = np.array(host_value(found[2])).reshape(-1)
    if check_errors and bad.any():
        raise RuntimeError(f"torch.linalg.ldl_factor_ex: block {bad[bad > 0][0]} of D is zero, which makes it singular")
    return deliver(return_types.linalg_ldl_factor_ex(*found), out)


@composite(namespace="linalg", method=False, differentiable=False, host=True)
def ldl_factor(A, *, hermitian: bool = False, out=None):
    """(compact LDL, pivots) of symmetric, or with ``hermitian`` Hermitian, matrices.

    Raises: RuntimeError if a block of D is zero.
    """
    found = ldl_factor_ex(A, hermitian=hermitian, check_errors=True)
    return deliver(return_types.linalg_ldl_factor(*found[:2]), out)


@op(namespace="_", name="ldl_solve", method=False, host=True, backward="NotImplemented")
def _ldl_solve(LD: Array, pivots: Array, B: Array, hermitian) -> Array:
    """The solution of systems given the decompositions of their matrices."""
    return on_host(lambda ld, b, p: each_matrix(lambda m, y, q: _solve(m, q, y, hermitian), ld, b, p), LD, B, pivots)


@_ldl_solve.vjp
def _():
    raise NotImplementedError("derivative for aten::linalg_ldl_solve is not implemented")


@composite(namespace="linalg", method=False, differentiable=False, host=True)
def ldl_solve(LD, pivots, B, *, hermitian: bool = False, out=None):
    """The solution of ``A X = B`` given the compact LDL of ``A``."""
    name = "torch.linalg.ldl_solve"
    check_square(name, LD)
    check_float(name, LD, half=True)
    if B.ndim < 2:
        kept = f"out of range (expected to be in range of [{-B.ndim}, {B.ndim - 1}], but got -2)"
        raise IndexError("Dimension " + (kept if B.ndim else "specified as -2 but tensor has no dimensions"))
    check_linear_solve(name, B, LD)
    if tuple(pivots.shape) != tuple(LD.shape[:-1]):
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    if pivots.dtype.category != dtypes.INT:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {kind_name(pivots.dtype)}")
    b, ld = broadcast_batches(B, LD)
    check_lapack("ldl_solve_kernel_cpu", LD)
    exchanges = pivots.expand(*ld.shape[:-2], pivots.shape[-1])
    return deliver(dispatch.run(_ldl_solve, (ld, exchanges, b), (hermitian and LD.is_complex(),)), out)

"""Linear algebra: determinants, inverses, systems of equations, and what the decompositions share.

Matrices are the last two dimensions, everything before is a batch. LAPACK does the work on the host, by way of numpy,
and says at once when a matrix is singular. Gradients are products of matrices and solutions of systems, themselves
differentiable.
"""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes, lazy, return_types
from .._core.conversion import from_host, host_value
from .._core.dispatch import deliver
from .._core.errors import NeedsValues
from .._core.table import Array, composite, op, publish
from .._core.tensor import Tensor
from .joining import merged_shape


class LinAlgError(RuntimeError):
    """Raised for a matrix that is singular, not positive-definite or on which an algorithm does not converge."""


LinAlgError.__module__, LinAlgError.__name__, LinAlgError.__qualname__ = "flashlight._C", "_LinAlgError", "_LinAlgError"
publish("LinAlgError", LinAlgError, ("linalg",))


# --------------------------------------------------------------------------------------------------------------- checks
def kind_name(d) -> str:
    """What torch's messages call a dtype (of an array or a tensor)."""
    return dtypes.scalar_type_name(d if isinstance(d, dtypes.dtype) else dtypes.from_mlx(d))


def check_float(name: str, t, half: bool = False) -> None:
    """Raise unless the dtype is one LAPACK works in."""
    d = t.dtype if isinstance(t.dtype, dtypes.dtype) else dtypes.from_mlx(t.dtype)
    if d.category < dtypes.FLOAT:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {kind_name(d)}")
    if not half and d in (dtypes.float16, dtypes.bfloat16):
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {kind_name(d)}")


def check_matrix(name: str, t, letter: str = "A") -> None:
    """Raise unless there are two dimensions at least."""
    if t.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {letter} must have at least 2 dimensions.")


def check_square(name: str, t, letter: str = "A") -> None:
    """Raise unless the matrices are square."""
    check_matrix(name, t, letter)
    if t.shape[-1] != t.shape[-2]:
        raise RuntimeError(
            f"{name}: {letter} must be batches of square matrices, but they are {t.shape[-2]} by {t.shape[-1]} matrices"
        )


def check_lapack(kernel: str, t) -> None:
    """Raise unless the dtype, of a tensor whose shape is known to fit, is one a LAPACK kernel exists for."""
    d = t.dtype if isinstance(t.dtype, dtypes.dtype) else dtypes.from_mlx(t.dtype)
    if d.category < dtypes.FLOAT or d.itemsize == 2:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{kind_name(d)}'")


def check_linear_solve(name: str, b, A) -> None:
    """Raise unless ``A x = b`` can be solved, in the words of torch's older solvers."""
    if b.dtype is not A.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {kind_name(b.dtype)} and A of type "
            f"{kind_name(A.dtype)} instead."
        )
    (rows, columns), right = A.shape[-2:], b.shape[-2:]
    if rows != columns:
        raise RuntimeError(f"A must be batches of square matrices, but they are {rows} by {columns} matrices")
    if rows != right[0]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {rows} by {columns} but each b matrix is "
            f"{right[0]} by {right[1]}"
        )


def square_input(name: str, half: bool = False):
    """The check of an operator on square matrices."""

    def check(arrays, _statics):
        check_square(name, arrays[0])
        check_float(name, arrays[0], half)
        return arrays

    return check


def matrix_input(name: str):
    """The check of an operator on matrices of any shape."""

    def check(arrays, _statics):
        check_matrix(name, arrays[0])
        check_float(name, arrays[0])
        return arrays

    return check


def in_batch(shape, at: int) -> str:
    """How a message names the matrix it is about."""
    return f"(Batch element {at}): " if len(shape) > 2 else ""


# ---------------------------------------------------------------------------------------------------------- on the host
def on_host(fn, *arrays):
    """``fn`` of numpy arrays as arrays."""
    if lazy.is_paused():
        raise NeedsValues("linear algebra runs on the host and can not be traced; call it outside the traced function")
    found = fn(*map(np.array, arrays))
    return tuple(map(from_host, found)) if isinstance(found, tuple) else from_host(found)


def conj_t(a):
    """The conjugate transpose of matrices."""
    a = mx.swapaxes(a, -1, -2)
    return mx.conjugate(a) if a.dtype == mx.complex64 else a


def _tupled(found) -> tuple:
    return found if isinstance(found, tuple) else (found,)


def each_matrix(fn, a: np.ndarray, *others: np.ndarray):
    """``fn`` of every matrix of a batch (and the corresponding parts of ``others``), stacked."""
    if a.ndim == 2:
        return fn(a, *others)
    batch = a.shape[:-2]
    flat = [x.reshape(math.prod(batch), *x.shape[len(batch) :]) for x in (a, *others)]
    found = [fn(*parts) for parts in zip(*flat, strict=True)]
    if not found:  # no matrices: what comes of an identity tells the shapes
        like = fn(
            *(np.eye(*x.shape[1:], dtype=x.dtype) if x.ndim == 3 else np.ones(x.shape[1:], x.dtype) for x in flat)
        )
        empty = [np.empty((*batch, *np.shape(part)), np.asarray(part).dtype) for part in _tupled(like)]
        return tuple(empty) if isinstance(like, tuple) else empty[0]
    if isinstance(found[0], tuple):
        return tuple(np.stack(part).reshape(*batch, *part[0].shape) for part in zip(*found, strict=True))
    return np.stack(found).reshape(*batch, *np.shape(found[0]))


def _singular(a: np.ndarray) -> np.ndarray:
    """For each matrix the number of the first pivot that is zero, 0 if none is."""

    def first_zero(m):
        pivots = np.abs(np.diagonal(factorise(m)[0]))
        return np.int32(np.argmax(pivots == 0) + 1 if (pivots == 0).any() else 0)

    return np.asarray(each_matrix(first_zero, a), dtype=np.int32)


def factorise(a: np.ndarray) -> tuple:
    """LU with partial pivoting of one matrix: (compact LU, row exchanges counted from one)."""
    lu, pivots = a.copy(), np.zeros(min(a.shape), dtype=np.int32)
    size = np.abs(lu) if not np.iscomplexobj(lu) else np.abs(lu.real) + np.abs(lu.imag)
    for k in range(min(a.shape)):
        size = np.abs(lu[k:, k].real) + np.abs(lu[k:, k].imag)
        p = k + int(np.argmax(size))
        pivots[k] = p + 1
        if p != k:
            lu[[k, p]] = lu[[p, k]]
        if lu[k, k] != 0:
            lu[k + 1 :, k] /= lu[k, k]
            lu[k + 1 :, k + 1 :] -= np.outer(lu[k + 1 :, k], lu[k, k + 1 :])
    return lu, pivots


def _solved(a: np.ndarray, b: np.ndarray) -> tuple:
    """(solution, for each matrix 0 or the number of its zero pivot)."""
    try:
        return np.linalg.solve(a, b), np.zeros(a.shape[:-2], dtype=np.int32)
    except np.linalg.LinAlgError:
        info = _singular(a)

        def one(m, right, bad):
            return np.linalg.solve(m, right) if not bad else np.full_like(right, np.inf)

        return each_matrix(one, a, b, info), info


# -------------------------------------------------------------------------------------------- differentiable primitives
def solve_arrays(a, b):
    """The solution of ``a x = b`` for matrices with the same batch; infinite where ``a`` is singular."""

    @mx.custom_function
    def solved(a, b):
        return on_host(lambda a, b: _solved(a, b)[0], a, b)

    @solved.vjp
    def _(primals, g, x):
        gb = solve_arrays(conj_t(primals[0]), g)
        return -mx.matmul(gb, conj_t(x)), gb

    return solved(a, b)


def solve_triangular_arrays(a, b, upper: bool, unit: bool):
    """The solution of ``a x = b`` for triangular matrices with the same batch; the other triangle is not read."""

    @mx.custom_function
    def solved(a, b):
        return on_host(lambda a, b: _substituted(a, b, upper, unit), a, b)

    @solved.vjp
    def _(primals, g, x):
        gb = solve_triangular_arrays(conj_t(primals[0]), g, not upper, unit)
        ga = -mx.matmul(gb, conj_t(x))
        k = 1 if unit else 0
        return mx.triu(ga, k) if upper else mx.tril(ga, -k), gb

    return solved(a, b)


def _substituted(a: np.ndarray, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    n = a.shape[-1]
    a = (np.triu if upper else np.tril)(a, (1 if upper else -1) if unit else 0)
    if unit:
        a = a + np.eye(n, dtype=a.dtype)
    if (np.diagonal(a, axis1=-2, axis2=-1) != 0).all():
        return np.linalg.solve(a, b)
    # a zero on the diagonal divides as in C: infinite or undefined
    x = np.zeros_like(b)
    with np.errstate(all="ignore"):
        for i in range(n - 1, -1, -1) if upper else range(n):
            known = np.matmul(a[..., i : i + 1, :], x)[..., 0, :]
            x[..., i, :] = (b[..., i, :] - known) / a[..., i, i, None]
    return x


def inverse_arrays(a):
    """The inverse of matrices."""
    return solve_arrays(a, mx.broadcast_to(mx.eye(a.shape[-1], dtype=a.dtype), a.shape))


# ------------------------------------------------------------------------------------------------------------- inverses
@op(namespace="_", name="inv_ex", method=False, result=return_types.linalg_inv_ex, constant_outputs=(1,), host=True,
    backward="LinalgInvEx")  # fmt: skip
def _inv_ex(input: Array) -> Array:
    """The inverse, and where it failed."""

    def inverted(a):
        out, info = _solved(a, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape))
        return out, info

    return on_host(inverted, input)


@_inv_ex.vjp
def _(gs, outputs):
    back = conj_t(outputs[0])
    return -mx.matmul(back, mx.matmul(gs[0], back))


def first_failure(info: Tensor) -> tuple | None:
    """(place in the batch, number) of the first matrix that failed."""
    values = np.array(host_value(info)).reshape(-1)
    at = np.flatnonzero(values)
    return (int(at[0]), int(values[at[0]])) if at.size else None


def _check_inverted(name: str, shape, info: Tensor) -> None:
    failed = first_failure(info)
    if failed is not None:
        raise LinAlgError(
            f"{name}: {in_batch(shape, failed[0])}The diagonal element {failed[1]} is zero, the inversion could not be "
            "completed "
            "because the input matrix is singular."
        )


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def inv_ex(A, *, check_errors: bool = False, out=None):
    """(inverse, info): ``info`` is 0, or the number of the pivot that is zero."""
    check_square("linalg.inv", A)
    check_float("linalg.inv", A)
    found = dispatch.run(_inv_ex, (A,), ())
    if check_errors:
        _check_inverted("linalg.inv_ex", A.shape, found.info)
    return deliver(found, out)


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def inv(A, *, out=None):
    """The inverse of square matrices.

    Raises: LinAlgError if one is singular.
    """
    found = inv_ex(A)
    _check_inverted("linalg.inv", A.shape, found.info)
    return deliver(found.inverse, out)


@composite(autocast="cpu fp32")
def inverse(input, *, out=None):
    """``linalg.inv``."""
    return inv(input, out=out)


# ------------------------------------------------------------------------------------------------- systems of equations
@op(
    namespace="_",
    name="solve_ex",
    method=False,
    constant_outputs=(1,),
    host=True,
    backward="LinalgSolveEx",
    autocast="cpu fp32",
)
def _solve_ex(A: Array, B: Array, left) -> Array:
    """The solution of a system, and where there is none."""
    if left:
        return on_host(_solved, A, B)
    x, info = on_host(lambda a, b: _solved(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), A, B)
    return mx.swapaxes(x, -1, -2), info


@_solve_ex.vjp
def _(gs, A, outputs, left):
    back = conj_t(A)
    if left:
        to_b = solve_arrays(back, gs[0])
        return -mx.matmul(to_b, conj_t(outputs[0])), to_b
    to_b = mx.swapaxes(solve_arrays(mx.swapaxes(back, -1, -2), mx.swapaxes(gs[0], -1, -2)), -1, -2)
    return -mx.matmul(conj_t(outputs[0]), to_b), to_b


def is_vector(A: Tensor, B: Tensor) -> bool:
    """Whether torch takes ``B`` for a batch of vectors."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(A.shape[:-1]) == tuple(B.shape))


def check_equation(name: str, A, B, left: bool, letter: str = "A") -> None:
    """Raise unless the shapes fit ``A X = B`` (or ``X A = B``) and the dtypes are one."""
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"{name}: Expected {letter} and B to have the same dtype, but found {letter} of type {kind_name(A.dtype)} "
            f"and B of type {kind_name(B.dtype)} instead"
        )
    if A.shape[-2 if left else -1] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )


def broadcast_batches(A: Tensor, B: Tensor) -> tuple:
    """Both expanded to one batch."""
    batch = merged_shape(A.shape[:-2], B.shape[:-2])
    return _with_batch(A, batch), _with_batch(B, batch)


def _with_batch(t: Tensor, batch) -> Tensor:
    return t if tuple(t.shape[:-2]) == tuple(batch) else t.expand(*batch, *t.shape[-2:])


@composite(namespace="linalg", method=False)
def solve_ex(A, B, *, left: bool = True, check_errors: bool = False, out=None):
    """(solution of ``A X = B``, info): ``info`` is 0, or the number of the pivot that is zero."""
    check_square("linalg.solve", A)
    check_float("linalg.solve", A)
    vector = is_vector(A, B)
    if not vector and B.ndim < 2:
        raise RuntimeError("linalg.solve: The input tensor B must have at least 2 dimensions.")
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is "
            "equivalent to B / A.squeeze(-1)"
        )
    right = B.unsqueeze(-1) if vector else B
    check_equation("linalg.solve", A, right, left)
    a, b = broadcast_batches(A, right)
    x, info = dispatch.run(_solve_ex, (a, b), (left,))
    info = _of_matrices(info, A.shape[:-2])
    if check_errors:
        _check_solved(A.shape, info)
    return deliver(return_types.linalg_solve_ex(x.squeeze(-1) if vector else x, info), out)


def _of_matrices(info: Tensor, batch) -> Tensor:
    """What was found of every system, of the matrices alone: these may be repeated for more right sides."""
    if tuple(info.shape) == tuple(batch):
        return info
    if not info.numel():
        return info.new_zeros(batch)
    info = info[(0,) * (info.ndim - len(batch))]
    return info[tuple(slice(0, n) for n in batch)]


def _check_solved(shape, info: Tensor) -> None:
    failed = first_failure(info)
    if failed is not None:
        where = in_batch(shape, failed[0])
        raise LinAlgError(f"torch.linalg.solve: {where}The solver failed because the input matrix is singular.")


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def solve(A, B, *, left: bool = True, out=None):
    """The solution of ``A X = B``, or of ``X A = B`` with ``left=False``.

    Raises: LinAlgError if a matrix is singular.
    """
    return deliver(solve_ex(A, B, left=left, check_errors=True)[0], out)


@op(namespace="_", name="solve_triangular", method=False, host=True, backward="LinalgSolveTriangular")
def _solve_triangular(A: Array, B: Array, upper, unit) -> Array:
    """The solution of a triangular system."""
    return solve_triangular_arrays(A, B, upper, unit)


@_solve_triangular.vjp
def _(g, A, output, upper, unit):
    to_b = solve_triangular_arrays(conj_t(A), g, not upper, unit)
    to_a = -mx.matmul(to_b, conj_t(output))
    k = 1 if unit else 0
    return mx.triu(to_a, k) if upper else mx.tril(to_a, -k), to_b


@composite(namespace="linalg", method=False)
def solve_triangular(A, B, *, upper: bool, left: bool = True, unitriangular: bool = False, out=None):
    """The solution of ``A X = B`` (``X A = B`` with ``left=False``) for a triangular ``A``, of which one triangle is "
    "read."""
    check_square("linalg.solve_triangular", A)
    check_matrix("linalg.solve_triangular", B, "B")
    if A.dtype is not B.dtype:
        B = dispatch.cast(B, A.dtype)
    check_equation("linalg.solve_triangular", A, B, left)
    b, a = broadcast_batches(B, A)
    check_lapack("triangular_solve_cpu", A)
    if left:
        return deliver(dispatch.run(_solve_triangular, (a, b), (upper, unitriangular)), out)
    x = dispatch.run(_solve_triangular, (a.mT, b.mT), (not upper, unitriangular))
    return deliver(x.mT, out)


@composite(autocast="cpu fp32")
def triangular_solve(b, A, upper: bool = True, transpose: bool = False, unitriangular: bool = False):
    """(solution of ``A x = b`` for a triangular ``A``, copy of ``A``)."""
    for letter, t in (("b", b), ("A", A)):
        if t.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {letter} to have at least 2 dimensions, but it has {t.ndim} "
                "dimensions instead"
            )
    check_linear_solve("triangular_solve", b, A)
    right, a = broadcast_batches(b, A)
    if transpose:
        x = solve_triangular(a.mT, right, upper=not upper, unitriangular=unitriangular)
    else:
        x = solve_triangular(a, right, upper=upper, unitriangular=unitriangular)
    return return_types.triangular_solve(x, a.clone())


# --------------------------------------------------------------------------------------------------------- determinants
@op(name="det", host=True, backward="LinalgDet", namespace=("torch", "linalg"))
def det(A: Array) -> Array:
    """The determinant of square matrices."""
    return on_host(np.linalg.det, A)


@det.vjp
def _(g, A, output):
    # as in torch, a singular matrix gets the gradient zero
    scale = _conj(output) * g
    singular = mx.broadcast_to((output == 0)[..., None, None], A.shape)
    safe = mx.where(singular, mx.eye(A.shape[-1], dtype=A.dtype), A)
    grad = scale[..., None, None] * conj_t(inverse_arrays(safe))
    return mx.where(singular, mx.zeros((), dtype=grad.dtype), grad)


def _conj(a):
    return mx.conjugate(a) if a.dtype == mx.complex64 else a


det.checked(square_input("linalg.det"))


@op(namespace="_", name="slogdet", method=False, host=True, backward="LinalgSlogdet")
def _slogdet(A: Array) -> Array:
    """Sign and logarithm of the determinant."""
    return on_host(lambda a: tuple(map(np.asarray, np.linalg.slogdet(a))), A)


@_slogdet.vjp
def _(gs, A, outputs):
    scale = gs[1]
    if A.dtype == mx.complex64:
        turn = mx.imag(mx.conjugate(gs[0]) * outputs[0])
        scale = scale - 1j * turn
    return scale[..., None, None] * conj_t(inverse_arrays(A))


_slogdet.checked(square_input("linalg.slogdet"))


@composite(namespace="linalg", method=False, name="slogdet")
def linalg_slogdet(A, *, out=None):
    """(sign, logarithm of the absolute value) of the determinant."""
    return deliver(return_types.linalg_slogdet(*dispatch.run(_slogdet, (A,), ())), out)


@composite
def slogdet(input):
    """(sign, logarithm of the absolute value) of the determinant."""
    return return_types.slogdet(*dispatch.run(_slogdet, (input,), ()))


@composite
def logdet(input):
    """The logarithm of the determinant, nan where it is negative."""
    sign, size = dispatch.run(_slogdet, (input,), ())
    if input.is_complex():
        return size + sign.log()
    return size.masked_fill(sign.detach() == -1, float("nan"))

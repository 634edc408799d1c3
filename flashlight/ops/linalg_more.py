"""Linear algebra made of decompositions: pseudo-inverses, least squares, powers, exponentials, norms, reflectors, "
"tensor systems."""

from __future__ import annotations

import math
import operator

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes, return_types
from .._core.conversion import host_value
from .._core.dispatch import deliver
from .._core.numerics.host import require_values
from .._core.table import Array, composite, namespaces, op, operators, publish
from .._core.tensor import Tensor, wrap_dim
from .joining import merged_shape
from .linalg import (
    check_float,
    check_lapack,
    check_matrix,
    check_square,
    conj_t,
    inv,
    is_vector,
    kind_name,
    on_host,
    solve,
    solve_triangular,
    square_input,
)
from .linalg_factor import eigvalsh, svdvals
from .matmul import matmul
from .random import refused
from .shape import diagonal as diagonal_of


# ------------------------------------------------------------------------------------------------- pseudo-inverse, rank
@op(namespace="_", name="pinv", method=False, host=True, backward="LinalgPinv")
def _pinv(A: Array, atol, rtol, hermitian) -> Array:
    """The Moore-Penrose inverse."""

    def inverted(a):
        if not a.size:
            return np.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), dtype=a.dtype)
        if hermitian:
            s, u = np.linalg.eigh(a)
            vh = np.conj(np.swapaxes(u, -1, -2))
        else:
            u, s, vh = np.linalg.svd(a, full_matrices=False)
        size = np.abs(s)
        kept = size > _cutoff(size.max(-1, initial=0), a.shape, a.dtype, atol, rtol)[..., None]
        scaled = np.where(kept, 1 / np.where(kept, s, 1), 0).astype(a.dtype)
        v, uh = np.conj(np.swapaxes(vh, -1, -2)), np.conj(np.swapaxes(u, -1, -2))
        return np.matmul(v * scaled[..., None, :], uh)

    return on_host(inverted, A)


def _cutoff(largest, shape, dtype, atol, rtol):
    """Below what a singular value counts as zero."""
    if rtol is None:
        rtol = np.finfo(dtype).eps * max(shape[-2:]) if atol is None or not np.any(np.asarray(atol) > 0) else 0.0
    return np.maximum(np.asarray(0.0 if atol is None else atol), np.asarray(rtol) * largest)


@_pinv.vjp
def _(g, A, output):
    p, ph, gh = output, conj_t(output), conj_t(g)
    # the derivative of a pseudo-inverse of constant rank (Golub and Pereyra 1973)
    inner = mx.matmul(gh, mx.matmul(p, ph))
    outer = mx.matmul(mx.matmul(ph, p), gh)
    return (
        -mx.matmul(ph, mx.matmul(g, ph))
        + inner
        - mx.matmul(A, mx.matmul(p, inner))
        + outer
        - mx.matmul(mx.matmul(outer, p), A)
    )


def _numbers(name: str, A: Tensor, **tolerances) -> list:
    """Tolerances as numbers or numpy arrays, checked."""
    both = [tolerances.get(word) for word in ("atol", "rtol")]
    if None not in both and len({isinstance(tol, Tensor) for tol in both}) == 2:
        raise refused(name.replace(".", "_"), (A,), tolerances)
    found = []
    for word, tol in tolerances.items():
        if isinstance(tol, Tensor):
            if tol.is_complex():
                kind = kind_name(tol.dtype)
                raise RuntimeError(f"torch.{name}: {word} tensor of complex type is not supported. Got {kind}")
            if A.numel():
                merged_shape(tol.shape, A.shape[:-2])
            tol = np.array(host_value(tol))
        elif tol is not None and not dispatch.is_number(tol):
            raise refused(name.replace(".", "_"), (A,), {word: tol})
        found.append(tol)
    return found


@composite(namespace="linalg", method=False)
def pinv(A, rcond=None, hermitian: bool = False, *, atol=None, rtol=None, out=None):
    """The Moore-Penrose inverse; singular values below ``max(atol, rtol * largest)`` count as zero."""
    if A.ndim < 2 or A.dtype.category < dtypes.FLOAT or A.dtype.itemsize == 2:
        raise RuntimeError(
            f"linalg.pinv({kind_name(A.dtype)}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions of "
            "float, double, "
            "cfloat or cdouble types"
        )
    if hermitian and A.numel():
        check_square("linalg.eigh", A)
    tolerances = _numbers("linalg.pinv", A, atol=atol, rtol=rcond if rcond is not None else rtol)
    return deliver(dispatch.run(_pinv, (A,), (*tolerances, hermitian)), out)


@composite(autocast="cpu fp32")
def pinverse(input, rcond: float = 1e-15):
    """``linalg.pinv``."""
    if not dispatch.is_number(rcond):
        raise TypeError(f"pinverse(): argument 'rcond' (position 2) must be float, not {type(rcond).__name__}")
    return pinv(input, rcond)


@composite(namespace="linalg", method=False, differentiable=False, host=True, autocast="cpu fp32")
def matrix_rank(A, tol=None, hermitian: bool = False, *, atol=None, rtol=None, out=None):
    """How many singular values exceed ``max(atol, rtol * largest)``."""
    check_matrix("torch.linalg.matrix_rank", A, "input")
    bounded = tol is not None or rtol is not None  # of nothing, torch does not ask for the dtype's precision then
    if (A.numel() or not bounded) and (A.dtype.category < dtypes.FLOAT or A.dtype.itemsize == 2):
        raise RuntimeError("This function doesn't handle types other than float and double")
    tol, atol, rtol = _numbers("linalg.matrix_rank", A, tol=tol, atol=atol, rtol=rtol)
    A = A.detach()
    if not A.numel():
        return deliver(A.new_zeros(A.shape[:-2], dtype=dtypes.int64), out)
    sizes = eigvalsh(A).abs() if hermitian else svdvals(A)
    values = np.array(host_value(sizes))
    if tol is not None:
        cutoff = np.asarray(tol)
    else:
        cutoff = _cutoff(values.max(-1), A.shape, values.dtype, atol, rtol)
    from_values = (values > np.asarray(cutoff)[..., None]).sum(-1)
    return deliver(A.new_tensor(from_values, dtype=dtypes.int64), out)


# -------------------------------------------------------------------------------------------------------- least squares
_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def lstsq(input, b, rcond=None, *, driver=None):
    """(solution, residuals, rank, singular values) of the least squares problem ``min |A X - B|``.

    The drivers differ in what they report besides the solution, as torch's do.
    """
    driver = "gelsy" if driver is None else driver
    if driver not in _DRIVERS:
        raise RuntimeError(f"torch.linalg.lstsq: parameter `driver` should be one of ({', '.join(_DRIVERS)})")
    if input.ndim < 2:
        raise RuntimeError("torch.linalg.lstsq: input must have at least 2 dimensions.")
    if b.ndim < 1:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 1 dimension.")
    if not 0 <= input.ndim - b.ndim <= 1:
        raise RuntimeError(
            "torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    check_float("torch.linalg.lstsq", input)
    if input.dtype is not b.dtype:
        raise RuntimeError(
            "torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype "
            f"{kind_name(input.dtype)} and other's dtype {kind_name(b.dtype)}"
        )
    vector = is_vector(input, b)
    right = b.unsqueeze(-1) if vector else b
    m, n = input.shape[-2:]
    if right.shape[-2] != m:
        raise RuntimeError("torch.linalg.lstsq: input.size(-2) should match other.size(-2)")
    if right.ndim < input.ndim:  # torch takes the batch from the first dimensions of both
        right = right.expand(*merged_shape(input.shape[:-2], right.shape[: input.ndim - 2]), *right.shape[-2:])
    cutoff = np.finfo(input.dtype.to_real().numpy).eps * max(m, n) if rcond is None else rcond
    solution = pinv(input, rcond=cutoff).matmul(right)
    residuals = input.abs().flatten()[:0]
    values = residuals.detach()
    rank = values.to(dtypes.int64)
    if driver != "gels":
        rank = matrix_rank(input, rtol=cutoff)
    if driver in ("gelsd", "gelss"):
        values = svdvals(input.detach())
    full = driver == "gels" or (driver != "gelsy" and bool((rank == n).all()))
    if m > n and full:
        residuals = (input.matmul(solution) - right).abs().square().sum(-2)
    return return_types.linalg_lstsq(solution.squeeze(-1) if vector else solution, residuals, rank, values)


# ------------------------------------------------------------------------------------------------- powers, exponentials
@op(namespace="_", name="identity", method=False, backward="MatrixPower")
def _identity(A: Array) -> Array:
    """The identity matrices of the shape of ``A``."""
    return mx.broadcast_to(mx.eye(A.shape[-1], dtype=A.dtype), A.shape)


@_identity.vjp
def _(g):
    return mx.zeros_like(g)


@composite(namespace=("torch", "linalg"), method=True)
def matrix_power(A, n, *, out=None):
    """Square matrices multiplied with themselves; the inverse's powers for negative ``n``."""
    if not hasattr(n, "__index__"):
        raise TypeError(f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    n = operator.index(n)
    check_square("linalg.matrix_power", A)
    if n == 0:
        return deliver(dispatch.run(_identity, (A,), ()), out)
    base, n = (inv(A), -n) if n < 0 else (A, n)
    result = None
    while True:
        if n & 1:
            result = base if result is None else matmul(result, base)
        n >>= 1
        if not n:
            return deliver(result.clone() if result is base else result, out)
        base = matmul(base, base)


def _exponential(a):
    """The exponential of matrices: scaled down, a Taylor polynomial, squared back up."""
    n = a.shape[-1]
    if not a.size:
        return a
    if a.itemsize == 2:
        return _exponential(a.astype(mx.float32)).astype(a.dtype)
    if a.dtype == mx.float32:  # squaring doubles the error each time
        return _exponential(a.astype(mx.float64)).astype(mx.float32)
    require_values()
    degree = 18 if a.dtype == mx.float64 else 12
    norm = float(mx.max(mx.sum(mx.abs(a), axis=-2)).item())
    squarings = max(0, math.ceil(math.log2(norm)) + 1) if norm > 0.5 and math.isfinite(norm) else 0
    identity, scaled = mx.eye(n, dtype=a.dtype), a * (0.5**squarings)
    result = mx.broadcast_to(identity, a.shape)
    for k in range(degree, 0, -1):
        result = identity + mx.matmul(scaled, result) / k
    for _ in range(squarings):
        result = mx.matmul(result, result)
    return result


@op(name="matrix_exp", namespace=("torch", "linalg"), cpu=True, backward="LinalgMatrixExp", out=False)
def matrix_exp(A: Array) -> Array:
    """The exponential of square matrices."""
    return _exponential(A)


@matrix_exp.vjp
def _(g, A):
    # exp of [[A^H, G], [0, A^H]] has the gradient in its upper right corner
    n, back = A.shape[-1], conj_t(A)
    top = mx.concatenate([back, g], axis=-1)
    bottom = mx.concatenate([mx.zeros(A.shape, dtype=A.dtype), back], axis=-1)
    return _exponential(mx.concatenate([top, bottom], axis=-2))[..., :n, n:]


matrix_exp.checked(square_input("linalg.matrix_exp", half=True))


# ---------------------------------------------------------------------------------------------------------------- norms
def _as_dims(dim):
    return None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)


@composite(namespace="linalg", method=False)
def vector_norm(x, ord=2, dim=None, keepdim: bool = False, *, dtype=None, out=None):
    """The p-norm of all elements or over dimensions, for any number p, 0 and the infinities included."""
    if isinstance(ord, str) or not isinstance(ord, (int, float)):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}")
    if dtype is not None and dtype.category < dtypes.FLOAT:
        raise RuntimeError(f"linalg.vector_norm: dtype should be floating point or complex, but got {kind_name(dtype)}")
    return deliver(dispatch.run(operators["_.vector_norm"], (x,), (ord, _as_dims(dim), keepdim, dtype)), out)


def _largest(values: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """The maximum of what is not negative, 0 of nothing."""
    return values.amax(dim, keepdim) if values.shape[dim] else values.sum(dim, keepdim)


def _matrix_norm(A: Tensor, ord, dim, keepdim: bool) -> Tensor:
    first, second = dim
    if ord == "fro":
        return vector_norm(A, 2, dim, keepdim)
    if ord in ("nuc", 2, -2):
        values = svdvals(A.movedim(dim, (-2, -1)))
        found = values.sum(-1) if ord == "nuc" else _largest(values, -1) if ord > 0 else values.amin(-1)
        if keepdim:
            for d in sorted(dim):
                found = found.unsqueeze(d)
        return found
    summed, extreme = (first, second) if abs(ord) == 1 else (second, first)
    sums = vector_norm(A, 1, summed, True)
    found = _largest(sums, extreme, True) if ord > 0 else sums.amin(extreme, keepdim=True)
    return found if keepdim else found.squeeze(dim)


@composite(namespace="linalg", method=False, autocast="gpu fp32")
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim: bool = False, *, dtype=None, out=None):
    """A norm of matrices: "fro", "nuc", or 1, 2, inf and their negatives."""
    check_matrix("linalg.matrix_norm", A)
    check_float("linalg.matrix_norm", A, half=True)
    if not isinstance(dim, (list, tuple)) or len(dim) != 2:
        given = " ".join(map(str, dim)) if isinstance(dim, (list, tuple)) else dim
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {given}")
    dims = tuple(wrap_dim(d, A.ndim) for d in dim)
    if dims[0] == dims[1]:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord not in ("fro", "nuc") and (isinstance(ord, str) or abs(ord) not in (1, 2, math.inf)):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if dtype is not None:
        A = A.to(dtype)
    return deliver(_matrix_norm(A, ord, dims, keepdim), out)


@composite(namespace="linalg", method=False, name="norm")
def linalg_norm(A, ord=None, dim=None, keepdim: bool = False, *, out=None, dtype=None):
    """A vector norm, or a matrix norm where two dimensions are meant; without ``ord`` the 2-norm of all elements."""
    dims = _as_dims(dim)
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if dims is None and ord is not None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    of_matrix = ord is not None and ((dims is not None and len(dims) == 2) or (dims is None and A.ndim == 2))
    if of_matrix or isinstance(ord, str):
        return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype, out=out)
    return vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype=dtype, out=out)


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def cond(A, p=None, *, out=None):
    """The condition number of matrices in a norm: by default the ratio of the extreme singular values."""
    check_matrix("linalg.cond", A)
    if not A.numel():
        return deliver(A.new_zeros(A.shape[:-2], dtype=A.dtype.to_real()), out)
    if p is None or p in (2, -2):
        values = svdvals(A)
        largest, smallest = values[..., 0], values[..., -1]
        return deliver(largest / smallest if p != -2 else smallest / largest, out)
    if p not in ("fro", "nuc") and (isinstance(p, str) or abs(p) not in (1, math.inf)):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    check_square(f"linalg.cond(ord={p})", A)
    inverse, info = namespaces["linalg"]["inv_ex"](A)
    found = matrix_norm(A, p) * matrix_norm(inverse, p)
    return deliver(found.masked_fill(info != 0, math.inf), out)


# ----------------------------------------------------------------------------------------------------------- reflectors
def _reflected(A: Tensor, tau: Tensor, columns: int) -> Tensor:
    """The first columns of the product of the Householder reflectors that A keeps below its diagonal."""
    m, k = A.shape[-2], tau.shape[-1]
    v = A[..., :k].tril(-1) + _eye_like(A, m, k)
    # Q = I - V T V^H with T = (I + D N)^-1 D, D the diagonal of tau and N the strict upper triangle of V^H V
    scaled = tau.unsqueeze(-1) * v.mH.matmul(v).triu(1)
    t = solve_triangular(scaled, tau.diag_embed(), upper=True, unitriangular=True)
    return _eye_like(A, m, columns) - v.matmul(t).matmul(v[..., :columns, :].mH)


def _eye_like(like: Tensor, rows: int, columns: int) -> Tensor:
    n = max(rows, columns)
    return like.detach().new_ones(n).diag()[:rows, :columns]


def _length(tau: Tensor) -> int:
    if tau.ndim == 0:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    return tau.shape[-1]


def _check_factors(name: str, A: Tensor, tau: Tensor) -> None:
    """Raise unless there is a row of factors for each matrix of reflectors."""
    if tau.ndim != A.ndim - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and "
            f"input.ndim is equal to {A.ndim}"
        )
    _check_batch(name, "tau", tau.shape[:-1], A)


def _check_batch(name: str, word: str, batch, A: Tensor) -> None:
    if tuple(batch) != tuple(A.shape[:-2]):
        raise RuntimeError(
            f"{name}: Expected batch dimensions of {word} to be equal to input.shape[:-2], but got {list(batch)}"
        )


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def householder_product(A, tau, *, out=None):
    """The first columns of the product of the reflectors ``I - tau v v^H``, the v below the diagonal of ``A``."""
    name = "torch.linalg.householder_product"
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if A.shape[-1] < _length(tau):
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    _check_factors(name, A, tau)
    if A.dtype is not tau.dtype:
        raise RuntimeError(f"{name}: tau dtype {kind_name(tau.dtype)} does not match input dtype {kind_name(A.dtype)}")
    check_lapack("orgqr_cpu", A)
    return deliver(_reflected(A, tau, A.shape[-1]), out)


@composite(autocast="cpu fp32")
def orgqr(input, input2):
    """``linalg.householder_product``."""
    return householder_product(input, input2)


@composite(autocast="cpu fp32")
def ormqr(input, tau, other, left: bool = True, transpose: bool = False, *, out=None):
    """``other`` times the product of reflectors, from the left or right, conjugate-transposed or not."""
    for name, t in (("input", input), ("other", other)):
        if t.ndim < 2:
            raise RuntimeError(f"torch.ormqr: {name} must have at least 2 dimensions.")
    side = -2 if left else -1
    if other.shape[side] != input.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    if _length(tau) != min(other.shape[side], input.shape[-1]):
        raise RuntimeError(f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])")
    _check_factors("torch.ormqr", input, tau)
    if other.ndim != input.ndim:
        raise RuntimeError(
            "torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to "
            f"{other.ndim} and input.ndim is equal to {input.ndim}"
        )
    _check_batch("torch.ormqr", "other", other.shape[:-2], input)
    for name, t in (("tau", tau), ("other", other)):
        if t.dtype is not input.dtype:
            raise RuntimeError(
                f"torch.ormqr: Expected input and {name} to have the same dtype, but input has dtype"
                f"{kind_name(input.dtype)} and {name} has dtype {kind_name(t.dtype)}"
            )
    check_lapack("ormqr_cpu", input)
    q = _reflected(input, tau, input.shape[-2])
    q = q.mH if transpose else q
    return deliver(q.matmul(other) if left else other.matmul(q), out)


# ------------------------------------------------------------------------------------------------------- tensor systems
@composite(namespace="linalg", method=False, autocast="cpu fp32")
def tensorinv(A, ind: int = 2, *, out=None):
    """The inverse of ``A`` as a map from its dimensions after ``ind`` to those before."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    before, after = A.shape[:ind], A.shape[ind:]
    if math.prod(before) != math.prod(after):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(after)} != {math.prod(before)}"
        )
    n = math.prod(after)
    return deliver(inv(A.reshape(math.prod(before), n)).reshape(*after, *before), out)


@composite(namespace="linalg", method=False, autocast="cpu fp32")
def tensorsolve(A, B, dims=None, *, out=None):
    """The tensor X with ``tensordot(A, X, X.ndim) = B``; ``dims`` of A are moved to its end first."""
    if dims is not None:
        dims = tuple(wrap_dim(d, A.ndim) for d in dims)
        A = A.movedim(dims, tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    n, given = math.prod(shape), math.prod(A.shape[: B.ndim])
    if n != given:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            "but got "
            f"{n} != {given}"
        )
    return deliver(solve(A.reshape(n, n), B.reshape(-1)).reshape(tuple(shape)), out)


# -------------------------------------------------------------------------------------------------------------- vectors
@composite(namespace="linalg", method=False, autocast="low")
def vecdot(x, y, *, dim: int = -1, out=None):
    """Sums of the products of ``conj(x)`` and ``y`` along a dimension."""
    if x.dtype is not y.dtype:
        raise RuntimeError(f"linalg.vecdot: Expected x and y to have the same dtype, but found {x.dtype} and {y.dtype}")
    check_float("linalg.vecdot", x, half=True)
    if x.ndim == y.ndim == 1:
        return deliver(x.vdot(y), out)
    left = x.conj() if x.is_complex() else x
    return deliver(left.mul(y).sum(dim, dtype=x.dtype), out)


@composite(namespace="linalg", method=False, name="vander")
def linalg_vander(x, N=None):
    """The matrix whose columns are powers of ``x`` from 0 up."""
    if x.dtype is dtypes.bool_:
        raise RuntimeError("linalg.vander supports floating point, complex, and integer tensors, but got Bool")
    x = x.reshape(1) if x.ndim == 0 else x
    n = x.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    x = x if x.dtype.category > dtypes.INT else x.to(dtypes.int64)
    ones = x.detach().new_ones((*x.shape, 1))
    powers = x.unsqueeze(-1).expand(*x.shape, n - 1).cumprod(-1)
    return namespaces["torch"]["cat"]([ones, powers], -1)


@composite(namespace="linalg", method=False, name="diagonal")
def linalg_diagonal(A, *, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """``torch.diagonal`` of the last two dimensions."""
    return diagonal_of(A, offset, dim1, dim2)


publish("matmul", matmul, ("linalg",))

"""Samples of linear algebra whose results are unique; decompositions are in test_linalg."""

import numpy as np

from ...oracle import A, D, T
from . import R, S

inf = float("inf")
LOOSE = {"atol": 1e-4, "rtol": 1e-4, "grad_atol": 5e-4, "grad_rtol": 5e-4}


def regular(*shape, seed=0, dtype="float32"):
    """Well-conditioned matrices."""
    data = np.random.RandomState(seed).uniform(-0.5, 0.5, shape)
    if dtype == "complex64":
        data = data + 1j * np.random.RandomState(seed + 1).uniform(-0.5, 0.5, shape)
    return T((data + 2 * np.eye(shape[-2], shape[-1])).astype(dtype))


def positive(n, seed=0, dtype="float32", batch=()):
    data = np.random.RandomState(seed).uniform(-1, 1, (*batch, n, n))
    if dtype == "complex64":
        data = data + 1j * np.random.RandomState(seed + 1).uniform(-1, 1, (*batch, n, n))
    return T((data @ np.conj(np.swapaxes(data, -1, -2)) + 2 * np.eye(n)).astype(dtype))


for dtype in ("float32", "float64", "complex64"):
    for shape in ((3, 3), (2, 3, 3), (1, 1), (0, 0)):
        M = regular(*shape, dtype=dtype)
        S("linalg.inv", M, options=LOOSE)
        S("linalg.det", M, options={**LOOSE, "second": shape != (1, 1)})
        S("linalg.slogdet", M, options=LOOSE)
    S("linalg.solve", regular(3, 3, dtype=dtype), A(3, dtype=dtype), options=LOOSE)
    S("linalg.solve", regular(3, 3, dtype=dtype), A(2, 3, dtype=dtype), left=False, options=LOOSE)
    S("linalg.cholesky", positive(3, dtype=dtype), options=LOOSE)
    S("linalg.cholesky", positive(3, dtype=dtype), upper=True, options=LOOSE)
    S("linalg.solve_triangular", regular(3, 3, dtype=dtype), A(3, 2, dtype=dtype), upper=True, options=LOOSE)
    S(
        "linalg.solve_triangular",
        regular(3, 3, dtype=dtype),
        A(2, 3, dtype=dtype),
        upper=False,
        left=False,
        options=LOOSE,
    )
    S("linalg.pinv", regular(4, 2, dtype=dtype), options=LOOSE)
    S("linalg.pinv", regular(2, 4, dtype=dtype), options=LOOSE)
    S("matrix_exp", A(3, 3, dtype=dtype), options=LOOSE)
    S("linalg.vecdot", A(2, 3, dtype=dtype), A(2, 3, seed=1, dtype=dtype))
    S("linalg.eigvalsh", positive(3, dtype=dtype), options=LOOSE)
    S("linalg.svdvals", regular(4, 3, dtype=dtype), options=LOOSE)
S("inverse", regular(3, 3), options=LOOSE)
S("det", regular(3, 3), options=LOOSE)
S("slogdet", regular(3, 3), options=LOOSE)
S("logdet", positive(3), options=LOOSE)
S("logdet", T(np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32), grad=False))
S("det", T(np.array([[1.0, 2.0], [2.0, 4.0]], dtype=np.float32)), options={"second": False})
S("slogdet", T(np.zeros((2, 2), dtype=np.float32), grad=False))
S("linalg.inv_ex", regular(3, 3), options=LOOSE)
S("linalg.solve_ex", regular(3, 3), A(3), options=LOOSE)
S("linalg.cholesky_ex", positive(3), options=LOOSE)
S("linalg.cholesky_ex", T(np.diag([1.0, -1.0, 1.0]).astype(np.float32), grad=False), options={"atol": inf})
S("linalg.solve", regular(2, 3, 3), A(2, 3), options=LOOSE)
S("linalg.solve", regular(2, 3, 3), A(3, 2), options=LOOSE)
S("linalg.solve", regular(3, 3), A(4, 3, 2), options=LOOSE)
S("cholesky", positive(3), options=LOOSE)
S("cholesky", positive(3, batch=(2,)), True, options=LOOSE)
S("cholesky_solve", A(3, 2), regular(3, 3), options={**LOOSE, "second": False})
S("cholesky_solve", A(3, 2), regular(3, 3), True, options={**LOOSE, "second": False})
S("cholesky_inverse", regular(3, 3), options=LOOSE)
S("cholesky_inverse", regular(3, 3), True, options=LOOSE)
S("triangular_solve", A(3, 2), regular(3, 3), options=LOOSE)
S("triangular_solve", A(3, 2), regular(3, 3), False, True, True, options=LOOSE)
S("linalg.solve_triangular", regular(2, 3, 3), A(3, 2), upper=True, unitriangular=True, options=LOOSE)
S(
    "linalg.solve_triangular",
    T(np.zeros((2, 2), dtype=np.float32), grad=False),
    T(np.ones((2, 1), dtype=np.float32), grad=False),
    upper=True,
)
S("pinverse", regular(3, 3), options=LOOSE)
S("linalg.pinv", positive(3), hermitian=True, options=LOOSE)
S("linalg.pinv", T(np.zeros((3, 2), dtype=np.float32), grad=False))
S("linalg.pinv", T(np.diag([3.0, 1.0, 0.1]).astype(np.float32), grad=False), rcond=0.1)
S("linalg.pinv", A(0, 3))
S("linalg.matrix_rank", A(4, 3))
S("linalg.matrix_rank", T(np.outer([1.0, 2.0], [3.0, 4.0]).astype(np.float32), grad=False))
S("linalg.matrix_rank", A(2, 4, 3), tol=2.5)
S("linalg.matrix_rank", positive(3), hermitian=True)
for n in (0, 1, 2, 5, -1, -3):
    S(
        "linalg.matrix_power",
        regular(3, 3),
        n,
        options={"atol": 1e-2, "rtol": 1e-4, "grad_atol": 1e-2, "grad_rtol": 1e-3},
    )
S("matrix_power", A(2, 2, dtype="int64"), 3)
S("matrix_power", A(3, 3), 2)
S("linalg.matrix_exp", A(2, 3, 3, low=-5, high=5), options={"rtol": 1e-3, "atol": 1e-2, "grad": False})
for p in (2, 1, 0, 3, 0.5, inf, -inf, -1):
    S("linalg.vector_norm", A(2, 3), p)
    S("linalg.vector_norm", A(2, 3), p, 1, True)
S("linalg.vector_norm", A(2, 3), 2, (0, 1), dtype=D("float64"))
for p in ("fro", "nuc", 1, -1, 2, -2, inf, -inf):
    S("linalg.matrix_norm", regular(3, 4), p, options=LOOSE)
    S("linalg.matrix_norm", A(2, 3, 4), p, (0, 2), True, options=LOOSE)
    S("linalg.norm", regular(3, 3), p, options=LOOSE)
    # torch's own gradient fails for the norms that need the inverse
    S("linalg.cond", regular(3, 3), p, options={**LOOSE, "grad": p in (2, -2)})
S("linalg.cond", regular(4, 3), options=LOOSE)
S("linalg.cond", T(np.zeros((2, 2), dtype=np.float32), grad=False), 1)
S("linalg.norm", A(2, 3, 4))
S("linalg.norm", A(2, 3), 3, 1)
S("linalg.norm", A(2, 3, 4), 1, (0, 1))
S("linalg.norm", A(4), inf)
S("linalg.vecdot", A(3), A(3, seed=1))
S("linalg.vecdot", A(2, 3), A(3), dim=-1)
R("linalg.vecdot", A(2, 3, dtype="int64"), A(2, 3, dtype="int64"), dim=0)
S("linalg.vander", A(3))
S("linalg.vander", A(2, 3), N=5)
S("linalg.vander", A(3, dtype="int64"))
S("linalg.tensorinv", T((2 * np.eye(6) + 0.1).astype(np.float32).reshape(6, 2, 3)), ind=1, options=LOOSE)
S("linalg.tensorsolve", T((2 * np.eye(6) + 0.1).astype(np.float32).reshape(2, 3, 6)), A(2, 3), options=LOOSE)
S("linalg.tensorsolve", T((2 * np.eye(6) + 0.1).astype(np.float32).reshape(2, 6, 3)), A(2, 3), dims=(1,), options=LOOSE)
S(
    "linalg.householder_product",
    A(4, 3),
    A(3),
    options={"grad_atol": 1e-3, "grad_rtol": 1e-3, "atol": 1e-4, "second": False},
)
S("orgqr", A(4, 3), A(3), options={"atol": 1e-4, "grad": False})
for left in (True, False):
    for transpose in (True, False):
        other = A(4, 2) if left else A(2, 4)
        S("ormqr", A(4, 3), A(3), other, left, transpose, options={"atol": 1e-3, "rtol": 1e-3, "grad": False})
S("linalg.diagonal", A(2, 3, 3))
S("linalg.matmul", A(2, 3), A(3, 2))
for driver in ("gels", "gelsy", "gelsd", "gelss"):
    S("linalg.lstsq", regular(4, 2), A(4, 3), driver=driver, options={**LOOSE, "second": False})
    S("linalg.lstsq", regular(2, 4), A(2, 3), driver=driver, options={**LOOSE, "second": False})
S("linalg.lstsq", regular(5, 4, 2), A(5, 4, 3), options={**LOOSE, "second": False})
for name in ("linalg.inv", "linalg.det", "linalg.slogdet", "linalg.cholesky", "matrix_exp", "linalg.eig"):
    R(name, A(2, 3))
    R(name, A(3))
    R(name, A(2, 2, dtype="int64"))
SINGULAR = T(np.zeros((2, 2), dtype=np.float32), grad=False)
R("linalg.solve", A(2, 3), A(2))
R("linalg.solve", regular(2, 2), A(3))
R("linalg.solve", regular(2, 2), A(2, dtype="float64"))
R("linalg.solve", regular(2, 2), A())
R("linalg.solve", regular(2, 2), A(2, 3), left=False)
R("cholesky_solve", A(2), regular(2, 2))
R("cholesky_solve", A(3, 1), regular(2, 2))
R("linalg.svd", A(3))
R("linalg.svd", A(3, 2), driver="gesvd")
R("linalg.qr", A(3, 2), mode="x")
R("linalg.eigh", A(3, 2))
R("linalg.eigh", A(3, 3), UPLO="X")
R("linalg.eigh", A(2, 2, dtype="int64"))
R("linalg.eig", T(np.array([[np.nan]], dtype=np.float32), grad=False))
R("linalg.lu_factor", SINGULAR)
R("linalg.lu", A(3, 3), pivot=False)
R("linalg.lu_factor", A(2, 2, dtype="int64"))
R("linalg.solve_triangular", regular(2, 2), A(2), upper=True)
R("linalg.solve_triangular", regular(2, 2), A(3, 1), upper=True)
R("linalg.matrix_power", A(2, 3), 2)
R("linalg.matrix_power", regular(2, 2), 2.5)
R("linalg.matrix_rank", A(3))
R("linalg.pinv", A(3))
R("linalg.pinv", A(2, 2, dtype="int64"))
R("linalg.vector_norm", A(3, dtype="int64"))
R("linalg.vector_norm", A(0), inf)
R("linalg.vector_norm", A(3), "fro")
R("linalg.vector_norm", A(3), dtype=D("int64"))
R("linalg.matrix_norm", A(3, 3), 3)
R("linalg.matrix_norm", A(3, 3), "x")
R("linalg.matrix_norm", A(3))
R("linalg.matrix_norm", A(3, 3), dim=(0, 0))
R("linalg.norm", A(2, 3, 4), 2)
R("linalg.norm", A(3), "fro")
R("linalg.cond", A(2, 3), 1)
R("linalg.cond", A(3, 3), 3)
R("linalg.vander", A())
R("linalg.vander", A(3), N=1)
R("linalg.vecdot", A(2), A(3))
R("linalg.householder_product", A(2, 3), A(2))
R("linalg.householder_product", A(3, 2), A(3))
R("linalg.tensorinv", A(4, 6))
R("linalg.tensorinv", A(6, 2, 3), ind=0)
R("linalg.tensorsolve", A(2, 3, 5), A(2, 3))
R("linalg.lstsq", A(3, 2), A(4, 1))
R("linalg.lstsq", A(3, 2), A(3, 1), driver="foo")
R("linalg.lstsq", A(3, 2), A(3, 1, dtype="float64"))
R("lu_unpack", A(3, 3), T(np.array([1, 2, 3])))
S("geqrf", regular(4, 3), options={**LOOSE, "grad": False})
S("geqrf", regular(2, 3, 4), options={**LOOSE, "grad": False})


# --------------------------------------------------------------------------------------- arguments that do not fit together
def whole(*shape, dtype="int32"):
    """Pivots that exchange nothing."""
    return T(np.broadcast_to(np.arange(1, shape[-1] + 1, dtype=dtype), shape).copy(), grad=False)


for dtype in ("int64", "bool", "float16"):
    for name in (
        "cholesky",
        "cholesky_inverse",
        "geqrf",
        "linalg.eigh",
        "linalg.lu",
        "linalg.ldl_factor",
        "linalg.pinv",
    ):
        R(name, A(3, 3, dtype=dtype))
    R("cholesky_solve", A(3, 2, dtype=dtype), A(3, 3, dtype=dtype))
    R("triangular_solve", A(3, 2, dtype=dtype), A(3, 3, dtype=dtype))
    R("linalg.solve_triangular", A(3, 3, dtype=dtype), A(3, 2, dtype=dtype), upper=True)
    R("linalg.householder_product", A(3, 2, dtype=dtype), A(2, dtype=dtype))
    R("ormqr", A(3, 2, dtype=dtype), A(2, dtype=dtype), A(3, 3, dtype=dtype))
    R("linalg.ldl_solve", A(3, 3, dtype=dtype), whole(3), A(3, 2, dtype=dtype))
    R("linalg.lu_solve", A(3, 3, dtype=dtype), whole(3), A(3, 2, dtype=dtype))
    R("linalg.matrix_rank", A(0, 0, dtype=dtype))
    R("linalg.matrix_rank", A(3, 3, dtype=dtype), hermitian=True)
    # of nothing, torch takes any dtype
    S("cholesky", A(0, 3, 3, dtype=dtype, grad=False))
    S("linalg.eigh", A(0, 3, 3, dtype=dtype, grad=False))
    S("linalg.eigvalsh", A(2, 0, 0, dtype=dtype, grad=False))
    S("linalg.lu", A(0, 3, 5, dtype=dtype, grad=False))
    S("linalg.lu", A(2, 3, 0, dtype=dtype, grad=False))
    S("linalg.lu_factor", A(2, 0, 3, dtype=dtype, grad=False))
    S("linalg.lu_factor_ex", A(0, 3, 5, dtype=dtype, grad=False))
    S("linalg.matrix_rank", A(0, 0, dtype=dtype), 0.1)
for shape in ((0,), (0, 3), (3, 0), (2, 0, 3)):
    S("cholesky", A(*shape, grad=False))
R("cholesky", A(5))
R("cholesky", A(2, 3))
R("cholesky_solve", A(3, 2), A(3, 3, dtype="float64"))
R("triangular_solve", A(3, 2), A(3, 3, dtype="float64"))
R("triangular_solve", A(3, 2, dtype="int64"), A(3, 3))
R("triangular_solve", A(3, 2), A(2, 2))
R("triangular_solve", A(3), A(3, 3))

R("linalg.householder_product", A(1, 5, 2), A(2))
R("linalg.householder_product", A(1, 5, 2), A(2, 2))
R("linalg.householder_product", A(5, 2), A())
R("ormqr", A(5, 2), A(1), A(5, 3))
R("ormqr", A(5, 2), A(6), A(5, 3))
R("ormqr", A(5, 2), A(), A(5, 3))
R("ormqr", A(5, 2), A(1), A(3, 5), left=False)
R("ormqr", A(2, 5, 2), A(2), A(2, 5, 3))
R("ormqr", A(2, 5, 2), A(2, 2), A(5, 3))
R("ormqr", A(2, 5, 2), A(3, 2), A(2, 5, 3))
R("ormqr", A(2, 5, 2), A(2, 2), A(3, 5, 3))
R("ormqr", A(5, 2), A(2, dtype="int64"), A(5, 3))
R("ormqr", A(5, 2), A(2), A(5, 3, dtype="float64"))

R("linalg.ldl_solve", A(1, 2, 3, 3), whole(2, 3), A(3, 3))
R("linalg.ldl_solve", A(3, 3), whole(4), A(3, 3))
R("linalg.ldl_solve", A(3, 3), whole(0), A(3, 3))
R("linalg.ldl_solve", A(3, 3), T(np.int32(1)), A(3, 3))
R("linalg.ldl_solve", A(3, 3), A(3), A(3, 3))
R("linalg.ldl_solve", A(3, 3), whole(3), A(3))
R("linalg.ldl_solve", A(3, 3), whole(3), A(2, 3))
R("linalg.ldl_solve", A(3, 3), whole(3), A(3, 3, dtype="float64"))
for dtype in ("int64", "int16"):
    S("linalg.ldl_solve", regular(2, 2), whole(2, dtype=dtype), A(2, 2), options={"grad": False})
S("linalg.ldl_solve", A(2, 0, 0), whole(2, 0), A(0, 2), options={"grad": False})
S("linalg.ldl_factor", A(1, 0, 0), options={"grad": False})
S("linalg.ldl_factor_ex", A(1, 0, 0), options={"grad": False})

R("linalg.lu_solve", A(1, 2, 3, 3), whole(2, 3), A(2, 3, 4))
R("linalg.lu_solve", A(2, 3, 3), whole(2, 4), A(2, 3, 4))
R("linalg.lu_solve", A(2, 3, 3), whole(3), A(2, 3, 4))
R("linalg.lu_solve", A(2, 3, 3), whole(6), A(2, 3, 4))
R("linalg.lu_solve", A(3, 3), T(np.int32(1)), A(3, 4))
R("linalg.lu_solve", A(3, 3), whole(1, 3), A(3, 4))
R("linalg.lu_solve", A(3, 3), whole(3, dtype="int64"), A(3, 4))
R("linalg.lu_solve", A(0, 1, 1), whole(0, 2), A(0, 1, 1))
R("lu_unpack", A(3), whole(3))
S("lu_unpack", A(1, 3, 3), whole(3))
S("lu_unpack", A(3, 3), whole(1, 3))
S("lu_unpack", A(0, 5), whole(5), options={"second": False})
S("lu_unpack", A(3, 3), whole(3, dtype="int64"), unpack_pivots=False)

R("linalg.lstsq", A(4, 3), A(1, 4, 3))
R("linalg.lstsq", A(1, 1, 4, 3), A(4, 3))
R("linalg.lstsq", A(5, 4, 3), A(1, 4))
R("linalg.lstsq", A(5, 4, 3), A(4, 2))
R("linalg.lstsq", A(4), A(4))
R("linalg.lstsq", A(4, 3), A())
S("linalg.lstsq", regular(1, 4, 3), A(4, 3), options=LOOSE)
S("linalg.lstsq", regular(1, 3, 3), A(3, 3), driver="gels", options=LOOSE)
S("linalg.lstsq", regular(4, 4, 3), A(4, 2), options=LOOSE)

S("linalg.solve_ex", regular(2, 3, 3), A(1, 2, 3, 2), options=LOOSE)
S("linalg.solve_ex", regular(1, 3, 3), A(2, 3, 2), options=LOOSE)
S("linalg.solve_ex", regular(2, 1, 3, 3), A(2, 3, 2), options=LOOSE)
S("linalg.solve_ex", regular(1, 3, 3), A(0, 3, 2), options=LOOSE)
S("linalg.solve_ex", regular(3, 3), A(2, 3, 2), options=LOOSE)

for shape in ((0, 5), (5, 0), (3, 0, 0)):
    S("linalg.cond", A(*shape, grad=False))
    S("linalg.cond", A(*shape, grad=False), -2)
S("linalg.cond", A(0, 5, grad=False), 1)
for name in ("linalg.pinv", "linalg.matrix_rank"):
    R(name, A(3, 3), rtol="x")
    R(name, A(0, 0), atol="x")
    R(name, A(0, 0), "x")
    R(name, A(3, 3), atol=A(2, dtype="complex64"))
    R(name, A(3, 3, 3), atol=A(2))
    R(name, A(3, 3, 3), atol=A(3), rtol=0.1)
S("linalg.matrix_rank", A(3, 0, 0, grad=False), A(2, grad=False))
S("linalg.pinv", A(3, 0, 0), A(2, grad=False))
R("linalg.pinv", A(2, 3), hermitian=True)
R("linalg.pinv", A(1, 2, 3), hermitian=True)
R("pinverse", A(3, 3), None)
R("pinverse", A(0, 0), "x")
R("linalg.vander", A(3, dtype="bool"))
R("linalg.matrix_norm", A(5, 5, 5), dim=(0, 1, 2))
R("linalg.matrix_power", A(2, 2, dtype="bool"), 3)
S("linalg.matrix_power", A(0, 2, 2, dtype="bool"), 3)

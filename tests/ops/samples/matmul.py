"""Samples of matrix products and what is made of them."""

import numpy as np

from ...oracle import A, T
from . import R, S

SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (1, 3, 4)),
    ((2, 1, 2, 3), (5, 3, 4)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((4, 2, 0), (0, 3)),
    ((0,), (0,)),
    ((2, 3, 1, 4), (3, 4, 1)),
]
for left, right in SHAPES:
    S("matmul", A(*left), A(*right, seed=1))
S("matmul", A(2, 3, dtype="float64"), A(3, 4, dtype="float64"))
S("matmul", A(2, 3, dtype="complex64"), A(3, 4, dtype="complex64"))
S("matmul", A(5, 2, 3, dtype="complex64"), A(3, dtype="complex64"))
S("matmul", A(2, 3, dtype="float16"), A(3, 4, dtype="float16"), options={"second": False})
S("matmul", A(2, 3, dtype="bfloat16"), A(3, 4, dtype="bfloat16"), options={"second": False})
BIG = T(np.array([[2**62, -(2**61), 3], [-(2**63), 2**63 - 1, 12345678912345]], dtype=np.int64))
for dtype in ("int8", "int16", "int32", "int64", "uint8"):
    S("matmul", A(2, 3, dtype=dtype, low=-100, high=100), A(3, 4, dtype=dtype, low=-100, high=100))
    S("matmul", A(3, dtype=dtype), A(3, dtype=dtype))
    S("matmul", A(2, 2, 3, dtype=dtype), A(3, dtype=dtype))
S("matmul", BIG, T(np.array([[7, -5], [2**40, 3], [-(2**62), 1]], dtype=np.int64)))
S("mm", A(2, 3), A(3, 4))
S("bmm", A(5, 2, 3), A(5, 3, 4))
S("mv", A(2, 3), A(3))
S("dot", A(3), A(3, seed=1))
S("dot", A(3, dtype="complex64"), A(3, seed=1, dtype="complex64"))
S("vdot", A(3, dtype="complex64"), A(3, seed=1, dtype="complex64"))
S("vdot", A(3), A(3, seed=1))
S("mv", A(2, 3, dtype="complex64"), A(3, dtype="complex64"))
R("matmul", A(2, 3), A(4, 5))
R("matmul", A(2, 3, 4), A(5))
R("matmul", A(2, 3, 4), A(5, 6))
R("matmul", A(2, 3, 4), A(2, 5, 6))
R("matmul", A(2, 3, 4), A(3, 4, 6))
R("matmul", A(4), A(5))
R("matmul", A(4), A(5, 6))
R("matmul", A(), A(5))
R("matmul", A(2, 3), 2)
R("matmul", A(2, 3), A(3, 2, dtype="float64"))
R("matmul", A(2, 2, 3), A(2, 3, 2, dtype="float64"))
R("matmul", A(2, 3), A(3, dtype="float64"))
R("matmul", A(3), A(3, dtype="float64"))
R("matmul", A(2, 3, dtype="bool"), A(3, 2, dtype="bool"))
R("matmul", A(2, 3, dtype="int64"), A(3, 2))
R("mm", A(2), A(2, 3))
R("mm", A(2, 3), A(2))
R("bmm", A(2, 3), A(2, 3, 3))
R("bmm", A(2, 3, 4), A(2, 3, 4))
R("mv", A(2, 3), A(2))
R("mv", A(2, 3), A(3, 1))
R("dot", A(2), A(3))
R("dot", A(2, 2), A(3))
R("vdot", A(2), A(3))

# --------------------------------------------------------------------------------------------------- sums with products
for c in ((2, 4), (4,), (1, 4), (2, 1), ()):
    S("addmm", A(*c), A(2, 3), A(3, 4), options={"inplace": c == (2, 4)})
S("addmm", A(2, 4), A(2, 3), A(3, 4), beta=0.5, alpha=-2)
S("addmm", T(np.full((2, 4), np.nan, dtype=np.float32), grad=False), A(2, 3), A(3, 4), beta=0)
S("addmm", A(4, dtype="int64"), A(2, 3, dtype="int64"), A(3, 4, dtype="int64"), beta=2, alpha=3)
S("addmm", A(4, dtype="complex64"), A(2, 3, dtype="complex64"), A(3, 4, dtype="complex64"), beta=2, alpha=1.5j)
S("addmv", A(2), A(2, 3), A(3), beta=2, alpha=0.5)
S("addmv", A(1), A(2, 3), A(3))
S("addr", A(3, 2), A(3), A(2), beta=2, alpha=0.5)
S("addr", A(2), A(3), A(2))
S("addr", A(3, 2, dtype="int64"), A(3, grad=False), A(2, dtype="float64", grad=False), options={"inplace": False})
S("addr", A(3, 2, dtype="bool"), A(3, dtype="bool"), A(2, dtype="bool"))
S("addbmm", A(3, 5), A(2, 3, 4), A(2, 4, 5), beta=2, alpha=0.5)
S("addbmm", A(5), A(2, 3, 4), A(2, 4, 5), options={"inplace": False})
S("baddbmm", A(2, 3, 5), A(2, 3, 4), A(2, 4, 5), beta=2, alpha=0.5)
S("baddbmm", A(5), A(2, 3, 4), A(2, 4, 5))
R("addmm", A(3), A(2, 3), A(3, 4))
R("addmm", A(4), A(3), A(3, 4))
R("addmm", A(4), A(2, 3), A(2, 4))
R("addmm", A(4, dtype="float64"), A(2, 3), A(3, 4))
R("addmm", A(4, dtype="bool"), A(2, 3, dtype="bool"), A(3, 4, dtype="bool"))
R("addmv", A(3), A(2, 3), A(3))
R("addmv", A(2, 2), A(2, 3), A(3))
R("addr", A(3, 3), A(3), A(2))
R("addr", A(3, 2), A(3, 1), A(2))
R("addbmm", A(3, 5), A(2, 3, 4), A(3, 4, 5))
R("addbmm", A(3, 5), A(2, 3, 4), A(2, 3, 5))
R("baddbmm", A(4), A(2, 3, 4), A(2, 4, 5))
R("baddbmm", A(5, dtype="float64"), A(2, 3, 4), A(2, 4, 5))

# ------------------------------------------------------------------------------------------------------------- products
S("outer", A(2), A(3))
S("ger", A(2), A(3))
S("outer", A(2, dtype="int64"), A(3))
S("inner", A(2, 3), A(4, 3))
S("inner", A(3), A(3))
S("inner", A(2, 3), A())
S("tensordot", A(2, 3, 4), A(3, 4, 5))
S("tensordot", A(2, 3), A(3, 4), 1)
S("tensordot", A(2, 3), A(4), 0)
S("tensordot", A(2, 3, 4), A(4, 2, 5), ([0, 2], [1, 0]))
S("tensordot", A(2, 1), A(3, 2), ([0, 1], [1, 0]))
S("tensordot", A(2, 3), A(3, 2), ((1, 0), (0, 1)))
S("kron", A(2, 3), A(3, 2))
S("kron", A(2, 3), A(4))
S("kron", A(2, dtype="int64"), A())
S("cross", A(2, 3), A(2, 3, seed=1), 1)
S("cross", A(3, 2), A(3, 1), 0)
S("linalg.cross", A(2, 3), A(1, 3))
S("linalg.cross", A(3, 2, dtype="complex64"), A(3, 2, seed=1, dtype="complex64"), dim=0)
S("chain_matmul", A(2, 3), A(3, 4), A(4, 2))
S("chain_matmul", A(2, 3))
S("linalg.multi_dot", [A(2, 3), A(3, 5), A(5, 4), A(4, 2)])
S("linalg.multi_dot", [A(3), A(3, 5), A(5)])
R("outer", A(2, 2), A(2))
R("inner", A(2, 3), A(4))
R("tensordot", A(2, 3), A(4, 5), 1)
R("tensordot", A(2, 3), A(3, 2), -1)
R("tensordot", A(2, 3), A(3, 2), 5)
R("tensordot", A(2, 3), A(3, 2), ([0, 1], [1]))
R("tensordot", A(2, 3), A(3, 2), ([0, 0], [1, 1]))
R("cross", A(2, 4), A(2, 4))
R("linalg.cross", A(3), A(2, 3))
R("linalg.cross", A(2, 3), A(4, 3))
R("chain_matmul", A(3), A(3, 3))
R("linalg.multi_dot", [A(2, 3)])
R("linalg.multi_dot", [A(2, 3), A(4, 3)])

# --------------------------------------------------------------------------------------------------------------- einsum
for equation, *operands in (
    ("ij,jk", (2, 3), (3, 4)),
    ("ij,jk->", (2, 3), (3, 4)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("ij->ji", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("i,j", (2,), (3,)),
    ("i,i", (3,), (3,)),
    ("ij,ij->ij", (2, 1), (2, 3)),
    ("...ij,...jk", (2, 1, 2, 3), (5, 3, 4)),
    ("b...,b...->...", (2, 3), (2, 3)),
    ("ij,jk,kl", (2, 3), (3, 4), (4, 2)),
    ("bqd,bkd,h->hbqk", (2, 3, 4), (2, 5, 4), (2,)),
    ("i...->...", (3, 2)),
    ("...ij->ij", (5, 2, 3)),
    ("Ab,bA->", (2, 3), (3, 2)),
    ("ij,k->ikj", (2, 3), (4,)),
    ("ab,b,bc,c->a", (2, 3), (3,), (3, 4), (4,)),
    ("", ()),
    ("i j -> j i", (2, 3)),
    ("ij,j->i", (2, 3), (1,)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("ijk,ijk->j", (2, 3, 4), (2, 3, 4)),
    ("ij,jk", (0, 3), (3, 2)),
    ("ij,jk", (2, 0), (0, 2)),
):
    S("einsum", equation, *(A(*shape, seed=i) for i, shape in enumerate(operands)))
S("einsum", "ij,jk", A(2, 3, dtype="int64"), A(3, 4, dtype="int64"))
S("einsum", "ij,jk->ik", A(2, 3, dtype="complex64"), A(3, 4, dtype="complex64"))
S("einsum", "ij->", A(2, 3, dtype="float64"))
S("einsum", "ij,jk->ik", [A(2, 3), A(3, 4)])
S("einsum", A(2, 3), [0, 1], A(3, 4), [1, 2], [0, 2])
S("einsum", A(2, 3), [0, 1], A(3, 4), [1, 2])
S("einsum", A(2, 3), [Ellipsis, 1], [1])
for equation, *operands in (
    ("ij,jk", (2, 3), (4, 4)),
    ("ij,jk", (2, 3)),
    ("ij", (2, 3), (3, 4)),
    ("i,ij", (2, 3), (3, 4)),
    ("ij->iz", (2, 3)),
    ("ij->ii", (2, 3)),
    ("i1", (2, 3)),
    ("i..j", (2, 3)),
    ("...i...", (2, 3)),
    ("ii", (2, 3)),
    ("i...", ()),
    ("ij->j.i", (2, 3)),
):
    R("einsum", equation, *(A(*shape) for shape in operands))
R("einsum", "ij,jk", A(2, 3), A(3, 4, dtype="float64"))
R("einsum", "ij,ij", A(2, 3, dtype="bool"), A(2, 3, dtype="bool"))
R("einsum", "")
R("einsum", A(2, 3), [0, 100])


# ---------------------------------------------------------------------------------------------- dtypes that do not fit together
for name in ("bmm", "matmul"):
    R(name, A(2, 2, 2, dtype="bool"), A(2, 2, 2))
    R(name, A(2, 2, 2), A(2, 2, 2, dtype="bool"))
    # where nothing is multiplied, torch takes any two
    S(name, A(0, 2, 2, dtype="bool"), A(0, 2, 2, dtype="bool"))
    S(name, A(2, 2, 0, dtype="bool"), A(2, 0, 2, dtype="bool"))
    S(name, A(0, 2, 3, grad=False), A(0, 3, 2, dtype="float64", grad=False))
R("baddbmm", A(2, 2, 2, dtype="bool"), A(2, 2, 2, dtype="bool"), A(2, 2, 2))
for name, result in (("addbmm", A(2, 2)), ("baddbmm", A(2, 2, 2))):
    R(name, result, A(2), A(2, 2, 2))
    R(name, result, A(2, 2), A(2, 2, 2))
    R(name, result, A(2, 2, 2), A(2))
    R(name, result, A(2, 2, 2), A())
for first, second in (("bool", "float32"), ("bool", "bool"), ("float32", "bool"), ("int64", "float32")):
    R("cross", A(5, 3, dtype=first), A(5, 3, dtype=second))
    R("linalg.cross", A(5, 3, dtype=first), A(5, 3, dtype=second))
S("addr", A(dtype="float64", grad=False), A(5, grad=False), A(3, grad=False), beta=0.5, alpha=0.2)
S("addr", A(dtype="int32"), A(5, dtype="int8"), A(3, dtype="int8"))
S("addr", A(grad=False), A(5, dtype="float16", grad=False), A(3, dtype="float16", grad=False))

SINGLE = {"atol": 2e-5, "rtol": 2e-5, "grad_atol": 2e-5, "grad_rtol": 2e-5}
for first, second in (
    ("bool", "float32"),
    ("bool", "bool"),
    ("float32", "bool"),
    ("float32", "float64"),
    ("int32", "int64"),
):
    left, right = A(3, 2, dtype=first, low=0, high=3), A(2, 4, dtype=second, low=0, high=3)
    R("einsum", "ij,jk->ik", left, right)
    S("einsum", "ij,jk->ijk", left, right)
    S("einsum", "ij,kl->ijkl", left, right)
    # what only one has is summed in its own precision
    S("einsum", "ij,kl->ik", left, right, options=SINGLE)
    S("einsum", "ij,kl->", left, right, options=SINGLE)
    S("einsum", "ij,kj->ik", A(3, 1, dtype=first, low=0, high=3), right)
    S("einsum", "ij,jl->il", A(3, 0, dtype=first, grad=False), A(0, 3, dtype=second, grad=False))
for dtype in ("bool", "int32", "uint8"):
    S("einsum", "ij->i", A(3, 2, dtype=dtype))
    S("einsum", "ij->i", A(3, 0, dtype=dtype))
    S("einsum", "ii->", A(3, 3, dtype=dtype))
    S("einsum", "ii->i", A(3, 3, dtype=dtype))
R("einsum", "ij,jk->i", A(3, 4, dtype="int32"), A(4, 5, dtype="int32"))

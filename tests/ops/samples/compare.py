"""Comparisons, logical operators, questions about values, operators on bits."""

from __future__ import annotations

import numpy as np

from ...oracle import A, T
from . import R, S

nan, inf = float("nan"), float("inf")
EDGES = T(np.array([0.0, -0.0, 1.0, -2.0, inf, -inf, nan], np.float32), grad=False)
COLUMN = T(EDGES.data[:, None], grad=False)
FUNCTION = {"method": False, "inplace": False}

ORDERINGS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
for _name in (*ORDERINGS, *ORDERINGS.values(), "eq", "ne", "not_equal"):
    S(_name, A(2, 3, dtype="int64"), A(3, seed=1, dtype="int64"))
    S(_name, A(2, 3), A(2, 3, seed=1))
    S(_name, A(2, 3, dtype="int64"), A(3, seed=1, grad=False))
    S(_name, EDGES, COLUMN)
    S(_name, A(2, 3, dtype="int8"), 1.5)
    S(_name, A(2, 3, dtype="uint8"), -1)
    S(_name, A(4, dtype="bool"), A(4, seed=1, dtype="bool"))
    S(_name, A(3, dtype="float16", grad=False), A(3, seed=1, dtype="float64", grad=False))
    S(_name, A(0, 3), A(3))
    S(_name, A(), 0)
    R(_name, A(3), A(4))
    R(_name, A(3), "a")
    if _name in ("eq", "ne", "not_equal"):
        S(_name, A(3, dtype="complex64", grad=False), A(3, seed=1, dtype="complex64", grad=False))
    else:
        R(_name, A(3, dtype="complex64"), A(3))

for _name in ("logical_and", "logical_or", "logical_xor"):
    for _dtype in ("bool", "int64", "float32", "complex64", "uint8"):
        S(_name, A(2, 3, dtype=_dtype, grad=False), A(3, seed=1, dtype=_dtype, grad=False))
    S(_name, EDGES, COLUMN)
    S(_name, A(3, dtype="bool"), A(2, 3, grad=False), options={"inplace": False})
    R(_name, A(3), 1)
for _dtype in ("bool", "int64", "float32", "complex64"):
    S("logical_not", A(2, 3, dtype=_dtype, grad=False))
S("logical_not", EDGES)

for _name in ("isnan", "isinf", "isfinite", "isreal", "isposinf", "isneginf", "signbit"):
    S(_name, EDGES)
    S(_name, T(EDGES.data.astype(np.float64), grad=False))
    S(_name, A(3, dtype="int64"))
    S(_name, A(3, dtype="bool"))
    S(_name, A(3, dtype="float16"))
    S(_name, A(3, dtype="bfloat16"))
    S(_name, A(0))
    COMPLEX = T(np.array([complex(inf, 1), complex(1, nan), 1 + 0j], np.complex64), grad=False)
    (R if _name in ("isposinf", "isneginf", "signbit") else S)(_name, COMPLEX)

for _name in ("isclose", "allclose"):
    S(_name, EDGES, EDGES)
    S(_name, EDGES, EDGES, equal_nan=True)
    S(_name, A(2, 3), T(A(2, 3).data + 1e-6))
    S(_name, A(2, 3), T(A(2, 3).data + 1e-3), 0.1, 0.1)
    S(_name, A(2, 3, dtype="int64"), A(3, seed=1, dtype="int64"), atol=1.0)
    S(_name, A(4, dtype="bool"), A(4, seed=1, dtype="bool"))
    S(_name, A(3, dtype="complex64"), A(3, dtype="complex64"))
    S(_name, EDGES, EDGES, 0.0, 0.0)
    S(_name, A(0), A(0))
    R(_name, A(3), A(3, dtype="float64"))
    R(_name, A(3), A(4))
    R(_name, A(3), A(3), -1.0)
    R(_name, A(3), 1.0)
S("equal", A(2, 3), A(2, 3))
S("equal", A(2, 3), A(3, 2))
S("equal", A(2, 3, dtype="int64"), A(2, 3, seed=4, dtype="int64"))
S("equal", EDGES, EDGES)
S("equal", A(0), A(0))
R("equal", A(2), 1)
for _name in ("is_complex", "is_floating_point", "is_signed"):
    S(_name, A(2))
    S(_name, A(2, dtype="complex64"))
    S(_name, A(2, dtype="uint8"))
S("is_nonzero", T(np.float32(2.0)))
S("is_nonzero", T(np.array([[0]])))
R("is_nonzero", A(2))
R("is_nonzero", A(0))

# ----------------------------------------------------------------------------------------------------------------- bits
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    for _dtype in ("bool", "int64", "int8", "uint8"):
        S(_name, A(2, 3, low=-9, high=9, dtype=_dtype), A(3, low=-9, high=9, seed=1, dtype=_dtype))
    S(_name, A(3, dtype="int32"), 5)
    S(_name, 5, A(3, dtype="int32"), options=FUNCTION)
    S(_name, A(3, dtype="bool"), A(3, dtype="int64"))
    R(_name, A(3), 1)
    R(_name, A(3, dtype="int64"), 1.5)
    R(_name, 2, 3)
    R(_name, A(3, dtype="int64"), A(4, dtype="int64"))
for _dtype in ("bool", "int64", "uint8"):
    S("bitwise_not", A(3, dtype=_dtype))
R("bitwise_not", A(3))
SHIFTS = T(np.array([[0], [1], [3], [31], [32], [64], [-1]]), grad=False)
for _name in ("bitwise_left_shift", "bitwise_right_shift"):
    S(_name, A(4, low=-9, high=9, dtype="int64"), SHIFTS)
    S(_name, A(4, low=-9, high=9, dtype="int32"), T(SHIFTS.data.astype(np.int32), grad=False))
    S(_name, A(4, low=0, high=200, dtype="uint8"), 3)
    S(_name, A(4, low=-9, high=9, dtype="int8"), A(4, low=0, high=9, dtype="int8"))
    S(_name, 3, A(4, low=0, dtype="int64"), options=FUNCTION)
    R(_name, A(3), 1)
for _name in ("gcd", "lcm"):
    S(_name, T(np.array([12, -18, 0, 7, 0]), grad=False), T(np.array([[18], [0], [-5]]), grad=False))
    S(_name, A(4, low=-99, high=99, dtype="int32"), A(4, low=-99, high=99, seed=1, dtype="int32"))
    S(_name, A(4, low=0, high=99, dtype="uint8"), A(4, low=1, high=99, seed=1, dtype="int64"))
    R(_name, A(3), A(3))
    R(_name, A(3, dtype="bool"), A(3, dtype="bool"))
    R(_name, A(3, dtype="int64"), 4)

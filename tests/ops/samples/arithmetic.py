"""Sums, products, quotients, remainders, powers."""

from __future__ import annotations

import numpy as np

from ...oracle import A, T
from . import R, S

FUNCTION = {"method": False, "inplace": False}
NO_GRAD = {"grad": False}
WIDER = {"inplace": False}  # in place torch sums the gradient of a double in float32
ZERO = T(np.array([0.0, -0.0, 1.0, -2.0], np.float32))
EDGES = T(np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan, 1e30], np.float32), grad=False)
INTS = T(np.array([-7, -4, -1, 1, 4, 7, 0], np.int64), grad=False)
DIVISORS = T(np.array([[3], [-3], [1], [-1], [2]], np.int64), grad=False)
POSITIVE = A(2, 3, low=0.5, high=3.0)
DTYPES = ("float64", "int32", "uint8", "int8", "complex64", "float16", "bfloat16")

for _name in ("add", "mul"):
    for _dtype in DTYPES:
        S(_name, A(2, 3, dtype=_dtype), A(3, seed=1, dtype=_dtype))
    S(_name, A(2, 3), A(2, 3, seed=1))
    S(_name, A(2, 3), A(3, seed=1, dtype="float64"), options=WIDER)
    S(_name, A(2, 3), A(3, seed=1, dtype="float16"))
    S(_name, A(2, 3), A(3, seed=1, dtype="int64"))
    S(_name, A(2, 3), A(3, seed=1, dtype="complex64"))
    S(_name, A(2, 3, dtype="int32"), 2.5)
    S(_name, A(2, 3, dtype="bool"), A(3, seed=1, dtype="bool"))
    S(_name, A(2, 3, dtype="bool"), 2)
    S(_name, A(0, 3), A(3, seed=1))
    S(_name, A(), A(2, seed=1))
    S(_name, A(3, dtype="float16"), A(dtype="float64"))
    S(_name, A(2, 3), 2)
    S(_name, A(2, 3), 1 + 2j)
    S(_name, A(2, 3), True)
    S(_name, 3, A(2, 3), options=FUNCTION)
    S(_name, A(3, dtype="int8"), 300)
    S(_name, T(np.array([2**31 - 1, -(2**31)], np.int32), grad=False), T(np.array([1, -1], np.int32), grad=False))
    R(_name, A(2, 3), A(4))
    R(_name, A(2, 3), "a")
    R(_name, A(2, 3), None)

for _name in ("sub", "subtract"):
    S(_name, A(2, 3), A(3, seed=1))
    S(_name, A(2, 3), A(3, seed=1), alpha=2.5)
    S(_name, A(2, 3, dtype="uint8"), 3)
S("sub", A(2, 3, dtype="complex64"), A(2, 3, seed=1), alpha=1 + 2j)
S("sub", 3, A(2, 3), options=FUNCTION)
S("add", A(2, 3), A(3, seed=1), alpha=2)
S("add", A(2, 3, dtype="int64"), A(3, seed=1, dtype="int64"), alpha=3)
S("add", A(3, dtype="bool"), A(3, seed=1, dtype="bool"), alpha=2)
S("multiply", A(2, 3), A(3, seed=1))
S("rsub", A(2, 3), A(3, seed=1))
S("rsub", A(2, 3), 2, alpha=3)
R("add", A(2, dtype="int64"), A(2, dtype="int64"), alpha=2.5)
R("add", A(2), A(2), alpha=1j)
R("add", A(2), A(2), alpha=True)
R("sub", A(2, dtype="bool"), A(2, dtype="bool"))
R("sub", A(2, dtype="bool"), 1)
R("sub", A(2), True)
R("sub", 1, A(2, dtype="bool"))
R("rsub", A(2, dtype="bool"), 1)

for _name in ("neg", "negative"):
    S(_name, A(2, 3))
    S(_name, EDGES)
    S(_name, A(2, 3, dtype="uint8"))
    S(_name, A(2, dtype="complex64"))
    R(_name, A(2, dtype="bool"))
S("positive", A(2, 3))
R("positive", A(2, dtype="bool"))

S("addcmul", A(2, 3), A(3, seed=1), A(2, 1, seed=2), value=0.5)
S("addcmul", A(2, 3), A(3, seed=1, dtype="float64"), A(2, 1, seed=2), options=WIDER)
S("addcmul", A(3, dtype="int64"), A(3, seed=1, dtype="int64"), A(3, seed=2, dtype="int64"), value=2)
S("addcmul", A(3, dtype="complex64"), A(3, seed=1, dtype="complex64"), A(3, seed=2, dtype="complex64"), value=1j)
S("addcdiv", A(2, 3), A(3, seed=1), A(2, 1, seed=2, low=1), value=0.5)
S("addcdiv", A(3, dtype="complex64"), A(3, seed=1, dtype="complex64"), A(3, seed=2, low=1, dtype="complex64"))
R("addcdiv", A(3, dtype="int64"), A(3, dtype="int64"), A(3, low=1, dtype="int64"))
R("addcdiv", A(3), A(3, dtype="int64"), A(3, low=1, dtype="int64"))
R("addcmul", A(3), 2, A(3))

# ------------------------------------------------------------------------------------------------------------ quotients
for _name in ("div", "divide", "true_divide"):
    S(_name, A(2, 3), A(3, seed=1, low=0.5))
    S(_name, A(2, 3, dtype="int64"), A(3, seed=1, low=1, dtype="int32"))
    S(_name, A(2, 3, dtype="complex64"), A(3, seed=1, low=0.5, dtype="complex64"))
    S(_name, A(2, 3), 3)
    S(_name, 2, POSITIVE, options=FUNCTION)
    S(_name, EDGES, T(EDGES.data[:, None], grad=False))
for _mode in ("floor", "trunc", None):
    S("div", A(2, 3), A(3, seed=1, low=0.5), rounding_mode=_mode)
    S("div", A(2, 3, dtype="float64"), 0.7, rounding_mode=_mode)
    S("div", INTS, DIVISORS, rounding_mode=_mode)
    S("div", A(3, high=9, dtype="uint8"), 2, rounding_mode=_mode)
    S("div", EDGES, T(EDGES.data[:, None], grad=False), rounding_mode=_mode)
R("div", A(3), A(3), rounding_mode="up")
R("div", A(3, dtype="complex64"), 2, rounding_mode="floor")
R("div", A(3, dtype="int64"), 0, rounding_mode="trunc")
R("true_divide", A(2), A(2), rounding_mode="floor")

S("floor_divide", A(2, 3), A(3, seed=1, low=0.5), options=NO_GRAD)
S("floor_divide", INTS, DIVISORS)
S("floor_divide", INTS, -2)
S("floor_divide", 7, DIVISORS, options=FUNCTION)
S("floor_divide", A(3, high=9, dtype="uint8"), T(np.array([3, 4, 200], np.uint8), grad=False))
S("floor_divide", T(np.array([-(2**31), 5], np.int32), grad=False), -1)
S("floor_divide", EDGES, T(EDGES.data[:, None], grad=False))
S("floor_divide", A(4, dtype="float16", low=-9, high=9), 2.0, options=NO_GRAD)
for _name in ("floor_divide", "remainder", "fmod"):
    R(_name, INTS, 0)
    R(_name, INTS, T(np.array([0, 1, 1, 1, 1, 1, 1]), grad=False))
    R(_name, A(3, dtype="bool"), A(3, dtype="bool"))
    R(_name, A(3, dtype="complex64"), 2)
for _name in ("remainder", "fmod"):
    S(_name, A(2, 3, low=-9, high=9), A(3, seed=1, low=0.5))
    S(_name, A(2, 3, low=-9, high=9, dtype="float64"), -1.3)
    S(_name, INTS, DIVISORS)
    S(_name, INTS, 3)
    S(_name, INTS, -2.5)
    S(_name, A(3, high=9, dtype="uint8"), 4)
    S(_name, EDGES, T(EDGES.data[:, None], grad=False))
    S(_name, T(np.array([-128, 127], np.int8), grad=False), -1)
S("remainder", 7, DIVISORS, options=FUNCTION)

S("reciprocal", POSITIVE)
S("reciprocal", A(3, low=0.5, dtype="complex64"))
S("reciprocal", A(3, low=1, dtype="int64"))
S("reciprocal", EDGES)

# --------------------------------------------------------------------------------------------------------------- powers
for _exponent in (0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 1.5, 2.5):
    S("pow", POSITIVE, _exponent)
    S("pow", A(2, 3, low=0.5, high=2, dtype="complex64"), _exponent, options={"rtol": 1e-4, "grad_rtol": 1e-4})
    S("pow", EDGES, _exponent)
for _exponent in (0, 1, 2, 3):
    S("pow", A(2, 3, dtype="int64"), _exponent)
    S("pow", ZERO, _exponent)
S("pow", A(2, 3, low=1, dtype="int64"), 0.5)
S("pow", A(2, 3, dtype="bool"), 2)
S("pow", A(3, low=0, high=9, dtype="uint8"), 3)
S("pow", POSITIVE, A(3, seed=1))
S("pow", POSITIVE, A(2, 3, dtype="int64"))
S("pow", A(2, 3), T(np.array([2.0, 3.0, 2.0], np.float32), grad=False))
S("pow", ZERO, T(np.array([[0.0], [1.0], [2.0]], np.float32)), options={"second": False})
S("pow", EDGES, T(EDGES.data[:, None], grad=False))
S("pow", INTS, T(np.array([[0], [1], [2], [3], [-1], [-2]]), grad=False))
S("pow", 2, A(2, 3), options=FUNCTION)
S("pow", 2.5, A(2, 3, dtype="float64"), options=FUNCTION)
S("pow", 0, T(np.array([0.0, 1.0, 2.0], np.float32)), options=FUNCTION | {"second": False})
S("pow", 2, A(3, low=0, dtype="int64"), options=FUNCTION)
S("pow", A(3, low=0.5, dtype="complex64"), A(3, seed=1, dtype="complex64"), options={"rtol": 1e-4, "grad_rtol": 1e-4})
R("pow", INTS, -1)
R("pow", 2, 3)
R("remainder", 2, 3)
R("float_power", 2, 3)
R("pow", A(3), "a")
S("float_power", POSITIVE, 2)
S("float_power", A(3, low=1, dtype="int64"), A(3))
S("float_power", 2, A(3), options=FUNCTION)
R("Tensor.float_power_", A(3, grad=False), 2)

for _name, _low in (("square", -2.0), ("sqrt", 0.5), ("rsqrt", 0.5)):
    S(_name, A(2, 3, low=_low))
    S(_name, A(2, 3, low=_low, dtype="float64"))
    S(_name, A(2, 3, low=0.5, dtype="complex64"))
    S(_name, A(2, 3, low=1, dtype="int32"))
    S(_name, EDGES)
    S(_name, A(0))
    S(_name, A(3, low=0.5, dtype="float16"))
    S(_name, A(3, dtype="bool"))
S("sqrt", ZERO, options={"second": False})

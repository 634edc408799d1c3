"""Reductions: sums, products, moments, extrema, logical reductions, norms, softmax."""

import numpy as np

from ...oracle import A, D, T
from . import R, S

nan, inf = float("nan"), float("inf")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64")
FLOATS = ("float32", "float64", "float16", "bfloat16")


def V(*values, dtype="float32", grad=None):
    return T(np.array(values, dtype=dtype), grad=grad)


HOLES = T(np.array([[1.0, nan, 3.0], [nan, nan, 2.0]], dtype=np.float32))
ZEROS = T(np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 2.0], [1.0, 2.0, -4.0]], dtype=np.float32))
TIES = T(np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], dtype=np.float32))

# --------------------------------------------------------------------------------------------------------------- sums
for name in ("sum", "nansum"):
    for dtype in DTYPES[: 10 if name == "nansum" else None]:
        S(name, A(3, 4, dtype=dtype))
        S(name, A(3, 4, dtype=dtype), 1)
    S(name, A(2, 3, 4), (0, -1))
    S(name, A(2, 3, 4), (0, 2), True)
    S(name, A(2, 3, 4), [1], keepdim=True)
    S(name, A(2, 3), dim=())
    S(name, A(2, 3), axis=1, keepdims=True)
    S(name, A())
    S(name, A(), 0)
    S(name, A(0))
    S(name, A(0, 3), 0)
    S(name, A(0, 3), 1)
    S(name, A(2, 3, dtype="int8", low=100, high=120))
    S(name, A(2, 3), dtype=D("float64"))
    S(name, A(2, 3, dtype="int32"), 0, dtype=D("float32"))
    S(name, A(2, 3, grad=False), 0, dtype=D("int32"))
    R(name, A(2, 3), 2)
    R(name, A(2, 3), (0, 0))
    R(name, A(2, 3), (0, -2))
    R(name, A(2, 3), "a")
S("sum", HOLES)
S("nansum", HOLES, 1)
S("nansum", HOLES)
S("sum", V(inf, -inf, 1))
S("sum", A(4096, dtype="float16", low=0.9, high=1.0), options={"rtol": 1e-3})
R("nansum", A(2, dtype="complex64"))

for name in ("mean", "nanmean"):
    for dtype in FLOATS:
        S(name, A(3, 4, dtype=dtype))
        S(name, A(3, 4, dtype=dtype), 0)
    S(name, A(2, 3, 4), (0, 2), True)
    S(name, A(2, 3, 4), -1, keepdim=True)
    S(name, A(2, 3), axis=0)
    S(name, A())
    S(name, A(), -1)
    S(name, A(0))
    S(name, A(2, 0), 1)
    S(name, A(2, 3), dtype=D("float64"))
    S(name, HOLES)
    S(name, HOLES, 0)
    R(name, A(2, dtype="int64"))
    R(name, A(2, dtype="bool"))
    R(name, A(2), 3)
S("mean", A(2, 3, dtype="complex64"), 0)
S("mean", A(2, 3, dtype="int64"), dtype=D("float32"))
R("mean", A(2), dtype=D("int32"))

for dtype in DTYPES:
    S("prod", A(2, 3, dtype=dtype))
    S("prod", A(2, 3, dtype=dtype), 1)
S("prod", A(2, 3), 0, True)
S("prod", A(2, 3), -1, keepdim=True, dtype=D("float64"))
S("prod", A())
S("prod", A(), 0)
S("prod", A(0))
S("prod", A(0, 2), 0)
S("prod", ZEROS)
S("prod", ZEROS, 0)
S("prod", ZEROS, 1)
S("prod", V(0, 2, 3))
R("prod", A(2, 3), (0, 1))
R("prod", A(2, 3), 2)

for dtype in ("float32", "float64", "float16", "int8", "complex64"):
    S("trace", A(3, 3, dtype=dtype))
S("trace", A(2, 4))
S("trace", A(4, 2))
S("trace", A(0, 3))
R("trace", A(3))
R("trace", A(3, 3, dtype="bool"))
R("trace", A(3, 3, 3))

# ------------------------------------------------------------------------------------------------------------ logical
for name in ("all", "any"):
    for dtype in DTYPES:
        S(name, A(3, 4, dtype=dtype))
        S(name, A(3, 4, dtype=dtype), 1)
    S(name, ZEROS, 0, True)
    S(name, ZEROS, (0, 1))
    S(name, ZEROS, dim=())
    S(name, ZEROS, axis=1)
    S(name, A(0))
    S(name, A(0, 2), 0)
    S(name, A())
    S(name, A(), 0)
    S(name, HOLES)
    R(name, ZEROS, 2)
    R(name, ZEROS, (0, 0))
for dtype in DTYPES:
    S("count_nonzero", A(3, 4, dtype=dtype))
S("count_nonzero", ZEROS, 0)
S("count_nonzero", ZEROS, (0, 1))
S("count_nonzero", ZEROS, dim=-1)
S("count_nonzero", A(0, 2), 0)
S("count_nonzero", A())
R("count_nonzero", ZEROS, 2)

# ------------------------------------------------------------------------------------------------------------ moments
for name in ("var", "std", "var_mean", "std_mean"):
    for dtype in (*FLOATS, "complex64"):
        S(
            name,
            A(3, 4, dtype=dtype),
            options={"rtol": 4e-3 if dtype == "float16" else None, "grad": dtype != "bfloat16"},
        )
    S(name, A(3, 4), 1)
    S(name, A(3, 4), (0, 1), True)
    S(name, A(3, 4), False)
    S(name, A(3, 4), 0, False)
    S(name, A(3, 4), 0, False, True)
    S(name, A(3, 4), unbiased=False)
    S(name, A(3, 4), dim=1, correction=0)
    S(name, A(3, 4), correction=2, keepdim=True)
    S(name, A(3, 4), dim=None, correction=1)
    S(name, A(2, 3, 4), (0, -1), correction=0.5)
    S(name, A(3, 4, grad=False), dim=())
    S(name, A(3, 4), axis=0)
    S(name, A(1), options={"second": False})
    S(name, A(3, 1), 1)
    S(name, A(), options={"second": False})
    S(name, A(0))
    S(name, A(2), correction=3, options={"second": False})
    S(name, A(2, 2), 1, correction=3, options={"second": False})
    S(name, T(np.full((4,), 3.0, np.float32)))
    S(name, T(np.full((2, 3), 2.0, np.float32)), 1, correction=0)
    R(name, A(2, dtype="int64"))
    R(name, A(2), 2)
    R(name, A(2, 2), (0, 0))
    R(name, A(2), unbiased=True, correction=1)
S("var", T(np.array([1e4 + 1, 1e4 + 2, 1e4 + 3], np.float32)))

# ------------------------------------------------------------------------------------------------------------ extrema
REALS = DTYPES[:10]
for name in ("amax", "amin", "max", "min"):
    for dtype in REALS:
        S(name, A(3, 4, dtype=dtype))
        S(name, A(3, 4, dtype=dtype, seed=3) if dtype != "bool" else V(True, False, dtype="bool"), 0)
    S(name, A(3, 4), -1, True)
    S(name, A(3, 4), dim=0, keepdim=True)
    S(name, A(3, 4), axis=1)
    S(name, TIES)
    S(name, TIES, 1)
    S(name, HOLES, options={"second": False})
    S(name, HOLES, 0, options={"second": False})
    S(name, HOLES, 1, options={"second": False})
    S(name, V(inf, -inf, 2))
    S(name, A())
    S(name, A(), 0)
    S(name, A(0, 3), 1)
    R(name, A(0))
    R(name, A(0, 3), 0)
    R(name, A(2, 3), 2)
    R(name, A(2, dtype="complex64"))
for name in ("amax", "amin"):
    S(name, A(2, 3, 4), (0, 2))
    S(name, A(2, 3, 4), (0, -1), True)
    S(name, A(2, 3), dim=())
    S(name, A(2, 3), keepdim=True)
    R(name, A(2, 3), (1, 1))
for name in ("max", "min"):
    S(name, A(3, 4), A(4))
    S(name, A(3, 4), other=A(3, 1))
    S(name, A(3, dtype="int64"), A(3))
    R(name, A(2, 3), keepdim=True)
    R(name, A(2, 3), (0, 1))
for dtype in REALS:
    S("aminmax", A(3, 4, dtype=dtype))
S("aminmax", TIES, dim=1)
S("aminmax", TIES, dim=-2, keepdim=True)
S("aminmax", HOLES, dim=0, options={"second": False})
S("aminmax", A())
S("aminmax", A(), dim=0)
R("aminmax", A(0))
R("aminmax", A(0, 2), dim=0)
R("aminmax", A(2, 2), dim=2)
for name in ("argmax", "argmin"):
    for dtype in REALS[:-1]:
        S(name, A(3, 4, dtype=dtype))
        S(name, A(3, 4, dtype=dtype), 1)
    S(name, TIES, 1)
    S(name, TIES)
    S(name, TIES, 0, True)
    S(name, TIES, keepdim=True)
    S(name, TIES, dim=-1, keepdim=True)
    S(name, TIES, axis=0)
    S(name, HOLES)
    S(name, HOLES, 0)
    S(name, A())
    S(name, A(), 0)
    S(name, A(0, 3), 1)
    R(name, A(0))
    R(name, A(0, 3), 0)
    R(name, V(True, False, dtype="bool"))
    R(name, A(2), 2)

# -------------------------------------------------------------------------------------------------------------- norms
for dtype in (*FLOATS, "complex64"):
    S("norm", A(3, 4, dtype=dtype))
for p in (0, 0.5, 1, 1.5, 2, 3, 4.5, inf, -inf, -1, "fro", None):
    S("norm", A(3, 4), p, options={"second": p not in (-inf, inf)})
    S("norm", A(2, 3, dtype="float64"), p, 1, options={"second": p not in (-inf, inf)})
    if p not in (-1, "fro", None):
        S("norm", ZEROS, p, options={"second": False})
        S("norm", T(np.zeros((2, 3), np.float32)), p, 0, options={"second": False})
S("norm", A(3, 4, dtype="complex64"), 1)
S("norm", A(3, 4, dtype="complex64"), 3, 0)
S("norm", A(2, 3, 4), 2, (0, 1))
S("norm", A(2, 3, 4), "fro", (0, -1), True)
S("norm", A(2, 3, 4), dim=1, keepdim=True)
S("norm", A(2, 3), dim=())
S("norm", A(2, 3), dtype=D("float64"))
S("norm", A(2, 3), 1, 0, dtype=D("float64"))
S("norm", A())
S("norm", A(0))
S("norm", A(0, 2), 2, 0)
S("norm", TIES, inf)
S("norm", TIES, inf, 1)
S("norm", HOLES)
R("norm", A(2, dtype="int64"))
R("norm", A(2, 3), "foo")
R("norm", A(2, 3, 4), "fro", (0, 1, 2))
R("norm", A(0), inf)
R("norm", A(2), 2, 3)
S("norm", A(3, 4), "nuc", options={"second": False})
R("norm", A(3), "nuc")
for p in (0, 1, 2, 3.5, inf):
    S("dist", A(3, 4), A(3, 4, seed=5), p, options={"grad": p != 0})
S("dist", A(3, 4), A(4))
S("dist", A(2, dtype="float64"), A(2, seed=9))
S("dist", A(3), A(3), options={"second": False})
for p in (1, 2, 3, inf):
    S("renorm", A(3, 4), p, 0, 1.0)
    S("renorm", A(2, 3, 2), p, -1, 2)
S("renorm", ZEROS, 2, 0, 1.5)
S("renorm", A(3, 2, dtype="float64"), 2, 1, 0.5)
S("renorm", A(3, 2), 2, 0, 100.0)
R("renorm", A(3), 2, 0, 1.0)
R("renorm", A(3, 2), -1, 0, 1.0)
R("renorm", A(3, 2), 2, 0, -1.0)
R("renorm", A(3, 2), 2, 2, 1.0)

# ------------------------------------------------------------------------------------------------------------ softmax
for name in ("softmax", "log_softmax", "special.softmax", "special.log_softmax"):
    for dtype in FLOATS:
        S(name, A(3, 4, dtype=dtype), 1)
    S(name, A(2, 3, 4), 0)
    S(name, A(2, 3, 4), -2)
    S(name, A(3), dim=0)
    S(name, A(), 0)
    S(name, A(), -1)
    S(name, A(0, 3), 1)
    S(name, A(0, 3), 0)
    S(name, A(2, 3), 1, dtype=D("float64"))
    S(name, A(2, 3, dtype="float16"), 1, dtype=D("float32"))
    S(name, A(2, 3, dtype="int64"), 1, dtype=D("float32"))
    S(name, V(1000.0, 1000.5, 999.0), 0)
    S(name, V(-inf, 1.0, 2.0), 0)
    S(name, V(-inf, -inf), 0)
    S(name, V(nan, 1.0), 0)
    S(name, T(np.array([[1.0, -inf], [2.0, 3.0]], np.float32)), 0, options={"second": False})
    R(name, A(2, 3), 2)
    R(name, A(2, 3, dtype="int64"), 1)
    R(name, A(2, 3, dtype="bool"), 0)
for name in ("logsumexp", "special.logsumexp"):
    for dtype in FLOATS:
        S(name, A(3, 4, dtype=dtype), 1)
    S(name, A(2, 3, 4), (0, 2))
    S(name, A(2, 3, 4), (0, -1), True)
    S(name, A(2, 3), dim=0, keepdim=True)
    S(name, A(2, 3, dtype="int64"), 0)
    S(name, A(2, 3, dtype="bool"), 0)
    S(name, A(), 0)
    S(name, A(0), 0)
    S(name, A(0, 2), 0)
    S(name, A(0, 2), 1)
    S(name, V(1000.0, 1000.5), 0)
    S(name, V(-inf, 1.0), 0, options={"second": False})
    S(name, V(-inf, -inf), 0, options={"second": False})
    S(name, V(inf, 1.0), 0, options={"second": False})
    S(name, V(-inf, 1.0, dtype="float64"), 0, options={"second": False})
    S(name, V(nan, 1.0), 0)
    R(name, A(2, 3), 2)
    R(name, A(2, 3), (0, 0))

for name in ("argmax", "argmin"):
    S(name, A(), 0, True)


# ------------------------------------------------------------------------------------------------------ arguments left empty
for name in ("max", "min"):
    R(name, A(3), None)
    R(name, A(3), dim=None)
    R(name, A(3), other=None)
R("norm", A(1, 5, 5), "nuc")
R("norm", A(5), "nuc")
for shape, dim in (((0, 5, 5), 2), ((5, 0, 5), 2), ((5, 0), 0)):
    R("renorm", A(*shape), inf, dim, 1)
S("renorm", A(0, 5, 5, grad=False), inf, 0, 1)
for name in ("softmax", "log_softmax"):
    for dtype in ("int64", "bool"):
        R(name, A(3, 2, dtype=dtype), 1)
        R(name, A(dtype=dtype), 0)
        R(name, A(5, 0, dtype=dtype), 3)
        S(name, A(5, 0, dtype=dtype), 1)

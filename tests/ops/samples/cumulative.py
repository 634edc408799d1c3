"""Running sums, products and extrema; differences and integrals."""

import numpy as np

from ...oracle import A, D, T
from . import R, S

nan, inf = float("nan"), float("inf")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64")
ZEROS = T(np.array([[1.0, 0.0, 3.0, 2.0], [0.0, 2.0, 0.0, 2.0], [1.0, 2.0, -4.0, 0.0]], dtype=np.float32))
HOLES = T(np.array([[1.0, 3.0, nan, 3.0, nan], [nan, nan, 2.0, 2.0, 1.0]], dtype=np.float32))


def V(*values, dtype="float32", grad=None):
    return T(np.array(values, dtype=dtype), grad=grad)


for name in ("cumsum", "cumprod"):
    for dtype in DTYPES:
        S(name, A(3, 4, dtype=dtype), 1)
    S(name, A(2, 3, 4), 0)
    S(name, A(2, 3, 4), -2)
    S(name, A(3), dim=0)
    S(name, A(3), axis=0)
    S(name, A(2, 3), 1, dtype=D("float64"))
    S(name, A(2, 3, dtype="int32"), 1, dtype=D("float32"))
    S(name, A(2, 3, dtype="int32"), 1, dtype=D("int32"))
    S(name, A(2, 3, grad=False), 1, dtype=D("int64"))
    S(name, A(), 0)
    S(name, A(0), 0)
    S(name, A(2, 0), 1)
    S(name, A(2, 0), 0)
    S(name, ZEROS, 0)
    S(name, ZEROS, 1)
    S(name, V(1, inf, nan, 2), 0, options={"second": name == "cumsum", "grad": name == "cumsum"})
    R(name, A(3), 1)
    R(name, A(3))
S("cumsum", A(3000, dtype="float16", low=0, high=1), 0)
S("cumprod", A(7, dtype="float64"), 0)
for dtype in DTYPES[:4]:
    S("logcumsumexp", A(3, 4, dtype=dtype), 1)
S("logcumsumexp", A(2, 3, 4), 0)
S("logcumsumexp", A(2, 9, dtype="float64"), -1)
S("logcumsumexp", A(), 0)
S("logcumsumexp", A(0), 0)
S("logcumsumexp", V(-inf, 1, 2), 0, options={"second": False})
S("logcumsumexp", V(-inf, 1, 2, dtype="float64"), 0, options={"second": False})
S("logcumsumexp", V(1000, 1, 2000), 0)
R("logcumsumexp", A(2, dtype="int64"), 0)
R("logcumsumexp", A(2), 1)
for name in ("cummax", "cummin"):
    for dtype in DTYPES[:10]:
        S(name, A(3, 6, dtype=dtype), 1)
    S(name, A(3, 4, 2), 0)
    S(name, A(3, 4, 2), dim=-2)
    S(name, ZEROS, 1)
    S(name, HOLES, 0)
    S(name, HOLES, 1)
    S(name, V(1, 3, 3, 2, inf, inf, -inf, -inf), 0)
    S(name, A(), 0)
    S(name, A(0), 0)
    S(name, A(2, 0), 0)
    R(name, A(2), 1)
    R(name, A(2, dtype="complex64"), 0)

for dtype in DTYPES:
    S("diff", A(3, 4, dtype=dtype))
S("diff", A(3, 4), 2)
S("diff", A(3, 4), n=3, dim=0)
S("diff", A(3, 4), n=5)
S("diff", A(3, 4), n=0)
S("diff", A(3, 4), 1, 0, A(1, 4, seed=3))
S("diff", A(3, 4), append=A(3, 2, seed=3), prepend=A(3, 1))
S("diff", A(3, dtype="int64"), prepend=A(1))
S("diff", A(0))
R("diff", A())
R("diff", A(3), -1)
R("diff", A(3), 1, 2)
R("diff", A(3), prepend=A(1, 1))
for name in ("trapezoid", "trapz"):
    for dtype in DTYPES[:9]:
        S(name, A(3, 4, dtype=dtype))
    S(name, A(3, 4), dx=0.5)
    S(name, A(3, 4), dx=2, dim=0)
    S(name, A(3, 4), A(4, seed=2))
    S(name, A(3, 4), A(3, 4, seed=2))
    S(name, A(3, 4), A(3, seed=2), dim=0)
    S(name, A(3, 4, dtype="int64"), A(4, dtype="int64", seed=1))
    S(name, A(0, grad=False))
    S(name, A(3, 1))
    S(name, A(0, 3))
    R(name, A(3), A(2))
    R(name, A(3), dim=1)
    R(name, A(3), A(3), dx=2)
S("cumulative_trapezoid", A(3, 4))
S("cumulative_trapezoid", A(3, 4, dtype="int32"))
S("cumulative_trapezoid", A(3, 4), dx=0.5, dim=0)
S("cumulative_trapezoid", A(3, 4), A(4, seed=2))
S("cumulative_trapezoid", A(3, 4), A(3, 4, seed=2), dim=0)
S("cumulative_trapezoid", A(0))
R("cumulative_trapezoid", A(3), A(2))
for dtype in ("float32", "float64", "float16", "complex64"):
    S("gradient", A(4, 5, dtype=dtype))
S("gradient", A(4, 5, dtype="int64"))
S("gradient", A(4, 5), spacing=0.5)
S("gradient", A(4, 5), spacing=2, dim=1)
S("gradient", A(4, 5), dim=(1, 0))
S("gradient", A(4, 5), spacing=[2.0, 0.5])
S("gradient", A(4, 5), edge_order=2)
S("gradient", A(4, 5), spacing=3, edge_order=2, dim=0)
S("gradient", A(4, 5), spacing=(V(0, 1, 3, 7), V(0, 2, 3, 5, 9)))
S("gradient", A(4, 5), spacing=(V(0, 1, 3, 7, grad=False),), dim=0, edge_order=2)
S("gradient", A(2))
S("gradient", A(3), edge_order=2)
R("gradient", A(1))
R("gradient", A(2), edge_order=2)
R("gradient", A(4), edge_order=3)
R("gradient", A(4, 4), spacing=[1.0, 2.0, 3.0])
R("gradient", A(4), dim=1)
R("gradient", A(4), spacing=(V(1, 2),))

S("diff", A(4, 3), 0, 0, A(1, 3, seed=1), A(2, 3, seed=2))
S("gradient", A(4, 3), spacing=None)


# --------------------------------------------------------------------------------------------- arguments that do not fit together
for name in ("trapezoid", "cumulative_trapezoid"):
    R(name, A(2, 3), None)
    R(name, A(2, 3), x=None)
    R(name, A(2, 3), dx=None)
    R(name, A(2, 3, dtype="bool"))
    R(name, A(2, 3, dtype="bool"), A(2, 3))
    R(name, A(2, 3), A(2, 3, dtype="bool"))
    R(name, A(2, 3), A(1, 2, 3))
    R(name, A(3, 3), A(2, 3, 3), dim=0)
    R(name, A(2, 3), A(2, 4))
    R(name, A(2, 3), A(4))
    R(name, A(2, 3), A())
    R(name, A())
    R(name, A(0, 3), A(4))
    S(name, A(2, 3), A(1, 2, 3), dim=0)
    S(name, A(2, 5, 3), A(5, 3), dim=1)
    S(name, A(2, 2), A())
R("trapz", A(2, 3), None)
R("cumulative_trapezoid", A(3, 0), A(4))
R("cumulative_trapezoid", A(0, 5), A(5, 5), dim=0)
S("trapezoid", A(2, 0, dtype="bool"))
S("trapezoid", A(0, 3, grad=False), A(5, grad=False), dim=0)

R("diff", A(3, 3), 1, 1, A(2, 3))
R("diff", A(3, 3), 1, 1, A(3, 2), A(2, 3))
R("diff", A(3, 3), 0, 1, A(2, 3))
R("diff", A(0, 3), 1, 1, A(3, 3))
S("diff", A(3), 0, 2)
S("diff", A(3, 3, dtype="int64"), 0, 1, A(3, 3, grad=False))
S("diff", A(3, 3), 0, 1, A(3, 3, dtype="float64", grad=False))

R("gradient", A(5, dtype="bool"))
R("gradient", A(5, dtype="bool"), edge_order=2)
R("gradient", A(5, dtype="bool"), spacing=[A(5)])
S("gradient", A(5, dtype="bool"), spacing=[A(5, grad=False)], edge_order=2)
R("gradient", A(5), spacing=[A(5, dtype="bool")])
for n in (0, 1, 2, 6):
    R("gradient", A(4, 3), spacing=[A(n)], dim=0)
R("gradient", A(3), spacing=[A(0)])
R("gradient", A(4), spacing=[A(4, 1)])
R("gradient", A(4), spacing=[A()])
R("gradient", A(4, 4), spacing=[A(4), 2])
for dtype in ("float64", "int64", "float16"):
    S("gradient", A(4), spacing=[T(np.array([0, 1, 3, 7], dtype), grad=False)])
    S(
        "gradient",
        T(np.arange(4).astype(dtype), grad=False),
        spacing=[T(np.array([0.0, 1, 3, 7], "float32"), grad=False)],
    )
for order in (1, 2):
    S("gradient", A(4), spacing=[T(np.array([0.0, 1, 3]), grad=False)], edge_order=order)

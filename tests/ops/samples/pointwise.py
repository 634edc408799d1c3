"""Exponentials, logarithms, trigonometry, absolute values, rounding."""

from __future__ import annotations

import numpy as np

from ...oracle import A, T
from . import R, S

nan, inf = float("nan"), float("inf")
EDGES = T(np.array([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.5, -3.5, inf, -inf, nan], np.float32), grad=False)
DOUBLE = T(EDGES.data.astype(np.float64), grad=False)
PAIR = (EDGES, T(EDGES.data[:, None], grad=False))
NO_SECOND = {"second": False}

# name: (lowest argument, highest argument, complex numbers too)
SMOOTH = {
    "exp": (-2, 2, True),
    "exp2": (-2, 2, True),
    "expm1": (-2, 2, True),
    "sigmoid": (-3, 3, True),
    "logit": (0.1, 0.9, False),
    "log": (0.2, 3, True),
    "log2": (0.2, 3, True),
    "log10": (0.2, 3, True),
    "log1p": (-0.5, 3, True),
    "sin": (-4, 4, True),
    "cos": (-4, 4, True),
    "tan": (-1.2, 1.2, True),
    "asin": (-0.9, 0.9, True),
    "acos": (-0.9, 0.9, True),
    "atan": (-3, 3, True),
    "sinh": (-2, 2, True),
    "cosh": (-2, 2, True),
    "tanh": (-2, 2, True),
    "asinh": (-3, 3, True),
    "acosh": (1.2, 4, True),
    "atanh": (-0.8, 0.8, True),
    "sinc": (-2, 2, True),
    "deg2rad": (-180, 180, False),
    "rad2deg": (-3, 3, False),
    "abs": (-2, 2, True),
    "sgn": (-2, 2, True),
    "sign": (-2, 2, False),
    "frac": (-3, 3, False),
    "ceil": (-3, 3, False),
    "floor": (-3, 3, False),
    "round": (-3, 3, False),
    "trunc": (-3, 3, False),
    "nan_to_num": (-3, 3, False),
}
WHOLE = {"abs", "sgn", "sign", "ceil", "floor", "round", "trunc", "nan_to_num"}  # integers stay what they are
ROUGH = NO_SECOND | {"grad_atol": 0.1, "grad_rtol": 0.1}
LOOSE = {"rtol": 1e-4, "grad_rtol": 1e-3, "grad_atol": 1e-4}
NO_TORCH = {"asinh", "acosh", "atanh"}  # torch has no gradient for their in-place forms
for _name, (_low, _high, _complex) in SMOOTH.items():
    _forms = {"inplace": _name not in NO_TORCH}
    S(_name, A(2, 3, low=_low, high=_high), options=_forms)
    S(_name, A(2, 3, low=_low, high=_high, dtype="float64"), options=_forms)
    S(_name, A(2, 3, low=_low, high=_high, grad=False))
    S(_name, A(4, low=_low, high=_high, dtype="float16"), options=NO_SECOND | _forms)
    S(_name, A(4, low=_low, high=_high, dtype="bfloat16"), options=ROUGH | _forms)
    S(_name, A(low=_low, high=_high), options=_forms)
    S(_name, A(0, 2), options=_forms)
    S(_name, EDGES)
    S(_name, DOUBLE)
    if _name != "frac":
        S(_name, A(2, 3, dtype="int64"))
        S(_name, A(5, low=0, dtype="uint8"))
    if _name not in (WHOLE | {"frac"}) or _name in ("sgn", "sign", "nan_to_num"):
        S(_name, A(4, dtype="bool"))
    else:
        R(_name, A(4, dtype="bool"))
    if _complex:
        S(_name, A(2, 3, low=0.2, high=1.2, dtype="complex64"), options=LOOSE | _forms)
    elif _name != "nan_to_num":
        R(_name, A(2, dtype="complex64"))
R("frac", A(2, dtype="int64"))
R("exp", 2.0)
S("abs", T(np.array([0.0, -0.0, 1.0], np.float32)))
S("abs", T(np.array([0j, 1 + 1j], np.complex64)), options=NO_SECOND)
S("sgn", T(np.array([0j, 1 + 1j, 3], np.complex64)), options=NO_SECOND)
S("sinc", T(np.array([0.0, 1.0], np.float64)), options=NO_SECOND)
S("sinc", T(np.array([1e-3, -0.02, 0.05, 1.0], np.float64)))
S("logit", A(2, 3, low=-0.5, high=1.5), 0.1)
S("logit", A(2, 3, low=-0.5, high=1.5), eps=0.2)
S("logit", A(2, 3, low=-0.5, high=1.5), options=NO_SECOND)
for _name, _alias in {
    "abs": "absolute", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "trunc": "fix",
}.items():  # fmt: skip
    S(_alias, A(2, 3, low=SMOOTH[_name][0], high=SMOOTH[_name][1]), options={"inplace": _name not in NO_TORCH})
for _name in ("exp2", "expm1", "log1p", "sinc", "round", "logit"):
    S(f"special.{_name}", A(2, 3, low=SMOOTH[_name][0], high=SMOOTH[_name][1]))
S("special.expit", A(2, 3))

for _decimals in (-2, -1, 0, 1, 3):
    S("round", A(2, 3, low=-200, high=200), decimals=_decimals)
    S("round", A(2, 3, low=-200, high=200, dtype="float64"), decimals=_decimals)
S("round", T(np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32)))
R("round", A(2, dtype="int64"), decimals=1)

S("nan_to_num", EDGES, 1.0, 2.0, -3.0)
S("nan_to_num", T(EDGES.data), nan=0.5, options=NO_SECOND)
S("nan_to_num", T(np.array([complex(nan, inf), 1 - 1j], np.complex64), grad=False), options={"inplace": False})

# --------------------------------------------------------------------------------------------------------- two operands
for _name in ("atan2", "arctan2", "hypot", "logaddexp", "logaddexp2", "copysign", "nextafter"):
    S(_name, A(2, 3), A(3, seed=1))
    S(_name, A(2, 3, dtype="float64"), A(3, seed=1, dtype="float64"))
    S(_name, A(2, 3, dtype="float64"), A(3, seed=1), options={"grad_atol": 1e-6, "grad_rtol": 1e-6})
    S(_name, *PAIR)
    S(_name, A(0, 3), A(3))
    R(_name, A(2, 3), A(4))
S("atan2", A(3, dtype="int64"), A(3, seed=1, dtype="int64"))
S("atan2", T(np.zeros(3, np.float32)), T(np.array([0.0, -0.0, 1.0], np.float32)), options=NO_SECOND)
S("copysign", A(3, dtype="int64"), A(3, seed=1, dtype="int64"))
S("copysign", A(3), -2)
S("copysign", T(np.array([0.0, -0.0, 1.0], np.float32)), -1.0, options=NO_SECOND)
S(
    "logaddexp",
    T(np.array([inf, -inf, 100.0, 1e4], np.float64), grad=False),
    T(np.array([inf, -inf, -100.0, 1e4]), grad=False),
)
R("hypot", A(2, dtype="int64"), A(2, dtype="int64"))
R("logaddexp", A(2, dtype="int64"), A(2, dtype="int64"))
R("hypot", A(2), 1.0)
S(
    "nextafter",
    T(np.array([0.0, 1.0, 2.0, 1e-45, -1.0, inf], np.float32)),
    T(np.array([1.0, 2, 2, 0, -2, 0], np.float32)),
)

S("frexp", A(2, 3, low=-9, high=9))
S("frexp", A(2, 3, low=-9, high=9, dtype="float64"))
S("frexp", A(5, low=-9, high=9, dtype="float16"))
S("frexp", T(np.array([0.0, -0.0, inf, -inf, nan, 1e-45, 1e-39, 3.0, 3e38], np.float32), grad=False))
R("frexp", A(2, dtype="int64"))
S("ldexp", A(2, 3), A(3, low=0, dtype="int64"))
S("ldexp", A(2, 3), A(3, seed=1))
S("ldexp", A(3, dtype="int64"), A(3, seed=1, dtype="int64"))
R("ldexp", A(3), 2)
S("heaviside", A(2, 3), A(3, seed=1), options={"grad": False})
S("heaviside", EDGES, T(np.float32(0.25), grad=False))
S("heaviside", A(3, dtype="int64"), A(3, seed=1, dtype="int64"))
R("heaviside", A(3), A(3, dtype="float64"))

R("ldexp", 2, A(3))


# ------------------------------------------------------------------------------------------------------------ dtypes torch has not
for base in (A(3), A(0), A(3, dtype="float64")):
    R("ldexp", base, A(dtype="bool"))
S("ldexp", A(3, dtype="int64"), A(dtype="bool"))
S("ldexp", A(3, dtype="complex64"), A(dtype="bool"))
for dtype in ("int64", "int32"):
    R("round", A(3, dtype=dtype), decimals=0)
    R("round", A(0, dtype=dtype), decimals=0)
    R("special.round", A(3, dtype=dtype))
    S("round", A(3, dtype=dtype))
S("special.round", A(3))
S("special.round", A(3), decimals=1)

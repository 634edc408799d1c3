"""maximum, minimum, clamp, where, lerp."""

from __future__ import annotations

import numpy as np

from ...oracle import A, T
from . import R, S

nan = float("nan")
TIED = T(np.array([0.0, 1.0, 2.0, -1.0, 2.0], np.float32)), T(np.array([0.0, 0.0, 3.0, -1.0, 1.0], np.float32))
HOLES = T(np.array([nan, 1.0, nan, 0.0], np.float32)), T(np.array([1.0, nan, nan, 2.0], np.float32))
METHOD_ONLY = {"method": False}

for _name in ("maximum", "minimum", "fmax", "fmin"):
    S(_name, A(2, 3), A(3, seed=1))
    S(_name, A(2, 3, dtype="float64"), A(3, seed=1, dtype="float64"))
    S(_name, *TIED)
    S(_name, *HOLES)
    S(_name, A(2, 3, dtype="int64"), A(3, seed=1))
    S(_name, A(3, dtype="bool"), A(3, seed=1, dtype="bool"))
    S(_name, A(3, dtype="uint8"), A(3, seed=1, dtype="int8"))
    S(_name, A(0, 3), A(3))
    R(_name, A(3, dtype="complex64"), A(3, dtype="complex64"))
    R(_name, A(3), 1.0)
    R(_name, A(3), A(4))

EDGE = T(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, nan], np.float32))
for _name in ("clamp", "clip"):
    for _bounds in ((-1, 1), (0, None), (None, 1.5), (1, -1), (nan, 1.0), (0, nan)):
        S(_name, A(2, 3), *_bounds)
        S(_name, EDGE, *_bounds)
    S(_name, A(2, 3, dtype="float64"), 0.1, 0.7)
    S(_name, A(2, 3, dtype="int64"), -1, 1)
    S(_name, A(2, 3, dtype="int64"), 0.5)
    S(_name, A(4, dtype="bool"), 0, 1)
    S(_name, A(2, 3), A(3, seed=1, high=0.0), A(2, 1, seed=2, low=0.0))
    S(_name, A(2, 3), A(3, seed=1))
    S(_name, A(2, 3), None, A(3, seed=1))
    S(_name, A(2, 3), A(3, seed=1), A(3, seed=2))
    S(_name, EDGE, EDGE, EDGE)
    S(_name, A(3, dtype="int64"), A(3, seed=1))
    S(_name, A(2, 3), min=0.0)
    S(_name, A(2, 3), max=0.0)
    R(_name, A(3))
    R(_name, A(3, dtype="complex64"), 1)
    R(_name, A(3), A(3), 2)
    R(_name, A(3), "a")
for _name in ("clamp_min", "clamp_max"):
    S(_name, A(2, 3), 0.3)
    S(_name, EDGE, 0.5)
    S(_name, A(2, 3), A(3, seed=1))
    S(_name, A(2, 3, dtype="int64"), 1)

MASK = A(2, 3, dtype="bool")
for _dtype in ("float32", "float64", "int64", "complex64", "bool", "float16"):
    S("where", MASK, A(2, 3, seed=1, dtype=_dtype), A(3, seed=2, dtype=_dtype), options=METHOD_ONLY)
S("where", MASK, A(3, seed=1), A(3, seed=2, dtype="int64"), options=METHOD_ONLY)
S("where", MASK, A(3, seed=1), A(3, seed=2, dtype="float64"), options=METHOD_ONLY)
S("where", MASK, A(3, seed=1), 2, options=METHOD_ONLY)
S("where", MASK, 1.5, A(3, seed=1, dtype="int64"), options=METHOD_ONLY)
S("where", MASK, 1, 2, options=METHOD_ONLY)
S("where", MASK, 1.0, 2, options=METHOD_ONLY)
S("where", A(3, seed=3, dtype="bool"), A(2, 1), A(3, seed=1), options=METHOD_ONLY)
S("where", MASK, options=METHOD_ONLY)
S("where", A(2, 3, dtype="int64"), options=METHOD_ONLY)
S("where", condition=MASK, input=A(3), other=0, options=METHOD_ONLY)
S("Tensor.where", A(2, 3), MASK, A(3, seed=1))
S("Tensor.where", A(2, 3), MASK, 0)
R("where", A(2, 3), A(2, 3), A(2, 3))
R("where", MASK, A(2, 3))
R("where", MASK, A(4), A(3))
R("where", MASK, "a", A(3))

for _weight in (0.3, 0.8, 0, 1, -0.5, 1.5):
    S("lerp", A(2, 3), A(3, seed=1), _weight)
S("lerp", A(2, 3), A(3, seed=1), A(2, 1, seed=2))
S("lerp", A(2, 3, dtype="float64"), A(3, seed=1, dtype="float64"), 0.3)
S("lerp", A(3, dtype="complex64"), A(3, seed=1, dtype="complex64"), 0.3)
R("lerp", A(3), A(3, dtype="float64"), 0.3)
R("lerp", A(3, dtype="int64"), A(3, dtype="int64"), 1)
R("lerp", A(3), A(3), A(3, dtype="float64"))

R("clamp_min", 2, A(3))
R("clamp_max", 2, A(3))

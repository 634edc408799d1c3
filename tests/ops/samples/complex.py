"""Complex numbers: parts, conjugates, polar form."""

from __future__ import annotations

import numpy as np

from ...oracle import A, T
from . import R, S

Z = A(2, 3, dtype="complex64")
NO_SECOND = {"second": False}
FUNCTION = {"method": False}  # the attribute of that name is no method

S("real", Z, options=FUNCTION)
S("real", A(2, 3), options=FUNCTION)
S("real", A(2, dtype="int64"), options=FUNCTION)
S("imag", Z, options=FUNCTION)
R("imag", A(2))
S("view_as_real", Z)
R("view_as_real", A(2))
S("view_as_complex", A(3, 2))
R("view_as_complex", A(2, 3))
R("view_as_complex", A())
R("view_as_complex", A(3, 2, dtype="int64"))
for _name in ("conj", "conj_physical", "resolve_conj", "resolve_neg"):
    S(_name, Z)
    S(_name, A(2, 3))
for _name in ("is_conj", "is_neg"):
    S(_name, Z)
    S(_name, A(2))
S("angle", Z)
S("angle", T(np.array([0j, 1 + 1j, -2], np.complex64)), options=NO_SECOND)
S("angle", A(2, 3))
S("angle", T(np.array([1.0, -1.0, 0.0, -0.0, np.nan, -np.inf], np.float32)))
S("angle", A(3, dtype="int64"))
S("angle", A(3, dtype="bool"))
S("complex", A(2, 3), A(3, seed=1))
S("complex", A(0), A(0))
S(
    "complex",
    T(np.array([1.0, np.inf, np.nan], np.float32)),
    T(np.array([np.inf, -np.inf, 0.0], np.float32)),
    options=NO_SECOND,
)
S("polar", A(2, 3, low=0.5), A(3, seed=1))
for _name in ("complex", "polar"):
    R(_name, A(2, dtype="int64"), A(2, dtype="int64"))
    R(_name, A(2), A(2, dtype="float64"))
    R(_name, A(2), 1.0)
    R(_name, A(2), A(3))

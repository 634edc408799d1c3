"""Samples of torch.masked."""

from __future__ import annotations

import numpy as np

from ...oracle import A, D, T
from . import R, S

_M = A(3, 4, dtype="bool", seed=3)
_ROW = T(np.array([True, False, True, True]), grad=False)
_NONE = T(np.array([[True] * 4, [False] * 4, [True, False, False, True]]), grad=False)

for _name in ("sum", "prod", "mean", "amax", "amin", "var", "std", "norm", "logsumexp"):
    S("masked." + _name, A(3, 4))
    S("masked." + _name, A(3, 4), mask=_M)
    _dims = {"ord": 2.0} if _name == "norm" else {}
    for _dim in (0, -1, (0, 1)):
        # a gradient of nan where nothing is left depends on which zero is divided by which
        S("masked." + _name, A(3, 4), dim=_dim, keepdim=True, mask=_M, **_dims, options={"second": _name != "std"})
    S("masked." + _name, A(3, 4, dtype="float64"), dim=1, mask=_ROW, **_dims)
    if _name not in ("std", "var"):
        S("masked." + _name, A(3, 4, grad=False), dim=1, mask=_NONE, **_dims)
for _name in ("sum", "prod", "amax", "amin", "argmax", "argmin", "var", "std"):
    S("masked." + _name, A(3, 4, dtype="int32"), 1, mask=_M)
for _name in ("sum", "prod", "mean", "var", "logsumexp"):
    S("masked." + _name, A(3, 4, dtype="complex64"), 1, mask=_M, options={"second": False})
for _name in ("argmax", "argmin"):
    S("masked." + _name, A(3, 4, dtype="int64"))
    S("masked." + _name, A(3, 4, grad=False), 1, keepdim=True, mask=_M)
    R("masked." + _name, A(3, 4), 2, mask=_M)
S("masked.sum", A(3, 4, dtype="bool"), mask=_M)
S("masked.sum", A(3, 4), 0, dtype=D("float64"), mask=_M)
S("masked.var", A(3, 4), 1, False, mask=_ROW)
S("masked.std", A(3, 4), 1, correction=2, mask=_ROW)
for _order in (0, 1, float("inf"), float("-inf"), 3.5):
    S("masked.norm", A(3, 4), _order, 1, mask=_ROW, options={"second": False})
S("masked.median", A(3, 5), mask=T(np.array([True, False, True, True, False]), grad=False))
S("masked.median", A(3, 4, dtype="int64"), 1, keepdim=True, mask=_ROW)
for _name in ("softmax", "log_softmax", "softmin", "cumsum", "cumprod"):
    S("masked." + _name, A(3, 4), 1)
    S("masked." + _name, A(3, 4), 1, mask=_ROW, options={"second": False})
    S("masked." + _name, A(3, 4), 0, dtype=D("float64"), mask=_ROW, options={"second": False})
    R("masked." + _name, A(3, 4), 2, mask=_M)
S("masked.normalize", A(3, 4), 2.0, 1, mask=_M, options={"second": False})
S("masked.normalize", A(3, 4), 1.0, 0)
S("masked.logaddexp", A(3, 4), A(3, 4, seed=1))
S("masked.logaddexp", A(3, 4), A(3, 4, seed=1), input_mask=_M, other_mask=_ROW, options={"second": False})

R("masked.sum", A(4), mask=_M)
R("masked.sum", A(3, 4), 2)
R("masked.sum", A(3, 4), (1, 1))
R("masked.mean", A(3, 4, dtype="int64"))
R("masked.mean", A(3, 4), dtype=D("int64"))
R("masked.amax", A(3, 4, dtype="complex64"), mask=_M)
for _name in ("amax", "amin", "argmin"):
    R("masked." + _name, A(3, 4, dtype="bool"), mask=_M)
for _name in ("cumsum", "cumprod"):
    R("masked." + _name, A(3, 4, dtype="bool"), 1, mask=_M)
    R(_name, A(3, 4), 1, dtype=D("bool"))
R("masked.median", A(3, 4, dtype="int64"), 1, mask=_NONE)
R("masked.var", A(3, 4), 1, True, correction=1)

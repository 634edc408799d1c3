"""Copying forms of views, distances between rows, norms with their statistics."""

from __future__ import annotations

import numpy as np

from ...oracle import A, T
from . import R, S

S("as_strided_copy", A(3, 4), (2, 2), (1, 3), 1)
S("detach_copy", A(3, 4, grad=False))
S("diagonal_copy", A(3, 4), 1)
S("expand_copy", A(3, 1), (3, 4))
S("permute_copy", A(2, 3, 4), (2, 0, 1))
S("select_copy", A(3, 4), 1, 2)
S("split_copy", A(5, 2), 2)
S("split_with_sizes_copy", A(5, 2), [2, 3])
S("squeeze_copy", A(3, 1, 4))
S("t_copy", A(3, 4))
S("transpose_copy", A(3, 4), 0, 1)
S("unbind_copy", A(3, 4), 1)
S("unfold_copy", A(7), 0, 3, 2)
S("unsqueeze_copy", A(3, 4), 1)
S("view_copy", A(3, 4), (2, 6))
S("view_as_real_copy", A(3, dtype="complex64"))
S("view_as_complex_copy", A(3, 2, grad=False))
S("alias_copy", A(3, 4))
S("slice_copy", A(6, 2), 0, 1, 5, 2)
S("unsafe_chunk", A(6, 2), 3)
S("unsafe_split", A(6, 2), 4)
S("unsafe_split_with_sizes", A(6, 2), [4, 2])
S("nonzero_static", T(np.array([0.0, 1.0, 2.0], dtype=np.float32), grad=False), size=3, options={"method": True})
S("native_layer_norm", A(2, 3, 4), (4,), A(4), A(4, seed=1), 1e-5, options={"second": False})
S("native_group_norm", A(2, 4, 3), A(4), A(4, seed=1), 2, 4, 3, 2, 1e-5, options={"second": False})
S("native_batch_norm", A(4, 3), A(3), A(3, seed=1), None, None, True, 0.1, 1e-5, options={"second": False})
for p in (0.5, 1.0, 2.0, 3.0, float("inf")):
    S("cdist", A(4, 3), A(5, 3, seed=1), p, options={"second": False})
S("cdist", A(2, 30, 3), A(26, 3, seed=1), options={"second": False})
S("cdist", A(4, 3), A(5, 3, seed=1), 0.0, options={"second": False})
R("cdist", A(3), A(4, 3))
R("cdist", A(4, 2), A(4, 3))
R("cdist", A(4, 3), A(4, 3), -1.0)

R("native_layer_norm", A(2, 3), (), None, None, 1e-5)
R("native_layer_norm", A(2, 3), (2,), None, None, 1e-5)


# ------------------------------------------------------------------------------------------------------------ dtypes of cdist
for first, second in (("int64", "float32"), ("float32", "int64"), ("float64", "float32"), ("complex64", "complex64")):
    R("cdist", A(4, 5, dtype=first), A(3, 5, dtype=second))
    R("cdist", A(30, 5, dtype=first), A(3, 5, dtype=second))
    R("cdist", A(4, 5, dtype=first), A(3, 5, dtype=second), p=1.5)
for first, second in (("float64", "float32"), ("float32", "float64")):
    S("cdist", A(0, 5, dtype=first, grad=False), A(3, 5, dtype=second, grad=False))
for M in (A(1, 4, 4), A(4, 4, dtype="float64"), A(4, 4, dtype="int64"), A(3, 4)):
    R("svd_lowrank", A(4, 4), 2, M=M)
R("svd_lowrank", A(2, 4, 4), 2, M=A(4, 4, dtype="float64"))
R("pca_lowrank", A(2, 4, 4, dtype="bool"), 2)

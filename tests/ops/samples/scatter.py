"""Samples of gathers and scatters along a dimension, and of masks."""

import numpy as np

from ...oracle import A, I, T
from . import R, S


def ids(*values, dtype="int64"):
    return T(np.array(values, dtype=dtype), grad=False)


# ----------------------------------------------------------------------------------------------------------------- rows
S("index_select", A(3, 4), 0, ids(0, 2, 2))
S("index_select", A(3, 4), -1, ids(3, dtype="int32"))
S("index_select", A(3, 4), 1, T(np.array(2)))
S("index_select", A(3, 4), 1, ids())
S("index_select", A(), 0, ids(0))
S("index_select", A(3, dtype="bool"), 0, ids(1))
for dim in (0, 1):
    S("index_add", A(3, 3), dim, ids(0, 2, 0), A(3, 3, seed=1))
    S("index_add", A(3, 3), dim, ids(0, 2, 0), A(3, 3, seed=1), alpha=-2)
    S("index_copy", A(3, 3), dim, ids(2, 0), A(*((2, 3) if dim == 0 else (3, 2)), seed=1))
    S("index_fill", A(3, 3), dim, ids(0, -1), 5)
S("index_add", A(), 0, ids(0), A())
S("index_add", A(3, dtype="int64"), 0, ids(1, 1), A(2, dtype="int64"))
S("index_add", A(3, dtype="bool"), 0, ids(1, 1), A(2, dtype="bool"))
S("index_copy", A(), 0, T(np.array(0)), A(seed=1))
S("index_copy", A(3), 0, T(np.array(1)), A(seed=1))
S("index_fill", A(3), 0, ids(1), A(seed=1))
S("index_fill", A(3, dtype="int64"), 0, ids(1), 2.5)
S("index_fill", A(), 0, ids(0), 2.5)
for reduce in ("prod", "mean", "amax", "amin"):
    for include in (True, False):
        S("index_reduce", A(3, 2), 0, ids(0, 2, 0, 0), A(4, 2, seed=1), reduce, include_self=include)
        S("index_reduce", A(3, 2, dtype="int64"), 0, ids(0, 2, 0), A(3, 2, dtype="int64"), reduce, include_self=include)
R("index_select", A(3, 4), 0, ids(3))
R("index_select", A(3, 4), 0, ids(-1))
R("index_select", A(3, 4), 0, I(1, 1, high=1))
R("index_select", A(3, 4), 0, A(1))
R("index_select", A(3, 4), 2, ids(0))
R("index_select", A(0, 4), 0, ids(0))
R("index_add", A(3, 4), 0, ids(0, 1), A(3, 4))
R("index_add", A(3, 4), 0, ids(0), A(1, 5))
R("index_add", A(3, 4), 0, ids(3), A(1, 4))
R("index_add", A(3, 4), 0, ids(0), A(1, 4, dtype="float64"))
R("index_add", A(3, 4), 0, A(1), A(1, 4))
R("index_copy", A(3, 4), 0, ids(0, 1), A(3, 4))
R("index_copy", A(3, 4), 0, ids(3), A(1, 4))
R("index_copy", A(3, 4), 0, ids(0, dtype="int32"), A(1, 4))
R("index_fill", A(3, 4), 0, ids(3), 1)
R("index_fill", A(3, 4), 0, ids(0), A(1))
R("index_fill", A(3, 4), 0, ids(0), 1j)
R("index_reduce", A(3, 4), 0, ids(0), A(1, 4), "sum")

# ------------------------------------------------------------------------------------------------------ gather, scatter
for dim in (0, 1, -1):
    n = 3 if dim == 0 else 4
    S("gather", A(3, 4), dim, I(2, 3, high=n))
    S("scatter", A(3, 4), dim, T(np.array([[0, 1], [2, 0]])), A(2, 2, seed=1))
    S("scatter", A(3, 4), dim, T(np.array([[0, 1], [2, 0]])), A(3, 3, seed=1, grad=False))
    S("scatter", A(3, 4), dim, T(np.array([[0, 1], [2, 0]])), 5)
    S("scatter_add", A(3, 4), dim, I(3, 3, high=3), A(3, 3, seed=1))
S("gather", A(3, 4), 0, I(5, 4, high=3, dtype="int32"))
S("gather", A(3, 4), 0, I(0, 4, high=3))
S("gather", A(), 0, T(np.array(0)))
S("gather", A(), 0, ids(0, 0))
S("gather", A(3), 0, T(np.array(1)))
S("gather", A(3, 4, dtype="bool"), 1, I(3, 2, high=4))
S("gather", A(3, 4, grad=False), 1, I(3, 2, high=4), sparse_grad=True)
S("scatter", A(3, 4), 0, I(0, 4, high=1), A(0, 4))
S("scatter", A(), 0, T(np.array(0)), A(seed=1))
S("scatter", A(3, dtype="int64"), 0, ids(0), 1.5)
S("scatter", A(3, 4), 1, I(3, 2, high=4), value=-1.0)
S("scatter", A(3, 4, grad=False), 0, I(2, 4, high=3), A(2, 4, grad=False), reduce="add")
S("scatter", A(3, 4, grad=False), 0, I(2, 4, high=3), 2.0, reduce="multiply")
S("scatter_add", A(3, dtype="int64"), 0, ids(1, 1), A(2, dtype="int64"))
S("scatter_add", A(3, dtype="bool"), 0, ids(1, 1), A(2, dtype="bool"))
S("scatter_add", A(3, dtype="float64"), 0, ids(1, 1), A(2, dtype="float64"))
ZEROS = T(np.array([1.0, 2.0, 0.0, 3.0, 0.0], dtype=np.float32))
TIES = T(np.array([1.0, 2.0, 0.0, 0.0, 3.0, 0.0], dtype=np.float32))
NANS = T(np.array([1.0, np.nan, 2.0], dtype=np.float32), grad=False)
for reduce in ("sum", "prod", "mean", "amax", "amin"):
    for include in (True, False):
        S("scatter_reduce", A(3, 4), 0, I(4, 4, high=3), A(4, 4, seed=1), reduce, include_self=include)
        S(
            "scatter_reduce",
            A(3, 4, grad=False),
            1,
            I(3, 2, high=4),
            A(3, 3, seed=1, grad=False),
            reduce,
            include_self=include,
        )
        S(
            "scatter_reduce",
            ZEROS,
            0,
            ids(0, 0, 2, 2, 3, 4),
            TIES,
            reduce,
            include_self=include,
            options={"second": False},
        )
        S(
            "scatter_reduce",
            A(3, dtype="int64"),
            0,
            ids(0, 1, 1),
            A(3, dtype="int64", seed=1, low=-9, high=9),
            reduce,
            include_self=include,
        )
        S(
            "scatter_reduce",
            NANS,
            0,
            ids(0, 1, 0),
            T(np.array([np.nan, 1.0, 2.0], dtype=np.float32), grad=False),
            reduce,
            include_self=include,
        )
S("take_along_dim", A(3, 4), I(2, 4, high=3), 0)
S("take_along_dim", A(3, 4), I(2, 1, high=3), 0)
S("take_along_dim", A(3, 1), I(1, 5, high=3), 0)
S("take_along_dim", A(3, 4), I(2, 2, high=12))
R("gather", A(3, 4), 0, I(5, 5, high=1))
R("gather", A(3, 4), 0, T(np.array([[3]])))
R("gather", A(3, 4), 0, T(np.array([[-1]])))
R("gather", A(3, 4), 0, ids(0))
R("gather", A(3, 4), 0, A(1, 1))
R("gather", A(3, 4), 2, I(1, 1, high=1))
R("scatter", A(3, 4), 0, I(2, 4, high=1), A(1, 4))
R("scatter", A(3, 4), 0, I(2, 5, high=1), A(2, 5))
R("scatter", A(3, 4), 0, T(np.array([[3]])), A(1, 1))
R("scatter", A(3, 4), 0, I(1, 1, high=1), A(1, 1, dtype="float64"))
R("scatter", A(3, 4), 0, A(1, 1), A(1, 1))
R("scatter", A(3, 4), 0, I(1, 1, high=1), 2.0, reduce="mean")
R("scatter", A(3, 4), 0, I(1, 1, high=1), 1j)
R("scatter_add", A(3, 4), 0, T(np.array([[3]])), A(1, 1))
R("scatter_add", A(3, 4), 0, I(2, 4, high=1), A(1, 4))
R("scatter_reduce", A(3, 4), 0, I(1, 4, high=1), A(1, 4), "add")
R("scatter_reduce", A(3, 4), 0, I(1, 4, high=1), A(1, 4, dtype="float64"), "sum")
R("take_along_dim", A(3, 4), I(2, high=1), 0)
R("take_along_dim", A(3, 4), A(2, 4), 0)

# ---------------------------------------------------------------------------------------------------------------- masks
MASK = T(np.array([True, False, True, False]))
S("masked_fill", A(3, 4), MASK, 1.5)
S("masked_fill", A(3, 4), MASK, A(seed=1))
S("masked_fill", A(4), A(3, 4, dtype="bool"), 1)
S("masked_fill", A(3, 4, dtype="float64"), MASK, 0.1)
S("masked_fill", A(4, dtype="int64"), MASK, 2.7)
S("masked_fill", A(4), MASK, float("-inf"))
S("masked_fill", A(4, dtype="bool"), MASK, 2)
S("masked_select", A(3, 4), A(3, 4, dtype="bool"))
S("masked_select", A(3, 4), MASK)
S("masked_select", A(4), A(3, 4, dtype="bool"))
S("masked_select", A(0), A(0, dtype="bool"))
S("masked_scatter", A(3, 4), MASK, A(20, seed=1))
S("masked_scatter", A(3, 4), A(3, 4, dtype="bool"), A(3, 4, seed=1))
S("take", A(3, 4), T(np.array([[0, -1], [5, 5]])))
S("take", A(3, 4), ids())
S("put", A(3, 4), ids(0, -1), A(2, seed=1))
S("put", A(3, 4), ids(0, 0, 3), A(3, seed=1), True)
S("nonzero", T(np.array([[1, 0], [0, 2]])))
S("nonzero", T(np.array(3)))
S("nonzero", T(np.array(0)))
S("nonzero", A(0, 3))
S("nonzero", T(np.array([[1, 0], [0, 2]])), as_tuple=True)
S("nonzero", T(np.array(3)), as_tuple=True)
S("argwhere", A(3, 4, dtype="bool"))
R("masked_fill", A(3, 4), A(3, dtype="bool"), 1)
R("masked_fill", A(3, 4), A(4, dtype="int64"), 1)
R("masked_fill", A(3, 4), MASK, A(1))
R("masked_fill", A(3, 4), MASK, 1j)
R("masked_select", A(3, 4), A(3, dtype="bool"))
R("masked_select", A(3, 4), A(4, dtype="int64"))
R("masked_scatter", A(3, 4), MASK, A(3))
R("masked_scatter", A(3, 4), MASK, A(12, dtype="float64"))
R("take", A(3, 4), ids(12))
R("take", A(3, 4), ids(-13))
R("take", A(3, 4), A(1))
R("take", A(0), ids(0))
R("put", A(3, 4), ids(12), A(1))
R("put", A(3, 4), ids(0, 1), A(3))
R("put", A(3, 4), ids(0), A(1, dtype="float64"))

# a place named twice is filled once; indices of take_along_dim count from either end
S("index_fill", A(4, 3), 0, ids(0, 1, 1), A(seed=1))
S("take_along_dim", A(3, 4), T(np.array([[-1], [-4], [3]]), grad=False), 1)
R("gather", A(2, 2), 1, I(2, 2, high=2), out=A(2, 2, dtype="float64", grad=False))

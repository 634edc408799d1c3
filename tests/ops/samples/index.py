"""Samples of index_put; the rest of indexing is in test_indexing."""

import numpy as np

from ...oracle import A, I, T
from . import R, S

ROWS = T(np.array([0, -1]))
S("index_put", A(3, 4), (ROWS,), A(4, seed=1))
S("index_put", A(3, 4), (ROWS,), A(seed=1))
S("index_put", A(3, 4), (ROWS, T(np.array([1, 1]))), A(2, seed=1))
S("index_put", A(3, 4), (T(np.array([0, 0, 2])),), A(3, 4, seed=1), True)
S("index_put", A(3, 4), [T(np.array([[True, False, True, False]] * 3))], A(6, seed=1))
S("index_put", A(3, 4), (T(np.array([[0], [1]])), T(np.array([0, 3]))), A(2, 2, seed=1), accumulate=True)
S("index_put", A(3, dtype="int64"), (ROWS,), A(2, dtype="int64"))
S("index_put", A(3, dtype="bool"), (ROWS,), A(2, dtype="bool"))
R("index_put", A(3, 4), (ROWS,), A(5))
R("index_put", A(3, 4), (ROWS,), A(4, dtype="float64"))
R("index_put", A(3, 4), (I(1, high=1),) * 3, A())
R("index_put", A(3, 4), (A(1),), A())
R("index_put", A(3, 4), (T(np.array([3])),), A())
R("index_put", A(3, 4), (0,), A())
R("index_put", A(3, 4), (None, ROWS), A())

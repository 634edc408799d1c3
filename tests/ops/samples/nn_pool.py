"""Pooling."""

import numpy as np

from ...oracle import A, I, T
from . import R, S

F = "nn.functional."
_ties = T(np.array([[[1.0, 1.0, 1.0, 0.0, 2.0, 2.0, 2.0]]], np.float32))

for _indices in (False, True):
    S(F + "max_pool1d", A(2, 3, 9), 3, return_indices=_indices)
    S(F + "max_pool1d", _ties, 3, 2, return_indices=_indices)
    S(F + "max_pool1d", A(3, 9), 3, 2, 1, 2, True, _indices)
    S(F + "max_pool2d", A(2, 3, 6, 6), 2, return_indices=_indices)
    S(F + "max_pool2d", A(2, 3, 7, 8), 3, 2, 1, return_indices=_indices)
    S(F + "max_pool2d", A(3, 9, 7), (3, 2), (2, 1), (1, 0), (2, 1), True, _indices)
    S(F + "max_pool2d", A(1, 2, 5, 5, dtype="float64"), 3, 1, return_indices=_indices)
    S(F + "max_pool2d", A(1, 2, 5, 5, dtype="int64"), 2, return_indices=_indices)
    S(F + "max_pool3d", A(1, 2, 5, 5, 5), 3, 2, 1, return_indices=_indices)
    S(F + "adaptive_max_pool1d", A(2, 3, 7), 3, return_indices=_indices)
    S(F + "adaptive_max_pool2d", A(2, 3, 7, 6), (3, None), return_indices=_indices)
    S(F + "adaptive_max_pool2d", A(3, 8, 6), (4, 3), return_indices=_indices)
    S(F + "adaptive_max_pool3d", A(1, 2, 5, 4, 6), 2, return_indices=_indices)
S(F + "max_pool2d", T(np.array([[[1.0, np.nan], [-np.inf, 2.0]]], np.float32)), 2, 1, options={"grad": False})
R(F + "max_pool2d", A(1, 1, 4, 4), 2, padding=2)
R(F + "max_pool2d", A(1, 1, 4, 4), 5)
R(F + "max_pool2d", A(1, 1, 4, 4), 2, 0)
R(F + "max_pool2d", A(4, 4), 2)
R(F + "max_pool2d", A(1, 1, 4, 4), (2, 2, 2))
R(F + "max_pool2d", A(1, 1, 4, 4, dtype="bool"), 2)

S("avg_pool1d", A(2, 3, 9), 3, 2, 1)
S("avg_pool1d", A(3, 9), 4, 3, 2, True, False)
S(F + "avg_pool2d", A(2, 3, 6, 6), 2)
S(F + "avg_pool2d", A(2, 3, 7, 8), 3, 2, 1, True)
S(F + "avg_pool2d", A(2, 3, 7, 8), (3, 2), (2, 1), (1, 0), True, False)
S(F + "avg_pool2d", A(3, 7, 8), 3, 2, 1, divisor_override=5)
S(F + "avg_pool3d", A(1, 2, 5, 4, 5, dtype="float64"), 2, 2, 1, True, False)
R(F + "avg_pool2d", A(1, 1, 4, 4), 2, divisor_override=0)
R(F + "avg_pool2d", A(1, 1, 4, 4), 2, padding=2)
S(F + "lp_pool1d", A(2, 3, 8, low=0.1), 2, 3)
S(F + "lp_pool2d", A(2, 3, 6, 6, low=0.1), 3.0, (2, 3), 1)
S(F + "lp_pool3d", A(1, 2, 4, 4, 4, low=0.1), 1, 2)
S("adaptive_avg_pool1d", A(2, 3, 7), 3)
S(F + "adaptive_avg_pool2d", A(2, 3, 7, 6), (3, 2))
S(F + "adaptive_avg_pool2d", A(3, 8, 6), 1)
S(F + "adaptive_avg_pool2d", A(2, 3, 3, 5), (7, None))
S(F + "adaptive_avg_pool3d", A(1, 2, 5, 4, 6), 2)
R(F + "adaptive_avg_pool2d", A(2, 3, 4), (1, 2, 3))
R(F + "adaptive_avg_pool1d", A(2, 3, 7), -1)

_samples = {"low": 0.0, "high": 1.0, "grad": False}
S(F + "fractional_max_pool2d", A(2, 3, 8, 9), 2, (4, 5), _random_samples=A(2, 3, 2, **_samples), return_indices=True)
S(F + "fractional_max_pool3d", A(1, 2, 6, 7, 8), 2, output_ratio=0.5, _random_samples=A(1, 2, 3, **_samples))
R(F + "fractional_max_pool2d", A(2, 3, 8, 9), 2)
R(F + "fractional_max_pool2d", A(2, 3, 4, 4), 3, 4)

_where = T(np.array([[[0, 3, 5]]]), grad=False)
S(F + "max_unpool1d", A(1, 1, 3), _where, 2)
S(F + "max_unpool1d", A(1, 1, 3), _where, 2, output_size=(7,))
S(F + "max_unpool2d", A(1, 2, 2, 2), T(np.array([[[[0, 3], [9, 10]], [[5, 2], [8, 15]]]]), grad=False), 2, 2)
R(F + "max_unpool1d", A(1, 1, 3), I(1, 1, 3, high=3, dtype="int32"), 2)
R(F + "max_unpool1d", A(1, 1, 3), _where, 2, output_size=(9,))
R(F + "max_unpool1d", A(1, 1, 3), T(np.array([[[0, 3, 17]]]), grad=False), 2)

R(
    "nn.functional.fractional_max_pool2d",
    A(1, 2, 6, 6),
    2,
    output_size=3,
    _random_samples=A(1, 2, 2, low=0, high=1, dtype="float64"),
)
R(
    "nn.functional.fractional_max_pool3d",
    A(1, 2, 6, 6, 6),
    2,
    output_size=3,
    _random_samples=A(1, 2, 3, low=0, high=1, dtype="float64"),
)

# dtypes without a kernel
for _kind in ("bool", "int64", "int32"):
    R(F + "max_pool1d", A(2, 4, dtype=_kind), 2)
    R(F + "max_unpool1d", A(1, 1, 3, dtype=_kind), _where, 2)
    R(F + "max_unpool2d", A(1, 2, 2, dtype=_kind), I(1, 2, 2, high=4), 2)
    R(F + "max_unpool3d", A(1, 2, 2, 2, dtype=_kind), I(1, 2, 2, 2, high=4), 2)
    R(F + "fractional_max_pool2d", A(1, 2, 6, 6, dtype=_kind), 2, 3, _random_samples=A(1, 2, 2, dtype=_kind))
    R(F + "adaptive_avg_pool2d", A(2, 4, 4, dtype=_kind), 1)
R(F + "lp_pool2d", A(2, 4, 4, dtype="complex64"), 2, 2)
S(F + "max_pool1d", A(2, 4, dtype="int64"), 2, return_indices=True)

# a single window is a mean of any tensor that has the dimensions
S(F + "adaptive_avg_pool2d", A(3, 4), 1)
S(F + "adaptive_avg_pool2d", A(2, 3, 2, 4, 4), 1)
S(F + "adaptive_avg_pool2d", A(2, 3, 4, dtype="complex64"), (1, 1))
S(F + "adaptive_avg_pool3d", A(3, 4, 5), 1)
S(F + "adaptive_avg_pool2d", A(2, 3, 0, 4), 1)
R(F + "adaptive_avg_pool2d", A(3), 1)
R(F + "adaptive_avg_pool2d", A(), 1)
R(F + "adaptive_avg_pool3d", A(3, 4), 1)
R(F + "adaptive_avg_pool2d", A(3, 4), 2)
for n, _shape in ((1, (0, 4)), (2, (0, 4, 4)), (3, (0, 4, 4, 4))):
    for _mean in ("avg", "max"):
        S(F + f"adaptive_{_mean}_pool{n}d", A(*_shape), 2)
        S(F + f"adaptive_{_mean}_pool{n}d", A(*_shape), 1)
        R(F + f"adaptive_{_mean}_pool{n}d", A(*_shape[::-1]), 2)
        R(F + f"adaptive_{_mean}_pool{n}d", A(*_shape), None)
        R(F + f"adaptive_{_mean}_pool{n}d", A(2, *_shape[1:]), (2.5,) * n)
        if n > 1:
            R(F + f"adaptive_{_mean}_pool{n}d", A(2, *_shape), (1,))
S(F + "adaptive_avg_pool2d", A(2, 0, 4, 4), 2, options={"grad": False})
R(F + "adaptive_max_pool2d", A(2, 0, 4, 4), 2)
R(F + "adaptive_avg_pool3d", A(2, 0, 4, 4, 4), 2)
for _shape in ((), (4,), (4, 4)):
    R(F + "avg_pool2d", A(*_shape), 2)
    R(F + "lp_pool2d", A(*_shape), 2, 2)

# what goes with the input of fractional pooling
_fractional = A(2, 3, 6, 6)
for _bad in ((1, 3, 2), (2, 1, 2), (2, 4, 2), (2, 3, 3), (3, 2), (1, 2, 3, 2)):
    R(F + "fractional_max_pool2d", _fractional, 2, 3, _random_samples=A(*_bad, **_samples))
    if _bad != (2, 3, 3):
        R(F + "fractional_max_pool3d", A(2, 3, 6, 6, 6), 2, 3, _random_samples=A(*_bad, **_samples))
R(F + "fractional_max_pool2d", _fractional, 2, 3, _random_samples="x")
R(F + "fractional_max_pool2d", A(6, 6), 2, 3)
R(F + "fractional_max_pool3d", A(6), 2, 3)
S(F + "fractional_max_pool2d", _fractional, 2, 3, _random_samples=A(4, 3, 2, **_samples))
S(F + "fractional_max_pool2d", A(3, 6, 6), 2, 3, _random_samples=A(4, 3, 2, **_samples))
S(F + "fractional_max_pool2d", A(0, 6, 6), 2, 3, _random_samples=A(1, 0, 2, **_samples))

R(F + "max_unpool1d", A(1, 1, 4), _where, 2, output_size=(6,))
R(F + "max_unpool2d", A(4), I(4, high=4), 2)
R(F + "max_unpool3d", A(4, 4), I(4, 4, high=4), 2)
for _n, _shape in ((1, (0, 2)), (2, (0, 2, 2)), (2, (0, 3, 2, 2)), (3, (0, 2, 2, 2))):
    S(F + f"max_unpool{_n}d", A(*_shape), I(*_shape, high=4), 2)

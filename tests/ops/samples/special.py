"""Special functions. Where a tolerance is given, torch's values are that far from the true ones (see test_numerics)."""

from __future__ import annotations

import numpy as np

from ...oracle import A, T
from . import R, S

nan, inf = float("nan"), float("inf")
EDGES = T(np.array([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.5, -3.5, inf, -inf, nan], np.float32), grad=False)
DOUBLE = T(EDGES.data.astype(np.float64), grad=False)
NO_SECOND = {"second": False}
FUNCTION = {"method": False, "inplace": False}
COARSE = {"grad_atol": 1e-8, "grad_rtol": 1e-8}

# name: (lowest argument, highest argument, options for doubles)
FUNCTIONS = {
    "erf": (-3, 3, {}),
    "erfc": (-3, 3, {}),
    "erfinv": (-0.9, 0.9, {}),
    "lgamma": (0.3, 9, COARSE),
    "digamma": (0.3, 9, COARSE),
    "i0": (-9, 9, {"grad_rtol": 1e-9}),
    "special.erf": (-3, 3, {}),
    "special.erfc": (-3, 3, {}),
    "special.erfinv": (-0.9, 0.9, {}),
    "special.erfcx": (-3, 9, {}),
    "special.ndtr": (-6, 6, {}),
    "special.log_ndtr": (-9, 6, {"grad_atol": 1e-9}),
    "special.ndtri": (0.05, 0.95, {"grad_rtol": 1e-9}),
    "special.gammaln": (0.3, 9, COARSE),
    "special.digamma": (0.3, 9, COARSE),
    "special.psi": (0.3, 9, COARSE),
    "special.i0": (-9, 9, {}),
    "special.i0e": (-9, 9, {}),
    "special.i1": (-9, 9, {}),
    "special.i1e": (-9, 9, {}),
    "special.entr": (0.1, 3, {}),
}
HALVES = {"erf", "erfc", "erfinv", "lgamma", "digamma", "i0"}
for _name, (_low, _high, _options) in FUNCTIONS.items():
    S(_name, A(2, 3, low=_low, high=_high))
    S(_name, A(2, 3, low=_low, high=_high, dtype="float64"), options=_options)
    S(_name, A(low=_low, high=_high))
    S(_name, A(0, 2))
    S(_name, EDGES)
    S(_name, DOUBLE)
    S(_name, A(2, 3, dtype="int64"))
    S(_name, A(3, dtype="bool"))
    if _name in HALVES:
        S(_name, A(4, low=_low, high=_high, dtype="float16"), options=NO_SECOND | {"grad_rtol": 0.01})
        S(_name, A(4, low=_low, high=_high, dtype="bfloat16"), options=NO_SECOND | {"grad_rtol": 0.1})
    R(_name, A(2, dtype="complex64"))
for _name in ("lgamma", "digamma"):
    S(_name, A(6, low=-9, high=-0.1), options={"grad_rtol": 1e-3, "grad_atol": 1e-3})
    S(_name, A(6, low=-9, high=-0.1, dtype="float64"), options={"grad_rtol": 1e-8, "grad_atol": 1e-8})
S("erf", T(np.array([1e-20, 1e-3, -1e-3], np.float64)))
S("erfc", T(np.array([5.0, 9.0, 20.0, 26.0, -9.0], np.float64), grad=False), options={"atol": 0, "rtol": 1e-12})
S("special.entr", T(np.array([0.0, -1.0, 2.0], np.float32), grad=False))

for _n in (0, 1, 2, 3, 5):
    for _name in ("polygamma", "special.polygamma"):
        S(_name, _n, A(5, low=0.3, high=9), options=FUNCTION)
        S(_name, _n, A(5, low=0.3, high=9, dtype="float64"), options=FUNCTION | COARSE | {"rtol": 1e-8})
        S(_name, _n, A(3, low=1, dtype="int64"), options=FUNCTION)
    S("Tensor.polygamma", A(5, low=0.3, high=9), _n)
    S("polygamma", _n, A(5, low=-4.9, high=-4.1, dtype="float64"), options=FUNCTION | {"rtol": 1e-8, "grad": False})
R("polygamma", -1, A(2))
for _name in ("mvlgamma", "special.multigammaln"):
    for _p in (1, 2, 3):
        S(_name, A(2, 3, low=2, high=5), _p)
        S(_name, A(2, 3, low=2, high=5, dtype="float64"), _p, options=COARSE)
    S(_name, A(3, low=3, high=6, dtype="int64"), 2)
    R(_name, A(2), 0)

ORDER = T(np.array([0.5, 2.0, 7.0, 30.0, 300.0], np.float64), grad=False)
for _name in ("igamma", "igammac", "special.gammainc", "special.gammaincc"):
    S(_name, ORDER, A(5, low=0.1, high=3, dtype="float64"), options={"atol": 1e-9, "grad_atol": 1e-9})
    S(_name, ORDER, T(np.array([0.7, 2.0, 9.0, 33.0, 290.0])), options={"atol": 1e-9, "grad_atol": 1e-9})
    S(_name, A(2, 3, low=0.5, high=5, grad=False), A(3, low=0.1, high=5, seed=1))
    S(_name, A(3, low=0.5, high=5, dtype="float16", grad=False), A(3, low=0.1, high=5, dtype="float16", grad=False))
    S(_name, T(np.array([0.0, 0.0, 1.0, inf, 1.0, inf, -1.0, 1.0, 0.0, nan]), grad=False),
      T(np.array([0.0, 1.0, 0.0, 1.0, inf, inf, 1.0, -1.0, inf, 1.0]), grad=False))  # fmt: skip
    R(_name, A(2, dtype="int64"), A(2, dtype="int64"))
    R(_name, A(2), 1.0)

ZETA_Q = T(np.array([1.0, 1.0, 0.0, -1.0, -0.5, -0.5, -0.5, 7.25]), grad=False)
S("special.zeta", T(np.array([1.0, 0.5, 2.0, 2.0, 2.0, 3.0, 2.5, 4.5]), grad=False), ZETA_Q)
S("special.zeta", A(2, 3, low=1.5, high=5, grad=False), A(3, low=0.5, high=5))
S("special.zeta", 2, A(3, low=0.5, high=5, dtype="float64"))
S("special.zeta", A(3, low=1.5, high=5, grad=False), 1)
S("special.zeta", A(3, low=2, high=5, dtype="int64"), A(3, low=1, high=5, dtype="int64"))

for _name in ("xlogy", "special.xlogy", "special.xlog1py"):
    S(_name, A(2, 3), A(3, low=0.2, high=3, seed=1))
    S(_name, A(2, 3, dtype="float64"), A(3, low=0.2, high=3, seed=1, dtype="float64"))
    S(_name, A(2, 3), 2.5)
    S(_name, 2, A(3, low=0.2), options=FUNCTION)
    S(_name, A(3, dtype="int64"), A(3, low=1, seed=1, dtype="int64"))
    S(_name, EDGES, T(EDGES.data[:, None], grad=False))
    S(_name, T(np.array([0.0, 0.0, 1.0], np.float32)), T(np.array([0.0, -1.0, 2.0], np.float32)), options=NO_SECOND)
    R(_name, A(2, dtype="complex64"), A(2))
    R(_name, A(3), A(4))

# torch's Bessel functions of doubles are exact to about 1e-6 only
BESSEL = {
    "bessel_j0": (-20, 20), "bessel_j1": (-20, 20), "bessel_y0": (0.1, 20), "bessel_y1": (0.3, 20),
    "modified_bessel_i0": (-9, 9), "modified_bessel_i1": (-9, 9), "modified_bessel_k0": (0.1, 9),
    "modified_bessel_k1": (0.1, 9), "scaled_modified_bessel_k0": (0.1, 30), "scaled_modified_bessel_k1": (0.1, 30),
    "spherical_bessel_j0": (-20, 20), "airy_ai": (-9, 9),
}  # fmt: skip
for _name, (_low, _high) in BESSEL.items():
    S(f"special.{_name}", A(40, low=_low, high=_high))
    S(f"special.{_name}", A(40, low=_low, high=_high, dtype="float64"), options={"atol": 5e-6, "rtol": 5e-6})
    S(f"special.{_name}", EDGES)
    S(f"special.{_name}", A(2, 3, low=1, dtype="int64"))
    S(f"special.{_name}", A(0))
    R(f"special.{_name}", A(2, dtype="complex64"))

POLYNOMIALS = [f"{_s}chebyshev_polynomial_{_k}" for _s in ("", "shifted_") for _k in "tuvw"]
POLYNOMIALS += ["hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"]
DEGREES = T(np.array([[-1], [0], [1], [2], [3], [5], [7], [9]]), grad=False)
for _name in POLYNOMIALS:
    S(f"special.{_name}", A(6, low=-0.9, high=0.9, dtype="float64"), DEGREES)
    S(f"special.{_name}", A(6, low=-1.8, high=1.8, dtype="float64"), DEGREES, options={"rtol": 1e-9})
    S(f"special.{_name}", A(6, low=-0.9, high=0.9), 4, options={"rtol": 1e-4, "atol": 1e-4})
    S(f"special.{_name}", 0.3, DEGREES, options={"rtol": 1e-4, "atol": 1e-4})
    S(f"special.{_name}", T(np.array([1.0, -1.0, 0.0])), DEGREES)
    S(f"special.{_name}", A(3, dtype="int64"), 3)
    R(f"special.{_name}", A(2, dtype="complex64"), 2)
    R(f"special.{_name}", 2, 3)


# --------------------------------------------------------------------------------------------- arguments that do not fit together
R("mvlgamma", A(3, dtype="bool"), 2)
R("mvlgamma", A(3, dtype="bool"), 0)
R("special.multigammaln", A(3, dtype="bool"), 2)
for _polynomial in (
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w", "zeta",
):  # fmt: skip
    R(f"special.{_polynomial}", A(3, 2), A(4, 2))

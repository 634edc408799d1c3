"""Special functions torch has no derivative for: Bessel functions, Airy's function, orthogonal polynomials."""

from __future__ import annotations

import mlx.core as mx

from .._core.numerics import bessel, host
from .._core.table import Array, Operand, op
from .kinds import FLOAT, needs_a_tensor, only

_FUNCTIONS = {
    "bessel_j0": (bessel.j0, "The Bessel function of the first kind, order 0."),
    "bessel_j1": (bessel.j1, "The Bessel function of the first kind, order 1."),
    "bessel_y0": (bessel.y0, "The Bessel function of the second kind, order 0."),
    "bessel_y1": (bessel.y1, "The Bessel function of the second kind, order 1."),
    "modified_bessel_i0": (bessel.i0, "The modified Bessel function of the first kind, order 0."),
    "modified_bessel_i1": (bessel.i1, "The modified Bessel function of the first kind, order 1."),
    "modified_bessel_k0": (bessel.k0, "The modified Bessel function of the second kind, order 0."),
    "modified_bessel_k1": (bessel.k1, "The modified Bessel function of the second kind, order 1."),
    "scaled_modified_bessel_k0": (bessel.k0e, "``exp(x) * modified_bessel_k0(x)``."),
    "scaled_modified_bessel_k1": (bessel.k1e, "``exp(x) * modified_bessel_k1(x)``."),
    "spherical_bessel_j0": (bessel.spherical_j0, "The spherical Bessel function of the first kind, order 0."),
    "airy_ai": (bessel.airy_ai, "Airy's function Ai."),
}

_POLYNOMIALS = {
    "chebyshev_polynomial_t": "The Chebyshev polynomial of the first kind of degree ``n``.",
    "chebyshev_polynomial_u": "The Chebyshev polynomial of the second kind of degree ``n``.",
    "chebyshev_polynomial_v": "The Chebyshev polynomial of the third kind of degree ``n``.",
    "chebyshev_polynomial_w": "The Chebyshev polynomial of the fourth kind of degree ``n``.",
    "shifted_chebyshev_polynomial_t": "``chebyshev_polynomial_t`` of ``2 * input - 1``.",
    "shifted_chebyshev_polynomial_u": "``chebyshev_polynomial_u`` of ``2 * input - 1``.",
    "shifted_chebyshev_polynomial_v": "``chebyshev_polynomial_v`` of ``2 * input - 1``.",
    "shifted_chebyshev_polynomial_w": "``chebyshev_polynomial_w`` of ``2 * input - 1``.",
    "hermite_polynomial_h": "The physicist's Hermite polynomial of degree ``n``.",
    "hermite_polynomial_he": "The probabilist's Hermite polynomial of degree ``n``.",
    "laguerre_polynomial_l": "The Laguerre polynomial of degree ``n``.",
    "legendre_polynomial_p": "The Legendre polynomial of degree ``n``.",
}


def _function(name: str, evaluate, doc: str) -> None:
    def body(input: Array) -> Array:
        wide = input if input.dtype == mx.float64 else input.astype(mx.float32)
        return evaluate(wide).astype(input.dtype)

    body.__doc__ = doc
    only(op(body, name=name, promote="float", namespace="special", grad=False), f"{name}_cpu", FLOAT)


def _polynomial(name: str, evaluate, doc: str) -> None:
    def body(input: Operand, n: Operand) -> Array:
        return host.on_host(evaluate, input, n)

    body.__doc__ = doc
    declared = op(body, name=name, promote="float", namespace="special", grad=False, host=True)
    only(declared, f"{name}_cpu", FLOAT)
    needs_a_tensor(declared)


for _name, (_evaluate, _doc) in _FUNCTIONS.items():
    _function(_name, _evaluate, _doc)
for _name, _doc in _POLYNOMIALS.items():
    _polynomial(_name, getattr(host, _name), _doc)

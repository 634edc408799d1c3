"""Derivatives of gamma and Dirichlet variates by their shape parameters."""

from __future__ import annotations

from .._core.numerics import implicit
from .._core.table import Array, op


@op(method=False, out=False, host=True)
def _standard_gamma_grad(self: Array, output: Array) -> Array:
    """d output / d self of the gamma variates ``output`` of shapes ``self`` and scale 1."""
    return implicit.standard_gamma_grad(self, output)


@op(method=False, out=False, host=True)
def _dirichlet_grad(x: Array, alpha: Array, total: Array) -> Array:
    """d x / d alpha of shares ``x`` with weights ``alpha`` of ``total``, over 1 - x."""
    return implicit.dirichlet_grad(x, alpha, total)

"""Elementwise functions of one tensor: exponentials, logarithms, trigonometry, rounding."""

from __future__ import annotations

import mlx.core as mx

from .._core.numerics import elementary
from .._core.numerics.elementary import conj
from .._core.table import Array, op


@op(promote="float", inplace=True, autocast="fp32")
def exp(input: Array) -> Array:
    """``e ** input``."""
    return elementary.exp(input)


@exp.vjp
def _(g, output):
    return g * conj(output)


@op(promote="float", inplace=True, autocast="fp32")
def log(input: Array) -> Array:
    """The natural logarithm."""
    return mx.log(input)


@log.vjp
def _(g, input):
    return g / conj(input)


@op(inplace=True, aliases=("absolute",), name="abs")
def abs_(input: Array) -> Array:
    """The absolute value."""
    return mx.abs(input)


@abs_.vjp
def _(g, input):
    return g * mx.sign(input)

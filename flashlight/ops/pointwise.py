"""Elementwise arithmetic."""

from __future__ import annotations

import mlx.core as mx

from .._core.table import Array, Operand, op


@op(promote="same", inplace=True, autocast="widest")
def add(input: Array, other: Operand, *, alpha=1) -> Array:
    """``input + alpha * other``."""
    return mx.add(input, other) if alpha == 1 else mx.add(input, mx.multiply(other, alpha).astype(other.dtype))


@add.vjp
def _(g, alpha):
    return g, g if alpha == 1 else g * alpha


@op(promote="same", inplace=True, aliases=("multiply",), autocast="widest")
def mul(input: Array, other: Operand) -> Array:
    """Elementwise product."""
    return mx.multiply(input, other)


@mul.vjp
def _(g, input, other):
    return g * other, g * input


@op(promote="float", inplace=True, autocast="fp32")
def exp(input: Array) -> Array:
    """Elementwise exponential."""
    return mx.exp(input)


@exp.vjp
def _(g, output):
    return g * output

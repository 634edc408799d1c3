"""Operators on the bits and divisors of integers."""

from __future__ import annotations

import mlx.core as mx

from .._core.dispatch import convert
from .._core.table import Array, Operand, op
from .kinds import BOOL, INT, only


@op(promote="same", inplace=True, grad=False)
def bitwise_and(input: Operand, other: Operand) -> Array:
    """``input & other``; the logical and of bools."""
    return mx.bitwise_and(input, other)


@op(promote="same", inplace=True, grad=False)
def bitwise_or(input: Operand, other: Operand) -> Array:
    """``input | other``; the logical or of bools."""
    return mx.bitwise_or(input, other)


@op(promote="same", inplace=True, grad=False)
def bitwise_xor(input: Operand, other: Operand) -> Array:
    """``input ^ other``; the logical exclusive or of bools."""
    return input != other if input.dtype == mx.bool_ else mx.bitwise_xor(input, other)


@op(inplace=True, grad=False)
def bitwise_not(input: Array) -> Array:
    """``~input``; the logical not of bools."""
    return mx.logical_not(input) if input.dtype == mx.bool_ else mx.bitwise_invert(input)


def _in_range(shift):
    """Where a shift is by at least 0 and less than the width of the type."""
    return (shift >= 0) & (shift < mx.array(8 * shift.itemsize, shift.dtype))


@op(promote="same", inplace=True, grad=False)
def bitwise_left_shift(input: Operand, other: Operand) -> Array:
    """``input << other``; 0 for a shift by the width of the type or more, or by a negative number."""
    zero = mx.array(0, input.dtype)
    good = _in_range(other)
    return mx.where(good, mx.left_shift(input, mx.where(good, other, zero)), zero)


@op(promote="same", inplace=True, grad=False)
def bitwise_right_shift(input: Operand, other: Operand) -> Array:
    """``input >> other``, keeping the sign; all bits become the sign for a shift out of range."""
    most = mx.array(8 * input.itemsize - 1, input.dtype)
    good = _in_range(other)
    shifted = mx.right_shift(input, mx.where(good, other, most))
    return (
        shifted if mx.issubdtype(input.dtype, mx.signedinteger) else mx.where(good, shifted, mx.array(0, input.dtype))
    )


only(bitwise_and, "bitwise_and_cpu", BOOL, INT)
only(bitwise_or, "bitwise_or_cpu", BOOL, INT)
only(bitwise_xor, "bitwise_xor_cpu", BOOL, INT)
only(bitwise_not, "bitwise_not_cpu", BOOL, INT)
only(bitwise_left_shift, "lshift_cpu", INT)
only(bitwise_right_shift, "rshift_cpu", INT)

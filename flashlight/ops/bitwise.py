"""Operators on the bits and divisors of integers."""

from __future__ import annotations

import mlx.core as mx

from .._core.table import Array, Operand, op
from .kinds import BOOL, INT, needs_a_tensor, only


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


def _common_divisor(a, b):
    """Euclid's algorithm on whole arrays: it ends after at most as many steps as Fibonacci numbers fit the type."""
    a, b = mx.abs(a), mx.abs(b)
    for _ in range(_EUCLID_STEPS[a.itemsize]):
        done = b == 0
        a, b = mx.where(done, a, b), mx.where(done, b, mx.remainder(a, mx.where(done, mx.array(1, b.dtype), b)))
    return a


_EUCLID_STEPS = {1: 13, 2: 24, 4: 47, 8: 93}


@op(promote="same", inplace=True, grad=False)
def gcd(input: Array, other: Array) -> Array:
    """The greatest common divisor."""
    return _common_divisor(*mx.broadcast_arrays(input, other))


@op(promote="same", inplace=True, grad=False)
def lcm(input: Array, other: Array) -> Array:
    """The least common multiple."""
    divisor = _common_divisor(*mx.broadcast_arrays(input, other))
    whole = mx.floor_divide(input, mx.where(divisor == 0, mx.array(1, divisor.dtype), divisor))
    return mx.abs(whole * other)


needs_a_tensor(bitwise_and, bitwise_or, bitwise_xor, bitwise_left_shift, bitwise_right_shift)
only(gcd, "gcd_cpu", INT)
only(lcm, "lcm_cpu", INT)

"""Floating point numbers taken apart: neighbours, mantissas and exponents."""

from __future__ import annotations

import mlx.core as mx

# type: (integer of its size, bits of the mantissa, bias of the exponent)
_LAYOUT = {
    mx.float16: (mx.int16, 10, 15),
    mx.bfloat16: (mx.int16, 7, 127),
    mx.float32: (mx.int32, 23, 127),
    mx.float64: (mx.int64, 52, 1023),
}


def signbit(a: mx.array) -> mx.array:
    """Whether the sign is negative, of zeros and nans as well."""
    if not mx.issubdtype(a.dtype, mx.floating):
        return a < 0
    return mx.view(mx.stop_gradient(a), _LAYOUT[a.dtype][0]) < 0


def copysign(a: mx.array, sign: mx.array) -> mx.array:
    """``a`` with the signs of ``sign``."""
    size = mx.abs(a)
    return mx.where(signbit(sign), -size, size)


def power_of_two(exponent: mx.array, dtype) -> mx.array:
    """``2 ** exponent`` for integers, exact wherever the type holds it."""
    half = exponent // 2
    two = mx.array(2, dtype)
    return mx.power(two, half.astype(dtype)) * mx.power(two, (exponent - half).astype(dtype))


def split(a: mx.array) -> tuple[mx.array, mx.array]:
    """(mantissa in [0.5, 1) or 0, int32 exponent) of each number; what is not finite has exponent 0."""
    integer, width, bias = _LAYOUT[a.dtype]
    # numbers below the normal range are brought into it first
    lift = width + 1
    low = mx.abs(a) < mx.array(2.0 ** (1 - bias), a.dtype)
    normal = mx.where(low, a * mx.array(2.0**lift, a.dtype), a)
    pattern = mx.view(normal, integer)
    mask = mx.array((1 << (8 * a.itemsize - 1 - width)) - 1, integer)
    field = mx.bitwise_and(mx.right_shift(pattern, mx.array(width, integer)), mask)
    exponent = field - mx.array(bias - 1, integer) - mx.where(low, mx.array(lift, integer), mx.array(0, integer))
    plain = mx.isfinite(a) & (a != 0)
    moved = pattern + mx.left_shift(mx.array(bias - 1, integer) - field, mx.array(width, integer))
    mantissa = mx.where(plain, mx.view(moved, a.dtype), a)
    return mantissa, mx.where(plain, exponent, mx.array(0, integer)).astype(mx.int32)


def next_after(a: mx.array, towards: mx.array) -> mx.array:
    """The next number of the type after ``a`` in a direction."""
    integer = _LAYOUT[a.dtype][0]
    one, lowest = mx.array(1, integer), mx.view(mx.array(-0.0, a.dtype), integer)
    pattern = mx.view(a, integer)
    # patterns grow with the size of a number, whatever its sign
    outwards = (towards > a) == (a > 0)
    stepped = mx.where(outwards, pattern + one, pattern - one)
    from_zero = mx.where(towards > a, one, lowest + one)
    moved = mx.view(mx.where(a == 0, from_zero, stepped), a.dtype)
    return mx.where(a == towards, towards, mx.where(mx.isnan(a) | mx.isnan(towards), a + towards, moved))

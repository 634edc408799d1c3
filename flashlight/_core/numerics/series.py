"""Evaluation of polynomials and Chebyshev series, on MLX and numpy arrays."""

from __future__ import annotations

import mlx.core as mx

SINGLE = 1e-9  # terms below this do not show in float32


def chebyshev(t: mx.array, coefficients) -> mx.array:
    """A Chebyshev series at ``t`` in [-1, 1] by Clenshaw's recurrence."""
    if t.dtype != mx.float64:
        floor = SINGLE * max(abs(c) for c in coefficients)
        coefficients = coefficients[: max(i for i, c in enumerate(coefficients) if abs(c) > floor) + 1]
    twice, last, before = 2 * t, 0.0, 0.0
    for c in reversed(coefficients[1:]):
        last, before = twice * last - before + c, last
    return t * last - before + coefficients[0]


def polynomial(x, coefficients):
    """A polynomial with coefficients from the constant up, by Horner's rule."""
    total = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


def constant(value: float, like: mx.array) -> mx.array:
    """A number of an array's dtype."""
    return mx.array(value, like.dtype)


def safely(inside: mx.array, x: mx.array, otherwise: float) -> mx.array:
    """``x`` where a formula holds and a harmless number elsewhere, so that nothing overflows there."""
    return mx.where(inside, x, constant(otherwise, x))

"""Rounding, and the parts floating point numbers are made of."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dtypes, return_types
from .._core.numerics import bits
from .._core.table import Array, composite, op
from .._core.tensor import Tensor
from . import arithmetic
from .kinds import FLOAT, INT, no_derivative, not_implemented, only


@op(inplace=True)
def ceil(input: Array) -> Array:
    """The smallest whole number not below each value."""
    return input if _is_whole(input) else mx.ceil(input)


@op(inplace=True)
def floor(input: Array) -> Array:
    """The largest whole number not above each value."""
    return input if _is_whole(input) else mx.floor(input)


@op(inplace=True, aliases=("fix",))
def trunc(input: Array) -> Array:
    """Each value rounded towards zero."""
    return input if _is_whole(input) else mx.trunc(input)


def _is_whole(a) -> bool:
    return not mx.issubdtype(a.dtype, mx.inexact)


class _Unsaid(int):
    """A default that can be told from the same number, given."""


@op(inplace=True)
def round(input: Array, *, decimals: int = _Unsaid(0)) -> Array:
    """Each value rounded to the nearest number with ``decimals`` decimals, halves to even."""
    if _is_whole(input):
        if not isinstance(decimals, _Unsaid):
            raise not_implemented("round_cpu" if decimals else "round_vml_cpu", input)
        return input
    if decimals == 0:
        return mx.round(input)
    scale = mx.array(10.0 ** abs(decimals), input.dtype)
    return mx.round(input * scale) / scale if decimals > 0 else mx.round(input / scale) * scale


@composite(name="round", namespace="special", method=False)
def special_round(input, *, decimals: int = 0, out=None):
    """``torch.round`` of floats."""
    return round.public(input, decimals=decimals, out=out)


@op(inplace=True)
def frac(input: Array) -> Array:
    """The part of each value after the decimal point, with its sign."""
    return input - mx.trunc(input)


@frac.vjp
def _(g):
    return g


for _step in (ceil, floor, trunc, round):

    @_step.vjp
    def _(g):
        return mx.zeros_like(g)


only(ceil, "ceil_vml_cpu", INT, FLOAT)
only(floor, "floor_vml_cpu", INT, FLOAT)
only(trunc, "trunc_vml_cpu", INT, FLOAT)
only(round, "round_vml_cpu", INT, FLOAT)
only(frac, "frac_cpu", FLOAT)


@op(inplace=True)
def nan_to_num(
    input: Array, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """nan and infinities replaced, by default by 0 and the largest finite numbers."""
    if _is_whole(input):
        return input
    if input.dtype == mx.complex64:
        parts = (nan_to_num(p, nan, posinf, neginf) for p in (mx.real(input), mx.imag(input)))
        real, imag = parts
        return real + 1j * imag
    limits = dtypes.finfo(dtypes.from_mlx(input.dtype))
    for found, given, default in (
        (mx.isnan(input), nan, 0.0),
        (input == math.inf, posinf, limits.max),
        (input == -math.inf, neginf, limits.min),
    ):
        input = mx.where(found, mx.array(default if given is None else float(given), input.dtype), input)
    return input


@nan_to_num.vjp
def _(g, input):
    return mx.where(mx.isfinite(input), g, mx.array(0, g.dtype))


@op(promote="same", inplace=True)
def nextafter(input: Array, other: Array) -> Array:
    """The next representable number after ``input`` towards ``other``."""
    return bits.next_after(input, other)


@nextafter.vjp
def _(g, input, other):
    return mx.where(input == other, mx.array(0, g.dtype), g), mx.zeros_like(g)


only(nextafter, "nextafter_cpu", FLOAT)


@op(result=return_types.frexp, constant_outputs=(1,))
def frexp(input: Array) -> tuple[Array, Array]:
    """``mantissa * 2 ** exponent`` with the mantissa in [0.5, 1). Raises: RuntimeError for integers."""
    return bits.split(input)


@frexp.vjp
def _(gs, outputs):
    return gs[0] * bits.power_of_two(-outputs[1], gs[0].dtype)


only(frexp, "", FLOAT, message="torch.frexp() only supports floating-point dtypes", error=RuntimeError)


@composite
def ldexp(input, other, *, out=None):
    """``input * 2 ** other``."""
    if not isinstance(input, Tensor):
        raise TypeError(f"ldexp(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    result = arithmetic.mul.public(input, _power_of_two(other, input))
    return result if out is None else arithmetic.mul.public(result, 1, out=out)


@composite
def ldexp_(input, other):
    """In-place form of ``ldexp``."""
    return input.mul_(_power_of_two(other, input))


def _power_of_two(exponent, base):
    if not isinstance(exponent, Tensor):
        raise TypeError(f"ldexp(): argument 'other' (position 2) must be Tensor, not {type(exponent).__name__}")
    if exponent.dtype is dtypes.bool_ and base.is_floating_point():
        raise NotImplementedError("\"ldexp_cpu_exp\" not implemented for 'Bool'")
    return arithmetic.pow(2.0, exponent)


@op(promote=None, inplace=True)
def heaviside(input: Array, values: Array) -> Array:
    """0 below zero, 1 above, ``values`` at zero."""
    if input.dtype != values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    if input.dtype == mx.complex64:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    return mx.where(input == 0, values, (input > 0).astype(input.dtype))


no_derivative(heaviside)

"""Elementwise functions of one tensor: exponentials, logarithms, trigonometry, absolute values."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dispatch
from .._core.numerics import bits, elementary
from .._core.numerics.elementary import conj, cos, sin
from .._core.table import Array, Operand, composite, op, publish
from .kinds import BOOL, COMPLEX, FLOAT, INT, only

_LN2, _LN10 = math.log(2), math.log(10)


# --------------------------------------------------------------------------------------------------------- exponentials
@op(promote="float", inplace=True, autocast="gpu fp32")
def exp(input: Array) -> Array:
    """``e ** input``."""
    return elementary.exp(input)


@exp.vjp
def _(g, output):
    return g * conj(output)


@op(promote="float", inplace=True, namespace=("torch", "special"))
def exp2(input: Array) -> Array:
    """``2 ** input``."""
    return mx.power(mx.array(2, input.dtype), input)


@exp2.vjp
def _(g, output):
    return g * conj(output) * _LN2


@op(promote="float", inplace=True, namespace=("torch", "special"), autocast="gpu fp32")
def expm1(input: Array) -> Array:
    """``exp(input) - 1``, exact near 0."""
    return elementary.expm1(input)


@expm1.vjp
def _(g, output):
    return g * (conj(output) + 1)


@op(promote="float", inplace=True)
def sigmoid(input: Array) -> Array:
    """``1 / (1 + exp(-input))``."""
    return elementary.sigmoid(input)


publish("expit", sigmoid.public, ("special",))


@sigmoid.vjp
def _(g, output):
    return g * conj(output * (1 - output))


@op(promote="float", inplace=True, namespace=("torch", "special"))
def logit(input: Array, eps: float | None = None) -> Array:
    """``log(input / (1 - input))``; the input is clamped to [eps, 1 - eps] if ``eps`` is given."""
    x = input if eps is None else mx.clip(input, mx.array(eps, input.dtype), mx.array(1 - eps, input.dtype))
    return mx.log(x / (1 - x))


@logit.vjp
def _(g, input, eps):
    low = 0 if eps is None else eps
    inside = (input >= low) & (input <= 1 - low)
    outside = mx.array(math.nan if eps is None else 0, g.dtype)
    return mx.where(inside, g / (input * (1 - input)), outside)


only(logit, "logit_cpu", FLOAT)


# ----------------------------------------------------------------------------------------------------------- logarithms
@op(promote="float", inplace=True, autocast="gpu fp32")
def log(input: Array) -> Array:
    """The natural logarithm."""
    return mx.log(input)


@log.vjp
def _(g, input):
    return g / conj(input)


@op(promote="float", inplace=True, autocast="gpu fp32")
def log2(input: Array) -> Array:
    """The logarithm to base 2."""
    return mx.log2(input)


@log2.vjp
def _(g, input):
    return g / (conj(input) * _LN2)


@op(promote="float", inplace=True, autocast="gpu fp32")
def log10(input: Array) -> Array:
    """The logarithm to base 10."""
    return mx.log10(input)


@log10.vjp
def _(g, input):
    return g / (conj(input) * _LN10)


@op(promote="float", inplace=True, namespace=("torch", "special"), autocast="gpu fp32")
def log1p(input: Array) -> Array:
    """``log(1 + input)``, exact near 0."""
    return mx.log1p(input)


@log1p.vjp
def _(g, input):
    return g / (conj(input) + 1)


@op(promote="same", single=True)
def logaddexp(input: Array, other: Array) -> Array:
    """``log(exp(input) + exp(other))`` without overflow."""
    return elementary.logaddexp(input, other)


@logaddexp.vjp
def _(g, input, other):
    return g / conj(1 + elementary.exp(other - input)), g / conj(1 + elementary.exp(input - other))


@op(promote="same", single=True)
def logaddexp2(input: Array, other: Array) -> Array:
    """``log2(2 ** input + 2 ** other)`` without overflow."""
    return elementary.logaddexp(input * _LN2, other * _LN2) / _LN2


@logaddexp2.vjp
def _(g, input, other):
    two = mx.array(2, g.dtype)
    return g / conj(1 + mx.power(two, other - input)), g / conj(1 + mx.power(two, input - other))


only(logaddexp, "logaddexp_cpu", FLOAT, COMPLEX)
only(logaddexp2, "logaddexp2_cpu", FLOAT, COMPLEX)


# --------------------------------------------------------------------------------------------------------- trigonometry
@op(promote="float", inplace=True, name="sin")
def sin_(input: Array) -> Array:
    """The sine."""
    return sin(input)


@sin_.vjp
def _(g, input):
    return g * conj(cos(input))


@op(promote="float", inplace=True, name="cos")
def cos_(input: Array) -> Array:
    """The cosine."""
    return cos(input)


@cos_.vjp
def _(g, input):
    return -g * conj(sin(input))


@op(promote="float", inplace=True, autocast="gpu fp32")
def tan(input: Array) -> Array:
    """The tangent."""
    return mx.tan(input)


@tan.vjp
def _(g, output):
    return g * conj(1 + output * output)


@op(promote="float", inplace=True, aliases=("arcsin",), autocast="gpu fp32")
def asin(input: Array) -> Array:
    """The arc sine."""
    return mx.arcsin(input)


@asin.vjp
def _(g, input):
    return g * conj(mx.rsqrt(1 - input * input))


@op(promote="float", inplace=True, aliases=("arccos",), autocast="gpu fp32")
def acos(input: Array) -> Array:
    """The arc cosine."""
    return mx.arccos(input)


@acos.vjp
def _(g, input):
    return -g * conj(mx.rsqrt(1 - input * input))


@op(promote="float", inplace=True, aliases=("arctan",))
def atan(input: Array) -> Array:
    """The arc tangent."""
    return mx.arctan(input)


@atan.vjp
def _(g, input):
    return g / conj(input * input + 1)


@op(promote="float", inplace=True, aliases=("arctan2",), autocast="gpu widest")
def atan2(input: Array, other: Array) -> Array:
    """The angle of the point (``other``, ``input``), in (-pi, pi]."""
    return mx.arctan2(input, other)


@atan2.vjp
def _(g, input, other):
    square = input * input + other * other
    origin = square == 0
    scaled = mx.where(origin, mx.array(0, g.dtype), g / mx.where(origin, mx.array(1, g.dtype), square))
    return scaled * other, scaled * -input


only(atan2, "atan2_cpu", FLOAT)


@op(promote="float", inplace=True, autocast="gpu fp32")
def sinh(input: Array) -> Array:
    """The hyperbolic sine."""
    return mx.sinh(input)


@sinh.vjp
def _(g, input):
    return g * conj(mx.cosh(input))


@op(promote="float", inplace=True, autocast="gpu fp32")
def cosh(input: Array) -> Array:
    """The hyperbolic cosine."""
    return mx.cosh(input)


@cosh.vjp
def _(g, input):
    return g * conj(mx.sinh(input))


@op(promote="float", inplace=True)
def tanh(input: Array) -> Array:
    """The hyperbolic tangent."""
    return mx.tanh(input)


@tanh.vjp
def _(g, output):
    return g * conj(1 - output * output)


@op(promote="float", inplace=True, aliases=("arcsinh",))
def asinh(input: Array) -> Array:
    """The inverse hyperbolic sine."""
    return mx.arcsinh(input)


@asinh.vjp
def _(g, input):
    return g * conj(mx.rsqrt(input * input + 1))


@op(promote="float", inplace=True, aliases=("arccosh",))
def acosh(input: Array) -> Array:
    """The inverse hyperbolic cosine."""
    return mx.arccosh(input)


@acosh.vjp
def _(g, input):
    if g.dtype == mx.complex64:
        return g * conj(mx.rsqrt(input + 1) * mx.rsqrt(input - 1))
    return g * mx.rsqrt(input * input - 1)


@op(promote="float", inplace=True, aliases=("arctanh",))
def atanh(input: Array) -> Array:
    """The inverse hyperbolic tangent."""
    return mx.arctanh(input)


@atanh.vjp
def _(g, input):
    return g / conj(1 - input * input)


@op(promote="float", inplace=True, namespace=("torch", "special"), single=True)
def sinc(input: Array) -> Array:
    """``sin(pi x) / (pi x)``, 1 at 0."""
    x = input * math.pi
    zero = x == 0
    safe = mx.where(zero, mx.array(1, x.dtype), x)
    return mx.where(zero, mx.array(1, x.dtype), sin(safe) / safe)


@sinc.vjp
def _(g, input):
    x = input * math.pi
    # the quotient cancels near 0, where the first terms of its series are exact
    small = mx.abs(x) < (0.01 if x.dtype == mx.float64 else 0.1)
    safe = mx.where(small, mx.array(1, x.dtype), x)
    square = x * x
    series = -x / 3 * (1 - square / 10 * (1 - square / 28 * (1 - square / 54)))
    slope = mx.where(small, series, (safe * cos(safe) - sin(safe)) / (safe * safe))
    return g * conj(slope * math.pi)


@op(promote="float", inplace=True, single=True)
def deg2rad(input: Array) -> Array:
    """Degrees in radians."""
    return input * (math.pi / 180)


@deg2rad.vjp
def _(g):
    return g * (math.pi / 180)


@op(promote="float", inplace=True, single=True)
def rad2deg(input: Array) -> Array:
    """Radians in degrees."""
    return input * (180 / math.pi)


@rad2deg.vjp
def _(g):
    return g * (180 / math.pi)


for _turn in (deg2rad, rad2deg):
    only(_turn, "", FLOAT, message=f"{_turn.name} is not supported for complex tensors.", error=RuntimeError)


@op(promote="same", inplace=True, single=True)
def hypot(input: Array, other: Array) -> Array:
    """``sqrt(input ** 2 + other ** 2)`` without overflow."""
    a, b = mx.abs(input), mx.abs(other)
    large, small = mx.maximum(a, b), mx.minimum(a, b)
    trivial = (large == 0) | mx.isinf(large)
    ratio = small / mx.where(trivial, mx.array(1, a.dtype), large)
    infinite = mx.isinf(a) | mx.isinf(b)
    length = mx.where(trivial, large, large * mx.sqrt(1 + ratio * ratio))
    return mx.where(infinite, mx.array(math.inf, a.dtype), length)


@hypot.vjp
def _(g, input, other, output):
    return g * (input / output), g * (other / output)


only(hypot, "hypot_cpu", FLOAT)


# ---------------------------------------------------------------------------------------------- absolute value and sign
@op(aliases=("absolute",), name="abs")
def size(input: Array) -> Array:
    """The absolute value."""
    return mx.abs(input)


@size.vjp
def _(g, input):
    return g * elementary.sign(input)


@composite
def abs_(input):
    """In-place form of ``abs``. Raises: RuntimeError for a complex tensor."""
    if input.is_complex():
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    return dispatch.in_place(size, (input,), ())


composite(abs_, name="absolute_", namespace=(), method=True)


@op(inplace=True)
def sign(input: Array) -> Array:
    """-1, 0 or 1 with the sign of each value."""
    return mx.sign(input)


@op(inplace=True, watch="input output")
def sgn(input: Array) -> Array:
    """The sign; of complex numbers ``input / abs(input)``, 0 at 0."""
    return elementary.sign(input)


@sign.vjp
def _(g):
    return mx.zeros_like(g)


@sgn.vjp
def _(g, input):
    if g.dtype != mx.complex64:
        return mx.zeros_like(g)
    return mx.vjp(elementary.sign, [input], [g])[1][0]


only(size, "abs_cpu", INT, FLOAT, COMPLEX)
only(
    sign,
    "",
    BOOL,
    INT,
    FLOAT,
    message="Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.",
)


@op(promote="float", inplace=True)
def copysign(input: Array, other: Operand) -> Array:
    """``input`` with the sign of ``other``."""
    return bits.copysign(input, other)


@copysign.vjp
def _(g, input, other, output):
    zero = input == 0
    ratio = output / mx.where(zero, mx.array(1, g.dtype), input)
    return g * mx.where(zero, mx.array(0, g.dtype), ratio), mx.zeros_like(g)


only(copysign, "copysign_cpu", FLOAT)

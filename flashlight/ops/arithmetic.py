"""Arithmetic: sums, products, quotients, remainders, powers."""

from __future__ import annotations

import mlx.core as mx

from .._core import checks, dispatch, dtypes
from .._core.axes import holds_any
from .._core.dispatch import is_number
from .._core.halves import HALVES
from .._core.numerics.bits import copysign
from .._core.numerics.elementary import conj, power
from .._core.table import Array, Operand, composite, op
from .._core.tensor import Tensor, read
from .kinds import FLOAT, INT, needs_a_tensor, no_derivative, only, two_numbers

ONE = 1  # the default alpha and value, known by identity


# ---------------------------------------------------------------------------------------------------- sums and products
def _scaled(a, alpha):
    """``alpha * a`` in the dtype of ``a``, with torch's refusals of an ``alpha`` of a higher kind."""
    if type(alpha) is bool and a.dtype != mx.bool_:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if alpha == 1:
        return a
    if isinstance(alpha, complex) and a.dtype != mx.complex64:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    if isinstance(alpha, float) and not mx.issubdtype(a.dtype, mx.inexact):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    factor = dispatch.scalar_array(alpha, a.dtype)
    # halves: the sum is what is rounded
    return mx.multiply(a, factor.astype(mx.float32) if a.dtype in HALVES else factor)


def _conjugated(alpha):
    return alpha.conjugate() if isinstance(alpha, complex) else alpha


@op(promote="same", inplace=True)
def add(input: Operand, other: Operand, *, alpha=ONE) -> Array:
    """``input + alpha * other``."""
    return mx.add(input, other) if alpha is ONE else mx.add(input, _scaled(other, alpha)).astype(input.dtype)


@add.vjp
def _(g, alpha):
    return g, g if alpha == 1 else g * _conjugated(alpha)


TWO_BOOLS = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. "
    "Use the `^` or `logical_xor()` operator instead."
)
ONE_BOOL = (
    "Subtraction, the `-` operator, with a bool tensor is not supported. "
    "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
)


@op(promote="same", inplace=True, aliases=("subtract",))
def sub(input: Operand, other: Operand, *, alpha=ONE) -> Array:
    """``input - alpha * other``. Raises: RuntimeError for a bool operand."""
    if input.dtype == mx.bool_:
        raise RuntimeError(TWO_BOOLS)
    return mx.subtract(input, other) if alpha is ONE else mx.subtract(input, _scaled(other, alpha)).astype(input.dtype)


@sub.vjp
def _(g, alpha):
    return g, -g if alpha == 1 else g * -_conjugated(alpha)


@sub.guarded
def refuse_a_bool(operands):
    """A guard of subtractions: torch has none of booleans."""
    for a in operands:
        if isinstance(a, bool) or (isinstance(a, mx.array) and a.dtype == mx.bool_):
            raise RuntimeError(ONE_BOOL)


@op(promote="same", method=False)
def rsub(input: Array, other: Operand, alpha=ONE) -> Array:
    """``other - alpha * input``."""
    if input.dtype == mx.bool_:
        raise RuntimeError(TWO_BOOLS)
    return mx.subtract(other, input) if alpha is ONE else mx.subtract(other, _scaled(input, alpha)).astype(other.dtype)


@rsub.vjp
def _(g, alpha):
    return -g if alpha == 1 else g * -_conjugated(alpha), g


rsub.guarded(refuse_a_bool)


@op(promote="same", inplace=True, aliases=("multiply",))
def mul(input: Operand, other: Operand) -> Array:
    """``input * other``."""
    return mx.multiply(input, other)


@mul.vjp(crosswise=("input", "other"))
def _(g, input, other, needs):
    return g * conj(other) if needs[0] else None, g * conj(input) if needs[1] else None


@op(namespace="_", method=False, single=True, backward="Mul")
def mul_by_number(input: Array, number, first) -> Array:
    """``input * number`` in half precision, the number not being rounded to it."""
    return input * number


@mul_by_number.vjp
def _(g, number):
    return g * number


mul.by_number = mul_by_number


@op(inplace=True, aliases=("negative",))
def neg(input: Array) -> Array:
    """``-input``. Raises: RuntimeError for bool."""
    if input.dtype == mx.bool_:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )
    return mx.negative(input)


@neg.vjp
def _(g):
    return -g


@composite
def positive(input):
    """The tensor itself. Raises: RuntimeError for bool."""
    if input.dtype is dtypes.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


@op(promote="same", inplace=True, autocast="gpu widest", single=True)
def addcmul(input: Array, tensor1: Array, tensor2: Array, *, value=ONE) -> Array:
    """``input + value * tensor1 * tensor2``."""
    product = mx.multiply(tensor1, tensor2)
    return mx.add(input, product if value == 1 else _times(product, value))


def _times(a, value):
    return mx.multiply(a, dispatch.scalar_array(value, a.dtype))


@addcmul.vjp(crosswise=("tensor1", "tensor2"))
def _(g, tensor1, tensor2, value, needs):
    def pulled(factor):
        return g * conj(factor if value == 1 else _times(factor, value))

    return g, pulled(tensor2) if needs[1] else None, pulled(tensor1) if needs[2] else None


@op(promote="same", inplace=True, autocast="gpu widest", single=True)
def addcdiv(input: Array, tensor1: Array, tensor2: Array, *, value=ONE) -> Array:
    """``input + value * tensor1 / tensor2``. Raises: RuntimeError for integer ``tensor1`` and ``tensor2``."""
    quotient = mx.divide(tensor1, tensor2)
    return mx.add(input, quotient if value == 1 else _times(quotient, value))


@addcdiv.vjp
def _(g, tensor1, tensor2, value, needs):
    to_first = g * conj(dispatch.scalar_array(value, g.dtype) / tensor2) if needs[1] else None
    to_second = -g * conj(_times(tensor1, value) / mx.square(tensor2)) if needs[2] else None
    return g, to_first, to_second


@addcdiv.checked
def _(arrays, _statics):
    if not mx.issubdtype(arrays[1].dtype, mx.inexact):
        raise _integer_addcdiv()
    return arrays


@addcdiv.guarded
def _(operands):
    if all(isinstance(a, mx.array) and not mx.issubdtype(a.dtype, mx.inexact) for a in operands[1:]):
        raise _integer_addcdiv()


def _integer_addcdiv() -> RuntimeError:
    return RuntimeError(
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true "
        "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
        "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) "
        "for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / "
        "tensor2), for all dtypes."
    )


# ------------------------------------------------------------------------------------------------------------ quotients
@op(promote="float", backward="Div", inplace=True)
def true_divide(input: Operand, other: Operand) -> Array:
    """``input / other``; integers are divided as floats."""
    return mx.divide(input, other)


@true_divide.vjp(reader="other")
def _(g, input, other, needs):
    grad = g / conj(other)
    return grad, -grad * conj(input / other) if needs[1] else None


@op(namespace="_", method=False, single=True, backward="Div")
def divide_by_number(input: Array, number, first) -> Array:
    """``input / number``, or without ``first`` ``number / input``, in half precision, the number not being rounded to it."""
    # a product with the reciprocal would round twice
    return mx.divide(input, mx.array(number)) if first else mx.divide(mx.array(number), input)


@divide_by_number.vjp
def _(g, input, number, first):
    return g / number if first else -g * number / (input * input)


true_divide.by_number = divide_by_number


def _whole_divisor(a, b):
    """(an integer divisor without 0 and -1, by which some processors end the process; where it was -1)."""
    zero = b == 0
    if b.size and a.size:
        checks.refuse(holds_any(zero), b, lambda: RuntimeError("ZeroDivisionError"))
    minus = b == -1 if mx.issubdtype(b.dtype, mx.signedinteger) else None
    return mx.where(zero if minus is None else zero | minus, mx.array(1, b.dtype), b), minus


def remainder_of(a, b):
    """The remainder with the sign of ``b``."""
    if mx.issubdtype(a.dtype, mx.inexact):
        return mx.remainder(a, b)
    return mx.remainder(a, _whole_divisor(a, b)[0])


def truncated_remainder(a, b):
    """The remainder with the sign of ``a``."""
    if mx.issubdtype(a.dtype, mx.inexact):
        return copysign(mx.remainder(mx.abs(a), mx.abs(b)), a)
    rest = remainder_of(a, b)
    return mx.where((rest != 0) & ((a < 0) != (b < 0)), rest - b, rest)


def _floor_of_ratio(a, b):
    """``floor(a / b)`` of floats as Python's ``//`` rounds it."""
    rest = truncated_remainder(a, b)
    quotient = (a - rest) / b
    quotient = mx.where((rest != 0) & ((b < 0) != (rest < 0)), quotient - 1, quotient)
    whole = mx.floor(quotient)
    whole = mx.where(quotient - whole > 0.5, whole + 1, whole)
    ratio = a / b
    whole = mx.where(quotient == 0, copysign(mx.zeros_like(ratio), ratio), whole)
    return mx.where(b == 0, ratio, whole)


def _whole_quotient(a, b, down: bool):
    """The integer quotient rounded down or towards zero."""
    divisor, minus = _whole_divisor(a, b)
    quotient = mx.floor_divide(a, divisor)
    # MLX's integer quotient is rounded down or towards zero, depending on the processor: go by the remainder's sign
    rest = a - quotient * divisor
    floor = mx.where((rest != 0) & ((rest < 0) != (divisor < 0)), quotient - 1, quotient)
    if not down:
        floor = mx.where((a - floor * divisor != 0) & ((a < 0) != (divisor < 0)), floor + 1, floor)
    return floor if minus is None else mx.where(minus, -a, floor)


def _down(a, b):
    return _floor_of_ratio(a, b) if mx.issubdtype(a.dtype, mx.inexact) else _whole_quotient(a, b, True)


def _towards_zero(a, b):
    return mx.trunc(a / b) if mx.issubdtype(a.dtype, mx.inexact) else _whole_quotient(a, b, False)


@op(promote="same", inplace=True)
def floor_divide(input: Operand, other: Operand) -> Array:
    """``floor(input / other)``. Raises: RuntimeError for an integer division by zero."""
    return _down(input, other)


@op(promote="same", namespace="_", method=False, backward="Div")
def div_floor(input: Operand, other: Operand) -> Array:
    """The quotient rounded down."""
    return _down(input, other)


@op(promote="same", namespace="_", method=False, backward="Div")
def div_trunc(input: Operand, other: Operand) -> Array:
    """The quotient rounded towards zero."""
    return _towards_zero(input, other)


for _rounded in (div_floor, div_trunc):

    @_rounded.vjp
    def _(g):
        return mx.zeros_like(g), mx.zeros_like(g)


_ROUNDED = {None: true_divide, "floor": div_floor, "trunc": div_trunc}


def _divider(rounding_mode):
    if rounding_mode not in _ROUNDED:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _ROUNDED[rounding_mode]


@composite(aliases=("divide",))
def div(input, other, *, rounding_mode=None, out=None):
    """``input / other``, rounded to whole numbers with ``rounding_mode`` "floor" or "trunc"."""
    result = dispatch.run(_divider(rounding_mode), (input, other), ())
    return result if out is None else dispatch.write_out(out, result)


@composite(namespace=(), method=True, aliases=("divide_",))
def div_(input, other, *, rounding_mode=None):
    """In-place form of ``div``."""
    return dispatch.in_place(_divider(rounding_mode), (input, other), ())


@op(promote="same", inplace=True)
def remainder(input: Operand, other: Operand) -> Array:
    """The remainder with the divisor's sign, as Python has it. Raises: RuntimeError for an integer zero."""
    return remainder_of(input, other)


@remainder.vjp(reader="other")
def _(g, input, other, needs):
    return g, -g * mx.stop_gradient(_floor_of_ratio(input, other)) if needs[1] else None


@op(promote="same", inplace=True)
def fmod(input: Array, other: Operand) -> Array:
    """The remainder with the dividend's sign, as C has it. Raises: RuntimeError for an integer division by zero."""
    return truncated_remainder(input, other)


@fmod.vjp(reader="other")
def _(g, input, other, needs):
    return g, -g * mx.trunc(input / other) if needs[1] else None


only(floor_divide, "div_floor_cpu", INT, FLOAT)
only(div_floor, "div_floor_cpu", INT, FLOAT)
only(div_trunc, "div_trunc_cpu", INT, FLOAT)
only(remainder, "remainder_cpu", INT, FLOAT)
only(fmod, "fmod_cpu", INT, FLOAT)
no_derivative(floor_divide)
needs_a_tensor(remainder)


@op(promote="float", inplace=True, autocast="gpu fp32")
def reciprocal(input: Array) -> Array:
    """``1 / input``."""
    return mx.reciprocal(input)


@reciprocal.vjp
def _(g, output):
    return -g * conj(output * output)


# --------------------------------------------------------------------------------------------------------------- powers
@op(namespace="_", method=False, name="pow_scalar", backward="Pow", autocast="gpu fp32")
def pow_scalar(input: Array, exponent) -> Array:
    """A tensor to the power of a number of no higher kind."""
    if not mx.issubdtype(input.dtype, mx.inexact):
        if exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
    elif exponent == 0:
        return mx.ones_like(input)
    elif exponent == 1:
        return input
    elif exponent == 2:
        return mx.square(input)
    elif exponent == 0.5:
        return mx.sqrt(input)
    elif exponent == -1:
        return mx.reciprocal(input)
    elif exponent == -0.5 and input.dtype != mx.complex64:
        return mx.rsqrt(input)
    elif exponent == 3:
        return input * input * input
    elif exponent == -2:
        return mx.reciprocal(input * input)
    return power(input, dispatch.scalar_array(exponent, input.dtype))


@pow_scalar.vjp
def _(g, input, exponent):
    if exponent == 0:
        return mx.zeros_like(g)
    if exponent == 2:
        return g * conj(2 * input)
    return g * conj(dispatch.scalar_array(exponent, g.dtype) * pow_scalar(input, exponent - 1))


@op(promote="same", namespace="_", method=False, name="pow_tensor", backward="Pow", autocast="gpu fp32")
def pow_tensor(input: Operand, exponent: Operand) -> Array:
    """Elementwise power; negative powers of integers other than 1 and -1 are 0."""
    if mx.issubdtype(input.dtype, mx.signedinteger):
        odd = mx.bitwise_and(exponent, mx.array(1, exponent.dtype)) != 0
        inverse = mx.where(input == 1, 1, mx.where(input == -1, mx.where(odd, -1, 1), 0)).astype(input.dtype)
        return mx.where(exponent < 0, inverse, mx.power(input, mx.maximum(exponent, 0)))
    return mx.power(input, exponent)


@pow_tensor.vjp
def _(g, input, exponent, output, needs):
    zero = mx.array(0, g.dtype)
    grad = to_exponent = None
    if needs[0]:
        grad = mx.where(exponent == 0, zero, g * conj(exponent * power(input, exponent - 1)))
    if needs[1]:
        flat = (input == 0) & (mx.real(exponent) >= 0 if g.dtype == mx.complex64 else exponent >= 0)
        to_exponent = mx.where(flat, zero, g * conj(output * mx.log(input)))
    return grad, to_exponent


def _power(input, exponent, runner):
    """Run the power of the operands' kinds: a number as exponent has short ways and a simpler gradient."""
    if isinstance(input, Tensor) and is_number(exponent):
        own, given = input.dtype, dtypes.of_scalar(exponent)
        if own.category >= given.category:
            return runner(pow_scalar, (input,), (exponent,))
        return runner(pow_scalar, (_lifted(input, exponent, runner),), (exponent,))
    if not (isinstance(input, Tensor) or isinstance(exponent, Tensor)):
        raise two_numbers("pow", (input, exponent))
    return runner(pow_tensor, (input, exponent), ())


def _lifted(input, exponent, runner):
    target = dispatch.common_dtype([read(input), exponent])
    if runner is dispatch.in_place:
        raise dispatch.cannot_cast(dtypes.scalar_type_name(target), dtypes.scalar_type_name(input.dtype))
    return dispatch.cast(input, target)


@composite
def pow(input, exponent, *, out=None):
    """``input ** exponent``. Raises: RuntimeError for an integer tensor and a negative integer."""
    result = _power(input, exponent, dispatch.run)
    return result if out is None else dispatch.write_out(out, result)


@composite(namespace=(), method=True)
def pow_(input, exponent):
    """In-place form of ``pow``."""
    return _power(input, exponent, dispatch.in_place)


def _doubled(value):
    if isinstance(value, Tensor):
        return dispatch.cast(value, dtypes.complex128 if value.is_complex() else dtypes.float64)
    return complex(value) if isinstance(value, complex) else float(value)


@composite
def float_power(input, exponent, *, out=None):
    """``input ** exponent`` computed in float64."""
    result = _power(_doubled(input), _doubled(exponent), dispatch.run)
    return result if out is None else dispatch.write_out(out, result)


@composite(namespace=(), method=True)
def float_power_(input, exponent):
    """In-place form of ``float_power``. Raises: RuntimeError unless the tensor is float64."""
    if input.dtype is not dtypes.float64:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {dtypes.scalar_type_name(input.dtype)} "
            "but the operation's result requires dtype Double"
        )
    return _power(input, _doubled(exponent), dispatch.in_place)


@op(inplace=True, name="square", backward="Pow")
def square(input: Array) -> Array:
    """``input * input``."""
    if input.dtype == mx.bool_:
        return input.astype(mx.int64)
    return mx.square(input)


@square.vjp
def _(g, input):
    return g * conj(2 * input)


@op(promote="float", inplace=True)
def sqrt(input: Array) -> Array:
    """The square root."""
    return mx.sqrt(input)


@sqrt.vjp
def _(g, output):
    return g / conj(2 * output)


@op(promote="float", inplace=True, autocast="gpu fp32")
def rsqrt(input: Array) -> Array:
    """``1 / sqrt(input)``."""
    return mx.rsqrt(input)


@rsqrt.vjp
def _(g, output):
    return -0.5 * g * conj(output * output * output)

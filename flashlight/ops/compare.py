"""Comparisons, and questions about single values and about pairs of tensors."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.conversion import host_value
from .._core.numerics import bits
from .._core.table import Array, Operand, composite, op
from .._core.tensor import Tensor, read, wrap
from .kinds import BOOL, FLOAT, INT, only


# ---------------------------------------------------------------------------------------------------------- comparisons
@op(promote="same", grad=False)
def eq(input: Array, other: Operand) -> Array:
    """``input == other``, elementwise."""
    return mx.equal(input, other)


@op(promote="same", grad=False, aliases=("not_equal",))
def ne(input: Array, other: Operand) -> Array:
    """``input != other``, elementwise."""
    return mx.not_equal(input, other)


@op(promote="same", grad=False, aliases=("less",))
def lt(input: Array, other: Operand) -> Array:
    """``input < other``, elementwise."""
    return mx.less(input, other)


@op(promote="same", grad=False, aliases=("less_equal",))
def le(input: Array, other: Operand) -> Array:
    """``input <= other``, elementwise."""
    return mx.less_equal(input, other)


@op(promote="same", grad=False, aliases=("greater",))
def gt(input: Array, other: Operand) -> Array:
    """``input > other``, elementwise."""
    return mx.greater(input, other)


@op(promote="same", grad=False, aliases=("greater_equal",))
def ge(input: Array, other: Operand) -> Array:
    """``input >= other``, elementwise."""
    return mx.greater_equal(input, other)


for _ordering in (lt, le, gt, ge):
    only(_ordering, f"{_ordering.name}_cpu", BOOL, INT, FLOAT)


@op(promote="same", namespace="_", method=False, name="answered", backward="Compare")
def _answered(input: Array, other: Operand, question) -> Array:
    """The answers to a comparison as numbers of the operands' dtype: constants, as far as gradients are concerned."""
    return question(input, other).astype(input.dtype)


@_answered.vjp
def _(g):
    return mx.zeros_like(g), mx.zeros_like(g)


@_answered.checked
def _(arrays, statics):
    return arrays if statics[0].check is None else statics[0].check(arrays, ())


def _write_answers(question, *aliases: str) -> None:
    """Declare the in-place form of a comparison."""

    def write(input, other):
        # written into a float tensor the answer is still part of its history, with a gradient of zero
        if input.dtype.category >= FLOAT:
            return dispatch.in_place(_answered, (input, other), (question,))
        return dispatch.in_place(question, (input, other), ())

    write.__doc__ = f"In-place form of ``{question.name}``."
    composite(write, name=question.name + "_", namespace=(), method=True, aliases=aliases)


# -------------------------------------------------------------------------------------------------------------- logical
@op(promote="same", grad=False)
def logical_and(input: Array, other: Array) -> Array:
    """Whether both are true; any value but zero is."""
    return mx.logical_and(input, other)


@op(promote="same", grad=False)
def logical_or(input: Array, other: Array) -> Array:
    """Whether at least one is true; any value but zero is."""
    return mx.logical_or(input, other)


@op(promote="same", grad=False)
def logical_xor(input: Array, other: Array) -> Array:
    """Whether exactly one is true; any value but zero is."""
    return (input != 0) != (other != 0)


for _question, *_aliases in (
    (eq,),
    (ne, "not_equal_"),
    (lt, "less_"),
    (le, "less_equal_"),
    (gt, "greater_"),
    (ge, "greater_equal_"),
    (logical_and,),
    (logical_or,),
    (logical_xor,),
):
    _write_answers(_question, *_aliases)


@op(inplace=True, grad=False)
def logical_not(input: Array) -> Array:
    """Whether each value is zero."""
    return mx.logical_not(input)


# -------------------------------------------------------------------------------------------------------- single values
@op(grad=False, out=False)
def isnan(input: Array) -> Array:
    """Whether each value is not a number."""
    return mx.isnan(input)


@op(grad=False, out=False)
def isinf(input: Array) -> Array:
    """Whether each value is infinite."""
    return mx.isinf(input)


@op(grad=False, out=False)
def isfinite(input: Array) -> Array:
    """Whether each value is finite."""
    return mx.isfinite(input)


@op(grad=False, out="exact")
def isposinf(input: Array) -> Array:
    """Whether each value is positive infinity."""
    return mx.isposinf(input)


@op(grad=False, out="exact")
def isneginf(input: Array) -> Array:
    """Whether each value is negative infinity."""
    return mx.isneginf(input)


@op(grad=False, out=False)
def isreal(input: Array) -> Array:
    """Whether each value has no imaginary part."""
    return mx.imag(input) == 0 if input.dtype == mx.complex64 else mx.ones(input.shape, dtype=mx.bool_)


@op(grad=False)
def signbit(input: Array) -> Array:
    """Whether the sign is negative, of zeros and nans as well."""
    return bits.signbit(input)


# ----------------------------------------------------------------------------------------------------- pairs of tensors
@op(grad=False, out=False)
def isclose(input: Array, other: Array, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Array:
    """``|input - other| <= atol + rtol * |other|``; equal infinities are close, and nans with ``equal_nan``."""
    if input.dtype != other.dtype:
        names = [dtypes.scalar_type_name(dtypes.from_mlx(a.dtype)) for a in (input, other)]
        raise RuntimeError(f"{names[0]} did not match {names[1]}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")
    close = input == other
    if equal_nan and mx.issubdtype(input.dtype, mx.inexact):
        close = close | (mx.isnan(input) & mx.isnan(other))
    if rtol == 0 and atol == 0:
        return close
    gap = mx.abs(input ^ other if input.dtype == mx.bool_ else input - other)
    size = mx.abs(other)
    if not mx.issubdtype(gap.dtype, mx.inexact):
        gap, size = gap.astype(mx.float32), size.astype(mx.float32)
    allowed = mx.array(atol, gap.dtype) + mx.array(rtol, gap.dtype) * size
    return close | (mx.isfinite(gap) & (gap <= allowed))


@composite(differentiable=False)
def allclose(input, other, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all pairs of values are close, as ``isclose`` says."""
    return host_value(_all(isclose.public(input, other, rtol, atol, equal_nan))).item()


@composite(differentiable=False)
def equal(input, other) -> bool:
    """Whether two tensors have the same shape and equal values."""
    for place, value in enumerate((input, other)):
        if not isinstance(value, Tensor):
            raise eq.bad_operand(place, value)
    if read(input).shape != read(other).shape:
        return False
    return host_value(_all(eq.public(input, other))).item()


def _all(t: Tensor) -> Tensor:
    """Whether all values of a bool tensor are true."""
    return wrap(mx.all(read(t)), t._device)


only(isposinf, "", BOOL, INT, FLOAT, message="isposinf does not support complex inputs.", error=RuntimeError)
only(isneginf, "", BOOL, INT, FLOAT, message="isneginf does not support complex inputs.", error=RuntimeError)
only(signbit, "", BOOL, INT, FLOAT, message="signbit is not implemented for complex tensors.")


# ----------------------------------------------------------------------------------------------- questions of the dtype
@composite(method=False, differentiable=False)
def is_complex(input) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


@composite(method=False, differentiable=False)
def is_floating_point(input) -> bool:
    """Whether the dtype is a floating point type."""
    return input.is_floating_point()


@composite(method=False, differentiable=False)
def is_signed(input) -> bool:
    """Whether the dtype holds negative values."""
    return input.is_signed()


@composite(method=False, differentiable=False)
def is_inference(input) -> bool:
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


@composite(differentiable=False)
def is_nonzero(input) -> bool:
    """Whether the only value of a tensor is not zero. Raises: RuntimeError for another number of values."""
    return bool(input)

"""Choices between values: clamp, maximum, minimum, where, lerp."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.dispatch import is_number
from .._core.numerics.elementary import conj
from .._core.steps import unbroadcast
from .._core.table import Array, Operand, composite, op
from .._core.tensor import Tensor, read, wrap
from .kinds import BOOL, COMPLEX, FLOAT, INT, only


# ------------------------------------------------------------------------------------------------------------- extremes
def _zero(g):
    return mx.array(0, g.dtype)


@op(promote="same")
def maximum(input: Array, other: Array) -> Array:
    """The larger of each pair; nan if one is nan. At ties both get half the gradient."""
    return mx.maximum(input, other)


@maximum.vjp
def _(g, input, other):
    return _shared(g, input == other, input < other, input > other)


@op(promote="same")
def minimum(input: Array, other: Array) -> Array:
    """The smaller of each pair; nan if one is nan. At ties both get half the gradient."""
    return mx.minimum(input, other)


@minimum.vjp
def _(g, input, other):
    return _shared(g, input == other, input > other, input < other)


def _shared(g, tie, first_loses, second_loses):
    each = mx.where(tie, g * 0.5, g)
    return mx.where(first_loses, _zero(g), each), mx.where(second_loses, _zero(g), each)


@op(promote="same")
def fmax(input: Array, other: Array) -> Array:
    """The larger of each pair, the number where the other is nan. At ties the first gets the gradient."""
    return mx.where(_nan(input), other, mx.where(_nan(other), input, mx.maximum(input, other)))


@op(promote="same")
def fmin(input: Array, other: Array) -> Array:
    """The smaller of each pair, the number where the other is nan. At ties the first gets the gradient."""
    return mx.where(_nan(input), other, mx.where(_nan(other), input, mx.minimum(input, other)))


def _nan(a):
    return mx.isnan(a) if mx.issubdtype(a.dtype, mx.inexact) else mx.array(False)


@fmax.vjp
def _(g, input, other):
    first = (input >= other) | mx.isnan(other)
    return mx.where(first, g, _zero(g)), mx.where(first, _zero(g), g)


@fmin.vjp
def _(g, input, other):
    first = (input <= other) | mx.isnan(other)
    return mx.where(first, g, _zero(g)), mx.where(first, _zero(g), g)


for _extreme in (maximum, minimum, fmax, fmin):
    _text = f"{_extreme.name} not implemented for complex tensors."
    only(_extreme, "", BOOL, INT, FLOAT, message=_text, error=RuntimeError)


# ---------------------------------------------------------------------------------------------------------------- clamp
def _bounded(a, low, high):
    if low is not None:
        a = mx.maximum(a, low)
    return a if high is None else mx.minimum(a, high)


@op(namespace="_", method=False, name="clamp_numbers", backward="Clamp")
def clamp_numbers(input: Array, min, max) -> Array:
    """Values limited by numbers of no higher kind."""
    low, high = (None if v is None else dispatch.scalar_array(v, input.dtype) for v in (min, max))
    return _bounded(input, low, high)


@clamp_numbers.vjp
def _(g, input, min, max):
    inside = None
    if min is not None:
        inside = input >= min
    if max is not None:
        inside = input <= max if inside is None else inside & (input <= max)
    return mx.where(inside, g, _zero(g))


@op(promote="same", namespace="_", method=False, name="clamp_tensors", backward="Clamp")
def clamp_tensors(input: Array, min: Operand | None, max: Operand | None) -> Array:
    """Values limited by tensors."""
    return _bounded(input, min, max)


@clamp_tensors.vjp
def _(g, input, min, max):
    zero = _zero(g)
    if max is None:
        inside = input >= min
        return mx.where(inside, g, zero), mx.where(input < min, g, zero), None
    if min is None:
        return mx.where(input <= max, g, zero), None, mx.where(input > max, g, zero)
    inside = (input >= min) & (input <= max)
    to_min = mx.where((min < max) & (input < min), g, zero)
    to_max = mx.where((input > max) | (max < min), g, zero)
    return mx.where(inside, g, zero), to_min, to_max


_NO_BOUND = "torch.clamp: At least one of 'min' or 'max' must not be None"
for _clamp in (clamp_numbers, clamp_tensors):
    only(_clamp, "", BOOL, INT, FLOAT, message="clamp is not supported for complex types")


_PLAIN = {int, float, type(None)}


def _clamped(runner, input, min, max):
    if not isinstance(input, Tensor):
        raise TypeError(f"clamp(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if min is None and max is None:
        raise RuntimeError(_NO_BOUND)
    for name, bound in (("min", min), ("max", max)):
        if not (bound is None or isinstance(bound, Tensor) or is_number(bound)):
            raise TypeError(f"clamp(): argument '{name}' must be Tensor, not {type(bound).__name__}")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        for bound, other in ((min, max), (max, min)):
            if is_number(bound) and read(other).ndim:
                raise TypeError("clamp() received an invalid combination of arguments: give two tensors or two numbers")
        return runner(clamp_tensors, (input, min, max), ())
    if input.dtype.category == FLOAT and {type(min), type(max)} <= _PLAIN:
        return runner(clamp_numbers, (input,), (min, max))
    target = dispatch.common_dtype([v for v in (read(input), min, max) if v is not None])
    if target is not input.dtype:
        if runner is dispatch.in_place:
            raise dispatch.cannot_cast(dtypes.scalar_type_name(target), dtypes.scalar_type_name(input.dtype))
        input = dispatch.cast(input, target)
    return runner(clamp_numbers, (input,), (min, max))


@composite(aliases=("clip",))
def clamp(input, min=None, max=None, *, out=None):
    """Values limited to [``min``, ``max``], numbers or tensors; either may be left out."""
    result = _clamped(dispatch.run, input, min, max)
    return result if out is None else dispatch.write_out(out, result)


@composite(method=True, aliases=("clip_",))
def clamp_(input, min=None, max=None):
    """In-place form of ``clamp``."""
    return _clamped(dispatch.in_place, input, min, max)


@composite
def clamp_min(input, min, *, out=None):
    """Values not below ``min``."""
    return clamp(input, min, None, out=out)


@composite
def clamp_max(input, max, *, out=None):
    """Values not above ``max``."""
    return clamp(input, None, max, out=out)


@composite
def clamp_min_(input, min):
    """In-place form of ``clamp_min``."""
    return clamp_(input, min, None)


@composite
def clamp_max_(input, max):
    """In-place form of ``clamp_max``."""
    return clamp_(input, None, max)


# ---------------------------------------------------------------------------------------------------------------- where
@op(namespace="_", method=False, name="where")
def choose(condition: Array, input: Operand, other: Operand) -> Array:
    """``input`` where the condition holds, else ``other``; both of one dtype."""
    return mx.where(condition, input, other)


@choose.vjp
def _(g, condition, shapes, needs):
    zero = _zero(g)
    first = unbroadcast(mx.where(condition, g, zero), shapes[1]) if needs[1] else None
    return None, first, unbroadcast(mx.where(condition, zero, g), shapes[2]) if needs[2] else None


_MISSING = object()


@composite(method=False)
def where(condition, input=_MISSING, other=_MISSING, *, out=None):
    """``input`` where ``condition`` is true, else ``other``; without both, the indices of what is true."""
    if input is _MISSING and other is _MISSING:
        return condition.nonzero(as_tuple=True)
    if input is _MISSING or other is _MISSING:
        raise TypeError("where() takes a condition alone, or with both 'input' and 'other'")
    if not isinstance(condition, Tensor):
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    if condition.dtype is dtypes.uint8:
        condition = dispatch.cast(condition, dtypes.bool_)
    elif condition.dtype is not dtypes.bool_:
        name = dtypes.scalar_type_name(condition.dtype)
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {name}")
    result = dispatch.run(choose, (condition, *_of_one_dtype(input, other)), ())
    return result if out is None else dispatch.write_out(out, result)


def _of_one_dtype(input, other):
    for place, value in ((1, input), (2, other)):
        if not (isinstance(value, Tensor) or is_number(value)):
            raise choose.bad_operand(place, value)
    if isinstance(input, Tensor) and isinstance(other, Tensor) and input.dtype is other.dtype:
        return input, other
    target = dispatch.common_dtype([read(v) if isinstance(v, Tensor) else v for v in (input, other)])
    return tuple(
        wrap(dispatch.scalar_array(v, dtypes.to_mlx(target))) if not isinstance(v, Tensor)
        else v if v.dtype is target
        else dispatch.cast(v, target)
        for v in (input, other)
    )  # fmt: skip


@composite(name="where", namespace=(), method=True)
def _where(self, condition, other):
    """The values of this tensor where ``condition`` is true, else those of ``other``."""
    return where(condition, self, other)


# ----------------------------------------------------------------------------------------------------------------- lerp
@op(promote="same", inplace=True, single=True)
def lerp(input: Array, end: Array, weight: Operand) -> Array:
    """``input + weight * (end - input)``, exact at both ends."""
    gap = end - input
    return mx.where(mx.abs(weight) < 0.5, input + weight * gap, end - gap * (1 - weight))


@lerp.vjp(reader="weight")
def _(g, input, end, weight, needs):
    return (
        g * conj(1 - weight) if needs[0] else None,
        g * conj(weight) if needs[1] else None,
        g * conj(end - input) if needs[2] else None,
    )


@lerp.guarded
def _(operands):
    own = operands[0].dtype
    for name, a in zip(("end", "weight"), operands[1:], strict=True):
        if isinstance(a, mx.array) and a.dtype != own:
            wanted, given = (dtypes.cpp_name(dtypes.from_mlx(d)) for d in (own, a.dtype))
            raise RuntimeError(f"expected dtype {wanted} for `{name}` but got dtype {given}")


only(lerp, "lerp_kernel_scalar", FLOAT, COMPLEX)

"""What operators say of dtypes they do not take, and of derivatives they do not have."""

from __future__ import annotations

import mlx.core as mx

from .._core import dtypes
from .._core.table import Operator

BOOL, INT, FLOAT, COMPLEX = range(4)


def kind_of(a: mx.array) -> int:
    """BOOL, INT, FLOAT or COMPLEX."""
    return dtypes.from_mlx(a.dtype).category


def not_implemented(kernel: str, a: mx.array) -> NotImplementedError:
    """The error for a dtype no kernel exists for."""
    return NotImplementedError(
        f"\"{kernel}\" not implemented for '{dtypes.scalar_type_name(dtypes.from_mlx(a.dtype))}'"
    )


def only(operator: Operator, kernel: str, *kinds: int, message: str = "", error=NotImplementedError) -> None:
    """Refuse operands, after promotion, of other kinds than these."""
    allowed = {d.mlx for d in dtypes.BY_NAME.values() if d.category in kinds}

    @operator.checked
    def _(arrays, _statics):
        for a in arrays:
            if a is not None and a.dtype not in allowed:
                raise error(message) if message else not_implemented(kernel, a)
        return arrays


def needs_a_tensor(*operators: Operator) -> None:
    """Refuse calls of these whose operands are all numbers."""
    for operator in operators:
        operator.guarded(_number_refusal(operator.name))


def _number_refusal(name: str):
    def refuse(operands):
        if not any(isinstance(a, mx.array) for a in operands):
            raise two_numbers(name, operands)

    return refuse


def two_numbers(name: str, operands) -> TypeError:
    """The error for an operator called without a tensor."""
    given = ", ".join(type(a).__name__ for a in operands)
    return TypeError(f"{name}() received an invalid combination of arguments - got ({given}): one must be a Tensor")


def no_derivative(*operators: Operator) -> None:
    """Declare that torch has no derivative for these: backward through them raises."""
    for operator in operators:
        operator.vjp(_refusal(f"derivative for aten::{operator.name} is not implemented"))


def _refusal(message: str):
    def refuse(g):
        raise RuntimeError(message)

    return refuse

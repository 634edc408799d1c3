"""Checks with torch's error types, and arithmetic of sizes: what packages call to say what holds of a shape or a value.

Sizes are always plain numbers here, so ``SymInt`` and its relations are names for ``isinstance`` only.
"""

from __future__ import annotations

import functools
import math

import mlx.core as mx

from .._core import dtypes
from .._core.table import composite
from .._core.tensor import Tensor, wrap

_in_torch = functools.partial(composite, namespace="torch", method=False)
_UNSAID = (
    "Expected cond to be True, but got False. (Could this error message be improved? If so, please report an "
    "enhancement request to PyTorch.)"
)


def _hold(error: type, cond, message) -> None:
    if not isinstance(cond, bool):
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if cond:
        return
    if message is None:
        raise error(_UNSAID)
    if not callable(message):
        raise TypeError("message must be a callable")
    raise error(str(message()))


@_in_torch
def _check_with(error_type, cond, message):
    """Raise ``error_type`` with what ``message()`` gives unless ``cond`` is True."""
    _hold(error_type, cond, message)


@_in_torch
def _check(cond, message=None):
    """Raise RuntimeError with what ``message()`` gives unless ``cond`` is True."""
    _hold(RuntimeError, cond, message)


@_in_torch
def _check_index(cond, message=None):
    """``_check`` with IndexError."""
    _hold(IndexError, cond, message)


@_in_torch
def _check_value(cond, message=None):
    """``_check`` with ValueError."""
    _hold(ValueError, cond, message)


@_in_torch
def _check_type(cond, message=None):
    """``_check`` with TypeError."""
    _hold(TypeError, cond, message)


@_in_torch
def _check_not_implemented(cond, message=None):
    """``_check`` with NotImplementedError."""
    _hold(NotImplementedError, cond, message)


@_in_torch
def _check_is_size(i, message=None, *, max=None):
    """Raise RuntimeError unless ``i`` can be a size: not negative, and at most ``max``."""
    _hold(RuntimeError, i >= 0, message)
    if max is not None:
        _hold(RuntimeError, i <= max, message)


@_in_torch
def _check_tensor_all_with(error_type, cond, message=None):
    """Raise ``error_type`` unless all elements of a bool tensor are True."""
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype is not dtypes.bool:
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    _hold(error_type, bool(cond.all()), message)


@_in_torch
def _check_tensor_all(cond, message=None):
    """``_check`` of all elements of a bool tensor."""
    _check_tensor_all_with(RuntimeError, cond, message)


@_in_torch
def _assert(condition, message):
    """``assert condition, message``, as a function."""
    if not condition:
        raise AssertionError(message)


@_in_torch
def _assert_async(input, assert_msg=None):
    """Raise RuntimeError if a tensor's only element is zero."""
    if input.numel() != 1:
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    if not bool(input):
        raise RuntimeError(assert_msg or "Expected Tensor with single nonzero value, but got zero")


@_in_torch
def _shape_as_tensor(self):
    """The sizes as an int64 tensor."""
    return wrap(mx.array(list(self.shape), mx.int64), self.device)


# ------------------------------------------------------------------------------------------------- arithmetic of sizes
@_in_torch
def sym_int(a):
    """A number cut to int."""
    return math.trunc(a)


@_in_torch
def sym_float(a):
    """A number as float."""
    return float(a)


@_in_torch
def sym_not(a):
    """``not a``."""
    return not a


@_in_torch
def sym_ite(b, t, f):
    """``t if b else f``, both of one type."""
    if not isinstance(b, bool) or type(t) is not type(f):
        raise AssertionError(f"sym_ite takes a bool and two values of one type, not {b!r}, {t!r}, {f!r}")
    return t if b else f


def _common(a, b, chosen):
    return float(chosen) if isinstance(a, float) or isinstance(b, float) else chosen


@_in_torch
def sym_max(a, b):
    """The larger of two numbers, a float if one of them is."""
    return _common(a, b, max(a, b))


@_in_torch
def sym_min(a, b):
    """The smaller of two numbers, a float if one of them is."""
    return _common(a, b, min(a, b))


@_in_torch
def sym_sum(*args):
    """The sum of numbers, given one by one or as one list."""
    return sum(args[0] if len(args) == 1 and isinstance(args[0], (list, tuple)) else args)


@_in_torch
def sym_sqrt(a):
    """The square root of a number."""
    return math.sqrt(a)

"""autocast as a context manager and decorator, and its counterpart for functions with a backward of their own."""

from __future__ import annotations

import collections.abc
import functools
import warnings

import numpy as np

from .._core import dtypes
from .._core.tensor import Tensor
from . import _state
from ._state import get_autocast_dtype, is_autocast_available, is_autocast_cache_enabled, is_autocast_enabled

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]


class autocast:
    """Inside, matrix products and convolutions run in a lower precision, and what needs it runs in float32.

    A device type names a list of operators (the CPU's or the accelerators') and a default dtype; tensors of any label take part.

    Args:
        device_type: "cpu", "mps", "cuda" ...
        dtype: bfloat16 or float16; by default what ``get_autocast_dtype`` says.
        enabled: False makes an island of full precision.
        cache_enabled: remembered, see ``is_autocast_cache_enabled``.

    Raises: ValueError if ``device_type`` is no string, RuntimeError if it is unknown.
    """

    def __init__(self, device_type: str, dtype=None, enabled: bool = True, cache_enabled: bool | None = None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        if enabled and device_type != "cuda" and self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            name = device_type.upper()
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n{name} Autocast only supports dtypes of "
                "torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list = []

    def __enter__(self):
        self._before.append(_state.snapshot())
        _state.set_autocast_dtype(self.device, self.fast_dtype)
        _state.set_autocast_enabled(self.device, bool(self._enabled))
        _state.autocast_increment_nesting()
        _state.set_autocast_cache_enabled(bool(self._cache_enabled))
        return self

    def __exit__(self, *_exc) -> bool:
        _state.autocast_decrement_nesting()
        _state.restore(self._before.pop())
        return False

    def __call__(self, func):
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as a context manager? "
                "For example:\n    with torch.autocast(device_type=...):\n        output = model(input)"
            )
        return autocast_decorator(self, func)


is_autocast_available.__module__ = __name__


def autocast_decorator(autocast_instance: autocast, func):
    """A function that runs inside ``autocast_instance``."""

    @functools.wraps(func)
    def decorate_autocast(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    return decorate_autocast


def _enter_autocast(*vals) -> autocast:
    mode = autocast(*vals)
    mode.__enter__()
    return mode


def _exit_autocast(mode: autocast) -> None:
    mode.__exit__(None, None, None)


# ------------------------------------------------------------------------------------------------- custom autograd functions
def _cast(value, device_type: str, dtype):
    """Floating point tensors inside any nesting of containers in another dtype; float64 stays."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() and value.dtype is not dtypes.float64 else value
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, collections.abc.Mapping):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, collections.abc.Iterable):
        parts = (_cast(v, device_type, dtype) for v in value)
        return type(value)(parts) if isinstance(value, (list, tuple)) else parts
    return value


def _check_type(device_type) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd=None, *, device_type: str, cast_inputs=None):
    """Decorate the ``forward`` of an autograd Function: note the autocast state for its backward.

    Args:
        cast_inputs: inside autocast, cast floating point inputs to this dtype and run ``forward`` with autocast off.
    """
    _check_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args, **kwargs):
        ctx, inside = args[0], is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = inside and cast_inputs is None
        if cast_inputs is None or not inside:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd=None, *, device_type: str):
    """Decorate the ``backward`` of an autograd Function: run it in the autocast state of its forward."""
    _check_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args, **kwargs):
        with autocast(device_type=device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorate_bwd

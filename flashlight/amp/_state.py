"""Which device types autocast is on for, in what dtype, in each thread; and the casts of operands that follow from it.

Memory is unified here and a device is a label: an enabled device type counts for all tensors, and of several the one enabled
last. Device types differ in torch's lists of operators: the CPU has one, accelerators have another.
"""

from __future__ import annotations

import threading
import warnings

import mlx.core as mx

from .._core import dtypes
from .._core.device import device
from .._core.dispatch import cast
from .._core.modes import modes
from .._core.tensor import Tensor, read

_DEFAULTS = {
    "cpu": dtypes.bfloat16,
    "cuda": dtypes.float16,
    "mps": dtypes.float16,
    "xpu": dtypes.float16,
    "hpu": dtypes.bfloat16,
    "xla": dtypes.bfloat16,
    "mtia": dtypes.float16,
    "ipu": dtypes.float16,
    "privateuseone": dtypes.float16,
}


class _State(threading.local):
    def __init__(self):
        self.enabled: tuple[str, ...] = ()  # in the order they were enabled
        self.dtypes = dict(_DEFAULTS)
        self.cache = True
        self.nesting = 0


state = _State()


# ----------------------------------------------------------------------------------------------------------- the casts
def _eligible(a) -> bool:
    return isinstance(a, mx.array) and a.dtype in (mx.float32, mx.float16, mx.bfloat16)


class Caster:
    """What runs on the operands of every operator inside autocast."""

    __slots__ = ("dtype", "family")

    def __init__(self, device_type: str, dtype: dtypes.dtype):
        self.family, self.dtype = 0 if device_type == "cpu" else 1, dtype

    def target(self, policy: str | None, name: str, arrays) -> dtypes.dtype | None:
        """The dtype a policy wants operands in, None for as they are."""
        if policy == "low":
            return self.dtype
        if policy == "fp32":
            return dtypes.float32
        if policy == "widest":
            return dtypes.float32 if any(_eligible(a) and a.dtype == mx.float32 for a in arrays) else None
        if policy == "input":
            return next((dtypes.from_mlx(a.dtype) for a in arrays if _eligible(a)), None)
        if policy == "banned":
            raise RuntimeError(
                f"torch.nn.functional.{name} and torch.nn.BCELoss are unsafe to autocast.\nMany models use a sigmoid layer right before "
                "the binary cross entropy layer. In this case, combine the two layers using "
                f"torch.nn.functional.{name}_with_logits or torch.nn.BCEWithLogitsLoss. {name}_with_logits and BCEWithLogits are safe to "
                "autocast."
            )
        return None

    def __call__(self, op, tensors, arrays) -> tuple:
        """An operator's operands in the dtype its policy wants; the casts are recorded."""
        target = self.target(op.autocast[self.family], op.name, arrays)
        if target is None or all(not _eligible(a) or a.dtype == target.mlx for a in arrays):
            return tensors, arrays
        tensors = [self.converted(t, target) for t in tensors]
        return tensors, [read(t) if isinstance(t, Tensor) else t for t in tensors]

    def call(self, fn, policies: tuple, args: tuple, kwargs: dict):
        """A function made of operators, its operands cast as one operator's would be; inside it nothing more is."""
        policy = policies[self.family]
        if policy is None:
            return fn(*args, **kwargs)
        flat = [read(t) for part in (*args, *kwargs.values()) for t in _tensors(part)]
        target = self.target(policy, fn.__name__, flat)
        before, modes.autocast = modes.autocast, None
        try:
            if target is not None:
                args = tuple(self.converted(a, target) for a in args)
                kwargs = {name: self.converted(a, target) for name, a in kwargs.items()}
            return fn(*args, **kwargs)
        finally:
            modes.autocast = before

    def lowered(self, tensors: tuple) -> tuple:
        """Tensors in the lower precision, for a function that is lowered whatever operators it runs."""
        return self.converted(tensors, self.dtype)

    def converted(self, value, target: dtypes.dtype):
        """A tensor, or the tensors of a list, in another dtype."""
        if isinstance(value, Tensor):
            a = read(value)
            return cast(value, target) if _eligible(a) and a.dtype != target.mlx else value
        if type(value) in (list, tuple):
            return type(value)(self.converted(v, target) for v in value)
        return value


def _tensors(value) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [t for t in value if isinstance(t, Tensor)] if type(value) in (list, tuple) else []


def _install() -> None:
    last = state.enabled[-1] if state.enabled else None
    modes.autocast = None if last is None else Caster(last, state.dtypes[last])


def snapshot() -> tuple:
    """What `restore` puts back."""
    return state.enabled, dict(state.dtypes), state.cache


def restore(saved: tuple) -> None:
    """Put back what `snapshot` gave."""
    state.enabled, state.dtypes, state.cache = saved
    _install()


# -------------------------------------------------------------------------------------------- torch's functions about it
def _known(device_type, function: str, message: str) -> str:
    if not isinstance(device_type, str):
        raise TypeError(
            f"{function}(): argument 'device_type' (position 1) must be str, not {type(device_type).__name__}"
        )
    name = device(device_type).type
    if name not in _DEFAULTS:
        raise RuntimeError(message)
    return name


_UNKNOWN = "unknown device type for autocast in get_autocast_dispatch_key_from_device_type"


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows a device type."""
    if not isinstance(device_type, str):
        raise TypeError(
            f"is_autocast_available(): argument 'device_type' (position 1) must be str, not {type(device_type).__name__}"
        )
    return device(device_type).type in _DEFAULTS


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a device type."""
    return _known(device_type, "is_autocast_enabled", _UNKNOWN) in state.enabled


def set_autocast_enabled(device_type, enabled: bool | None = None) -> None:
    """Turn autocast on or off for a device type (``set_autocast_enabled(True)``: for cuda)."""
    if enabled is None and isinstance(device_type, bool):
        device_type, enabled = "cuda", device_type
    name = _known(device_type, "set_autocast_enabled", _UNKNOWN)
    if not isinstance(enabled, bool):
        raise TypeError(
            f"set_autocast_enabled(): argument 'enabled' (position 2) must be bool, not {type(enabled).__name__}"
        )
    others = tuple(other for other in state.enabled if other != name)
    state.enabled = (*others, name) if enabled else others
    _install()


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """The dtype autocast lowers to for a device type."""
    return state.dtypes[_known(device_type, "get_autocast_dtype", "unsupported scalarType")]


def set_autocast_dtype(device_type: str, dtype: dtypes.dtype) -> None:
    """Set the dtype autocast lowers to for a device type."""
    name = _known(device_type, "set_autocast_dtype", "unsupported scalarType")
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(
            f"set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, not {type(dtype).__name__}"
        )
    state.dtypes = {**state.dtypes, name: dtype}
    _install()


def is_autocast_cache_enabled() -> bool:
    """Whether torch would keep its casts of weights; here every cast is made anew, which costs no memory until it is evaluated."""
    return state.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Set what ``is_autocast_cache_enabled`` answers."""
    if not isinstance(enabled, bool):
        raise TypeError(f"set_autocast_cache_enabled(): argument 'enabled' must be bool, not {type(enabled).__name__}")
    state.cache = enabled


def clear_autocast_cache() -> None:
    """Forget the casts that were kept: none are."""
    return None


def autocast_increment_nesting() -> int:
    """Count one more autocast region around what follows."""
    state.nesting += 1
    return state.nesting


def autocast_decrement_nesting() -> int:
    """Count one autocast region less."""
    state.nesting -= 1
    return state.nesting


def _older(name: str, newer: str, fn, *fixed):
    """A function for one device type that torch deprecates in favour of the one with an argument."""

    def older(*args):
        warnings.warn(f"torch.{name}() is deprecated. Please use {newer} instead.", DeprecationWarning, stacklevel=2)
        return fn(*fixed, *args)

    older.__name__ = older.__qualname__ = name
    older.__doc__ = f"Older form of ``{newer}``."
    return older


NAMES = {
    fn.__name__: fn
    for fn in (
        is_autocast_enabled,
        set_autocast_enabled,
        get_autocast_dtype,
        set_autocast_dtype,
        is_autocast_cache_enabled,
        set_autocast_cache_enabled,
        clear_autocast_cache,
        autocast_increment_nesting,
        autocast_decrement_nesting,
    )
}
for _kind, _type in (("cpu", "cpu"), ("gpu", "cuda"), ("xla", "xla"), ("ipu", "ipu")):
    for _verb, _fn in (("get", get_autocast_dtype), ("set", set_autocast_dtype)):
        _more = ", dtype" if _verb == "set" else ""
        _name = f"{_verb}_autocast_{_kind}_dtype"
        NAMES[_name] = _older(_name, f"torch.{_verb}_autocast_dtype('{_type}'{_more})", _fn, _type)
    if _kind != "gpu":
        for _verb, _fn in (("is", is_autocast_enabled), ("set", set_autocast_enabled)):
            _more = ", enabled" if _verb == "set" else ""
            _name = f"{_verb}_autocast_{_kind}_enabled"
            NAMES[_name] = _older(_name, f"torch.{_verb}_autocast_enabled('{_type}'{_more})", _fn, _type)
globals().update(NAMES)

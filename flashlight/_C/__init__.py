"""torch._C: the few private names programs touch."""

from __future__ import annotations

import enum

from .._core import absent
from .._core.device import get_default_device as _get_default_device
from .._core.generator import Generator
from .._core.size import Size
from .._core.table import namespaces as _namespaces
from .._core.tensor import Tensor as TensorBase

_LinAlgError = _namespaces["linalg"]["LinAlgError"]
_ADVICE = "it is part of PyTorch's C++ core"


def _get_tracing_state() -> None:
    """None: nothing is being traced."""


def _log_api_usage_once(event: str) -> None:
    """Usage is not recorded. Raises: TypeError for what is no str."""
    if not isinstance(event, str):
        raise TypeError(f"_log_api_usage_once() takes a str, not {type(event).__name__}")


def _are_functorch_transforms_active() -> bool:
    """Whether ``torch.func`` transforms are at work here; they differentiate plain tensors, which need no special care."""
    return False


def _jit_switch(enabled) -> bool:
    """A switch of PyTorch's script compiler, which is not there: it stays off."""
    bool(enabled)
    return False


_jit_set_profiling_mode = _jit_set_profiling_executor = _jit_set_nvfuser_enabled = _jit_set_texpr_fuser_enabled = (
    _jit_switch
)
_jit_override_can_fuse_on_cpu = _jit_override_can_fuse_on_gpu = _jit_set_nvfuser_guard_mode = _jit_switch


def _jit_can_fuse_on_cpu() -> bool:
    """False: there is no script compiler."""
    return False


_jit_can_fuse_on_gpu = _jit_can_fuse_on_cpu


def _disabled_torch_function_impl(func, types, args=(), kwargs=None):
    """``func(*args, **kwargs)``: what a class's ``__torch_function__`` is set to so that it takes no part."""
    return func(*args, **(kwargs or {}))


class DisableTorchFunctionSubclass:
    """A context in which ``__torch_function__`` is not looked for, which it never is."""

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        return False


DisableTorchFunction = DisableTorchFunctionSubclass


class DispatchKey(enum.Enum):
    """Names of the layers an operator of PyTorch passes through; here packages only gather them."""

    Undefined = enum.auto()
    CPU = enum.auto()
    CUDA = enum.auto()
    MPS = enum.auto()
    XPU = enum.auto()
    XLA = enum.auto()
    Meta = enum.auto()
    Python = enum.auto()
    Functionalize = enum.auto()
    ADInplaceOrView = enum.auto()
    Autograd = enum.auto()
    AutogradCPU = enum.auto()
    AutogradCUDA = enum.auto()
    AutogradMPS = enum.auto()
    AutogradXPU = enum.auto()
    AutocastCPU = enum.auto()
    AutocastCUDA = enum.auto()
    AutocastMPS = enum.auto()
    AutocastXPU = enum.auto()
    CompositeImplicitAutograd = enum.auto()
    CompositeExplicitAutograd = enum.auto()


class DispatchKeySet:
    """A set of dispatch keys."""

    def __init__(self, *keys: DispatchKey):
        self._keys = frozenset(keys)

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*(self._keys | other._keys))

    def __and__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*(self._keys & other._keys))

    def __sub__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*(self._keys - other._keys))

    def has(self, key: DispatchKey) -> bool:
        """Whether a key is in it."""
        return key in self._keys

    def add(self, key: DispatchKey) -> DispatchKeySet:
        """The set with one more key."""
        return DispatchKeySet(*self._keys, key)

    def remove(self, key: DispatchKey) -> DispatchKeySet:
        """The set without a key."""
        return DispatchKeySet(*(self._keys - {key}))

    def __repr__(self) -> str:
        return f"DispatchKeySet({', '.join(sorted(key.name for key in self._keys))})"


globals().update(
    absent.names(
        "_C",
        "Graph Value Node ScriptModule _ExcludeDispatchKeyGuard _TensorMeta PyTorchFileReader PyTorchFileWriter",
        _ADVICE,
    )
)
globals().update(absent.names("_C", "SymInt SymFloat SymBool", "sizes are plain numbers, nothing is traced"))
globals().update(
    absent.names("_C", "Stream Event", "MLX orders work by itself; torch.accelerator.synchronize() waits for it")
)
absent.modules(
    "_C",
    {
        "_autograd": "",
        "_distributed_c10d": "Reducer ProcessGroup Store Work",
        "_distributed_rpc": "",
        "_functorch": "is_legacy_batchedtensor",
        "_nn": "",
    },
    _ADVICE,
)


def _is_current_rpc_agent_set() -> bool:
    """False: there is no remote procedure call."""
    return False


def _parse_to(*args, **kwargs) -> tuple:
    """(device, dtype, non_blocking, memory_format) from the call forms of ``to``."""
    device, dtype, non_blocking, _copy, memory_format = parse_to(args, kwargs)
    return device, dtype, non_blocking, memory_format


from ..ops.convert import parse_to  # noqa: E402
from . import _distributed_rpc as _rpc  # noqa: E402
from . import _nn  # noqa: E402

_rpc._is_current_rpc_agent_set = _is_current_rpc_agent_set
_nn._parse_to = _parse_to

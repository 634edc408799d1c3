"""PyTorch's interface on Apple MLX: ``import flashlight as torch``."""

from __future__ import annotations

import difflib as _difflib
import importlib as _importlib
import pkgutil as _pkgutil
import sys as _sys
from math import e, inf, nan, pi

from ._core import blas as _blas

_blas.preload()

from ._core import conversion as _conversion  # noqa: E402
from ._core import creation_args as _creation_args  # noqa: E402
from ._core import dtypes as _dtypes  # noqa: E402
from ._core import forking as _forking  # noqa: E402
from ._core import history as _history  # noqa: E402
from ._core import printing as _printing  # noqa: E402
from ._core import settings as _settings  # noqa: E402
from ._core import table as _table  # noqa: E402
from ._core.checks import get_checks, set_checks  # noqa: E402
from ._core.device import device, get_default_device, set_default_device  # noqa: E402
from ._core.dtypes import (  # noqa: E402
    can_cast,
    dtype,
    finfo,
    get_default_dtype,
    iinfo,
    promote_types,
    set_default_dtype,
)
from ._core.modes import (  # noqa: E402
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from ._core.printing import set_printoptions  # noqa: E402
from ._core.size import Size  # noqa: E402
from ._core.tensor import (  # noqa: E402
    Tensor,
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    sparse_csr,
    strided,
)

newaxis = None
torch = _sys.modules[__name__]  # torch.torch, as annotations of some packages write it
# the version of the interface, as code that asks for torch.__version__ compares it, and our own
__version__ = "2.13.0+flashlight.0.1.0"

for _name, _dtype in _dtypes.BY_NAME.items():
    globals()[_name] = _dtype
for _alias, _name in _dtypes.ALIASES.items():
    globals()[_alias] = _dtypes.BY_NAME[_name]

from . import ops as _ops  # noqa: E402

globals().update(_table.namespaces["torch"])

# names of rooms above the operators, fetched when they are first asked for
_LAZY = {
    "load": "serialization",
    "save": "serialization",
    "autocast": "amp",
    "compile": "compiler",
    "vmap": "func",
    "summary": "nn._summary",
    "Device": "devices",
    "DeviceType": "devices",
    "get_available_devices": "devices",
    "UntypedStorage": "storage",
    "TypedStorage": "storage",
}
_AUTOCAST = """
    autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype get_autocast_dtype
    get_autocast_gpu_dtype get_autocast_ipu_dtype get_autocast_xla_dtype is_autocast_cache_enabled is_autocast_cpu_enabled
    is_autocast_enabled is_autocast_ipu_enabled is_autocast_xla_enabled set_autocast_cache_enabled set_autocast_cpu_dtype
    set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype set_autocast_ipu_dtype
    set_autocast_ipu_enabled set_autocast_xla_dtype set_autocast_xla_enabled
"""
_LAZY |= dict.fromkeys(_AUTOCAST.split(), "amp._state")
_LAZY |= dict.fromkeys(
    ["SymInt", "SymFloat", "SymBool", "Stream", "Event", "PyTorchFileReader", "PyTorchFileWriter"], "_C"
)
_LAZY |= {"cond": "_higher_order_ops", "while_loop": "_higher_order_ops", "GradScaler": "amp"}
_LAZY |= {"norm_except_dim": "nn.utils.weight_norm"}
_LAZY |= {"ScriptModule": "jit", "OutOfMemoryError": "cuda", "get_device_module": "accelerator"}
_SUBMODULES = frozenset(m.name for m in _pkgutil.iter_modules(__path__) if m.name != "__main__")


def __getattr__(name: str):
    if name in _SUBMODULES:
        return _importlib.import_module(f"{__package__}.{name}")
    if name in _LAZY:
        value = globals()[name] = getattr(_importlib.import_module(f"{__package__}.{_LAZY[name]}"), name)
        return value
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'" + _nearest(name))


def __dir__():
    return sorted(set(globals()) | _SUBMODULES | set(_LAZY))


def _nearest(name: str) -> str:
    close = _difflib.get_close_matches(name, dir(_sys.modules[__name__]), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""

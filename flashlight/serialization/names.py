"""torch's names in checkpoints and the objects they mean here, in both directions.

A file that torch wrote says ``torch.nn.modules.linear Linear``; so does a file written here, which torch then reads.
"""

from __future__ import annotations

import importlib
import re
import sys
from types import FunctionType

from .._core import dtypes
from .._core.device import device
from .._core.size import Size
from .._core.tensor import Tensor, layout
from ..nn.parameter import Parameter
from . import rebuild
from .storage import UNTYPED_DTYPES, StorageType, storage_type

_REBUILD = {
    **{("torch._utils", name): fn for name, fn in rebuild.TORCH_UTILS.items()},
    ("torch._tensor", "_rebuild_from_type_v2"): rebuild.rebuild_from_type_v2,
    ("torch.serialization", "_get_layout"): rebuild.get_layout,
}
_PUBLIC = {
    ("torch", "Size"): Size,
    ("torch", "device"): device,
    ("torch", "Tensor"): Tensor,
    ("torch._tensor", "Tensor"): Tensor,
    ("torch.tensor", "Tensor"): Tensor,
    ("torch.nn.parameter", "Parameter"): Parameter,
}
_OF_OBJECT = {fn: path for path, fn in _REBUILD.items()}
# dtypes and schemes that only quantized and packed tensors use
_FOREIGN_DTYPE = re.compile(r"q?u?int\d+(x\d+)?|bits\d+(x\d+)?|float[48]_\w+|per_(tensor|channel)_\w+")
_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}
# packages of ours that torch does not have
_OWN = ("flashlight.liquid", "flashlight.interop", "flashlight.cli", "flashlight.serialization", "flashlight._core")
# packages whose classes are layers: plain objects with a dictionary for state
_LAYER_MODULE = re.compile(r"(?:torch|flashlight)\.(nn\.modules(?:\.[a-z]\w*)*|liquid(?:\.[a-z]\w*)*)")
# functions that layers of torch keep as attributes (TransformerEncoderLayer.activation)
_ACTIVATIONS = frozenset(["relu", "gelu", "silu", "mish", "tanh", "sigmoid", "softmax", "softplus", "leaky_relu"])
_ACTIVATIONS |= {"elu", "selu", "celu", "hardtanh", "hardswish"}
_FUNCTIONAL = {"torch.nn.functional", "torch._C._nn", "flashlight.nn.functional"}


def canonical(module: str) -> str:
    """The module name torch uses: Python 2's renamed ones, and ours where torch has the same."""
    module = _PYTHON_2.get(module, module)
    if module == "flashlight" or (module.startswith("flashlight.") and not module.startswith(_OWN)):
        return "torch" + module.removeprefix("flashlight")
    return module


def known_object(module: str, name: str):
    """What a name of torch's tensor machinery means, None for any other name.

    Raises: NotImplementedError for a dtype there is no counterpart of.
    """
    module = canonical(module)
    found = _REBUILD.get((module, name)) or _PUBLIC.get((module, name)) or storage_type(module, name)
    if found is None and module == "torch":
        found = dtypes.BY_NAME.get(name)
        if found is None and _FOREIGN_DTYPE.fullmatch(name):
            raise NotImplementedError(f"the checkpoint uses torch.{name}, which is not supported")
    return found


def layer_class(module: str, name: str) -> type | None:
    """The layer class a checkpoint names, None if the name is no class of our layer packages.

    Only our own packages are ever imported, and only a class defined in the named module is found.
    """
    match = _LAYER_MODULE.fullmatch(module)
    if match is None or not name.isidentifier():
        return None
    ours = f"flashlight.{match[1]}"
    if ours not in sys.modules:
        try:
            importlib.import_module(ours)
        except ModuleNotFoundError:
            return None
    found = vars(sys.modules[ours]).get(name)
    return (
        found if isinstance(found, type) and found.__module__ == ours and not issubclass(found, BaseException) else None
    )


def activation(module: str, name: str):
    """A function of ``nn.functional`` that a layer may hold, None for any other name."""
    if module not in _FUNCTIONAL or name not in _ACTIVATIONS:
        return None
    return getattr(importlib.import_module("flashlight.nn.functional"), name, None)


def own_module(module: str) -> str:
    """The module of ours that stands for a module of torch."""
    module = canonical(module)
    return "flashlight" + module.removeprefix("torch") if module == "torch" or module.startswith("torch.") else module


def export_name(obj) -> tuple[str, str] | None:
    """The module and name under which a checkpoint refers to an object of ours; None for foreign objects."""
    if isinstance(obj, StorageType):
        return obj.module, obj.name
    if isinstance(obj, (dtypes.dtype, layout)):
        return "torch", obj.name
    if not isinstance(obj, (type, FunctionType)):
        return None
    if obj in _OF_OBJECT:
        return _OF_OBJECT[obj]
    if isinstance(obj, FunctionType):
        return _public_function(obj)
    module = getattr(obj, "__module__", None) or ""
    if module == "flashlight" or (module.startswith("flashlight.") and not module.startswith(_OWN)):
        return canonical(module), obj.__qualname__
    return None


def _public_function(fn: FunctionType) -> tuple[str, str] | None:
    """The public name of one of our functions, which is torch's, too; None for any other function."""
    if f"{fn.__module__}.".startswith("flashlight."):
        for package in ("flashlight.nn.functional", "flashlight"):
            if vars(importlib.import_module(package)).get(fn.__name__) is fn:
                return canonical(package), fn.__name__
    return None


def any_object(module: str, name: str):
    """What a name of torch's means where any code may run; None if it has to be looked up in `own_module`."""
    if (module, name) == ("torch._C", "_VariableFunctionsClass"):
        return importlib.import_module("flashlight")  # torch writes its built-in functions as attributes of this
    found = known_object(module, name)
    return activation(module, name) if found is None else found


def is_untyped(dtype: dtypes.dtype) -> bool:
    """Whether torch writes tensors of this dtype as untyped bytes."""
    return dtype.name in UNTYPED_DTYPES

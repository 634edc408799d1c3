"""Layers, losses, containers and what goes with them, as torch.nn has them."""

from __future__ import annotations

from . import functional, init
from .init import init_weights
from .modules import *  # noqa: F403
from .modules import __all__ as _layers
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

from . import common_types, grad, modules, parallel, parameter, utils  # isort: skip - these need the layers
from .parallel import DataParallel  # isort: skip
from . import _liquid, _summary, attention  # isort: skip

__all__ = [
    *_layers,
    "Buffer",
    "DataParallel",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "attention",
    "common_types",
    "factory_kwargs",
    "functional",
    "grad",
    "init",
    "init_weights",
    "modules",
    "parallel",
    "parameter",
    "utils",
]
__getattr__ = _liquid.finder(__name__, _liquid.ALL)


def factory_kwargs(kwargs: dict | None) -> dict:
    """The arguments for a creating function from those of a layer: ``device``, ``dtype`` and ``memory_format``.

    ``kwargs`` may have them under the key ``factory_kwargs`` instead.
    Raises: TypeError for anything else, or for one that is given twice.
    """
    if kwargs is None:
        return {}
    names = {"device", "dtype", "memory_format"}
    unknown = kwargs.keys() - names - {"factory_kwargs"}
    if unknown:
        raise TypeError(f"unexpected kwargs {unknown}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in names & kwargs.keys():
        if name in found:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        found[name] = kwargs[name]
    return found

"""Tools around training."""

from __future__ import annotations

import importlib as _importlib
import pkgutil as _pkgutil

from . import hooks

__all__ = ["hooks"]

_SUBMODULES = frozenset(m.name for m in _pkgutil.iter_modules(__path__))


def __getattr__(name: str):
    if name in _SUBMODULES:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__():
    return sorted(set(globals()) | _SUBMODULES)

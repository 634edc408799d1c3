"""The operator declarations, a family a module. Importing this package fills the table.

It is ``torch.ops`` too: ``ops.aten`` and the namespaces of ``torch.library``.
"""

import importlib
import pkgutil

for _family in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_family}")

loaded_libraries: set[str] = set()


def load_library(path: str) -> None:
    """Load a library of compiled PyTorch operators. Raises: OSError, always: there is no C++ dispatcher to register them with."""
    raise OSError(
        f"{path}: operators compiled for PyTorch cannot be loaded by flashlight; it runs those written in Python"
    )


class _Namespace:
    """``torch.ops.NAME``: the operators ``torch.library`` has under ``NAME::``."""

    def __init__(self, name: str):
        self.name = self.__name__ = name

    def __repr__(self) -> str:
        return f"<module 'torch.ops.{self.name}'>"

    def __getattr__(self, name: str):
        library = importlib.import_module("..library", __name__)
        found = None if name.startswith("__") else library._operators.get(f"{self.name}::{name}")
        if found is None:
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{name}'")
        return found


_namespaces: dict[str, _Namespace] = {}


def __getattr__(name: str):
    if name.startswith("_"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return _namespaces.setdefault(name, _Namespace(name))

"""torch.ops.aten: the operators by the names torch gives them inside, each with its overloads.

The overloads of an operator are one Python function here.
"""

from __future__ import annotations

import functools

from .._core.table import namespaces
from .._core.tensor import Tensor


class OpOverloadPacket:
    """One operator; ``default`` and the other overloads are called alike."""

    def __init__(self, name: str, function):
        self._name, self._function = name, function
        self.default = self.Tensor = self.Scalar = function
        functools.update_wrapper(self, function)

    def __getattr__(self, overload: str):
        if overload.startswith("_"):
            raise AttributeError(f"The underlying op of 'aten.{self._name}' has no overload name '{overload}'")
        return self._function

    def __call__(self, *args, **kwargs):
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<OpOverloadPacket(op='aten.{self._name}')>"


@functools.cache
def _packet(name: str) -> OpOverloadPacket | None:
    function = namespaces["aten"].get(name) or namespaces["torch"].get(name)
    if function is None and not name.startswith("_"):
        function = getattr(Tensor, name, None)  # view, expand, add_ ... are methods only
    if not callable(function):
        return None
    return OpOverloadPacket(name, function)


def __getattr__(name: str):
    found = None if name.startswith("__") else _packet(name)
    if found is None:
        raise AttributeError(f"'_OpNamespace' 'aten' object has no attribute '{name}'")
    return found

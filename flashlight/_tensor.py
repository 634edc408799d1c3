"""torch._tensor: where torch defines ``Tensor``, and the names checkpoints and packages take from there."""

from __future__ import annotations

from ._core.tensor import Tensor
from .serialization.rebuild import rebuild_from_type_v2 as _rebuild_from_type_v2

__all__ = ["Tensor", "_convert", "_rebuild_from_type_v2"]


def _convert(ret, cls: type):
    """Tensors, also inside a tuple or list, as instances of a subclass."""
    if cls is Tensor:
        return ret
    if isinstance(ret, Tensor) and not isinstance(ret, cls):
        return ret.as_subclass(cls)
    if isinstance(ret, (tuple, list)):
        return type(ret)(_convert(item, cls) for item in ret)
    return ret

"""torch.utils.dlpack: tensors as other libraries see them."""

from __future__ import annotations

from .._core.conversion import from_dlpack
from .._core.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor):
    """A DLPack capsule with a copy of the values."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"to_dlpack() takes a Tensor, not {type(tensor).__name__}")
    return tensor.__dlpack__()

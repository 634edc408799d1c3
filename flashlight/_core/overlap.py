"""Which tensors share memory, and the writes torch refuses because of it."""

from __future__ import annotations

import math

from . import views
from .formats import is_dense
from .steps import row_major
from .tensor import Tensor


def _shared(layout: tuple, a: Tensor, b: Tensor) -> str:
    """How far two tensors, the first of that layout, lie in the same memory: "all", "part" or "" (also if it is too hard to tell)."""
    if a is b:
        return "all"
    if a._view is None or b._view is None or a._view.cell is not b._view.cell or a.dtype is not b.dtype:
        return ""
    (shape, strides, start), (other_shape, other_strides, other_start) = layout, views.layout_of(b)
    size, other_size = math.prod(shape), b.numel()
    if not (size and other_size and is_dense(shape, strides) and is_dense(other_shape, other_strides)):
        return ""
    if (start, size) == (other_start, other_size):
        return "all" if tuple(strides) == tuple(other_strides) else "part"
    return "part" if start < other_start + other_size and other_start < start + size else ""


def refuse_shared(t: Tensor, operands, whole: bool = True, shape=None) -> None:
    """Refuse to write to a tensor that shares memory with an operand.

    Args:
        whole: False to allow that it is all of an operand's memory, as elementwise operators do.
        shape: what the tensor will be resized to before it is written to.
    """
    layout = views.layout_of(t)
    if shape is not None and tuple(shape) != tuple(layout[0]):
        layout = shape, row_major(shape), layout[2]
    for other in operands:
        if isinstance(other, Tensor) and (found := _shared(layout, t, other)) and (whole or found == "part"):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
                "location. Please clone() the tensor before performing the operation."
            )

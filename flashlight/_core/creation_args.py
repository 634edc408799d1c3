"""Arguments that every creating function takes: sizes, dtype, layout, device, requires_grad."""

from __future__ import annotations

import operator

import mlx.core as mx

from . import dtypes
from .device import as_label
from .modes import modes
from .tensor import Tensor, strided, wrap


def sizes_of(size: tuple) -> tuple:
    """A shape from ``f(2, 3)``, ``f((2, 3))`` or ``f(torch.Size)``; lengths may be one-element tensors."""
    if len(size) == 1 and isinstance(size[0], (list, tuple)):
        size = size[0]
    shape = []
    for n in size:
        try:
            shape.append(operator.index(n))
        except TypeError:
            raise TypeError(f"size must be a tuple of ints, but found an element of type {type(n).__name__}") from None
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {shape}")
    return tuple(shape)


def _is_inexact(a: mx.array) -> bool:
    return mx.issubdtype(a.dtype, mx.inexact)


def finish(a: mx.array, device=None, requires_grad: bool = False, layout=None, pin_memory: bool = False) -> Tensor:
    """The tensor a creating function returns. ``pin_memory`` needs nothing: all memory is reachable by the GPU."""
    if layout is not None and layout is not strided:
        raise NotImplementedError(f"layout {layout!r} is not supported: tensors here are strided")
    if pin_memory not in (True, False, None):
        raise TypeError("pin_memory must be bool")
    t = wrap(a, as_label(device))
    if modes.inference:
        t._inference = True
    if type(requires_grad) is not bool:
        raise TypeError(f"argument 'requires_grad' must be bool, not {type(requires_grad).__name__}")
    if requires_grad:
        if not _is_inexact(a):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        t.requires_grad_(True)
    return t


def float_dtype(dtype) -> dtypes.dtype:
    """The dtype asked for, the default one for None."""
    return dtypes.get_default_dtype() if dtype is None else dtype

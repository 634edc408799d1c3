"""torch._utils: the private functions packages take from there."""

from __future__ import annotations

import importlib
import sys
import traceback

from ._core.device import device as _device
from ._core.table import namespaces
from ._core.tensor import Tensor
from .serialization.rebuild import TORCH_UTILS

globals().update(TORCH_UTILS)


def _element_size(dtype) -> int:
    """The bytes of one element."""
    return dtype.itemsize


def _get_device_index(device, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a device: -1 for the CPU if it is allowed; what has no number, and None if optional, is number 0.

    Raises: ValueError for the CPU if it is not allowed, and for no device at all.
    """
    if isinstance(device, int):
        return device
    if device is None:
        if optional:
            return 0
        raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")
    found = _device(device)
    if found.type == "cpu":
        if allow_cpu:
            return -1
        raise ValueError(f"Expected a non cpu device, but got: {found}")
    if found.index is None and not optional:
        raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")
    return found.index or 0


def _import_dotted_name(name: str):
    """What a dotted name means, its first part being a module."""
    first, *rest = name.split(".")
    found = importlib.import_module(first)
    for part in rest:
        found = getattr(found, part)
    return found


def _flatten_dense_tensors(tensors) -> Tensor:
    """Tensors one after another in one vector."""
    return namespaces["torch"]["cat"]([t.contiguous().view(-1) for t in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors) -> tuple:
    """The parts of a vector in the shapes of ``tensors``: undoes ``_flatten_dense_tensors``."""
    parts = flat.split([t.numel() for t in tensors])
    return tuple(part.view_as(t) for part, t in zip(parts, tensors, strict=True))


def _take_tensors(tensors, size_limit: int):
    """Lists of tensors of one type, in order, each of at most ``size_limit`` bytes if it has more than one."""
    waiting: dict = {}
    for t in tensors:
        bucket, held = waiting.get(t.type(), ([], 0))
        if bucket and held + t.nbytes > size_limit:
            yield bucket
            bucket, held = [], 0
        waiting[t.type()] = (bucket + [t], held + t.nbytes)
    yield from (bucket for bucket, _held in waiting.values() if bucket)


class KeyErrorMessage(str):
    """A message whose repr is its text, since KeyError shows the repr."""

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception with its traceback as text, which can travel between processes and be raised again there."""

    def __init__(self, exc_info=None, where: str = "in background"):
        exc_info = exc_info or sys.exc_info()
        self.exc_type, self.where = exc_info[0], where
        self.exc_msg = "".join(traceback.format_exception(*exc_info))

    def reraise(self):
        """Raise it again, or a RuntimeError if its type wants other arguments than a message."""
        text = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            raise KeyError(KeyErrorMessage(text))
        try:
            error = self.exc_type(message=text) if getattr(self.exc_type, "message", None) else self.exc_type(text)
        except Exception:
            raise RuntimeError(text) from None
        raise error


class classproperty:
    """A property of a class."""

    def __init__(self, func):
        self.func = func

    def __get__(self, instance, owner):
        return self.func(owner)

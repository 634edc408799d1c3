"""Storages as tensors show them, and what changes or shares a tensor's storage: set_, resize_, share_memory_."""

from __future__ import annotations

import math
import warnings

import mlx.core as mx

from .._core import device as devices
from .._core import dtypes, views
from .._core.conversion import host_value
from .._core.creation_args import sizes_of
from .._core.steps import Gathered
from .._core.table import composite, method
from .._core.tensor import Tensor, contiguous_format, read, wrap
from .._core.views import cell_of, layout_of


class UntypedStorage:
    """The memory behind a tensor, in bytes. Two tensors share a storage exactly when their storages are equal."""

    def __init__(self, cell, label):
        self._cell, self.device = cell, label

    def data_ptr(self) -> int:
        """A number that is equal for equal storages; not a memory address."""
        return wrap_cell(self._cell, self.device).data_ptr()

    def nbytes(self) -> int:
        """The size in bytes."""
        return self._cell.value.nbytes

    size = __len__ = nbytes

    def element_size(self) -> int:
        """Bytes per element: one."""
        return 1

    def tolist(self) -> list:
        """The bytes as numbers."""
        value = mx.reshape(host_value(wrap_cell(self._cell, self.device)), (-1,))
        return mx.view(value, mx.uint8).tolist()

    def is_shared(self) -> bool:
        """Whether other processes see the memory."""
        return _is_shared(self.device)

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    def __eq__(self, other) -> bool:
        return isinstance(other, UntypedStorage) and other._cell is self._cell

    def __hash__(self) -> int:
        return id(self._cell)

    @property
    def _cdata(self) -> int:
        return id(self._cell)

    def __getitem__(self, index):
        return self.tolist()[index]

    def __repr__(self) -> str:
        numbers = "".join(f" {v}\n" for v in self.tolist())
        return f"{numbers}[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"


class TypedStorage:
    """A storage seen as elements of one dtype."""

    def __init__(self, untyped: UntypedStorage, dtype):
        self._untyped_storage, self.dtype = untyped, dtype

    @property
    def device(self):
        return self._untyped_storage.device

    def untyped(self) -> UntypedStorage:
        """The storage in bytes."""
        return self._untyped_storage

    def data_ptr(self) -> int:
        """A number that is equal for equal storages; not a memory address."""
        return self._untyped_storage.data_ptr()

    def nbytes(self) -> int:
        """The size in bytes."""
        return self._untyped_storage.nbytes()

    def element_size(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    def size(self) -> int:
        """The number of elements."""
        return self.nbytes() // self.dtype.itemsize

    __len__ = size

    def tolist(self) -> list:
        """The elements as numbers."""
        return mx.reshape(host_value(wrap_cell(self._untyped_storage._cell, self.device)), (-1,)).tolist()

    def is_shared(self) -> bool:
        """Whether other processes see the memory."""
        return self._untyped_storage.is_shared()

    @property
    def is_cuda(self) -> bool:
        return self._untyped_storage.is_cuda

    @property
    def _cdata(self) -> int:
        return self._untyped_storage._cdata

    def __eq__(self, other) -> bool:
        return isinstance(other, TypedStorage) and other._untyped_storage == self._untyped_storage

    def __hash__(self) -> int:
        return hash(self._untyped_storage)

    def __getitem__(self, index):
        return self.tolist()[index]

    def __repr__(self) -> str:
        numbers = "".join(f" {v}\n" for v in self.tolist())
        return (
            f"{numbers}[torch.storage.TypedStorage(dtype={self.dtype!r}, device={self.device}) of size {self.size()}]"
        )


for _kind in (UntypedStorage, TypedStorage):
    _kind.__module__ = "flashlight"
    composite(_kind, method=False, differentiable=False)


def wrap_cell(cell, label) -> Tensor:
    """A tensor that sees a whole cell."""
    t = wrap(cell.value, label)
    t._view = views.View(cell, (), None)
    return t


@method
def untyped_storage(self) -> UntypedStorage:
    """The storage of the tensor, in bytes."""
    read(self)
    return UntypedStorage(cell_of(self), self._device)


@method
def storage(self) -> TypedStorage:
    """The storage of the tensor, in elements of its dtype."""
    return TypedStorage(untyped_storage(self), self.dtype)


@method
def storage_type(self) -> type:
    """The class of the tensor's storage."""
    return TypedStorage


@composite(method=False, differentiable=False)
def is_storage(obj) -> bool:
    """Whether an object is a storage."""
    return isinstance(obj, (UntypedStorage, TypedStorage))


@method
def is_set_to(self, tensor) -> bool:
    """Whether both tensors see the same elements of one storage in the same order."""
    return cell_of(self) is cell_of(tensor) and layout_of(self) == layout_of(tensor)


@method
def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Make the tensor see the storage of another tensor, or a storage with an offset, size and stride.

    Raises: RuntimeError for another dtype.
    """
    if source is None:
        source = wrap(mx.zeros((0,), dtype=self._a.dtype), self._device)
    if not isinstance(source, Tensor):
        untyped = source if isinstance(source, UntypedStorage) else source.untyped()
        source = wrap_cell(untyped._cell, untyped.device)
        if size is None:
            size, stride = (source.numel(),), (1,)
    if source.dtype is not self.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {dtypes.scalar_type_name(source.dtype)} to a tensor of type "
            f"{dtypes.scalar_type_name(self.dtype)}"
        )
    if size is not None:
        shape = tuple(size)
        strides = tuple(stride) if stride is not None else views.row_major(shape)
        source = views.view(source.detach(), Gathered(shape, strides, storage_offset), "AsStridedBackward0")
    views.detached_from(self, source)
    return self


# ----------------------------------------------------------------------------------------------------------- resizing
def _resized(t: Tensor, shape: tuple) -> Tensor:
    if t._rg:
        raise RuntimeError("cannot resize variables that require grad")
    flat = mx.reshape(read(t), (-1,))
    n = 1
    for length in shape:
        n *= length
    if n > flat.size:
        flat = mx.concatenate([flat, mx.zeros((n - flat.size,), dtype=flat.dtype)])
    t._a, t._v = mx.reshape(flat[:n], shape), t._version + 1
    t._view = t._node = None
    return t


@method
def resize_(self, *sizes, memory_format=contiguous_format):
    """Give the tensor another shape, keeping its first elements; new elements are zero.

    Differs: a tensor of another size gets a storage of its own. Raises: RuntimeError for a tensor that requires grad.
    """
    if memory_format is not contiguous_format:
        raise RuntimeError(f"Unsupported memory format {memory_format!r}")
    shape = sizes_of(sizes)
    return self if shape == read(self).shape else _resized(self, shape)


@composite
def resize_as_(input, the_template, *, memory_format=contiguous_format):
    """``resize_`` to the shape of another tensor."""
    return resize_(input, tuple(the_template.shape), memory_format=memory_format)


# ------------------------------------------------------------------------------------------------ memory of a process
def _is_shared(label) -> bool:
    return label.type == "cuda"


@method
def is_shared(self) -> bool:
    """Whether other processes see the memory; as in torch, true of everything labelled ``cuda``."""
    return _is_shared(self._device)


@method
def share_memory_(self):
    """Does nothing for a tensor labelled ``cuda``, as in torch.

    Raises: RuntimeError otherwise: the memory of MLX arrays belongs to one process.
    """
    if not _is_shared(self._device):
        raise RuntimeError("share_memory_(): MLX arrays cannot be shared between processes; send copies instead")
    return self


@method
def pin_memory(self, device=None):
    """The tensor itself: all memory is reachable by the GPU."""
    if device is not None:
        devices.as_label(device)
    return self


@method
def is_pinned(self, device=None) -> bool:
    """Whether a GPU reaches the memory without a copy: on every tensor where there is a Metal GPU."""
    if device is not None:
        devices.as_label(device)
    return devices.METAL


def _in_shape(self, sizes):
    total = math.prod(sizes)
    if total != self.numel():
        by = " x ".join(map(str, sizes))
        raise RuntimeError(
            f"requested resize to {by} ({total} elements in total), but the given tensor has a size of "
            f"{'x'.join(map(str, self.shape))} ({self.numel()} elements). autograd's resize can only change the shape of a given "
            "tensor, while preserving the number of elements. "
        )
    return self.reshape(sizes)


@method
def resize(self, *sizes):
    """The elements in another shape with as many (deprecated: use ``reshape``). Raises: RuntimeError for another number of elements."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=3)
    return _in_shape(self, sizes_of(sizes))


@method
def resize_as(self, tensor):
    """The elements in the shape of another tensor with as many (deprecated: use ``reshape``)."""
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=3)
    return _in_shape(self, tuple(tensor.shape))


@method
def is_distributed(self) -> bool:
    """Whether the tensor is spread over several processes; never."""
    return False

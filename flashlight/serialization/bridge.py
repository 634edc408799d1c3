"""The one place that knows what a Tensor is made of: storages to Tensors and back.

Tensors of one storage share a cell. The first whole, row-major tensor gives the cell its shape; every other tensor
reads it through view steps, so its strides and its sharing are those the checkpoint says.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .._core import checks, dtypes
from .._core import device as devices
from .._core.steps import Bitcast, Conjugate, Expand, Gathered, Permute, RealView, Reshape, Slice, row_major
from .._core.tensor import Tensor, read, wrap
from .._core.views import Cell, View, layout_of
from ..nn.parameter import Parameter
from .storage import Storage

_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
# overlapping layouts are read through an index array; a few bytes in a file must not ask for gigabytes of it
_MAX_OVERLAP = 16


# ------------------------------------------------------------------------------------------------------------- arrays
def to_array(raw: np.ndarray, dtype: dtypes.dtype, shape) -> mx.array:
    """Little-endian bytes as an array; float64 stays off the GPU, which has no such type."""
    target = dtypes.to_mlx(dtype)
    if dtype is dtypes.bool_:
        return mx.array((raw != 0).reshape(shape))
    words = raw.view(np.complex64 if dtype.is_complex else _WORDS[dtype.itemsize]).reshape(shape)
    array = mx.array(np.require(words, requirements=["C", "A"]))
    if array.dtype == target:
        return array
    with devices.cpu_stream():
        return mx.view(array[None], target)[0] if not shape else mx.view(array, target)


def to_bytes(array: mx.array) -> np.ndarray:
    """The elements of an array in row-major order as a uint8 array."""
    words = array
    if array.dtype == mx.bfloat16:
        words = mx.view(array[None], mx.uint16)[0] if array.ndim == 0 else mx.view(array, mx.uint16)
    return np.ascontiguousarray(np.asarray(words)).reshape(-1).view(np.uint8)


def swapped(raw: np.ndarray, dtype: dtypes.dtype) -> np.ndarray:
    """Big-endian bytes made little-endian."""
    width = dtype.itemsize // (2 if dtype.is_complex else 1)
    return raw if width == 1 else raw.view(f"u{width}").byteswap().view(np.uint8)


def _placeholder(shape, dtype: dtypes.dtype) -> mx.array:
    """An array that is never evaluated: it only says shape and dtype."""
    with devices.cpu_stream():
        return mx.zeros(shape, dtype=dtypes.to_mlx(dtype))


class LoadedCell(Cell):
    """A cell that knows, until the load is over, which tensors were made from it."""

    __slots__ = ("made",)

    def __init__(self, value: mx.array | None):
        super().__init__(value, 0)
        self.made: list[weakref.ref] = []


class LazyCell(LoadedCell):
    """A cell whose value is read from the file when first needed."""

    __slots__ = ("_load",)

    def __init__(self, load: Callable[[], mx.array]):
        self._load = load
        super().__init__(None)

    @property
    def value(self) -> mx.array:
        if self._load is not None:
            Cell.value.__set__(self, self._load())
            self._load = None
        return Cell.value.__get__(self)

    @value.setter
    def value(self, new) -> None:
        if new is not None:
            self._load = None
            Cell.value.__set__(self, new)


# ------------------------------------------------------------------------------------------------------------ loading
def _cell(storage: Storage, dtype: dtypes.dtype, shape) -> tuple[LoadedCell, tuple, tuple]:
    """The cell of a storage, the steps to see it as ``dtype``, and the shape that gives."""
    if storage.cell is not None:
        cell, first, known = storage.cell
        if first is dtype:
            return cell, (), known
        flat = () if len(known) == 1 else (Reshape((math.prod(known),)),)
        return cell, (*flat, Bitcast(dtype.mlx, first.mlx)), (storage.nbytes() // dtype.itemsize,)

    def load() -> mx.array:
        raw = storage.numpy_bytes()
        return to_array(swapped(raw, dtype) if storage.big_endian else raw, dtype, shape)

    cell = LazyCell(load) if storage.lazy else LoadedCell(load())
    storage.cell = cell, dtype, shape
    return cell, (), shape


def _steps(shape, count: int, size, stride, offset: int) -> tuple:
    """View steps from a row-major value of ``shape`` (``count`` elements) to a strided layout."""
    if tuple(size) == tuple(shape) and offset == 0 and stride == row_major(size):
        return ()
    flat = () if len(shape) == 1 else (Reshape((count,)),)
    moving = tuple(1 if s == 0 else n for n, s in zip(size, stride))
    spread = () if moving == tuple(size) else (Expand(tuple(size)),)
    total = math.prod(moving)
    order = sorted(range(len(moving)), key=lambda d: (-stride[d], moving[d] == 1))
    dense = tuple(moving[d] for d in order)
    if all(moving[d] == 1 or stride[d] == s for d, s in zip(order, row_major(dense))) and total:
        part = () if total == count else (Slice((slice(offset, offset + total, 1),)),)
        inverse = tuple(order.index(d) for d in range(len(order)))
        turn = () if inverse == tuple(range(len(order))) else (Permute(inverse),)
        return (*flat, *part, Reshape(dense), *turn, *spread)
    if total > _MAX_OVERLAP * max(count, 1):
        raise ValueError(f"a layout of {total} overlapping elements over a storage of {count} is not supported")
    return (*flat, Gathered(moving, tuple(stride), offset), *spread)


def tensor_from_storage(
    storage: Storage, dtype: dtypes.dtype, offset: int, size, stride, requires_grad: bool, conj=False, neg=False
) -> Tensor:
    """A tensor over part of a storage; the caller has checked that it lies within.

    Raises: TypeError for a dtype MLX cannot hold, RuntimeError where a dtype cannot require gradients.
    """
    dtypes.to_mlx(dtype)
    size, stride, label = tuple(size), tuple(stride), _label(storage.location)
    if label.type == "meta":
        return _ready(wrap(_placeholder(size, dtype), label), requires_grad)
    count = storage.nbytes() // dtype.itemsize
    whole = offset == 0 and stride == row_major(size) and math.prod(size) == count
    cell, cast, shape = _cell(storage, dtype, size if whole else (count,))
    steps = cast + _steps(shape, count, size, stride, offset) + ((Conjugate(),) if conj else ())
    if storage.lazy and not neg:
        t = wrap(_placeholder(size, dtype), label)
        t._view = View(cell, steps, None)
        t._view.seen = -1  # stale from the start: the first read fetches the value
    else:
        a = cell.value
        for step in steps:
            a = step.read(a)
        t = wrap(checks.know(-a if neg else a), label)
        t._view = None if neg else View(cell, steps, None)
    cell.made.append(weakref.ref(t))
    return _ready(t, requires_grad)


def _label(location: str) -> devices.device:
    return devices.CPU_LABEL if location == "cpu" else devices.placed(devices.device(location))


def _ready(t: Tensor, requires_grad: bool) -> Tensor:
    if requires_grad and not mx.issubdtype(t._a.dtype, mx.inexact):
        raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
    t._rg = requires_grad
    return t


def meta_tensor(dtype: dtypes.dtype, size, requires_grad: bool) -> Tensor:
    """A tensor on the meta device: shape and dtype without values."""
    return _ready(wrap(_placeholder(tuple(size), dtype), devices.device("meta")), requires_grad)


def as_type(t: Tensor, cls: type) -> Tensor:
    """The same tensor, its storage shared, as an instance of a Tensor subclass; no constructor runs."""
    if type(t) is cls:
        return t
    out = wrap(t._a, t._device, cls)
    out._rg = t._rg
    if t._view is not None:
        cell = t._view.cell
        out._view = View(cell, t._view.steps, None)
        out._view.seen = t._view.seen
        if isinstance(cell, LoadedCell):
            cell.made.append(weakref.ref(out))
    return out


def parameter(t: Tensor, requires_grad: bool) -> Tensor:
    """A Parameter that shares the storage of ``t``; a Tensor subclass stays of its class, as in torch."""
    p = as_type(t, Parameter) if type(t) is Tensor else t
    if p is t:
        t._is_param = True
    return _ready(p, requires_grad)


def release(storages) -> None:
    """Let tensors that turned out to be the only one of their storage own it, which spares them the view.

    Only where no foreign code can have aliased them.
    """
    for cell in (storage.cell[0] for storage in storages if storage.cell is not None and not storage.lazy):
        users = [t for t in (ref() for ref in cell.made) if t is not None and t._view is not None]
        if len(users) == 1 and not users[0]._view.steps:
            users[0]._view = None
        cell.made.clear()


# ------------------------------------------------------------------------------------------------------------- saving
class Parts(NamedTuple):
    """A tensor as a checkpoint holds it; ``storage`` is kept alive by the writer while ``identity`` is in use."""

    identity: int
    storage: object
    count: int
    data: Callable[[], np.ndarray]
    dtype: dtypes.dtype
    offset: int
    size: tuple
    stride: tuple
    requires_grad: bool
    conj: bool
    location: str


def _in_memory_order(value: mx.array, strides) -> mx.array:
    """The elements of a cell in the order its strides give them."""
    if strides is None or tuple(strides) == row_major(value.shape):
        return value
    return mx.transpose(value, sorted(range(value.ndim), key=lambda d: (-strides[d], d)))


def tensor_to_parts(t: Tensor) -> Parts:
    """What has to be written for a tensor: its whole storage and the layout of the tensor in it."""
    a, v, label = read(t), t._view, t._device
    # torch tags mps storages without an index
    location = label.type if label.type == "mps" else str(label)
    holder, value, steps = (t, a, ()) if v is None else (v.cell, v.cell.value, v.steps)
    size, stride, offset = layout_of(t)
    conj = sum(isinstance(step, Conjugate) for step in steps) % 2 == 1
    opaque = stride is None or (conj and any(isinstance(step, RealView) for step in steps))
    if opaque:  # no strided layout says this: it is written as a storage of its own
        holder, value, size, stride, offset, conj, v = t, a, a.shape, row_major(a.shape), 0, False, None
    memory = value if v is None else _in_memory_order(value, v.cell.strides)
    dtype = t.dtype
    return Parts(
        identity=id(holder),
        storage=holder,
        count=memory.nbytes // dtype.itemsize,
        data=lambda: to_bytes(memory),
        dtype=dtype,
        offset=offset,
        size=tuple(size),
        stride=tuple(stride),
        requires_grad=t._rg,
        conj=conj,
        location=location,
    )


# attributes of a tensor's __dict__ that are the library's own
INTERNAL = frozenset({"_inference", "_hooks", "_post_hooks", "_retains"})


def python_state(t: Tensor) -> dict:
    """The attributes a user put on a tensor."""
    return {name: value for name, value in t.__dict__.items() if name not in INTERNAL}


def requires_grad(t: Tensor) -> bool:
    """Whether a tensor requires gradients, once it has caught up with its base."""
    read(t)
    return t._rg


def values_of(t: Tensor) -> np.ndarray:
    """The values of a tensor in row-major order as a uint8 array."""
    return to_bytes(read(t))

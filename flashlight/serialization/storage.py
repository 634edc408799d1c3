"""Storages: the one-dimensional memory that tensors of a checkpoint share, and the type names torch gives them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._core import dtypes
from .._core.device import device, placed

_LEGACY = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
}
_QUANTIZED = {"QInt8Storage": 1, "QInt32Storage": 4, "QUInt8Storage": 1, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1}
# dtypes newer than the storage classes: torch writes them as untyped bytes and puts the dtype beside the tensor
UNTYPED_DTYPES = frozenset({"uint16", "uint32", "uint64"})


class StorageType:
    """The type a checkpoint names for a storage; ``dtype`` is None for untyped bytes and for quantized types."""

    __slots__ = ("dtype", "itemsize", "module", "name")

    def __init__(self, name: str, module: str = "torch"):
        self.name, self.module = name, module
        self.dtype = dtypes.BY_NAME[_LEGACY[name]] if name in _LEGACY else None
        self.itemsize = self.dtype.itemsize if self.dtype else _QUANTIZED.get(name, 1)

    @property
    def is_quantized(self) -> bool:
        return self.name in _QUANTIZED

    def __repr__(self) -> str:
        return f"{self.module}.{self.name}"


UNTYPED = StorageType("UntypedStorage", "torch.storage")
_BY_NAME = {name: StorageType(name) for name in (*_LEGACY, *_QUANTIZED)}
_TYPE_OF = {kind.dtype.name: kind for kind in _BY_NAME.values() if kind.dtype is not None}
_MODULES = {"torch", "torch.cuda", "torch.storage", "torch.mps", "torch.xpu"}
_UNTYPED_NAMES = {"UntypedStorage", "_UntypedStorage"}


def storage_type(module: str, name: str) -> StorageType | None:
    """The storage type torch calls ``module.name``, None if there is none."""
    if module not in _MODULES:
        return None
    return UNTYPED if name in _UNTYPED_NAMES else _BY_NAME.get(name)


def storage_type_of(dtype: dtypes.dtype) -> StorageType:
    """The storage type torch's writer names for tensors of ``dtype``."""
    return UNTYPED if dtype.name in UNTYPED_DTYPES else _TYPE_OF[dtype.name]


class Storage:
    """Memory read from a checkpoint: its element type, its size and the label of its device.

    ``read`` gives the raw bytes as a uint8 array when they are first needed. Tensors that name one storage share its
    memory. A ``map_location`` function is handed one of these and may return it, or a relabelled one from ``cpu()``,
    ``cuda()``, ``mps()`` or ``to()``.
    """

    def __init__(
        self,
        kind: StorageType,
        numel: int,
        read: Callable[[], np.ndarray],
        entry: str,
        big_endian: bool = False,
        lazy: bool = False,
    ):
        self.kind, self.entry, self.location = kind, entry, "cpu"
        self.big_endian, self.lazy = big_endian, lazy
        self._numel, self._read = numel, read
        self.cell = None  # what tensors made from this storage share, kept by the bridge

    @property
    def dtype(self) -> dtypes.dtype:
        return self.kind.dtype or dtypes.uint8

    @property
    def device(self) -> device:
        return placed(device(self.location))

    def size(self) -> int:
        """The number of elements."""
        return self._numel

    __len__ = size

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._numel * self.kind.itemsize

    def element_size(self) -> int:
        """Bytes per element."""
        return self.kind.itemsize

    def numpy_bytes(self) -> np.ndarray:
        """The raw bytes as a uint8 array."""
        return self._read()

    def settle(self) -> None:
        """Read the bytes of a storage no tensor was made from, since the file is about to be closed."""
        if self.cell is None and not self.lazy and self.location != "meta":
            raw = self._read()
            self._read = lambda: raw

    def to(self, device: device | str) -> Storage:
        """The storage labelled with a device; memory is unified, so nothing is copied."""
        self.location = str(device)
        return self

    def cpu(self) -> Storage:
        """The storage labelled ``cpu``."""
        return self.to("cpu")

    def cuda(self, device: int | str | device | None = None) -> Storage:
        """The storage labelled ``cuda``."""
        index = device if device is not None else 0
        return self.to(f"cuda:{index}" if isinstance(index, int) else index)

    def mps(self) -> Storage:
        """The storage labelled ``mps``."""
        return self.to("mps")

    def __repr__(self) -> str:
        return f"Storage(dtype={self.dtype}, size={self._numel}, device={self.location!r})"

"""The Tensor class: identity and the plain properties. Other modules attach the rest with `tensor_method`."""

from __future__ import annotations

import math

import mlx.core as mx

from . import device as devices
from . import dtypes
from .size import Size


class Tensor:
    """A multi-dimensional array of one dtype that can be differentiated.

    An array is an immutable value: writing in place swaps ``_a``. ``_view`` is None for a tensor whose storage nobody
    shares, else says which cell it reads and how.
    """

    # _a array | _view View or None | _node history, None for a leaf | _rg requires_grad | _grad | _v version | _device label
    __slots__ = ("__dict__", "__weakref__", "_a", "_device", "_grad", "_node", "_rg", "_v", "_view")
    __array_priority__ = 1000  # numpy leaves binary operators to us

    def __new__(cls, *args, **kwargs):
        return constructor(cls, *args, **kwargs)

    def __init__(self, *_args, **_kwargs):
        super().__init__()

    # ------------------------------------------------------------------------------------------------------ properties
    @property
    def shape(self) -> Size:
        return Size(self._a.shape)

    def size(self, dim: int | None = None):
        """The shape, or the length of one dimension."""
        if dim is None:
            return Size(self._a.shape)
        shape = read(self).shape
        return shape[wrap_dim(dim, len(shape))]

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.from_mlx(self._a.dtype)

    @property
    def device(self) -> devices.device:
        return self._device

    @property
    def ndim(self) -> int:
        return self._a.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._a.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._a.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes per element."""
        return self._a.itemsize

    @property
    def itemsize(self) -> int:
        return self._a.itemsize

    @property
    def nbytes(self) -> int:
        return self._a.nbytes

    @property
    def is_leaf(self) -> bool:
        read(self)
        return self._node is None

    @property
    def _version(self) -> int:
        return self._v if self._view is None else self._view.cell.version

    @property
    def is_mps(self) -> bool:
        return self._device.type == "mps"

    @property
    def is_cuda(self) -> bool:
        return self._device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        return self._device.type == "cpu"

    @property
    def is_meta(self) -> bool:
        return self._device.type == "meta"

    is_sparse = is_quantized = is_nested = is_mkldnn = is_xla = is_xpu = is_sparse_csr = property(lambda self: False)
    is_mtia = is_maia = is_ipu = is_vulkan = property(lambda self: False)
    name = property(lambda self: None)

    @property
    def layout(self):
        return strided

    def get_device(self) -> int:
        """The index of the device, -1 on the CPU."""
        return -1 if self._device.index is None else self._device.index

    def is_floating_point(self) -> bool:
        """Whether the dtype is a floating point type."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """Whether the dtype is complex."""
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        """Whether the dtype holds negative values."""
        return self.dtype.is_signed

    def is_inference(self) -> bool:
        """Whether the tensor was made in inference mode."""
        return self.__dict__.get("_inference", False)

    def __hash__(self) -> int:
        return id(self)

    def __len__(self) -> int:
        shape = read(self).shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]


Tensor.__module__ = "flashlight"


class layout:
    """A memory layout; all tensors here are strided."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


layout.__module__ = "flashlight"


class memory_format:
    """An order of a tensor's elements in memory; it shows in ``stride()`` and changes no value."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


memory_format.__module__ = "flashlight"
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
strided = layout("strided")
sparse_coo, sparse_csr = layout("sparse_coo"), layout("sparse_csr")


def constructor(cls, *_args, **_kwargs):
    """The legacy ``Tensor(...)`` constructor; `creation` installs it."""
    raise TypeError(f"import flashlight before constructing a {cls.__name__}")


def set_constructor(fn) -> None:
    """Install what ``Tensor(...)`` calls."""
    global constructor
    constructor = fn


_object_new = object.__new__


def wrap(a: mx.array, device: devices.device = devices.CPU_LABEL, cls: type = Tensor) -> Tensor:
    """A fresh leaf around an array."""
    t = _object_new(cls)
    t._a = a
    t._view = t._node = t._grad = None
    t._rg = False
    t._v = 0
    t._device = device
    return t


def read(t: Tensor) -> mx.array:
    """The current value; the hot path inlines this test."""
    v = t._view
    return t._a if v is None or v.seen == v.cell.version else sync(t)


def sync(t: Tensor) -> mx.array:
    """Bring a tensor that shares storage up to date; replaced by `views`."""
    raise RuntimeError(f"no views module for {t!r}")


def set_sync(fn) -> None:
    """Install the function that refreshes stale views."""
    global sync
    sync = fn


def tensor_method(fn):
    """Attach a function as a Tensor method of its own name."""
    setattr(Tensor, fn.__name__, fn)
    return fn


def tensor_property(fn):
    """Attach a function as a read-only Tensor property."""
    setattr(Tensor, fn.__name__, property(fn))
    return fn


def wrap_dim(dim: int, ndim: int) -> int:
    """A dimension in [0, ndim); 0-dimensional tensors accept 0 and -1. Raises IndexError as torch does."""
    span = ndim or 1
    if not -span <= dim < span:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})")
    return dim + span if dim < 0 else dim


def numel_of(shape) -> int:
    return math.prod(shape)

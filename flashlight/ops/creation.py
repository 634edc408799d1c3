"""Tensors from data, and tensors of a shape: tensor, zeros, ones, full, empty, their ``_like`` and ``new_`` forms."""

from __future__ import annotations

import warnings

import mlx.core as mx
import numpy as np

from .._core import dtypes, views
from .._core.conversion import host_value, infer
from .._core.creation_args import finish, float_dtype, sizes_of
from .._core.device import CPU_LABEL, as_label
from .._core.dispatch import is_number, scalar_array, write_out
from .._core.formats import in_format, is_dense, laid, like, strides_in
from .._core.size import Size
from .._core.steps import Gathered
from .._core.table import composite, method
from .._core.tensor import Tensor, preserve_format, read, set_constructor, wrap
from .convert import converted


# ---------------------------------------------------------------------------------------------------------- from data
def _copied(data, dtype, device, requires_grad: bool, pin_memory: bool, warning: str | None, layout=None) -> Tensor:
    if isinstance(data, Tensor):
        if warning is not None:
            warnings.warn(warning, stacklevel=3)
        device = data._device if device is None else device
    return finish(infer(data, dtype), device, requires_grad, layout, pin_memory)


@composite(method=False)
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor with a copy of ``data``: numbers, nested sequences of numbers or tensors, or a numpy array.

    The dtype of Python data is bool, int64, the default float or complex64, the widest that occurs.
    Raises: ValueError for ragged sequences, TypeError or RuntimeError for what is no number.
    """
    return _copied(
        data, dtype, device, requires_grad, pin_memory,
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
        "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
    )  # fmt: skip


@composite(method=False)
def as_tensor(data, dtype=None, device=None):
    """``data`` as a tensor: a tensor of that dtype and device is returned itself, anything else is copied."""
    if isinstance(data, Tensor):
        return converted(data, dtype, None if device is None else as_label(device))
    return finish(infer(data, dtype), device)


@composite(method=False)
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """``obj`` as a tensor, copied only when ``copy`` says so or the dtype changes; numpy data is always copied.

    ``requires_grad=False`` detaches a tensor, None leaves it as it is.

    Raises: ValueError if ``copy=False`` and a copy is needed.
    """
    if not isinstance(obj, Tensor):
        if copy is False and not is_number(obj):
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return finish(infer(obj, dtype), device, bool(requires_grad))
    t = converted(obj, dtype, None if device is None else as_label(device), bool(copy))
    if copy is False and t is not obj:
        raise ValueError("can't alias tensor with a different dtype or device without a copy")
    if requires_grad is None or requires_grad == t._rg:
        return t
    return t.detach().requires_grad_(requires_grad)


@composite(method=False)
def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A 0-dimensional tensor holding a number, by default of the default float dtype."""
    return finish(_filled((), s, float_dtype(dtype)), device, requires_grad, layout, pin_memory)


# --------------------------------------------------------------------------------------------------------- of a shape
def _filled(shape, value, dtype: dtypes.dtype) -> mx.array:
    return mx.broadcast_to(scalar_array(value, dtypes.to_mlx(dtype)), shape)


def into(out, a: mx.array, device=None, requires_grad=False, layout=None, pin_memory=False) -> Tensor:
    """The tensor a creating function returns, or ``out`` with its values."""
    if out is None:
        return finish(a, device, requires_grad, layout, pin_memory)
    write_out(out, wrap(a))
    return out.requires_grad_() if requires_grad else out


def out_dtype(dtype, out, default=None) -> dtypes.dtype:
    """The dtype asked for, that of ``out``, or the default; raises RuntimeError if the first two differ."""
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    if out is None:
        return dtype or default or dtypes.get_default_dtype()
    if dtype is not None and dtype is not out.dtype:
        names = dtypes.scalar_type_name(dtype), dtypes.scalar_type_name(out.dtype)
        raise RuntimeError(f"dtype {names[0]} does not match dtype of out parameter ({names[1]})")
    return out.dtype


def _shaped(name: str, value, doc: str):
    def make(*size, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, **given):
        size, format = size_of(name, size, given)
        a = _filled(sizes_of(size), value, out_dtype(dtype, out))
        return in_format(into(out, a, device, requires_grad, layout, pin_memory), format)

    make.__name__, make.__doc__ = name, doc
    composite(make, method=False)

    def make_like(
        input,
        *,
        dtype=None,
        layout=None,
        device=None,
        pin_memory=False,
        requires_grad=False,
        memory_format=preserve_format,
    ):
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}_like(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        a = _filled(read(input).shape, value, dtype or input.dtype)
        t = finish(a, input._device if device is None else device, requires_grad, layout, pin_memory)
        return like(t, input, memory_format)

    make_like.__name__, make_like.__doc__ = f"{name}_like", f"``{name}`` in the shape, dtype and device of a tensor."
    composite(make_like, method=False)

    def new(self, *size, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, **given):
        size, _ = size_of(name, size, given)
        a = _filled(sizes_of(size), value, dtype or self.dtype)
        return finish(a, self._device if device is None else device, requires_grad, layout, pin_memory)

    new.__name__, new.__doc__ = f"new_{name}", f"``{name}`` in the dtype and on the device of this tensor."
    method(new)
    return make


def size_of(name: str, size, given) -> tuple:
    """The sizes however they were passed, and the memory format of ``empty``."""
    format = given.pop("memory_format", None) if name == "empty" else None
    if given.pop("names", None) is not None:
        raise NotImplementedError(f"{name}(): named dimensions are not supported")
    if "size" in given:
        size = (given.pop("size"),)
    elif not size:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    if given:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(given))}'")
    return size, format


zeros = _shaped("zeros", 0, "A tensor of zeros.")
ones = _shaped("ones", 1, "A tensor of ones.")
empty = _shaped("empty", 0, "A tensor of a shape whose values are not to be relied on (they are zeros).")


def _fill_value(value):
    if isinstance(value, Tensor):
        if read(value).ndim:
            raise TypeError("full(): argument 'fill_value' (position 2) must be Number, not Tensor")
        return host_value(value).item()
    if not is_number(value):
        raise TypeError(f"full(): argument 'fill_value' (position 2) must be Number, not {type(value).__name__}")
    return value


@composite(method=False)
def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor of a shape filled with a number, by default of the dtype of that number."""
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    value = _fill_value(fill_value)
    a = _filled(sizes_of((size,)), value, out_dtype(dtype, out, dtypes.of_scalar(value)))
    return into(out, a, device, requires_grad, layout, pin_memory)


@composite(method=False)
def full_like(input, fill_value, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False,
              memory_format=preserve_format):  # fmt: skip
    """``full`` in the shape, dtype and device of a tensor."""
    a = _filled(read(input).shape, _fill_value(fill_value), dtype or input.dtype)
    t = finish(a, input._device if device is None else device, requires_grad, layout, pin_memory)
    return like(t, input, memory_format)


@method
def new_full(self, size, fill_value, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """``full`` in the dtype and on the device of this tensor."""
    a = _filled(sizes_of((size,)), _fill_value(fill_value), dtype or self.dtype)
    return finish(a, self._device if device is None else device, requires_grad, layout, pin_memory)


@method
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """``tensor(data)`` in the dtype and on the device of this tensor."""
    return _copied(
        data, dtype or self.dtype, self._device if device is None else device, requires_grad, pin_memory,
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
        "sourceTensor.detach().clone().requires_grad_(True), rather than tensor.new_tensor(sourceTensor).", layout,
    )  # fmt: skip


@composite(method=False)
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """An uninitialised tensor of the given strides."""
    return _strided(size, stride, float_dtype(dtype), device, requires_grad, layout, pin_memory)


@method
def new_empty_strided(
    self, size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """``empty_strided`` in the dtype and on the device of this tensor."""
    device = self._device if device is None else device
    return _strided(size, stride, dtype or self.dtype, device, requires_grad, layout, pin_memory)


def _strided(size, stride, dtype, device, requires_grad, layout, pin_memory) -> Tensor:
    shape, strides = sizes_of((size,)), tuple(stride)
    if len(shape) != len(strides):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(strides)})"
        )
    if 0 not in shape and not is_dense(shape, strides):
        extent = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
        storage = finish(_filled((extent,), 0, dtype), device, False, layout, pin_memory)
        seen = views.alias(views.view(storage, Gathered(shape, strides, 0), "AsStridedBackward0"))
        return seen.requires_grad_() if requires_grad else seen
    return laid(finish(_filled(shape, 0, dtype), device, requires_grad, layout, pin_memory), strides)


@composite(method=False)
def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """An uninitialised tensor whose dimensions lie in memory in the order ``physical_layout``, outermost first."""
    shape = sizes_of((size,))
    if len(physical_layout) != len(shape):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(shape)} is not equal to len(physical_layout) = {len(physical_layout)}"
        )
    order = list(physical_layout)
    for i, d in enumerate(order):
        if not 0 <= d < len(shape):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {d} at index {i}): no "
                "negative ones here"
            )
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    t = finish(_filled(shape, 0, float_dtype(dtype)), device, requires_grad, layout, pin_memory)
    return laid(t, strides_in(shape, order))


@composite(method=False, host=True, differentiable=False)
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A one-dimensional tensor with the values of an object that exposes a buffer, from byte ``offset`` on.

    Differs: the values are copied, the tensor does not share the buffer's memory.
    """
    raw, item = memoryview(buffer).cast("B"), dtype.itemsize
    size = len(raw)
    if not (size and count):
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} bytes) minus 1"
        )
    if count < 0:
        if (size - offset) % item:
            raise ValueError(
                f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a multiple of element "
                f"size ({item})"
            )
        count = (size - offset) // item
    if offset + count * item > size:
        raise ValueError(
            f"requested buffer length ({count} * {item} bytes) after offset ({offset} bytes) must not be greater than "
            "actual "
            f"buffer length ({size} bytes)"
        )
    values = np.frombuffer(raw, dtype=np.uint8, count=count * item, offset=offset)
    return finish(mx.view(mx.array(values), dtypes.to_mlx(dtype)), None, requires_grad)


# ------------------------------------------------------------------------------------------------ legacy constructors
def _legacy(cls, dtype, args, device=None) -> Tensor:
    """``Tensor()``, ``Tensor(2, 3)`` (uninitialised), ``Tensor([1, 2])``, ``Tensor(tensor)``."""
    if len(args) == 1 and isinstance(args[0], Tensor) and args[0].ndim + args[0].is_floating_point():
        return _aliased(cls, args[0])
    if not args:
        a = mx.zeros((0,), dtype=dtypes.to_mlx(dtype))
    elif len(args) == 1 and isinstance(args[0], (str, float)):
        raise TypeError(
            "new(): invalid data type 'str'"
            if isinstance(args[0], str)
            else "new(): data must be a sequence (got float)"
        )
    elif len(args) == 1 and hasattr(args[0], "__len__") and not isinstance(args[0], (Size, Tensor)):
        a = infer(args[0], dtype)
    else:
        a = mx.zeros(sizes_of(args), dtype=dtypes.to_mlx(dtype))
    return wrap(a, CPU_LABEL if device is None else as_label(device), cls)


def _aliased(cls, source: Tensor) -> Tensor:
    alias = source.detach()
    alias.__class__ = cls
    return alias


def _construct(cls, *args, device=None, **kwargs) -> Tensor:
    if kwargs and cls.__init__ is Tensor.__init__:
        raise TypeError(f"new() received an unexpected keyword argument '{next(iter(kwargs))}'")
    return _legacy(cls, dtypes.get_default_dtype(), args, device)


set_constructor(_construct)


@method
def new(self, *args, device=None):
    """The legacy constructor in the dtype and on the device of this tensor."""
    return _legacy(Tensor, self.dtype, args, self._device if device is None else device)


class _TensorType(type):
    """The class of ``FloatTensor`` and its kin: types whose instances are the tensors of one dtype."""

    def __instancecheck__(cls, t) -> bool:
        return isinstance(t, Tensor) and t.dtype is cls._legacy_dtype and t.is_cpu

    def __call__(cls, *args, device=None):
        if len(args) == 1 and isinstance(args[0], Tensor) and args[0].dtype is not cls._legacy_dtype:
            raise TypeError(f"expected {cls.__name__} (got {dtypes.scalar_type_name(args[0].dtype)}Tensor)")
        return _legacy(Tensor, cls._legacy_dtype, args, device)

    @property
    def dtype(cls) -> dtypes.dtype:
        return cls._legacy_dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


for _name in ("float64", "float32", "float16", "bfloat16", "uint8", "int8", "int16", "int32", "int64", "bool"):
    _label = f"{dtypes.scalar_type_name(dtypes.BY_NAME[_name])}Tensor"
    composite(
        _TensorType(
            _label,
            (),
            {
                "_legacy_dtype": dtypes.BY_NAME[_name],
                "__doc__": f"The legacy type of {_name} tensors.",
                "__module__": "flashlight",
            },
        ),
        name=_label,
        method=False,
        differentiable=False,
    )


@composite(method=False, differentiable=False)
def set_default_tensor_type(t) -> None:
    """Set the default dtype by a legacy type, ``FloatTensor`` or ``"torch.FloatTensor"``."""
    name = t if isinstance(t, str) else f"torch.{getattr(t, '__name__', t)}"
    found = {f"torch.{dtypes.scalar_type_name(d)}Tensor": d for d in dtypes.BY_NAME.values()}.get(name)
    if found is None:
        raise TypeError(f"invalid type object: {name}")
    dtypes.set_default_dtype(found)


@composite(method=False, host=True, differentiable=False)
def from_file(filename, shared=None, size=0, *, dtype=None, layout=None, device=None, pin_memory=False):
    """A one-dimensional tensor of the first ``size`` numbers of a file.

    Raises: RuntimeError for a file that is missing or too short; NotImplementedError for ``shared=True``: writes to the tensor
    cannot reach the file.
    """
    if shared:
        raise NotImplementedError(
            "from_file(shared=True) cannot write to the file: write tensor.numpy().tofile(filename)"
        )
    kind = dtypes.get_default_dtype() if dtype is None else dtype
    try:
        with open(filename, "rb") as file:
            data = file.read(size * kind.itemsize)
            length = file.seek(0, 2)
    except FileNotFoundError as error:
        raise RuntimeError(
            f"unable to open file <{filename}> in read-only mode: No such file or directory (2)"
        ) from error
    if length < size * kind.itemsize:
        raise RuntimeError(
            f"file <{filename}> size <{length}> is smaller than the required mapping size <{size * kind.itemsize}>"
        )
    made = read(frombuffer(data, dtype=kind)) if size else mx.zeros((0,), dtype=kind.mlx)
    return finish(made, device, False, layout, pin_memory)

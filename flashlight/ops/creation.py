"""Tensors from data, and tensors of a shape: tensor, zeros, ones, full, empty and their ``_like`` and ``new_`` forms."""

from __future__ import annotations

import warnings

import mlx.core as mx

from .._core import dtypes
from .._core.conversion import host_value, infer
from .._core.creation_args import finish, float_dtype, sizes_of
from .._core.device import CPU_LABEL, as_label
from .._core.dispatch import is_number, scalar_array, write_out
from .._core.formats import in_format, like
from .._core.size import Size
from .._core.table import composite, method
from .._core.tensor import Tensor, preserve_format, read, set_constructor, wrap
from .convert import converted


# -------------------------------------------------------------------------------------------------------------- from data
def _copied(data, dtype, device, requires_grad: bool, pin_memory: bool, warning: str | None) -> Tensor:
    if isinstance(data, Tensor):
        if warning is not None:
            warnings.warn(warning, stacklevel=3)
        device = data._device if device is None else device
    return finish(infer(data, dtype), device, requires_grad, None, pin_memory)


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
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """``obj`` as a tensor, copied only when ``copy`` says so or the dtype changes; numpy data is always copied.

    Raises: ValueError if ``copy=False`` and a copy is needed.
    """
    if not isinstance(obj, Tensor):
        if copy is False and not is_number(obj):
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return finish(infer(obj, dtype), device, requires_grad)
    t = converted(obj, dtype, None if device is None else as_label(device), bool(copy))
    if copy is False and t is not obj:
        raise ValueError("can't alias tensor with a different dtype or device without a copy")
    if requires_grad and not t._rg:
        t = t.detach().requires_grad_()
    return t if requires_grad or not t._rg else t.detach()


@composite(method=False)
def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A 0-dimensional tensor holding a number, by default of the default float dtype."""
    return finish(_filled((), s, float_dtype(dtype)), device, requires_grad, layout, pin_memory)


# ------------------------------------------------------------------------------------------------------------- of a shape
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


def _fill_dtype(value, dtype) -> dtypes.dtype:
    if isinstance(value, Tensor):
        return dtype or value.dtype
    return dtype or (dtypes.of_scalar(value) if is_number(value) else None)


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
        "sourceTensor.detach().clone().requires_grad_(True), rather than tensor.new_tensor(sourceTensor).",
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- legacy constructors
def _legacy(cls, dtype, args, device=None) -> Tensor:
    """``Tensor()``, ``Tensor(2, 3)`` (uninitialised), ``Tensor([1, 2])``, ``Tensor(tensor)``."""
    if not args:
        a = mx.zeros((0,), dtype=dtypes.to_mlx(dtype))
    elif len(args) == 1 and isinstance(args[0], Tensor):
        source = args[0]
        if source.dtype is not dtype:
            raise TypeError(
                f"expected {_legacy_name(dtype)} (got {_legacy_name(source.dtype)})" if cls is not Tensor else
                f"expected Float (got {dtypes.scalar_type_name(source.dtype)})"
            )  # fmt: skip
        alias = source.detach()
        alias.__class__ = cls
        return alias
    elif len(args) == 1 and (hasattr(args[0], "__len__") and not isinstance(args[0], Size)):
        if isinstance(args[0], str):
            raise TypeError("new(): invalid data type 'str'")
        a = infer(args[0], dtype)
    else:
        a = mx.zeros(sizes_of(args), dtype=dtypes.to_mlx(dtype))
    return wrap(a, CPU_LABEL if device is None else as_label(device), cls)


def _legacy_name(dtype) -> str:
    return f"torch.{dtypes.scalar_type_name(dtype)}Tensor"


def _construct(cls, *args, device=None, **kwargs) -> Tensor:
    if kwargs:
        if cls.__init__ is Tensor.__init__:
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
        return _legacy(Tensor, cls._legacy_dtype, args, device)

    @property
    def dtype(cls) -> dtypes.dtype:
        return cls._legacy_dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


for _name in ("float64", "float32", "float16", "bfloat16", "uint8", "int8", "int16", "int32", "int64", "bool"):
    _label = f"{dtypes.scalar_type_name(dtypes.BY_NAME[_name])}Tensor"
    composite(
        _TensorType(_label, (), {"_legacy_dtype": dtypes.BY_NAME[_name], "__doc__": f"Legacy type of tensors of {_name}.",
                                 "__module__": "flashlight"}),
        name=_label, method=False, differentiable=False,
    )  # fmt: skip

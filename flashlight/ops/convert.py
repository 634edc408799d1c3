"""Conversions: dtype, device and layout of a tensor; clone, fill, storage."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.axes import summed
from .._core.device import CPU_LABEL, as_label, device
from .._core.dispatch import cast, convert, is_number, scalar_array
from .._core.formats import is_laid, like, suggested
from .._core.table import Array, composite, method, op
from .._core.tensor import Tensor, contiguous_format, preserve_format, wrap


# ------------------------------------------------------------------------------------------------------------- copies
@op(namespace="_", method=False, name="clone")
def copied(input: Array) -> Array:
    """The same values in a storage of their own: arrays are immutable, so nothing is copied."""
    return input


@copied.vjp
def _(g):
    return g


@op(namespace="_", method=False, name="to_copy")
def relabelled(input: Array) -> Array:
    """The same values, to be seen under another device label or in another memory format."""
    return input


@relabelled.vjp
def _(g):
    return g


@composite
def clone(input, *, memory_format=preserve_format):
    """The same values in a storage of their own."""
    return like(dispatch.run(copied, (input,), ()), input, memory_format)


@method
def contiguous(self, memory_format=contiguous_format):
    """The tensor itself if it lies in memory in that format, else a copy that does."""
    if memory_format is preserve_format:
        if not is_laid(self):
            raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
        return self
    return self if is_laid(self, memory_format) else clone(self, memory_format=memory_format)


@method
def is_contiguous(self, memory_format=contiguous_format) -> bool:
    """Whether the strides are those of a memory format."""
    return is_laid(self, memory_format)


def converted(t: Tensor, dtype, label, copy: bool = False, memory_format=preserve_format) -> Tensor:
    """A tensor in another dtype and under another device label; the tensor itself if neither changes anything."""
    same = dtype is None or dtype is t.dtype
    moved = label is not None and label is not t._device and label != t._device
    if same and not moved and not copy and (memory_format is preserve_format or suggested(t) is memory_format):
        return t
    if moved and t.is_meta:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    out = dispatch.run(relabelled, (t,), ()) if same else cast(t, dtype)
    if moved:
        out._device = label
        if label.type == "meta":
            out._a = mx.zeros(out._a.shape, dtype=out._a.dtype)
    return like(out, t, memory_format)


def _bad_to(value) -> TypeError:
    return TypeError(
        "to() received an invalid combination of arguments - got (" + type(value).__name__ + "), but expected one of:\n"
        " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, "
        "torch.memory_format memory_format = None)\n"
        " * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = "
        "None)\n"
        " * (Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = "
        "None)\n"
    )


def parse_to(args, kwargs) -> tuple:
    """(device, dtype, non_blocking, copy, memory_format) from the call forms of ``to``."""
    args, rest = list(args), dict(kwargs)
    label = rest.pop("device", None)
    dtype = rest.pop("dtype", None)
    other = rest.pop("tensor", None)
    format = rest.pop("memory_format", None)
    if args and isinstance(args[0], Tensor):
        other = args.pop(0)
    elif args and isinstance(args[0], dtypes.dtype):
        dtype = args.pop(0)
    elif args and (args[0] is None or (isinstance(args[0], (str, int, device)) and not isinstance(args[0], bool))):
        label = args.pop(0)
        if args and (args[0] is None or isinstance(args[0], dtypes.dtype)):
            dtype = args.pop(0)
    elif args:
        raise _bad_to(args[0])
    if other is not None:
        label, dtype = other._device, other.dtype
    flags = []
    for name in ("non_blocking", "copy"):
        flag = args.pop(0) if args else rest.pop(name, False)
        if not isinstance(flag, bool):
            raise _bad_to(flag)
        flags.append(flag)
    if args or rest:
        raise _bad_to(args[0] if args else next(iter(rest.values())))
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"to(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")
    return None if label is None else as_label(label), dtype, *flags, format


@method
def to(self, *args, **kwargs):
    """The tensor in another dtype, on another device or in another memory format.

    Call as ``to(dtype)``, ``to(device, dtype=None)`` or ``to(tensor)``, each with ``non_blocking``, ``copy`` and
    ``memory_format``.
    Returns the tensor itself when nothing changes and ``copy`` is False. A device is a label: moving copies no data, so
    ``non_blocking`` has nothing to wait for. With ``inplace=True`` the tensor itself is changed, as by ``.data``.
    """
    inplace = kwargs.pop("inplace", False)
    label, dtype, _, copy, format = parse_to(args, kwargs)
    out = converted(self, dtype, label, copy, preserve_format if format is None else format)
    if not inplace:
        return out
    if out is not self:
        self.data = out.detach()
    return self


# -------------------------------------------------------------------------------------------------- named conversions
def _cast_method(name: str, target: dtypes.dtype):
    def change(self, memory_format=preserve_format):
        return converted(self, target, None, False, memory_format)

    change.__name__ = name
    change.__doc__ = f"The tensor as {target!r}."
    method(change)


for _name, _target in {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "int": "int32", "long": "int64",
    "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool", "cfloat": "complex64", "cdouble": "complex128",
    "chalf": "complex32",
}.items():  # fmt: skip
    _cast_method(_name, dtypes.BY_NAME[_target])


@method
def type_as(self, other):
    """The tensor in the dtype and on the device of another."""
    return converted(self, other.dtype, other._device)


@method
def cpu(self, memory_format=preserve_format):
    """The tensor under the device label ``cpu``."""
    return converted(self, None, CPU_LABEL, False, memory_format)


def _device_method(name: str):
    def move(self, device=None, non_blocking=False, memory_format=preserve_format):
        label = as_label(name if device is None else device)
        if label.type != name:
            raise RuntimeError(f"Invalid device, must be {name} device")
        return converted(self, None, label, False, memory_format)

    move.__name__ = name
    move.__doc__ = f"The tensor under the device label ``{name}``: memory is unified, no data moves."
    method(move)


for _name in ("cuda", "mps"):
    _device_method(_name)


# ------------------------------------------------------------------------------------------------------------ filling
@op(namespace="_", method=False, name="fill")
def filled(input: Array, value: Array) -> Array:
    """One number everywhere."""
    return mx.broadcast_to(convert(value, input.dtype), input.shape)


@filled.vjp
def _(g, needs, dtypes):
    return mx.zeros_like(g) if needs[0] else None, convert(summed(g), dtypes[1]) if needs[1] else None


def _fill_value(input: Tensor, value) -> Tensor:
    if not isinstance(value, Tensor):
        if not is_number(value):
            raise TypeError(f"fill_(): argument 'value' (position 1) must be Number, not {type(value).__name__}")
        if isinstance(value, complex) and not input.is_complex():
            raise RuntimeError("value cannot be converted to type float without overflow")
        return wrap(scalar_array(value, input._a.dtype))
    if value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    return value


@composite
def fill_(input, value):
    """Set every element to a number or a 0-dimensional tensor, in place."""
    return dispatch.in_place(filled, (input, _fill_value(input, value)), ())


@composite(method=False)
def fill(input, value):
    """A tensor like ``input`` with every element set to a number or a 0-dimensional tensor."""
    return like(dispatch.run(filled, (input, _fill_value(input, value)), ()), input)


@composite
def zero_(input):
    """Set every element to zero, in place."""
    return dispatch.in_place(filled, (input, wrap(mx.zeros((), dtype=input._a.dtype))), ())

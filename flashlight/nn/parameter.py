"""Parameters and buffers: tensors a Module registers when they are assigned to it."""

from __future__ import annotations

import mlx.core as mx

from .._core import dtypes, views
from .._core.device import as_label
from .._core.size import Size
from .._core.tensor import Tensor, read, wrap

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


def sharing(data: Tensor, cls: type) -> Tensor:
    """A leaf of class ``cls`` on the storage of ``data``."""
    t = wrap(read(data), data._device, cls)
    views.detached_from(t, data)
    return t


class _ParameterMeta(type):
    # a Parameter made from a Tensor subclass stays of that subclass and carries a mark
    def __instancecheck__(cls, instance) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that becomes a parameter of the Module it is assigned to; it shares the storage of ``data``."""

    def __new__(cls, data=None, requires_grad: bool = True):
        if data is None:
            data = wrap(mx.zeros((0,), dtype=dtypes.get_default_dtype().mlx), as_label(None))
        elif not isinstance(data, Tensor):
            data = data.detach()  # what can not be detached is no tensor
        if type(data) is Tensor or isinstance(data, Parameter):
            t = sharing(data, cls)
        else:
            t = sharing(data, type(data))
            t.__dict__.update(data.__dict__)
            t._is_param = True
        if type(requires_grad) is not bool:
            kind = type(requires_grad).__name__
            raise TypeError(f"_make_subclass(): argument 'require_grad' (position 3) must be bool, not {kind}")
        if requires_grad:
            if not (t.is_floating_point() or t.is_complex()):
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            t._rg = True
        return t

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        new = wrap(read(self), self._device, type(self))
        new._rg = self._rg
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k == "_is_param"})
        memo[id(self)] = new
        return new

    def __repr__(self, *, tensor_contents=None) -> str:
        return "Parameter containing:\n" + super().__repr__(tensor_contents=tensor_contents)

    def __reduce_ex__(self, protocol):
        state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        return (_rebuild_parameter, (type(self), self.data, self.requires_grad, state))


Parameter.__module__ = "flashlight.nn.parameter"


def _rebuild_parameter(cls, data: Tensor, requires_grad: bool, state: dict) -> Parameter:
    t = cls(data, requires_grad)
    t.__dict__.update(state)
    return t


class _BufferMeta(type):
    # a Buffer is a plain Tensor with a mark
    def __instancecheck__(cls, instance) -> bool:
        if super().__instancecheck__(instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that becomes a buffer of the Module it is assigned to.

    Args:
        persistent: whether the buffer is part of the Module's ``state_dict``.
    """

    def __new__(cls, data=None, *, persistent: bool = True):
        if data is None:
            data = wrap(mx.zeros((0,), dtype=dtypes.get_default_dtype().mlx), as_label(None))
        t = data.detach()
        t._rg = data.requires_grad
        t.persistent = persistent
        t._is_buffer = True
        return t


# ------------------------------------------------------------------------------------------------------- uninitialized
_CONVERSIONS = ("half", "bfloat16", "float", "double", "char", "short", "int", "long", "cuda", "cpu", "to")


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet. Only its dtype and device can be read or changed until ``materialize``."""

    cls_to_become: type | None = None

    def _placeholder(self) -> Tensor:
        """An empty tensor of this one's dtype and device."""
        return wrap(Tensor._a.__get__(self), self._device)

    def _converted(self, placeholder: Tensor) -> Tensor:
        return placeholder

    @property
    def _a(self):
        raise ValueError(
            "Attempted to use an uninitialized parameter. This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `torch.nn.parameter.{type(self).__name__}` objects. When using LazyModules "
            "Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
        )

    @_a.setter
    def _a(self, value) -> None:
        Tensor._a.__set__(self, value)

    @property
    def shape(self) -> Size:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to initialize the parameters before accessing their attributes."
        )

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.from_mlx(Tensor._a.__get__(self).dtype)

    def size(self, dim: int | None = None):
        """The size of the placeholder."""
        return self._placeholder().size(dim)

    @property
    def is_leaf(self) -> bool:
        return True

    @property
    def requires_grad(self) -> bool:
        return self._rg

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._rg = bool(value)

    def requires_grad_(self, requires_grad: bool = True):
        """Set ``requires_grad`` and return the tensor."""
        self._rg = bool(requires_grad)
        return self

    @property
    def data(self) -> Tensor:
        return self._placeholder()

    @data.setter
    def data(self, new: Tensor) -> None:
        self._a, self._device = Tensor._a.__get__(new), new._device

    def detach(self) -> Tensor:
        """The placeholder, which has no history."""
        return self._placeholder()

    def materialize(self, shape, device=None, dtype=None) -> None:
        """Give the tensor its shape and become an ordinary parameter or buffer; the values are zeros until set."""
        to = self.dtype if dtype is None else dtype
        self._a = mx.zeros(tuple(shape), dtype=dtypes.to_mlx(to))
        self._device = self._device if device is None else as_label(device)
        self.__class__ = self.cls_to_become

    def share_memory_(self):
        """Raises RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        new = type(self)(self.requires_grad, device=self._device, dtype=self.dtype)
        new.__dict__.update(self.__dict__)
        memo[id(self)] = new
        return new

    def __reduce_ex__(self, protocol):
        return (_rebuild_uninitialized, (type(self), self.requires_grad, self._device, self.dtype))

    def __repr__(self, *, tensor_contents=None) -> str:
        return f"<{type(self).__name__}>"


def _conversion(name: str):
    def convert(self, *args, **kwargs):
        return self._converted(getattr(self._placeholder(), name)(*args, **kwargs))

    convert.__name__ = name
    convert.__doc__ = f"``{name}`` of the placeholder, for ``data`` to take its dtype and device from."
    return convert


for _name in _CONVERSIONS:
    setattr(UninitializedTensorMixin, _name, _conversion(_name))


def _uninitialized(cls, requires_grad: bool, device, dtype) -> Tensor:
    kind = dtypes.get_default_dtype() if dtype is None else dtype
    t = wrap(mx.zeros((0,), dtype=dtypes.to_mlx(kind)), as_label(device), cls)
    t._rg = requires_grad
    return t


def _rebuild_uninitialized(cls, requires_grad: bool, device, dtype) -> Tensor:
    return _uninitialized(cls, requires_grad, device, dtype)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter of a lazy module before the first call told its shape."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device=None, dtype=None):
        return _uninitialized(cls, requires_grad, device, dtype)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer of a lazy module before the first call told its shape."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad: bool = False, device=None, dtype=None, persistent: bool = True):
        t = _uninitialized(cls, requires_grad, device, dtype)
        t.persistent = persistent
        t._is_buffer = True
        return t

    def _converted(self, placeholder: Tensor) -> Tensor:
        # modules put what a conversion gives in the buffer's place
        return UninitializedBuffer(self._rg, placeholder.device, placeholder.dtype, self.persistent)


def is_lazy(param) -> bool:
    """Whether a parameter or buffer is still uninitialized."""
    return isinstance(param, UninitializedTensorMixin)

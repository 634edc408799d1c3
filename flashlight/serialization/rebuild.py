"""The functions torch's checkpoints call to rebuild tensors, under the names torch gives them.

A hostile file chooses every argument, so each is checked here: no layout reaches outside its storage, and no state
takes the place of a method.
"""

from __future__ import annotations

import math
from pickle import UnpicklingError
from types import FunctionType

from .._core import dtypes
from .._core import tensor as tensors
from .._core.device import device
from .._core.size import Size
from .._core.steps import row_major
from .._core.tensor import Tensor
from ..nn.parameter import Parameter
from . import bridge
from .storage import Storage

_MAX_DIMS, _MAX_LENGTH = 64, 2**31 - 1


def _require(condition: bool, why: str) -> None:
    if not condition:
        raise UnpicklingError(why)


def _kind(value) -> str:
    # never the repr of what a file chose: nested into itself it can be endless
    return str(value) if type(value) is int and abs(value) < 2**64 else type(value).__name__


def _count(values, what: str) -> tuple[int, ...]:
    _require(isinstance(values, (tuple, list)), f"{what} of a tensor must be a tuple, got {type(values).__name__}")
    _require(len(values) <= _MAX_DIMS, f"a tensor cannot have {len(values)} dimensions")
    for n in values:
        _require(type(n) is int and n >= 0, f"{what} of a tensor must hold non-negative integers, got {_kind(n)}")
    return tuple(values)


def _check_lengths(size) -> None:
    if any(n > _MAX_LENGTH for n in size):
        raise UnpicklingError(f"a dimension of {max(size)} elements is not supported: MLX holds at most {_MAX_LENGTH}")


def check_layout(numel: int, offset, size, stride, entry: str) -> tuple[int, tuple, tuple]:
    """The layout, if every element of it lies within a storage of ``numel`` elements.

    Raises: UnpicklingError naming the entry otherwise.
    """
    size, stride = _count(size, "the size"), _count(stride, "the stride")
    _require(len(size) == len(stride), f"size {size} and stride {stride} of a tensor have different lengths")
    _require(
        type(offset) is int and offset >= 0,
        f"the storage offset of a tensor must be a non-negative integer, got {_kind(offset)}",
    )
    _check_lengths(size)
    last = offset if 0 in size else offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1
    if last > numel:
        raise UnpicklingError(
            f"{entry}: a tensor of size {size}, stride {stride} and offset {offset} reaches element {last} of a "
            f"storage of {numel}"
        )
    return offset, size, stride


def _check_hooks(hooks) -> None:
    if hooks is None or (isinstance(hooks, dict) and not hooks):
        return
    raise UnpicklingError("backward hooks saved with a tensor are not supported")


def rebuild_tensor(storage, storage_offset, size, stride):
    """A tensor over a typed storage (torch before 0.4)."""
    return rebuild_tensor_v2(storage, storage_offset, size, stride, False, None)


def rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None):
    """A tensor over a typed storage."""
    _require(isinstance(storage, Storage), f"expected a storage, got {type(storage).__name__}")
    return _rebuild(storage, storage.dtype, storage_offset, size, stride, requires_grad, backward_hooks, metadata)


def rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None):
    """A tensor over an untyped storage, with its dtype beside it."""
    _require(isinstance(storage, Storage), f"expected a storage, got {type(storage).__name__}")
    _require(isinstance(dtype, dtypes.dtype), f"expected a dtype, got {type(dtype).__name__}")
    return _rebuild(storage, dtype, storage_offset, size, stride, requires_grad, backward_hooks, metadata)


def _rebuild(storage, dtype, offset, size, stride, requires_grad, hooks, metadata):
    _check_hooks(hooks)
    _require(type(requires_grad) is bool, "requires_grad of a tensor must be a bool")
    metadata = {} if metadata is None else metadata
    _require(type(metadata) is dict and set(metadata) <= {"conj", "neg"}, "unknown tensor metadata")
    offset, size, stride = check_layout(storage.nbytes() // dtype.itemsize, offset, size, stride, storage.entry)
    conj, neg = metadata.get("conj") is True, metadata.get("neg") is True
    try:
        return bridge.tensor_from_storage(storage, dtype, offset, size, stride, requires_grad, conj, neg)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{storage.entry}: {error}") from None


def rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad):
    """A tensor on the meta device."""
    _require(isinstance(dtype, dtypes.dtype), f"expected a dtype, got {type(dtype).__name__}")
    size, stride = _count(size, "the size"), _count(stride, "the stride")
    _require(len(size) == len(stride), f"size {size} and stride {stride} of a tensor have different lengths")
    _check_lengths(size)
    if math.prod(size) and stride != row_major(size):
        raise NotImplementedError(f"meta tensors with strides {stride} are not supported, only contiguous ones")
    _require(type(requires_grad) is bool, "requires_grad of a tensor must be a bool")
    return bridge.meta_tensor(dtype, size, requires_grad)


def rebuild_parameter(data, requires_grad, backward_hooks):
    """A Parameter around a tensor."""
    _check_hooks(backward_hooks)
    _require(isinstance(data, Tensor), f"expected a tensor as a Parameter's data, got {type(data).__name__}")
    _require(type(requires_grad) is bool, "requires_grad of a Parameter must be a bool")
    return bridge.parameter(data, requires_grad)


def rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    """A Parameter with attributes of its own."""
    return set_attributes(rebuild_parameter(data, requires_grad, backward_hooks), state)


def rebuild_from_type_v2(func, new_type, args, state):
    """A tensor with attributes, or one of a subclass."""
    _require(is_rebuild_function(func) and func in _TENSOR_FUNCTIONS, f"cannot rebuild a tensor with {_kind(func)}")
    _require(isinstance(new_type, type) and issubclass(new_type, Tensor), "not a tensor type")
    _require(type(args) is tuple, "the arguments of a rebuild function must be a tuple")
    t = bridge.as_type(call(func, args), new_type)
    if getattr(new_type, "__setstate__", None) is not getattr(Tensor, "__setstate__", None):
        t.__setstate__(state)  # a user's own class: it was allowed by name
        return t
    return set_attributes(t, state)


def call(func, args: tuple):
    """Call a rebuild function; a wrong number of arguments is the file's fault."""
    _require(len(args) in _ARITY[func], f"{func.__name__} does not take {len(args)} arguments")
    return func(*args)


def check_names(owner: type, state) -> None:
    """Refuse state that is no attribute dictionary or would shadow what the class defines."""
    _require(isinstance(state, dict), f"the state of a {owner.__name__} must be a dict, got {type(state).__name__}")
    for name in state:
        _require(type(name) is str, f"attribute names of a {owner.__name__} must be strings, got {type(name).__name__}")
        _require(
            not callable(getattr(owner, name, None)), f"the state of a {owner.__name__} would replace its {name!r}"
        )


def set_attributes(t: Tensor, state) -> Tensor:
    """Put attributes back on a tensor."""
    if isinstance(state, tuple):
        _require(len(state) == 2 and not state[1], "slots of tensors are not supported")
        state = state[0]
    if state is None:
        return t
    check_names(type(t), state)
    for name in state:
        own = hasattr(type(t), name) or name in bridge.INTERNAL
        _require(not own, f"the state of a tensor would replace its {name!r}")
    t.__dict__.update(state)
    return t


def get_layout(name):
    """The layout torch calls ``name``."""
    _require(type(name) is str, "a layout is named by a string")
    found = getattr(tensors, name.removeprefix("torch."), None)
    _require(isinstance(found, tensors.layout), f"unknown tensor layout {name:.80}")
    return found


def make_size(*args):
    """A ``Size`` from one sequence of integers."""
    _require(len(args) == 1, "a Size takes one argument")
    return Size(_count(args[0], "the size"))


def make_device(*args):
    """A ``device`` from a string and an index."""
    _require(
        len(args) in (1, 2) and type(args[0]) is str and all(type(a) is int for a in args[1:]),
        "a device is made from a string and an index",
    )
    return device(*args)


def make_parameter(*args):
    """A Parameter from its data (torch before 0.4)."""
    _require(len(args) in (1, 2), "a Parameter takes its data and requires_grad")
    return rebuild_parameter(args[0], args[1] if len(args) == 2 else True, None)


def build_parameter(p: Parameter, state) -> None:
    """Put the state of torch before 0.4, (requires_grad, volatile, hooks), back on a Parameter."""
    _require(type(state) is tuple and len(state) == 3 and type(state[0]) is bool, "unknown state of a Parameter")
    _check_hooks(state[2])
    p._rg = state[0]


def _unsupported(name: str, what: str):
    def refuse(*_args):
        raise NotImplementedError(f"the checkpoint holds {what}, which are not supported (torch._utils.{name})")

    refuse.__name__ = name
    return refuse


TORCH_UTILS = {
    "_rebuild_tensor": rebuild_tensor,
    "_rebuild_tensor_v2": rebuild_tensor_v2,
    "_rebuild_tensor_v3": rebuild_tensor_v3,
    "_rebuild_parameter": rebuild_parameter,
    "_rebuild_parameter_with_state": rebuild_parameter_with_state,
    "_rebuild_meta_tensor_no_storage": rebuild_meta_tensor_no_storage,
}
_REFUSED = {
    "_rebuild_qtensor": "quantized tensors",
    "_rebuild_sparse_tensor": "sparse tensors",
    "_rebuild_sparse_csr_tensor": "sparse tensors",
    "_rebuild_nested_tensor": "nested tensors",
    "_rebuild_wrapper_subclass": "wrapper subclasses of tensors",
    "_rebuild_device_tensor_from_numpy": "tensors saved through numpy",
    "_rebuild_device_tensor_from_cpu_tensor": "tensors of a device without storage",
    "_rebuild_xla_tensor": "tensors of an XLA device",
}
TORCH_UTILS.update({name: _unsupported(name, what) for name, what in _REFUSED.items()})
_TENSOR_FUNCTIONS = frozenset(TORCH_UTILS.values())
_ARITY = {
    rebuild_tensor: (4,),
    rebuild_tensor_v2: (6, 7),
    rebuild_tensor_v3: (7, 8),
    rebuild_parameter: (3,),
    rebuild_parameter_with_state: (4,),
    rebuild_meta_tensor_no_storage: (4,),
    rebuild_from_type_v2: (4,),
    get_layout: (1,),
    **{TORCH_UTILS[name]: range(256) for name in _REFUSED},
}


def is_rebuild_function(fn) -> bool:
    """Whether ``fn`` is one of the functions above that a checkpoint may call."""
    return type(fn) is FunctionType and fn in _ARITY

"""Between tensors and the host: numbers, lists, numpy, DLPack, pickles, copies."""

from __future__ import annotations

import copy
import itertools

import mlx.core as mx
import numpy as np

from . import checks, dtypes, lazy
from .device import CPU_LABEL, as_label
from .dispatch import cast, convert, is_number
from .table import composite, method
from .tensor import Tensor, read, wrap
from .views import cell_of, layout_of


def host_value(t: Tensor) -> mx.array:
    """The evaluated value of a tensor, for reading on the host."""
    a = read(t)
    if t._device.type == "meta":
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    if lazy.is_paused():
        raise RuntimeError(
            "the value of a tensor was asked for while its function is being traced (compile, vmap, grad); return it "
            "from the "
            "traced function and read it outside"
        )
    try:
        mx.eval(a)
    except RuntimeError as error:
        if "in current thread" not in str(error):
            raise
        raise RuntimeError(
            "this value depends on work that another thread has not evaluated: MLX evaluates pending work in the thread that made it. "
            "Read the value there first (item(), numpy(), tolist()), or call module.eval() or train() there for a model"
        ) from error
    checks.know(a)
    checks.raise_pending()
    return a


def to_numpy(a: mx.array) -> np.ndarray:
    """A writable copy on the host; bfloat16 becomes float32, which holds it exactly."""
    if a.dtype == mx.bfloat16:
        a = a.astype(mx.float32)
    return np.array(a)


def from_host(value: np.ndarray, to: dtypes.dtype | None = None) -> mx.array:
    """An array from host data, copied; ``to`` defaults to the data's own dtype."""
    own = dtypes.from_numpy(value.dtype)
    if own is dtypes.complex128:
        dtypes.to_mlx(own if to is None else to)
        value, own = value.astype(np.complex64), dtypes.complex64
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    a = mx.array(value if value.flags.c_contiguous else np.ascontiguousarray(value).reshape(value.shape), own.mlx)
    if to is not None and to is not own:
        a = convert(a, dtypes.to_mlx(to))
    return checks.know(a)


# ------------------------------------------------------------------------------------------------------------ numbers
@method
def item(self):
    """The value of a one-element tensor as a Python number."""
    if read(self).size != 1:
        raise RuntimeError(f"a Tensor with {read(self).size} elements cannot be converted to Scalar")
    return host_value(self).item()


@method
def tolist(self):
    """The values as nested lists of Python numbers."""
    return host_value(self).tolist()


@method
def __bool__(self) -> bool:
    n = read(self).size
    if n != 1:
        raise RuntimeError(
            "Boolean value of Tensor with no values is ambiguous" if n == 0 else
            "Boolean value of Tensor with more than one value is ambiguous"
        )  # fmt: skip
    return bool(host_value(self).item())


def _number(t: Tensor, kind: type):
    if read(t).size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return kind(host_value(t).item())


@method
def __float__(self) -> float:
    return _number(self, float)


@method
def __int__(self) -> int:
    return _number(self, int)


@method
def __complex__(self) -> complex:
    return _number(self, complex)


@method
def __index__(self) -> int:
    if read(self).size != 1 or self.dtype.category > dtypes.INT:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(host_value(self).item())


@method
def __format__(self, spec: str) -> str:
    if read(self).ndim == 0 and not self.is_meta and type(self) is Tensor:
        return format(self.item(), spec)
    return object.__format__(self, spec)


# -------------------------------------------------------------------------------------------------------------- numpy
@method
def numpy(self, *, force: bool = False) -> np.ndarray:
    """A numpy array with a copy of the values.

    Raises: RuntimeError for a tensor that requires grad unless ``force``; TypeError for bfloat16, which numpy has not.
    Differs: the array does not share the tensor's memory.
    """
    if self._rg and not force:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    a = host_value(self)
    if a.dtype == mx.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    return to_numpy(a)


@method
def __array__(self, dtype=None, copy=None):
    if copy is False:
        raise ValueError("a tensor cannot be given to numpy without a copy")
    values = self.numpy()
    return values if dtype is None else values.astype(dtype, copy=False)


@composite(method=False, host=True, differentiable=False)
def from_numpy(ndarray) -> Tensor:
    """A tensor with the values and dtype of a numpy array.

    Differs: the tensor does not share the array's memory.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently "
            "supported. (You can probably work around this by making a copy of your array  with array.copy().) "
        )
    return wrap(from_host(ndarray))


@method
def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    if stream not in (None, -1, 1):
        raise BufferError(f"stream {stream} does not exist here: use None")
    if self._rg:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    host = host_value(self)
    return np.array(host).__dlpack__() if host.dtype != mx.bfloat16 else host.__dlpack__()


@method
def __dlpack_device__(self):
    return (1, 0)


@composite(method=False, host=True, differentiable=False)
def from_dlpack(ext_tensor, *, device=None, copy=None) -> Tensor:
    """A tensor with the values of any object that speaks DLPack (copied)."""
    if copy is False:
        raise ValueError("from_dlpack(copy=False): memory of other libraries is always copied here")
    if not hasattr(ext_tensor, "__dlpack__"):
        ext_tensor = _Capsule(ext_tensor)
    return wrap(from_host(np.array(np.from_dlpack(ext_tensor))), as_label(device))


class _Capsule:
    """A bare capsule, as ``to_dlpack`` gives it, in the form numpy reads."""

    def __init__(self, capsule):
        if type(capsule).__name__ != "PyCapsule":
            raise TypeError(f"from_dlpack() takes an object with __dlpack__ or a capsule, not {type(capsule).__name__}")
        self.capsule = capsule

    def __dlpack__(self, **_options):
        return self.capsule

    def __dlpack_device__(self):
        return (1, 0)


# --------------------------------------------------------------------------------------------------- nested sequences
_PLAIN = {bool, int, float, complex}


def infer(data, to: dtypes.dtype | None) -> mx.array:
    """The array for what ``torch.tensor`` accepts: numbers, nested sequences of numbers or tensors, numpy arrays."""
    if isinstance(data, Tensor):
        a = read(data)
        return a if to is None else convert(a, dtypes.to_mlx(to))
    if isinstance(data, (np.ndarray, np.generic)):
        return from_host(np.asarray(data), to)
    if type(data) in _PLAIN:
        return _from_numbers(np.asarray(data), {type(data)}, to)
    if isinstance(data, (bytes, bytearray, memoryview)):
        data = list(data)
    if not isinstance(data, (list, tuple, range)):
        if hasattr(data, "__array__"):
            return from_host(np.asarray(data), to)
        if isinstance(data, str):
            raise TypeError("new(): invalid data type 'str'")
        if not is_number(data):
            raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
        return infer([data], to).reshape(())
    if _holds_tensor(data):
        return _from_tensors(data, to)
    try:
        values = np.asarray(data)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise _nesting_error(data) from None
    leaves = data
    for _ in range(values.ndim - 1):
        leaves = itertools.chain.from_iterable(leaves)
    kinds = set(map(type, leaves))
    if Tensor in kinds:
        return _from_tensors(data, to)
    if not all(issubclass(k, (*_PLAIN, np.generic)) for k in kinds) or values.dtype.kind in "US":
        raise _nesting_error(data)
    return _from_numbers(values, kinds, to)


def _holds_tensor(data) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, Tensor)


def _from_numbers(values: np.ndarray, kinds: set, to: dtypes.dtype | None) -> mx.array:
    """Numbers as an array of the dtype torch infers from their types, or of the one asked for."""
    if to is None:
        to = dtypes.get_default_dtype() if not kinds else None
        for kind in kinds:
            own = dtypes.from_numpy(kind) if issubclass(kind, np.generic) else dtypes.of_scalar(kind())
            to = own if to is None else dtypes.promote_types(to, own)
    if values.dtype.kind in "uO" and to.category < dtypes.FLOAT and to is not dtypes.uint64 and _PLAIN & kinds:
        raise ValueError("Overflow when unpacking long long")
    return from_host(_checked(values, to), to)


def _checked(values: np.ndarray, to: dtypes.dtype) -> np.ndarray:
    """Host numbers in a dtype; raises torch's errors for what does not fit."""
    dtypes.to_mlx(to)
    if values.dtype.kind == "c" and to.category in (dtypes.INT, dtypes.FLOAT):
        raise TypeError("must be real number, not complex")
    if to.category == dtypes.INT and values.size and values.dtype.kind in "fiuO":
        limits = dtypes.iinfo(to)
        # unsigned types take negative numbers of their size, which wrap
        low = limits.min if limits.min else -limits.max
        whole = np.trunc(values) if values.dtype.kind == "f" else values
        if not ((whole >= low) & (whole <= limits.max)).all():
            raise RuntimeError(f"value cannot be converted to type {to.name} without overflow")
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32 if to.numpy is None else to.numpy)


def _from_tensors(data, to: dtypes.dtype | None) -> mx.array:
    """Nested sequences with tensors of one element in them."""
    leaves: list = []
    shape = _collect(data, leaves)
    for t in leaves:
        if isinstance(t, Tensor) and t.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
    if to is None:
        for leaf in leaves:
            own = leaf.dtype if isinstance(leaf, Tensor) else dtypes.of_scalar(leaf)
            to = own if to is None else dtypes.promote_types(to, own)
    values = np.asarray([leaf.item() if isinstance(leaf, Tensor) else leaf for leaf in leaves])
    return from_host(_checked(values.reshape(shape), to), to)


def _collect(data, leaves: list) -> tuple:
    """Append the leaves of nested sequences; returns their shape."""
    if not isinstance(data, (list, tuple)):
        leaves.append(data)
        return ()
    shapes = [_collect(element, leaves) for element in data]
    if any(shape != shapes[0] for shape in shapes):
        raise _nesting_error(data)
    return (len(data), *(shapes[0] if shapes else ()))


def _nesting_error(data, depth: int = 0) -> Exception:
    """What torch says of nested sequences that make no array."""
    nested = isinstance(data[0], (list, tuple))
    for element in data:
        if isinstance(element, str):
            return (
                ValueError("too many dimensions 'str'")
                if depth or element is data[0]
                else TypeError("new(): invalid data type 'str'")
            )
        if not isinstance(element, (list, tuple)):
            if nested:
                return TypeError("not a sequence")
            if not (isinstance(element, Tensor) or is_number(element)):
                return RuntimeError(f"Could not infer dtype of {type(element).__name__}")
        elif not nested:
            return TypeError(f"'{type(element).__name__}' object cannot be interpreted as an integer")
        elif len(element) != len(data[0]):
            return ValueError(f"expected sequence of length {len(data[0])} at dim {depth + 1} (got {len(element)})")
    level = [element for part in data for element in part] if nested else []
    return _nesting_error(level, depth + 1) if level else ValueError("expected sequences of equal lengths")


# ------------------------------------------------------------------------------------------------- copies and pickles
@method
def __deepcopy__(self, memo):
    if id(self) in memo:
        return memo[id(self)]
    if self._node is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            " If you were "
            "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    new = wrap(read(self), self._device, type(self))
    memo[id(self)] = new
    if self._view is not None:
        _share_copied_cell(self, new, memo)
    new._rg = self._rg
    new._grad = copy.deepcopy(self._grad, memo)
    if self.__dict__:
        new.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return new


def _share_copied_cell(old: Tensor, new: Tensor, memo) -> None:
    # tensors of one storage stay tensors of one storage in the copy
    cell = old._view.cell
    key = ("cell", id(cell))
    if key not in memo:
        memo[key] = cell_of(wrap(cell.value))
        memo[key].strides = cell.strides
        memo.setdefault("cells kept alive", []).append(cell)
    kind = type(old._view)
    new._view = kind(memo[key], old._view.steps, None)


def rebuild(cls, parts, requires_grad, extra):
    """Make a tensor from what `__reduce_ex__` gave."""
    data, name, device = parts
    to = dtypes.BY_NAME[name]
    t = wrap(convert(mx.array(data), to.mlx) if to is dtypes.bfloat16 else from_host(data), device, cls)
    t._rg = requires_grad
    if extra:
        t.__dict__.update(extra)
    return t


@method
def __reduce_ex__(self, protocol):
    if self._node is not None:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
            "crossing process "
            "boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing "
            "(e.g., putting it "
            "on the queue)."
        )
    state = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
    return (rebuild, (type(self), (to_numpy(host_value(self)), self.dtype.name, self._device), self._rg, state))


@method
def __iter__(self):
    if read(self).ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


@method
def __contains__(self, element) -> bool:
    if isinstance(element, Tensor) or is_number(element):
        return bool((self == element).any().item())
    raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


# ------------------------------------------------------------------------------------------------------------- layout
@method
def stride(self, dim: int | None = None):
    """The strides, in elements, that torch would report, or one of them."""
    strides = layout_of(self)[1]
    return strides if dim is None else strides[dim]


@method
def storage_offset(self) -> int:
    """The offset, in elements, of the first element in the storage."""
    return layout_of(self)[2]


@method
def data_ptr(self) -> int:
    """A number that is equal for tensors that start at the same element of one storage; not a memory address."""
    return (id(cell_of(self)) << 16) + layout_of(self)[2] * self._a.itemsize


@composite(method=False)
def is_tensor(obj) -> bool:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


@composite(differentiable=False)
def is_same_size(input, other) -> bool:
    """Whether two tensors have the same shape."""
    return input.shape == other.shape


@composite(namespace=(), method=True, name="type")
def type_(self, dtype=None, non_blocking: bool = False):
    """The legacy type name (``torch.FloatTensor``), or the tensor cast to a dtype or type name."""
    if dtype is None:
        prefix = "torch." if self._device is CPU_LABEL or self._device.type == "cpu" else f"torch.{self._device.type}."
        return f"{prefix}{dtypes.scalar_type_name(self.dtype)}Tensor"
    if isinstance(dtype, str):
        names = {f"torch.{dtypes.scalar_type_name(d)}Tensor": d for d in dtypes.BY_NAME.values()}
        if dtype not in names:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = names[dtype]
    dtype = getattr(dtype, "_legacy_dtype", dtype)
    return self if self.dtype is dtype else cast(self, dtype)

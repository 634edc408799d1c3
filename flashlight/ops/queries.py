"""What functions say of tensors: numel, typename; small joins: meshgrid, combinations."""

from __future__ import annotations

import itertools

import mlx.core as mx
import numpy as np

from .._core import dispatch, dtypes
from .._core.creation_args import sizes_of
from .._core.dispatch import common_dtype, is_number
from .._core.steps import unbroadcast
from .._core.table import Array, composite, method, op
from .._core.tensor import Tensor, read


@composite(method=False, differentiable=False)
def numel(input) -> int:
    """The number of elements."""
    if not isinstance(input, Tensor):
        raise TypeError(f"numel(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return read(input).size


@composite(method=False, differentiable=False)
def typename(obj) -> str:
    """The legacy type of a tensor (``torch.FloatTensor``), the qualified name of the class of anything else."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    name = kind.__qualname__
    return name if kind.__module__ in ("builtins", None) else f"{kind.__module__}.{name}"


@composite(method=False)
def meshgrid(*tensors, indexing=None):
    """The coordinates of the grid spanned by one-dimensional tensors, one tensor for each; ``indexing="xy"`` swaps the
    first two dimensions."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in tensors:
        if t.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t.ndim}-D tensor"
            )
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(tensors) > 1
    given = (tensors[1], tensors[0], *tensors[2:]) if swap else tensors
    shape = [t.numel() for t in given]
    grids = [t.reshape([-1 if i == d else 1 for i in range(len(given))]).expand(shape) for d, t in enumerate(given)]
    return (grids[1], grids[0], *grids[2:]) if swap else tuple(grids)


@composite
def combinations(input, r=2, with_replacement=False):
    """The combinations of ``r`` elements of a vector, one in each row."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(input.numel()), r)), dtype=np.int64).reshape(-1, r)
    return dispatch.run(rows_of, (input,), (places,))


@op(namespace="_", method=False, name="combinations")
def rows_of(input: Array, places) -> Array:
    """Elements of a vector at a matrix of places known in advance."""
    if places.size == 0:
        return mx.zeros(places.shape, dtype=input.dtype)
    return mx.take(input, mx.array(places))


@op(namespace="_", method=False, name="sum_to_size")
def summed_to(input: Array, shape) -> Array:
    """The sum over what broadcasting would stretch."""
    return unbroadcast(input, shape)


@summed_to.vjp
def _(g, shapes):
    return mx.broadcast_to(g, shapes[0])


@method
def sum_to_size(self, *size):
    """The sum over the dimensions in which ``size`` is one or absent: what undoes ``expand``."""
    shape, own = sizes_of(size), tuple(self.shape)
    kept = own[len(own) - len(shape) :]
    if len(shape) > len(own) or any(n not in (1, m) for n, m in zip(shape, kept, strict=True)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(own)}}}.")
    if self.dtype.category < dtypes.FLOAT and (shape != own or not own):
        self = dispatch.cast(self, dtypes.int64)  # as sums are
    return dispatch.run(summed_to, (self,), (shape,))


@composite(method=False, differentiable=False)
def result_type(tensor1, tensor2) -> dtypes.dtype:
    """The dtype of the result of an operation between two tensors or numbers."""
    operands = [read(t) if isinstance(t, Tensor) else t for t in (tensor1, tensor2)]
    for i, t in enumerate(operands):
        if not (isinstance(t, mx.array) or is_number(t)):
            raise TypeError(f"result_type(): argument {i + 1} must be Tensor or Number, not {type(t).__name__}")
    return common_dtype(operands)

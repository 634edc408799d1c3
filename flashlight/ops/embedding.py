"""Embedding tables and one-hot vectors.

V rows in a table of width D.
"""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from .._core import checks, dispatch, dtypes
from .._core.conversion import host_value, to_numpy
from .._core.dispatch import convert
from .._core.modes import no_grad
from .._core.table import Array, composite, namespaces, op
from .._core.tensor import Tensor, read, wrap
from .kinds import FLOAT


def _lookup(name: str, out_of_range):
    """Declare the operator that looks rows up for function ``name``; ``out_of_range(index, V)`` makes its exception."""

    @op(namespace="_", name=name, method=False)
    def rows(weight: Array, input: Array, padding_idx: int, by_frequency: bool, sparse: bool) -> Array:
        """Rows of ``weight`` at integer indices; ``padding_idx`` (-1 for none) gets no gradient.

        With ``sparse`` the gradient is -0.0 in the rows nothing looked up, which sums keep, and never in the others.
        """
        return mx.take(weight, input, axis=0)

    @rows.vjp
    def _(g, input, shapes, padding_idx, by_frequency, sparse):
        return _pulled(g, input, shapes[0], padding_idx, by_frequency, sparse), None

    @rows.checked
    def _(arrays, _statics):
        weight, input = arrays
        V = weight.shape[0]
        return [weight, checks.bounded(input, V, lambda i: out_of_range(i, V))]

    return rows


def _pulled(g, input, shape, padding_idx, by_frequency, sparse):
    V, D = shape
    index = input.reshape(-1)
    g = g.reshape(-1, D)
    if by_frequency:
        counts = mx.zeros((V,), dtype=g.dtype).at[index].add(mx.ones(index.shape, dtype=g.dtype))
        g = g / mx.expand_dims(mx.take(counts, index), -1)
    if sparse:
        g = g + 0.0  # -0.0 becomes 0.0
        if padding_idx >= 0:
            g = mx.where(mx.expand_dims(index != padding_idx, -1), g, mx.array(-0.0, g.dtype))
        return mx.full((V, D), -0.0, dtype=g.dtype).at[index].add(g)
    if padding_idx >= 0:
        g = g * mx.expand_dims((index != padding_idx).astype(g.dtype), -1)
    return mx.zeros((V, D), dtype=g.dtype).at[index].add(g)


def _no_row(_index: int, V: int) -> Exception:
    if not V:
        return RuntimeError("index_select(): self indexing axis dim should be positive")
    return IndexError("index out of range in self")


def _no_row_of_bag(index: int, _V: int) -> Exception:
    return RuntimeError(f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {index}")


rows = _lookup("embedding", _no_row)
bag_rows = _lookup("embedding_bag", _no_row_of_bag)


def _check_indices(name: str, input) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'indices' (position 2) must be Tensor, not {type(input).__name__}")
    if input.dtype not in (dtypes.int64, dtypes.int32):
        raise _wrong_type("indices", "Long, Int", input, name)


def _wrong_type(argument: str, wanted: str, t, name: str) -> RuntimeError:
    return RuntimeError(
        f"Expected tensor for argument #1 '{argument}' to have one of the following scalar types: {wanted}; but got {t.type()} "
        f"instead (while checking arguments for {name})"
    )


def check_flag(name: str, argument: str, place: int, value) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name}(): argument '{argument}' (position {place}) must be bool, not {type(value).__name__}")


def mark_sparse(weight, sparse: bool) -> None:
    """Let ``SparseAdam`` know that the gradient of ``weight`` tells the rows it is about."""
    if sparse and weight._rg and weight._node is None:
        weight._sparse_rows = True


def check_index(padding_idx) -> None:
    """Refuse a ``padding_idx`` that is no integer."""
    if not hasattr(padding_idx, "__index__"):
        raise TypeError(
            f"embedding(): argument 'padding_idx' (position 3) must be int, not {type(padding_idx).__name__}"
        )


def _padding(padding_idx, V: int) -> int:
    if padding_idx is None:
        return -1
    check_index(padding_idx)
    if padding_idx and not -V <= padding_idx < V:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % V if V else -1


def bag_padding(padding_idx, V: int) -> int:
    """The row that is left out of bags, -1 for none."""
    if padding_idx is not None and not -V <= padding_idx < V:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-V} through {V - 1}, but got {padding_idx}"
        )
    return _padding(padding_idx, V)


def _renormalise(weight, input, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used down to ``max_norm``, in place."""
    used = np.unique(to_numpy(host_value(input)))
    with no_grad():
        chosen = wrap(checks.know(mx.array(used)))
        found = weight[chosen]
        norms = found.norm(norm_type, 1, True)
        scale = namespaces["torch"]["where"](
            norms > max_norm, max_norm / (norms + 1e-7), namespaces["torch"]["ones_like"](norms)
        )
        weight[chosen] = found * scale


@composite(method=False)
def embedding_renorm_(weight, indices, max_norm, norm_type):
    """Scale the rows of ``weight`` that ``indices`` name down to a norm of at most ``max_norm``, in place."""
    _renormalise(weight, indices, max_norm, norm_type)
    return weight


@composite(namespace="nn.functional")
def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Rows of a table.

    Args:
        sparse: ``SparseAdam`` then updates the rows looked up; gradients are dense here, with the same values.

    Shape: (*) indices, (V, D) -> (*, D).

    Raises: IndexError for an index out of range.
    """
    padding = -1 if padding_idx is None else _padding(padding_idx, weight.size(0))
    if read(weight).ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _check_indices("embedding", input)
    check_flag("embedding", "scale_grad_by_freq", 4, scale_grad_by_freq)
    check_flag("embedding", "sparse", 5, sparse)
    if max_norm is not None:
        _renormalise(weight, input, max_norm, norm_type)
    mark_sparse(weight, sparse)
    return dispatch.run(rows, (weight, input), (padding, scale_grad_by_freq, sparse))


@composite(namespace=("torch", "nn.functional"), method=False, differentiable=False)
def one_hot(tensor, num_classes=-1):
    """1 at the index and 0 elsewhere, in a new last dimension.

    Raises: RuntimeError for a negative index, or one that is not below ``num_classes``.
    """
    if tensor.dtype is not dtypes.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not hasattr(num_classes, "__index__"):
        raise TypeError(f"one_hot(): argument 'num_classes' (position 2) must be int, not {type(num_classes).__name__}")
    host = to_numpy(host_value(tensor))
    if host.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
    else:
        if host.min() < 0:
            raise RuntimeError("Class values must be non-negative.")
        if num_classes == -1:
            num_classes = int(host.max()) + 1
        elif host.max() >= num_classes:
            raise RuntimeError("Class values must be smaller than num_classes.")
    a = mx.expand_dims(read(tensor), -1) == mx.arange(num_classes, dtype=mx.int64)
    return wrap(checks.know(convert(a, mx.int64)), tensor._device)


# ----------------------------------------------------------------------------------------------------------------- bags
def _starts(offsets, count: int, include_last: bool) -> np.ndarray:
    """Where each bag starts, and where the last one ends."""
    host = to_numpy(host_value(offsets)).astype(np.int64)
    if host.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if include_last and not host.size:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if host.size and host[0] != 0:
        raise RuntimeError(
            f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {host[0]}"
        )
    if host.size and host[-1] > count:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {count} but got offsets[-1] of {host[-1]}"
        )
    if include_last and host.size > 1 and host[-1] != count:
        raise RuntimeError(
            "Your input appears to be incorrect: the last offset value should be the size of the indices tensor, but it seems not "
            "to be the case."
        )
    if np.any(np.diff(host) < 0):
        raise RuntimeError("embedding_bag: offsets must not decrease")
    return host if include_last else np.append(host, count)


def joined(weight, indices, offsets, sample_weights) -> tuple:
    """Indices and offsets in one dtype. Raises: RuntimeError for dtypes torch has no kernel for."""
    common = dtypes.promote_types(indices.dtype, offsets.dtype)
    indices, offsets = (t if t.dtype is common else t.to(common) for t in (indices, offsets))
    _check_indices("embedding_bag", indices)
    if weight.dtype.category != FLOAT:
        raise _wrong_type("weight", "Half, BFloat16, Float, Double", weight, "embedding_bag")
    if sample_weights is not None and sample_weights.dtype is not weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but type "
            f"{weight.type()} does not equal {sample_weights.type()} (while checking arguments for embedding_bag)"
        )
    return indices, offsets


@composite(namespace="nn.functional")
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sums, means or maxima of bags of table rows.

    Shape: (N, B) bags of equal length, or (B) with ``offsets`` (N) where each bag starts -> (N, D).

    Raises: ValueError for arguments that exclude each other, RuntimeError for an index out of range.
    """
    check_flag("embedding_bag", "sparse", 6, sparse)
    check_flag("embedding_bag", "scale_grad_by_freq", 4, scale_grad_by_freq)
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}'). Please open a feature request on GitHub."
        )
    if per_sample_weights is not None and per_sample_weights.size() != input.size():
        raise ValueError(f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same shape "
                         f"as the input ({input.shape})")  # fmt: skip
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, "
                f"found offsets of type {type(offsets)}"
            )
        if not input.size(1):
            raise RuntimeError("step must be nonzero")  # of the offsets, that is
        input, _ = joined(weight, input, input, per_sample_weights)
        bounds = np.arange(input.size(0) + 1) * input.size(1)
        input = input.reshape(-1)
        per_sample_weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    elif input.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        input, offsets = joined(weight, input, offsets, per_sample_weights)
        bounds = _starts(offsets, input.size(0), include_last_offset)
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    padding = bag_padding(padding_idx, weight.size(0))
    if max_norm is not None:
        _renormalise(weight, input, max_norm, norm_type)
    mark_sparse(weight, sparse)
    found = dispatch.run(bag_rows, (weight, input), (padding, scale_grad_by_freq, sparse))
    return _bags(found, input, bounds, mode, per_sample_weights, padding)


def _bags(found, input, bounds: np.ndarray, mode: str, weights, padding: int):
    count = len(bounds) - 1
    if not count:
        return found[:0]
    bag = wrap(checks.know(mx.array(np.repeat(np.arange(count), np.diff(bounds)).astype(np.int64))))
    if padding >= 0:
        kept = (input != padding).to(found.dtype)
        found = found * kept.unsqueeze(1)
    else:
        kept = namespaces["torch"]["ones"](input.size(0), dtype=found.dtype)
    if weights is not None:
        found = found * weights.unsqueeze(1)
    zeros = found.new_zeros(count, found.size(1))
    if mode == "max":
        if padding >= 0:
            found = found.masked_fill((input == padding).unsqueeze(1), -math.inf)
        top = zeros.scatter_reduce(0, bag.unsqueeze(1).expand_as(found), found, "amax", include_self=False)
        return top.masked_fill(top == -math.inf, 0.0)
    total = zeros.index_add(0, bag, found)
    if mode == "sum":
        return total
    return total / found.new_zeros(count).index_add(0, bag, kept).clamp_min(1).unsqueeze(1)

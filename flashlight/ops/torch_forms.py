"""Functions of nn.functional as the torch module has them too: losses whose reduction is a number, tables with other arguments.

The numbers of reductions: 0 none, 1 the mean, 2 the sum. The default is none, other than that of nn.functional.
"""

from __future__ import annotations

import functools
import itertools
import math

import mlx.core as mx
import numpy as np

from .._core import checks, dispatch, dtypes
from .._core.conversion import from_host, host_value, to_numpy
from .._core.dispatch import deliver
from .._core.modes import modes
from .._core.table import composite, method, namespaces
from .._core.tensor import Tensor, channels_last, channels_last_3d, memory_format, wrap
from .embedding import (
    _bags,
    _check_indices,
    _starts,
    bag_padding,
    bag_rows,
    check_flag,
    check_index,
    joined,
    mark_sparse,
    rows,
)
from .loss import _triplet, reduced

_in_torch = functools.partial(composite, method=False)
_REDUCTIONS = {1: "mean", 2: "sum"}


def _losses(name: str, *args, reduction: int, **kwargs):
    """nn.functional's loss, unreduced there and reduced here."""
    if isinstance(reduction, bool) or not isinstance(reduction, int):
        raise TypeError(f"{name}(): argument 'reduction' must be int, not {type(reduction).__name__}")
    losses = namespaces["nn.functional"][name](*args, reduction="none", **kwargs)
    return reduced(losses, _REDUCTIONS.get(reduction, "none"))


@_in_torch
def kl_div(input, target, reduction=0, *, log_target=False):
    """Kullback-Leibler divergence of log-probabilities ``input`` from ``target``."""
    return _losses("kl_div", input, target, reduction=reduction, log_target=log_target)


@_in_torch
def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=0):
    """Cross entropy of logits with binary targets."""
    shape = namespaces["torch"]["broadcast_shapes"](input.shape, target.shape)
    if shape != target.shape:
        raise RuntimeError(f"output with shape {list(target.shape)} doesn't match the broadcast shape {list(shape)}")
    logits = input.expand(shape)
    return _losses(
        "binary_cross_entropy_with_logits", logits, target, weight, pos_weight=pos_weight, reduction=reduction
    )


@_in_torch
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """Negative log likelihood of counts under a Poisson distribution of (log) rate ``input``."""
    return _losses("poisson_nll_loss", input, target, log_input, full, eps=eps, reduction=reduction)


@_in_torch
def hinge_embedding_loss(input, target, margin=1.0, reduction=0):
    """``input`` where the target is 1, ``max(0, margin - input)`` where it is -1."""
    return _losses("hinge_embedding_loss", input, target, margin, reduction=reduction)


@_in_torch
def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=0):
    """``max(0, -target * (input1 - input2) + margin)``."""
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), _REDUCTIONS.get(reduction, "none"))


@_in_torch
def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=0):
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1."""
    return _losses("cosine_embedding_loss", input1, input2, target, margin, reduction=reduction)


@_in_torch
def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-06, swap=False, reduction=0):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` in the p-norm, for any margin."""
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            f"The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor "
            f"{anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )

    def distance(a, b):
        return (a - b + eps).norm(p, -1)

    return _triplet(anchor, positive, negative, distance, margin, swap, _REDUCTIONS.get(reduction, "none"))


@_in_torch
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False):
    """The CTC loss of log-probabilities, given label sequences."""
    name = _REDUCTIONS.get(reduction, "none")
    return namespaces["nn.functional"]["ctc_loss"](
        log_probs, targets, input_lengths, target_lengths, blank, name, zero_infinity
    )


# -------------------------------------------------------------------------------------------------------------- tables
@_in_torch
def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """Rows of a table; ``padding_idx`` gets no gradient. With ``sparse``, ``SparseAdam`` updates the rows looked up."""
    _check_indices("embedding", indices)
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    check_index(padding_idx)
    check_flag("embedding", "scale_grad_by_freq", 4, scale_grad_by_freq)
    check_flag("embedding", "sparse", 5, sparse)
    mark_sparse(weight, sparse)
    return dispatch.run(rows, (weight, indices), (int(padding_idx), scale_grad_by_freq, sparse))


_MODES = ("sum", "mean", "max")


@_in_torch
def embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode=0,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sums (``mode`` 0), means (1) or maxima (2) of bags of table rows; also the bag of each index, the sizes of the bags, and
    the index each maximum came from.

    The last three are what the plain sum needs not and leaves empty or zero, as torch's kernel for the CPU does.
    """
    if not isinstance(offsets, Tensor):
        raise TypeError(
            f"embedding_bag(): argument 'offsets' (position 3) must be Tensor, not {type(offsets).__name__}"
        )
    if mode not in (0, 1, 2):
        raise RuntimeError("`mode` must be sum, mean, or max.")
    check_flag("embedding_bag", "scale_grad_by_freq", 4, scale_grad_by_freq)
    check_flag("embedding_bag", "sparse", 6, sparse)
    for t, n, name in ((weight, 2, "weight"), (offsets, 1, "offsets")):
        if t.ndim != n:
            raise RuntimeError(f"{name} has to be a {n}D Tensor, but got Tensor of dimension {t.ndim}")
    if per_sample_weights is not None and mode != 0:
        raise RuntimeError("embedding_bag: per_sample_weights only supported with mode='sum'")
    flat, offsets = joined(weight, indices.reshape(-1), offsets, per_sample_weights)
    bounds = _starts(offsets, flat.size(0), include_last_offset)
    padding = bag_padding(padding_idx, weight.size(0))
    mark_sparse(weight, sparse)
    found = dispatch.run(bag_rows, (weight, flat), (padding, scale_grad_by_freq, sparse))
    weights = None if per_sample_weights is None else per_sample_weights.reshape(-1)
    out = _bags(found, flat, bounds, _MODES[mode], weights, padding)
    return out, *_bag_facts(weight, flat, offsets, bounds, mode, padding)


def _bag_facts(weight, indices, offsets, bounds, mode: int, padding: int) -> tuple:
    """(bag of each index, sizes of the bags without padding, index of each maximum)."""
    count = len(bounds) - 1
    bag = np.repeat(np.arange(count), np.diff(bounds)).astype(np.int64)
    indices = indices[: len(bag)]  # of no bags, no index counts
    if mode == 0:
        zeros = np.zeros(count if weight.requires_grad else offsets.size(0), dtype=np.int64)
        of_each = bag[:0] if padding < 0 else bag
        return tuple(wrap(checks.know(mx.array(a))).to(indices.dtype) for a in (of_each, zeros, zeros))
    of_each = wrap(checks.know(mx.array(bag)))
    kept = (indices != padding).to(dtypes.int64)
    sizes = kept.new_zeros(count).index_add(0, of_each, kept)
    if mode == 1:
        return of_each.to(indices.dtype), sizes.to(indices.dtype), sizes.to(indices.dtype)
    return (
        of_each.to(indices.dtype),
        sizes.to(indices.dtype),
        _sources(weight.detach(), indices, of_each, count, padding),
    )


def _sources(weight, indices, bag, count: int, padding: int):
    """(count, D) the index of the first row that holds each bag's maximum, 0 of empty bags."""
    values = weight[indices]
    if padding >= 0:
        values = values.masked_fill((indices == padding).unsqueeze(1), -math.inf)
    target = bag.unsqueeze(1).expand(values.shape)
    top = values.new_full((count, values.shape[1]), -math.inf).scatter_reduce(0, target, values, "amax")
    n = indices.size(0)
    place = wrap(checks.know(mx.arange(n, dtype=mx.int64))).unsqueeze(1).expand(values.shape)
    place = place.masked_fill((values != top[bag]) | (indices == padding).unsqueeze(1), n)
    first = place.new_full(top.shape, n).scatter_reduce(0, target, place, "amin")
    return indices[first.clamp(max=max(n - 1, 0))].masked_fill(first == n, 0)


# --------------------------------------------------------------------------------------------------------------- norms
@_in_torch
def frobenius_norm(input, dim, keepdim=False, *, out=None):
    """The 2-norm over at most two dimensions."""
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(dims) > 2:
        raise RuntimeError(f"Expected at most 2 dimensions, but got {len(dims)} dimensions instead.")
    return namespaces["linalg"]["vector_norm"](input, 2, dims or None, keepdim, out=out)


@_in_torch
def nuclear_norm(input, dim=(-2, -1), keepdim=False, *, out=None):
    """The sum of the singular values of the matrices in two dimensions; ``nuclear_norm(x, True)`` keeps the last two."""
    if isinstance(dim, bool):
        dim, keepdim = (-2, -1), dim
    dim = (dim, dim) if isinstance(dim, int) else dim
    return deliver(namespaces["linalg"]["matrix_norm"](input, "nuc", dim, keepdim), out)


# ------------------------------------------------------------------------------------------- methods that are functions
def _as_function(name: str):
    def function(input):
        if not isinstance(input, Tensor):
            raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        return getattr(input, name)()

    function.__name__, function.__doc__ = name, getattr(Tensor, name).__doc__
    _in_torch(function, differentiable=False)


for _name in ("detach", "detach_", "get_device"):
    _as_function(_name)


@_in_torch(differentiable=False)
def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return modes.anomaly


@_in_torch(differentiable=False)
def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection looks for nan in gradients."""
    return modes.check_nan


@_in_torch(differentiable=False)
def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Turn anomaly detection on or off."""
    modes.anomaly, modes.check_nan = bool(enabled), bool(check_nan)


# --------------------------------------------------------------------------------------------------- Python on elements
def _changed(self, name: str, values: np.ndarray):
    if self.requires_grad:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    return self.copy_(wrap(from_host(values.astype(self.dtype.numpy or np.float32), self.dtype)))


def _host(t: Tensor) -> np.ndarray:
    values = to_numpy(host_value(t))
    return values.astype(np.float32) if t.dtype is dtypes.bfloat16 else values


@method
def apply_(self, callable):
    """Replace every element by what a Python function makes of it, on the host. Raises: RuntimeError if it requires grad."""
    return _changed(self, "apply_", np.asarray(np.frompyfunc(callable, 1, 1)(_host(self))))


@method
def map_(self, tensor, callable):
    """Replace every element by what a Python function makes of it and ``tensor``'s. Raises: TypeError for another dtype."""
    if tensor.dtype is not self.dtype:
        raise TypeError(f"map_: expected {self.type()} for 'other' (got {tensor.type()})")
    other = _host(tensor.expand(self.shape))
    return _changed(self, "map_", np.asarray(np.frompyfunc(callable, 2, 1)(_host(self), other)))


_AMBIGUOUS = "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats."


@method
def dim_order(self, *, ambiguity_check=False) -> tuple:
    """The dimensions from the outermost in memory to the innermost.

    Args:
        ambiguity_check: True refuses a layout that another order describes as well; a list of memory formats accepts one that
            is exactly one of them.

    Raises: RuntimeError if it is refused, TypeError for another ``ambiguity_check``.
    """
    formats = [] if isinstance(ambiguity_check, bool) else ambiguity_check
    if not isinstance(formats, list) or not all(isinstance(f, memory_format) for f in formats):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    stride = self.stride()
    several = 1 in self.shape or any(a == b for a, b in itertools.pairwise(stride))
    if ambiguity_check is not False and several and sum(self.is_contiguous(memory_format=f) for f in formats) != 1:
        raise RuntimeError(_AMBIGUOUS)
    last = (0, *range(2, self.ndim), 1)
    if self.ndim in (4, 5) and self.is_contiguous(memory_format=channels_last if self.ndim == 4 else channels_last_3d):
        # dimensions of length one fit many layouts: their strides say which was meant
        falling = all(stride[a] >= stride[b] for a, b in itertools.pairwise(last))
        if falling and stride[2] * self.shape[2] != stride[1]:
            return last
    return tuple(range(self.ndim)) if self.is_contiguous() else _by_strides(self.shape, stride)


def _by_strides(shape, stride) -> tuple:
    """Dimensions by falling stride; broadcast ones stay between their neighbours, of equals the longer is outside."""

    def inside(a: int, b: int) -> int:
        if stride[a] == 0 or stride[b] == 0:
            return 0
        return (stride[a] > stride[b]) - (stride[a] < stride[b]) or int(shape[a] > shape[b])

    order = list(range(len(shape)))[::-1]
    for i in range(1, len(order)):
        at = i
        for before in range(i - 1, -1, -1):
            which = inside(order[before], order[at])
            if which < 0:
                break
            if which > 0:
                order[before], order[at] = order[at], order[before]
                at = before
    return tuple(order[::-1])


@_in_torch
def spmm(input, mat2):
    """``mm``: PyTorch's name for products with sparse matrices, which are dense here."""
    return namespaces["torch"]["mm"](input, mat2)

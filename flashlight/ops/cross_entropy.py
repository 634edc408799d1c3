"""Cross entropy and negative log likelihood: one fused operator each for class indices.

N samples, C classes; classes are dimension 1 (0 for a single sample) and are moved last inside.
"""

from __future__ import annotations

import mlx.core as mx

from .._core import checks, dispatch, dtypes
from .._core.axes import summed
from .._core.numerics.elementary import exp
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read
from .reduce import wide


def legacy_reduction(size_average, reduce, reduction: str) -> str:
    """The reduction, from torch's two deprecated flags if they are given. Raises: ValueError for an unknown one."""
    if size_average is not None or reduce is not None:
        size_average = True if size_average is None else size_average
        reduce = True if reduce is None else reduce
        return ("mean" if size_average else "sum") if reduce else "none"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _last(a: mx.array) -> mx.array:
    return a if a.ndim < 2 else mx.moveaxis(a, 1, -1)


def _back(a: mx.array, shape) -> mx.array:
    return a if len(shape) < 2 else mx.moveaxis(a, -1, 1)


def _rows(target, weight, ignore_index: int):
    """(class of each sample with 0 for ignored ones, weight of each sample, 0 for ignored ones)."""
    valid = target != ignore_index
    safe = mx.where(valid, target, mx.zeros_like(target))
    if weight is None:
        return safe, valid
    return safe, mx.where(valid, mx.take(weight, safe), mx.zeros((), dtype=weight.dtype))


def _pick(rows: mx.array, safe: mx.array) -> mx.array:
    return mx.squeeze(mx.take_along_axis(rows, mx.expand_dims(safe, -1), axis=-1), -1)


def _reduced(losses, weights, reduction: str):
    if reduction == "none":
        return losses
    total = summed(losses)
    return total if reduction == "sum" else total / summed(weights.astype(losses.dtype))


def _of_kept(scale, target, ignore_index: int):
    """The gradient's scale for each sample: nothing of an ignored one comes back, even where all are and their mean is no number."""
    return mx.where(target != ignore_index, scale, mx.zeros_like(scale))


def _coefficients(weight, smoothing: float, classes: int, dtype):
    """What label smoothing gives every class, whatever the target; None without smoothing."""
    if not smoothing:
        return None
    even = mx.full((classes,), smoothing / classes, dtype=dtype)
    return even if weight is None else even * weight.astype(dtype)


@op(namespace="_", name="cross_entropy", method=False, autocast="fp32", backward="NllLoss", watch="target weight")
def cross_entropy_indices(
    input: Array, target: Array, weight: Array | None, ignore_index: int, reduction: str, smoothing: float
) -> Array:
    """Cross entropy of logits with class indices."""
    return _forward(input, target, weight, ignore_index, reduction, smoothing)[0]


def _forward(input, target, weight, ignore_index, reduction, smoothing):
    rows = wide(_last(input))
    top = mx.stop_gradient(mx.max(rows, axis=-1, keepdims=True))
    powers = exp(rows - top)
    total = summed(powers, axis=-1, keepdims=True)
    shift = mx.squeeze(mx.log(total) + top, -1)
    safe, weights = _rows(target, weight, ignore_index)
    losses = (shift - _pick(rows, safe)) * weights.astype(rows.dtype)
    spread = _coefficients(weight, smoothing, rows.shape[-1], rows.dtype)
    if spread is not None:
        smooth = shift * summed(spread) - rows @ spread
        losses = losses * (1 - smoothing) + mx.where(target != ignore_index, smooth, mx.zeros_like(smooth))
    return _reduced(losses, weights, reduction).astype(input.dtype), powers / total


@cross_entropy_indices.vjp
def _(g, target, weight, saved, ignore_index, reduction, smoothing, shapes, dtypes):
    probabilities = saved
    dtype = probabilities.dtype
    classes = probabilities.shape[-1]
    safe, weights = _rows(target, weight, ignore_index)
    weights = weights.astype(dtype)
    scale = g.astype(dtype)
    if reduction == "mean":
        scale = scale / summed(weights)
    scale = _of_kept(scale, target, ignore_index)
    # a loss is minus the sum of c * log p: its gradient is p * (sum of c) - c
    chosen = mx.arange(classes) == mx.expand_dims(safe, -1)
    own = mx.expand_dims(weights * (1 - smoothing) * scale, -1)
    spread = _coefficients(weight, smoothing, classes, dtype)
    if spread is None:
        grad = (probabilities - chosen.astype(dtype)) * own
    else:
        rest = mx.expand_dims(scale, -1)
        grad = probabilities * (own + rest * summed(spread)) - chosen.astype(dtype) * own - spread * rest
    return _back(grad, shapes[0]).astype(dtypes[0]), None, None


cross_entropy_indices.saving(_forward)


@op(namespace="_", name="nll_loss", method=False, autocast="fp32", backward="NllLoss")
def nll_indices(input: Array, target: Array, weight: Array | None, ignore_index: int, reduction: str) -> Array:
    """Negative log likelihood of log-probabilities with class indices."""
    rows = _last(input)
    safe, weights = _rows(target, weight, ignore_index)
    picked = -_pick(rows, safe)
    # a weight of zero takes an infinite loss out as well
    losses = mx.where(weights != 0, picked * weights.astype(rows.dtype), mx.zeros_like(picked))
    return _reduced(losses, weights, reduction)


@nll_indices.vjp
def _(g, target, weight, ignore_index, reduction, shapes, dtypes):
    safe, weights = _rows(target, weight, ignore_index)
    weights = weights.astype(dtypes[0])
    scale = g / summed(weights) if reduction == "mean" else g
    given = mx.expand_dims(-weights * _of_kept(scale, target, ignore_index), -1)
    chosen = mx.arange(shapes[0][1 if len(shapes[0]) > 1 else 0]) == mx.expand_dims(safe, -1)
    return _back(mx.where(chosen, given, mx.zeros_like(given)), shapes[0]), None, None


def _check_target(arrays, statics):
    input, target, weight = arrays
    classes = input.shape[1] if input.ndim > 1 else input.shape[0]
    if target.dtype not in (mx.int64, mx.uint8):
        found = dtypes.scalar_type_name(dtypes.from_mlx(target.dtype))
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {found}")
    if weight is not None and (weight.ndim != 1 or weight.shape[0] != classes):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: "
            f"{list(weight.shape)}"
        )
    ignore = statics[0]
    known = checks.is_known(target)
    inside = mx.where(target == ignore, mx.zeros_like(target), target)
    if known:
        checks.know(mx_evaluated(inside))
    safe = checks.bounded(inside, classes, lambda v: IndexError(f"Target {v} is out of bounds."))
    if safe is not inside:
        target = mx.where(target == ignore, target, safe)
    return [input, target, weight]


def mx_evaluated(a: mx.array) -> mx.array:
    """The array, evaluated: used for what is made of host values only."""
    mx.eval(a)
    return a


cross_entropy_indices.checked(_check_target)
nll_indices.checked(_check_target)


def _check_shapes(input, target) -> None:
    if input.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {input.ndim})")
    if input.ndim != 1 and input.shape[0] != (target.shape[0] if target.ndim else 1):
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0] if target.ndim else 1})."
        )
    want = (input.shape[0], *input.shape[2:]) if input.ndim > 1 else ()
    if tuple(target.shape) != tuple(want):
        raise RuntimeError(f"Expected target size {list(want)}, got {list(target.shape)}")


@composite(namespace="nn.functional", autocast="fp32")
def cross_entropy(
    input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
):
    """Cross entropy between logits and targets.

    Shape: input (N, C, d1, ...) or (C); target (N, d1, ...) or () with class indices, or input's shape with probabilities.

    Raises: IndexError for a class out of range, ValueError or RuntimeError for shapes that do not fit.
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if not isinstance(input, Tensor) or not isinstance(target, Tensor):
        raise TypeError("cross_entropy_loss(): arguments 'input' and 'target' must be Tensor")
    if tuple(input.shape) == tuple(target.shape) and target.is_floating_point():
        return _soft_targets(input, target, weight, reduction, label_smoothing)
    _check_shapes(input, target)
    return dispatch.run(cross_entropy_indices, (input, target, weight), (ignore_index, reduction, label_smoothing))


def _soft_targets(input, target, weight, reduction, smoothing):
    axis = 1 if input.ndim > 1 else 0
    classes = input.shape[axis]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    terms = input.log_softmax(axis) * target
    if weight is not None:
        terms = terms * weight.view([-1 if d == axis else 1 for d in range(input.ndim)])
    if reduction == "none":
        return -terms.sum(axis)
    total = -terms.sum()
    return total if reduction == "sum" else total / (input.numel() // classes)


@composite(namespace="nn.functional")
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Negative log likelihood of log-probabilities.

    Shape: input (N, C, d1, ...) or (C); target (N, d1, ...) or ().

    Raises: IndexError for a class out of range, ValueError or RuntimeError for shapes that do not fit.
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    if read(input).ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {input.ndim})")
    _check_shapes(input, target)
    return dispatch.run(nll_indices, (input, target, weight), (ignore_index, reduction))

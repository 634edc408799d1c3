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
from .kinds import FLOAT, not_implemented
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


def _scalar_type(a) -> str:
    return dtypes.scalar_type_name(dtypes.from_mlx(a.dtype))


def _class_weight(input, weight, smoothing: float):
    """The weight of each class. Raises: RuntimeError for another number of them, or another dtype than the input's."""
    classes = input.shape[1] if input.ndim > 1 else input.shape[0]
    if weight.ndim != 1 or weight.shape[0] != classes:
        if input.ndim < 3:
            raise _wrong_weights(classes, weight.shape)
        # of more dimensions torch asks for the number of weights alone
        if weight.size != classes or smoothing:
            raise RuntimeError("weight tensor should be defined either for all or no classes")
        weight = weight.reshape(-1)
    if weight.dtype != input.dtype:
        raise RuntimeError(f"expected scalar type {_scalar_type(input)} but found {_scalar_type(weight)}")
    return weight


def _check_classes(target) -> None:
    if target.dtype not in (mx.int64, mx.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {_scalar_type(target)}")


def _wrong_weights(classes: int, shape) -> RuntimeError:
    return RuntimeError(
        f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {list(shape)}"
    )


def _check_target(arrays, statics, kernels):
    input, target, weight = arrays
    classes = input.shape[1] if input.ndim > 1 else input.shape[0]
    if not mx.issubdtype(input.dtype, mx.floating):
        raise not_implemented(kernels[input.ndim > 2], input)
    _check_classes(target)
    if weight is not None:
        weight = _class_weight(input, weight, statics[2] if len(statics) > 2 else 0.0)
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


@cross_entropy_indices.checked
def _(arrays, statics):
    return _check_target(arrays, statics, ("log_softmax_lastdim_kernel_impl", "log_softmax_kernel_impl"))


@nll_indices.checked
def _(arrays, statics):
    return _check_target(arrays, statics, ("nll_loss_out_frame", "nll_loss2d_forward_out_frame"))


def _check_shapes(input, target) -> None:
    have, want = tuple(input.shape), tuple(target.shape)
    if want == (have[0:1] + have[2:] if len(have) > 1 else ()) and have:
        return
    if not have:
        raise ValueError(f"Expected 1 or more dimensions (got {len(have)})")
    if len(have) != 1 and have[:1] != want[:1]:
        count = want[0] if want else 0
        raise ValueError(f"Expected input batch_size ({have[0]}) to match target batch_size ({count}).")
    if len(have) < 3:
        if len(want) > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if want != (1,):
            _check_classes(read(target))
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {want[0]}")
    elif len(have) == 4 and len(want) != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {len(want)}"
        )
    elif len(have) == 4:
        raise RuntimeError(f"size mismatch (got input: {list(have)} , target: {list(want)}")
    else:
        raise RuntimeError(f"Expected target size {[have[0], *have[2:]]}, got {list(want)}")


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
    if tuple(input.shape) == tuple(target.shape):
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_targets(input, target, weight, reduction, label_smoothing)
    _check_shapes(input, target)
    statics = (ignore_index, reduction, label_smoothing)
    return dispatch.run(cross_entropy_indices, (input, _single(input, target), weight), statics)


def _single(input, target):
    """The target, without the dimension that the one of a single sample may have."""
    return target.reshape(()) if input.ndim == 1 and target.ndim else target


def _soft_targets(input, target, weight, reduction, smoothing):
    axis = 1 if input.ndim > 1 else 0
    if not target.is_floating_point():
        have = dtypes.scalar_type_name(target.dtype)
        raise RuntimeError(f"Expected floating point type for target with class probabilities, got {have}")
    classes = input.size(axis)
    if input.dtype.category != FLOAT:
        raise not_implemented(
            "log_softmax_lastdim_kernel_impl" if input.ndim < 3 else "log_softmax_kernel_impl", read(input)
        )
    if weight is not None and tuple(weight.shape) != (classes,):
        raise RuntimeError(f"cross_entropy: {_wrong_weights(classes, weight.shape)}")
    if smoothing and classes:
        target = target * (1 - smoothing) + smoothing / classes
    terms = input.log_softmax(axis) * target
    if weight is not None:
        terms = terms * weight.view([-1 if d == axis else 1 for d in range(input.ndim)])
    if reduction == "none":
        return -terms.sum(axis)
    total = -terms.sum()
    return total if reduction == "sum" else total / (input.numel() // classes if classes else 0)


@composite(namespace="nn.functional")
def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """Negative log likelihood of log-probabilities.

    Shape: input (N, C, d1, ...) or (C); target (N, d1, ...) or ().

    Raises: IndexError for a class out of range, ValueError or RuntimeError for shapes that do not fit.
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    _check_shapes(input, target)
    return dispatch.run(nll_indices, (input, _single(input, target), weight), (ignore_index, reduction))

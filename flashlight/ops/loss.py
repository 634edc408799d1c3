"""Loss functions other than cross entropy, made of tensor operations."""

from __future__ import annotations

import math
import warnings

import mlx.core as mx

from .._core import checks, dispatch, dtypes, views
from .._core.axes import averaged, holds_any, summed
from .._core.errors import cannot_cast, size_mismatch
from .._core.modes import modes
from .._core.numerics.elementary import log1p, logaddexp
from .._core.table import Array, composite, namespaces, op
from .._core.tensor import Tensor, read, wrap
from .arithmetic import ONE_BOOL, TWO_BOOLS
from .cross_entropy import legacy_reduction
from .kinds import COMPLEX, FLOAT, not_implemented, only


def reduced(loss, reduction: str):
    """A loss reduced by mean, sum or not at all."""
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss


def _reduce_array(a, reduction: str):
    return averaged(a) if reduction == "mean" else summed(a) if reduction == "sum" else a


def _torch(name: str):
    return namespaces["torch"][name]


def _warn_sizes(input, target) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely lead to "
            "incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


# ------------------------------------------------------------------------------------------------------------ distances
def _pairwise(name: str, each, slope, watch: str | None = None):
    """Declare a loss of input - target: ``each(d, parameter)`` and its derivative ``slope(d, parameter)``."""

    def body(input: Array, target: Array, reduction: str, parameter) -> Array:
        return _reduce_array(each(input - target, parameter), reduction)

    body.__name__ = name
    operator = op(body, namespace="_", method=False, promote="same", autocast="fp32", watch=watch)

    @operator.vjp
    def _(g, input, target, reduction, parameter):
        d = slope(input - target, parameter) * (g / max(_size(input, target), 1) if reduction == "mean" else g)
        return d, -d

    return operator


def _size(a, b) -> int:
    return math.prod(mx.broadcast_shapes(a.shape, b.shape))


def _smooth(d, beta):
    size = mx.abs(d)
    return size if beta == 0 else mx.where(size < beta, 0.5 * d * d / beta, size - 0.5 * beta)


def _huber(d, delta):
    size = mx.abs(d)
    return mx.where(size <= delta, 0.5 * d * d, delta * (size - 0.5 * delta))


_squared = _pairwise("mse_loss", lambda d, _p: d * d, lambda d, _p: 2 * d)
_absolute = _pairwise("l1_loss", lambda d, _p: mx.abs(d), lambda d, _p: mx.sign(d), watch="")
_smoothed = _pairwise("smooth_l1_loss", _smooth, lambda d, beta: mx.sign(d) if beta == 0 else mx.clip(d / beta, -1, 1))
_hubered = _pairwise("huber_loss", _huber, lambda d, delta: mx.clip(d, -delta, delta))


for _operator, _kernel in ((_squared, "mse_cpu"), (_smoothed, "smooth_l1_cpu"), (_hubered, "huber_cpu")):
    only(_operator, _kernel, FLOAT)


def _distance(operator, input, target, reduction, parameter=None):
    _warn_sizes(input, target)
    return dispatch.run(operator, (input, target), (reduction, parameter))


def _check_weight(weight, input) -> None:
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")


def _weighted(losses, weight, reduction: str):
    """Losses times their weights; the mean is that of the weights."""
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


@composite(namespace="nn.functional")
def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """``(input - target)**2``, reduced. With weights the mean is a weighted one."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if weight is None:
        return _distance(_squared, input, target, reduction)
    _warn_sizes(input, target)
    _check_weight(weight, input)
    return _weighted((input - target) ** 2, weight, reduction)


@composite(namespace="nn.functional")
def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """``|input - target|``, reduced. With weights the mean is a weighted one."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if weight is None and input.is_floating_point() and target.is_floating_point():
        return _distance(_absolute, input, target, reduction)
    _warn_sizes(input, target)
    if weight is None:
        return reduced((input - target).abs(), reduction)
    _check_weight(weight, input)
    return _weighted((input - target).abs(), weight, reduction)


@composite(namespace="nn.functional")
def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Squared below ``beta``, absolute above. Raises: RuntimeError for a negative ``beta``."""
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0 and not (input.is_floating_point() and target.is_floating_point()):
        return l1_loss(input, target, size_average, reduce, reduction)
    return _distance(_smoothed, input, target, legacy_reduction(size_average, reduce, reduction), beta)


@composite(namespace="nn.functional")
def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Squared below ``delta``, ``delta`` times absolute above. Raises: RuntimeError unless ``delta`` is positive."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    reduction = legacy_reduction(None, None, reduction)
    if weight is not None:
        _check_weight(weight, input)
        return reduced(_huber_of(input, target, "none", delta) * weight, reduction)
    return _huber_of(input, target, reduction, delta)


def _huber_of(input, target, reduction: str, delta):
    if input.dtype is target.dtype or modes.autocast is not None:
        return _distance(_hubered, input, target, reduction, delta)
    # the result has the dtype of the input, whatever that of the target
    common = dispatch.common_dtype((read(input), read(target)))
    if not dtypes.can_cast(common, input.dtype):
        raise _cannot_hold(common, input)
    losses = _distance(_hubered, input, target, reduction, delta)
    return losses if losses.dtype is input.dtype else dispatch.cast(losses, input.dtype)


def _cannot_hold(dtype, t) -> RuntimeError:
    """The error for a result of some dtype that torch would put into a tensor like ``t``."""
    return cannot_cast(dtypes.scalar_type_name(dtype), dtypes.scalar_type_name(t.dtype))


def _stretched(own, shape) -> RuntimeError:
    """The error for an operand that is larger than the tensor torch multiplies by it in place."""
    return RuntimeError(f"output with shape {list(own)} doesn't match the broadcast shape {list(shape)}")


# --------------------------------------------------------------------------------------------------------- probabilities
@op(namespace="_", name="binary_cross_entropy", method=False, autocast="cpu fp32, gpu banned", single=True)
def _bce(input: Array, target: Array, weight: Array | None, reduction: str) -> Array:
    """Binary cross entropy of probabilities; logarithms are cut off at -100."""
    losses = -(target * mx.maximum(mx.log(input), -100.0) + (1 - target) * mx.maximum(log1p(-input), -100.0))
    return _reduce_array(losses if weight is None else losses * weight, reduction)


@_bce.vjp
def _(g, input, target, weight, reduction, needs):
    g = g / max(input.size, 1) if reduction == "mean" else g
    g = g if weight is None else g * weight
    slope = (input - target) / mx.maximum((1 - input) * input, 1e-12)
    by_target = mx.maximum(log1p(-input), -100.0) - mx.maximum(mx.log(input), -100.0) if needs[1] else None
    return mx.broadcast_to(g * slope, input.shape), None if by_target is None else g * by_target, None


@_bce.checked
def _(arrays, _statics):
    input, target, weight = arrays
    if target.dtype != input.dtype:
        have, want = (dtypes.scalar_type_name(dtypes.from_mlx(a.dtype)) for a in (target, input))
        raise RuntimeError(f"Found dtype {have} but expected {want}")
    if not mx.issubdtype(input.dtype, mx.floating):
        raise not_implemented("binary_cross_entropy", input)
    if weight is not None:
        arrays = [input, target, _weight_like(input, weight)]
    outside = holds_any(mx.logical_not(mx.logical_and(input >= 0, input <= 1)))
    checks.refuse(outside, input, lambda: RuntimeError("all elements of input should be between 0 and 1"))
    return arrays


def _weight_like(input, weight):
    """A weight as one of the input's shape and dtype, for losses that are multiplied by it in place."""
    if weight.shape != input.shape:
        raise _stretched(input.shape, weight.shape)
    if weight.dtype == input.dtype:
        return weight
    have, want = dtypes.from_mlx(weight.dtype), dtypes.from_mlx(input.dtype)
    if not dtypes.can_cast(have, want):
        raise cannot_cast(dtypes.scalar_type_name(have), dtypes.scalar_type_name(want))
    return dispatch.convert(weight, input.dtype)


@composite(namespace="nn.functional")
def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Cross entropy of probabilities with binary targets.

    Raises: ValueError if the sizes differ, RuntimeError for an input outside [0, 1].
    """
    reduction = legacy_reduction(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is deprecated. Please ensure "
            "they have the same size."
        )
    if weight is not None:
        weight = weight.expand(_torch("broadcast_shapes")(weight.size(), target.size()))
    return dispatch.run(_bce, (input, target, weight), (reduction,))


@op(namespace="_", name="binary_cross_entropy_with_logits", method=False, promote="same", autocast="fp32", single=True)
def _bce_logits(input: Array, target: Array, pos_weight: Array | None) -> Array:
    """Binary cross entropy of logits, by ``softplus`` so that no logarithm overflows."""
    zero = mx.zeros((), dtype=input.dtype)
    if pos_weight is None:
        return logaddexp(input, zero) - input * target
    return (1 - target) * input + (1 + (pos_weight - 1) * target) * logaddexp(-input, zero)


@composite(namespace="nn.functional")
def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """Cross entropy of logits with binary targets. Raises: ValueError if the sizes differ."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    if pos_weight is not None:
        _check_pos_weight(input, target, pos_weight)
    _check_logits(input, target, TWO_BOOLS)
    if not (target.is_floating_point() or target.is_complex()):
        raise _cannot_hold(input.dtype, target)
    losses = dispatch.run(_bce_logits, (input, target, pos_weight), ())
    # of operands of several dtypes torch's result has the target's; autocast has made them one
    if modes.autocast is None and losses.dtype is not target.dtype:
        losses = dispatch.cast(losses, target.dtype)
    if weight is not None:
        losses = views.fit(losses, losses * weight, dispatch.cast)
    return reduced(losses, reduction)


def _check_logits(input, target, of_bools: str) -> None:
    """Refuse logits and targets that torch has no kernel or no subtraction for."""
    if input.dtype.category != FLOAT:
        raise not_implemented("log_sigmoid_cpu", read(input))
    if target.dtype is dtypes.bool_:
        raise RuntimeError(of_bools)


def _check_pos_weight(input, target, weight) -> None:
    if weight.dtype is dtypes.bool_ and input.dtype.category == FLOAT:
        raise RuntimeError(ONE_BOOL)
    wrong = size_mismatch((weight, target))
    if wrong is not None:
        raise wrong
    shape = mx.broadcast_shapes(weight.shape, target.shape)
    if tuple(shape) != tuple(input.shape):
        raise _stretched(input.shape, shape)


@composite(namespace="nn.functional", autocast="fp32")
def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Kullback-Leibler divergence of log-probabilities ``input`` from ``target``; "batchmean" divides by the batch size."""
    kinds = {input.dtype.category, target.dtype.category}
    if kinds != {FLOAT}:
        raise RuntimeError(f"kl_div: {'Complex' if COMPLEX in kinds else 'Integral'} inputs not supported.")
    by_batch = reduction == "batchmean"
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides only by the batch "
            "size, and aligns with the KL div math definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=2,
        )
    reduction = "sum" if by_batch else legacy_reduction(size_average, reduce, reduction)
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = (
            _torch("special_xlogy")(target, target) if "special_xlogy" in namespaces["torch"] else target.xlogy(target)
        )
        losses = losses - target * input
    result = reduced(losses, reduction)
    return result / input.size(0) if by_batch and input.ndim else result


@composite(namespace="nn.functional", autocast="fp32")
def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
):
    """Negative log likelihood of counts under a Poisson distribution of (log) rate ``input``."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + stirling.masked_fill(target <= 1, 0)
    return reduced(losses, reduction)


@composite(namespace="nn.functional")
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Negative log likelihood under a normal distribution of mean ``input`` and variance ``var`` (clamped to ``eps``, without gradient).

    Raises: ValueError for a variance of the wrong size or with a negative entry.
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = _torch("full_like")(input, var)
    elif not isinstance(var, Tensor):
        raise TypeError(f"gaussian_nll_loss(): argument 'var' must be Tensor or float, not {type(var).__name__}")
    elif var.is_complex():
        raise not_implemented("lt_cpu", read(var))
    checks.refuse(holds_any(read(var) < 0), read(var), lambda: ValueError("var has negative entry/entries"))
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        # one variance in place of a dimension: the sizes that differ are a single 1
        elif input.ndim != var.ndim or sum(v for v, n in zip(var.size(), input.size(), strict=True) if v != n) != 1:
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    if not var.is_floating_point():
        raise cannot_cast("Float", dtypes.cpp_name(var.dtype))
    # the clamp does not act on the gradient, as in torch
    var = var + (var.detach().clamp(min=eps) - var.detach())
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


# --------------------------------------------------------------------------------------------------------------- margins
@composite(namespace="nn.functional", autocast="fp32")
def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """``input`` where the target is 1, ``max(0, margin - input)`` where it is -1."""
    zero = _torch("zeros_like")(input)
    # of integers torch takes an integer margin
    margin = margin if input.dtype.category >= FLOAT else _torch("full_like")(input, margin)
    losses = _torch("where")(target != 1, (margin - input).clamp_min(0), zero) + _torch("where")(
        target != -1, input, zero
    )
    return reduced(losses, legacy_reduction(size_average, reduce, reduction))


@composite(namespace="nn.functional", autocast="fp32")
def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """``max(0, -target * (input1 - input2) + margin)``, reduced."""
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    gap = input1 - input2
    losses = (-target * gap + float(margin)).clamp_min(0)
    return reduced(losses, legacy_reduction(size_average, reduce, reduction))


@composite(namespace="nn.functional", autocast="fp32")
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """``log(1 + exp(-target * input))``, reduced. Raises: RuntimeError for a target that would stretch or widen ``input``."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    opposite = -input
    product = views.fit(opposite, opposite * target, dispatch.cast)
    if product.dtype.category < FLOAT:
        raise _cannot_hold(dtypes.get_default_dtype(), product)
    return reduced(product.exp().log1p(), reduction)


@composite(namespace="nn.functional", autocast="keep")
def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """Binary cross entropy of logits, averaged over the classes, the last dimension of ``input``."""
    _check_logits(input, target, ONE_BOOL)
    classes = input.ndim - 1
    losses = dispatch.run(_bce_logits, (input, target, None), ())
    losses = losses if weight is None else losses * weight
    if not input.ndim:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    return reduced(losses.sum(classes) / input.size(classes), legacy_reduction(size_average, reduce, reduction))


@composite(namespace="nn.functional", autocast="fp32")
def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1."""
    if target.ndim > 1 or not target.ndim + 1 == input1.ndim == input2.ndim:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported" if target.ndim > 1 else
                           f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with sizes "
                           f"{list(input1.size())} and {list(input2.size())}.")  # fmt: skip
    eps = 1e-12
    dot = (input1 * input2).sum(-1)
    cos = dot / (((input1 * input1).sum(-1) + eps) * ((input2 * input2).sum(-1) + eps)).sqrt()
    zero = _torch("zeros_like")(cos)
    losses = _torch("where")(target == 1, 1 - cos, zero) + _torch("where")(
        target == -1, (cos - margin).clamp_min(0), zero
    )
    return reduced(losses, legacy_reduction(size_average, reduce, reduction))


@composite(namespace="nn.functional", autocast="fp32")
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"
):
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` in the p-norm."""
    _check_triplet(anchor, positive, negative, margin)

    def distance(a, b):
        return (a - b + eps).norm(p, -1)

    return _triplet(
        anchor, positive, negative, distance, margin, swap, legacy_reduction(size_average, reduce, reduction)
    )


def _check_triplet(anchor, positive, negative, margin) -> None:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor "
            f"{anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )


def _triplet(anchor, positive, negative, distance, margin, swap: bool, reduction: str):
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = _torch("minimum")(far, distance(positive, negative))
    return reduced((near - far + margin).clamp_min(0), reduction)


@composite(namespace="nn.functional")
def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """The triplet margin loss with any distance; by default the 2-norm of the difference plus 1e-6."""
    reduction = legacy_reduction(None, None, reduction)
    _check_triplet(anchor, positive, negative, margin)
    distance = distance_function or _torch("pairwise_distance")
    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


@composite(namespace="nn.functional", autocast="fp32")
def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """``sum_i max(0, margin - x[y] + x[i])**p / C`` over the wrong classes. Raises: ValueError for another p than 1 or 2."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    _check_vectors(input)
    rows = input if input.ndim == 2 else input.reshape(1, -1)
    count, classes = rows.shape
    if target.ndim > 1 or target.numel() != count:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
            f"Expected target size [{count}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    _check_margin_dtypes("multi_margin_loss_cpu_kernel", input, target, weight)
    labels = _classes(target, 0, classes, "target out of range").reshape(count)
    own = rows.gather(1, labels.unsqueeze(1))
    gaps = (margin - own + rows).clamp_min(0) ** p
    if weight is not None:
        gaps = gaps * weight[labels].unsqueeze(1)
    gaps = gaps.scatter(1, labels.unsqueeze(1), 0.0)
    return _of_rows(gaps.sum(1) / classes, target.ndim == 0, reduction)


def _check_vectors(input) -> None:
    if input.ndim > 2 or (input.ndim and input.shape[-1] == 0):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )


def _check_margin_dtypes(kernel: str, input, target, weight=None) -> None:
    if input.dtype.category != FLOAT:
        raise not_implemented(kernel, read(input))
    for t, want in ((target, dtypes.int64), (weight, input.dtype)):
        if t is not None and t.dtype is not want and (t is target or modes.autocast is None):
            want, have = dtypes.scalar_type_name(want), dtypes.scalar_type_name(t.dtype)
            raise RuntimeError(f"expected scalar type {want} but found {have}")


def _of_rows(losses, single: bool, reduction: str):
    """Losses of rows reduced; that of a single vector has no dimension."""
    return reduced(losses.squeeze(0) if single else losses, reduction)


def _classes(labels, lowest: int, count: int, message: str):
    """Labels that are known to be classes."""
    return wrap(checks.bounded(read(labels), count, lambda _value: RuntimeError(message), lowest), labels._device)


@composite(namespace="nn.functional", autocast="fp32")
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """``max(0, 1 - (x[y] - x[i]))`` over the target classes y (up to the first -1) and the other classes i, divided by C."""
    reduction = legacy_reduction(size_average, reduce, reduction)
    _check_vectors(input)
    single = input.ndim < 2
    if tuple(target.shape) != tuple(input.shape) and not (
        single and target.ndim < 2 and target.numel() == input.numel()
    ):
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    _check_margin_dtypes("multilabel_margin_loss_forward_out_frame", input, target)
    rows, labels = (input.reshape(1, -1), target.reshape(1, -1)) if single else (input, target)
    labels = _classes(labels, -1, rows.size(1), "argument #2 'target' is out of range")
    listed = (labels < 0).int().cumsum(1) == 0
    safe = labels.clamp_min(0)
    is_target = _torch("zeros_like")(rows).scatter_add(1, safe, listed.to(rows.dtype)) > 0
    gaps = (1 - rows.gather(1, safe).unsqueeze(2) + rows.unsqueeze(1)).clamp_min(0)
    counted = listed.unsqueeze(2) & ~is_target.unsqueeze(1)
    return _of_rows((gaps * counted.to(rows.dtype)).sum((1, 2)) / rows.size(1), single, reduction)

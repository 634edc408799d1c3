"""Normalisations. Each is one operator, channels last inside: transposes are free, a broadcast over (1, C, 1, 1) not.

N batch, C channels, S spatial positions, G groups. x is standardised over some axes, ``xhat = (x - mean) * rstd``, then
scaled and shifted: ``y = xhat * weight + bias``.
"""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import device, dtypes, views
from .._core.axes import averaged
from .._core.halves import HALVES, wide
from .._core.modes import no_grad
from .._core.table import Array, composite, namespaces, op
from .._core.tape import vjp_of
from .._core.tensor import Tensor, read, wrap, wrap_dim
from .conv import from_last, summed
from .kinds import not_implemented


def _moments(x, axes) -> tuple:
    mean = averaged(x, axis=axes, keepdims=True)
    return mean, averaged(mx.square(x - mean), axis=axes, keepdims=True)


def _affine(y, weight, bias, shape: tuple, dtype):
    """``y * weight + bias`` with the parameters in ``shape``."""
    if weight is not None:
        y = y * weight.reshape(shape)
    if bias is not None:
        y = y + bias.reshape(shape)
    return y.astype(dtype)


def _pull(g, x, weight, mean, rstd, axes: tuple, shape: tuple, needs, dtypes_of) -> tuple:
    """Gradients of input (in the inner layout), weight and bias of a standardisation over ``axes``."""
    g, x = wide(g), wide(x)
    xhat = (x - mean) * rstd
    scaled = g if weight is None else g * wide(weight).reshape(shape)
    dx = dw = db = None
    if needs[0]:
        through = averaged(scaled * xhat, axis=axes, keepdims=True)
        dx = ((scaled - averaged(scaled, axis=axes, keepdims=True) - xhat * through) * rstd).astype(dtypes_of[0])
    channels = math.prod(g.shape[-len(shape) :])
    if needs[1]:
        dw = summed((g * xhat).reshape(*g.shape[: g.ndim - len(shape)], channels)).astype(dtypes_of[1])
    if needs[2]:
        db = summed(g.reshape(*g.shape[: g.ndim - len(shape)], channels)).astype(dtypes_of[2])
    return dx, dw, db


def _floating(kernel: str, a) -> None:
    if not mx.issubdtype(a.dtype, mx.floating):
        raise not_implemented(kernel, a)


def check_sizes(channels: int, batch: int = 1, **parameters) -> None:
    """Refuse parameters that are not one number a channel (``batch`` times, in torch's words)."""
    for name, a in parameters.items():
        if a is not None and a.size != channels:
            raise RuntimeError(f"{name} should contain {channels * batch} elements not {a.size * batch}")


def check_dtypes(input, *parameters) -> None:
    """Refuse parameters of another dtype than the input's, unless it is a half and all of them are single precision."""
    kind = input.dtype
    for a in parameters:
        if a is not None and a.dtype != kind:
            _check_mixed(kind, [p.dtype for p in parameters if p is not None])
            return


def _check_mixed(kind, given: list) -> None:
    if given[0] == kind:
        have, want = (dtypes.scalar_type_name(dtypes.from_mlx(k)) for k in (next(k for k in given if k != kind), kind))
        raise RuntimeError(f"expected scalar type {want} but found {have}")
    if any(k != mx.float32 for k in given):
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
    if kind not in HALVES:
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


def check_batch_norm(input, weight, bias, running_mean, running_var) -> None:
    """What batch norm asks of the dtypes of its arrays, and of the statistics; their sizes are checked before."""
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    _floating("batch_norm", input)
    if input.size:
        check_dtypes(input, weight, bias, running_mean, running_var)
    for a in (running_mean, running_var):
        if a is not None and a.ndim != 1:
            raise RuntimeError(f"TensorAccessor expected 1 dims but tensor has {a.ndim}")


# ---------------------------------------------------------------------------------------------------------- batch norm
def _last(x):
    """(N, C, *S) -> (N, *S, C)."""
    return mx.moveaxis(x, 1, -1) if x.ndim > 2 else x


def _first(y):
    return from_last(y, True) if y.ndim > 2 else y


@op(name="batch_norm", namespace="_", method=False, backward="NativeBatchNorm", constant_outputs=(1, 2))
def _batch_norm(input: Array, weight: Array | None, bias: Array | None, eps):
    """Standardise each channel over the batch; also its mean and (biased) variance."""
    x = wide(_last(input))
    mean, var = _moments(x, tuple(range(x.ndim - 1)))
    y = (x - mean) * mx.rsqrt(var + eps)
    return _first(_affine(y, weight, bias, (-1,), input.dtype)), mean.reshape(-1), var.reshape(-1)


@_batch_norm.vjp
def _(gs, input, weight, saved, needs, dtypes):
    x = _last(input)
    grads = _pull(_last(gs[0]), x, weight, *saved, tuple(range(x.ndim - 1)), (-1,), needs, dtypes)
    return grads[0] if grads[0] is None else _first(grads[0]), *grads[1:]


@_batch_norm.saving
def _(input, weight, bias, eps):
    x = wide(_last(input))
    mean, var = _moments(x, tuple(range(x.ndim - 1)))
    rstd = mx.rsqrt(var + eps)
    y = _affine((x - mean) * rstd, weight, bias, (-1,), input.dtype)
    return (_first(y), mean.reshape(-1), var.reshape(-1)), (mean, rstd)


# statistics are constants of this operator: a later training step may change the buffers before backward
@op(name="batch_norm_by", namespace="_", method=False, backward="NativeBatchNorm")
def _batch_norm_by(input: Array, weight: Array | None, bias: Array | None, mean, var, eps):
    """Standardise each channel by a given mean and variance."""
    scale = mx.rsqrt(wide(var) + eps)
    if weight is not None:
        scale = scale * weight
    shift = wide(mean) * -scale
    if bias is not None:
        shift = shift + bias
    return _first((wide(_last(input)) * scale + shift).astype(input.dtype))


@_batch_norm_by.vjp
def _(g, input, weight, mean, var, eps, needs, dtypes):
    g, rstd = wide(_last(g)), mx.rsqrt(wide(var) + eps)
    dx = dw = None
    if needs[0]:
        dx = _first((g * (rstd if weight is None else rstd * weight)).astype(dtypes[0]))
    if needs[1]:
        dw = summed(g * (wide(_last(input)) - wide(mean)) * rstd).astype(dtypes[1])
    return dx, dw, summed(g).astype(dtypes[2]) if needs[2] else None


def _store(running: Tensor, stat: mx.array, momentum: float) -> None:
    """Move a running statistic towards a new one."""
    a = read(running)
    with no_grad():
        views.write(running, wrap((a * (1 - momentum) + stat.astype(a.dtype) * momentum).astype(a.dtype)))


def _track(running_mean, running_var, mean, var, count: int, momentum: float) -> None:
    if not count:  # no samples tell nothing
        return
    if running_mean is not None:
        _store(running_mean, read(mean), momentum)
    if running_var is not None:
        _store(running_var, read(var) * (count / max(count - 1, 1)), momentum)


@composite(namespace="nn.functional")
def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-05):
    """Standardise each channel (dimension 1) over the batch, or in evaluation by the running statistics.

    In training the running statistics, if given, are moved by ``momentum`` towards the batch's (the variance unbiased).
    Shape: (N, C, *). Source: https://arxiv.org/abs/1502.03167.
    """
    if training:
        _more_than_one(input.shape)
    return _batch_normed(input, running_mean, running_var, weight, bias, training, momentum, eps)


def _batch_normed(input, running_mean, running_var, weight, bias, training, momentum, eps):
    if not isinstance(input, Tensor):
        raise _batch_norm.bad_operand(0, input)
    shape = read(input).shape
    if shape == (0,):  # torch takes an empty vector as no samples of no channels
        return _batch_normed(
            input.reshape(0, 0), running_mean, running_var, weight, bias, training, momentum, eps
        ).reshape(0)
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    arrays = {name: None if t is None else read(t) for name, t in given.items()}
    for name in ("running_mean", "running_var"):
        if arrays[name] is None and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    if len(shape) < 2:
        if not any(a is not None and a.size for a in arrays.values()):
            wrap_dim(1, len(shape))
        raise RuntimeError(
            f"Expected 2D or higher dimensional input to batch_norm, but got input of size: {list(shape)}"
        )
    check_sizes(shape[1], **arrays)
    check_batch_norm(read(input), arrays["weight"], arrays["bias"], arrays["running_mean"], arrays["running_var"])
    if not training:
        return _batch_norm_by.public(input, weight, bias, arrays["running_mean"], arrays["running_var"], eps)
    if momentum is None:
        raise TypeError("batch_norm(): argument 'momentum' must be float, not NoneType")
    out, mean, var = _batch_norm.public(input, weight, bias, eps)
    _track(running_mean, running_var, mean, var, math.prod(shape) // max(shape[1], 1), momentum)
    return out


@composite(name="batch_norm", method=False)
def torch_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    """``nn.functional.batch_norm`` in another order of arguments; ``cudnn_enabled`` chooses nothing here."""
    del cudnn_enabled
    return _batch_normed(input, running_mean, running_var, weight, bias, training, momentum, eps)


def _more_than_one(size) -> None:
    if len(size) > 1 and math.prod(size) // max(size[1], 1) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


# ------------------------------------------------------------------------------------------------------- instance norm
@op(name="instance_norm", namespace="_", method=False, backward="NativeBatchNorm", constant_outputs=(1, 2))
def _instance_norm(input: Array, weight: Array | None, bias: Array | None, eps):
    """Standardise each channel of each instance; also the means and variances, averaged over the batch."""
    x = wide(_flat_last(input))
    mean, var = _moments(x, (1,))
    y = _affine((x - mean) * mx.rsqrt(var + eps), weight, bias, (-1,), input.dtype)
    return _unflat(y, input.shape), averaged(mean, (0, 1)), averaged(var, (0, 1))


def _flat_last(x):
    """(N, C, *S) -> (N, S, C)."""
    return mx.swapaxes(x.reshape(*x.shape[:2], math.prod(x.shape[2:])), 1, 2)


def _unflat(y, shape):
    return mx.swapaxes(y, 1, 2).reshape(shape)


@_instance_norm.vjp
def _(gs, input, weight, eps, needs, dtypes):
    x = _flat_last(input)
    mean, var = _moments(wide(x), (1,))
    grads = _pull(_flat_last(gs[0]), x, weight, mean, mx.rsqrt(var + eps), (1,), (-1,), needs, dtypes)
    return grads[0] if grads[0] is None else _unflat(grads[0], input.shape), *grads[1:]


@composite(namespace="nn.functional")
def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-05,
):
    """Standardise each channel of each instance over its positions. Shape: (N, C, *S). https://arxiv.org/abs/1607.08022."""
    if use_input_stats:
        size = input.shape
        if math.prod(size[2:]) == 1:
            raise ValueError(f"Expected more than 1 spatial element when training, got input size {size}")
    return _instance_normed(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


def _instance_normed(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps):
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    x = read(input)
    wrap_dim(1, x.ndim)
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    arrays = {name: None if t is None else read(t) for name, t in given.items()}
    _check_instances(x, bool(use_input_stats), **arrays)
    if not use_input_stats:
        mean, var = (arrays[name].astype(x.dtype) for name in ("running_mean", "running_var"))
        return _batch_norm_by.public(input, weight, bias, mean, var, eps)
    out, mean, var = _instance_norm.public(input, weight, bias, eps)
    _track(running_mean, running_var, mean, var, math.prod(x.shape[2:]), momentum)
    return out


def _check_instances(x, training: bool, running_mean, running_var, weight, bias) -> None:
    for a in (running_mean, running_var, weight, bias):
        if a is not None and a.ndim > 1:
            raise RuntimeError(
                "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
            )
    parameters = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    check_sizes(x.shape[1], x.shape[0], **parameters)
    mean, var = (None if a is None else a.reshape(-1) for a in (running_mean, running_var))
    if mean is not None and var is not None and mean.dtype != (x if weight is None else weight).dtype:
        mean = var = None  # torch converts both
    check_batch_norm(x, weight, bias, mean, var)
    if training and any(a is not None and a.ndim == 0 for a in (running_mean, running_var)):
        raise RuntimeError(f"output with shape [] doesn't match the broadcast shape [{x.shape[1]}]")


@composite(name="instance_norm", method=False)
def torch_instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled):
    """``nn.functional.instance_norm`` in another order of arguments; ``cudnn_enabled`` chooses nothing here."""
    del cudnn_enabled
    return _instance_normed(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


# --------------------------------------------------------------------------------------------------- layer and RMS norm
def _rows(x, normalized_shape):
    """(*, normalized_shape) -> (*, D)."""
    lead = x.shape[: x.ndim - len(normalized_shape)]
    return x.reshape(*lead, math.prod(normalized_shape))


def _flat(a):
    return None if a is None else a.reshape(-1)


def _on_gpu(a) -> bool:
    return device.GPU and a.dtype != mx.float64


@op(namespace="nn.functional", autocast="gpu fp32", backward="NativeLayerNorm")
def layer_norm(
    input: Array, normalized_shape, weight: Array | None = None, bias: Array | None = None, eps=1e-05
) -> Array:
    """Standardise over the last dimensions, those of ``normalized_shape``. https://arxiv.org/abs/1607.06450."""
    x = _rows(input, normalized_shape)
    if _on_gpu(x):
        return mx.fast.layer_norm(x, _flat(weight), _flat(bias), eps).reshape(input.shape)
    x = wide(x)
    mean, var = _moments(x, -1)
    return _affine((x - mean) * mx.rsqrt(var + eps), weight, bias, (-1,), input.dtype).reshape(input.shape)


@layer_norm.vjp
def _(g, input, weight, bias, normalized_shape, eps, saved, needs, dtypes):
    if not saved:  # MLX's fused kernel has a fused gradient
        return _fused_pull(layer_norm, g, (input, weight, bias), (normalized_shape, eps), needs)
    x = _rows(input, normalized_shape)
    dx, dw, db = _pull(_rows(g, normalized_shape), x, weight, *saved, (-1,), (-1,), needs, dtypes)
    shaped = (None if d is None else d.reshape(normalized_shape) for d in (dw, db))
    return None if dx is None else dx.reshape(input.shape), *shaped


def _fused_pull(operator, g, arrays, statics, needs) -> tuple:
    return tuple(vjp_of(lambda *xs: [operator.body(*xs, *statics)], arrays, needs, [g]))


@layer_norm.saving
def _(input, normalized_shape, weight, bias, eps):
    if _on_gpu(input):
        return layer_norm(input, normalized_shape, weight, bias, eps), ()
    x = wide(_rows(input, normalized_shape))
    mean, var = _moments(x, -1)
    rstd = mx.rsqrt(var + eps)
    return _affine((x - mean) * rstd, weight, bias, (-1,), input.dtype).reshape(input.shape), (mean, rstd)


def check_normalized(name: str, input, normalized_shape, weight, bias=None) -> None:
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
            f"{type(normalized_shape).__name__}"
        )
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            f"Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = {list(shape)}"
        )
    for what, a in (("weight", weight), ("bias", bias)):
        if a is not None and a.shape != shape:
            raise RuntimeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape {list(a.shape)} and "
                f"normalized_shape = {list(shape)}"
            )
    if input.ndim < len(shape) or input.shape[input.ndim - len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but "
            f"got input of size{list(input.shape)}"
        )


@layer_norm.checked
def _(arrays, statics):
    check_layer_norm(statics[0], *arrays)
    return arrays


def check_layer_norm(normalized_shape, input, weight, bias) -> None:
    """What layer norm asks of its arguments."""
    if isinstance(normalized_shape, (tuple, list)):
        check_dtypes(input, weight, bias)
    check_normalized("layer_norm", input, normalized_shape, weight, bias)
    _floating("LayerNormKernelImpl", input)


@composite(name="layer_norm", method=False)
def torch_layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05, cudnn_enable=True):
    """``nn.functional.layer_norm``; ``cudnn_enable`` chooses nothing here."""
    del cudnn_enable
    return layer_norm.public(input, normalized_shape, weight, bias, eps)


@op(namespace=("torch", "nn.functional"), method=False, out=False, autocast="gpu fp32")
def rms_norm(input: Array, normalized_shape, weight: Array | None = None, eps=None) -> Array:
    """Divide by the root of the mean square over the last dimensions. https://arxiv.org/abs/1910.07467.

    ``eps`` is the dtype's by default.
    """
    x = _rows(input, normalized_shape)
    eps = _eps(input, eps)
    if _on_gpu(x) and x.dtype != mx.complex64:
        return mx.fast.rms_norm(x, _flat(weight), eps).reshape(input.shape)
    x = wide(x)
    return _affine(x * _inverse_rms(x, eps), weight, None, (-1,), input.dtype).reshape(input.shape)


def _eps(x, eps) -> float:
    # halves are standardised in float32, whose eps torch takes
    kind = dtypes.float32 if x.dtype in HALVES else dtypes.from_mlx(x.dtype)
    return dtypes.finfo(kind).eps if eps is None else eps


def _inverse_rms(x, eps: float):
    return mx.rsqrt(averaged(mx.square(x), axis=-1, keepdims=True) + eps)


@rms_norm.vjp
def _(g, input, weight, normalized_shape, eps, saved, needs, dtypes):
    if not saved:
        return _fused_pull(rms_norm, g, (input, weight), (normalized_shape, eps), needs)
    x, g = wide(_rows(input, normalized_shape)), wide(_rows(g, normalized_shape))
    (r,) = saved
    xhat, dx, dw = x * r, None, None
    if needs[0]:
        scaled = g if weight is None else g * wide(weight).reshape(-1)
        dx = (scaled - xhat * averaged(scaled * xhat, axis=-1, keepdims=True)) * r
        dx = dx.astype(dtypes[0]).reshape(input.shape)
    if needs[1]:
        dw = summed(g * xhat).astype(dtypes[1]).reshape(normalized_shape)
    return dx, dw


@rms_norm.saving
def _(input, normalized_shape, weight, eps):
    if _on_gpu(input) or input.dtype == mx.complex64:
        return rms_norm(input, normalized_shape, weight, eps), ()
    x = wide(_rows(input, normalized_shape))
    r = _inverse_rms(x, _eps(input, eps))
    return _affine(x * r, weight, None, (-1,), input.dtype).reshape(input.shape), (r,)


@rms_norm.checked
def _(arrays, statics):
    (input, weight), shape = arrays, statics[0]
    listed = isinstance(shape, (tuple, list))
    if listed and input.ndim < len(shape) and (weight is None or weight.shape == tuple(shape)):
        raise ValueError(f"Input tensor must have at least {len(shape)} dimensions, but got {input.ndim}")
    check_normalized("rms_norm", input, shape, weight)
    if not mx.issubdtype(arrays[0].dtype, mx.inexact):
        raise not_implemented("rms_norm", arrays[0])
    return arrays


# ---------------------------------------------------------------------------------------------------------- group norm
@op(namespace="_", method=False, autocast="gpu fp32", backward="NativeGroupNorm")
def group_norm(input: Array, num_groups, weight: Array | None = None, bias: Array | None = None, eps=1e-05) -> Array:
    """Standardise each group of channels of each instance. Shape: (N, C, *S). https://arxiv.org/abs/1803.08494."""
    x = wide(_grouped(input, num_groups))
    mean, var = _moments(x, (1, 3))
    y = _affine((x - mean) * mx.rsqrt(var + eps), weight, bias, x.shape[2:], input.dtype)
    return _ungrouped(y, input.shape)


def _grouped(x, groups: int):
    """(N, C, *S) -> (N, S, G, C / G)."""
    x = _flat_last(x)
    return x.reshape(*x.shape[:2], groups, x.shape[2] // groups)


def _ungrouped(y, shape):
    return _unflat(y.reshape(*y.shape[:2], shape[1]), shape)


@group_norm.vjp
def _(g, input, weight, num_groups, saved, needs, dtypes):
    x = _grouped(input, num_groups)
    grads = _pull(_grouped(g, num_groups), x, weight, *saved, (1, 3), x.shape[2:], needs, dtypes)
    return None if grads[0] is None else _ungrouped(grads[0], input.shape), *grads[1:]


@group_norm.saving
def _(input, num_groups, weight, bias, eps):
    x = wide(_grouped(input, num_groups))
    mean, var = _moments(x, (1, 3))
    rstd = mx.rsqrt(var + eps)
    y = _affine((x - mean) * rstd, weight, bias, x.shape[2:], input.dtype)
    return _ungrouped(y, input.shape), (mean, rstd)


@group_norm.checked
def _(arrays, statics):
    if arrays[0].ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {arrays[0].ndim}")
    check_group_norm(arrays[0].shape[1], statics[0], *arrays)
    return arrays


def check_group_norm(channels: int, groups: int, input, weight, bias) -> None:
    """What group norm asks of its arguments."""
    if groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {groups}")
    if channels % groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={groups}"
        )
    for what, a in (("weight", weight), ("bias", bias)):
        if a is not None and a.shape != (channels,):
            raise RuntimeError(
                f"Expected {what} to be a vector of size equal to the number of channels in input, but got {what} of "
                f"shape {list(a.shape)} and input of shape {list(input.shape)}"
            )
    check_dtypes(input, weight, bias)
    _floating("GroupNormKernelImpl", input)


@composite(name="group_norm", namespace="nn.functional")
def functional_group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """Standardise each group of channels of each instance. Shape: (N, C, *S). https://arxiv.org/abs/1803.08494."""
    shape = read(input).shape
    if len(shape) > 1 and num_groups > 0 and shape[0] * shape[1] // num_groups == 1 == math.prod(shape[2:]):
        size = [1, num_groups, *shape[2:]]
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
    return group_norm.public(input, num_groups, weight, bias, eps)


@composite(name="group_norm", method=False)
def torch_group_norm(input, num_groups, weight=None, bias=None, eps=1e-05, cudnn_enabled=True):
    """``nn.functional.group_norm``, also of groups of one value; ``cudnn_enabled`` chooses nothing here."""
    del cudnn_enabled
    return group_norm.public(input, num_groups, weight, bias, eps)


# -------------------------------------------------------------------------------------------------------------- others
@op(namespace="nn.functional", backward="Div", autocast="cpu fp32")
def local_response_norm(input: Array, size, alpha=0.0001, beta=0.75, k=1.0) -> Array:
    """Divide by ``(k + alpha * a) ** beta``, a the mean square of the ``size`` channels around. Shape: (N, C, *S)."""
    if input.size == 0:
        return input
    squares = mx.square(input)
    widths = [(0, 0)] * input.ndim
    widths[1] = (size // 2, (size - 1) // 2)
    padded, channels = mx.pad(squares, widths), input.shape[1]
    total = padded[:, :channels]
    for i in range(1, size):
        total = total + padded[:, i : i + channels]
    if input.dtype == mx.int64:  # their mean is whole, as that of a pooling
        total = mx.floor_divide(total, size) * size
    return input / mx.power(total * (alpha / size) + k, beta)


@local_response_norm.checked
def _(arrays, statics):
    (input,) = arrays
    if input.ndim < 3:
        raise ValueError(
            f"Expected 3D or higher dimensionality                          input (got {input.ndim} dimensions)"
        )
    if input.size and statics[0] <= 0:
        rest = "kH: 1 kW: 1" if input.ndim > 3 else "kW: 1"
        first = "kT" if input.ndim > 3 else "kH"
        raise RuntimeError(f"kernel size should be greater than zero, but got {first}: {statics[0]} {rest}")
    if not mx.issubdtype(input.dtype, mx.floating) and input.dtype != mx.int64:
        raise not_implemented("avg_pool2d" if input.ndim == 3 else "avg_pool3d_out_frame", input)
    return arrays


@composite(namespace="nn.functional")
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """Divide by the ``p``-norm over ``dim``, or by ``eps`` if that is larger."""
    return namespaces["torch"]["div"](input, input.norm(p, dim, True).clamp_min(eps), out=out)

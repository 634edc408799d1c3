"""Activation functions. Rules read the output, or what the saving form kept, where that spares a transcendental."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dispatch
from .._core.discrete import rrelu_noise
from .._core.numerics.elementary import conj, exp, sigmoid
from .._core.numerics.error import erf
from .._core.sampling import drawn
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read, wrap_dim
from .kinds import COMPLEX, FLOAT, INT, not_implemented, only

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


# a product with a mask costs a seventh of `mx.where` on the CPU; a NaN input lets the gradient through, as in torch
def _kept(g, mask):
    return g * mask


def _out_of(x, low, high):
    """Where x lies strictly between two bounds, or is NaN."""
    return mx.logical_not(mx.logical_or(x <= low, x >= high))


# ---------------------------------------------------------------------------------------------------------- piecewise
@op(inplace=True, flagged=True)
def relu(input: Array) -> Array:
    """``max(input, 0)``."""
    return mx.maximum(input, mx.array(0, input.dtype))


@relu.vjp
def _(g, output):
    return _kept(g, mx.logical_not(output <= 0))


@relu.checked
def _(arrays, _statics):
    if arrays[0].dtype == mx.bool_:
        raise RuntimeError("Boolean inputs not supported for relu")
    if arrays[0].dtype == mx.complex64:
        raise NotImplementedError("clamp is not supported for complex types")
    return arrays


@op(namespace=(), inplace=True, flagged=True)
def hardtanh(input: Array, min_val=-1.0, max_val=1.0) -> Array:
    """``input`` limited to [``min_val``, ``max_val``]."""
    low, high = (mx.array(v, mx.float32).astype(input.dtype) for v in (min_val, max_val))
    return mx.minimum(mx.maximum(input, low), high)


@hardtanh.vjp
def _(g, input, min_val, max_val):
    return _kept(g, _out_of(input, min_val, max_val))


@hardtanh.checked
def _(arrays, statics):
    if arrays[0].dtype == mx.bool_:
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if arrays[0].dtype == mx.complex64:
        raise NotImplementedError("clamp is not supported for complex types")
    if statics[0] > statics[1]:
        raise ValueError("min_val cannot be greater than max_val")
    return arrays


@op(namespace=(), flagged=True, backward="Hardtanh")
def relu6(input: Array) -> Array:
    """``min(max(input, 0), 6)``."""
    return hardtanh(input, 0, 6)


@relu6.vjp
def _(g, input):
    return _kept(g, _out_of(input, 0, 6))


relu6.checked(lambda arrays, _statics: hardtanh.check(arrays, (0, 6)))


@op(method=False, inplace=True, flagged=True, backward="Threshold")
def threshold(input: Array, threshold, value) -> Array:
    """``input`` where it is above ``threshold``, else ``value``."""
    return mx.where(mx.logical_not(input <= threshold), input, mx.array(value).astype(input.dtype))


@threshold.vjp
def _(g, input, threshold):
    return _kept(g, mx.logical_not(input <= threshold))


only(threshold, "threshold_cpu", INT, FLOAT)


@op(namespace=(), inplace=True, flagged=True, single=True)
def leaky_relu(input: Array, negative_slope=0.01) -> Array:
    """``input``, its negative part scaled by ``negative_slope``."""
    if 0 <= negative_slope <= 1:
        return mx.maximum(input, negative_slope * input)
    return mx.where(input > 0, input, negative_slope * input)


@leaky_relu.vjp
def _(g, input, negative_slope):
    return g * _slopes(input > 0, negative_slope, g.dtype)


def _slopes(positive, slope: float, dtype):
    # 1 where positive, else the slope
    return positive.astype(dtype) * (1 - slope) + slope


only(leaky_relu, "leaky_relu_cpu", FLOAT)


@op(method=True, autocast="low")
def prelu(input: Array, weight: Array) -> Array:
    """``input``, its negative part scaled by ``weight``: one number, or one for each channel (dimension 1)."""
    return mx.where(input > 0, input, _by_channel(weight, input) * input)


def _by_channel(weight, like):
    if weight.size == 1 or like.ndim < 2:
        return weight.reshape(())
    return weight.reshape(-1, *(1,) * (like.ndim - 2))


@prelu.vjp
def _(g, input, weight, needs):
    positive = input > 0
    dx = mx.where(positive, g, _by_channel(weight, input) * g) if needs[0] else None
    if not needs[1]:
        return dx, None
    dw = mx.where(positive, mx.zeros_like(g), input * g)
    if weight.size == 1:
        return dx, dw.sum().reshape(weight.shape)
    return dx, dw.sum(tuple(i for i in range(dw.ndim) if i != 1)).reshape(weight.shape)


@prelu.checked
def _(arrays, _statics):
    input, weight = arrays
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight.size != 1:
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != weight.size:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. "
                f"Found parameter numbers = {weight.size} and channel size = {channels}."
            )
    if input.dtype != weight.dtype:
        raise RuntimeError("prelu: Type promoting not supported. The input and the weight must have one dtype")
    return arrays


@op(method=True)
def hardshrink(input: Array, lambd=0.5) -> Array:
    """``input`` with [-``lambd``, ``lambd``] set to zero."""
    return _kept(input, _outside(input, lambd))


def _outside(x, lambd):
    return mx.logical_not(mx.abs(x) <= lambd)


@hardshrink.vjp
def _(g, input, lambd):
    return _kept(g, _outside(input, lambd))


only(hardshrink, "hardshrink_cpu", FLOAT)


@op(namespace="nn.functional", single=True)
def softshrink(input: Array, lambd=0.5) -> Array:
    """``input`` moved towards zero by ``lambd``, at most to zero."""
    return input - mx.minimum(mx.maximum(input, mx.array(-lambd, input.dtype)), mx.array(lambd, input.dtype))


@softshrink.vjp
def _(g, input, lambd):
    return _kept(g, _outside(input, lambd))


@softshrink.checked
def _(arrays, statics):
    if statics[0] < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {statics[0]:g}.")
    return _floats("softshrink_check", arrays)


def _floats(kernel: str, arrays):
    for a in arrays:
        if not mx.issubdtype(a.dtype, mx.floating):
            raise not_implemented(kernel, a)
    return arrays


@op(namespace=(), flagged=True, single=True)
def hardsigmoid(input: Array) -> Array:
    """``min(max(input + 3, 0), 6) / 6``."""
    return relu6(input + 3) / 6


@hardsigmoid.vjp
def _(g, input):
    # torch's sixth is a single-precision number in every dtype
    return _kept(g * 0.1666666716337204, _out_of(input, -3, 3))


only(hardsigmoid, "hardsigmoid_cpu", FLOAT)


@op(namespace=(), flagged=True, single=True)
def hardswish(input: Array) -> Array:
    """``input * min(max(input + 3, 0), 6) / 6``."""
    return input * relu6(input + 3) / 6


@hardswish.vjp
def _(g, input):
    between = mx.where(input <= -3, mx.zeros_like(g), g * (input / 3 + 0.5))
    return mx.where(input >= 3, g, between)


only(hardswish, "hardswish_cpu", FLOAT)


# --------------------------------------------------------------------------------------------------------- exponential
def _elu(x, alpha: float, scale: float, sharpness: float):
    """``scale * x`` for positive x, else ``scale * alpha * (exp(sharpness * x) - 1)``."""
    negative = scale * alpha * mx.expm1(mx.minimum(x, mx.array(0, x.dtype)) * sharpness)
    return mx.where(x > 0, scale * x if scale != 1 else x, negative)


def _elu_rule(g, x, y, alpha: float, scale: float, sharpness: float):
    # below zero the derivative is scale * alpha * sharpness * exp(sharpness * x) = sharpness * (y + scale * alpha)
    return g * mx.where(x > 0, mx.array(scale, g.dtype), (y + scale * alpha) * sharpness)


@op(namespace=(), inplace=True, flagged=True, watch="input", single=True)
def elu(input: Array, alpha=1.0) -> Array:
    """``input`` if positive, else ``alpha * (exp(input) - 1)``."""
    return _elu(input, alpha, 1.0, 1.0)


@elu.vjp
def _(g, input, output, alpha):
    return _elu_rule(g, input, output, alpha, 1.0, 1.0)


@op(method=False, inplace=True, flagged=True, watch="input", single=True)
def celu(input: Array, alpha=1.0) -> Array:
    """``input`` if positive, else ``alpha * (exp(input / alpha) - 1)``."""
    return _elu(input, alpha, 1.0, 1.0 / alpha)


@celu.vjp
def _(g, input, output, alpha):
    return _elu_rule(g, input, output, alpha, 1.0, 1.0 / alpha)


@op(method=False, inplace=True, flagged=True, backward="Elu", watch="input", single=True)
def selu(input: Array) -> Array:
    """The self-normalising ELU: https://arxiv.org/abs/1706.02515."""
    return _elu(input, _SELU_ALPHA, _SELU_SCALE, 1.0)


@selu.vjp
def _(g, input, output):
    return _elu_rule(g, input, output, _SELU_ALPHA, _SELU_SCALE, 1.0)


only(elu, "elu_cpu", FLOAT)
only(selu, "elu_cpu", FLOAT)


@celu.checked
def _(arrays, statics):
    if statics[0] == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _floats("elu_cpu", arrays)


@op(namespace="nn.functional", autocast="gpu fp32", single=True)
def softplus(input: Array, beta=1, threshold=20) -> Array:
    """Smooth ReLU ``log(1 + exp(beta * input)) / beta``, linear where ``beta * input`` is above ``threshold``."""
    z = input * beta
    return mx.where(z > threshold, input, (mx.maximum(z, mx.array(0, z.dtype)) + mx.log1p(exp(-mx.abs(z)))) / beta)


@softplus.vjp
def _(g, input, beta, threshold):
    z = input * beta
    return mx.where(z > threshold, g, g * sigmoid(z))


only(softplus, "softplus_cpu", FLOAT)


@op(namespace="nn.functional", backward="LogSigmoid", single=True)
def logsigmoid(input: Array) -> Array:
    """``log(1 / (1 + exp(-input)))``."""
    return mx.minimum(input, mx.array(0, input.dtype)) - mx.log1p(exp(-mx.abs(input)))


@logsigmoid.vjp
def _(g, input):
    return g * sigmoid(-input)


only(logsigmoid, "log_sigmoid_cpu", FLOAT)


# --------------------------------------------------------------------------------------------------------------- gated
@op(namespace="nn.functional", single=True)
def gelu(input: Array, *, approximate="none") -> Array:
    """``input * Phi(input)``, Phi the normal distribution's CDF or, with ``approximate="tanh"``, a tanh close to it."""
    return input * _gate(input, approximate)[0]


def _gate(x, approximate: str):
    """Phi(x) and what its derivative is made of."""
    if approximate == "tanh":
        t = mx.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))
        return 0.5 * (1 + t), t
    phi = 0.5 * (1 + (erf if x.dtype == mx.float64 else mx.erf)(x * math.sqrt(0.5)))
    return phi, phi


@gelu.vjp
def _(g, input, approximate, saved):
    x = input
    if approximate == "tanh":
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return g * (0.5 * (1 + saved) + 0.5 * x * (1 - saved * saved) * slope)
    return g * (saved + x * (exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))))


@gelu.saving
def _(input, *, approximate):
    phi, kept = _gate(input, approximate)
    return input * phi, kept


@gelu.checked
def _(arrays, statics):
    if statics[0] not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _floats("GeluKernelImpl", arrays)


@op(namespace=(), flagged=True, single=True)
def silu(input: Array) -> Array:
    """``input * sigmoid(input)``."""
    return input * sigmoid(input)


@silu.vjp
def _(g, input, saved):
    slope = saved * (1 + input * (1 - saved))
    return g * (slope if slope.dtype != mx.complex64 else mx.conj(slope))


@silu.saving
def _(input):
    s = sigmoid(input)
    return input * s, s


only(silu, "silu_cpu", FLOAT, COMPLEX)


@op(namespace=(), flagged=True, single=True)
def mish(input: Array) -> Array:
    """``input * tanh(log(1 + exp(input)))``."""
    return input * _tanh_softplus(input)[0]


def _tanh_softplus(x):
    # tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2) with e = exp(x); above 20 it is 1 to the last bit
    e = exp(mx.minimum(x, mx.array(20, x.dtype)))
    if x.dtype == mx.float16:
        e = e.astype(mx.float32)
    n = e * (e + 2)
    return (n / (n + 2)).astype(x.dtype), (e / (1 + e)).astype(x.dtype)


@mish.vjp
def _(g, input, saved):
    t, s = saved
    return g * (t + input * (1 - t * t) * s)


@mish.saving
def _(input):
    t, s = _tanh_softplus(input)
    return input * t, (t, s)


only(mish, "mish_cpu", FLOAT)


@op(namespace="nn.functional", single=True)
def glu(input: Array, dim=-1) -> Array:
    """The first half of ``input`` along ``dim`` times the sigmoid of the second."""
    a, b = mx.split(input, 2, axis=dim)
    return a * sigmoid(b)


@glu.vjp
def _(g, input, dim, saved):
    a = mx.split(input, 2, axis=dim)[0]
    da = g * saved
    return mx.concatenate([da, da * a * (1 - saved)], axis=dim)


@glu.saving
def _(input, dim):
    a, b = mx.split(input, 2, axis=dim)
    s = sigmoid(b)
    return a * s, s


@glu.checked
def _(arrays, statics):
    (input,) = arrays
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    dim = wrap_dim(statics[0], input.ndim)
    if input.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {input.shape[dim]}")
    return _floats("glu_cpu", arrays)


# ------------------------------------------------------------------------------------------------------------ quotients
@op(namespace="nn.functional", promote="float", backward="Div", single=True)
def softsign(input: Array) -> Array:
    """``input / (1 + |input|)``."""
    return input / (mx.abs(input) + 1)


@softsign.guarded
def _(operands):
    if operands[0].dtype == mx.bool_:
        raise not_implemented("abs_cpu", operands[0])


@op(namespace="nn.functional", promote="float", backward="Sub", watch="", single=True)
def tanhshrink(input: Array) -> Array:
    """``input - tanh(input)``."""
    return input - mx.tanh(input)


@tanhshrink.guarded
def _(operands):
    if operands[0].dtype == mx.bool_:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )


@tanhshrink.vjp
def _(g, input, output):
    t = conj(input - output)
    return g * t * t


# ----------------------------------------------------------------------------------------------------------- randomized
@op(name="rrelu", namespace="_", method=False, backward="RreluWithNoise")
def _by_slopes(input: Array, slopes) -> Array:
    return input * slopes


@_by_slopes.vjp
def _(g, slopes):
    return g * slopes


def _rrelu(input, lower, upper, training, inplace):
    if not isinstance(input, Tensor):
        raise _by_slopes.bad_operand(0, input)
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        operator, statics = leaky_relu, ((lower + upper) / 2,)
    else:
        _floats("rrelu_with_noise_out_cpu", [read(input)])
        operator, statics = _by_slopes, (_slopes_drawn(input, lower, upper),)
    return dispatch.in_place(operator, (input,), statics) if inplace else dispatch.run(operator, (input,), statics)


def _slopes_drawn(input: Tensor, lower, upper):
    """1 where the input is positive, else uniform numbers of [lower, upper)."""

    def by_device(source, shape, a):
        return mx.where(a > 0, mx.array(1.0), source.uniform(shape, lower, upper))

    def by_host(generator, shape, a):
        return rrelu_noise(generator, a, lower, upper, input.dtype)

    return drawn("rrelu", input.shape, input.dtype, input.device, None, by_host, by_device, None, (read(input),))


@composite(name="rrelu", method=False)
def torch_rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """``input``, its negative part scaled by slopes drawn from [lower, upper) in training, by their mean otherwise."""
    if generator is not None:
        raise NotImplementedError("rrelu(): draws from the default generator; seed it instead of passing another")
    return _rrelu(input, lower, upper, training, False)


@composite(name="rrelu", namespace="nn.functional")
def functional_rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """``input``, its negative part scaled by slopes drawn from [lower, upper) in training, by their mean otherwise."""
    return _rrelu(input, lower, upper, training, inplace)


@composite(name="rrelu_", namespace=("torch", "nn.functional"), method=False)
def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """``rrelu`` in place."""
    return _rrelu(input, lower, upper, training, True)


# -------------------------------------------------------------------------------- torch's functions, without their out=
@composite(name="sigmoid", namespace="nn.functional")
def functional_sigmoid(input):
    """``1 / (1 + exp(-input))``."""
    return input.sigmoid()


@composite(name="tanh", namespace="nn.functional")
def functional_tanh(input):
    """The hyperbolic tangent."""
    return input.tanh()

"""Functions that fill a tensor in place with initial values, drawing the numbers torch draws under the same seed."""

from __future__ import annotations

import math
import warnings

import flashlight

from .._core.modes import no_grad
from .._core.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "init_weights",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_LINEAR = frozenset(
    {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"}
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity; ``param`` is the slope of ``leaky_relu``."""
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity != "leaky_relu":
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, (int, float)):
        raise ValueError(f"negative_slope {param} not a valid number")
    return math.sqrt(2.0 / (1 + slope**2))


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.size(1) * field, tensor.size(0) * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode.lower()} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


# ------------------------------------------------------------------------------------------------------------ constants
@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with ``val``."""
    return tensor.fill_(val)


@no_grad()
def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return tensor.zero_()


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.copy_(flashlight.eye(*tensor.shape, dtype=tensor.dtype))


@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it passes its input on: each group its first channels."""
    if tensor.dim() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.size(0) % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    if tensor.is_meta:
        return tensor
    per_group = tensor.size(0) // groups
    channels = list(range(min(per_group, tensor.size(1))))
    rows = flashlight.tensor([g * per_group + c for g in range(groups) for c in channels], dtype=flashlight.int64)
    columns = flashlight.tensor(channels * groups, dtype=flashlight.int64)
    tensor.zero_()
    tensor[(rows, columns, *(n // 2 for n in tensor.shape[2:]))] = 1
    return tensor


# --------------------------------------------------------------------------------------------------------------- random
@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator=None) -> Tensor:
    """Draw from the uniform distribution on [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator=None) -> Tensor:
    """Draw from the normal distribution."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator=None
) -> Tensor:
    """Draw from the normal distribution cut off outside [a, b]."""
    if tensor.is_meta:
        return tensor
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=2,
        )
    below = [(1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0 for x in (a, b)]
    if below[1] - below[0] > 0.3:
        return _redraw_outside(tensor, mean, std, a, b, generator)
    return _reject_uniforms(tensor, mean, std, a, b, generator)


def _redraw_outside(tensor: Tensor, mean, std, a, b, generator) -> Tensor:
    low, high = flashlight.tensor([a, b], dtype=tensor.dtype).tolist()
    drawn = tensor.normal_(mean, std, generator=generator)
    while True:
        outside = (drawn < low) | (drawn > high)
        if not outside.any():
            return tensor if drawn is tensor else tensor.copy_(drawn)
        again = flashlight.empty_like(tensor, requires_grad=False).normal_(mean, std, generator=generator)
        drawn = flashlight.where(outside, again, drawn)


def _reject_uniforms(tensor: Tensor, mean, std, a, b, generator) -> Tensor:
    """Rejection sampling from a uniform proposal, for ranges that hold little of the normal's mass."""
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    proposal, chance = flashlight.empty_like(tensor), flashlight.empty_like(tensor)
    accepted = pending = None
    while True:
        proposal.uniform_(a, b, generator=generator)
        log_density = ((proposal - mean) / std) ** 2 * -0.5 - peak
        refused = chance.uniform_(generator=generator).log_() > log_density
        if accepted is None:
            accepted, pending = proposal.clone(), refused
        else:
            accepted = flashlight.where(pending, proposal, accepted)
            pending = pending & refused
        if not pending.any():
            return tensor.copy_(accepted)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    """Draw uniformly with variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot & Bengio 2010)."""
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor)))))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator=None) -> Tensor:
    """Draw normally with variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot & Bengio 2010)."""
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float | None:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return None
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_correct_fan(tensor, mode))


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None
) -> Tensor:
    """Draw uniformly with variance ``gain^2 / fan`` (He et al. 2015).

    Args:
        a: negative slope of the rectifier that follows. mode: "fan_in" or "fan_out", whose variance to keep.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    if std is None:
        return tensor
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator=None
) -> Tensor:
    """Draw normally with variance ``gain^2 / fan`` (He et al. 2015).

    Args:
        a: negative slope of the rectifier that follows. mode: "fan_in" or "fan_out", whose variance to keep.
    """
    std = _kaiming_std(tensor, a, mode, nonlinearity)
    return tensor if std is None else normal_(tensor, 0, std, generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator=None) -> Tensor:
    """Fill with a (semi-)orthogonal matrix, dimensions after the first taken as one (Saxe et al. 2013)."""
    if tensor.dim() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0 or tensor.is_meta:
        return tensor
    rows = tensor.size(0)
    cols = tensor.numel() // rows
    drawn = flashlight.empty(rows, cols, dtype=tensor.dtype).normal_(0, 1, generator=generator)
    q, r = flashlight.linalg.qr(drawn.t() if rows < cols else drawn)
    q = q * flashlight.diagonal(r).sign()  # makes the decomposition, and so the distribution, unique
    return tensor.copy_((q.t() if rows < cols else q).reshape(tensor.shape)).mul_(gain)


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator=None) -> Tensor:
    """Fill a matrix with normal numbers and a share ``sparsity`` of every column with zeros (Martens 2010)."""
    if tensor.dim() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    if tensor.is_meta:
        return tensor
    rows, cols = tensor.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    if zeros and cols:
        # torch draws the rows from the default generator whatever ``generator`` is
        chosen = flashlight.stack([flashlight.randperm(rows)[:zeros] for _ in range(cols)])
        tensor[chosen, flashlight.arange(cols).unsqueeze(1)] = 0
    return tensor


_KINDS = {
    "xavier": xavier_uniform_,
    "kaiming": lambda weight: kaiming_uniform_(weight, nonlinearity="relu"),
    "normal": lambda weight: normal_(weight, 0.0, 0.02),
    "uniform": lambda weight: uniform_(weight, -0.1, 0.1),
}


def init_weights(module, init_type: str = "xavier"):
    """Initialise every weight of two or more dimensions in ``module`` anew and set the biases to zero.

    Args:
        init_type: "xavier" (uniform), "kaiming" (uniform, for ReLU), "normal" (std 0.02) or "uniform" (on [-0.1, 0.1)).
    Raises: ValueError for another kind.
    """
    if init_type not in _KINDS:
        raise ValueError(f"unknown init_type {init_type!r}: choose from {', '.join(map(repr, _KINDS))}")
    for name, param in module.named_parameters():
        last = name.rpartition(".")[2]
        if param.dim() > 1:
            _KINDS[init_type](param)
        elif "bias" in last:
            zeros_(param)
    return module


# ------------------------------------------------------------------------------------------------------------ old names
def _deprecated(fn):
    old = fn.__name__[:-1]

    def renamed(*args, **kwargs):
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{fn.__name__}`.", FutureWarning, stacklevel=2
        )
        return fn(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"The old name of `{fn.__name__}`."
    return renamed


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)

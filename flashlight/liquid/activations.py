"""Activations by name, and those torch has not or has otherwise."""

from __future__ import annotations

from collections.abc import Callable

import flashlight

from ..nn import Module
from ..nn import functional as F
from .base import agree


def lecun_tanh(x, scale: float = 0.666, amplitude: float = 1.7159):
    """``amplitude * tanh(scale * x)``."""
    return amplitude * flashlight.tanh(scale * x)


_BY_NAME: dict[str, Callable] = {
    "relu": F.relu,
    "tanh": flashlight.tanh,
    "sigmoid": flashlight.sigmoid,
    "softmax": lambda x: flashlight.softmax(x, -1),
    "softplus": F.softplus,
    "lecun_tanh": lecun_tanh,
    "silu": F.silu,
    "swish": F.silu,
    "gelu": F.gelu,
    "elu": F.elu,
    "selu": F.selu,
    "linear": lambda x: x,
    "identity": lambda x: x,
}


def get_activation(activation) -> Callable:
    """The function of that name, a callable as it is, nothing for None. Raises: ValueError for an unknown name."""
    if activation is None:
        return _BY_NAME["linear"]
    if callable(activation):
        return activation
    if activation not in _BY_NAME:
        raise ValueError(f"unknown activation {activation!r}; use one of {sorted(_BY_NAME)}")
    return _BY_NAME[activation]


class LeCunTanh(Module):
    """``amplitude * tanh(scale * x)`` (LeCun et al. 1998)."""

    def __init__(self, scale: float = 0.666, amplitude: float = 1.7159):
        super().__init__()
        self.scale, self.amplitude = scale, amplitude

    def forward(self, x):
        return lecun_tanh(x, self.scale, self.amplitude)


class Softmax(Module):
    """Softmax over an axis, the last one by default."""

    def __init__(self, axis: int | None = None, *, dim: int | None = None):
        super().__init__()
        axis = agree("axis", axis, "dim", dim)
        self.axis = -1 if axis is None else axis

    def forward(self, x):
        return flashlight.softmax(x, self.axis)


class Dropout(Module):
    """Zeroes a share ``rate`` of the entries in training, or where the call says ``training=True``.

    ``seed`` gives it random numbers of its own.
    """

    def __init__(self, rate: float | None = None, seed: int | None = None, *, p: float | None = None):
        super().__init__()
        rate = agree("rate", rate, "p", p)
        self.rate = 0.5 if rate is None else rate
        if not 0 <= self.rate < 1:
            raise ValueError(f"rate must be in [0, 1), got {rate}")
        self.generator = None if seed is None else flashlight.Generator().manual_seed(seed)

    def forward(self, x, training: bool | None = None):
        if not (self.training if training is None else training) or self.rate == 0:
            return x
        kept = flashlight.rand(x.shape, generator=self.generator, device=x.device) >= self.rate
        return x * kept.to(x.dtype) / (1 - self.rate)

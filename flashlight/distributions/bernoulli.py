"""The Bernoulli distribution."""

from __future__ import annotations

import math

import flashlight

from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._successes import Successes
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Bernoulli"]


class Bernoulli(Successes, ExponentialFamily):
    """1 with probability ``probs``, else 0; ``logits`` are log odds."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.boolean
    has_enumerate_support = True
    _mean_carrier_measure = 0

    def __init__(self, probs=None, logits=None, validate_args=None) -> None:
        self._take(probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_successes(Bernoulli, batch_shape, _instance)

    @property
    def mean(self):
        return self.probs

    @property
    def mode(self):
        return (self.probs >= 0.5).to(self.probs).masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self):
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        with flashlight.no_grad():
            return flashlight.bernoulli(self.probs.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self):
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True):
        return enumerated(self, 2, expand)

    @property
    def _natural_params(self) -> tuple:
        return (flashlight.logit(self.probs),)

    def _log_normalizer(self, x):
        return flashlight.log1p(flashlight.exp(x))


def enumerated(distribution, count: int, expand: bool, dtype=None):
    """0, 1, ..., count - 1 along a new first dimension of a distribution's batch."""
    parameter = distribution._param
    values = flashlight.arange(count, dtype=dtype or parameter.dtype, device=parameter.device)
    values = values.view((-1,) + (1,) * len(distribution._batch_shape))
    return values.expand((-1,) + distribution._batch_shape) if expand else values

"""The exponential distribution."""

from __future__ import annotations

import flashlight

from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all, empty_like_parameter

__all__ = ["Exponential"]


class Exponential(ExponentialFamily):
    """Exponential with mean 1 / ``rate``."""

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, rate, validate_args=None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_fields(Exponential, batch_shape, _instance, "rate")

    @property
    def mean(self):
        return self.rate.reciprocal()

    @property
    def mode(self):
        return flashlight.zeros_like(self.rate)

    @property
    def stddev(self):
        return self.rate.reciprocal()

    @property
    def variance(self):
        return self.rate.pow(-2)

    def rsample(self, sample_shape=()):
        return empty_like_parameter(self.rate, self._extended_shape(sample_shape)).exponential_() / self.rate

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return 1 - flashlight.exp(-self.rate * value)

    def icdf(self, value):
        return -flashlight.log1p(-value) / self.rate

    def entropy(self):
        return 1.0 - flashlight.log(self.rate)

    @property
    def _natural_params(self) -> tuple:
        return (-self.rate,)

    def _log_normalizer(self, x):
        return -flashlight.log(-x)

"""The gamma distribution."""

from __future__ import annotations

import flashlight

from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Gamma"]


class Gamma(ExponentialFamily):
    """Gamma with shape ``concentration`` and mean concentration / ``rate``."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(self, concentration, rate, validate_args=None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_fields(Gamma, batch_shape, _instance, "concentration", "rate")

    @property
    def mean(self):
        return self.concentration / self.rate

    @property
    def mode(self):
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self):
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        value = flashlight._standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        # the values move off 0, the gradient does not see it
        value.detach().clamp_(min=flashlight.finfo(value.dtype).tiny)
        return value

    def log_prob(self, value):
        value = flashlight.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        if self._validate_args:
            self._validate_sample(value)
        return (
            flashlight.xlogy(self.concentration, self.rate)
            + flashlight.xlogy(self.concentration - 1, value)
            - self.rate * value
            - flashlight.lgamma(self.concentration)
        )

    def entropy(self):
        a = self.concentration
        return a - flashlight.log(self.rate) + flashlight.lgamma(a) + (1.0 - a) * flashlight.digamma(a)

    @property
    def _natural_params(self) -> tuple:
        return (self.concentration - 1, -self.rate)

    def _log_normalizer(self, x, y):
        return flashlight.lgamma(x + 1) + (x + 1) * flashlight.log(-y.reciprocal())

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return flashlight.special.gammainc(self.concentration, self.rate * value)

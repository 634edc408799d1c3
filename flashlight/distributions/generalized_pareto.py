"""The generalized Pareto distribution."""

from __future__ import annotations

import math

import flashlight

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Excesses over a threshold: ``loc``, ``scale`` and tail index ``concentration``, 0 for an exponential tail."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_fields(GeneralizedPareto, batch_shape, _instance, "loc", "scale", "concentration")

    def _tail(self):
        """Whether the tail is exponential, and a concentration to divide by."""
        exponential = flashlight.isclose(self.concentration, flashlight.zeros_like(self.concentration))
        return exponential, flashlight.where(exponential, flashlight.ones_like(self.concentration), self.concentration)

    def _z(self, x):
        return (x - self.loc) / self.scale

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        return self.icdf(flashlight.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        exponential, c = self._tail()
        power = 1 / c + flashlight.ones_like(z)
        # a power of 0 is the uniform distribution, also where log1p is infinite
        heavy = flashlight.where(power == 0, power, power * flashlight.log1p(c * z))
        return -self.scale.log() - flashlight.where(exponential, z, heavy)

    def log_survival_function(self, value):
        """The logarithm of the probability of more than ``value``."""
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        exponential, c = self._tail()
        return flashlight.where(exponential, -z, -flashlight.log1p(c * z) / c)

    def log_cdf(self, value):
        """The logarithm of ``cdf``."""
        return flashlight.log1p(-flashlight.exp(self.log_survival_function(value)))

    def cdf(self, value):
        return flashlight.exp(self.log_cdf(value))

    def icdf(self, value):
        exponential, c = self._tail()
        log_survival = flashlight.log1p(-value)
        heavy = self.loc + self.scale / c * flashlight.expm1(-c * log_survival)
        return flashlight.where(exponential, self.loc - self.scale * log_survival, heavy)

    @property
    def mean(self):
        exists = self.concentration < 1
        c = flashlight.where(exists, self.concentration, 0.5)
        return flashlight.where(exists, self.loc + self.scale / (1 - c), math.nan)

    @property
    def variance(self):
        exists = self.concentration < 0.5
        c = flashlight.where(exists, self.concentration, 0.25)
        return flashlight.where(exists, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    def entropy(self):
        return flashlight.broadcast_to(flashlight.log(self.scale) + self.concentration + 1, self._batch_shape)

    @property
    def mode(self):
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, flashlight.where(self.concentration < 0, end, math.inf))

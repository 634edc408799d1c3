"""The Laplace distribution."""

from __future__ import annotations

import flashlight

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, empty_like_parameter

__all__ = ["Laplace"]


class Laplace(Distribution):
    """Laplace with mean ``loc`` and mean absolute deviation ``scale``."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_fields(Laplace, batch_shape, _instance, "loc", "scale")

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return 2 * self.scale.pow(2)

    @property
    def stddev(self):
        return (2**0.5) * self.scale

    def rsample(self, sample_shape=()):
        # the open end keeps log1p(-1) away
        low = flashlight.finfo(self.loc.dtype).eps - 1
        u = empty_like_parameter(self.loc, self._extended_shape(sample_shape)).uniform_(low, 1)
        return self.loc - self.scale * u.sign() * flashlight.log1p(-u.abs())

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return -flashlight.log(2 * self.scale) - flashlight.abs(value - self.loc) / self.scale

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        distance = value - self.loc
        return 0.5 - 0.5 * distance.sign() * flashlight.expm1(-distance.abs() / self.scale)

    def icdf(self, value):
        term = value - 0.5
        return self.loc - self.scale * term.sign() * flashlight.log1p(-2 * term.abs())

    def entropy(self):
        return 1 + flashlight.log(2 * self.scale)

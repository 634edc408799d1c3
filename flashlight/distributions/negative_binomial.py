"""The negative binomial distribution."""

from __future__ import annotations

import flashlight

from ..nn import functional as F
from . import constraints
from ._successes import Successes
from .distribution import Distribution
from .gamma import Gamma
from .utils import lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Successes, Distribution):
    """The number of successes of probability ``probs`` before ``total_count`` failures; ``logits`` are log odds."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, total_count, probs=None, logits=None, validate_args=None) -> None:
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_successes(NegativeBinomial, batch_shape, _instance, "total_count")

    @property
    def mean(self):
        return self.total_count * flashlight.exp(self.logits)

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / flashlight.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self):
        # total_count may be 0, which no gamma distribution allows
        return Gamma(concentration=self.total_count, rate=flashlight.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape=()):
        with flashlight.no_grad():
            return flashlight.poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        powers = n * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
        orders = -flashlight.lgamma(n + value) + flashlight.lgamma(1.0 + value) + flashlight.lgamma(n)
        # no trials, no successes: infinities that cancel
        return powers - orders.masked_fill(n + value == 0.0, 0.0)

"""The binomial distribution."""

from __future__ import annotations

import flashlight

from . import constraints
from ._successes import Successes
from .bernoulli import enumerated
from .distribution import Distribution

__all__ = ["Binomial"]


def _positive_part(x):
    """max(x, 0), with gradient 1/2 at 0."""
    return (x.clamp(min=0) + x - x.clamp(max=0)) / 2


class Binomial(Successes, Distribution):
    """The number of successes in ``total_count`` trials of probability ``probs``; ``logits`` are log odds."""

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    def __init__(self, total_count=1, probs=None, logits=None, validate_args=None) -> None:
        (count,) = self._take(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_successes(Binomial, batch_shape, _instance, "total_count")

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self):
        return self.total_count * self.probs

    @property
    def mode(self):
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        with flashlight.no_grad():
            return flashlight.binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        # n log(1 + exp(logits)) without overflow
        normalizer = n * _positive_part(logits) + n * flashlight.log1p(flashlight.exp(-flashlight.abs(logits)))
        orders = flashlight.lgamma(n + 1) - flashlight.lgamma(value + 1) - flashlight.lgamma(n - value + 1)
        return value * logits + orders - normalizer

    def _common_count(self, what: str) -> int:
        count = int(self.total_count.max())
        if not self.total_count.min() == count:
            raise NotImplementedError(f"Inhomogeneous total count not supported by `{what}`.")
        return count

    def entropy(self):
        self._common_count("entropy")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(flashlight.exp(log_prob) * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True):
        return enumerated(self, 1 + self._common_count("enumerate_support"), expand)

"""The multinomial distribution."""

from __future__ import annotations

import math

import flashlight

from .._core.size import Size
from . import constraints
from .binomial import Binomial
from .categorical import Categorical, OfCategories
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["Multinomial"]


class Multinomial(OfCategories, Distribution):
    """How often each category came in ``total_count`` draws with ``probs`` or ``logits`` (..., K)."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(self, total_count: int = 1, probs=None, logits=None, validate_args=None) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        self._begin(validate_args)

    def expand(self, batch_shape, _instance=None):
        kept = ("total_count", "_binomial")
        return self._expand_fields(Multinomial, batch_shape, _instance, "_categorical", kept=kept)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self):
        return constraints.multinomial(self.total_count)

    @property
    def mean(self):
        return self.probs * self.total_count

    @property
    def variance(self):
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape=()):
        sample_shape = Size(sample_shape)
        draws = self._categorical.sample(Size((self.total_count,)) + sample_shape).movedim(0, -1)
        counts = draws.new_zeros(self._extended_shape(sample_shape))
        return counts.scatter_add_(-1, draws, flashlight.ones_like(draws)).type_as(self.probs)

    def entropy(self):
        n = flashlight.tensor(self.total_count)
        support = self._binomial.enumerate_support(expand=False)[1:]
        orders = flashlight.exp(self._binomial.log_prob(support)) * flashlight.lgamma(support + 1)
        return n * self._categorical.entropy() - flashlight.lgamma(n + 1) + orders.sum([0, -1])

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        # an impossible category that did not come
        logits = logits.masked_fill((value == 0) & (logits == -math.inf), 0)
        orders = flashlight.lgamma(value.sum(-1) + 1) - flashlight.lgamma(value + 1).sum(-1)
        return orders + (logits * value).sum(-1)

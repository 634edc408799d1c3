"""The categorical distribution."""

from __future__ import annotations

import math

import flashlight

from .._core.size import Size
from . import constraints
from ._successes import one_of
from .bernoulli import enumerated
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits

__all__ = ["Categorical"]


class Categorical(Distribution):
    """A category's number, drawn with ``probs`` (..., K) or unnormalised log probabilities ``logits``."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(self, probs=None, logits=None, validate_args=None) -> None:
        name = one_of(probs, logits)
        given = logits if probs is None else probs
        if given.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = self._param = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = self._param = logits - logits.logsumexp(dim=-1, keepdim=True)
        self._num_events = self._param.size()[-1]
        super().__init__(self._param.size()[:-1], validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        given = "probs" if self._param is self.__dict__.get("probs") else "logits"
        new = self._expand_fields(Categorical, batch_shape, _instance, "probs", "logits", kept=("_num_events",))
        new._param = new.__dict__[given]
        return new

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self):
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self):
        """The log probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self):
        """The probabilities."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

    @property
    def mean(self):
        return self.probs.new_full(self._extended_shape(), math.nan)

    @property
    def mode(self):
        return self.probs.argmax(dim=-1)

    @property
    def variance(self):
        return self.probs.new_full(self._extended_shape(), math.nan)

    def sample(self, sample_shape=()):
        sample_shape = Size(sample_shape)
        rows = flashlight.multinomial(self.probs.reshape(-1, self._num_events), sample_shape.numel(), True)
        return rows.T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        value, log_pmf = flashlight.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return log_pmf.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self):
        # an impossible category adds 0, not inf * 0
        logits = flashlight.clamp(self.logits, min=flashlight.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True):
        return enumerated(self, self._num_events, expand, flashlight.long)


class OfCategories:
    """What distributions made of a ``_categorical`` take from it."""

    def _new(self, *args, **kwargs):
        return self._categorical._new(*args, **kwargs)

    @property
    def logits(self):
        """The log probabilities."""
        return self._categorical.logits

    @property
    def probs(self):
        """The probabilities."""
        return self._categorical.probs

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._categorical.param_shape

    def _begin(self, validate_args) -> None:
        event_shape = self._categorical.param_shape[-1:]
        Distribution.__init__(self, self._categorical.batch_shape, event_shape, validate_args=validate_args)

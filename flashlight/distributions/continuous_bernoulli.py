"""The continuous Bernoulli distribution."""

from __future__ import annotations

import math

import flashlight

from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from ._successes import Successes
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(Successes, ExponentialFamily):
    """The density on [0, 1] proportional to p ** x * (1 - p) ** (1 - x).

    Its closed forms divide by 1 - 2 p; between the ``lims`` Taylor series around 1/2 take their place.
    Source: Loaiza-Ganem and Cunningham, The continuous Bernoulli, 2019.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    _mean_carrier_measure = 0
    has_rsample = True

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None) -> None:
        self._take(probs, logits)
        if probs is not None:
            # before clamping hides what is out of range
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = self._param = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_successes(ContinuousBernoulli, batch_shape, _instance, kept=("_lims",))

    @lazy_property
    def probs(self):
        """The parameter p, inside (0, 1)."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _outside(self, x, shift: float = 0.0):
        return (x <= self._lims[0] - shift) | (x > self._lims[1] - shift)

    def _outside_unstable_region(self):
        return self._outside(self.probs)

    def _cut_probs(self):
        """Probabilities with those of the unstable region moved to its edge."""
        edge = self._lims[0] * flashlight.ones_like(self.probs)
        return flashlight.where(self._outside_unstable_region(), self.probs, edge)

    def _either(self, closed, series):
        return flashlight.where(self._outside_unstable_region(), closed, series)

    def _cont_bern_log_norm(self):
        """The logarithm of the density's constant, 2 artanh(1 - 2 p) / (1 - 2 p)."""
        p = self._cut_probs()
        low = p <= 0.5
        below = flashlight.where(low, p, flashlight.zeros_like(p))
        above = flashlight.where(low, flashlight.ones_like(p), p)
        log_odds = flashlight.log(flashlight.abs(flashlight.log1p(-p) - flashlight.log(p)))
        distance = flashlight.where(low, flashlight.log1p(-2.0 * below), flashlight.log(2.0 * above - 1.0))
        x = flashlight.pow(self.probs - 0.5, 2)
        return self._either(log_odds - distance, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self):
        p = self._cut_probs()
        closed = p / (2.0 * p - 1.0) + 1.0 / (flashlight.log1p(-p) - flashlight.log(p))
        x = self.probs - 0.5
        return self._either(closed, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * flashlight.pow(x, 2)) * x)

    @property
    def stddev(self):
        return flashlight.sqrt(self.variance)

    @property
    def variance(self):
        p = self._cut_probs()
        log_odds = flashlight.log1p(-p) - flashlight.log(p)
        closed = p * (p - 1.0) / flashlight.pow(1.0 - 2.0 * p, 2) + 1.0 / flashlight.pow(log_odds, 2)
        x = flashlight.pow(self.probs - 0.5, 2)
        return self._either(closed, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def _uniforms(self, sample_shape):
        shape = self._extended_shape(sample_shape)
        return flashlight.rand(shape, dtype=self.probs.dtype, device=self.probs.device)

    def sample(self, sample_shape=()):
        with flashlight.no_grad():
            return self.icdf(self._uniforms(sample_shape))

    def rsample(self, sample_shape=()):
        return self.icdf(self._uniforms(sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._cont_bern_log_norm()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        p = self._cut_probs()
        powers = flashlight.pow(p, value) * flashlight.pow(1.0 - p, 1.0 - value)
        inner = self._either((powers + p - 1.0) / (2.0 * p - 1.0), value)
        upper = flashlight.where(value >= 1.0, flashlight.ones_like(value), inner)
        return flashlight.where(value <= 0.0, flashlight.zeros_like(value), upper)

    def icdf(self, value):
        p = self._cut_probs()
        log_rest = flashlight.log1p(-p)
        closed = (flashlight.log1p(-p + value * (2.0 * p - 1.0)) - log_rest) / (flashlight.log(p) - log_rest)
        return self._either(closed, value)

    def entropy(self):
        log_rest, log_p = flashlight.log1p(-self.probs), flashlight.log(self.probs)
        return self.mean * (log_rest - log_p) - self._cont_bern_log_norm() - log_rest

    @property
    def _natural_params(self) -> tuple:
        return (self.logits,)

    def _log_normalizer(self, x):
        """log((exp(x) - 1) / x)."""
        outside = self._outside(x, 0.5)
        cut = flashlight.where(outside, x, (self._lims[0] - 0.5) * flashlight.ones_like(x))
        closed = flashlight.log(flashlight.abs(flashlight.expm1(cut))) - flashlight.log(flashlight.abs(cut))
        series = 0.5 * x + flashlight.pow(x, 2) / 24.0 - flashlight.pow(x, 4) / 2880.0
        return flashlight.where(outside, closed, series)

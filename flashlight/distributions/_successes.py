"""What distributions of successes share: a parameter given as probabilities or as log odds."""

from __future__ import annotations

from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


def one_of(probs, logits) -> str:
    """The name of the parameter given; ValueError unless it is exactly one."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return "logits" if probs is None else "probs"


class Successes:
    """``probs`` and ``logits``, each computed from the other when first read."""

    def _take(self, probs, logits, *others) -> list:
        """Set the parameter given, broadcast with others, which are returned."""
        name = one_of(probs, logits)
        *others, parameter = broadcast_all(*others, logits if probs is None else probs)
        setattr(self, name, parameter)
        self._param = parameter
        return others

    def _expand_successes(self, cls, batch_shape, instance, *names, kept=()):
        """``expand``, keeping the parameter that was given the one that others are computed from."""
        given = "probs" if self._param is self.__dict__.get("probs") else "logits"
        new = self._expand_fields(cls, batch_shape, instance, "probs", "logits", *names, kept=kept)
        new._param = new.__dict__[given]
        return new

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)

    @lazy_property
    def logits(self):
        """The log odds of a success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        """The probability of a success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self):
        """The shape of the parameter."""
        return self._param.size()

"""The distributions that the tests build in both libraries, with arguments that cover their forms."""

from __future__ import annotations

import numpy as np
import torch

import flashlight

from ..oracle import T


def P(*values, dtype="float32") -> T:
    """A parameter with gradient."""
    return T(np.asarray(values if len(values) != 1 else values[0]).astype(dtype), grad=True)


def build(lib, name, args, kwargs, grad=True):
    """The distribution and its tensor parameters."""
    made = []

    def real(value):
        if isinstance(value, T):
            tensor = value.make(lib, grad)
            made.append(tensor)
            return tensor
        if isinstance(value, Case):
            inner, tensors = build(lib, value.name, value.args, value.kwargs, grad)
            made.extend(tensors)
            return inner
        if isinstance(value, list):
            return [real(v) for v in value]
        return value(lib) if callable(value) else value

    found = getattr(lib.distributions, name, None) or getattr(
        getattr(lib.distributions, _WHERE.get(name, "utils")), name
    )
    return found(*(real(a) for a in args), **{k: real(v) for k, v in kwargs.items()}), made


_WHERE = {"LogitRelaxedBernoulli": "relaxed_bernoulli", "ExpRelaxedCategorical": "relaxed_categorical"}


class Case:
    """One distribution: its class's name and its arguments."""

    def __init__(self, name, *args, **kwargs):
        self.name, self.args, self.kwargs = name, args, kwargs

    def both(self, grad=True):
        """(ours, theirs), each a distribution and its parameters."""
        return tuple(build(lib, self.name, self.args, self.kwargs, grad) for lib in (flashlight, torch))

    def __repr__(self):
        return self.name + "".join(f"-{k}" for k in self.kwargs)


LOC, SCALE = P([-1.0, 0.0, 2.5]), P([0.5, 1.0, 3.0])
POSITIVE, OTHER = P([0.3, 1.5, 4.0, 12.0]), P([2.0, 0.7, 3.0, 9.0])
PROBS, LOGITS = P([0.1, 0.5, 0.9, 0.3]), P([-2.0, 0.0, 1.5, 4.0])
ROWS = P([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
SCORES = P([[-1.0, 0.2, 2.0], [0.3, 0.3, 0.3]])
COVARIANCE = P([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]], dtype="float64")
PRECISION = P([[1.0, -0.3, 0.1], [-0.3, 2.0, 0.2], [0.1, 0.2, 1.5]], dtype="float64")
FACTOR = P([[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.1, 0.7]], dtype="float64")
VECTORS = P([[0.0, 1.0, -1.0], [2.0, 0.5, 0.0]], dtype="float64")
TEMPERATURE = P([0.7])
DIAGONAL = P([1.0, 0.5, 2.0], dtype="float64")
PLANE = Case("Normal", P([[0.0, 1.0], [2.0, 3.0]]), P([[1.0, 0.5], [1.0, 2.0]]))


def FALLING(lib):
    return lib.distributions.AffineTransform(1.0, -2.0)


def RISING(lib):
    return lib.distributions.SigmoidTransform()


CASES = [
    Case("Bernoulli", PROBS),
    Case("Bernoulli", logits=LOGITS),
    Case("Bernoulli", 0.3),
    Case("Beta", POSITIVE, OTHER),
    Case("Beta", 2.0, 3.0),
    Case("Binomial", 5, probs=PROBS),
    Case("Binomial", 3, logits=LOGITS),
    Case("Categorical", ROWS),
    Case("Categorical", logits=SCORES),
    Case("Cauchy", LOC, SCALE),
    Case("Cauchy", 0.0, 1.0),
    Case("Chi2", POSITIVE),
    Case("ContinuousBernoulli", PROBS),
    Case("ContinuousBernoulli", logits=LOGITS),
    Case("Dirichlet", P([[0.5, 1.5, 3.0], [2.0, 2.5, 0.9]])),
    Case("Dirichlet", P([0.3, 0.5, 0.2])),
    Case("Exponential", POSITIVE),
    Case("Exponential", 2.0),
    Case("FisherSnedecor", POSITIVE, P([3.0, 5.0, 1.5, 8.0])),
    Case("Gamma", POSITIVE, OTHER),
    Case("Gamma", P([0.3, 1.5, 40.0], dtype="float64"), P([2.0, 1.0, 0.5], dtype="float64")),
    Case("GeneralizedPareto", LOC, SCALE, P([-0.5, 0.0, 0.3])),
    Case("Geometric", PROBS),
    Case("Geometric", logits=LOGITS),
    Case("Gumbel", LOC, SCALE),
    Case("Gumbel", 0.5, 2.0),
    Case("HalfCauchy", SCALE),
    Case("HalfNormal", SCALE),
    Case("Independent", Case("Normal", VECTORS, P(0.5, dtype="float64")), 1),
    Case("InverseGamma", POSITIVE, OTHER),
    Case("Kumaraswamy", POSITIVE, OTHER),
    Case("LKJCholesky", 3, P([0.5, 1.0, 2.0], dtype="float64")),
    Case("LKJCholesky", 4),
    Case("Laplace", LOC, SCALE),
    Case("LogNormal", LOC, P([0.3, 0.5, 1.0])),
    Case("LogisticNormal", VECTORS, P([[0.5, 1.0, 2.0], [1.0, 1.0, 0.3]], dtype="float64")),
    Case("LowRankMultivariateNormal", VECTORS, P([[1.0], [0.2], [-0.5]], dtype="float64"), DIAGONAL),
    Case("MixtureSameFamily", Case("Categorical", P([0.3, 0.5, 0.2])), Case("Normal", LOC, SCALE)),
    Case("MixtureSameFamily", Case("Categorical", P([0.3, 0.7])), Case("Independent", PLANE, 1)),
    Case("Multinomial", 6, ROWS),
    Case("Multinomial", 4, logits=SCORES),
    Case("MultivariateNormal", VECTORS, COVARIANCE),
    Case("MultivariateNormal", VECTORS, precision_matrix=PRECISION),
    Case("MultivariateNormal", VECTORS, scale_tril=FACTOR),
    Case("NegativeBinomial", 4, probs=PROBS),
    Case("NegativeBinomial", P([1.5, 2.0, 3.0, 0.5]), logits=P([-2.0, 0.0, 1.5, 1.0])),
    Case("Normal", LOC, SCALE),
    Case("Normal", 1.0, 2.0),
    Case("OneHotCategorical", ROWS),
    Case("OneHotCategoricalStraightThrough", logits=SCORES),
    Case("Pareto", SCALE, P([0.7, 2.5, 3.5])),
    Case("Poisson", POSITIVE),
    Case("RelaxedBernoulli", TEMPERATURE, PROBS),
    Case("RelaxedBernoulli", TEMPERATURE, logits=LOGITS),
    Case("RelaxedOneHotCategorical", TEMPERATURE, ROWS),
    Case("LogitRelaxedBernoulli", TEMPERATURE, PROBS),
    Case("ExpRelaxedCategorical", TEMPERATURE, logits=SCORES),
    Case("StudentT", P([0.8, 1.5, 4.0]), LOC, SCALE),
    Case("StudentT", 3.0),
    Case("TransformedDistribution", Case("Normal", LOC, SCALE), [FALLING, RISING]),
    Case("Uniform", LOC, P([0.5, 1.0, 5.0])),
    Case("VonMises", LOC, P([0.3, 2.0, 9.0])),
    Case("VonMises", P(0.5, dtype="float64"), P(4.0, dtype="float64")),
    Case("Weibull", SCALE, P([0.8, 1.0, 3.0])),
    Case("Wishart", P(4.5, dtype="float64"), COVARIANCE),
    Case("Wishart", P([5.0, 3.5], dtype="float64"), precision_matrix=PRECISION),
    Case("Wishart", 4.0, scale_tril=FACTOR),
]  # fmt: skip

"""Divergences of all registered pairs against PyTorch, and the registry's rules."""

from __future__ import annotations

import pytest
import torch
from torch.distributions.kl import _KL_REGISTRY as THEIRS

import flashlight
from flashlight.distributions.kl import _KL_REGISTRY as OURS

from ..nn.same import compare, outcome
from ..oracle import equal
from .cases import COVARIANCE, FACTOR, VECTORS, Case, P

W, D = P([[1.0], [0.2], [-0.5]], dtype="float64"), P([1.0, 0.5, 2.0], dtype="float64")
MEAN = P([0.5, -1.0, 2.0], dtype="float64")

# two of each family: the divergence goes from the first of one to the second of the other
PAIRS = {
    "Bernoulli": (Case("Bernoulli", P([0.1, 0.5, 0.0, 1.0, 0.4])), Case("Bernoulli", P([0.3, 0.7, 0.5, 0.5, 1.0]))),
    "Beta": (
        Case("Beta", P([0.5, 2.0, 3.0]), P([1.0, 0.7, 4.0])),
        Case("Beta", P([1.5, 2.0, 0.6]), P([2.0, 3.0, 1.0])),
    ),
    "Binomial": (Case("Binomial", 5, P([0.1, 0.5])), Case("Binomial", P([5.0, 4.0]), P([0.3, 0.6]))),
    "Categorical": (
        Case("Categorical", P([[0.2, 0.8, 0.0], [0.3, 0.3, 0.4]])),
        Case("Categorical", P([[0.5, 0.2, 0.3], [0.6, 0.4, 0.0]])),
    ),
    "Cauchy": (Case("Cauchy", P([0.0, 1.0]), P([1.0, 2.0])), Case("Cauchy", P([1.0, -1.0]), P([0.5, 3.0]))),
    "ContinuousBernoulli": (
        Case("ContinuousBernoulli", P([0.1, 0.5, 0.8])),
        Case("ContinuousBernoulli", P([0.4, 0.6, 0.2])),
    ),
    "Dirichlet": (Case("Dirichlet", P([[0.5, 1.0, 2.0]])), Case("Dirichlet", P([[1.5, 1.0, 0.7], [3.0, 2.0, 1.0]]))),
    "Exponential": (Case("Exponential", P([0.5, 2.0, 1.0])), Case("Exponential", P([1.0, 3.0, 0.2]))),
    "Gamma": (
        Case("Gamma", P([0.5, 2.0, 3.0]), P([1.0, 0.7, 4.0])),
        Case("Gamma", P([1.5, 2.0, 0.6]), P([2.0, 3.0, 1.0])),
    ),
    "Geometric": (Case("Geometric", P([0.2, 0.6])), Case("Geometric", P([0.5, 0.3]))),
    "Gumbel": (
        Case("Gumbel", P([0.5, 2.0, -1.0]), P([1.0, 0.7, 2.0])),
        Case("Gumbel", P([1.5, 2.0, 0.6]), P([2.0, 3.0, 1.0])),
    ),
    "HalfNormal": (Case("HalfNormal", P([0.5, 2.0])), Case("HalfNormal", P([1.0, 1.5]))),
    "Independent": (
        Case("Independent", Case("Normal", VECTORS, D), 1),
        Case("Independent", Case("Normal", MEAN, P([[1.0, 2.0, 0.5], [1.0, 1.0, 2.0]], dtype="float64")), 1),
    ),
    "Laplace": (
        Case("Laplace", P([0.5, 2.0, -1.0]), P([1.0, 0.7, 2.0])),
        Case("Laplace", P([1.5, 2.0, 0.6]), P([2.0, 3.0, 1.0])),
    ),
    "LowRankMultivariateNormal": (
        Case("LowRankMultivariateNormal", VECTORS, W, D),
        Case("LowRankMultivariateNormal", MEAN, P([[0.3], [1.2], [0.5]], dtype="float64"), D),
    ),
    "MultivariateNormal": (
        Case("MultivariateNormal", VECTORS, COVARIANCE),
        Case("MultivariateNormal", MEAN, scale_tril=FACTOR),
    ),
    "Normal": (
        Case("Normal", P([0.5, 2.0, -1.0]), P([1.0, 0.7, 2.0])),
        Case("Normal", P([1.5, 2.0, 0.6]), P([2.0, 3.0, 1.0])),
    ),
    "OneHotCategorical": (
        Case("OneHotCategorical", P([[0.2, 0.8, 0.0], [0.3, 0.3, 0.4]])),
        Case("OneHotCategorical", P([[0.5, 0.2, 0.3], [0.6, 0.4, 0.0]])),
    ),
    "Pareto": (
        Case("Pareto", P([0.5, 2.0, 1.0]), P([1.0, 0.7, 2.5])),
        Case("Pareto", P([0.2, 2.5, 0.6]), P([2.0, 3.0, 1.0])),
    ),
    "Poisson": (Case("Poisson", P([0.5, 2.0])), Case("Poisson", P([1.0, 1.5]))),
    "TransformedDistribution": (
        Case("LogNormal", P([0.5, 2.0]), P([1.0, 0.7])),
        Case("LogNormal", P([1.5, 0.0]), P([2.0, 0.4])),
    ),
    "Uniform": (
        Case("Uniform", P([0.1, 0.2, -1.0]), P([0.9, 1.0, 2.0])),
        Case("Uniform", P([-0.5, 0.0, -2.0]), P([1.5, 0.8, 3.0])),
    ),
}
FLAT = {"Bernoulli": Case("Bernoulli", P([0.1, 0.5])), "Poisson": Case("Poisson", P([0.5, 2.0]))}

# the generic entry is by Bregman divergence; checked by itself below
NAMES = sorted((p.__name__, q.__name__) for p, q in THEIRS if p.__name__ != "ExponentialFamily")


def fetch(left: str, right: str):
    p, q = PAIRS[left][0], PAIRS[right][1]
    if left != right:
        p, q = (FLAT.get(n, c) if {left, right} & {"Poisson"} else c for n, c in ((left, p), (right, q)))
    return p, q


def test_the_registries_hold_the_same_pairs():
    names = [{(p.__name__, q.__name__) for p, q in registry} for registry in (OURS, THEIRS)]
    assert names[0] >= names[1]


@pytest.mark.parametrize(("left", "right"), NAMES, ids="-".join)
def test_divergence(left, right):
    p, q = fetch(left, right)
    results = []
    for i, lib in enumerate((flashlight, torch)):
        (a, inputs), (b, others) = p.both()[i], q.both()[i]
        kl = lib.distributions.kl_divergence(a, b)
        grads = ()
        if kl.requires_grad:
            grads = lib.autograd.grad(kl[kl.isfinite()].sum(), inputs + others, allow_unused=True)
        results.append((kl, grads))
    (ours, our_grads), (theirs, their_grads) = results
    equal(ours, theirs, f"{left} {right}", rtol=1e-4, atol=2e-5)
    for a, b in zip(our_grads, their_grads, strict=True):
        assert (a is None) == (b is None)
        # torch has nan where an infinite term is overwritten
        if b is not None and not b.isnan().any():
            equal(a, b, f"gradient of {left} {right}", rtol=1e-4, atol=1e-4)


def test_bregman_divergence_is_the_closed_form():
    def generic(lib):
        gamma = [lib.distributions.Gamma(lib.tensor([0.5, 2.0]), lib.tensor([1.0, 3.0])) for _ in range(2)]
        gamma[1] = lib.distributions.Gamma(lib.tensor([1.5, 1.0]), lib.tensor([2.0, 0.3]))
        chi2 = lib.distributions.Chi2(lib.tensor([1.0, 2.0])), lib.distributions.Chi2(lib.tensor([3.0, 0.5]))
        generic = lib.distributions.kl._KL_REGISTRY[(lib.distributions.ExponentialFamily,) * 2]
        return generic(*gamma), lib.distributions.kl_divergence(*gamma), generic(*chi2)

    compare(outcome(generic, flashlight)[0], outcome(generic, torch)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("p", "q"),
    [
        (Case("Normal", 0.0, 1.0), Case("StudentT", 3.0)),
        (Case("Normal", 0.0, 1.0), Case("Bernoulli", 0.5)),
        (Case("Independent", PAIRS["Normal"][0], 1), Case("Independent", PAIRS["Normal"][1], 0)),
        (PAIRS["MultivariateNormal"][0], Case("MultivariateNormal", P([0.0]), P([[1.0]]))),
        (PAIRS["LowRankMultivariateNormal"][0], Case("MultivariateNormal", P([0.0]), P([[1.0]]))),
        (Case("Binomial", 3, 0.5), Case("Binomial", 5, 0.5)),
        (Case("LogNormal", 0.0, 1.0), Case("HalfCauchy", 1.0)),
        (Case("Wishart", P(4.0), P([[1.0, 0.0], [0.0, 1.0]])), Case("Normal", 0.0, 1.0)),
    ],
    ids=repr,
)
def test_what_has_no_divergence_is_refused(p, q):
    def kl(lib):
        i = 0 if lib is flashlight else 1
        return lib.distributions.kl_divergence(p.both(grad=False)[i][0], q.both(grad=False)[i][0])

    got, wanted = outcome(kl, flashlight)[0], outcome(kl, torch)[0]
    assert isinstance(wanted, Exception) and type(got) is type(wanted)
    assert " ".join(str(got).split()) == " ".join(str(wanted).split())


def test_registering():
    D = flashlight.distributions

    class Mine(D.Normal):
        pass

    class Other(D.Normal):
        pass

    p, q = Mine(0.0, 1.0), Other(1.0, 2.0)
    equal(
        D.kl_divergence(p, q), torch.tensor(D.kl_divergence(D.Normal(0.0, 1.0), D.Normal(1.0, 2.0)).item()), "inherited"
    )

    try:
        D.register_kl(Mine, D.Normal)(lambda p, q: "left")
        assert D.kl_divergence(p, q) == "left"
        D.register_kl(D.Normal, Other)(lambda p, q: "right")
        with pytest.warns(RuntimeWarning, match="Ambiguous kl_divergence"):
            assert D.kl_divergence(p, q) == "left"
    finally:
        for key in [k for k in OURS if Mine in k or Other in k]:
            del OURS[key]
    with pytest.raises(TypeError, match="Expected type_p"):
        D.register_kl(3, D.Normal)

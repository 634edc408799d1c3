"""Every distribution against PyTorch: draws, densities, moments, entropies, distribution functions and their gradients."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import flashlight

from ..nn.same import compare, outcome
from ..oracle import equal
from .cases import CASES, Case, P

# torch's own gradients of gamma, beta and Dirichlet draws are rational approximations with errors up to a thousandth;
# the exact ones are tested on their own below. Over several draws the errors add up while the gradients may cancel.
APPROXIMATE = {"Beta", "Chi2", "Dirichlet", "FisherSnedecor", "Gamma", "InverseGamma", "StudentT"}
RSAMPLE_RTOL = 1e-3

cases = pytest.mark.parametrize("case", CASES, ids=repr)


@pytest.fixture(autouse=True)
def quiet():
    """Low degrees of freedom and repeated Wishart draws warn in both libraries."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Low df|Singular sample")
        yield


def ours_of(value):
    """torch's tensor as one of ours."""
    return flashlight.tensor(value.detach().numpy())


def drawn(case, shape=()):
    """torch's draw under a fixed seed."""
    torch.manual_seed(3)
    _, (theirs, _) = case.both()
    return theirs.sample(shape)


def attempt(fn):
    try:
        return fn()
    except (NotImplementedError, RuntimeError) as error:
        return error


def gradients(lib, value, parameters):
    return lib.autograd.grad(value[value.isfinite()].sum(), parameters, allow_unused=True)


def same(fn, case, gradient=True, **tolerance):
    """``fn(distribution, lib)`` agrees, with its gradient by the parameters; unimplemented in both or in none."""
    (ours, our_parameters), (theirs, their_parameters) = case.both()
    got, wanted = (attempt(lambda d=d, lib=lib: fn(d, lib)) for d, lib in ((ours, flashlight), (theirs, torch)))
    if isinstance(wanted, Exception):
        assert type(got) is type(wanted), (got, wanted)
        return
    if isinstance(got, Exception):
        raise got
    equal(got, wanted, str(case), **tolerance)
    assert got.requires_grad == wanted.requires_grad
    if not (gradient and wanted.requires_grad):
        return
    g = attempt(lambda: gradients(flashlight, got, our_parameters))
    h = attempt(lambda: gradients(torch, wanted, their_parameters))
    if isinstance(h, Exception):
        # the incomplete gamma function has no derivative by its shape
        assert type(g) is type(h), g
        return
    if isinstance(g, Exception):
        raise g
    for a, b in zip(g, h, strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            equal(a, b, f"gradient of {case}", **tolerance)


@cases
@pytest.mark.parametrize("shape", [(), (2,), (17, 3)])
def test_sample(case, shape):
    found = []
    for (distribution, _), lib in zip(case.both(), (flashlight, torch)):
        lib.manual_seed(5)
        found.append(distribution.sample(shape))
    assert not found[0].requires_grad
    equal(found[0], found[1], str(case), rtol=1e-4)


@cases
def test_rsample(case):
    if case.name not in APPROXIMATE:
        return same_rsample(case)
    return same_rsample(case, rtol=RSAMPLE_RTOL, atol=5e-4)


def same_rsample(case, **tolerance):
    def draw(d, lib):
        lib.manual_seed(7)
        return d.rsample((3,))

    (ours, _), (theirs, _) = case.both()
    assert ours.has_rsample == theirs.has_rsample
    assert ours.has_enumerate_support == theirs.has_enumerate_support
    if theirs.has_rsample:
        # the flags torch overwrites while it draws a Wishart matrix again are those its backward wants to read
        gradient = case.name != "Wishart"
        same(draw, case, gradient, **{"rtol": 1e-4, "atol": 1e-4, **tolerance})


@cases
def test_log_prob(case):
    value = drawn(case, (4,))
    same(lambda d, lib: d.log_prob(value if lib is torch else ours_of(value)), case, rtol=1e-4, atol=1e-4)


@cases
@pytest.mark.parametrize("name", ["mean", "mode", "variance", "stddev"])
def test_moments(case, name):
    same(lambda d, lib: getattr(d, name), case, rtol=1e-4)


@cases
def test_entropy(case):
    same(lambda d, lib: d.entropy(), case, rtol=1e-4)
    same(lambda d, lib: d.perplexity(), case, rtol=1e-4)


@cases
def test_cdf(case):
    value = drawn(case, (4,))
    same(lambda d, lib: d.cdf(value if lib is torch else ours_of(value)), case, rtol=1e-4)


@cases
def test_icdf(case):
    value = torch.linspace(0.05, 0.95, 5).reshape(5, *(1 for _ in case.both()[1][0].batch_shape))
    same(lambda d, lib: d.icdf(value if lib is torch else ours_of(value)), case, rtol=1e-4)


@cases
@pytest.mark.parametrize("expand", [True, False])
def test_enumerate_support(case, expand):
    same(lambda d, lib: d.enumerate_support(expand), case)


@cases
def test_shapes_and_repr(case):
    (ours, _), (theirs, _) = case.both(grad=False)
    assert ours.batch_shape == tuple(theirs.batch_shape) and ours.event_shape == tuple(theirs.event_shape)
    assert repr(ours) == repr(theirs)
    assert repr(ours.support) == repr(theirs.support)
    assert repr(ours.arg_constraints) == repr(theirs.arg_constraints)
    assert ours.support.event_dim == theirs.support.event_dim
    assert ours.support.is_discrete == theirs.support.is_discrete


@cases
def test_expand(case):
    (ours, _), (theirs, _) = case.both(grad=False)
    shape = (2, *theirs.batch_shape)
    ours, theirs = ours.expand(shape), theirs.expand(torch.Size(shape))
    assert type(ours).__name__ == type(theirs).__name__ and ours.batch_shape == tuple(theirs.batch_shape)
    assert repr(ours) == repr(theirs)
    for d, lib in ((ours, flashlight), (theirs, torch)):
        lib.manual_seed(5)
        d.drawn = d.sample((3,))
    equal(ours.drawn, theirs.drawn, str(case), rtol=1e-4)
    equal(ours.log_prob(ours_of(theirs.drawn)), theirs.log_prob(theirs.drawn), str(case), rtol=1e-4, atol=1e-4)


@cases
def test_copies(case):
    if case.name == "TransformedDistribution":
        return
    (ours, _), _ = case.both(grad=False)
    for again in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert repr(again) == repr(ours) and again.batch_shape == ours.batch_shape


@cases
def test_values_outside_the_support_are_refused(case):
    value = drawn(case)
    for bad in (
        value * float("nan") if value.is_floating_point() else value - 100,
        value.unsqueeze(-1).expand(*value.shape, 7),
    ):
        results = [
            outcome(lambda lib, d=d, bad=bad: d.log_prob(bad if lib is torch else ours_of(bad)), lib)[0]
            for (d, _), lib in zip(case.both(grad=False), (flashlight, torch))
        ]
        if isinstance(results[1], ValueError):
            assert isinstance(results[0], ValueError)
            assert str(results[0]).split("invalid values")[0] == str(results[1]).split("invalid values")[0]


BAD = [
    Case("Normal", 0.0, -1.0),
    Case("Normal", P([0.0, float("nan")]), 1.0),
    Case("Normal", "a", 1.0),
    Case("Bernoulli", 1.5),
    Case("Bernoulli"),
    Case("Bernoulli", 0.5, 0.5),
    Case("Categorical", P([-1.0, 2.0])),
    Case("Categorical", P(1.0)),
    Case("Categorical", logits=P(1.0)),
    Case("Dirichlet", P(1.0)),
    Case("Geometric", P([0.0, 0.5])),
    Case("Uniform", 2.0, 1.0),
    Case("Poisson", -1.0),
    Case("Multinomial", P(2.0), P([0.5, 0.5])),
    Case("MultivariateNormal", P(1.0), P([[1.0]])),
    Case("MultivariateNormal", P([1.0, 2.0])),
    Case("MultivariateNormal", P([1.0, 2.0]), P([1.0, 2.0])),
    Case("MultivariateNormal", P([1.0, 2.0]), P([[1.0, 2.0], [2.0, 1.0]])),
    Case("LowRankMultivariateNormal", P([1.0, 2.0]), P([[1.0]]), P([1.0, 2.0])),
    Case("LowRankMultivariateNormal", P([1.0, 2.0]), P([[1.0], [2.0]]), P([1.0])),
    Case("LKJCholesky", 1),
    Case("Wishart", 0.5, P([[1.0, 0.0], [0.0, 1.0]])),
    Case("Independent", Case("Normal", 0.0, 1.0), 1),
    Case("MixtureSameFamily", Case("Normal", 0.0, 1.0), Case("Normal", 0.0, 1.0)),
    Case("MixtureSameFamily", Case("Categorical", P([0.5, 0.5])), Case("Normal", P([0.0, 1.0, 2.0]), 1.0)),
    Case("ContinuousBernoulli", 1.5, validate_args=True),
    Case("TransformedDistribution", Case("Normal", 0.0, 1.0), 3),
]


@pytest.mark.parametrize("case", BAD, ids=lambda c: f"{c!r}{len(c.args)}")
def test_bad_parameters_are_refused(case):
    def make(lib):
        return repr(build_without_grad(lib, case))

    (got, _), (wanted, _) = outcome(make, flashlight), outcome(make, torch)
    assert isinstance(wanted, Exception)
    compare(got, wanted, str(case))


def build_without_grad(lib, case):
    from .cases import build

    return build(lib, case.name, case.args, case.kwargs, grad=False)[0]


def test_validation_can_be_turned_off():
    D = flashlight.distributions
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
    D.Distribution.set_default_validate_args(False)
    try:
        assert D.Normal(0.0, -1.0).scale.item() == -1.0
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError):
        D.Distribution.set_default_validate_args("yes")


def test_subclasses_with_their_own_init_need_their_own_expand():
    def make(lib):
        class Sub(lib.distributions.Normal):
            def __init__(self):
                super().__init__(0.0, 1.0)

        return Sub().expand((2,))

    compare(outcome(make, flashlight)[0], outcome(make, torch)[0])


def test_sample_n_is_deprecated():
    with pytest.warns(FutureWarning, match="sample_n"):
        assert flashlight.distributions.Normal(0.0, 1.0).sample_n(3).shape == (3,)


def test_exported_names_are_those_of_torch():
    assert sorted(flashlight.distributions.__all__) == sorted(torch.distributions.__all__)
    for room in ("constraints", "transforms", "constraint_registry", "kl", "utils", "distribution"):
        ours, theirs = getattr(flashlight.distributions, room), getattr(torch.distributions, room)
        assert sorted(ours.__all__) == sorted(theirs.__all__)


def test_the_bregman_entropy_of_exponential_families_is_the_closed_one():
    D = flashlight.distributions
    for d in (
        D.Normal(flashlight.tensor([0.5, 2.0]), flashlight.tensor([1.0, 3.0])),
        D.Gamma(2.0, 3.0),
        D.Exponential(2.0),
    ):
        equal(D.ExponentialFamily.entropy(d), torch.tensor(d.entropy().numpy()), "entropy", rtol=1e-5)


@pytest.mark.parametrize("case", [c for c in CASES if c.name == "Wishart"], ids=repr)
def test_gradient_of_wishart_draws(case):
    (ours, parameters), _ = case.both()
    (matrix,) = (p for p in parameters if p.dim() == 2)
    flashlight.manual_seed(7)
    value = ours.rsample()
    (slope,) = flashlight.autograd.grad(value.diagonal(dim1=-2, dim2=-1).log().sum(), matrix)
    # a covariance, its factor or its inverse scales the draws by a power of its own scale
    power = {"scale_tril": 2.0, "precision_matrix": -1.0}.get(next(iter(case.kwargs), ""), 1.0)
    equal((slope * matrix.detach()).sum(), torch.tensor(power * value[..., 0].numel(), dtype=torch.float64), "scaling")


def gamma_quantile_slope(a, x):
    """d x / d a at a fixed probability, by differences of the incomplete gamma function in float64."""
    a_, x_ = (torch.tensor(v, dtype=torch.float64) for v in (a, x))
    h = 1e-5 * a_
    dP = (torch.special.gammainc(a_ + h, x_) - torch.special.gammainc(a_ - h, x_)) / (2 * h)
    density = torch.exp((a_ - 1) * x_.log() - x_ - torch.lgamma(a_))
    return -(dP / density).numpy()


@pytest.mark.parametrize("a", [0.05, 0.5, 1.0, 3.0, 18.0, 300.0])
def test_gradient_of_gamma_variates(a):
    x = np.asarray([0.2, 0.7, 1.0, 1.4, 2.0]) * a
    alpha = np.full_like(x, a)
    got = flashlight._standard_gamma_grad(flashlight.tensor(alpha), flashlight.tensor(x)).numpy()
    sure = np.abs(x - a) < 4 * np.sqrt(a) + 1
    np.testing.assert_allclose(got[sure], gamma_quantile_slope(alpha, x)[sure], rtol=1e-6)
    theirs = torch._standard_gamma_grad(torch.tensor(alpha), torch.tensor(x)).numpy()
    np.testing.assert_allclose(got[sure], theirs[sure], rtol=RSAMPLE_RTOL)


def test_gradient_of_dirichlet_variates():
    rng = np.random.RandomState(0)
    x, alpha, rest = rng.uniform(0.05, 0.95, 200), rng.uniform(0.1, 20, 200), rng.uniform(0.1, 20, 200)
    ours = flashlight._dirichlet_grad(*(flashlight.tensor(v) for v in (x, alpha, alpha + rest))).numpy()
    theirs = torch._dirichlet_grad(*(torch.tensor(v) for v in (x, alpha, alpha + rest))).numpy()
    typical = np.abs(x - alpha / (alpha + rest)) < 0.3
    np.testing.assert_allclose(ours[typical], theirs[typical], rtol=5e-3)


@pytest.mark.parametrize(("a", "x"), [(2.0, 60.0), (50.0, 200.0), (0.3, 40.0), (30.0, 2.0)])
def test_gradient_of_gamma_variates_far_out(a, x):
    got = flashlight._standard_gamma_grad(*(flashlight.tensor(v, dtype=flashlight.float64) for v in (a, x))).item()
    # d log(x) / d a by integration of the density's slope, on the side where it does not cancel
    t = torch.linspace(0, 1, 200_001, dtype=torch.float64)
    scale = x if x < a else max(40.0, 12 * a**0.5) / (1 - (a - 1) / x if x > a + 10 * a**0.5 else 0.05)
    s = t[1:] ** 4 * scale if x < a else t[1:] * scale
    point = s if x < a else x + s
    log_density = (a - 1) * point.log() - point - ((a - 1) * np.log(x) - x)
    slope = point.log() - torch.digamma(torch.tensor(a, dtype=torch.float64))
    height = log_density.exp() * slope
    integral = torch.trapezoid(height, s).item()
    assert got == pytest.approx(-integral if x < a else integral, rel=1e-3)


def test_gradient_of_gamma_variates_at_the_ends():
    def slope(a, x):
        return flashlight._standard_gamma_grad(*(flashlight.tensor(v, dtype=flashlight.float64) for v in (a, x))).item()

    # near 0 the distribution function is x^a / gamma(a + 1)
    assert slope(1e-3, 1e-8) == pytest.approx(-1e-8 / 1e-3 * (np.log(1e-8) + 0.57721566 - 1.6449e-3), rel=1e-6)
    assert slope(2.0, 0.0) == 0.0 and np.isnan(slope(-1.0, 1.0))
    # the series and the closed form of large shapes meet
    for z in (-3.0, 0.0, 0.5, 4.0):
        below, above = (slope(a, a + z * a**0.5) for a in (0.99999e5, 1.00001e5))
        assert below == pytest.approx(above, rel=1e-5)


def test_second_derivatives_of_gamma_variates_raise():
    a = flashlight.tensor([2.0], requires_grad=True)
    (g,) = flashlight.autograd.grad(flashlight._standard_gamma(a).sum(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="_standard_gamma_grad is not implemented"):
        g.sum().backward()

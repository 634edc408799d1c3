"""Transforms and constraints against PyTorch: values, inverses, Jacobians, shapes, registries."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

from ..nn.same import compare, outcome
from ..oracle import equal

X = np.asarray([[-1.5, 0.3, 0.0], [2.0, -0.2, 0.7]])
SQUARE = np.asarray([[1.0, 2.0, -1.0], [0.5, -0.3, 0.2], [0.1, 0.4, 2.0]])

# name -> (how to make it, where to try it)
TRANSFORMS = {
    "abs": (lambda D, t: D.AbsTransform(), X),
    "affine": (lambda D, t: D.AffineTransform(1.0, -2.0), X),
    "affine tensors": (lambda D, t: D.AffineTransform(t([1.0, 2.0, 3.0]), t([0.5, -1.0, 2.0])), X),
    "affine event": (lambda D, t: D.AffineTransform(0.5, t([0.5, -1.0, 2.0]), event_dim=1), X),
    "cat": (lambda D, t: D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=-1, lengths=[1, 2]), X),
    "cat rows": (lambda D, t: D.CatTransform([D.ExpTransform(), D.SigmoidTransform()]), X),
    "cdf": (lambda D, t: D.CumulativeDistributionTransform(D.Normal(t(0.5), t(2.0))), X),
    "compose": (lambda D, t: D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.ExpTransform(), D.PowerTransform(t(0.5))]), X),
    "compose sticks": (lambda D, t: D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.StickBreakingTransform()]), X),
    "corr": (lambda D, t: D.CorrCholeskyTransform(), X),
    "exp": (lambda D, t: D.ExpTransform(), X),
    "identity": (lambda D, t: D.identity_transform, X),
    "independent": (lambda D, t: D.IndependentTransform(D.SigmoidTransform(), 1), X),
    "inverse": (lambda D, t: D.ExpTransform().inv, np.abs(X) + 0.1),
    "lower cholesky": (lambda D, t: D.LowerCholeskyTransform(), SQUARE),
    "positive definite": (lambda D, t: D.PositiveDefiniteTransform(), SQUARE),
    "power": (lambda D, t: D.PowerTransform(t([0.5, 2.0, -1.0])), np.abs(X) + 0.1),
    "reshape": (lambda D, t: D.ReshapeTransform((2, 3), (3, 2)), X),
    "sigmoid": (lambda D, t: D.SigmoidTransform(), X),
    "softmax": (lambda D, t: D.SoftmaxTransform(), X),
    "softplus": (lambda D, t: D.SoftplusTransform(), X),
    "stack": (lambda D, t: D.StackTransform([D.ExpTransform(), D.identity_transform, D.TanhTransform()], dim=1), X),
    "sticks": (lambda D, t: D.StickBreakingTransform(), X),
    "tanh": (lambda D, t: D.TanhTransform(), X),
}  # fmt: skip

each = pytest.mark.parametrize("name", TRANSFORMS)


def of(lib, name):
    return TRANSFORMS[name][0](lib.distributions, lambda v: lib.tensor(v, dtype=lib.float64))


def point(lib, name):
    return lib.tensor(TRANSFORMS[name][1], requires_grad=True)


def both(fn):
    """Compare ``fn`` under both libraries, errors included."""
    compare(outcome(fn, flashlight)[0], outcome(fn, torch)[0])


@each
def test_values_inverses_and_jacobians(name):
    def run(lib):
        transform, x = of(lib, name), point(lib, name)
        y = transform(x)
        back = transform.inv(y)
        (slope,) = lib.autograd.grad((y * y).sum(), x, retain_graph=True)
        return y, back, slope

    both(run)
    both(lambda lib: of(lib, name).log_abs_det_jacobian(point(lib, name), of(lib, name)(point(lib, name))))
    both(lambda lib: of(lib, name).inv.log_abs_det_jacobian(of(lib, name)(point(lib, name)), point(lib, name)))


@each
def test_what_a_transform_tells(name):
    for what in ("domain", "codomain", "bijective", "sign", "event_dim"):
        both(lambda lib, what=what: plain(getattr(of(lib, name), what)))
        both(lambda lib, what=what: plain(getattr(of(lib, name).inv, what)))
    both(lambda lib: repr(of(lib, name)))
    both(lambda lib: repr(of(lib, name).inv))
    for shape in ((), (3,), (2, 3), (3, 3), (3, 2)):
        both(lambda lib, shape=shape: tuple(of(lib, name).forward_shape(lib.Size(shape))))
        both(lambda lib, shape=shape: tuple(of(lib, name).inverse_shape(lib.Size(shape))))


def plain(value):
    return repr(value) if type(value).__module__.endswith("constraints") else value


@each
def test_equality(name):
    both(lambda lib: [of(lib, name) == of(lib, other) for other in ("exp", "affine", "compose", "inverse", name)])
    t = of(flashlight, name)
    assert t.inv.inv is t and t == t


@each
def test_caching(name):
    def run(lib):
        transform, x = of(lib, name).with_cache(1), point(lib, name)
        y = transform(x)
        return [transform.inv(y) is x, transform(x) is y, transform._cache_size, transform.with_cache(0)._cache_size]

    both(run)


def test_cache_sizes_are_0_or_1():
    both(lambda lib: lib.distributions.ExpTransform(cache_size=2))


@pytest.mark.parametrize(
    "make",
    [
        lambda D: D.ReshapeTransform((2, 3), (4,)),
        lambda D: D.CatTransform([1]),
        lambda D: D.CatTransform([D.ExpTransform()], lengths=[1, 2]),
        lambda D: D.StackTransform([1]),
        lambda D: D.constraints.cat([1]),
        lambda D: D.constraints.cat([D.constraints.real], lengths=[1, 2]),
        lambda D: D.constraints.independent(1, 1),
        lambda D: D.constraints.independent(D.constraints.real, -1),
        lambda D: D.constraints.independent(D.constraints.real, 1.0),
        lambda D: D.constraints.dependent.event_dim,
        lambda D: D.constraints.dependent.is_discrete,
        lambda D: D.constraints.dependent.check(1),
        lambda D: D.biject_to(D.constraints.boolean),
        lambda D: D.biject_to(D.constraints.positive_definite),
        lambda D: D.transform_to.register(3, 4),
    ],
)
def test_refusals(make):
    def run(lib):
        return make(lib.distributions)

    assert isinstance(outcome(run, torch)[0], Exception)
    both(run)


# ----------------------------------------------------------------------------------------------------------- constraints
CONSTRAINTS = {
    "boolean": lambda c: c.boolean,
    "cat": lambda c: c.cat([c.positive, c.real, c.unit_interval], dim=-1),
    "corr_cholesky": lambda c: c.corr_cholesky,
    "greater_than": lambda c: c.greater_than(0.5),
    "greater_than_eq": lambda c: c.greater_than_eq(1),
    "half_open_interval": lambda c: c.half_open_interval(-1.0, 2.0),
    "independent": lambda c: c.independent(c.positive, 1),
    "integer_interval": lambda c: c.integer_interval(0, 2),
    "interval": lambda c: c.interval(-1.0, 2.0),
    "less_than": lambda c: c.less_than(1.0),
    "lower_cholesky": lambda c: c.lower_cholesky,
    "lower_triangular": lambda c: c.lower_triangular,
    "mixture": lambda c: c.MixtureSameFamilyConstraint(c.positive),
    "multinomial": lambda c: c.multinomial(3),
    "nonnegative": lambda c: c.nonnegative,
    "nonnegative_integer": lambda c: c.nonnegative_integer,
    "one_hot": lambda c: c.one_hot,
    "positive": lambda c: c.positive,
    "positive_definite": lambda c: c.positive_definite,
    "positive_integer": lambda c: c.positive_integer,
    "positive_semidefinite": lambda c: c.positive_semidefinite,
    "real": lambda c: c.real,
    "real_vector": lambda c: c.real_vector,
    "simplex": lambda c: c.simplex,
    "square": lambda c: c.square,
    "stack": lambda c: c.stack([c.positive, c.real, c.unit_interval], dim=-1),
    "symmetric": lambda c: c.symmetric,
    "unit_interval": lambda c: c.unit_interval,
}

VALUES = [
    X,
    SQUARE,
    np.eye(3),
    np.tril(SQUARE),
    np.asarray([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.5]]),
    np.asarray([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [1.0, 2.0, 0.0]]),
    np.asarray([[np.nan, 1.0, 2.0]]),
]


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name):
    def of_lib(lib):
        return CONSTRAINTS[name](lib.distributions.constraints)

    for value in VALUES:
        both(lambda lib, value=value: of_lib(lib).check(lib.tensor(value)))
    both(lambda lib: [repr(of_lib(lib)), of_lib(lib).event_dim, of_lib(lib).is_discrete])


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_transforms_of_constraints(name, registry):
    x = SQUARE if "definite" in name or "lower" in name else X

    def run(lib):
        constraint = CONSTRAINTS[name](lib.distributions.constraints)
        transform = getattr(lib.distributions, registry)(constraint)
        y = transform(lib.tensor(x))
        return repr(transform), y, transform.inv(y), constraint.check(y)

    both(run)


def test_own_constraints_can_be_registered():
    D = flashlight.distributions

    class Even(D.constraints.Constraint):
        pass

    registry = D.constraint_registry.ConstraintRegistry()
    registry.register(Even, lambda constraint: D.ExpTransform())
    assert isinstance(registry(Even()), D.ExpTransform)


# ----------------------------------------------------------------------------------------------------------------- utils
@pytest.mark.parametrize("diag", [-2, -1, 0, 1, 5])
def test_triangles_and_vectors(diag):
    def run(lib):
        utils = lib.distributions.utils
        vector = utils.tril_matrix_to_vec(lib.tensor(SQUARE), diag)
        return vector, utils.vec_to_tril_matrix(vector, diag)

    both(run)
    both(lambda lib: lib.distributions.utils.vec_to_tril_matrix(lib.ones(4)))


def test_probabilities_and_logits():
    def run(lib):
        utils, p = lib.distributions.utils, lib.tensor([0.0, 0.3, 0.7, 1.0])
        return [
            utils.clamp_probs(p),
            utils.probs_to_logits(p),
            utils.probs_to_logits(p, is_binary=True),
            utils.logits_to_probs(p),
            utils.logits_to_probs(p, is_binary=True),
            list(utils.broadcast_all(1, lib.ones(2), 2.5)),
            list(utils.broadcast_all(1, True)),
        ]

    both(run)
    both(lambda lib: lib.distributions.utils.broadcast_all("a", 1.0))


def test_lazy_properties_are_computed_once_with_gradient():
    calls = []

    class Holder:
        @flashlight.distributions.utils.lazy_property
        def square(self):
            calls.append(1)
            return self.x * self.x

    holder = Holder()
    holder.x = flashlight.tensor(3.0, requires_grad=True)
    with flashlight.no_grad():
        assert holder.square is holder.square and holder.square.requires_grad
    assert calls == [1] and isinstance(Holder.square, property)
    equal(holder.square.detach(), torch.tensor(9.0), "square")

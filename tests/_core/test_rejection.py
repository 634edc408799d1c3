"""Poisson, gamma, Dirichlet and binomial draws against PyTorch: values, and the generator's state after each."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flashlight._core import dtypes, rejection
from flashlight._core.generator import Generator
from tests._core.lockstep import FLOATS, SEEDS, Lockstep, ours, theirs

WIDE = ("float32", "float64")


def as_numpy(t: torch.Tensor) -> np.ndarray:
    return t.to(torch.float32 if t.element_size() == 2 else t.dtype).numpy()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_poisson(seed, dtype):
    pair = Lockstep(seed)
    mixed = torch.tensor([0.0, 0.1, 3.0, 9.99, 10.0, 11.5, 100.0, 3000.0] * 30, dtype=theirs(dtype)).reshape(2, 120)
    for rate in (mixed, torch.full((700,), 4.0, dtype=mixed.dtype), mixed[0, 6], mixed[:0]):
        pair.same(rejection.poisson(pair.ours, as_numpy(rate), ours(dtype)), torch.poisson(rate, pair.theirs))


def test_poisson_beyond_int64():
    pair = Lockstep(0)
    rate = torch.tensor([torch.inf, 1e20])
    pair.same(rejection.poisson(pair.ours, rate.numpy()), torch.poisson(rate, pair.theirs))


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_gamma(seed, dtype):
    pair = Lockstep(seed)
    shapes = torch.tensor([0.0, 1e-3, 0.1, 0.9, 1.0, 1.5, 20.0, 1e4] * 40, dtype=theirs(dtype)).reshape(8, 40)
    for alpha in (shapes, shapes[0, 3], shapes[:0], shapes[:, :1]):
        drawn = rejection.standard_gamma(pair.ours, alpha.numpy(), ours(dtype))
        pair.same(drawn, torch._standard_gamma(alpha, pair.theirs), 1e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("alpha", [-1.0, -0.5, -3.0, torch.nan, torch.inf, 0.0])
def test_gamma_without_a_distribution(alpha):
    pair = Lockstep(0)
    t = torch.full((3,), alpha)
    pair.same(rejection.standard_gamma(pair.ours, t.numpy()), torch._standard_gamma(t, pair.theirs), 1e-6)


@pytest.mark.parametrize("dtype", WIDE)
def test_dirichlet(dtype):
    pair = Lockstep(3)
    alpha = torch.tensor([[0.01, 0.5, 3.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]], dtype=theirs(dtype))
    for concentration in (alpha, alpha[1], alpha.repeat(20, 3)):
        drawn = rejection.dirichlet(pair.ours, concentration.numpy(), ours(dtype))
        pair.same(drawn, torch._sample_dirichlet(concentration, pair.theirs), 1e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_binomial(seed, dtype):
    pair = Lockstep(seed)
    count = torch.tensor([0.0, 1.0, 7.0, 19.0, 25.0, 100.0, 1e5, -2.0], dtype=theirs(dtype)).repeat(10)
    prob = torch.tensor([0.0, 0.01, 0.3, 0.5, 0.51, 0.77, 0.999, 1.0, -0.5, 2.0], dtype=theirs(dtype)).reshape(10, 1)
    expected = torch.binomial(*torch.broadcast_tensors(count, prob), generator=pair.theirs)
    pair.same(rejection.binomial(pair.ours, count.numpy(), prob.numpy(), ours(dtype)), expected)


def test_binomial_without_a_distribution():
    pair = Lockstep(0)
    count, prob = torch.tensor([5.0, torch.inf]), torch.tensor([torch.nan, 0.5])
    pair.same(rejection.binomial(pair.ours, count.numpy(), prob.numpy()), torch.binomial(count, prob, pair.theirs))
    # PyTorch does not return from a count that is no number
    assert np.isnan(rejection.binomial(Generator(), np.array([np.nan]), np.array([0.3]))).all()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.floats(0, 1e5, width=32), min_size=1, max_size=12),
    st.lists(st.floats(0, 1, width=32), min_size=12, max_size=12),
)
def test_any_parameters(seed, values, probs):
    pair = Lockstep(seed)
    t = torch.tensor(values)
    pair.same(rejection.poisson(pair.ours, t.numpy()), torch.poisson(t, pair.theirs))
    pair.same(rejection.standard_gamma(pair.ours, t.numpy()), torch._standard_gamma(t, pair.theirs), 1e-6)
    count, prob = t.floor(), torch.tensor(probs[: len(values)])
    pair.same(rejection.binomial(pair.ours, count.numpy(), prob.numpy()), torch.binomial(count, prob, pair.theirs))


def test_long_reads_refill():
    pair = Lockstep(5)
    rate = torch.full((6000,), 6.0)
    pair.same(rejection.poisson(pair.ours, rate.numpy()), torch.poisson(rate, pair.theirs))


def test_negative_rate():
    mine = Generator()
    with pytest.raises(RuntimeError, match="invalid Poisson rate, expected rate to be non-negative"):
        rejection.poisson(mine, np.array([-1.0]))
    np.testing.assert_array_equal(mine.get_state(), Generator().get_state())
    assert mine.lock.acquire(blocking=False)


@pytest.mark.parametrize(
    ("expected", "call"),
    [
        (lambda t: torch.poisson(t), lambda g, d: rejection.poisson(g, np.ones(2), d)),
        (lambda t: torch._standard_gamma(t), lambda g, d: rejection.standard_gamma(g, np.ones(2), d)),
        (lambda t: torch._sample_dirichlet(t), lambda g, d: rejection.dirichlet(g, np.ones(2), d)),
    ],
)
def test_integer_parameters_are_refused(expected, call):
    with pytest.raises(NotImplementedError) as wanted:
        expected(torch.ones(2, dtype=torch.int64))
    with pytest.raises(NotImplementedError) as raised:
        call(Generator(), dtypes.int64)
    assert str(raised.value) == str(wanted.value)

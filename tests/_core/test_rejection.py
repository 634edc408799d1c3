"""Poisson, gamma, Dirichlet and binomial draws against PyTorch: values, and the generator's state after each."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flashlight._core import draws, dtypes, rejection
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
        pair.same(drawn, torch._standard_gamma(alpha, pair.theirs))


@pytest.mark.parametrize("alpha", [-1.0, -0.5, -3.0, torch.nan, torch.inf, 0.0])
def test_gamma_without_a_distribution(alpha):
    pair = Lockstep(0)
    t = torch.full((3,), alpha)
    pair.same(rejection.standard_gamma(pair.ours, t.numpy()), torch._standard_gamma(t, pair.theirs))


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
    pair.same(rejection.standard_gamma(pair.ours, t.numpy()), torch._standard_gamma(t, pair.theirs))
    count, prob = t.floor(), torch.tensor(probs[: len(values)])
    pair.same(rejection.binomial(pair.ours, count.numpy(), prob.numpy()), torch.binomial(count, prob, pair.theirs))


def test_long_reads_refill():
    pair = Lockstep(5)
    rate = torch.full((6000,), 6.0)
    pair.same(rejection.poisson(pair.ours, rate.numpy()), torch.poisson(rate, pair.theirs))


# parameters of n elements: all equal, of a few kinds in any order, of a few kinds in turn, all different
def equal(low, high, n):
    return np.full(n, low + 0.4 * (high - low))


def few(low, high, n):
    return np.random.default_rng(n).choice(np.linspace(low, high, 5), n)


def periodic(low, high, n):
    return np.resize(np.linspace(low, high, 3), n)


def different(low, high, n):
    return low + (high - low) * np.random.default_rng(n).random(n)


def rising(low, high, n):
    return np.linspace(low, high, n)


def gamma(pair, alpha):
    pair.same(
        rejection.standard_gamma(pair.ours, alpha.numpy(), like(alpha)), torch._standard_gamma(alpha, pair.theirs)
    )


def poisson(pair, rate):
    pair.same(rejection.poisson(pair.ours, rate.numpy(), like(rate)), torch.poisson(rate, pair.theirs))


def binomial(pair, count, prob):
    drawn = rejection.binomial(pair.ours, count.numpy(), prob.numpy(), like(count))
    pair.same(drawn, torch.binomial(count, prob, generator=pair.theirs))


def like(t: torch.Tensor) -> dtypes.dtype:
    return ours(str(t.dtype).removeprefix("torch."))


KINDS = (equal, few, periodic, different, rising)
MANY = (1, 2, 63, 1000, 5000)


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("low, high", [(0.0, 9.0), (10.0, 300.0), (0.0, 25.0), (9.9, 10.1), (1e5, 1e9)])
def test_poisson_of_many(low, high, kind, dtype):
    pair = Lockstep(11)
    for n in MANY:
        poisson(pair, torch.tensor(kind(low, high, n), dtype=theirs(dtype)))


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("low, high", [(0.0, 1.0), (1.0, 1.0), (1.0, 20.0), (0.0, 3.0), (0.001, 1e6)])
def test_gamma_of_many(low, high, kind, dtype):
    pair = Lockstep(12)
    for n in MANY:
        # a single normal leaves a spare one for the gammas to begin with, unless they left one themselves
        pair.same(draws.normal(pair.ours, (1,), dtype=dtypes.float64), one_normal(pair))
        gamma(pair, torch.tensor(kind(low, high, n), dtype=theirs(dtype)))


def one_normal(pair: Lockstep) -> torch.Tensor:
    return torch.randn(1, dtype=torch.float64, generator=pair.theirs)


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most, low, high", [(15, 0.0, 0.7), (1000, 0.2, 0.8), (80, 0.0, 1.0), (10**7, 0.0, 1e-6)])
def test_binomial_of_many(most, low, high, kind, dtype):
    pair = Lockstep(13)
    for n in MANY:
        count = torch.tensor(kind(0.0, most, n)[::-1].copy(), dtype=theirs(dtype)).floor()
        binomial(pair, count, torch.tensor(kind(low, high, n), dtype=theirs(dtype)))


@pytest.mark.parametrize("kind", KINDS)
def test_hundred_thousand(kind):
    pair, n = Lockstep(14), 100_000
    poisson(pair, torch.tensor(kind(0.0, 20.0, n)))
    one_normal(pair), draws.normal(pair.ours, (1,), dtype=dtypes.float64)
    gamma(pair, torch.tensor(kind(0.3, 3.0, n)))
    binomial(pair, torch.tensor(kind(0.0, 60.0, n)).floor(), torch.tensor(kind(0.0, 1.0, n)))
    torch.testing.assert_close(
        torch.from_numpy(draws.uniform(pair.ours, (5,))), torch.rand(5, generator=pair.theirs), rtol=0, atol=0
    )
    assert pair.ours.lock.acquire(blocking=False)


@pytest.mark.parametrize("dtype", WIDE)
def test_dirichlet_of_many_rows(dtype):
    pair = Lockstep(15)
    alpha = torch.tensor([0.5, 1.0, 2.0, 7.0, 0.1], dtype=theirs(dtype)).expand(1500, 5).contiguous()
    drawn = rejection.dirichlet(pair.ours, alpha.numpy(), ours(dtype))
    pair.same(drawn, torch._sample_dirichlet(alpha, pair.theirs), 1e-6 if dtype == "float32" else 1e-12)


def test_kinds_change_between_pieces():
    pair = Lockstep(16)
    rate = np.concatenate([np.full(4096, 3.0), np.zeros(4096), different(0.0, 30.0, 4000), np.full(9000, 40.0)])
    poisson(pair, torch.tensor(rate))
    gamma(pair, torch.tensor(rate, dtype=torch.float32))


def test_refused_after_some_were_drawn():
    pair = Lockstep(17)
    rate = torch.tensor([4.0, 40.0, torch.nan, 1.0])
    with pytest.raises(RuntimeError, match="invalid Poisson rate"):
        torch.poisson(rate, pair.theirs)
    with pytest.raises(RuntimeError, match="invalid Poisson rate"):
        rejection.poisson(pair.ours, rate.numpy())
    np.testing.assert_array_equal(pair.ours.get_state(), pair.theirs.get_state().numpy())


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

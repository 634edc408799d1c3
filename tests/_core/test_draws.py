"""Continuous distributions against PyTorch: values, and the generator's state after every draw."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flashlight._core import discrete, draws, dtypes, rejection
from flashlight._core.generator import Generator
from tests._core.lockstep import FLOATS, SEEDS, SIZES, Lockstep, ours, theirs

BOUNDS = [(0, 1), (-0.137, 0.291), (0.0, 3.7), (-2.0, -1.0), (1e-12, 0.7), (1000.0, 1000.7), (5.0, 5.0), (-1e30, 2e30)]


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64"])
@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_is_torchs_to_the_bit(seed, dtype):
    pair = Lockstep(seed)
    for n in SIZES:
        expected = torch.rand(n, generator=pair.theirs, dtype=theirs(dtype))
        pair.same(draws.uniform(pair.ours, (n,), dtype=ours(dtype)), expected, what=n)


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("dtype", [*FLOATS, "complex64"])
def test_uniform_between_bounds_is_torchs_to_the_bit(dtype, bounds):
    if dtype == "float16" and bounds[1] > 60_000:
        bounds = (-30_000, 35_000)
    pair = Lockstep(5)
    expected = torch.empty(300, 100, dtype=theirs(dtype)).uniform_(*bounds, generator=pair.theirs)
    pair.same(draws.uniform(pair.ours, (300, 100), *bounds, ours(dtype)), expected)


def test_uniform_never_gives_its_open_end():
    x = draws.uniform(Generator().manual_seed(0), (200_000,), 0, 1, dtypes.bfloat16)
    assert draws.rounded(x, dtypes.bfloat16).max() < 1


@settings(max_examples=60, deadline=None)
@given(st.floats(-1e6, 1e6, width=32), st.floats(0, 1e6, width=32), st.sampled_from(["float32", "float64"]))
def test_uniform_any_bounds(low, span, dtype):
    pair = Lockstep(1)
    expected = torch.empty(500, dtype=theirs(dtype)).uniform_(low, low + span, generator=pair.theirs)
    pair.same(draws.uniform(pair.ours, (500,), low, low + span, ours(dtype)), expected)


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64"])
@pytest.mark.parametrize("seed", SEEDS)
def test_randn(seed, dtype):
    pair = Lockstep(seed)
    for n in (*SIZES, 3, 15, 8):
        expected = torch.randn(n, generator=pair.theirs, dtype=theirs(dtype))
        pair.same(draws.normal(pair.ours, (n,), dtype=ours(dtype)), expected, 1e-6, n)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_with_mean_and_deviation(dtype):
    pair = Lockstep(3)
    for n, mean, std in [(7, 2.5, 0.02), (17, 2.5, 0.02), (1000, -3.0, 1.7), (1000, 0.0, 0.0), (100_003, 0.1, 2.0)]:
        expected = torch.empty(n, dtype=theirs(dtype)).normal_(mean, std, generator=pair.theirs)
        pair.same(draws.normal(pair.ours, (n,), mean, std, ours(dtype)), expected, 2e-6, (n, mean, std))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_normals_hardly_ever_round_differently(dtype):
    pair = Lockstep(3)
    expected = torch.randn(50_000, generator=pair.theirs, dtype=theirs(dtype))
    drawn = torch.from_numpy(draws.normal(pair.ours, (50_000,), dtype=ours(dtype))).to(expected.dtype)
    assert (drawn != expected).float().mean() < 1e-3


def test_normal_angle_of_the_portable_kernel(monkeypatch):
    # Apple processors run PyTorch's portable kernel, whose angles are float64 products: here against its formula
    monkeypatch.setattr(draws, "_ANGLE_TYPE", np.float64)
    u = draws.uniform(Generator().manual_seed(6), (1600,)).reshape(-1, 2, 8)
    angle = (u[:, 1].astype(np.float64) * (2 * math.pi)).astype(np.float32).astype(np.float64)
    radius = np.sqrt(-2 * np.log(1 - u[:, 0].astype(np.float64)))
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
    np.testing.assert_allclose(draws.normal(Generator().manual_seed(6), (1600,)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal_into_strided_tensors(dtype):
    pair = Lockstep(3)
    expected = torch.empty(9, 6, dtype=theirs(dtype)).t().normal_(1, 2, generator=pair.theirs)
    pair.same(draws.normal(pair.ours, (9, 6), 1, 2, ours(dtype), contiguous=False).T, expected, 1e-6)
    expected = torch.empty(40, 2, dtype=theirs(dtype))[:, 0].normal_(generator=pair.theirs)
    pair.same(draws.normal(pair.ours, (40,), dtype=ours(dtype), contiguous=False), expected, 1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [5, 40])
def test_normal_by_arrays(dtype, n):
    pair = Lockstep(4)
    mean = torch.linspace(-3, 3, n).to(theirs(dtype))
    std = torch.linspace(0, 2, n).to(theirs(dtype)).reshape(n, 1)
    as_numpy = lambda t: t.to(torch.float32 if t.element_size() == 2 else t.dtype).numpy()
    kind, g = ours(dtype), pair.theirs
    pair.same(draws.normal(pair.ours, (n,), as_numpy(mean), 0.5, kind), torch.normal(mean, 0.5, generator=g), 1e-6)
    pair.same(draws.normal(pair.ours, (n, 1), 0.3, as_numpy(std), kind), torch.normal(0.3, std, generator=g), 1e-6)
    expected = torch.normal(mean, std, generator=g)
    pair.same(draws.normal(pair.ours, (n, n), as_numpy(mean), as_numpy(std), kind), expected, 1e-6)


def test_normal_by_complex_means():
    pair = Lockstep(4)
    mean = torch.complex(torch.arange(20.0), -torch.arange(20.0))
    expected = torch.normal(mean, 2.0, generator=pair.theirs)
    pair.same(draws.normal(pair.ours, (20,), mean.numpy(), 2.0, dtypes.complex64), expected, 1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("seed", SEEDS[:3])
def test_other_continuous(seed, dtype):
    pair = Lockstep(seed)
    kind, g = ours(dtype), pair.theirs
    for n in SIZES:
        empty = lambda n=n: torch.empty(n, dtype=theirs(dtype))
        pair.same(draws.exponential(pair.ours, (n,), 1.7, kind), empty().exponential_(1.7, generator=g), 1e-7, n)
        pair.same(
            draws.log_normal(pair.ours, (n,), 0.1, 0.4, kind), empty().log_normal_(0.1, 0.4, generator=g), 1e-7, n
        )
        pair.same(draws.cauchy(pair.ours, (n,), 1.0, 0.5, kind), empty().cauchy_(1.0, 0.5, generator=g), 1e-6, n)


def test_exponential_float32_is_torchs_to_the_bit():
    pair = Lockstep(2)
    pair.same(draws.exponential(pair.ours, (50_000,)), torch.empty(50_000).exponential_(generator=pair.theirs))


@pytest.mark.parametrize(
    "limits", [(0, 1, -2, 2), (0.5, 0.2, -0.1, 0.9), (0, 1, 1.5, 4), (0, 0.02, 0.03, 0.05), (3, 1, -1, 0)]
)
@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize("dtype", FLOATS)
def test_trunc_normal(dtype, limits):
    pair = Lockstep(12)
    for shape in [(5,), (40, 30)]:
        expected = torch.empty(shape, dtype=theirs(dtype))
        torch.nn.init.trunc_normal_(expected, *limits, generator=pair.theirs)
        pair.same(draws.trunc_normal(pair.ours, shape, *limits, ours(dtype)), expected, 1e-6)


BAD = [
    (lambda t, g: t.uniform_(2, 1), lambda g: draws.uniform(g, (3,), 2, 1)),
    (lambda t, g: t.uniform_(-3e38, 3e38), lambda g: draws.uniform(g, (3,), -3e38, 3e38)),
    (lambda t, g: t.uniform_(0, 1e60), lambda g: draws.uniform(g, (3,), 0, 1e60)),
    (lambda t, g: t.half().uniform_(0, 1e6), lambda g: draws.uniform(g, (3,), 0, 1e6, dtypes.float16)),
    (lambda t, g: t.uniform_(float("nan"), 1), lambda g: draws.uniform(g, (3,), float("nan"), 1)),
    (lambda t, g: t.long().uniform_(), lambda g: draws.uniform(g, (3,), dtype=dtypes.int64)),
    (lambda t, g: t.normal_(0, -1.23456789), lambda g: draws.normal(g, (3,), 0, -1.23456789)),
    (lambda t, g: t.int().normal_(), lambda g: draws.normal(g, (3,), dtype=dtypes.int32)),
    (lambda t, g: torch.normal(t, -t - 1), lambda g: draws.normal(g, (3,), np.zeros(3), -np.ones(3))),
    (lambda t, g: torch.normal(t, -1.0), lambda g: draws.normal(g, (3,), np.zeros(3), -1.0)),
    (lambda t, g: torch.normal(0.0, t + 1j), lambda g: draws.normal(g, (3,), 0.0, np.ones(3) + 1j)),
    (lambda t, g: t.exponential_(0), lambda g: draws.exponential(g, (3,), 0)),
    (lambda t, g: t.long().exponential_(), lambda g: draws.exponential(g, (3,), dtype=dtypes.int64)),
    (lambda t, g: t.cauchy_(0, 0), lambda g: draws.cauchy(g, (3,), 0, 0)),
    (lambda t, g: t.char().cauchy_(), lambda g: draws.cauchy(g, (3,), dtype=dtypes.int8)),
    (lambda t, g: t.log_normal_(0, 0), lambda g: draws.log_normal(g, (3,), 0, 0)),
    (lambda t, g: t.bool().log_normal_(), lambda g: draws.log_normal(g, (3,), dtype=dtypes.bool_)),
]


@pytest.mark.parametrize(("expected", "call"), BAD)
def test_refusals(expected, call):
    with pytest.raises((RuntimeError, NotImplementedError)) as wanted:
        expected(torch.zeros(3), None)
    mine = Generator()
    before = mine.get_state()
    with pytest.raises(wanted.type) as raised:
        call(mine)
    assert str(raised.value) == str(wanted.value)
    np.testing.assert_array_equal(mine.get_state(), before)


# name: (our draw, PyTorch's draw, tolerance); n is a number of elements
MIXED = {
    "rand": (lambda g, n: draws.uniform(g, (n,)), lambda g, n: torch.rand(n, generator=g), 0),
    "rand64": (
        lambda g, n: draws.uniform(g, (n,), dtype=dtypes.float64),
        lambda g, n: torch.rand(n, generator=g, dtype=torch.float64),
        0,
    ),
    "randn": (lambda g, n: draws.normal(g, (n,)), lambda g, n: torch.randn(n, generator=g), 1e-6),
    "randn64": (
        lambda g, n: draws.normal(g, (n,), dtype=dtypes.float64),
        lambda g, n: torch.randn(n, generator=g, dtype=torch.float64),
        1e-12,
    ),
    "randn16": (
        lambda g, n: draws.normal(g, (n,), dtype=dtypes.bfloat16),
        lambda g, n: torch.randn(n, generator=g, dtype=torch.bfloat16),
        1e-6,
    ),
    "randint": (
        lambda g, n: discrete.randint(g, -5, 2**40, (n,)),
        lambda g, n: torch.randint(-5, 2**40, (n,), generator=g),
        0,
    ),
    "randperm": (lambda g, n: discrete.randperm(g, n), lambda g, n: torch.randperm(n, generator=g), 0),
    "bernoulli": (
        lambda g, n: discrete.bernoulli(g, 0.3, (n,)),
        lambda g, n: torch.empty(n).bernoulli_(0.3, generator=g),
        0,
    ),
    "log_normal": (
        lambda g, n: draws.log_normal(g, (n,), 0.0, 0.5),
        lambda g, n: torch.empty(n).log_normal_(0.0, 0.5, generator=g),
        1e-6,
    ),
    "gamma": (
        lambda g, n: rejection.standard_gamma(g, np.full(n, 0.7, np.float32)),
        lambda g, n: torch._standard_gamma(torch.full((n,), 0.7), generator=g),
        1e-6,
    ),
    "poisson": (
        lambda g, n: rejection.poisson(g, np.full(n, 12.0, np.float32)),
        lambda g, n: torch.poisson(torch.full((n,), 12.0), generator=g),
        0,
    ),
}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-(2**63), 2**64 - 1),
    st.lists(st.tuples(st.sampled_from(sorted(MIXED)), st.integers(0, 40)), min_size=2, max_size=8),
)
def test_mixed_draws_stay_in_lockstep(seed, program):
    pair = Lockstep(seed)
    for name, n in program:
        mine, expected, within = MIXED[name]
        pair.same(mine(pair.ours, n), expected(pair.theirs, n), within, (name, n))

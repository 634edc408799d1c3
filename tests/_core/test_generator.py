"""Seeds, states and words of the generator against PyTorch's; the device's source and the choice between the two."""

import copy
import pickle
import threading

import mlx.core as mx
import numpy as np
import pytest
import torch

from flashlight._core import draws, dtypes, generator
from flashlight._core.generator import Generator
from tests._core.lockstep import FLOATS, SEEDS, Lockstep, ours


@pytest.fixture
def mlx_engine():
    generator.use_engine("mlx")
    yield
    generator.use_engine("torch")


@pytest.mark.parametrize("seed", [*SEEDS, -(2**63), 2**63, 67280421310721])
def test_seed_and_words(seed):
    pair = Lockstep(seed)
    assert pair.ours.initial_seed() == pair.theirs.initial_seed()
    for n in (0, 1, 3, 619, 1, 624, 1999, 2000, 70_000):
        pair.same(pair.ours.fill(np.empty(n, np.float32)), torch.rand(n, generator=pair.theirs), what=n)
        pair.same(pair.ours.doubles(n), torch.rand(n, generator=pair.theirs, dtype=torch.float64), what=n)


def test_a_new_generator_has_the_default_seed():
    assert Generator().initial_seed() == torch.Generator().initial_seed()
    np.testing.assert_array_equal(Generator().get_state(), torch.Generator().get_state().numpy())
    assert Generator("mps").device == "mps"


def test_seed_draws_a_seed():
    first, second = Generator(), Generator()
    seeds = {first.seed(), second.seed(), first.seed()}
    assert len(seeds) == 3 and all(0 <= s < 2**64 for s in seeds)
    again = Generator().manual_seed(second.initial_seed())
    np.testing.assert_array_equal(again.words(5), second.words(5))


@pytest.mark.parametrize("seed", [1.5, True, "3", None, 2**64, -(2**63) - 1])
def test_bad_seeds(seed):
    with pytest.raises((RuntimeError, ValueError)) as expected:
        torch.Generator().manual_seed(seed)
    with pytest.raises(expected.type) as raised:
        Generator().manual_seed(seed)
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize("drawn", [0, 1, 5, 20, 623, 624, 625])
def test_states_go_both_ways(drawn):
    source = torch.Generator().manual_seed(11)
    torch.randn(drawn % 16, generator=source)
    torch.rand(drawn, generator=source)
    mine, back = Generator(), torch.Generator()
    mine.set_state(source.get_state().numpy())
    assert mine.initial_seed() == 11
    back.set_state(torch.from_numpy(mine.get_state()))
    for name in FLOATS:
        expected = torch.randn(3, generator=source, dtype=getattr(torch, name))
        assert torch.equal(torch.randn(3, generator=back, dtype=getattr(torch, name)), expected)
        cast = torch.from_numpy(draws.normal(mine, (3,), dtype=ours(name))).to(expected.dtype)
        torch.testing.assert_close(cast, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(mine.get_state(), source.get_state().numpy())


def test_float_spare_survives():
    state = torch.Generator().manual_seed(3).get_state().numpy().copy()
    state[5048:5052] = np.frombuffer(np.float32(0.25).tobytes(), np.uint8)
    state[5052] = 1
    mine = Generator()
    mine.set_state(state)
    np.testing.assert_array_equal(mine.get_state(), state)


@pytest.mark.parametrize(
    "state",
    [torch.zeros(5056), torch.zeros(5, dtype=torch.uint8), torch.zeros(5056, dtype=torch.uint8)],
    ids=["not bytes", "too short", "zeros"],
)
def test_bad_states(state):
    with pytest.raises((TypeError, RuntimeError)) as expected:
        torch.Generator().set_state(state)
    mine = Generator().manual_seed(4)
    before = mine.get_state()
    with pytest.raises(expected.type) as raised:
        mine.set_state(state.numpy())
    assert str(raised.value) == str(expected.value)
    np.testing.assert_array_equal(mine.get_state(), before)


def test_read_position_outside_the_block_is_refused():
    state = torch.Generator().get_state().numpy().copy()
    state[8:12] = np.frombuffer(np.int32(600).tobytes(), np.uint8)
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        Generator().set_state(state)


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g)), Generator.clone_state]
)
def test_copies_continue_on_their_own(twin):
    first = Generator("cuda").manual_seed(8)
    draws.normal(first, (3,))
    second = twin(first)
    assert second.device == "cuda" and second.initial_seed() == 8
    expected = draws.normal(second, (40,))
    np.testing.assert_array_equal(draws.normal(first, (40,)), expected)
    second.words(1)
    assert not np.array_equal(first.get_state(), second.get_state())


@pytest.mark.parametrize("call", ["get_offset()", "set_offset(1)", "graphsafe_get_state()", "graphsafe_set_state(g)"])
def test_what_the_cpu_generator_refuses(call):
    with pytest.raises((RuntimeError, NotImplementedError)) as expected:
        eval(f"g.{call}", {"g": torch.Generator()})
    with pytest.raises(expected.type) as raised:
        eval(f"g.{call}", {"g": Generator()})
    assert str(raised.value).startswith(str(expected.value))


def test_methods_are_torchs():
    assert {name for name in dir(torch.Generator) if name[0] != "_"} <= {*dir(Generator), "device"}


def test_threads_share_a_generator_without_losing_words():
    shared, alone = Generator().manual_seed(2), Generator().manual_seed(2)
    workers = [threading.Thread(target=lambda: [shared.words(7) for _ in range(50)]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    alone.words(4 * 50 * 7)
    np.testing.assert_array_equal(shared.get_state(), alone.get_state())


# ------------------------------------------------------------------------------------------------------- the device
def test_engine_names():
    assert generator.engine() == "torch"
    with pytest.raises(ValueError, match="cuda"):
        generator.use_engine("cuda")
    assert generator.engine() == "torch"


def test_device_draws_depend_on_the_seed_alone():
    def drawn(seed):
        source = Generator().manual_seed(seed).source
        return [source.uniform((3, 4)), source.normal((5,)), source.randperm(6), source.bernoulli(0.5, (20,))]

    first, again, other = drawn(5), drawn(5), drawn(6)
    assert all(mx.array_equal(a, b) for a, b in zip(first, again))
    assert not mx.array_equal(first[0], other[0])
    source = Generator().manual_seed(5).source
    assert not mx.array_equal(source.uniform((4,)), source.uniform((4,)))


DEVICE = {  # name: (draw, mean, standard deviation)
    "uniform": (lambda s, n, d: s.uniform((n,), -1, 3, d), 1, 4 / 12**0.5),
    "normal": (lambda s, n, d: s.normal((n,), 2, 3, d), 2, 3),
    "exponential": (lambda s, n, d: s.exponential((n,), 2.0, d), 0.5, 0.5),
    "geometric": (lambda s, n, d: s.geometric((n,), 0.25, d), 4, 12**0.5),
    "log_normal": (lambda s, n, d: s.log_normal((n,), 0.0, 0.5, d), np.exp(0.125), np.exp(0.125) * 0.533),
}


@pytest.mark.parametrize("name", DEVICE)
@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float16, dtypes.bfloat16])
def test_device_moments(name, dtype):
    draw, mean, deviation = DEVICE[name]
    n = 40_000
    x = draw(Generator().manual_seed(1).source, n, dtype)
    assert x.dtype == dtype.mlx and x.shape == (n,)
    values = np.array(x.astype(mx.float32), np.float64)
    assert abs(values.mean() - mean) < 5 * deviation / n**0.5 + 0.01 * abs(mean)
    assert abs(values.std() / deviation - 1) < 0.05


def test_device_means_and_deviations_broadcast():
    x = (
        Generator()
        .manual_seed(1)
        .source.normal((3, 2000), mx.array([[0.0], [10.0], [-10.0]]), mx.array([[1.0], [2.0], [0.0]]))
    )
    np.testing.assert_allclose(np.array(x.mean(axis=1)), [0, 10, -10], atol=0.2)
    np.testing.assert_allclose(np.array(mx.std(x, axis=1)), [1, 2, 0], atol=0.1)


def test_device_cauchy():
    x = np.array(Generator().manual_seed(1).source.cauchy((40_000,), 1.0, 2.0))
    np.testing.assert_allclose(np.quantile(x, [0.25, 0.5, 0.75]), [-1, 1, 3], atol=0.1)


def test_device_bernoulli():
    source = Generator().manual_seed(1).source
    assert abs(source.bernoulli(0.3, (20_000,)).mean().item() - 0.3) < 0.02
    rows = source.bernoulli(mx.array([[0.0], [1.0]]), (2, 50))
    assert rows.dtype == mx.bool_ and rows.sum(axis=1).tolist() == [0, 50]


def test_device_complex():
    source = Generator().manual_seed(1).source
    z = np.array(source.normal((30_000,), 0.0, 2.0, dtypes.complex64))
    assert z.dtype == np.complex64 and abs(z.var() - 4) < 0.2 and abs(z.real.var() - 2) < 0.1
    u = np.array(source.uniform((100, 2), dtype=dtypes.complex64))
    assert u.shape == (100, 2) and u.real.min() >= 0 and u.imag.max() < 1 and not np.array_equal(u.real, u.imag)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [(0, 10, "int64"), (-5, 5, "int8"), (0, 256, "uint8"), (-(2**31), 2**31, "int32"), (-(2**63), 2**63 - 1, "int64")],
)
def test_device_integers(low, high, dtype):
    x = Generator().manual_seed(1).source.randint(low, high, (300, 20), ours(dtype))
    assert x.dtype == ours(dtype).mlx and x.shape == (300, 20)
    values = np.array(x)
    span = high - low
    assert low <= values.min() < low + 0.1 * span and high - 0.11 * span <= values.max() < high
    assert abs((values.astype(np.float64) - low).mean() / span - 0.5 + (0.5 / span)) < 0.03
    if span > 2**20:
        assert len(np.unique(values & 0xFFF)) > 3000  # the low bits are random too


def test_device_permutation_and_categories():
    source = Generator().manual_seed(1).source
    assert sorted(source.randperm(50).tolist()) == list(range(50))
    assert source.randperm(5, dtypes.int32).dtype == mx.int32
    probs = mx.array([[0.1, 0.0, 0.9], [0.5, 0.5, 0.0]])
    drawn = np.array(source.multinomial(probs, 4000, replacement=True))
    assert drawn.shape == (2, 4000) and drawn.dtype == np.int64
    np.testing.assert_allclose([(drawn[0] == 2).mean(), (drawn[1] == 0).mean()], [0.9, 0.5], atol=0.04)
    assert not (drawn[0] == 1).any() and not (drawn[1] == 2).any()
    without = np.array(source.multinomial(probs, 2))
    assert set(without[0]) == {0, 2} and set(without[1]) == {0, 1}


def test_device_refusals():
    source = Generator().source
    for draw in (source.uniform, source.normal, source.exponential, source.cauchy, source.log_normal):
        with pytest.raises(TypeError, match="float64"):
            draw((2,), dtype=dtypes.float64)
    with pytest.raises(RuntimeError, match="'from' to be less than 'to'"):
        source.randint(3, 3, (2,))


def test_device_state(mlx_engine):
    first = Generator().manual_seed(9)
    first.source.uniform((2,))
    first.words(3)
    state = first.get_state()
    assert state.dtype == np.uint8 and state.size != 5056
    second = Generator()
    second.set_state(state)
    assert second.initial_seed() == 9
    assert mx.array_equal(first.source.normal((5,)), second.source.normal((5,)))
    np.testing.assert_array_equal(first.words(5), second.words(5))
    for twin in (first.clone_state(), pickle.loads(pickle.dumps(first))):
        np.testing.assert_array_equal(twin.get_state(), first.get_state())


def test_states_do_not_cross_engines(mlx_engine):
    mine = Generator().manual_seed(1)
    long = mine.get_state()
    generator.use_engine("torch")
    short = mine.get_state()
    with pytest.raises(RuntimeError, match="mlx"):
        mine.set_state(long)
    generator.use_engine("mlx")
    for wrong in (short, long[:-1], np.zeros_like(long)):
        with pytest.raises(RuntimeError, match='"mlx" engine'):
            mine.set_state(wrong)
    np.testing.assert_array_equal(mine.get_state(), long)


def test_seeding_restarts_the_device(mlx_engine):
    mine = Generator().manual_seed(1)
    first = mine.source.uniform((4,))
    mine.manual_seed(1)
    assert mx.array_equal(mine.source.uniform((4,)), first)

"""Booleans, integers, permutations, categories and dropout against PyTorch: values to the bit, and states."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flashlight._core import discrete, dtypes
from flashlight._core.generator import Generator
from tests._core.lockstep import FLOATS, INTS, SEEDS, SIZES, Lockstep, ours, theirs

WIDE = ("uint16", "uint32", "uint64")


def halves_as_float32(t: torch.Tensor) -> np.ndarray:
    return t.to(torch.float32 if t.dtype in (torch.float16, torch.bfloat16) else t.dtype).numpy()


# ------------------------------------------------------------------------------------------------------------ booleans
@pytest.mark.parametrize("seed", SEEDS)
def test_bernoulli_by_number(seed):
    pair = Lockstep(seed)
    for n in SIZES:
        for p, dtype in [(0.3, "float32"), (0.5, "bool"), (0.0, "int64"), (1.0, "bfloat16"), (1e-3, "float64")]:
            expected = torch.empty(n, dtype=theirs(dtype)).bernoulli_(p, generator=pair.theirs)
            pair.same(discrete.bernoulli(pair.ours, p, (n,)), expected, what=(n, p))


@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli_by_array(dtype):
    pair = Lockstep(2)
    p = torch.linspace(0, 1, 500).to(theirs(dtype))
    pair.same(discrete.bernoulli(pair.ours, halves_as_float32(p), (500,)), torch.bernoulli(p, generator=pair.theirs))
    expected = torch.empty(3, 500, dtype=torch.int32).bernoulli_(p, generator=pair.theirs)
    pair.same(discrete.bernoulli(pair.ours, halves_as_float32(p), (3, 500)), expected)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS])
def test_geometric(dtype):
    pair = Lockstep(2)
    for n, p in [(0, 0.5), (17, 0.5), (1000, 0.05), (1000, 0.99)]:
        expected = torch.empty(n, dtype=theirs(dtype)).geometric_(p, generator=pair.theirs)
        pair.same(discrete.geometric(pair.ours, (n,), p, ours(dtype)), expected, what=(n, p))


# ------------------------------------------------------------------------------------------------------------ integers
@pytest.mark.parametrize("dtype", [*FLOATS, *INTS, "bool"])
def test_random_without_bounds(dtype):
    pair = Lockstep(7)
    for n in SIZES:
        expected = torch.empty(n, dtype=theirs(dtype)).random_(generator=pair.theirs)
        pair.same(discrete.random_(pair.ours, (n,), ours(dtype)), expected, what=n)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS, *WIDE, "bool"])
@pytest.mark.parametrize(
    "bounds",
    [(0, 1), (0, 2), (0, 100), (3, 117), (-100, 27), (-7, 2**20), (5, 2**28), (0, 2**28 - 1), (0, 2**28 + 1)]
    + [(0, 2**31), (-(2**31), 2**31), (0, 2**32), (-5, 2**40), (-(2**63), 2**63 - 1), (-(2**63) + 1, 0), (0, 4001)],
)
@pytest.mark.filterwarnings("ignore:.*out of bounds")
def test_random_between_bounds(bounds, dtype):
    pair = Lockstep(7)
    try:
        expected = torch.empty(1001, dtype=theirs(dtype)).random_(*bounds, generator=pair.theirs)
    except RuntimeError as refusal:
        with pytest.raises(RuntimeError) as raised:
            discrete.random_(pair.ours, (1001,), ours(dtype), *bounds)
        assert str(raised.value) == str(refusal)
    else:
        pair.same(discrete.random_(pair.ours, (1001,), ours(dtype), *bounds), expected)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS, *WIDE, "bool"])
@pytest.mark.parametrize("low", [0, 1, -3, 100, 2**20, 2**40, -(2**63) + 1, -(2**63)])
@pytest.mark.filterwarnings("ignore:.*out of bounds")
def test_random_from_a_bound_up(low, dtype):
    pair = Lockstep(7)
    try:
        expected = torch.empty(1001, dtype=theirs(dtype)).random_(low, None, generator=pair.theirs)
    except RuntimeError as refusal:
        with pytest.raises(type(refusal)) as raised:
            discrete.random_(pair.ours, (1001,), ours(dtype), low)
        assert str(raised.value) == str(refusal)
    else:
        pair.same(discrete.random_(pair.ours, (1001,), ours(dtype), low), expected)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(-(2**63), 2**63 - 2),
    st.integers(1, 2**64),
    st.sampled_from(["int64", "float32", "bfloat16", "float64"]),
)
@pytest.mark.filterwarnings("ignore:.*out of bounds")
def test_random_any_bounds(low, span, dtype):
    high = min(low + span, 2**63 - 1)
    pair = Lockstep(7)
    try:
        expected = torch.empty(50, dtype=theirs(dtype)).random_(low, high, generator=pair.theirs)
    except RuntimeError as refusal:
        with pytest.raises(RuntimeError) as raised:
            discrete.random_(pair.ours, (50,), ours(dtype), low, high)
        assert str(raised.value) == str(refusal)
    else:
        pair.same(discrete.random_(pair.ours, (50,), ours(dtype), low, high), expected)


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32", "float16"])
def test_randint(dtype):
    pair = Lockstep(7)
    for shape in [(), (0,), (3,), (20, 30), (70_001,)]:
        expected = torch.randint(3, 90, shape, generator=pair.theirs, dtype=theirs(dtype))
        pair.same(discrete.randint(pair.ours, 3, 90, shape, ours(dtype)), expected, what=shape)


def test_random_warns_where_a_float_has_gaps():
    with pytest.warns(UserWarning) as expected:
        torch.empty(3, dtype=torch.float16).random_(-4000, 4000)
    with pytest.warns(UserWarning) as warned:
        discrete.random_(Generator(), (3,), dtypes.float16, -4000, 4000)
    assert len(warned) == 2
    assert str(expected[0].message).split(" (Triggered")[0] in {str(w.message) for w in warned}


# -------------------------------------------------------------------------------------------------------- permutations
@pytest.mark.parametrize("seed", SEEDS)
def test_randperm(seed):
    pair = Lockstep(seed)
    for n in (*SIZES, 2, 3, 5000):
        pair.same(discrete.randperm(pair.ours, n), torch.randperm(n, generator=pair.theirs), what=n)
    for dtype in ("int32", "int16", "float32", "float64", "float16"):
        expected = torch.randperm(300, generator=pair.theirs, dtype=theirs(dtype))
        pair.same(discrete.randperm(pair.ours, 300, ours(dtype)), expected, what=dtype)
    for dtype, n in [("uint8", 256), ("int8", 128), ("float16", 2049), ("bfloat16", 300)]:
        expected = torch.randperm(n, generator=pair.theirs, dtype=theirs(dtype))
        pair.same(discrete.randperm(pair.ours, n, ours(dtype)), expected, what=dtype)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_shuffles_equal_the_swaps_they_stand_for(data):
    n = data.draw(st.integers(0, 30))
    ahead = [data.draw(st.integers(i, n - 1)) for i in range(n)]
    values = list(range(n))
    for i, j in enumerate(ahead):
        values[i], values[j] = values[j], values[i]
    assert discrete.shuffle(np.array(ahead, np.int64)).tolist() == values
    behind = [data.draw(st.integers(0, i)) for i in range(n)]
    values = []
    for i, j in enumerate(behind):
        values.append(i)
        values[i], values[j] = values[j], values[i]
    assert discrete.shuffle_inside_out(np.array(behind, np.int64)).tolist() == values


def test_long_permutations_take_64_bit_words(monkeypatch):
    monkeypatch.setattr(discrete, "_WIDE_PERMUTATION", 50)
    mine, words = Generator().manual_seed(3), Generator().manual_seed(3).words64(50).tolist()
    assert (
        discrete.randperm(mine, 50).tolist()
        == discrete.shuffle_inside_out(np.array([word % (i + 1) for i, word in enumerate(words)])).tolist()
    )
    assert sorted(discrete.randperm(mine, 60).tolist()) == list(range(60))


# ---------------------------------------------------------------------------------------------------------- categories
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(40,), (7, 40), (1,), (3, 1), (0, 5)])
def test_multinomial(shape, dtype):
    pair = Lockstep(9)
    weights = torch.rand(shape, generator=torch.Generator().manual_seed(1)).add(0.01).to(theirs(dtype))
    for samples, replacement in [(1, False), (1, True), (30, True), (200, True), (min(20, shape[-1]), False)]:
        expected = torch.multinomial(weights, samples, replacement, generator=pair.theirs)
        drawn = discrete.multinomial(pair.ours, halves_as_float32(weights), samples, replacement, ours(dtype))
        assert drawn.dtype == np.int64
        if dtype in ("float16", "bfloat16") and 1 < samples <= shape[-1] and not replacement:
            # quotients of few digits tie, and ties have no order of their own: a few categories may change places
            assert (np.sort(drawn) != np.sort(expected.numpy())).sum() <= 0.2 * drawn.size
            pair.same(expected.numpy(), expected)
        else:
            pair.same(drawn, expected, what=(samples, replacement))


def test_multinomial_leaves_out_impossible_categories():
    pair = Lockstep(9)
    weights = torch.tensor([0.0, 2.0, 0.0, 1.0, 5.0, 0.0])
    for samples, replacement in [(3, False), (500, True), (1, True)]:
        expected = torch.multinomial(weights, samples, replacement, generator=pair.theirs)
        pair.same(discrete.multinomial(pair.ours, weights.numpy(), samples, replacement), expected)


# ------------------------------------------------------------------------------------------------------------- dropout
def default_pair(seed: int) -> Lockstep:
    """dropout takes no generator: PyTorch's default one stands in."""
    pair = Lockstep(seed)
    torch.manual_seed(seed)
    pair.theirs = torch.default_generator
    return pair


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_dropout(p, dtype):
    pair = default_pair(4)
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1)).to(theirs(dtype))
    pair.same(
        discrete.dropout_noise(pair.ours, x.shape, p, ours(dtype)), torch.nn.functional.dropout(torch.ones_like(x), p)
    )
    noise = torch.from_numpy(discrete.dropout_noise(pair.ours, x.shape, p, ours(dtype))).to(x.dtype)
    pair.same((x * noise).double().numpy(), torch.nn.functional.dropout(x, p))
    shape = discrete.feature_shape(x.shape)
    assert shape == (2, 3, 1, 1)
    expected = torch.nn.functional.dropout2d(torch.ones_like(x), p)[..., :1, :1]
    pair.same(discrete.dropout_noise(pair.ours, shape, p, ours(dtype)), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("feature", [False, True])
def test_alpha_dropout(dtype, feature):
    pair = default_pair(4)
    x = torch.randn(6, 50, 2, generator=torch.Generator().manual_seed(1)).to(theirs(dtype))
    drop = torch.nn.functional.feature_alpha_dropout if feature else torch.nn.functional.alpha_dropout
    expected = drop(x, 0.3, training=True)
    shape = discrete.feature_shape(x.shape) if feature else x.shape
    noise, shift = (
        torch.from_numpy(a).to(x.dtype) for a in discrete.alpha_dropout_noise(pair.ours, shape, 0.3, ours(dtype))
    )
    pair.same((x * noise + shift).to(torch.float64).numpy(), expected)


def test_feature_dropout_wants_channels():
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        discrete.feature_shape((3,))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_rrelu(dtype):
    pair = default_pair(4)
    x = torch.randn(9, 40, generator=torch.Generator().manual_seed(1)).to(theirs(dtype))
    x[0, :3] = torch.tensor([0.0, -0.0, float("nan")])
    noise = torch.empty_like(x)
    torch.ops.aten.rrelu_with_noise(x, noise, 0.1, 0.3, True)
    pair.same(discrete.rrelu_noise(pair.ours, halves_as_float32(x), 0.1, 0.3, ours(dtype)), noise)
    torch.ops.aten.rrelu_with_noise(x, noise, 1 / 8, 1 / 3, True)
    pair.same(discrete.rrelu_noise(pair.ours, halves_as_float32(x), dtype=ours(dtype)), noise)


# ------------------------------------------------------------------------------------------------------------ refusals
def weights(*values):
    return torch.tensor(values)


BAD = [
    (lambda: torch.empty(3).bernoulli_(1.5), lambda g: discrete.bernoulli(g, 1.5, (3,))),
    (lambda: torch.bernoulli(weights(1.5)), lambda g: discrete.bernoulli(g, np.array([1.5]), (1,))),
    (lambda: torch.empty(3).geometric_(1.0), lambda g: discrete.geometric(g, (3,), 1.0)),
    (lambda: torch.empty(3).geometric_(0.0), lambda g: discrete.geometric(g, (3,), 0.0)),
    (lambda: torch.empty(3).bool().geometric_(0.5), lambda g: discrete.geometric(g, (3,), 0.5, dtypes.bool_)),
    (lambda: torch.randint(5, 5, (2,)), lambda g: discrete.randint(g, 5, 5, (2,))),
    (lambda: torch.empty(0).random_(5, 5), lambda g: discrete.random_(g, (0,), dtypes.float32, 5, 5)),
    (lambda: torch.randint(0, 2**64, (2,)), lambda g: discrete.randint(g, 0, 2**64, (2,))),
    (lambda: torch.randint(5, (2,), dtype=torch.bool), lambda g: discrete.randint(g, 0, 5, (2,), dtypes.bool_)),
    (lambda: torch.randint(5, (2,), dtype=torch.cfloat), lambda g: discrete.randint(g, 0, 5, (2,), dtypes.complex64)),
    (
        lambda: torch.empty(2, dtype=torch.cfloat).random_(1, None),
        lambda g: discrete.random_(g, (2,), dtypes.complex64, 1),
    ),
    (
        lambda: torch.empty(2, dtype=torch.uint16).random_(),
        lambda g: discrete.random_(g, (2,), dtypes.uint16),
    ),
    (lambda: torch.randperm(-1), lambda g: discrete.randperm(g, -1)),
    (lambda: torch.randperm(257, dtype=torch.uint8), lambda g: discrete.randperm(g, 257, dtypes.uint8)),
    (lambda: torch.randperm(129, dtype=torch.int8), lambda g: discrete.randperm(g, 129, dtypes.int8)),
    (lambda: torch.randperm(2**15 + 1, dtype=torch.int16), lambda g: discrete.randperm(g, 2**15 + 1, dtypes.int16)),
    (lambda: torch.randperm(2050, dtype=torch.half), lambda g: discrete.randperm(g, 2050, dtypes.float16)),
    (lambda: torch.randperm(2**24 + 2, dtype=torch.float), lambda g: discrete.randperm(g, 2**24 + 2, dtypes.float32)),
    (lambda: torch.randperm(5, dtype=torch.bool), lambda g: discrete.randperm(g, 5, dtypes.bool_)),
    (lambda: torch.multinomial(weights(1.0), 0), lambda g: discrete.multinomial(g, np.ones(1), 0)),
    (lambda: torch.multinomial(weights(1.0), 2), lambda g: discrete.multinomial(g, np.ones(1), 2)),
    (lambda: torch.multinomial(torch.tensor(1.0), 1), lambda g: discrete.multinomial(g, np.ones(()), 1)),
    (lambda: torch.multinomial(weights(0.0, 0.0), 1), lambda g: discrete.multinomial(g, np.zeros(2), 1)),
    (lambda: torch.multinomial(weights(0.0, 0.0), 2, True), lambda g: discrete.multinomial(g, np.zeros(2), 2, True)),
    (lambda: torch.multinomial(weights(1.0, -1.0), 1), lambda g: discrete.multinomial(g, np.array([1.0, -1]), 1)),
    (
        lambda: torch.multinomial(weights(1.0, torch.nan), 1),
        lambda g: discrete.multinomial(g, np.array([1, np.nan]), 1),
    ),
    (
        lambda: torch.multinomial(weights(1.0, -1.0), 3, True),
        lambda g: discrete.multinomial(g, np.array([1.0, -1]), 3, True),
    ),
    (
        lambda: torch.multinomial(weights(torch.inf), 3, True),
        lambda g: discrete.multinomial(g, np.array([np.inf]), 3, True),
    ),
    (lambda: torch.multinomial(weights(1, 2), 1), lambda g: discrete.multinomial(g, np.ones(2), 1, dtype=dtypes.int64)),
    (
        lambda: torch.multinomial(torch.zeros(2, 0), 1, True),
        lambda g: discrete.multinomial(g, np.zeros((2, 0)), 1, True),
    ),
    (lambda: torch.rrelu(torch.ones(3), 0.5, 0.2, True), lambda g: discrete.rrelu_noise(g, np.ones(3), 0.5, 0.2)),
    (
        lambda: torch.rrelu(torch.ones(3).half(), training=True),
        lambda g: discrete.rrelu_noise(g, np.ones(3), dtype=dtypes.float16),
    ),
]


@pytest.mark.parametrize(("expected", "call"), BAD)
def test_refusals(expected, call):
    with pytest.raises((RuntimeError, NotImplementedError, ValueError)) as wanted:
        expected()
    mine = Generator()
    before = mine.get_state()
    with pytest.raises(wanted.type) as raised:
        call(mine)
    assert str(raised.value) == str(wanted.value)
    np.testing.assert_array_equal(mine.get_state(), before)

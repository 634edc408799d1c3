"""Random tensors against PyTorch: the same numbers under the same seed, and the same state afterwards."""

import copy
import pickle

import numpy as np
import pytest
import torch

import flashlight
from flashlight import random
from flashlight._core import lazy

from ..oracle import equal

LIBS = (torch, flashlight)


def check_same(fn, seed=7, atol=2e-6, rtol=2e-6):
    """Run ``fn(lib)`` under one seed in both libraries; results and states must agree."""
    results = []
    for lib in LIBS:
        lib.manual_seed(seed)
        results.append((fn(lib), lib.get_rng_state().numpy()))
    (theirs, their_state), (ours, our_state) = results
    equal(ours, theirs, "result", atol, rtol)
    assert ours.requires_grad == theirs.requires_grad
    assert ours.stride() == theirs.stride()
    if theirs.grad_fn is not None:
        assert ours.grad_fn.name() == theirs.grad_fn.name().removeprefix("torch::autograd::")
    np.testing.assert_array_equal(our_state, their_state)
    return ours


def refused(fn, match=None):
    """Both libraries refuse, with the same type and (up to the list of forms) the same words."""
    with pytest.raises(Exception) as theirs:
        fn(torch)
    with pytest.raises(theirs.type) as ours:
        fn(flashlight)
    said, expected = (str(e.value).split(", but expected one of")[0] for e in (ours, theirs))
    assert (expected if match is None else match) in said


def generator(lib, seed=3):
    return lib.Generator().manual_seed(seed)


# ------------------------------------------------------------------------------------------------------------- creation
CREATED = {
    "rand": lambda L: L.rand(3, 4),
    "rand of a list": lambda L: L.rand([3, 4]),
    "rand of a Size": lambda L: L.rand(L.Size([3, 4]), dtype=L.float64),
    "rand(size=)": lambda L: L.rand(size=(2, 3), requires_grad=True),
    "rand float16": lambda L: L.rand(50, dtype=L.float16),
    "rand bfloat16": lambda L: L.rand(50, dtype=L.bfloat16),
    "rand complex64": lambda L: L.rand(5, dtype=L.complex64),
    "rand empty": lambda L: L.rand(0, 3),
    "rand 0-d": lambda L: L.rand(()),
    "rand with a generator": lambda L: L.rand(5, generator=generator(L)),
    "randn": lambda L: L.randn(4, 5),
    "randn of 15": lambda L: L.randn(15),
    "randn of 1000": lambda L: L.randn(1000),
    "randn float64": lambda L: L.randn(33, dtype=L.float64),
    "randn complex64": lambda L: L.randn(5, dtype=L.complex64),
    "randn float16": lambda L: L.randn(3, dtype=L.float16, generator=L.default_generator),
    "randint(high, size)": lambda L: L.randint(5, (2, 3)),
    "randint(low, high, size)": lambda L: L.randint(-3, 5, [4]),
    "randint by name": lambda L: L.randint(low=2, high=9, size=(7,)),
    "randint(high=, size=)": lambda L: L.randint(high=9, size=(7,)),
    "randint(high, size=)": lambda L: L.randint(9, size=(7,)),
    "randint(low, high, size=)": lambda L: L.randint(4, 9, size=(7,)),
    "randint(low, high=, size=)": lambda L: L.randint(4, high=9, size=(7,)),
    "randint of a tensor": lambda L: L.randint(L.tensor(5), (4,)),
    "randint wide": lambda L: L.randint(-(2**62), 2**62, (9,)),
    "randint float32": lambda L: L.randint(0, 5, (3,), dtype=L.float32),
    "randint uint8": lambda L: L.randint(0, 256, (30,), dtype=L.uint8),
    "randint bool": lambda L: L.randint(0, 2, (30,), dtype=L.bool),
    "randint int32 with a generator": lambda L: L.randint(0, 50, (3,), dtype=L.int32, generator=generator(L)),
    "randperm": lambda L: L.randperm(20),
    "randperm 0": lambda L: L.randperm(0),
    "randperm 1": lambda L: L.randperm(1),
    "randperm float32": lambda L: L.randperm(9, dtype=L.float32),
    "randperm with a generator": lambda L: L.randperm(9, generator=generator(L)),
    "normal of numbers": lambda L: L.normal(2.0, 3.0, (4, 5)),
    "normal of ints": lambda L: L.normal(0, 1, size=(3,), dtype=L.float64, requires_grad=True),
    "normal by name": lambda L: L.normal(mean=1.0, std=2.0, size=(3,)),
    "normal(tensor)": lambda L: L.normal(L.arange(20.0)),
    "normal(tensor, number)": lambda L: L.normal(L.arange(3.0), 2.0),
    "normal(tensor, std=number)": lambda L: L.normal(mean=L.arange(3.0), std=0.5),
    "normal(number, tensor)": lambda L: L.normal(1.0, L.arange(1.0, 21.0), generator=generator(L)),
    "normal(tensor, tensor)": lambda L: L.normal(L.arange(3.0), L.arange(4.0).view(4, 1)),
    "normal of two dtypes": lambda L: L.normal(L.arange(3.0), L.ones(3, dtype=L.float64)),
    "normal of 0-d": lambda L: L.normal(L.tensor(0.0), L.tensor(1.0)),
    "normal of a transposed mean": lambda L: L.normal(L.arange(40.0).view(5, 8).t(), 1.0),
    "normal of float16": lambda L: L.normal(L.zeros(20).half(), L.ones(20).half()),
    "normal differentiable": lambda L: L.normal(L.zeros(2, requires_grad=True), L.ones(2)),
    "normal differentiable in the mean": lambda L: L.normal(L.zeros(2, requires_grad=True), 1.0),
    "normal differentiable in std": lambda L: L.normal(0.0, L.ones(2, requires_grad=True)),
    "rand_like": lambda L: L.rand_like(L.zeros(2, 3)),
    "rand_like float64": lambda L: L.rand_like(L.zeros(2, 3), dtype=L.float64, generator=generator(L)),
    "rand_like transposed": lambda L: L.rand_like(L.zeros(2, 3).t()),
    "randn_like": lambda L: L.randn_like(L.zeros(4, 5, requires_grad=True)),
    "randn_like transposed": lambda L: L.randn_like(L.zeros(4, 5).t()),
    "randn_like contiguous": lambda L: L.randn_like(L.zeros(4, 5).t(), memory_format=L.contiguous_format),
    "randn_like channels_last": lambda L: L.randn_like(L.zeros(2, 3, 4, 5).to(memory_format=L.channels_last)),
    "randint_like": lambda L: L.randint_like(L.zeros(2, 3), 5),
    "randint_like by name": lambda L: L.randint_like(L.zeros(2, 3), low=2, high=5, dtype=L.int64),
    "randint_like(low, high)": lambda L: L.randint_like(L.zeros(2, 3, dtype=L.int32), -2, 5),
    "bernoulli": lambda L: L.bernoulli(L.linspace(0, 1, 30)),
    "bernoulli float64": lambda L: L.bernoulli(L.linspace(0, 1, 30, dtype=L.float64)),
    "bernoulli bfloat16": lambda L: L.bernoulli(L.linspace(0, 1, 30).bfloat16()),
    "bernoulli transposed": lambda L: L.bernoulli(L.linspace(0, 1, 30).view(5, 6).t()),
    "bernoulli(p)": lambda L: L.bernoulli(L.zeros(30), 0.3),
    "bernoulli(p) of ints": lambda L: L.bernoulli(L.zeros(30, dtype=L.int64), p=0.3),
    "bernoulli differentiable": lambda L: L.bernoulli(L.full((9,), 0.4, requires_grad=True)),
    "bernoulli(p) of a leaf": lambda L: L.bernoulli(L.zeros(9, requires_grad=True), 0.5),
    "Tensor.bernoulli": lambda L: L.full((9,), 0.4).bernoulli(generator=generator(L)),
    "poisson": lambda L: L.poisson(L.tensor([0.0, 0.5, 3.0, 11.0, 200.0], requires_grad=True)),
    "poisson with a generator": lambda L: L.poisson(L.full((4,), 4.0, dtype=L.float64), generator=generator(L)),
    "binomial": lambda L: L.binomial(L.tensor([[5.0], [100.0]]), L.tensor([0.1, 0.5, 0.9])),
    "multinomial": lambda L: L.multinomial(L.tensor([0.1, 3.0, 0.4]), 2),
    "multinomial of rows": lambda L: L.multinomial(L.tensor([[0.1, 3.0, 0.4], [3.0, 1.0, 2.0]]), 5, replacement=True),
    "multinomial of one": lambda L: L.tensor([0.1, 3.0, 0.4]).double().multinomial(1, generator=generator(L)),
    "multinomial of a leaf": lambda L: L.multinomial(L.ones(4, requires_grad=True), num_samples=2),
    "_standard_gamma": lambda L: L._standard_gamma(L.tensor([0.3, 2.0, 9.0], requires_grad=True)),
    "_sample_dirichlet": lambda L: L._sample_dirichlet(L.tensor([[0.3, 2.0, 9.0]], requires_grad=True)),
}


@pytest.mark.parametrize("name", CREATED)
def test_the_numbers_are_torchs(name):
    check_same(CREATED[name])


def test_draws_follow_one_another_as_in_torch():
    def fn(L):
        parts = [L.rand(3), L.randn(5), L.randn(3), L.bernoulli(L.full((7,), 0.5)), L.randn(17), L.rand(2).double()]
        return L.cat([p.double() for p in parts] + [L.randperm(6).double(), L.randint(9, (2,)).double()])

    check_same(fn)


def test_default_dtype_is_followed():
    def fn(L):
        L.set_default_dtype(L.float64)
        try:
            return L.cat([L.rand(3), L.randn(3), L.normal(0.0, 1.0, (2,))])
        finally:
            L.set_default_dtype(L.float32)

    check_same(fn)


OUT = {
    "rand": lambda L: L.rand(2, 3, out=L.empty(0, dtype=L.float64)),
    "rand of the same shape": lambda L: L.rand(2, 3, out=L.zeros(2, 3)),
    "rand into a transposed tensor": lambda L: L.rand(2, 3, out=L.zeros(3, 2).t()),
    "randn": lambda L: L.randn(20, out=L.empty(20)),
    "randint": lambda L: L.randint(9, (5,), out=L.empty(5)),
    "randperm": lambda L: L.randperm(5, out=L.empty(0)),
    "normal of numbers": lambda L: L.normal(1.0, 2.0, (5,), out=L.empty(5)),
    "normal of tensors": lambda L: L.normal(L.zeros(5), L.ones(5), out=L.empty(5)),
    "bernoulli": lambda L: L.bernoulli(L.full((9,), 0.5), out=L.empty(9)),
    "multinomial": lambda L: L.multinomial(L.ones(4), 2, out=L.empty(0, dtype=L.int64)),
}


@pytest.mark.parametrize("name", OUT)
def test_out(name):
    check_same(OUT[name])


def test_out_is_the_tensor_itself_and_views_of_it_see_the_numbers():
    t = flashlight.zeros(4)
    seen = t[1:]
    assert flashlight.rand(4, out=t) is t
    assert (seen > 0).all()


REFUSED = {
    "rand of ints": lambda L: L.rand(2, dtype=L.int64),
    "randn of ints": lambda L: L.randn(2, dtype=L.int64),
    "negative size": lambda L: L.randn(2, -1),
    "randint without size": lambda L: L.randint(5),
    "randint with a number for size": lambda L: L.randint(5, 2),
    "randint with low twice": lambda L: L.randint(3, (2,), low=0),
    "randint of nothing": lambda L: L.randint(5, 5, (2,)),
    "randint out of uint8": lambda L: L.randint(0, 300, (2,), dtype=L.uint8),
    "randint of a float": lambda L: L.randint(5.0, (2,)),
    "randint of a float tensor": lambda L: L.randint(5, (2,), out=L.empty(2, dtype=L.complex64)),
    "randperm negative": lambda L: L.randperm(-1),
    "randperm of a float": lambda L: L.randperm(2.0),
    "randperm too long": lambda L: L.randperm(300, dtype=L.uint8),
    "rand into another dtype": lambda L: L.rand(2, out=L.empty(2), dtype=L.float64),
    "normal without size": lambda L: L.normal(0.0, 1.0),
    "normal with a number for size": lambda L: L.normal(0.0, 1.0, 2),
    "normal with a negative std": lambda L: L.normal(L.zeros(2), -1.0),
    "normal with negative stds": lambda L: L.normal(L.zeros(2), -L.ones(2)),
    "normal of shapes that do not broadcast": lambda L: L.normal(L.zeros(2), L.ones(3)),
    "normal of ints": lambda L: L.normal(L.zeros(2, dtype=L.int64), 1.0),
    "normal of tensors with a size": lambda L: L.normal(L.zeros(2), L.ones(2), (2,)),
    "bernoulli of a number": lambda L: L.bernoulli(0.5),
    "bernoulli out of range": lambda L: L.bernoulli(L.tensor([0.5, 2.0])),
    "bernoulli(p) out of range": lambda L: L.bernoulli(L.zeros(2), 1.3),
    "bernoulli of ints": lambda L: L.bernoulli(L.ones(2, dtype=L.int64)),
    "poisson negative": lambda L: L.poisson(L.tensor([-1.0])),
    "poisson of ints": lambda L: L.poisson(L.ones(2, dtype=L.int64)),
    "binomial of ints": lambda L: L.binomial(L.tensor([5]), L.tensor([0.5])),
    "binomial of two dtypes": lambda L: L.binomial(L.tensor([5.0]), L.tensor([0.5], dtype=L.float64)),
    "multinomial of too many": lambda L: L.multinomial(L.ones(2), 3),
    "multinomial of none": lambda L: L.multinomial(L.ones(2), 0),
    "multinomial of zeros": lambda L: L.multinomial(L.zeros(2), 1),
    "multinomial negative": lambda L: L.multinomial(-L.ones(2), 1),
    "multinomial of 3 dimensions": lambda L: L.multinomial(L.ones(2, 2, 2), 1),
    "multinomial of ints": lambda L: L.multinomial(L.tensor([5, 1]), 1),
    "multinomial into floats": lambda L: L.multinomial(L.ones(2), 1, out=L.empty(0)),
    "rand_like of ints": lambda L: L.rand_like(L.ones(2, dtype=L.int64)),
    "rand_like of a list": lambda L: L.rand_like([1.0]),
    "uniform_ out of order": lambda L: L.empty(2).uniform_(2, 1),
    "uniform_ of a string": lambda L: L.empty(2).uniform_("a"),
    "uniform_ of ints": lambda L: L.empty(2, dtype=L.int64).uniform_(),
    "uniform_ of a leaf": lambda L: L.empty(2, requires_grad=True).uniform_(),
    "uniform_ of a view of a leaf": lambda L: L.empty(2, requires_grad=True)[:1].uniform_(),
    "uniform_ of an expanded tensor": lambda L: L.empty(2).expand(3, 2).uniform_(),
    "normal_ with a negative std": lambda L: L.empty(2).normal_(0, -2),
    "normal_ of bools": lambda L: L.empty(2, dtype=L.bool).normal_(),
    "exponential_ negative": lambda L: L.empty(2).exponential_(-1),
    "exponential_ of ints": lambda L: L.empty(2, dtype=L.int64).exponential_(),
    "geometric_ of 0": lambda L: L.empty(2).geometric_(0),
    "geometric_ of nothing": lambda L: L.empty(2).geometric_(),
    "cauchy_ negative": lambda L: L.empty(2).cauchy_(0, -1),
    "log_normal_ of 0": lambda L: L.empty(2).log_normal_(1, 0),
    "random_ out of order": lambda L: L.empty(2).random_(5, 2),
    "random_ of 0": lambda L: L.empty(2).random_(0),
    "random_ of a float": lambda L: L.empty(2).random_(2.5),
    "random_ from alone": lambda L: L.empty(2).random_(**{"from": 1}),
    "random_ out of uint8": lambda L: L.empty(2, dtype=L.uint8).random_(300),
    "bernoulli_ out of range": lambda L: L.empty(2).bernoulli_(3),
    "bernoulli_ of complex": lambda L: L.empty(2, dtype=L.complex64).bernoulli_(),
    "bernoulli_ of too many": lambda L: L.empty(2).bernoulli_(L.ones(2, 1)),
    "ints that require grad": lambda L: L.randint(5, (2,), requires_grad=True),
}
OWN_WORDS = {
    "randint with a number for size", "geometric_ of nothing", "ints that require grad", "random_ from alone",
    "bernoulli_ of too many", "randint of a float tensor",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_in_torch(name):
    state = flashlight.get_rng_state()
    refused(REFUSED[name], "" if name in OWN_WORDS else None)
    if not name.startswith(("multinomial", "ints that")):  # refused after drawing
        assert (flashlight.get_rng_state() == state).all()


@pytest.mark.parametrize("call", [lambda L: L.rand(2, generator=3), lambda L: L.empty(2).uniform_(generator=3)])
def test_generators_must_be_generators(call):
    refused(call, "")


# -------------------------------------------------------------------------------------------------------------- filling
FILLED = {
    "uniform_": lambda t, L: t.uniform_(),
    "uniform_(a, b)": lambda t, L: t.uniform_(-2, 3.5),
    "uniform_(to=)": lambda t, L: t.uniform_(to=2),
    "uniform_(from=, to=)": lambda t, L: t.uniform_(**{"from": 1.0, "to": 3.0}),
    "uniform_ with a generator": lambda t, L: t.uniform_(0, 1, generator=generator(L)),
    "normal_": lambda t, L: t.normal_(),
    "normal_(mean, std)": lambda t, L: t.normal_(1, std=2.0),
    "exponential_": lambda t, L: t.exponential_(lambd=2),
    "geometric_": lambda t, L: t.geometric_(0.3),
    "cauchy_": lambda t, L: t.cauchy_(median=1, sigma=2),
    "log_normal_": lambda t, L: t.log_normal_(mean=0.5, std=0.7, generator=generator(L)),
    "random_": lambda t, L: t.random_(),
    "random_(to)": lambda t, L: t.random_(7),
    "random_(to=)": lambda t, L: t.random_(to=7),
    "random_(from, to)": lambda t, L: t.random_(-5, 7),
    "random_(from=, to=)": lambda t, L: t.random_(**{"from": 2, "to": 9}),
    "random_(from, None)": lambda t, L: t.random_(2, None),
    "bernoulli_": lambda t, L: t.bernoulli_(),
    "bernoulli_(p)": lambda t, L: t.bernoulli_(0.2, generator=generator(L)),
    "bernoulli_(tensor)": lambda t, L: t.bernoulli_(L.linspace(0, 1, t.shape[-1])),
    "bernoulli_(double tensor)": lambda t, L: t.bernoulli_(L.tensor(0.3, dtype=L.float64)),
}
LAYOUTS = {
    "contiguous": lambda L: L.zeros(4, 6),
    "small": lambda L: L.zeros(3),
    "float64": lambda L: L.zeros(4, 6, dtype=L.float64),
    "float16": lambda L: L.zeros(4, 6, dtype=L.float16),
    "transposed": lambda L: L.zeros(6, 4).t(),
    "channels_last": lambda L: L.zeros(2, 3, 4, 5).to(memory_format=L.channels_last),
    "computed": lambda L: L.zeros(4, 6, requires_grad=True) * 1,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("method", FILLED)
def test_filling(method, layout):
    if layout == "channels_last" and method == "bernoulli_(tensor)":
        probabilities = lambda t, L: t.bernoulli_(L.linspace(0, 1, 60).view(3, 4, 5))
        check_same(lambda L: probabilities(LAYOUTS[layout](L), L))
        return
    loose = 1e-3 if layout == "float16" else 2e-5  # the fast logarithms and tangents differ in the last place
    check_name = layout != "computed" or not method.startswith("random_")

    def fn(L):
        t = FILLED[method](LAYOUTS[layout](L), L)
        return t if check_name else t.detach()

    check_same(fn, atol=loose, rtol=loose)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int32", "int64"])
@pytest.mark.parametrize("method", ["random_", "bernoulli_", "bernoulli_(p)", "geometric_"])
def test_filling_integers(method, dtype):
    if dtype == "bool" and method == "geometric_":
        refused(lambda L: L.zeros(5, dtype=L.bool).geometric_(0.3))
        return
    check_same(lambda L: FILLED[method](L.zeros(40, dtype=getattr(L, dtype)), L))


@pytest.mark.parametrize("part", ["rows", "columns", "strided", "diagonal"])
@pytest.mark.parametrize("method", ["uniform_", "normal_", "random_(to)", "bernoulli_(p)"])
def test_filling_a_view_writes_to_its_base(method, part):
    def fn(L):
        base = L.zeros(8, 8)
        seen = {"rows": base[1:4], "columns": base[:, 1:4], "strided": base[::2, ::3], "diagonal": base.diagonal()}[
            part
        ]
        assert FILLED[method](seen, L) is seen
        return base

    check_same(fn)


def test_a_leaf_is_filled_under_no_grad():
    def fn(L):
        leaf = L.zeros(3, requires_grad=True)
        with L.no_grad():
            leaf.uniform_()
        leaf.data.mul_(2)
        leaf.data.normal_()
        assert leaf.is_leaf
        return leaf

    check_same(fn)


# ------------------------------------------------------------------------------------------------------------ gradients
DIFFERENTIABLE = {
    "uniform_": lambda x, L: (x * 2).uniform_(),
    "normal_": lambda x, L: (x * 2).normal_(),
    "random_": lambda x, L: (x * 2).random_(5),
    "bernoulli_": lambda x, L: (x * 2).bernoulli_(0.5),
    "bernoulli_(tensor)": lambda x, L: (x * 2).bernoulli_(x),
    "a view of a computed tensor": lambda x, L: _filled_half(x * 2),
    "bernoulli": lambda x, L: L.bernoulli(x),
    "poisson": lambda x, L: L.poisson(x),
    "normal": lambda x, L: L.normal(x, x[:1]),
    "normal mean": lambda x, L: L.normal(x, 2.0),
    "normal std": lambda x, L: L.normal(2.0, x),
}


def _filled_half(y):
    y[:2].uniform_()
    return y


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_are_torchs(name):
    def fn(L):
        x = L.tensor([0.1, 0.5, 0.9], requires_grad=True)
        weights = L.tensor([1.0, 2.0, 3.0])
        (DIFFERENTIABLE[name](x, L) * weights).sum().backward()
        return x.grad

    check_same(fn)


@pytest.mark.parametrize(
    "call",
    [
        lambda L, x: L.bernoulli(x, 0.5),
        lambda L, x: L.binomial(L.full((3,), 5.0), x),
        lambda L, x: L._sample_dirichlet(x),
    ],
)
def test_what_torch_does_not_differentiate_raises(call):
    refused(lambda L: call(L, L.full((3,), 0.5, requires_grad=True)).sum().backward())


def test_gamma_variates_are_differentiated():
    def gradient(L):
        L.manual_seed(1)
        x = L.tensor([0.3, 1.0, 2.5, 40.0], requires_grad=True)
        L._standard_gamma(x).sum().backward()
        return x.grad.tolist()

    assert gradient(flashlight) == pytest.approx(gradient(torch), rel=2e-4)


# ------------------------------------------------------------------------------------------------------- devices, forms
def test_nothing_is_drawn_on_the_meta_device():
    state = flashlight.get_rng_state()
    made = [
        flashlight.rand(2, 3, device="meta"),
        flashlight.randn(2, 3, device="meta"),
        flashlight.randperm(4, device="meta"),
        flashlight.randint(5, (2,), device="meta"),
        flashlight.empty(3, device="meta").uniform_(),
        flashlight.bernoulli(flashlight.empty(3, device="meta")),
        flashlight.multinomial(flashlight.empty(2, 3, device="meta"), 2),
        flashlight.normal(flashlight.empty(3, device="meta"), 2),
        flashlight.rand_like(flashlight.empty(3, device="meta")),
    ]
    assert all(t.is_meta for t in made)
    assert [tuple(t.shape) for t in made][:4] == [(2, 3), (2, 3), (4,), (2,)] and tuple(made[6].shape) == (2, 2)
    assert (flashlight.get_rng_state() == state).all()


def test_device_labels_change_no_number():
    flashlight.manual_seed(1)
    expected = flashlight.rand(3)
    flashlight.manual_seed(1)
    labelled = flashlight.rand(3, device="mps")
    assert str(labelled.device) == "mps:0" and labelled.tolist() == expected.tolist()


def test_static_forms():
    flashlight.manual_seed(0)
    made = flashlight.Tensor.randn((3, 2)), flashlight.Tensor.rand((4,)), flashlight.Tensor.randint(0, 5, (6,))
    torch.manual_seed(0)
    for ours, theirs in zip(made, (torch.randn(3, 2), torch.rand(4), torch.randint(0, 5, (6,)))):
        equal(ours, theirs, "static form", 1e-6, 1e-6)
    assert flashlight.Tensor.zeros((2, 3)).shape == (2, 3) and flashlight.Tensor.ones(2, 3).sum().item() == 6
    assert flashlight.Tensor.zeros((2,), dtype=flashlight.int64).dtype is flashlight.int64


def test_only_strided_layouts():
    with pytest.raises(NotImplementedError, match="sparse_coo"):
        flashlight.rand(2, layout=flashlight.sparse_coo)


# ----------------------------------------------------------------------------------------------------------- generators
def test_generators_are_torchs():
    for seed in (0, -1, 2**63, 2**64 - 1):
        ours, theirs = flashlight.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
        assert ours.initial_seed() == theirs.initial_seed()
        np.testing.assert_array_equal(ours.get_state().numpy(), theirs.get_state().numpy())
    assert flashlight.Generator().initial_seed() == torch.Generator().initial_seed()
    assert ours.device == flashlight.device("cpu") and str(flashlight.Generator(device="mps").device) == "mps:0"
    assert isinstance(ours.seed(), int) and isinstance(flashlight.default_generator, flashlight.Generator)


@pytest.mark.parametrize(
    "call",
    [
        lambda L: L.Generator().manual_seed(1.5),
        lambda L: L.Generator().manual_seed(True),
        lambda L: L.manual_seed(2**64),
        lambda L: L.manual_seed("a"),
        lambda L: L.Generator().set_state(3),
        lambda L: L.set_rng_state(L.zeros(5056)),
        lambda L: L.set_rng_state(L.zeros(3, dtype=L.uint8)),
        lambda L: L.Generator("meta"),
        lambda L: L.Generator().get_offset(),
        lambda L: L.Generator().set_offset(3),
        lambda L: L.Generator().graphsafe_get_state(),
        lambda L: L.Generator().graphsafe_set_state(L.Generator()),
    ],
)
def test_generators_refuse_what_torchs_do(call):
    refused(call)


def test_states_go_to_torch_and_back():
    theirs = torch.Generator().manual_seed(5)
    torch.randn(3, generator=theirs)
    ours = flashlight.Generator()
    ours.set_state(flashlight.tensor(theirs.get_state().numpy()))
    equal(flashlight.randn(40, generator=ours), torch.randn(40, generator=theirs), "numbers", 1e-6, 1e-6)
    theirs.set_state(torch.tensor(ours.get_state().numpy()))
    equal(flashlight.rand(4, generator=ours), torch.rand(4, generator=theirs), "numbers", 0, 0)


def test_clones_copies_and_pickles_continue_alike():
    g = generator(flashlight)
    flashlight.randn(3, generator=g)
    others = [g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))]
    expected = flashlight.randn(5, generator=g).tolist()
    for other in others:
        assert type(other) is flashlight.Generator
        assert flashlight.randn(5, generator=other).tolist() == expected


def test_manual_seed_returns_the_default_generator():
    assert flashlight.manual_seed(3) is flashlight.default_generator is random.default_generator
    assert flashlight.initial_seed() == random.initial_seed() == 3
    assert flashlight.manual_seed(flashlight.tensor(4)).initial_seed() == 4
    assert flashlight.seed() == flashlight.initial_seed()


def test_workers_draw_from_their_own_default_generator():
    assert random.thread_safe_generator() is torch.random.thread_safe_generator() is None
    assert set(torch.random.__all__) <= set(random.__all__)


def test_fork_rng():
    flashlight.manual_seed(1)
    expected = flashlight.rand(2).tolist()
    flashlight.manual_seed(1)
    for options in ({}, {"devices": []}, {"devices": [0]}, {"devices": ["cpu", "mps:0"]}, {"device_type": "cuda"}):
        with random.fork_rng(**options):
            flashlight.rand(7)
    with pytest.raises(ZeroDivisionError), random.fork_rng():
        flashlight.manual_seed(9)
        1 / 0
    assert flashlight.rand(2).tolist() == expected
    flashlight.manual_seed(1)
    with random.fork_rng(enabled=False):
        assert flashlight.rand(2).tolist() == expected
    assert flashlight.rand(2).tolist() != expected
    with pytest.raises(RuntimeError, match="one device"), random.fork_rng(devices=[3]):
        pass


# -------------------------------------------------------------------------------------------------- the device's engine
@pytest.fixture
def mlx_engine():
    random.use_engine("mlx")
    yield
    random.use_engine("torch")


def test_the_mlx_engine_is_chosen_and_refused_by_name(mlx_engine):
    assert random.engine() == "mlx"
    with pytest.raises(ValueError, match="unknown random engine"):
        random.use_engine("cuda")


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("method", FILLED)
def test_the_mlx_engine_repeats_itself(mlx_engine, method, dtype):
    def fill():
        flashlight.manual_seed(3)
        return FILLED[method](flashlight.zeros(6, 5, dtype=getattr(flashlight, dtype)).t(), flashlight)

    a = fill()
    assert a.shape == (5, 6) and a.dtype is getattr(flashlight, dtype) and (a == fill()).all()


def test_the_mlx_engine_draws_the_distributions(mlx_engine):
    flashlight.manual_seed(0)
    n = 20_000
    assert abs(flashlight.rand(n).mean().item() - 0.5) < 0.02
    normal = flashlight.normal(flashlight.full((n,), 3.0), 2.0)
    assert abs(normal.mean().item() - 3) < 0.1 and abs(((normal - 3) ** 2).mean().item() - 4) < 0.3
    assert sorted(flashlight.randperm(50).tolist()) == list(range(50))
    counts = flashlight.randint(-3, 4, (n,))
    assert counts.min().item() == -3 and counts.max().item() == 3 and counts.dtype is flashlight.int64
    assert abs(flashlight.bernoulli(flashlight.full((n,), 0.3)).mean().item() - 0.3) < 0.02
    drawn = flashlight.multinomial(flashlight.tensor([0.0, 1.0, 3.0]), n, replacement=True)
    assert drawn.dtype is flashlight.int64 and abs((drawn == 2).float().mean().item() - 0.75) < 0.02
    assert flashlight.rand(3, dtype=flashlight.float64).dtype is flashlight.float64


@pytest.mark.parametrize("name", [n for n in REFUSED if n.split()[0] not in ("poisson", "binomial")])
def test_the_mlx_engine_refuses_what_the_other_does(mlx_engine, name):
    with pytest.raises(Exception) as theirs:
        REFUSED[name](torch)
    with pytest.raises(theirs.type):
        result = REFUSED[name](flashlight)
        result.tolist()


def test_states_of_the_mlx_engine(mlx_engine):
    flashlight.manual_seed(3)
    state = flashlight.get_rng_state()
    expected = flashlight.rand(3).tolist()
    flashlight.set_rng_state(state)
    assert flashlight.rand(3).tolist() == expected
    random.use_engine("torch")
    with pytest.raises(RuntimeError, match="use_engine"):
        flashlight.set_rng_state(state)


def test_traced_functions_draw_on_the_device_or_refuse():
    flashlight.manual_seed(3)
    twister = flashlight.default_generator._twister_state()
    with lazy.paused():
        drawn = flashlight.rand(1000)
        with pytest.raises(RuntimeError, match="cannot be done inside a traced function"):
            flashlight.rand(3, dtype=flashlight.float64)
    assert 0.4 < drawn.mean().item() < 0.6
    np.testing.assert_array_equal(flashlight.default_generator._twister_state(), twister)

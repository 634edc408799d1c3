"""Every optimizer against torch: values, state and state dicts after many steps, in every dtype."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import flashlight
import flashlight.optim as ours
from flashlight._core import lazy

from .cases import CASES, IDS, REAL_ONLY, Run, both, numbers, same_state

EVERY = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)


@EVERY
@pytest.mark.parametrize(("dtype", "rtol", "atol"), [("float32", 1e-6, 1e-6), ("float64", 1e-12, 1e-13)])
def test_thirty_steps(name, options, dtype, rtol, atol):
    mine, theirs = both(name, options, dtype=dtype)
    mine.steps(30), theirs.steps(30)
    for a, b in zip(mine.params, theirs.params, strict=True):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=rtol, atol=atol)
    same_state(mine.optimizer.state_dict(), theirs.optimizer.state_dict(), rtol, atol)
    assert repr(mine.optimizer) == repr(theirs.optimizer)


@EVERY
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_rounds_where_torch_does(name, options, dtype):
    if name == "Muon":
        pytest.skip("torch multiplies half-precision matrices in an order of its own, and divides the buffer in place")
    mine, theirs = both(name, options, dtype=dtype)
    mine.steps(30), theirs.steps(30)
    # a fused multiply-add in torch's kernels may move a value by one unit in the last place
    ulp = 2**-7 if dtype == "bfloat16" else 2**-10
    for a, b in zip(mine.params, theirs.params, strict=True):
        assert np.mean(numbers(a) == numbers(b)) > 0.97 or np.isnan(numbers(b)).any()
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=2 * ulp, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "options"),
    [c for c in CASES if c[0] not in REAL_ONLY],
    ids=[i for i in IDS if i.split("-")[0] not in REAL_ONLY],
)
def test_complex_parameters(name, options):
    mine, theirs = both(name, options, dtype="complex64", shapes=[(3, 4), (), (0, 2)])
    mine.steps(12), theirs.steps(12)
    for a, b in zip(mine.params, theirs.params, strict=True):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=2e-6, atol=2e-6)
    same_state(mine.optimizer.state_dict(), theirs.optimizer.state_dict(), 2e-6, 2e-6)


@pytest.mark.parametrize("name", REAL_ONLY)
def test_complex_parameters_refused(name):
    for lib in (torch, flashlight):
        run = Run(lib, name, {}, dtype="complex64", shapes=[(3, 4)])
        with pytest.raises(RuntimeError, match=f"{name} does not support complex parameters"):
            run.steps(1)


@pytest.mark.parametrize("name", [n for n in dict(CASES) if n != "Muon"])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (2, 3, 4, 2)])
def test_shapes(name, shape):
    mine, theirs = both(name, {}, shapes=[shape])
    mine.steps(3)
    if name == "Adafactor" and 0 in shape:
        with pytest.raises(ZeroDivisionError):  # torch divides by the number of elements on the host
            theirs.steps(3)
        return
    theirs.steps(3)
    np.testing.assert_allclose(numbers(mine.params[0]), numbers(theirs.params[0]), rtol=1e-5, atol=1e-6)


def test_signatures_and_modules():
    for name in torch.optim.__all__:
        theirs = getattr(torch.optim, name)
        mine = getattr(ours, name)
        if inspect.isclass(theirs):
            assert mine.__module__ == theirs.__module__.replace("torch", "flashlight", 1)
            a, b = (inspect.signature(cls.__init__).parameters for cls in (mine, theirs))
            assert [(p.name, p.kind, p.default) for p in a.values()] == [
                (p.name, p.kind, p.default) for p in b.values()
            ], name


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adadelta", "RMSprop", "ASGD", "Rprop"])
def test_capturable_keeps_the_count_on_the_device(name):
    plain, counted = Run(flashlight, name, {}).steps(8), Run(flashlight, name, {"capturable": True}).steps(8)
    for a, b in zip(plain.params, counted.params, strict=True):
        np.testing.assert_allclose(numbers(b), numbers(a), rtol=2e-4, atol=2e-5)
    assert {s["step"].item() for s in counted.optimizer.state.values()} == {8.0}


@pytest.mark.parametrize("name", [n for n in dict(CASES) if n != "Muon"])
def test_steps_where_values_cannot_be_read(name):
    plain, traced = (Run(flashlight, name, {"lr": flashlight.tensor(0.05)}) for _ in range(2))
    plain.steps(4)
    traced.steps(1)
    with lazy.paused():
        traced.steps(3)
    for a, b in zip(plain.params, traced.params, strict=True):
        np.testing.assert_allclose(numbers(b), numbers(a), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("option", ["foreach", "fused"])
def test_choice_of_implementation_changes_nothing(option):
    plain, chosen = Run(flashlight, "Adam", {}).steps(5), Run(flashlight, "Adam", {option: True}).steps(5)
    for a, b in zip(plain.params, chosen.params, strict=True):
        assert (numbers(a) == numbers(b)).all()


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad"])
def test_fused_takes_real_parameters_only(name):
    for lib in (torch, flashlight):
        with pytest.raises(
            RuntimeError, match="requires all the params to be floating point Tensors of supported devices"
        ):
            Run(lib, name, {"fused": True}, dtype="complex64", shapes=[(2,)]).steps(1)


BAD = [
    ("SGD", {"lr": -1.0}), ("SGD", {"momentum": -0.5}), ("SGD", {"weight_decay": -0.1}), ("SGD", {"nesterov": True}),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}), ("SGD", {"fused": True, "foreach": True}),
    ("SGD", {"fused": True, "differentiable": True}),
    ("Adam", {"lr": -1.0}), ("Adam", {"eps": -1.0}), ("Adam", {"betas": (1.0, 0.9)}), ("Adam", {"betas": (0.9, -0.1)}),
    ("Adam", {"weight_decay": -1}), ("Adam", {"betas": (0, 0.9)}), ("Adam", {"fused": True, "foreach": True}),
    ("Adam", {"fused": True, "differentiable": True}), ("Adam", {"lr": float("nan")}),
    ("AdamW", {"lr": -1e-3}), ("AdamW", {"weight_decay": -1}), ("AdamW", {"betas": (0.9, 1.5)}),
    ("Adamax", {"lr": -1}), ("Adamax", {"betas": (0.0, 1.0)}), ("Adamax", {"eps": -1}), ("Adamax", {"weight_decay": -1}),
    ("NAdam", {"lr": -1}), ("NAdam", {"betas": (1.0, 0.0)}), ("NAdam", {"momentum_decay": -0.2}), ("NAdam", {"eps": -1}),
    ("RAdam", {"betas": (1.0, 0.0)}), ("RAdam", {"weight_decay": -1}), ("RAdam", {"lr": -1}), ("RAdam", {"eps": -1}),
    ("Adagrad", {"lr_decay": -0.5}), ("Adagrad", {"initial_accumulator_value": -1}), ("Adagrad", {"lr": -1}), ("Adagrad", {"eps": -1}),
    ("Adagrad", {"weight_decay": -1}), ("Adagrad", {"fused": True, "foreach": True}),
    ("Adadelta", {"rho": 1.1}), ("Adadelta", {"lr": -1}), ("Adadelta", {"eps": -1}), ("Adadelta", {"weight_decay": -1}),
    ("Adafactor", {"lr": -1.0}), ("Adafactor", {"beta2_decay": 0.8}), ("Adafactor", {"eps": (-1e-30, 1e-3)}),
    ("Adafactor", {"eps": (None, -1)}), ("Adafactor", {"d": 0.0}), ("Adafactor", {"weight_decay": -0.1}),
    ("RMSprop", {"momentum": -1.0}), ("RMSprop", {"alpha": -1}), ("RMSprop", {"lr": -1}), ("RMSprop", {"eps": -1}),
    ("RMSprop", {"weight_decay": -1}),
    ("Rprop", {"etas": (1.0, 0.5)}), ("Rprop", {"lr": -1}), ("ASGD", {"weight_decay": -0.5}), ("ASGD", {"lr": -1}),
    ("SparseAdam", {"lr": 0.0}), ("SparseAdam", {"eps": 0.0}), ("SparseAdam", {"betas": (1.0, 0.0)}),
    ("Muon", {"lr": -1}), ("Muon", {"momentum": -1}), ("Muon", {"weight_decay": -1}), ("Muon", {"adjust_lr_fn": "other"}),
    ("LBFGS", {"lr": -1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), BAD, ids=[f"{n}-{o}" for n, o in BAD])
def test_bad_options_raise_as_torch_does(name, options):
    with pytest.raises(Exception) as theirs:
        getattr(torch.optim, name)([torch.zeros(2, 2)], **options)
    with pytest.raises(theirs.type) as mine:
        getattr(ours, name)([flashlight.zeros(2, 2)], **options)
    assert str(mine.value) == str(theirs.value)


@pytest.mark.parametrize("name", [n for n in dict(CASES) if n not in ("Muon",)])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_learning_rate_as_a_tensor(name, shape):
    runs = [Run(lib, name, {"lr": lib.full(shape, 0.05)}) for lib in (flashlight, torch)]
    for run in runs:
        run.steps(3)
        run.optimizer.param_groups[0]["lr"].fill_(0.02)
        run.steps(3)
    for a, b in zip(runs[0].params, runs[1].params, strict=True):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=2e-6, atol=2e-6)


def test_learning_rate_tensor_must_have_one_element():
    for name in [n for n in torch.optim.__all__ if isinstance(getattr(torch.optim, n), type) and n != "Optimizer"]:
        with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
            getattr(ours, name)([flashlight.zeros(2, 2)], lr=flashlight.ones(2))


def test_tensor_options_of_adam():
    for lib, module in ((torch, torch.optim), (flashlight, ours)):
        p = lib.zeros(2, 2)
        with pytest.raises(ValueError, match="lr as a Tensor is not supported for capturable=False and foreach=True"):
            module.Adam([p], lr=lib.tensor(0.1), foreach=True)
        with pytest.raises(ValueError, match=r"betas\[0\] as a Tensor is not supported"):
            module.Adam([p], betas=(lib.tensor(0.9), lib.tensor(0.99)), foreach=True)
        with pytest.raises(ValueError, match="betas must be either both floats or both Tensors"):
            module.Adam([p], betas=(lib.tensor(0.9), 0.99))
    runs = [Run(lib, "Adam", {"betas": (lib.tensor(0.8), lib.tensor([0.99]))}).steps(4) for lib in (flashlight, torch)]
    np.testing.assert_allclose(numbers(runs[0].params[0]), numbers(runs[1].params[0]), rtol=2e-6, atol=2e-6)


def test_sparse_adam_needs_sparse_gradients():
    for lib, module in ((torch, torch.optim), (flashlight, ours)):
        p = lib.ones(3, 2).requires_grad_()
        optimizer = module.SparseAdam([p])
        assert optimizer.step(lambda: 5.0) == 5.0
        p.grad = lib.ones(3, 2)
        with pytest.raises(
            RuntimeError, match="SparseAdam does not support dense gradients, please consider Adam instead"
        ):
            optimizer.step()
        with pytest.raises(ValueError, match=r"Complex params at indices \[\[0, 0\]\]"):
            module.SparseAdam([lib.zeros(2, dtype=lib.complex64)])


def trained_table(lib, bag: bool, dtype: str, **options):
    """A table trained on a few rows; some of them with a gradient of zero, in two passes, with gradients set to zero."""
    start = lib.tensor(np.random.RandomState(0).randn(7, 3)).to(getattr(lib, dtype))
    if bag:
        table = lib.nn.EmbeddingBag(7, 3, mode="mean", sparse=True, padding_idx=0, _weight=start)
    else:
        table = lib.nn.Embedding(7, 3, sparse=True, padding_idx=0, _weight=start)
    optimizer = lib.optim.SparseAdam(table.parameters(), lr=0.1, **options)
    weights = lib.tensor([[[1.0], [0.0]], [[2.0], [-0.0]]], dtype=getattr(lib, dtype))
    draws = np.random.RandomState(1)
    for i in range(6):
        (optimizer if i % 2 else table).zero_grad(set_to_none=i < 3)
        for _ in range(2):
            out = table(lib.tensor(draws.randint(0, 7, (2, 2))))
            ((out if bag else out * weights) ** 2).sum().backward()
        optimizer.step()
    return table.weight, optimizer.state[table.weight]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("bag", [False, True])
def test_sparse_adam_trains_the_rows_that_were_looked_up(bag, maximize, dtype):
    (a, mine), (b, theirs) = (trained_table(lib, bag, dtype, maximize=maximize) for lib in (flashlight, torch))
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=2e-6, atol=1e-6)
    assert mine["step"] == theirs["step"] == 6
    for name in ("exp_avg", "exp_avg_sq"):
        np.testing.assert_allclose(mine[name].numpy(), theirs[name].numpy(), rtol=2e-5, atol=1e-6)


def test_muon_refuses_what_is_no_matrix():
    for lib, module in ((torch, torch.optim), (flashlight, ours)):
        with pytest.raises(ValueError, match="Muon only supports 2D parameters whereas we found a parameter with size"):
            module.Muon([lib.zeros(3)])
        for options in ({"ns_steps": 100}, {"ns_coefficients": (1.0, 2.0)}):
            p = lib.zeros(2, 2).requires_grad_()
            optimizer = module.Muon([p], **options)
            p.grad = lib.ones(2, 2)
            with pytest.raises(ValueError, match="must be"):
                optimizer.step()

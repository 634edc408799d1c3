"""The base of optimizers: groups, hooks, closures, copies, errors."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

import flashlight
import flashlight.optim as ours
from flashlight.nn.parameter import Parameter
from flashlight.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from .cases import Run, both, numbers

LIBRARIES = [(flashlight, ours), (torch, torch.optim)]


def raised(scenario):
    """The errors a scenario raises in each library, as (type, text)."""
    found = []
    for lib, optim in LIBRARIES:
        with pytest.raises(Exception) as error:
            scenario(lib, optim)
        found.append((error.type, str(error.value).replace("flashlight", "torch")))
    return found


ERRORS = {
    "empty": lambda lib, optim: optim.SGD([], lr=0.1),
    "one tensor": lambda lib, optim: optim.SGD(lib.zeros(2), lr=0.1),
    "no tensor": lambda lib, optim: optim.SGD([3], lr=0.1),
    "a string": lambda lib, optim: optim.SGD(["a"], lr=0.1),
    "a set": lambda lib, optim: optim.SGD([{"params": {lib.zeros(2)}}], lr=0.1),
    "group is no dict": lambda lib, optim: optim.SGD([{"params": [lib.zeros(2)]}, [lib.zeros(1)]], lr=0.1),
    "no leaf": lambda lib, optim: optim.SGD([lib.zeros(2).requires_grad_() * 2], lr=0.1),
    "twice": lambda lib, optim: (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1))(lib.zeros(2)),
    "some names": lambda lib, optim: optim.SGD([("a", lib.zeros(2)), lib.zeros(2)], lr=0.1),
    "groups with and without names": lambda lib, optim: optim.SGD(
        [{"params": [("a", lib.zeros(2))]}, {"params": [lib.zeros(2)]}], lr=0.1
    ),
    "groups without and with names": lambda lib, optim: optim.SGD(
        [{"params": [lib.zeros(2)]}, {"params": [("a", lib.zeros(2))]}], lr=0.1
    ),
    "no step": lambda lib, optim: optim.Optimizer([lib.zeros(2)], {}).step(),
    "LBFGS groups": lambda lib, optim: optim.LBFGS([{"params": [lib.zeros(2)]}, {"params": [lib.zeros(1)]}]),
    "other number of groups": lambda lib, optim: optim.SGD([lib.zeros(2)]).load_state_dict(
        {"state": {}, "param_groups": []}
    ),
    "other size of group": lambda lib, optim: optim.SGD([lib.zeros(2)]).load_state_dict(
        optim.SGD([lib.zeros(2), lib.zeros(1)]).state_dict()
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_torchs(case):
    mine, theirs = raised(ERRORS[case])
    assert mine == theirs


def test_required_option():
    from torch.optim.optimizer import required as theirs

    from flashlight.optim.optimizer import required

    assert repr(required) == repr(theirs)
    for (lib, optim), need in zip(LIBRARIES, (required, theirs), strict=True):
        with pytest.raises(
            ValueError, match="parameter group didn't specify a value of required optimization parameter lr"
        ):
            optim.Optimizer([{"params": [lib.zeros(2)]}], {"lr": need})
        assert optim.Optimizer([{"params": [lib.zeros(2)], "lr": 3}], {"lr": need}).param_groups[0]["lr"] == 3


def test_duplicate_parameters_warn():
    for lib, optim in LIBRARIES:
        p = lib.ones(2).requires_grad_()
        with pytest.warns(UserWarning, match="optimizer contains a parameter group with duplicate parameters"):
            optimizer = optim.SGD([p, p], lr=0.5)
        p.grad = lib.ones(2)
        optimizer.step()
        assert p.tolist() == [0.0, 0.0]
        assert optimizer.state_dict()["param_groups"][0]["params"] == [1, 1]


def test_groups_have_options_of_their_own():
    results = []
    for lib, optim in LIBRARIES:
        a, b, c = (lib.ones(2).requires_grad_() for _ in range(3))
        optimizer = optim.Adam(
            [{"params": [a], "lr": 0.1, "name": "first"}, {"params": b, "weight_decay": 0.5}], lr=0.01
        )
        optimizer.add_param_group({"params": (p for p in [c]), "betas": (0.5, 0.6)})
        for _ in range(3):
            for p in (a, b, c):
                p.grad = lib.full((2,), 0.3)
            optimizer.step()
        results.append(
            (optimizer.state_dict()["param_groups"], repr(optimizer), np.stack([numbers(p) for p in (a, b, c)]))
        )
    (mine, text, values), (theirs, text_, values_) = results
    assert mine == theirs and [list(g) for g in mine] == [list(g) for g in theirs]
    assert text == text_
    np.testing.assert_allclose(values, values_, rtol=1e-6)


def test_groups_added_later_start_counting_then():
    for lib, optim in LIBRARIES:
        a, b = lib.ones(2).requires_grad_(), lib.ones(2).requires_grad_()
        optimizer = optim.Adam([a], lr=0.1)
        a.grad = lib.ones(2)
        optimizer.step()
        optimizer.add_param_group({"params": [b]})
        b.grad = lib.ones(2)
        optimizer.step()
        assert [optimizer.state[p]["step"].item() for p in (a, b)] == [2.0, 1.0]
        assert optimizer.param_groups[1]["lr"] == 0.1


def test_named_parameters():
    for lib, optim in LIBRARIES:
        optimizer = optim.SGD([("w", lib.ones(2)), ("b", lib.ones(1))], lr=0.1)
        assert optimizer.param_groups[0]["param_names"] == ["w", "b"]
        saved = optimizer.state_dict()
        assert saved["param_groups"][0]["param_names"] == ["w", "b"]
        other = optim.SGD([("x", lib.ones(2)), ("y", lib.ones(1))], lr=0.1)
        other.load_state_dict(saved)
        assert other.param_groups[0]["param_names"] == ["w", "b"]
        plain = optim.SGD([lib.ones(2), lib.ones(1)], lr=0.2).state_dict()
        other.load_state_dict(plain)
        assert other.param_groups[0]["param_names"] == ["w", "b"] and other.param_groups[0]["lr"] == 0.2


def test_parameters_without_gradient_are_left_alone():
    for lib, optim in LIBRARIES:
        a, b = lib.ones(2).requires_grad_(), lib.ones(2).requires_grad_()
        optimizer = optim.Adam([a, b], lr=0.1)
        a.grad = lib.ones(2)
        optimizer.step()
        assert b.tolist() == [1.0, 1.0] and b not in optimizer.state
        assert list(optimizer.state_dict()["state"]) == [0]


def test_sgd_without_momentum_has_no_state():
    for lib, optim in LIBRARIES:
        p = lib.ones(2).requires_grad_()
        optimizer = optim.SGD([p], lr=0.1)
        p.grad = lib.ones(2)
        optimizer.step()
        assert optimizer.state_dict()["state"] == {}


def test_zero_grad():
    for lib, optim in LIBRARIES:
        p = lib.ones(2).requires_grad_()
        optimizer = optim.SGD([p, lib.ones(1)], lr=0.1)
        (p * p).sum().backward(create_graph=True)
        kept = p.grad
        optimizer.zero_grad(set_to_none=False)
        assert p.grad is kept and kept.tolist() == [0.0, 0.0] and not kept.requires_grad
        optimizer.zero_grad()
        assert p.grad is None


def test_closure_runs_with_gradients_and_its_loss_is_returned():
    for lib, optim in LIBRARIES:
        p = lib.ones(2).requires_grad_()
        optimizer = optim.Adam([p], lr=0.1)

        def closure(p=p, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (p**2).sum()
            loss.backward()
            return loss

        with lib.no_grad():
            loss = optimizer.step(closure)
        assert loss.item() == 2.0 and loss.requires_grad
        assert optimizer.step(closure=closure).item() < 2.0


def test_step_hooks():
    logs = []
    for lib, optim in LIBRARIES:
        if optim is ours:
            pre, post = register_optimizer_step_pre_hook, register_optimizer_step_post_hook
        else:
            from torch.optim.optimizer import register_optimizer_step_post_hook as post
            from torch.optim.optimizer import register_optimizer_step_pre_hook as pre
        log = []
        p = lib.ones(1).requires_grad_()
        optimizer = optim.SGD([p], lr=0.5)
        handles = [
            pre(lambda o, a, k, log=log: log.append(("global pre", len(a), sorted(k)))),
            post(lambda o, a, k, log=log: log.append(("global post", len(a), sorted(k)))),
            optimizer.register_step_pre_hook(lambda o, a, k, log=log: log.append(("pre", len(a), sorted(k)))),
            optimizer.register_step_post_hook(lambda o, a, k, log=log: log.append(("post", len(a), sorted(k)))),
            optimizer.register_step_pre_hook(lambda o, a, k: ((o,), {"closure": lambda: 7})),
        ]
        log.append(optimizer.step())
        for handle in handles:
            handle.remove()
        log.append(optimizer.step())
        logs.append(log)
    assert logs[0] == logs[1]


def test_pre_hook_must_return_arguments():
    for lib, optim in LIBRARIES:
        optimizer = optim.SGD([lib.ones(1)], lr=0.5)
        optimizer.register_step_pre_hook(lambda o, a, k: 3)
        with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3"):
            optimizer.step()


def test_state_dict_hooks():
    logs = []
    for lib, optim in LIBRARIES:
        log = []
        optimizer = optim.SGD([lib.ones(1)], lr=0.5)
        optimizer.register_state_dict_pre_hook(lambda o, log=log: log.append("second"))
        optimizer.register_state_dict_pre_hook(lambda o, log=log: log.append("first"), prepend=True)
        optimizer.register_state_dict_post_hook(lambda o, s: {**s, "extra": 1})
        optimizer.register_load_state_dict_pre_hook(lambda o, s, log=log: log.append(sorted(s)))
        optimizer.register_load_state_dict_pre_hook(
            lambda o, s: {"state": {}, "param_groups": [{**s["param_groups"][0], "lr": 9}]}
        )
        optimizer.register_load_state_dict_post_hook(lambda o, log=log: log.append(o.param_groups[0]["lr"]))
        saved = optimizer.state_dict()
        log.append(saved["extra"])
        optimizer.load_state_dict(saved)
        logs.append(log)
    assert logs[0] == logs[1]


def test_hooks_of_subclasses_run_once():
    class Mine(ours.SGD):
        def step(self, closure=None):
            return "mine"

    optimizer = Mine([flashlight.ones(1)], lr=0.1)
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    assert optimizer.step() == "mine" and calls == [1]


def test_an_optimizer_of_ones_own():
    class Signs(ours.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        @flashlight.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    state["step"] = state.get("step", 0) + 1
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    p = flashlight.ones(2).requires_grad_()
    optimizer = Signs([p])
    p.grad = flashlight.tensor([3.0, -3.0])
    optimizer.step()
    np.testing.assert_allclose(p.detach().numpy(), [0.9, 1.1], rtol=1e-6)
    assert optimizer.state_dict()["state"] == {0: {"step": 1}}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["deepcopy", "pickle"])
def test_copies_go_on_alike(copied):
    run = Run(flashlight, "Adam", {"lr": 0.1}).steps(3)
    other = copied(run.optimizer)
    theirs = other.param_groups[0]["params"]
    assert set(other.state) == set(theirs) and not set(theirs) & set(run.params)
    for p, q in zip(run.params, theirs, strict=True):
        p.grad = flashlight.ones_like(p)
        q.grad = flashlight.ones_like(q)
    run.optimizer.step(), other.step()
    for p, q in zip(run.params, theirs, strict=True):
        assert (numbers(p) == numbers(q)).all()
    assert other.state[theirs[0]]["step"].item() == 4.0


def test_steps_are_seen_by_everything_that_shares_the_parameter():
    p = Parameter(flashlight.ones(4))
    detached, part = p.detach(), p.data[1:3]
    optimizer = ours.SGD([p], lr=0.5)
    p.grad = flashlight.ones(4)
    before = p._version
    optimizer.step()
    assert detached.tolist() == [0.5] * 4 and part.tolist() == [0.5] * 2
    assert p._version == before + 1


def test_a_parameter_that_is_a_view_writes_to_its_base():
    base = flashlight.zeros(6)
    p = base[2:5].requires_grad_()
    optimizer = ours.SGD([p], lr=1.0)
    p.grad = flashlight.ones(3)
    optimizer.step()
    assert base.tolist() == [0, 0, -1, -1, -1, 0]


def test_a_step_invalidates_what_backward_saved():
    for lib, optim in LIBRARIES:
        p = lib.ones(2).requires_grad_()
        loss = (p * p).sum()
        optimizer = optim.SGD([p], lr=0.1)
        p.grad = lib.ones(2)
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_step_counts_follow_the_default_dtype():
    for lib, optim in LIBRARIES:
        before = lib.get_default_dtype()
        lib.set_default_dtype(lib.float64)
        try:
            p = lib.ones(2).requires_grad_()
            optimizer = optim.Adam([p], lr=0.1)
            p.grad = lib.ones(2, dtype=lib.float64)
            optimizer.step()
            assert str(optimizer.state[p]["step"].dtype) == "torch.float64"
        finally:
            lib.set_default_dtype(before)


def test_mixed_dtypes_in_one_group():
    results = []
    for lib, optim in LIBRARIES:
        ps = [lib.ones(3, dtype=d).requires_grad_() for d in (lib.float32, lib.float64, lib.bfloat16)]
        optimizer = optim.AdamW(ps, lr=0.1)
        for _ in range(3):
            for p in ps:
                p.grad = lib.full((3,), 0.5, dtype=p.dtype)
            optimizer.step()
        results.append([numbers(p) for p in ps])
    for a, b in zip(*results, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_swapping_in_other_parameters():
    results = []
    for lib, optim in LIBRARIES:
        own, other = lib.ones(2).requires_grad_(), lib.full((2,), 5.0).requires_grad_()
        optimizer = optim.Adam([own], lr=0.1)
        with (
            pytest.raises(RuntimeError, match="requires initialized optimizer state"),
            optim.swap_in_optimizer_params_and_state(optimizer, {"p": other}, optimizer.state_dict()),
        ):
            pass
        own.grad = other.grad = lib.ones(2)
        optimizer.step()
        saved = optimizer.state_dict()
        saved["param_groups"][0]["lr"] = 1.0
        saved["state"][0] = {name: t.clone() for name, t in saved["state"][0].items()}
        with optim.swap_in_optimizer_params_and_state(optimizer, {"p": other}, saved):
            optimizer.step()
        with (
            pytest.raises(RuntimeError, match="different number of parameter groups"),
            optim.swap_in_optimizer_params_and_state(optimizer, {"p": other}, {"state": {}, "param_groups": []}),
        ):
            pass
        results.append(
            (own.tolist(), other.tolist(), optimizer.param_groups[0]["lr"], optimizer.state[own]["step"].item())
        )
    np.testing.assert_allclose(results[0][0] + results[0][1], results[1][0] + results[1][1], rtol=1e-6)
    assert results[0][2:] == results[1][2:]


def test_names_that_torch_style_optimizers_import():
    from flashlight.optim import optimizer as module

    assert module._get_value(flashlight.tensor(3.0)) == 3.0
    assert module._default_to_fused_or_foreach([flashlight.ones(1)], False) == (False, False)
    recorded = []

    class Recorder:
        defaults = {"differentiable": True}

        @module._use_grad_for_differentiable
        def step(self):
            recorded.append(flashlight.is_grad_enabled())

    with flashlight.no_grad():
        Recorder().step()
        assert not flashlight.is_grad_enabled()
    assert recorded == [True]


def test_nothing_warns_in_ordinary_use():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mine, _ = both("Adam", {})
        mine.steps(2)
    assert mine.optimizer.state[mine.params[0]]["step"].item() == 2.0

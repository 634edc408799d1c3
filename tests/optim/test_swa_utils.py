"""Averaged models, SWALR and update_bn against torch."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import flashlight
import flashlight.nn
import flashlight.optim as ours
from flashlight.optim import swa_utils

from .cases import numbers

LIBRARIES = [(flashlight, swa_utils), (torch, torch.optim.swa_utils)]
AVERAGES = {
    "default": lambda u: {},
    "swa": lambda u: {"avg_fn": u.get_swa_avg_fn()},
    "ema": lambda u: {"avg_fn": u.get_ema_avg_fn(0.9)},
    "swa multi": lambda u: {"multi_avg_fn": u.get_swa_multi_avg_fn()},
    "ema multi": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9)},
    "ema multi fast": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.3)},
    "own": lambda u: {"avg_fn": lambda a, b, n: a + b / (n + 1)},
    "ema with buffers": lambda u: {"avg_fn": u.get_ema_avg_fn(0.9), "use_buffers": True},
    "ema multi with buffers": lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9), "use_buffers": True},
    "default with buffers": lambda u: {"use_buffers": True},
}


def network(lib):
    nn = lib.nn
    lib.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))


def disturb(lib, model, rng):
    with lib.no_grad():
        for p in model.parameters():
            p.add_(lib.tensor(rng.randn(*p.shape).astype(np.float32)))
        model(lib.tensor(rng.randn(8, 4).astype(np.float32)))


@pytest.mark.parametrize("average", AVERAGES)
def test_averaged_model(average):
    states, outputs = [], []
    for lib, utils in LIBRARIES:
        rng = np.random.RandomState(0)
        model = network(lib)
        averaged = utils.AveragedModel(model, **AVERAGES[average](utils))
        for _ in range(5):
            disturb(lib, model, rng)
            averaged.update_parameters(model)
        states.append(averaged.state_dict())
        averaged.eval()
        outputs.append(numbers(averaged(lib.tensor(rng.randn(3, 4).astype(np.float32)))))
        assert all(p.requires_grad for p in averaged.parameters())
    mine, theirs = states
    assert list(mine) == list(theirs)
    assert mine["n_averaged"].item() == 5
    for key, value in theirs.items():
        assert str(mine[key].dtype) == str(value.dtype)
        np.testing.assert_allclose(numbers(mine[key]), numbers(value), rtol=2e-5, atol=2e-6, err_msg=key)
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-4, atol=1e-5)


def test_the_average_is_a_copy():
    model = network(flashlight)
    averaged = swa_utils.AveragedModel(model)
    averaged.update_parameters(model)
    before = numbers(averaged.module[0].weight).copy()
    with flashlight.no_grad():
        model[0].weight.zero_()
    assert (numbers(averaged.module[0].weight) == before).all() and before.any()
    with flashlight.no_grad():
        averaged.module[0].weight.fill_(2.0)
    assert not numbers(model[0].weight).any()


def test_state_goes_both_ways():
    models = []
    for lib, utils in LIBRARIES:
        model = network(lib)
        averaged = utils.AveragedModel(model, multi_avg_fn=utils.get_ema_multi_avg_fn(0.5))
        averaged.update_parameters(model)
        models.append(averaged)
    theirs = {k: flashlight.tensor(np.array(v.numpy())) for k, v in models[1].state_dict().items()}
    assert not any(models[0].load_state_dict(theirs))
    assert models[0].n_averaged.item() == 1


def test_errors():
    for lib, utils in LIBRARIES:
        both = {"avg_fn": utils.get_swa_avg_fn(), "multi_avg_fn": utils.get_swa_multi_avg_fn()}
        with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn should be provided"):
            utils.AveragedModel(network(lib), **both)
        for make in (utils.get_ema_avg_fn, utils.get_ema_multi_avg_fn):
            with pytest.raises(ValueError, match="Invalid decay value 1.5 provided"):
                make(1.5)
        optimizer = lib.optim.SGD([lib.zeros(1)], lr=1.0) if lib is torch else ours.SGD([lib.zeros(1)], lr=1.0)
        for options, text in (
            ({"swa_lr": [1, 2]}, "swa_lr must have the same length as optimizer.param_groups"),
            ({"swa_lr": 1, "anneal_strategy": "x"}, "anneal_strategy must be one of 'cos' or 'linear'"),
            ({"swa_lr": 1, "anneal_epochs": -1}, "anneal_epochs must be equal or greater than 0, got -1"),
        ):
            with pytest.raises(ValueError, match=text):
                utils.SWALR(optimizer, **options)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_swalr(strategy, epochs):
    seen, states = [], []
    for lib, utils in LIBRARIES:
        optim = torch.optim if lib is torch else ours
        optimizer = optim.SGD([{"params": [lib.zeros(1)], "lr": 0.5}, {"params": [lib.zeros(1)]}], lr=0.1)
        scheduler = utils.SWALR(optimizer, [0.05, 0.2], anneal_epochs=epochs, anneal_strategy=strategy)
        rates = []
        for i in range(12):
            rates.append(scheduler.get_last_lr())
            optimizer.step(), scheduler.step()
            if i == 3:
                state = scheduler.state_dict()
                scheduler = utils.SWALR(optimizer, 0.1, anneal_epochs=3)
                scheduler.load_state_dict(state)
        seen.append(rates)
        states.append(scheduler.state_dict())
    assert seen[0] == [pytest.approx(r, rel=1e-12) for r in seen[1]]
    assert sorted(states[0]) == sorted(states[1])


@pytest.mark.parametrize("wrapped", [False, True])
def test_update_bn(wrapped):
    states = []
    for lib, utils in LIBRARIES:
        rng = np.random.RandomState(0)
        model = network(lib)
        model.eval()
        batches = [lib.tensor(rng.randn(8, 4).astype(np.float32)) for _ in range(4)]
        utils.update_bn([(b, 1) for b in batches] if wrapped else batches, model, device="cpu" if wrapped else None)
        assert not model.training and model[1].momentum == 0.1
        states.append(model.state_dict())
    for key, value in states[1].items():
        np.testing.assert_allclose(numbers(states[0][key]), numbers(value), rtol=1e-4, atol=1e-5, err_msg=key)


def test_update_bn_without_batch_norm_reads_nothing():
    def loader():
        raise AssertionError("not to be read")
        yield

    model = flashlight.nn.Linear(2, 2)
    assert swa_utils.update_bn(loader(), model) is None and model.training


def test_signatures():
    for name in torch.optim.swa_utils.__all__:
        a, b = (list(inspect.signature(getattr(u, name)).parameters.values()) for _, u in LIBRARIES)
        assert [(p.name, p.kind, p.default) for p in a] == [(p.name, p.kind, p.default) for p in b], name

"""Optimizers as functions of lists: the numbers of torch's."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import flashlight
import flashlight.optim._functional

# the lists of state of each function, as what they begin with (None: nothing), and its options
CASES = {
    "adadelta": ((0, 0), {"lr": 0.5, "rho": 0.8, "eps": 1e-6, "weight_decay": 0.1, "maximize": True}),
    "adagrad": ((0,), {"lr": 0.1, "weight_decay": 0.1, "lr_decay": 0.2, "eps": 1e-8, "maximize": False}),
    "adam": ((0, 0, 0), {"amsgrad": True, "beta1": 0.8, "beta2": 0.9, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-8, "maximize": False}),
    "adamw": ((0, 0, None), {"amsgrad": False, "beta1": 0.8, "beta2": 0.9, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-8, "maximize": True}),
    "adamax": ((0, 0), {"eps": 1e-8, "beta1": 0.8, "beta2": 0.9, "lr": 0.1, "weight_decay": 0.1}),
    "asgd": ((0, "1", "1"), {"lambd": 0.1, "lr": 0.1, "t0": 2.0, "alpha": 0.75, "weight_decay": 0.1}),
    "nadam": ((0, 0, "1"), {"beta1": 0.8, "beta2": 0.9, "lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.01, "eps": 1e-8}),
    "radam": ((0, 0), {"beta1": 0.8, "beta2": 0.9, "lr": 0.1, "weight_decay": 0.1, "eps": 1e-8}),
    "rmsprop": ((0, 0, 0), {"lr": 0.1, "alpha": 0.9, "eps": 1e-8, "weight_decay": 0.1, "momentum": 0.5, "centered": True}),
    "rprop": ((0, 0.1), {"step_size_min": 1e-3, "step_size_max": 1.0, "etaminus": 0.5, "etaplus": 1.2}),
    "sgd": ((None,), {"weight_decay": 0.1, "momentum": 0.9, "lr": 0.1, "dampening": 0.0, "nesterov": True, "maximize": False}),
}  # fmt: skip


def state(lib, start, params):
    if start is None:
        return [None] * len(params)
    if isinstance(start, str):
        return [lib.tensor(float(start)) for _ in params]
    return [lib.full_like(p, start) for p in params]


def run(lib, name: str):
    starts, options = CASES[name]
    draws = np.random.RandomState(0)
    params = [lib.tensor(draws.randn(*shape).astype(np.float32)) for shape in ((3,), (2, 2))]
    lists = [state(lib, start, params) for start in starts]
    if name != "sgd":
        lists.append([lib.tensor(0.0) for _ in params])
    if name == "adamw":
        lists[2] = []
    for _ in range(6):
        grads = [lib.tensor(draws.randn(*p.shape).astype(np.float32)) for p in params]
        getattr(lib.optim._functional, name)(params, grads, *lists, foreach=False, **options)
    return [t for held in (params, *lists) for t in held if t is not None]


@pytest.mark.parametrize("name", CASES)
def test_lists(name):
    mine, theirs = run(flashlight, name), run(torch, name)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=3e-5, atol=2e-6)


@pytest.mark.parametrize("name", [*CASES, "sparse_adam"])
def test_signatures_and_places(name):
    ours = getattr(flashlight.optim._functional, name)
    theirs = inspect.signature(getattr(torch.optim._functional, name)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in inspect.signature(ours).parameters.values()] == [
        (p.name, p.kind, p.default) for p in theirs
    ]
    if name != "sparse_adam":
        module = __import__(f"flashlight.optim.{name}", fromlist=[name])
        assert getattr(module, name) is ours


def test_scaled_gradients_and_infinities():
    p, g, steps = flashlight.ones(2), flashlight.ones(2), [flashlight.tensor(0.0)]
    options = {
        "amsgrad": False,
        "beta1": 0.9,
        "beta2": 0.99,
        "lr": 0.1,
        "weight_decay": 0.0,
        "eps": 1.0,
        "maximize": False,
    }
    moments = lambda: ([flashlight.zeros(2)], [flashlight.zeros(2)], [], steps)
    adam = flashlight.optim.adam.adam
    with pytest.raises(AssertionError, match="Expected grad_scale and found_inf to be None"):
        adam([p], [g], *moments(), found_inf=flashlight.tensor(1.0), **options)
    adam([p], [g], *moments(), fused=True, found_inf=flashlight.tensor(1.0), **options)
    assert p.eq(1).all() and steps[0].item() == 0
    adam(
        [p], [g], *moments(), fused=True, grad_scale=flashlight.tensor(2.0), found_inf=flashlight.tensor(0.0), **options
    )
    assert p[0].item() == pytest.approx(1 - 0.1 * 0.5 / 1.5) and steps[0].item() == 1
    with pytest.raises(RuntimeError, match="API has changed, `state_steps` argument must contain a list of singleton"):
        adam([p], [g], [p], [p], [], [1], **options)


def test_sparse_adam():
    results = []
    for lib in (flashlight, torch):
        table = lib.nn.Embedding(5, 2, sparse=True, _weight=lib.ones(5, 2))
        (table(lib.tensor([1, 3, 3])) ** 2).sum().backward()
        p, mean, square = table.weight.detach(), lib.full((5, 2), 0.5), lib.ones(5, 2)
        options = {"eps": 1e-8, "beta1": 0.9, "beta2": 0.99, "lr": 0.1, "maximize": False}
        with lib.no_grad():
            lib.optim._functional.sparse_adam([p], [table.weight.grad], [mean], [square], [3], **options)
        results.append([t.numpy() for t in (p, mean, square)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)

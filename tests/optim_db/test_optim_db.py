"""PyTorch's own optimizer database, ten steps of each case, and every scheduler for thirty."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

pytest.importorskip("expecttest", reason="torch's own test tools need it")
from torch.testing._internal.common_optimizers import optim_db

CASES = [(info, case) for info in optim_db for case in info.optim_inputs_func(device="cpu")]
SHAPES = {"Muon": [(3, 4), (4, 2)]}
pytestmark = pytest.mark.filterwarnings("ignore")


def _parameters(lib, name: str) -> list:
    rng = np.random.default_rng(5)
    # LBFGS divides differences of nearly equal numbers: only double precision tells a mistake from rounding
    kind = np.float64 if name == "LBFGS" else np.float32
    arrays = [rng.normal(size=shape).astype(kind) for shape in SHAPES.get(name, [(3, 4), (5,)])]
    return [lib.from_numpy(a).clone().requires_grad_() for a in arrays]


def _arguments(lib, kwargs: dict) -> dict:
    return {k: lib.tensor(v.item(), dtype=lib.float32) if isinstance(v, torch.Tensor) else v for k, v in kwargs.items()}


def _closure(parameters, optimizer):
    def closure():
        optimizer.zero_grad()
        loss = sum((p.sin() * 3 + p * p + 0.1 * p**4).sum() for p in parameters)
        loss.backward()
        return loss

    return closure


def _trained(lib, name: str, kwargs: dict) -> list:
    parameters = _parameters(lib, name)
    optimizer = getattr(lib.optim, name)(parameters, **_arguments(lib, kwargs))
    closure = _closure(parameters, optimizer)
    for _ in range(10):
        if name != "LBFGS":
            closure()
        optimizer.step(closure if name == "LBFGS" else None)
    return [p.detach().numpy() for p in parameters]


@pytest.mark.parametrize(
    "info, case", CASES, ids=[f"{i.optim_cls.__name__}-{k}-{c.desc}" for k, (i, c) in enumerate(CASES)]
)
def test_optimizer(info, case):
    name = info.optim_cls.__name__
    if name == "SparseAdam":
        pytest.skip("takes sparse gradients, which come from embedding(sparse=True): tests/optim")
    expected = _trained(torch, name, case.kwargs)
    found = _trained(flashlight, name, case.kwargs)
    for a, b in zip(found, expected, strict=True):
        # Muon's products are in bfloat16, which MLX and torch sum in orders of their own
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-4 if name == "Muon" else 2e-6)


SCHEDULERS = {
    "LambdaLR": {"lr_lambda": lambda e: 0.9**e},
    "MultiplicativeLR": {"lr_lambda": lambda e: 0.95},
    "StepLR": {"step_size": 4, "gamma": 0.5},
    "MultiStepLR": {"milestones": [3, 8, 20], "gamma": 0.3},
    "ConstantLR": {"factor": 0.4, "total_iters": 6},
    "LinearLR": {"start_factor": 0.2, "total_iters": 9},
    "ExponentialLR": {"gamma": 0.93},
    "PolynomialLR": {"total_iters": 20, "power": 1.7},
    "CosineAnnealingLR": {"T_max": 7, "eta_min": 0.001},
    "CosineAnnealingWarmRestarts": {"T_0": 4, "T_mult": 2, "eta_min": 0.002},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 5, "mode": "triangular2", "cycle_momentum": True},
    "OneCycleLR": {"max_lr": 0.3, "total_steps": 31, "three_phase": True},
    "ReduceLROnPlateau": {"factor": 0.3, "patience": 2, "cooldown": 1},
}


def _rates(lib, name: str, kwargs: dict) -> list:
    parameter = lib.nn.Parameter(lib.ones(2))
    optimizer = lib.optim.SGD([{"params": [parameter], "lr": 0.1}], lr=0.5, momentum=0.9)
    scheduler = getattr(lib.optim.lr_scheduler, name)(optimizer, **kwargs)
    rates = []
    for k in range(30):
        optimizer.step()
        scheduler.step(*([1.0 if k % 7 else 0.9 - k / 100] if name == "ReduceLROnPlateau" else []))
        rates.append([optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]])
    return rates


@pytest.mark.parametrize("name", SCHEDULERS)
def test_scheduler(name):
    np.testing.assert_allclose(
        _rates(flashlight, name, SCHEDULERS[name]), _rates(torch, name, SCHEDULERS[name]), rtol=1e-12
    )


def _chained(lib, optimizer):
    s = lib.optim.lr_scheduler
    return s.ChainedScheduler([s.ConstantLR(optimizer, 0.1, 3), s.ExponentialLR(optimizer, 0.9)], optimizer=optimizer)


def _sequential(lib, optimizer):
    s = lib.optim.lr_scheduler
    return s.SequentialLR(optimizer, [s.LinearLR(optimizer, 0.1, 1.0, 5), s.CosineAnnealingLR(optimizer, 20)], [5])


@pytest.mark.parametrize("make", [_chained, _sequential])
def test_schedulers_of_schedulers(make):
    found = []
    for lib in (flashlight, torch):
        optimizer = lib.optim.SGD([lib.nn.Parameter(lib.ones(2))], lr=0.5)
        scheduler, rates = make(lib, optimizer), []
        for _ in range(30):
            optimizer.step()
            scheduler.step()
            rates.append(optimizer.param_groups[0]["lr"])
        found.append(rates)
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_every_scheduler_is_compared():
    theirs = torch.optim.lr_scheduler
    public = {n for n in theirs.__all__ if n not in ("LRScheduler", "ChainedScheduler", "SequentialLR")}
    assert public == set(SCHEDULERS)

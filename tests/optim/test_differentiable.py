"""differentiable=True: gradients through a step, to parameters, gradients, state and options."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight
import flashlight.optim as ours

from .cases import numbers, tensor


@pytest.fixture(autouse=True)
def _double():
    # torch computes from the step count, whose dtype is float32 unless the default is wider
    for lib in (flashlight, torch):
        lib.set_default_dtype(lib.float64)
    yield
    for lib in (flashlight, torch):
        lib.set_default_dtype(lib.float32)


LIBRARIES = [(flashlight, ours), (torch, torch.optim)]
CASES = [
    ("SGD", {"lr": 0.9}),
    ("SGD", {"lr": 0.9, "momentum": 0.5, "dampening": 0.2, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.9, "momentum": 0.5, "nesterov": True, "maximize": True}),
    ("Adam", {"lr": 0.9}),
    ("Adam", {"lr": 0.9, "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.9, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {"lr": 0.9, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.9, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.9, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.9, "weight_decay": 0.1}),
    ("Adadelta", {"lr": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.9, "centered": True, "momentum": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("ASGD", {"lr": 0.9, "weight_decay": 0.1, "t0": 0}),
    ("Rprop", {"lr": 0.9}),
]


def unrolled(lib, optim, name: str, options: dict, steps: int):
    """Gradients of a sum of parameters after ``steps`` differentiable steps with gradients that depend on the start."""
    rng = np.random.RandomState(0)
    start = tensor(lib, rng.randn(4), "float64").requires_grad_()
    scale = tensor(lib, rng.rand(4) + 0.5, "float64").requires_grad_()
    weights = tensor(lib, rng.randn(4), "float64")
    p = start.clone()
    optimizer = optim.__dict__[name]([p], differentiable=True, **options)
    for i in range(steps):
        p.grad = scale * (start + 0.3 * i) ** 2
        optimizer.step()
    loss = (p * weights).sum()
    return p, lib.autograd.grad(loss, [start, scale])


@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}-{'-'.join(o)}" for n, o in CASES])
def test_gradients_through_steps(name, options):
    # torch overwrites what its own backward reads when these are unrolled further
    steps = 1 if name in ("Adamax", "Rprop") or "amsgrad" in options or "centered" in options else 3
    (mine, a), (theirs, b) = (unrolled(*library, name, options, steps) for library in LIBRARIES)
    np.testing.assert_allclose(numbers(mine), numbers(theirs), rtol=1e-10)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(numbers(x), numbers(y), rtol=1e-7, atol=1e-9)


def test_gradients_by_differences_where_torch_gives_none():
    def final(start, scale):
        p = start.clone()
        optimizer = ours.Adam([p], lr=0.5, amsgrad=True, differentiable=True)
        for _ in range(3):
            p.grad = scale * start**2
            optimizer.step()
        return p

    start = flashlight.tensor(np.array([0.3, -1.2, 2.0])).requires_grad_()
    scale = flashlight.tensor(np.array([1.5, 0.7, 0.2])).requires_grad_()
    assert flashlight.autograd.gradcheck(final, (start, scale), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {}), ("SGD", {"weight_decay": 0.1}), ("Adam", {}), ("AdamW", {})]
)
def test_gradients_of_the_learning_rate(name, options):
    results = []
    for lib, optim in LIBRARIES:
        lr = tensor(lib, 0.1, "float64").requires_grad_()
        p = tensor(lib, [1.0, -2.0], "float64").requires_grad_().clone()
        optimizer = getattr(optim, name)([p], lr=lr, differentiable=True, **options)
        for _ in range(2):
            p.grad = tensor(lib, [0.5, 0.3], "float64")
            optimizer.step()
        (p**2).sum().backward()
        results.append(numbers(lr.grad))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6)


def test_gradients_of_other_options():
    results = []
    for lib, optim in LIBRARIES:
        betas = tensor(lib, 0.8, "float64").requires_grad_(), tensor(lib, 0.9, "float64").requires_grad_()
        decay = tensor(lib, 0.1, "float64").requires_grad_()
        p = tensor(lib, [1.0, -2.0], "float64").requires_grad_().clone()
        optimizer = optim.Adam([p], lr=0.1, betas=betas, weight_decay=decay, differentiable=True)
        for i in range(2):
            p.grad = tensor(lib, [0.5, 0.3 * i], "float64")
            optimizer.step()
        (p**2).sum().backward()
        results.append([numbers(t.grad) for t in (*betas, decay)])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6, atol=1e-12)


def test_a_leaf_that_requires_grad_is_refused():
    for lib, optim in LIBRARIES:
        p = lib.ones(2).requires_grad_()
        optimizer = optim.SGD([p], lr=0.1, differentiable=True)
        p.grad = lib.ones(2)
        with pytest.raises(
            RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"
        ):
            optimizer.step()


def test_complex_parameters_say_what_to_do():
    p = flashlight.ones(2, dtype=flashlight.complex64).requires_grad_().clone()
    optimizer = ours.Adam([p], differentiable=True)
    p.grad = flashlight.ones(2, dtype=flashlight.complex64)
    with pytest.raises(NotImplementedError, match="view_as_real"):
        optimizer.step()


def test_half_precision_steps_alike():
    plain, recorded = flashlight.ones(3, dtype=flashlight.bfloat16), flashlight.ones(3, dtype=flashlight.bfloat16)
    a, b = ours.Adam([plain], lr=0.1), ours.Adam([recorded], lr=0.1, differentiable=True)
    for p, optimizer in ((plain, a), (recorded, b)):
        for _ in range(3):
            p.grad = flashlight.full((3,), 0.3, dtype=flashlight.bfloat16)
            optimizer.step()
    assert plain.tolist() == recorded.tolist()

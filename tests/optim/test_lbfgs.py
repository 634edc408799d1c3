"""LBFGS against torch: iterates, state, line search."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch

import flashlight
import flashlight.optim as ours
from flashlight.serialization import load, save

from .cases import numbers, tensor

LIBRARIES = [(flashlight, ours), (torch, torch.optim)]


def quadratic(lib, p):
    a = tensor(lib, np.diag([1.0, 10.0, 100.0]) + 0.5, str(p.dtype).split(".")[1])
    return 0.5 * (p * (a @ p)).sum() + p.sum()


def rosenbrock(lib, p):
    return (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum()


class Problem:
    """A function to minimise, its parameter and an optimizer in one library."""

    def __init__(self, lib, optim, fn, dtype="float64", start=(-1.2, 1.0, 0.5), **options):
        self.p = tensor(lib, start, dtype).requires_grad_()
        self.optimizer = optim.LBFGS([self.p], **options)
        self.calls = 0

        def closure():
            self.calls += 1
            self.optimizer.zero_grad()
            loss = fn(lib, self.p)
            loss.backward()
            return loss

        self.closure = closure

    def steps(self, n):
        return [self.optimizer.step(self.closure).item() for _ in range(n)]


@pytest.mark.parametrize("fn", [quadratic, rosenbrock])
@pytest.mark.parametrize(
    "options",
    [
        {"lr": 1e-3},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 2, "lr": 0.5},
        {"line_search_fn": "strong_wolfe", "max_eval": 5},
        {"lr": 1e-2, "max_iter": 3, "history_size": 3},
    ],
    ids=str,
)
def test_follows_torch(fn, options):
    mine, theirs = (Problem(*library, fn, **options) for library in LIBRARIES)
    np.testing.assert_allclose(mine.steps(6), theirs.steps(6), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(numbers(mine.p), numbers(theirs.p), rtol=1e-6, atol=1e-7)
    assert mine.calls == theirs.calls
    a, b = (o.optimizer.state_dict() for o in (mine, theirs))
    assert a["param_groups"] == b["param_groups"]
    assert list(a["state"][0]) == list(b["state"][0])
    for name in ("func_evals", "n_iter"):
        assert a["state"][0][name] == b["state"][0][name]
    for name in ("old_dirs", "old_stps", "ro", "al"):
        assert len(a["state"][0].get(name, ())) == len(b["state"][0].get(name, ()))


def test_float32():
    mine, theirs = (Problem(*library, quadratic, "float32", line_search_fn="strong_wolfe") for library in LIBRARIES)
    mine.steps(5), theirs.steps(5)
    np.testing.assert_allclose(numbers(mine.p), numbers(theirs.p), rtol=1e-4)


def test_strong_wolfe_finds_the_minimum():
    problem = Problem(flashlight, ours, rosenbrock, line_search_fn="strong_wolfe", max_iter=200, tolerance_change=1e-16)
    problem.steps(3)
    np.testing.assert_allclose(problem.p.tolist(), [1, 1, 1], rtol=1e-6)


def test_several_parameters_and_missing_gradients():
    results = []
    for lib, optim in LIBRARIES:
        a, b, c = tensor(lib, [[1.0, 2.0]], "float64"), tensor(lib, 3.0, "float64"), tensor(lib, [1.0], "float64")
        params = [t.requires_grad_() for t in (a, b, c)]
        optimizer = optim.LBFGS(params, lr=0.1)

        def closure(params=params, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (params[0] ** 4).sum() + params[1] ** 2
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        results.append([numbers(p) for p in params])
    for x, y in zip(*results, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-8)


def test_complex_parameters():
    results = []
    for lib, optim in LIBRARIES:
        p = tensor(lib, [1 + 2j, -1 + 0.5j], "complex64").requires_grad_()
        optimizer = optim.LBFGS([p], lr=0.3, max_iter=5)

        def closure(p=p, optimizer=optimizer, lib=lib):
            optimizer.zero_grad()
            loss = (lib.view_as_real(p) ** 4).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        results.append(numbers(p))
    np.testing.assert_allclose(results[0], results[1], rtol=1e-4)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_state_goes_both_ways(search):
    options = {"lr": 1e-3 if search is None else 1, "line_search_fn": search, "max_iter": 4}
    mine, theirs = (Problem(*library, rosenbrock, **options) for library in LIBRARIES)
    theirs.steps(2)
    sink = io.BytesIO()
    torch.save(theirs.optimizer.state_dict(), sink)
    mine.optimizer.load_state_dict(load(io.BytesIO(sink.getvalue())))
    with flashlight.no_grad():
        mine.p.copy_(flashlight.tensor(numbers(theirs.p)))
    np.testing.assert_allclose(mine.steps(2), theirs.steps(2), rtol=1e-6)
    sink = io.BytesIO()
    save(mine.optimizer.state_dict(), sink)
    theirs.optimizer.load_state_dict(torch.load(io.BytesIO(sink.getvalue()), weights_only=True))
    np.testing.assert_allclose(mine.steps(2), theirs.steps(2), rtol=1e-5)
    again = Problem(flashlight, ours, rosenbrock, start=mine.p.tolist(), **options)
    again.optimizer.load_state_dict(copy.deepcopy(mine.optimizer.state_dict()))
    assert again.steps(2) == mine.steps(2)


def test_errors():
    for lib, optim in LIBRARIES:
        with pytest.raises(TypeError, match="closure"):
            optim.LBFGS([lib.ones(1)]).step()
        with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
            Problem(lib, optim, rosenbrock, line_search_fn="armijo").steps(1)


def test_stops_at_once_where_the_gradient_vanishes():
    for lib, optim in LIBRARIES:
        problem = Problem(lib, optim, lambda lib, p: (p**2).sum(), start=(0.0, 0.0))
        assert problem.steps(2) == [0.0, 0.0] and problem.calls == 2
        assert problem.optimizer.state_dict()["state"][0] == {"func_evals": 2, "n_iter": 0}

"""autograd.functional, compared with torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves as their_leaves

import flashlight
from flashlight.utils._pytree import tree_leaves


def quad(x):
    return (x.sin() @ x).pow(2).sum()


CASES = {
    "jacobian": lambda F, x, v: F.jacobian(lambda x: x.sin() @ x, x),
    "jacobian at once": lambda F, x, v: F.jacobian(lambda x: x.sin() @ x, x, vectorize=True),
    "jacobian forward": lambda F, x, v: F.jacobian(lambda x: x.sin() @ x, x, vectorize=True, strategy="forward-mode"),
    "jacobian of two": lambda F, x, v: F.jacobian(lambda x, y: (x.sin() @ x * y, y * x.sum()), (x, v)),
    "jacobian independent": lambda F, x, v: F.jacobian(lambda x, y: (x * 2, x.sum()), (x, v)),
    "hessian": lambda F, x, v: F.hessian(quad, x),
    "hessian at once": lambda F, x, v: F.hessian(quad, x, vectorize=True),
    "hessian graph": lambda F, x, v: F.hessian(lambda x, y: (x.sin() @ y).pow(3).sum(), (x, v), create_graph=True),
    "hessian linear": lambda F, x, v: F.hessian(lambda x, y: x.sum(), (x, v)),
    "hvp": lambda F, x, v: F.hvp(quad, x, x),
    "vhp": lambda F, x, v: F.vhp(quad, x, x),
    "vhp linear": lambda F, x, v: F.vhp(lambda x: x.sum(), v, v),
    "jvp": lambda F, x, v: F.jvp(lambda x: x.sin() @ x, x, x),
    "jvp of two": lambda F, x, v: F.jvp(lambda x, y: (x.sin() @ y, y), (x, v), (x, v), create_graph=True),
    "jvp constant": lambda F, x, v: F.jvp(lambda x: v, x, x),
    "vjp": lambda F, x, v: F.vjp(lambda x: x.sin() @ x, x, x),
    "vjp scalar": lambda F, x, v: F.vjp(lambda x: x.sum(), x),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    x, v = [[0.3, -1.2], [2.0, 0.7]], [1.0, -2.0]
    ours = CASES[name](flashlight.autograd.functional, flashlight.tensor(x), flashlight.tensor(v))
    theirs = CASES[name](torch.autograd.functional, torch.tensor(x), torch.tensor(v))
    assert isinstance(ours, tuple) == isinstance(theirs, tuple)
    pairs = list(zip(tree_leaves(ours), their_leaves(theirs), strict=True))
    assert pairs
    for a, b in pairs:
        assert tuple(a.shape) == tuple(b.shape) and a.requires_grad == b.requires_grad
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-4, rtol=1e-4)


def test_create_graph_reaches_the_callers_tensors():
    def run(lib):
        x = lib.tensor([0.5, -1.0], requires_grad=True)
        jacobian = lib.autograd.functional.jacobian(lambda x: x.sin() * x.sum(), x, create_graph=True)
        return lib.autograd.grad(jacobian.pow(2).sum(), x)[0].tolist()

    np.testing.assert_allclose(run(flashlight), run(torch), rtol=1e-5)


REFUSED = {
    "list": lambda F, lib: F.jacobian(lambda x: x, [lib.ones(2)]),
    "number": lambda F, lib: F.jacobian(lambda x: x, 3),
    "detached": lambda F, lib: F.jacobian(lambda x: x.detach(), lib.ones(2), strict=True),
    "no v": lambda F, lib: F.vjp(lambda x: x, lib.ones(2)),
    "no v forward": lambda F, lib: F.jvp(lambda x: x.sum(), lib.ones(2)),
    "shape of v": lambda F, lib: F.vjp(lambda x: x, lib.ones(2), lib.ones(3)),
    "two v": lambda F, lib: F.vjp(lambda x: x, lib.ones(2), (lib.ones(2), lib.ones(2))),
    "hvp of a vector": lambda F, lib: F.hvp(lambda x: x, lib.ones(2), lib.ones(2)),
    "hessian of a vector": lambda F, lib: F.hessian(lambda x: x, lib.ones(2)),
    "hessian strict": lambda F, lib: F.hessian(lambda x: x.sum(), lib.ones(2), strict=True),
    "hvp strict": lambda F, lib: F.hvp(lambda x: x.sum(), lib.ones(2), lib.ones(2), strict=True),
    "jvp strict": lambda F, lib: F.jvp(lambda x: lib.ones(2), lib.ones(2), lib.ones(2), strict=True),
    "strict at once": lambda F, lib: F.jacobian(lambda x: x.sum(), lib.ones(2), strict=True, vectorize=True),
    "strategy": lambda F, lib: F.jacobian(lambda x: x.sum(), lib.ones(2), strategy="forward-mode"),
    "unknown strategy": lambda F, lib: F.jacobian(lambda x: x.sum(), lib.ones(2), strategy="a"),
    "independent": lambda F, lib: F.jacobian(lambda x, y: x * 2, (lib.ones(2), lib.ones(1)), strict=True),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    with pytest.raises(Exception) as theirs:
        REFUSED[name](torch.autograd.functional, torch)
    with pytest.raises(type(theirs.value)) as ours:
        REFUSED[name](flashlight.autograd.functional, flashlight)
    assert str(ours.value) == str(theirs.value)

"""lobpcg against torch's iteration: values, vectors up to their signs, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

RNG = np.random.RandomState(0)
_ROOT = RNG.randn(9, 9)
A = _ROOT @ _ROOT.T + np.eye(9)
B = np.diag(RNG.rand(9) + 0.5)


@pytest.mark.parametrize("b", [None, B], ids=["standard", "generalised"])
@pytest.mark.parametrize("largest", [True, False])
def test_pairs(b, largest):
    found = []
    for lib in (flashlight, torch):
        pair = lib.lobpcg(lib.tensor(A), 2, None if b is None else lib.tensor(b), largest=largest, niter=-1)
        found.append([t.numpy() for t in pair])
    (values, vectors), (expected, theirs) = found
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_allclose(np.abs(vectors), np.abs(theirs), atol=1e-4)
    np.testing.assert_allclose(vectors.T @ (np.eye(9) if b is None else b) @ vectors, np.eye(2), atol=1e-10)


def _gradient(lib):
    a = lib.tensor(A, requires_grad=True)
    values, vectors = lib.lobpcg(a, 2, niter=-1)
    # squares do not depend on the vectors' signs
    weights = lib.tensor(np.linspace(1, 2, 18).reshape(9, 2))
    grad = lib.autograd.grad(values.sum() + (vectors * vectors * weights).sum(), [a])[0].numpy()
    return (grad + grad.T) / 2


def test_gradient():
    np.testing.assert_allclose(_gradient(flashlight), _gradient(torch), atol=1e-4)


def test_gradient_of_the_generalised_problem():
    a, b = (flashlight.tensor(x, requires_grad=True) for x in (A, B))
    assert flashlight.autograd.gradcheck(lambda a, b: flashlight.lobpcg(a, 2, b)[0], (a, b))


def test_tracker_is_refused():
    with pytest.raises(NotImplementedError, match="tracker"):
        flashlight.lobpcg(flashlight.tensor(A), 2, tracker=print)

"""Every layer against torch's: text, keys, first weights, outputs and gradients in training and in evaluation."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import equal, leaves, realise, to_numpy
from .cases import CASES, Case

BY_CASE = pytest.mark.parametrize("case", CASES, ids=str)


def both(case: Case, seed: int = 0):
    """The layer in torch and here, made under the same seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        theirs = case.make(torch)
        flashlight.manual_seed(seed)
        return theirs, case.make(flashlight)


def described(state) -> list:
    lazy = [name for name, t in state.items() if "Uninitialized" in type(t).__name__]
    return [(name, None if name in lazy else (tuple(t.shape), str(t.dtype))) for name, t in state.items()]


@BY_CASE
def test_text_and_state(case):
    theirs, ours = both(case)
    assert repr(ours) == repr(theirs)
    state, expected = ours.state_dict(), theirs.state_dict()
    assert described(state) == described(expected)
    assert {k: dict(v) for k, v in state._metadata.items()} == {k: dict(v) for k, v in expected._metadata.items()}
    assert list(dict(ours.named_parameters())) == list(dict(theirs.named_parameters()))
    assert getattr(ours, "__constants__", None) == getattr(theirs, "__constants__", None)
    assert type(ours).__module__.replace("flashlight", "torch") == type(theirs).__module__


@BY_CASE
def test_first_weights(case):
    theirs, ours = both(case, seed=3)
    if case.name.startswith("Lazy"):
        # the numbers are drawn when the first input comes
        torch.manual_seed(4)
        theirs(*realise(list(case.inputs), torch, False, []))
        flashlight.manual_seed(4)
        ours(*realise(list(case.inputs), flashlight, False, []))
    for name, expected in theirs.state_dict().items():
        equal(ours.state_dict()[name], expected, name, atol=1e-6, rtol=1e-6)
    # the generators stand at the same place
    equal(flashlight.rand(3), torch.rand(3), "the next numbers", atol=0, rtol=0)


def as_double(value):
    """The floating point tensors among nested arguments in float64, requiring grad as before."""
    if isinstance(value, (list, tuple)):
        return type(value)(as_double(v) for v in value)
    if isinstance(value, (torch.Tensor, flashlight.Tensor)) and value.is_floating_point():
        return value.detach().double().requires_grad_(value.requires_grad)
    return value


def run(lib, layer, case: Case, training: bool):
    """Outputs, gradients of inputs and parameters, and the state after one call."""
    inputs = as_double(realise(list(case.inputs), lib, True, []))
    call = {k: as_double(realise(v, lib, False, [])) for k, v in case.call.items()}
    layer = layer.double().train(training)
    lib.manual_seed(7)
    given = [t.clone() if "inplace" in repr(layer) and t.is_floating_point() else t for t in inputs]
    results = [r for r in leaves(layer(*given, **call)) if isinstance(r, lib.Tensor)]
    wanted = [t for t in leaves(inputs) if isinstance(t, lib.Tensor) and t.requires_grad]
    wanted += [p for p in layer.parameters() if p.requires_grad]
    total = 0
    for i, r in enumerate(results):
        if r.requires_grad:
            weights = np.random.RandomState(i).uniform(0.5, 1.5, tuple(r.shape))
            total = total + (r * lib.tensor(weights)).sum()
    grads = []
    if wanted and isinstance(total, lib.Tensor):
        grads = lib.autograd.grad(total, wanted, allow_unused=True)
    return results, grads, layer.state_dict()


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@BY_CASE
def test_forward_and_backward(case, training):
    theirs, ours = both(case)
    if not case.name.startswith("Lazy"):
        state = {k: flashlight.tensor(to_numpy(v)) for k, v in theirs.state_dict().items()}
        assert str(ours.load_state_dict(state)) == "<All keys matched successfully>"
    expected = run(torch, theirs, case, training)
    got = run(flashlight, ours, case, training)
    tight = {"atol": 1e-6, "rtol": 1e-6}  # normals are drawn to 1e-6; everything else is far closer
    assert len(got[0]) == len(expected[0])
    for i, (a, b) in enumerate(zip(got[0], expected[0], strict=True)):
        equal(a, b, f"output {i}", **tight)
        assert a.requires_grad == b.requires_grad
    assert len(got[1]) == len(expected[1])
    for i, (a, b) in enumerate(zip(got[1], expected[1], strict=True)):
        if a is None or b is None:
            present = b if a is None else a
            assert present is None or not to_numpy(present).any(), f"gradient {i}: {a} where torch has {b}"
        else:
            equal(a, b, f"gradient {i}", **tight)
    for name, b in expected[2].items():
        equal(got[2][name], b, f"state {name}", **tight)


def test_every_class_is_here():
    """Nothing of torch.nn is missing, and every layer has a case."""
    skipped = {
        "Container", "Module", "ModuleDict", "ModuleList", "NLLLoss2d", "ParameterDict", "ParameterList", "RNNBase",
        "RNNCellBase", "Sequential", "SyncBatchNorm", "TransformerDecoder", "TransformerEncoder", "CrossMapLRN2d",
        "LinearCrossEntropyOptions",
    }  # fmt: skip
    assert [n for n in torch.nn.modules.__all__ if not hasattr(flashlight.nn, n)] == []
    assert set(torch.nn.modules.__all__) - {c.name for c in CASES} - skipped == set()

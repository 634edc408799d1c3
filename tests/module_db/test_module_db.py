"""PyTorch's own module database: construction, state, forward, gradients in training and evaluation mode.

Each module is built under the same seed by both libraries, has to have the same state, and gets torch's.
"""

from __future__ import annotations

import functools
import io
import warnings

import pytest
import torch

import flashlight

pytest.importorskip("expecttest", reason="torch's own test tools need it")
from torch.testing._internal.common_modules import module_db

from ..op_db import harness

# modules of parts of torch that do not exist here, see docs/compatibility.md
MODULES = [info for info in module_db if "quantized" not in info.module_cls.__module__]
pytestmark = pytest.mark.filterwarnings("ignore")


class Convert(harness.Convert):
    """Arguments of modules: other modules and packed sequences too."""

    def __call__(self, value):
        if isinstance(value, torch.nn.utils.rnn.PackedSequence):
            return flashlight.nn.utils.rnn.PackedSequence(*(self(part) for part in value))
        if isinstance(value, torch.nn.Module):
            file = io.BytesIO()
            torch.save(value, file)
            file.seek(0)
            return flashlight.load(file, weights_only=False)
        if callable(value) and not isinstance(value, (torch.Tensor, type)):
            return self.function(value)
        return super().__call__(value)

    def function(self, value):
        name = getattr(value, "__name__", "")
        found = getattr(flashlight.nn.functional, name, None) or getattr(flashlight, name, None)
        return found or harness.rebuilt(value)


def _tensors(lib, value) -> list:
    return [x for x in harness.leaves(value) if isinstance(x, lib.Tensor)]


def _built(info, given) -> tuple:
    """The module in torch and here, both made under one seed."""
    torch.manual_seed(3)
    theirs = info.module_cls(*given.args, **given.kwargs)
    flashlight.manual_seed(3)
    kind = functools.reduce(getattr, info.module_cls.__name__.split("."), flashlight.nn)
    convert = Convert(False)
    return theirs, kind(*convert(given.args), **convert(given.kwargs))


def _uninitialized(module) -> bool:
    return any(isinstance(p, torch.nn.parameter.UninitializedTensorMixin) for p in module.state_dict().values())


def _same(kind: str, ours, theirs, tolerance: float) -> None:
    problem = harness.same(ours, theirs, tolerance)
    assert not problem, f"{kind}: {problem}"


def _same_state(ours, theirs) -> None:
    mine, state = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(state)
    for name, value in state.items():
        _same(f"state {name}", mine[name], value, 1e-6)


def _check(info, sample, training: bool) -> None:
    theirs, ours = _built(info, sample.constructor_input)
    theirs.train(training), ours.train(training)
    given, convert = sample.forward_input, Convert(True)
    args, kwargs = convert(given.args), convert(given.kwargs)
    if not _uninitialized(theirs):
        _same_state(ours, theirs)
    inputs = dict.fromkeys(x for x in _tensors(torch, [list(given.args), given.kwargs]) if x.requires_grad)
    for x in inputs:
        x.retain_grad()
        x.grad = None
    torch.manual_seed(4)
    try:
        expected = theirs(*given.args, **given.kwargs)
    except Exception as error:
        with pytest.raises(type(error)):
            ours(*args, **kwargs)
        return
    flashlight.manual_seed(4)
    found = ours(*args, **kwargs)
    _same_state(ours, theirs)
    found, expected = _tensors(flashlight, found), _tensors(torch, expected)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        _same("output", a, b, 1e-4)
    loss = harness.total(torch, expected)
    if loss is None:
        return
    loss.backward()
    harness.total(flashlight, found).backward()
    mine = dict(ours.named_parameters())
    pairs = [(f"gradient of {n}", mine[n].grad, p.grad) for n, p in theirs.named_parameters()]
    pairs += [("gradient of an input", x.grad, y.grad) for x, y in zip(convert.leaves, inputs, strict=True)]
    for name, a, b in pairs:
        assert (a is None) == (b is None), f"{name}: {a} for {b}"
        if b is not None:
            _same(name, a, b, 1e-3)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("info", MODULES, ids=lambda info: info.formatted_name)
def test_module(info, training):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=True, training=training
        )
        checked = 0
        for k, sample in enumerate(samples):
            if sample.forward_input is None:
                continue
            try:
                _check(info, sample, training)
            except Exception as error:
                raise AssertionError(f"sample {k} ({sample.desc}) {sample.constructor_input}: {error}") from error
            checked += 1
    assert checked

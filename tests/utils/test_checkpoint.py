"""Activation checkpointing: torch's gradients, the same random numbers twice, and memory that is really given back."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
import torch.utils.checkpoint

import flashlight
from flashlight.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential

LIBS = pytest.mark.parametrize("lib", [torch, flashlight], ids=["torch", "flashlight"])


def gradients(lib, use: bool, reentrant: bool = False):
    lib.manual_seed(0)
    w = lib.randn(4, 4).requires_grad_()
    x = lib.randn(3, 4).requires_grad_()

    def layer(h, scale):
        return lib.nn.functional.dropout(lib.tanh(h @ w) * scale, 0.5) * h

    def call(h, scale):
        if not use:
            return layer(h, scale)
        return lib.utils.checkpoint.checkpoint(layer, h, scale, use_reentrant=reentrant)

    call(call(x, 2.0), 0.5).sum().backward()
    after = lib.rand(2)
    return [t.tolist() for t in (x.grad, w.grad, after)]


@LIBS
@pytest.mark.parametrize("reentrant", [False, True])
def test_gradients_and_random_numbers_are_those_without(lib, reentrant):
    plain = gradients(lib, False)
    for a, b in zip(gradients(lib, True, reentrant), plain, strict=True):
        assert (
            a == pytest.approx(b)
            if not isinstance(a[0], list)
            else all(x == pytest.approx(y, rel=1e-5) for x, y in zip(a, b, strict=True))
        )


def test_results_are_torchs():
    for a, b in zip(gradients(flashlight, True), gradients(torch, True), strict=True):
        assert flashlight.tensor(a).sub(flashlight.tensor(b)).abs().max().item() < 1e-5


def test_what_lies_inside_is_given_back():
    inside = []

    def layer(h):
        middle = h.exp()
        inside.append(weakref.ref(middle._a))
        return middle * middle

    x = flashlight.ones(1000, requires_grad=True)
    kept = layer(x)
    gc.collect()
    assert inside.pop()() is not None
    y = checkpoint(layer, x, use_reentrant=False)
    y.sum().item()
    gc.collect()
    assert inside.pop()() is None
    (kept.sum() + y.sum()).backward()
    assert x.grad[0].item() == pytest.approx(4 * 2.718281828**2, rel=1e-5)


def test_second_derivatives_go_through():
    x = flashlight.tensor([0.3, 0.7], requires_grad=True)
    y = checkpoint(lambda t: (t * 2).sin() * t, x, use_reentrant=False).sum()
    (g,) = flashlight.autograd.grad(y, x, create_graph=True)
    (h,) = flashlight.autograd.grad(g.sum(), x)
    expected = [4 * flashlight.cos(x * 2) - 4 * x * flashlight.sin(x * 2)]
    assert flashlight.allclose(h, expected[0], atol=1e-5)


def test_other_operations_in_the_second_run_are_refused():
    calls = []

    def fickle(h):
        calls.append(0)
        return h.sin() if len(calls) == 1 else h.cos().exp()

    y = checkpoint(fickle, flashlight.ones(2, requires_grad=True), use_reentrant=False)
    with pytest.raises(CheckpointError, match="different set of operations"):
        y.sum().backward()


def test_sequential():
    def run(lib):
        lib.manual_seed(0)
        model = lib.nn.Sequential(*[lib.nn.Linear(4, 4) for _ in range(5)])
        x = lib.ones(2, 4).requires_grad_()
        lib.utils.checkpoint.checkpoint_sequential(model, 2, x, use_reentrant=False).sum().backward()
        return x.grad.flatten().tolist() + model[0].weight.grad.flatten().tolist()

    assert run(flashlight) == pytest.approx(run(torch), rel=1e-5)
    assert checkpoint_sequential([flashlight.sin], 1, flashlight.zeros(1), use_reentrant=False).item() == 0


def test_options():
    x = flashlight.ones(2, requires_grad=True)
    for lib in (flashlight, torch):
        module, y = lib.utils.checkpoint, lib.ones(2, requires_grad=True)
        for words, options in (
            ("determinism_check should be one of", {"use_reentrant": False, "determinism_check": "some"}),
            ("Unexpected keyword arguments: out", {"use_reentrant": True, "out": None}),
            ("only supported when use_reentrant=False", {"use_reentrant": True, "debug": True}),
            ("only supported when use_reentrant=False", {"use_reentrant": True, "context_fn": lambda: None}),
        ):
            with pytest.raises(ValueError, match=words):
                module.checkpoint(lib.sin, y, **options)
        with pytest.raises(ValueError, match="Unexpected keyword arguments: out"):
            module.checkpoint_sequential([lib.sin], 1, y, use_reentrant=False, out=None)
        with pytest.warns(UserWarning, match="checkpoint_sequential: the use_reentrant parameter"):
            module.checkpoint_sequential([lib.sin], 1, y)
        with module.set_checkpoint_early_stop(False), module.set_checkpoint_debug_enabled(True):
            module.checkpoint(lib.sin, y, use_reentrant=False).sum().backward()
        assert y.grad.tolist() == pytest.approx([0.5403023] * 2)
    with pytest.warns(UserWarning, match="use_reentrant"):
        checkpoint(flashlight.sin, x)
    with flashlight.no_grad():
        assert not checkpoint(flashlight.sin, x, use_reentrant=False).requires_grad


def test_shapes_of_the_second_run():
    for lib in (flashlight, torch):
        sizes = [3, 2]
        cut = lambda t, sizes=sizes: t.narrow(0, 0, sizes.pop(0)).sin().sum()
        x = lib.ones(3, requires_grad=True)
        y = lib.utils.checkpoint.checkpoint(cut, x, use_reentrant=False)
        with pytest.raises(lib.utils.checkpoint.CheckpointError):
            y.backward()
        lib.utils.checkpoint.checkpoint(lib.sin, x, use_reentrant=False, determinism_check="none").sum().backward()
        assert x.grad.tolist() == pytest.approx([0.5403023] * 3)

"""Pruning: masks, methods one after the other, several parameters at once."""

from __future__ import annotations

import pytest
import torch.nn.utils.prune  # noqa: F401 - torch does not import it by itself

import flashlight

from ..same import check_same


def prune(lib):
    return lib.nn.utils.prune


def small(lib):
    return lib.nn.Linear(4, 3)


def told(m, name="weight"):
    return [
        repr(m), [n for n, _ in m.named_parameters()], [n for n, _ in m.named_buffers()],
        getattr(m, name).detach(), getattr(m, name + "_mask"), getattr(m, name + "_orig").detach(),
    ]  # fmt: skip


METHODS = {
    "identity": lambda lib, m: prune(lib).identity(m, "weight"),
    "random": lambda lib, m: prune(lib).random_unstructured(m, "weight", 0.5),
    "random none": lambda lib, m: prune(lib).random_unstructured(m, "weight", 0),
    "l1 count": lambda lib, m: prune(lib).l1_unstructured(m, "weight", 3),
    "l1 share": lambda lib, m: prune(lib).l1_unstructured(m, "weight", 0.4),
    "l1 scores": lambda lib, m: prune(lib).l1_unstructured(m, "weight", 3, lib.arange(12.0).view(3, 4)),
    "random channels": lambda lib, m: prune(lib).random_structured(m, "weight", 1, 0),
    "random columns": lambda lib, m: prune(lib).random_structured(m, "weight", 0.5, -1),
    "l2 channels": lambda lib, m: prune(lib).ln_structured(m, "weight", 1, 2, 0),
    "linf columns": lambda lib, m: prune(lib).ln_structured(m, "weight", 2, float("inf"), 1),
    "mask": lambda lib, m: prune(lib).custom_from_mask(m, "weight", lib.eye(3, 4)),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    def fn(lib):
        m = small(lib)
        assert METHODS[name](lib, m) is m
        m(lib.ones(1, 4)).sum().backward()
        return [*told(m), m.weight_orig.grad, prune(lib).is_pruned(m)]

    check_same(fn)


@pytest.mark.parametrize("second", METHODS)
@pytest.mark.parametrize("first", ["l1 count", "l2 channels", "mask"])
def test_one_after_the_other(first, second):
    def fn(lib):
        m = small(lib)
        METHODS[first](lib, m)
        METHODS[second](lib, m)
        hook = next(iter(m._forward_pre_hooks.values()))
        return [*told(m), type(hook).__name__, len(hook), len(m._forward_pre_hooks)]

    check_same(fn)


def test_remove():
    def fn(lib):
        m = prune(lib).l1_unstructured(small(lib), "weight", 3)
        original = m.weight_orig
        prune(lib).remove(m, "weight")
        return [m.weight, m.weight is original, sorted(m.state_dict()), prune(lib).is_pruned(m)]

    check_same(fn)


def test_global():
    def fn(lib):
        m = lib.nn.Sequential(small(lib), lib.nn.Linear(3, 2))
        pairs = [(m[0], "weight"), (m[1], "weight")]
        prune(lib).global_unstructured(pairs, prune(lib).L1Unstructured, amount=0.3)
        prune(lib).global_unstructured(
            pairs, prune(lib).L1Unstructured, {(m[1], "weight"): lib.arange(6.0).view(2, 3)}, amount=4
        )
        return told(m[0]) + told(m[1])

    check_same(fn)


def test_tensors():
    def fn(lib):
        method = prune(lib).L1Unstructured(2)
        t = lib.tensor([3.0, -1.0, 2.0, 0.5])
        return [method.prune(t), method.prune(t, default_mask=lib.tensor([1.0, 1.0, 0.0, 1.0]))]

    check_same(fn)


ERRORS = {
    "amount type": lambda lib, m: prune(lib).l1_unstructured(m, "weight", "x"),
    "amount negative": lambda lib, m: prune(lib).l1_unstructured(m, "weight", -1),
    "amount above one": lambda lib, m: prune(lib).l1_unstructured(m, "weight", 1.5),
    "amount too large": lambda lib, m: prune(lib).l1_unstructured(m, "weight", 100),
    "structured vector": lambda lib, m: prune(lib).ln_structured(m, "bias", 1, 2, 0),
    "dimension": lambda lib, m: prune(lib).ln_structured(m, "weight", 1, 2, 5),
    "mask shape": lambda lib, m: prune(lib).custom_from_mask(m, "bias", lib.ones(7)),
    "scores shape": lambda lib, m: prune(lib).l1_unstructured(m, "bias", 1, lib.ones(7)),
    "not pruned": lambda lib, m: prune(lib).remove(m, "weight"),
    "global structured": lambda lib, m: prune(lib).global_unstructured(
        [(m, "bias")], prune(lib).CustomFromMask, mask=lib.ones(3)
    ),
    "global number": lambda lib, m: prune(lib).global_unstructured(3, prune(lib).L1Unstructured, amount=1),
    "global scores": lambda lib, m: prune(lib).global_unstructured([], prune(lib).L1Unstructured, [1], amount=1),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    def fn(lib):
        m = small(lib)
        try:
            ERRORS[name](lib, m)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            text = "subclass" if name == "global structured" else str(error)
            return [type(error).__name__, text, sorted(m.state_dict())]

    check_same(fn)


def test_containers_refuse_strangers():
    P = flashlight.nn.utils.prune
    container = P.PruningContainer(_named(P.L1Unstructured(1), "weight"))
    with pytest.raises(TypeError, match="not a BasePruningMethod"):
        container.add_pruning_method(3)
    with pytest.raises(ValueError, match="Can only add pruning methods"):
        container.add_pruning_method(_named(P.L1Unstructured(1), "bias"))


def _named(method, name):
    method._tensor_name = name
    return method

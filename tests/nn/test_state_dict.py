"""Saving and loading the state of modules: keys, hooks, versions, messages, and exchange with torch."""

from __future__ import annotations

import collections
import warnings

import pytest
import torch

import flashlight

from ..oracle import equal, to_numpy
from .same import check_same


def layer(lib):
    return lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))


BAD = {
    "list": lambda lib: [],
    "empty": lambda lib: {},
    "unknown": lambda lib: {**layer(lib).state_dict(), "x": lib.ones(1), "0.foo": lib.ones(1), "3.a.b": lib.ones(1)},
    "missing": lambda lib: {k: v for k, v in layer(lib).state_dict().items() if "weight" not in k},
    "sizes": lambda lib: {**layer(lib).state_dict(), "0.weight": lib.ones(3, 3), "1.running_mean": lib.ones(2)},
    "no tensor": lambda lib: {**layer(lib).state_dict(), "0.bias": [1.0]},
    "mixed": lambda lib: {"0.weight": lib.ones(1), "y": lib.ones(1)},
}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", BAD)
def test_messages(name, strict):
    check_same(lambda lib: repr(layer(lib).load_state_dict(BAD[name](lib), strict=strict)))


def test_keys_share_storage():
    def fn(lib):
        m = layer(lib)
        state = m.state_dict()
        state["0.weight"].fill_(2.0)
        kept = m.state_dict(keep_vars=True)
        prefixed = m.state_dict(prefix="p.")
        given = collections.OrderedDict(z=1)
        m.state_dict(destination=given, prefix="q.")
        return [
            m[0].weight, kept["0.weight"] is m[0].weight, list(prefixed), list(given),
            [v.requires_grad for v in kept.values()],
            {k: dict(v) for k, v in state._metadata.items()}, {k: dict(v) for k, v in prefixed._metadata.items()},
        ]  # fmt: skip

    check_same(fn)
    check_same(lambda lib: list(layer(lib).state_dict(collections.OrderedDict(), "old.", True)))


def test_load_copies_or_assigns():
    def fn(lib):
        m, other = layer(lib), layer(lib)
        weight = m[0].weight
        state = other.state_dict()
        told = [repr(m.load_state_dict(state)), m[0].weight is weight, m[0].weight]
        m.load_state_dict(state, assign=True)
        state["0.weight"].fill_(3.0)
        return [*told, m[0].weight is weight, m[0].weight, m[0].weight.requires_grad, type(m[0].weight).__name__]

    check_same(fn)


def test_assign_takes_dtype_and_meta():
    def fn(lib):
        m = lib.nn.Linear(2, 2, device="meta")
        m.load_state_dict(lib.nn.Linear(2, 2, dtype=lib.float64).state_dict(), assign=True)
        return [str(m.weight.dtype), str(m.weight.device)]

    def ignored(lib):
        m = lib.nn.Linear(2, 2, device="meta")
        m.load_state_dict(lib.nn.Linear(2, 2).state_dict())
        return str(m.weight.device)

    check_same(fn)
    check_same(ignored)


def test_load_casts_and_squeezes():
    def fn(lib):
        m = lib.nn.Module()
        m.scalar = lib.nn.Parameter(lib.zeros(()))
        m.vector = lib.nn.Parameter(lib.zeros(2))
        m.load_state_dict({"scalar": lib.tensor([2.0]), "vector": lib.tensor([1, 2])})
        return [m.scalar, m.vector]

    check_same(fn)


def test_extra_state():
    def fn(lib):
        class Extra(lib.nn.Module):
            def __init__(self):
                super().__init__()
                self.count = 0

            def get_extra_state(self):
                return {"count": self.count}

            def set_extra_state(self, state):
                self.count = state["count"]

        m = lib.nn.Sequential(Extra())
        m[0].count = 5
        state = m.state_dict()
        other = lib.nn.Sequential(Extra())
        told = [list(state), repr(other.load_state_dict(state)), other[0].count]
        try:
            other.load_state_dict({})
        except RuntimeError as error:
            told.append(str(error))
        try:
            lib.nn.Sequential(lib.nn.ReLU()).load_state_dict(state)
        except RuntimeError as error:
            told.append(str(error))
        return told

    check_same(fn)


def test_hooks():
    def fn(lib):
        told = []
        m = layer(lib)
        m.register_state_dict_pre_hook(lambda m, prefix, keep: told.append(("pre", type(m).__name__, prefix, keep)))
        m[0].register_state_dict_post_hook(
            lambda m, s, prefix, meta: told.append(("post", sorted(s), prefix, dict(meta)))
        )
        m._register_state_dict_hook(lambda m, s, prefix, meta: collections.OrderedDict(only=s["0.weight"]))
        told.append(list(m.state_dict()))
        other = layer(lib)
        other.register_load_state_dict_pre_hook(
            lambda m, s, prefix, meta, strict, missing, unexpected, errors: s.update({"0.bias": s.pop("b")})
        )
        other[1]._register_load_state_dict_pre_hook(lambda s, prefix, *rest: told.append(("load", prefix, len(s))))
        other[1]._register_load_state_dict_pre_hook(lambda m, *rest: told.append(type(m).__name__), with_module=True)
        other.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.append("made up"))
        state = layer(lib).state_dict()
        state["b"] = state.pop("0.bias")
        told.append(repr(other.load_state_dict(state, strict=False)))
        return told

    check_same(fn)


def test_hooks_that_misbehave():
    def returns(lib):
        m = layer(lib)
        m.register_state_dict_post_hook(lambda *a: {})
        m.state_dict()

    def twice(lib):
        m = layer(lib)

        def hook(*a):
            return None

        m.register_state_dict_post_hook(hook)
        m._register_state_dict_hook(hook)

    def load_returns(lib):
        m = layer(lib)
        m.register_load_state_dict_post_hook(lambda m, keys: 3)
        m.load_state_dict(layer(lib).state_dict())

    for fn in (returns, twice, load_returns):
        check_same(fn)


def test_overridden_methods():
    def fn(lib):
        class Own(lib.nn.Linear):
            _version = 3

            def _save_to_state_dict(self, destination, prefix, keep_vars):
                super()._save_to_state_dict(destination, prefix, keep_vars)
                destination[prefix + "more"] = lib.ones(1)

            def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
                self.seen = (prefix, local_metadata.get("version"), state_dict.pop(prefix + "more").shape)
                super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

        m = lib.nn.Sequential(Own(2, 2))
        state = m.state_dict()
        return [list(state), repr(m.load_state_dict(state)), m[0].seen]

    check_same(fn)


def test_batch_norm_of_version_one():
    def fn(lib):
        state = lib.nn.BatchNorm1d(3).state_dict()
        del state["num_batches_tracked"]
        state._metadata[""]["version"] = 1
        told = [repr(lib.nn.BatchNorm1d(3).load_state_dict(state))]
        state._metadata[""]["version"] = 2
        try:
            lib.nn.BatchNorm1d(3).load_state_dict(state)
        except RuntimeError as error:
            told.append(str(error))
        return told

    check_same(fn)


def test_instance_norm_of_version_one():
    check_same(
        lambda lib: lib.nn.InstanceNorm1d(3).load_state_dict({"running_mean": lib.zeros(3), "running_var": lib.ones(3)})
    )


def model(lib):
    nn = lib.nn
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(
            collections.OrderedDict(
                conv=nn.Conv2d(2, 4, 3),
                norm=nn.BatchNorm2d(4),
                rnn=nn.LSTM(4, 3, 2, bidirectional=True),
                attention=nn.MultiheadAttention(4, 2, kdim=3, vdim=5),
                table=nn.Embedding(5, 3, padding_idx=0),
                both=nn.Transformer(4, 2, 1, 1, 8),
                group=nn.GroupNorm(2, 4),
                parts=nn.ModuleDict({"a": nn.ParameterList([lib.ones(2)]), "b": nn.ParameterDict({"c": lib.ones(3)})}),
            )
        )


def test_strict_load_both_ways():
    theirs, ours = model(torch), model(flashlight)
    state = {k: flashlight.tensor(to_numpy(v)) for k, v in theirs.state_dict().items()}
    assert str(ours.load_state_dict(state, strict=True)) == "<All keys matched successfully>"
    for name, value in theirs.state_dict().items():
        equal(ours.state_dict()[name], value, name, atol=0, rtol=0)
    back = {k: torch.from_numpy(to_numpy(v)) for k, v in model(flashlight).state_dict().items()}
    assert str(theirs.load_state_dict(back, strict=True)) == "<All keys matched successfully>"

"""Every sample in the tables against torch: forward, dtype, shape, gradient, second gradient, method, in-place, out=, errors."""

from __future__ import annotations

import collections

import pytest
import torch

import flashlight
from flashlight._core import table

from ..oracle import check, check_raises, realise
from .samples import REFUSED, SAMPLES

BY_NAME = collections.defaultdict(list)
for _sample in SAMPLES:
    BY_NAME[_sample.name].append(_sample)


def resolve(lib, name: str):
    """The callable a sample's name means."""
    found = lib
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _call(name):
    return lambda lib, *args, **kwargs: resolve(lib, name)(*args, **kwargs)


def _comparison(sample) -> dict:
    return {k: v for k, v in sample.options.items() if k not in ("inplace", "out", "method")}


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_function(name):
    for sample in BY_NAME[name]:
        check(_call(name), *sample.args, **sample.kwargs, **_comparison(sample))


@pytest.mark.parametrize("name", sorted(n for n in BY_NAME if "." not in n and hasattr(torch.Tensor, n)))
def test_method(name):
    for sample in BY_NAME[name]:
        if sample.options.get("method", True):
            check(
                lambda lib, x, *a, **k: getattr(x, name)(*a, **k), *sample.args, **sample.kwargs, **_comparison(sample)
            )


@pytest.mark.parametrize("name", sorted(n for n in BY_NAME if "." not in n and hasattr(torch.Tensor, n + "_")))
def test_inplace(name):
    assert hasattr(flashlight.Tensor, name + "_")
    for sample in BY_NAME[name]:
        if not sample.options.get("inplace", True):
            continue

        def write(lib, x, *args, **kwargs):
            y = x * 1 if x.is_floating_point() or x.is_complex() else x.clone()
            result = getattr(y, name + "_")(*args, **kwargs)
            assert result is y
            return y

        try:
            made = []
            write(torch, *realise(list(sample.args), torch, False, made), **realise(sample.kwargs, torch, False, made))
        except RuntimeError:
            check_raises(write, *sample.args, **sample.kwargs)
            continue
        options = _comparison(sample) | {"second": False}
        check(write, *sample.args, **sample.kwargs, **options)


@pytest.mark.parametrize("i", range(len(REFUSED)), ids=[r.name for r in REFUSED])
def test_refused(i):
    check_raises(_call(REFUSED[i].name), *REFUSED[i].args, **REFUSED[i].kwargs)


def test_every_operator_has_a_sample():
    # private halves ("_.name") are reached through the public function, random ones are compared in test_random
    missing = sorted(
        key
        for key, entry in table.entries.items()
        if entry.differentiable and key in table.operators and not key.startswith("_") and key not in BY_NAME
    )
    assert not missing, f"no sample in tests/ops/samples for: {missing}"

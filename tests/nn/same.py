"""Running one function under both libraries and comparing all it tells: values, texts, order of events, errors."""

from __future__ import annotations

import warnings

import torch

import flashlight

from ..oracle import equal


def outcome(fn, lib):
    """What ``fn(lib)`` gives: its result or its exception, and the warnings."""
    lib.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = fn(lib)
        except Exception as error:
            result = error
    told = [(w.category, _plain(str(w.message))) for w in caught if w.category in (UserWarning, FutureWarning)]
    return result, told


def _plain(text: str) -> str:
    return text.replace("flashlight.", "torch.")


def compare(ours, theirs, what: str = "result", **tolerance) -> None:
    """Assert that two nested results agree."""
    if isinstance(ours, Exception) and not isinstance(theirs, Exception):
        raise ours
    if isinstance(theirs, torch.Tensor):
        assert ours.requires_grad == theirs.requires_grad, f"{what}: requires_grad"
        equal(ours, theirs, what, **tolerance)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), what
        for key in theirs:
            compare(ours[key], theirs[key], f"{what}[{key!r}]", **tolerance)
    elif isinstance(theirs, (list, tuple)) and not isinstance(theirs, torch.Size):
        assert len(ours) == len(theirs), f"{what}: {ours} where torch has {theirs}"
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            compare(a, b, f"{what}[{i}]", **tolerance)
    elif isinstance(theirs, Exception):
        assert isinstance(ours, Exception), f"{what}: {ours!r} where torch raises {theirs!r}"
        assert isinstance(ours, type(theirs)), f"{what}: {ours!r} where torch raises {theirs!r}"
        assert _plain(str(ours)) == str(theirs), what
    elif isinstance(theirs, float):
        assert abs(ours - theirs) <= 1e-6 * max(1.0, abs(theirs)), f"{what}: {ours} where torch has {theirs}"
    else:
        assert _plain(repr(ours)) == repr(theirs), f"{what}: {ours!r} where torch has {theirs!r}"


def check_same(fn, warned: bool = True, **tolerance) -> None:
    """Assert that ``fn`` does the same under both libraries, warnings included."""
    ours, theirs = outcome(fn, flashlight), outcome(fn, torch)
    compare(ours[0], theirs[0], **tolerance)
    if warned:
        assert ours[1] == theirs[1]

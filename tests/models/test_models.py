"""Models of public packages, their files as published, under both libraries: same weights, outputs, gradients, losses."""

from __future__ import annotations

import functools
import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from .table import CASES

pytestmark = pytest.mark.slow
_RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "runner.py")
# by what is compared; float32 gradients through batch norm of a few values are as ill-conditioned as they are in PyTorch,
# so gradients and the losses of the steps are judged in float64 wherever the model computes in it
_LIMITS = {"initial weights": 1e-6, "eval": 1e-4, "float64 train": 1e-6, "float64 gradient": 1e-5}


@functools.cache
def _results(package: str) -> dict[str, tuple]:
    """What both libraries saw of all the models of a package."""
    names = [name for name, case in CASES.items() if case.package == package]
    with tempfile.TemporaryDirectory() as folder:
        for command in ([], ["-m", "flashlight", "run"]):
            done = subprocess.run([sys.executable, *command, _RUNNER, folder, *names], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-3000:]
        found = {}
        for name in names:
            pair = []
            for library in ("torch", "flashlight"):
                with open(os.path.join(folder, f"{name}.{library}"), "rb") as file:
                    pair.append(pickle.load(file))
            found[name] = tuple(pair)
    return found


def difference(expected: dict, found: dict) -> float:
    """The largest difference of any array, by the array's size but no less than a thousandth of the largest of all."""
    assert list(found) == list(expected)
    given = {key: value for key, value in expected.items() if value is not None}
    assert {key for key, value in found.items() if value is not None} == set(given)
    floor = 1e-3 * max((np.abs(v).max() for v in given.values() if v.size and v.dtype.kind == "f"), default=0)
    worst = 0.0
    for key, value in given.items():
        assert (found[key].shape, found[key].dtype) == (value.shape, value.dtype), key
        if value.size and value.dtype.kind == "f":
            assert np.array_equal(np.isfinite(value), np.isfinite(found[key])), key
            gap = np.abs(np.nan_to_num(value) - np.nan_to_num(found[key])).max()
            worst = max(worst, float(gap / max(np.abs(np.nan_to_num(value)).max(), floor, 1e-30)))
        else:
            assert np.array_equal(value, found[key]), key
    return worst


@pytest.mark.parametrize("name", CASES)
def test_model(name):
    if importlib.util.find_spec(CASES[name].package) is None:
        pytest.skip(f"needs the package {CASES[name].package}")
    expected, found = _results(CASES[name].package)[name]
    assert not isinstance(expected, str), f"PyTorch itself: {expected}"
    assert not isinstance(found, str), found
    limits = _LIMITS | {"losses": 1e-4}
    if not CASES[name].double:
        limits |= {"float32 train": 1e-4, "float32 gradient": 1e-4}
    gaps = {part: difference(expected[part], found[part]) for part in expected}
    print(name, {part: f"{gap:.0e}" for part, gap in gaps.items()})
    assert {part: gap for part, gap in gaps.items() if gap > limits.get(part, np.inf)} == {}

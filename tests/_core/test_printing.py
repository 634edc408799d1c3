"""Printing, character for character as torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

CASES = {
    "whole": [1.0, 2.0, 300.0],
    "fixed": [1.5, -2.25, 1000.125],
    "scientific": [1e-5, 1.0, 1e6],
    "wide spread": [0.001, 1001.0],
    "nan and inf": [float("nan"), float("inf"), -1.5],
    "only inf": [float("inf"), 1.0],
    "zeros": [0.0, 0.0],
    "integers": [1, -20, 300],
    "booleans": [True, False],
    "nested": [[1.5, 2.0], [-3.0, 4.0]],
    "deep": np.arange(24.0).reshape(2, 3, 4).tolist(),
    "scalar": 3.25,
    "integer scalar": 7,
    "negative zero": [-0.0, 1.0],
    "large": [1e9, 2e9],
    "empty": [],
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    assert repr(flashlight.tensor(CASES[name])) == repr(torch.tensor(CASES[name]))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32", "uint8", "complex64"])
def test_dtypes(dtype):
    data = [[1.0, 2.0], [3.0, 40.0]]
    ours, theirs = (lib.tensor(data).to(getattr(lib, dtype)) for lib in (flashlight, torch))
    assert repr(ours) == repr(theirs)


def test_complex_parts():
    data = [1 + 2.5j, -3 - 0.125j]
    assert repr(flashlight.tensor(data)) == repr(torch.tensor(data))


@pytest.mark.parametrize("shape", [(1001,), (40, 50), (10, 11, 12), (3, 500), (0, 3), (2, 0)])
def test_shapes(shape):
    data = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert repr(flashlight.from_numpy(data)) == repr(torch.from_numpy(data))


@pytest.mark.parametrize("n", [10, 11, 30, 100])
def test_line_breaks(n):
    data = np.random.RandomState(0).randn(n).astype(np.float32)
    assert repr(flashlight.from_numpy(data)) == repr(torch.from_numpy(data))


def test_suffixes():
    def lines(lib):
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = x + 1
        wide = lib.tensor([[1.123456789] * 5] * 2, dtype=lib.float64, requires_grad=True)
        return [
            repr(t) for t in (x, y, x * 2, y.sum(), x.exp(), x.view(2, 1), x[0], x.detach(), wide, x.reshape(1, 2).t())
        ]

    assert lines(flashlight) == lines(torch)


def test_options():
    data = np.random.RandomState(0).randn(3, 30).astype(np.float32)
    for options in (
        {"precision": 2},
        {"threshold": 5, "edgeitems": 1},
        {"linewidth": 40},
        {"sci_mode": True},
        {"profile": "short"},
    ):
        try:
            for lib in (torch, flashlight):
                lib.set_printoptions(**options)
            assert repr(flashlight.from_numpy(data)) == repr(torch.from_numpy(data)), options
        finally:
            for lib in (torch, flashlight):
                lib.set_printoptions(profile="default")


def test_meta():
    ours, theirs = (repr(lib.empty(2, 3, device="meta")) for lib in (flashlight, torch))
    assert ours == theirs


def test_format():
    for lib in (flashlight, torch):
        assert f"{lib.tensor(1.23456):.2f}" == "1.23" and str(lib.Size([1, 2])) == "torch.Size([1, 2])"

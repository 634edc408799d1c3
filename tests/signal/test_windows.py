"""signal.windows against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

NAMES = torch.signal.windows.__all__
EXTRA = {"general_cosine": {"a": (0.4, 0.5, 0.1)}, "gaussian": {"std": 2.0}, "exponential": {"tau": 3.0}}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [0, 1, 2, 5, 8])
@pytest.mark.parametrize("sym", [True, False])
def test_values(name, length, sym):
    options = {"sym": sym, **EXTRA.get(name, {})}
    ours = getattr(flashlight.signal.windows, name)(length, dtype=flashlight.float64, **options)
    theirs = getattr(torch.signal.windows, name)(length, dtype=torch.float64, **options)
    assert ours.shape == theirs.shape and ours.dtype is flashlight.float64
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hann", {"M": -1}),
        ("hann", {"M": 3, "dtype": "float16"}),
        ("kaiser", {"M": 3, "beta": -1}),
        ("gaussian", {"M": 3, "std": 0}),
        ("exponential", {"M": 3, "tau": 0}),
        ("exponential", {"M": 3, "center": 1}),
        ("general_cosine", {"M": 3, "a": ()}),
        ("general_cosine", {"M": 3, "a": 3}),
    ],
)
def test_refused(name, options):
    messages = []
    for lib in (torch, flashlight):
        given = {k: getattr(lib, v) if k == "dtype" else v for k, v in options.items()}
        with pytest.raises((ValueError, TypeError)) as error:
            getattr(lib.signal.windows, name)(**given)
        messages.append((error.type, str(error.value)))
    assert messages[0] == messages[1]


def test_requires_grad():
    assert flashlight.signal.windows.hann(4, requires_grad=True).requires_grad

"""torch.lstm, gru, rnn_* and the cells: stacked, bidirectional, projected, packed; values, gradients, second gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, check

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}
CASES = [
    (name, layers, two_ways, proj)
    for name in GATES
    for layers, two_ways in ((1, False), (2, True))
    for proj in (0, 3)
    if not proj or name == "lstm"
]


def weights(name, layers, two_ways, proj, bias, I=4, H=5):  # noqa: E741
    """Weights in torch's order for the functional forms."""
    G, out, seed, flat = GATES[name], proj or H, 0, []
    for layer in range(layers):
        for _ in range(2 if two_ways else 1):
            width = I if layer == 0 else out * (2 if two_ways else 1)
            shapes = [(G * H, width), (G * H, out)] + [(G * H,), (G * H,)] * bias + [(proj, H)] * bool(proj)
            for shape in shapes:
                seed += 1
                flat.append(A(*shape, seed=seed, low=-0.5, high=0.5))
    return flat


def states(name, layers, two_ways, proj, B=3, H=5):
    n = layers * (2 if two_ways else 1)
    h = A(n, B, proj or H, seed=90)
    return [h, A(n, B, H, seed=91)] if name == "lstm" else h


@pytest.mark.parametrize(("name", "layers", "two_ways", "proj"), CASES)
@pytest.mark.parametrize("bias", [True, False])
def test_padded(name, layers, two_ways, proj, bias):
    check(
        lambda lib, x, hx, w: getattr(lib, name)(x, hx, w, bias, layers, 0.0, True, two_ways, False),
        A(6, 3, 4), states(name, layers, two_ways, proj), weights(name, layers, two_ways, proj, bias), second=not two_ways,
        grad_atol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "layers", "two_ways", "proj"), CASES)
def test_packed(name, layers, two_ways, proj):
    sizes = [3, 3, 2, 1]
    check(
        lambda lib, x, hx, w: getattr(lib, name)(x, lib.tensor(sizes), hx, w, True, layers, 0.0, True, two_ways),
        A(sum(sizes), 4), states(name, layers, two_ways, proj), weights(name, layers, two_ways, proj, True), second=False,
        grad_atol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(GATES))
def test_cells(name):
    H, G = 5, GATES[name]
    hx = [A(3, H, seed=1), A(3, H, seed=2)] if name == "lstm" else A(3, H, seed=1)
    w = [A(G * H, 4, seed=3), A(G * H, H, seed=4), A(G * H, seed=5), A(G * H, seed=6)]
    check(lambda lib, x, h, p: getattr(lib, name + "_cell")(x, h, *p), A(3, 4), hx, w)


def test_dropout_between_layers_draws_torchs_masks():
    def run(lib, x, hx, w):
        lib.manual_seed(3)
        return lib.lstm(x, hx, w, True, 2, 0.5, True, False, True)

    check(
        run, A(3, 6, 4), states("lstm", 2, False, 0), weights("lstm", 2, False, 0, True), second=False, grad_atol=1e-4
    )


def test_float64():
    check(
        lambda lib, x, hx, w: lib.gru(x, hx, w, True, 1, 0.0, True, False, False),
        A(6, 3, 4, dtype="float64"),
        A(1, 3, 5, dtype="float64"),
        [A(*w.data.shape, dtype="float64", seed=i) for i, w in enumerate(weights("gru", 1, False, 0, True))],
    )


def test_cell_refusals():
    w = [np.ones((20, 4), np.float32), np.ones((20, 5), np.float32)]
    for lib in (torch, flashlight):
        tensors = [lib.from_numpy(a) for a in w]
        with pytest.raises(RuntimeError):
            lib.lstm_cell(lib.ones(3, 3), [lib.ones(3, 5), lib.ones(3, 5)], *tensors)

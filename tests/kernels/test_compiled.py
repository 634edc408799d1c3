"""Scans compiled for the CPU against the same scans in numpy, and what becomes of them without a compiler."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest

import flashlight
from flashlight import liquid
from flashlight.kernels import arrays, compiled, scans
from flashlight.kernels.cases import Size
from flashlight.liquid.ncps.wirings import AutoNCP

if not compiled.available("cfc", np.float32):
    pytest.skip("needs a C++ compiler", allow_module_level=True)

INPUTS = 3
LAYERS = {
    "CfC": lambda: liquid.CfC(INPUTS, 21, backbone_units=19),
    "CfC of two deep": lambda: liquid.CfC(INPUTS, 5, backbone_units=17, backbone_layers=2, activation="silu"),
    "CfC without backbone": lambda: liquid.CfC(INPUTS, 33, backbone_layers=0, mode="no_gate"),
    "CfC pure": lambda: liquid.CfC(INPUTS, 7, mode="pure", activation="relu"),
    "CfC tanh and memory": lambda: liquid.CfC(INPUTS, 6, activation="tanh", mixed_memory=True),
    "CfC wired": lambda: liquid.CfC(INPUTS, AutoNCP(19, 3)),
    "CfC wired, pure, memory": lambda: liquid.CfC(INPUTS, AutoNCP(12, 2), mode="pure", mixed_memory=True),
    "LTC": lambda: liquid.LTC(INPUTS, 9, ode_unfolds=3),
    "LTC wired": lambda: liquid.LTC(INPUTS, AutoNCP(18, 3)),
    "LTC wired with memory": lambda: liquid.LTC(INPUTS, AutoNCP(12, 2), mixed_memory=True, ode_unfolds=2),
}
# around the number of lanes of a register, and around the chunks of steps that weights take
SIZES = [(1, 1), (2, 17), (15, 3), (17, 16), (33, 5), (70, 2)]


def run(layer, x, ts, h=None):
    """The outputs, and the gradients of everything there is."""
    layer.zero_grad()
    given = [t.detach().clone().requires_grad_() for t in (x, ts) if t is not None]
    y, state = layer(given[0], h, given[1] if ts is not None else None)
    states = list(state) if isinstance(state, (tuple, list)) else [state]
    loss = sum((t * flashlight.linspace(-1, 1, t.numel(), dtype=t.dtype).reshape(t.shape)).sum() for t in [y, *states])
    loss.backward()
    grads = {n: p.grad.numpy() for n, p in layer.named_parameters() if p.grad is not None}
    return {"y": y.detach().numpy(), **{f"given {k}": t.grad.numpy() for k, t in enumerate(given)}, **grads}


def in_numpy(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda family, kind: False)


def assert_close(got, wanted, tolerance):
    assert got.keys() == wanted.keys()
    for name, values in wanted.items():
        bound = tolerance * max(np.abs(values).max(initial=0), 1e-3)
        assert np.abs(got[name] - values).max(initial=0) <= bound, name


@pytest.mark.parametrize(("batch", "length"), SIZES)
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients_are_those_of_numpy(name, batch, length, monkeypatch):
    flashlight.manual_seed(batch + length)
    layer = LAYERS[name]().double().eval()
    x = flashlight.randn(batch, length, INPUTS, dtype=flashlight.float64)
    spans = [None, flashlight.rand(batch, length, dtype=flashlight.float64) + 0.1]
    wanted, got = [], []
    for threads in (1, 3):
        monkeypatch.setattr(compiled, "workers", lambda blocks, work, threads=threads: min(blocks, threads))
        got.append([run(layer, x, ts) for ts in spans])
    in_numpy(monkeypatch)
    wanted = [run(layer, x, ts) for ts in spans]
    for mine in got:
        for a, b in zip(mine, wanted, strict=True):
            assert_close(a, b, 1e-12)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("batch", "length"), SIZES)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "RNN relu"])
def test_recurrent_layers_are_those_of_numpy(kind, batch, length, ragged, monkeypatch):
    flashlight.manual_seed(batch * length)
    nn, options = flashlight.nn, {"nonlinearity": "relu"} if kind.endswith("relu") else {}
    layer = getattr(nn, kind.split()[0])(INPUTS, 19, bidirectional=True, bias=batch != 15, **options).double()
    data = flashlight.randn(length, batch, INPUTS, dtype=flashlight.float64)
    lengths = flashlight.randint(1, length + 1, (batch,))
    initial = [flashlight.randn(2, batch, 19, dtype=flashlight.float64) for _ in range(1 + (kind == "LSTM"))]

    def gradients():
        layer.zero_grad()
        x, *h = (t.detach().clone().requires_grad_() for t in (data, *initial))
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False) if ragged else x
        y, last = layer(packed, tuple(h) if len(h) > 1 else h[0])
        y = y.data if ragged else y
        states = last if isinstance(last, tuple) else (last,)
        sum(
            (t * flashlight.linspace(-1, 1, t.numel(), dtype=t.dtype).reshape(t.shape)).sum() for t in (y, *states)
        ).backward()
        grads = {n: p.grad.numpy() for n, p in layer.named_parameters()}
        return {
            "y": y.detach().numpy(),
            "x": x.grad.numpy(),
            **{f"h{k}": t.grad.numpy() for k, t in enumerate(h)},
            **grads,
        }

    got = []
    for threads in (1, 3):
        monkeypatch.setattr(compiled, "workers", lambda blocks, work, threads=threads: min(blocks, threads))
        got.append(gradients())
    h = tuple(initial) if len(initial) > 1 else initial[0]
    with flashlight.no_grad():
        again = layer(data, h)[0]
    kept = layer(data, h)[0]
    assert kept.requires_grad and not again.requires_grad
    assert flashlight.equal(again, kept)
    in_numpy(monkeypatch)
    wanted = gradients()
    for mine in got:
        assert_close(mine, wanted, 1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_single_precision(name, monkeypatch):
    flashlight.manual_seed(1)
    layer = LAYERS[name]().eval()
    x = flashlight.randn(19, 40, INPUTS)
    got = run(layer, x, None)
    in_numpy(monkeypatch)
    assert_close(got, run(layer, x, None), 5e-5)


@pytest.mark.parametrize("scan", scans.SCANS, ids=[scan.name for scan in scans.SCANS])
def test_scans_that_doctor_runs(scan):
    for size in (Size(1, 1, 1), Size(3, 20, 33), Size(40, 2, 7)):
        assert scans.wrong_by(scan, size) < 5e-6


@pytest.mark.parametrize("shape", [(4, 6), (6,), (4, 6, 5), (4, 6, 1)])
@pytest.mark.parametrize("kind", ["CfC", "LTC"])
def test_timespans_of_every_shape(kind, shape, monkeypatch):
    layer = getattr(liquid, kind)(INPUTS, 5).double()
    x = flashlight.randn(4, 6, INPUTS, dtype=flashlight.float64)
    ts = flashlight.rand(shape, dtype=flashlight.float64)
    got = run(layer, x, ts)
    in_numpy(monkeypatch)
    assert_close(got, run(layer, x, ts), 1e-12)


@pytest.mark.parametrize("activation", ["lecun_tanh", "silu", "gelu"])
def test_dropout_in_the_backbone(activation, monkeypatch):
    layer = liquid.CfC(INPUTS, 5, backbone_layers=3, backbone_units=18, backbone_dropout=0.4, activation=activation)
    layer = layer.double().train()
    x = flashlight.randn(18, 4, INPUTS, dtype=flashlight.float64)
    flashlight.manual_seed(2)
    got = run(layer, x, None)
    in_numpy(monkeypatch)
    flashlight.manual_seed(2)
    assert_close(got, run(layer, x, None), 1e-12)


def test_neurons_that_are_held(monkeypatch):
    layer = liquid.StrideAwareCfC(INPUTS, AutoNCP(12, 2), stride_length=2).double()
    x = flashlight.randn(5, 7, INPUTS, dtype=flashlight.float64)
    got = run(layer, x, None)
    in_numpy(monkeypatch)
    assert_close(got, run(layer, x, None), 1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_without_gradient_the_values_are_the_same_and_little_is_kept(name, monkeypatch):
    layer = LAYERS[name]().eval()
    x = flashlight.randn(18, 30, INPUTS)
    with_gradient = layer(x)[0].detach().numpy()
    taken, empty = [], arrays.Room.empty
    monkeypatch.setattr(arrays.Room, "empty", lambda *args: taken.append(args[1][1]) or empty(*args))
    with flashlight.no_grad():
        assert (layer(x)[0].numpy() == with_gradient).all()
    assert max(taken) <= 2


def test_what_is_not_a_number_stays_in_its_sequence():
    for layer in (liquid.CfC(INPUTS, 5), liquid.LTC(INPUTS, 5)):
        x = flashlight.randn(6, 4, INPUTS)
        clean = layer(x)[0].detach().numpy()
        x[2, 1, 0] = float("nan")
        y = layer(x)[0].detach().numpy()
        assert np.isnan(y[2, 1:]).all()
        assert not np.isnan(np.delete(y, 2, axis=0)).any()
        assert (np.delete(y, 2, axis=0) == np.delete(clean, 2, axis=0)).all()
        assert (y[2, 0] == clean[2, 0]).all()


def test_jacobians_of_all_rows_at_once():
    for layer in (
        liquid.CfC(INPUTS, 4),
        liquid.LTC(INPUTS, 4),
        flashlight.nn.LSTM(INPUTS, 4),
        flashlight.nn.GRU(INPUTS, 4),
    ):
        x = flashlight.randn(2, 3, INPUTS)

        def summed(x, layer=layer):
            return layer(x)[0].sum((1, 2))

        rows, at_once = (
            flashlight.autograd.functional.jacobian(summed, x, vectorize=vectorize).numpy()
            for vectorize in (False, True)
        )
        np.testing.assert_allclose(at_once, rows, rtol=1e-6)
        assert np.abs(rows).max() > 0


# ------------------------------------------------------------------------------------------------------------ lanes.h itself
PROBE = """
#include "lanes.h"
extern "C" void probe(const V* a, V* out, long n) {
    for (long i = 0; i < n; i++) {
        out[i] = sigmoid(a[i]);
        out[n + i] = tanh(a[i]);
        out[2 * n + i] = exponential(a[i]);
    }
}
"""


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_exponential_functions(kind, tmp_path):
    command, _ = compiled._compiler()
    flags = [*compiled._FLAGS, f"-DREAL={compiled._REALS[np.dtype(kind)]}", "probe.cpp"]
    texts = {"lanes.h": compiled._source("lanes.h"), "probe.cpp": PROBE}
    compiled._build((*command, *flags), texts, tmp_path / "probe.so")
    probe = ctypes.CDLL(str(tmp_path / "probe.so"))
    edges = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 1e-4, 600, -600, 80, -80]
    points = np.concatenate([np.linspace(-60, 60, 4001), np.logspace(-8, 1.5, 999), edges])
    lanes = probe.lanes()
    count = -(-len(points) // lanes)
    room = arrays.Room()
    a, out = room.empty((count, lanes), kind), room.empty((3, count * lanes), kind)
    a.reshape(-1)[:] = 0
    a.reshape(-1)[: len(points)] = points
    probe.probe(compiled._address(a), compiled._address(out), ctypes.c_long(count))
    x = a.reshape(-1)[: len(points)].astype(np.longdouble)
    with np.errstate(over="ignore"):
        wanted = [1 / (1 + np.exp(-x)), np.tanh(x), np.exp(x)]
    # a few roundings, and that of the argument; beyond 2^+-126 (float64: 1022) the power is held at the edge
    allowed = np.finfo(kind).eps * (6 + np.minimum(np.abs(x), 90))
    for name, got, exact in zip(("sigmoid", "tanh", "exp"), out[:, : len(points)], wanted, strict=True):
        assert (np.isnan(got) == np.isnan(x)).all()
        seen = np.abs(x) < 80 if name == "exp" else ~np.isnan(x)
        error = np.abs(got - exact)[seen]
        assert (error <= (allowed * np.abs(exact))[seen] + 1e-37).all(), name


# ------------------------------------------------------------------------------------------------------------- the compiler
SCRIPT = """
import warnings
warnings.simplefilter("error" if {strict} else "always")
import flashlight
flashlight.manual_seed(0)
layer = flashlight.liquid.CfC(3, 5)
layer(flashlight.randn(2, 4, 3))[0].sum().backward()
print(float(sum(p.grad.abs().sum() for p in layer.parameters())))
"""


def script(strict=True, **environment):
    environment = {**os.environ, **{k: str(v) for k, v in environment.items()}}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(strict=strict)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done


def test_without_a_compiler_scans_run_in_numpy(tmp_path):
    made = script(FLASHLIGHT_CACHE=tmp_path)
    off = script(FLASHLIGHT_COMPILER="off")
    assert (made.returncode, off.returncode) == (0, 0), made.stderr + off.stderr
    assert float(made.stdout) == pytest.approx(float(off.stdout), rel=1e-5)
    assert [path.suffix for path in tmp_path.iterdir()] == [".so"]


def test_a_compiler_that_fails_is_named_and_done_without(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text(
        '#!/bin/sh\ncase "$*" in *-E*) exit 0;; *--version*) echo broken 1.0;; *) echo no such luck >&2; exit 1;; esac\n'
    )
    broken.chmod(0o755)
    done = script(strict=False, FLASHLIGHT_COMPILER=broken, FLASHLIGHT_CACHE=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    assert "no such luck" in done.stderr
    assert "run in numpy" in done.stderr
    assert float(done.stdout) == pytest.approx(float(script(FLASHLIGHT_COMPILER="off").stdout))


def test_a_cache_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    done = script(FLASHLIGHT_CACHE=tmp_path / "file" / "cache")
    assert done.returncode != 0
    assert "NotADirectoryError" in done.stderr


def test_a_change_of_source_or_flags_is_another_library(tmp_path, monkeypatch):
    monkeypatch.setenv(compiled.CACHE, str(tmp_path))
    monkeypatch.setattr(compiled, "_HEADERS", ("lanes.h",))
    source = {
        "lanes.h": compiled._source("lanes.h"),
        "small.cpp": '#include "lanes.h"\nextern "C" long answer() { return 1; }\n',
    }
    monkeypatch.setattr(compiled, "_source", source.__getitem__)
    answers = []
    for text in ("return 1;", "return 2;", "return 1;"):
        source["small.cpp"] = source["small.cpp"].replace("return 1;", text).replace("return 2;", text)
        compiled._library.cache_clear()
        answers.append(compiled._library("small", np.dtype(np.float32)).answer())
    compiled._library.cache_clear()
    assert answers == [1, 2, 1]
    assert len(list(tmp_path.iterdir())) == 2

"""What autocast does to every operator: on the CPU's list as torch does it, on the accelerators' as its tables say."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as theirs

import flashlight
import flashlight.nn.functional as ours
from flashlight.amp import autocast

from ..optim.cases import numbers
from .cases import CASES, GPU_FLOAT32, GPU_LOW, operand

CPU = [name for name in CASES if name not in ("linalg.matrix_rank",)]


def result(lib, functional, name: str, dtype: str, device: str, low: str):
    fn, args = CASES[name]
    operands = [operand(lib, value, dtype) for value in args]
    with (
        warnings.catch_warnings(),
        (autocast if lib is flashlight else torch.autocast)(device, dtype=getattr(lib, low)),
    ):
        warnings.simplefilter("ignore")
        out = fn(lib, functional, *operands)
    return list(out) if isinstance(out, (tuple, list)) else [out]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", CPU)
def test_cpu(name, dtype):
    a = result(flashlight, ours, name, dtype, "cpu", "bfloat16")
    b = result(torch, theirs, name, dtype, "cpu", "bfloat16")
    assert [str(t.dtype) for t in a] == [str(t.dtype) for t in b]
    # losses see what half-precision log-probabilities and distances leave of their operands
    loose = any("bfloat16" in str(t.dtype) for t in b) or dtype == "bfloat16"
    for x, y in zip(a, b, strict=True):
        x, y = numbers(x.resolve_conj()), numbers(y.resolve_conj())
        np.testing.assert_allclose(x, y, rtol=2e-2 if loose else 2e-5, atol=2e-2 if loose else 2e-5)


@pytest.mark.parametrize("name", ["mm", "linear", "conv2d", "exp", "sum", "mse_loss", "cat mixed", "softmax"])
def test_cpu_in_float16(name):
    for dtype in ("float32", "float16"):
        a = result(flashlight, ours, name, dtype, "cpu", "float16")
        b = result(torch, theirs, name, dtype, "cpu", "float16")
        assert [str(t.dtype) for t in a] == [str(t.dtype) for t in b]


NO_HALF = ("linalg", "fft", "inverse", "cholesky", "triangular", "polar", "view_as_complex", "quantile")
GPU = [name for name in CASES if not name.startswith(NO_HALF) and "integers" not in name and "doubles" not in name]


@pytest.mark.parametrize("device", ["cuda", "mps"])
@pytest.mark.parametrize("name", [name for name in GPU if name != "binary_cross_entropy"])
def test_accelerators(name, device):
    out = result(flashlight, ours, name, "float32", device, "float16")[0]
    expected = "torch.float16" if name in GPU_LOW else "torch.float32"
    assert str(out.dtype) == expected
    out = result(flashlight, ours, name, "float16", device, "float16")[0]
    assert str(out.dtype) == ("torch.float32" if name in GPU_FLOAT32 else "torch.float16")


def test_binary_cross_entropy_is_refused_on_accelerators():
    with pytest.raises(RuntimeError, match="unsafe to autocast"):
        result(flashlight, ours, "binary_cross_entropy", "float32", "cuda", "float16")


MODULES = {
    "Linear": (lambda nn: nn.Linear(8, 4), (2, 8)),
    "MLP": (lambda nn: nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4), nn.Softmax(-1)), (2, 8)),
    "LayerNorm": (lambda nn: nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)), (2, 8)),
    "Conv2d": (
        lambda nn: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.MaxPool2d(2)),
        (2, 3, 8, 8),
    ),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(3, 4, 3), (2, 3, 8, 8)),
    "LSTM": (lambda nn: nn.LSTM(8, 4, num_layers=2, bidirectional=True), (3, 2, 8)),
    "GRU": (lambda nn: nn.GRU(8, 4), (3, 2, 8)),
    "RNN": (lambda nn: nn.RNN(8, 4), (3, 2, 8)),
    "LSTMCell": (lambda nn: nn.LSTMCell(8, 4), (2, 8)),
    "GRUCell": (lambda nn: nn.GRUCell(8, 4), (2, 8)),
    "TransformerEncoderLayer": (
        lambda nn: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
        (2, 3, 8),
    ),
}


def tensors(value) -> list:
    return [t for part in value for t in tensors(part)] if isinstance(value, (tuple, list)) else [value]


@pytest.mark.parametrize("name", MODULES)
def test_modules_train(name):
    make, shape = MODULES[name]
    outputs, gradients = [], []
    for lib in (flashlight, torch):
        lib.manual_seed(0)
        model = make(lib.nn)
        x = lib.tensor(np.random.RandomState(0).randn(*shape).astype(np.float32)).requires_grad_()
        with lib.autocast("cpu", dtype=lib.bfloat16):
            out = tensors(model(x))
        weights = lib.tensor(np.random.RandomState(1).randn(*out[0].shape).astype(np.float32))
        (out[0].float() * weights).sum().backward()
        outputs.append(out)
        gradients.append([x.grad, *(p.grad for p in model.parameters())])
    for found, expected in ((outputs[0], outputs[1]), (gradients[0], gradients[1])):
        assert [str(t.dtype) for t in found] == [str(t.dtype) for t in expected]
        for a, b in zip(found, expected, strict=True):
            scale = np.abs(numbers(b)).max()
            np.testing.assert_allclose(numbers(a), numbers(b), rtol=0, atol=3e-2 * scale + 1e-3)

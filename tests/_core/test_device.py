"""Device labels, and what may reach a GPU stream."""

from __future__ import annotations

import contextlib

import mlx.core as mx
import numpy as np
import pytest
import torch

import flashlight
from flashlight._core import device as devices


@pytest.mark.parametrize("text", ["cpu", "cuda", "cuda:1", "mps", "meta"])
def test_labels(text):
    ours, theirs = flashlight.device(text), torch.device(text)
    assert (
        repr(ours) == repr(theirs)
        and str(ours) == str(theirs)
        and (ours.type, ours.index) == (theirs.type, theirs.index)
    )
    assert ours == flashlight.device(text) and hash(ours) == hash(flashlight.device(text))


@pytest.mark.parametrize("text", ["gnu", "cuda:", "cuda:x", ""])
def test_bad_labels(text):
    for lib in (torch, flashlight):
        with pytest.raises(RuntimeError):
            lib.device(text)


def test_moving_never_copies():
    x = flashlight.arange(3.0)
    for y in (x.to("mps"), x.mps(), x.to("cuda:0"), x.cuda()):
        assert np.shares_memory(np.array(y._a, copy=False), np.array(x._a, copy=False))
        assert y.device.type in ("mps", "cuda") and (y + 1).device == y.device
    assert x.cpu() is x and x.to("cpu") is x
    assert x.to("mps").to("cpu").device.type == "cpu"


def test_availability():
    assert flashlight.cuda.is_available() is False and flashlight.cuda.device_count() == 0
    assert flashlight.backends.mps.is_available() == mx.metal.is_available()
    with pytest.raises(AssertionError, match="CUDA"):
        flashlight.cuda.current_device()


class _OnCpu:
    """Stands for the CPU stream: notes whether we are inside."""

    inside = 0

    @contextlib.contextmanager
    def __call__(self):
        _OnCpu.inside += 1
        yield
        _OnCpu.inside -= 1


@pytest.fixture
def pretend_gpu(monkeypatch):
    """As on a Mac: the default stream is a GPU's. Every MLX call the package makes on float64 must be inside the CPU stream."""
    outside = []
    monkeypatch.setattr(devices, "GPU", True)
    monkeypatch.setattr(devices, "cpu_stream", _OnCpu())
    for name in ("add", "subtract", "multiply", "divide", "exp", "log", "matmul", "sum", "sqrt", "negative", "tanh"):
        real = getattr(mx, name)

        def guarded(*args, _real=real, _name=name, **kwargs):
            if not _OnCpu.inside and any(isinstance(a, mx.array) and a.dtype == mx.float64 for a in args):
                outside.append(_name)
            return _real(*args, **kwargs)

        monkeypatch.setattr(mx, name, guarded)
    return outside


def test_float64_stays_off_the_gpu(pretend_gpu):
    x = flashlight.tensor([[0.5, 1.5], [2.0, 3.0]], dtype=flashlight.float64, requires_grad=True)
    w = flashlight.tensor([1.0, 2.0], dtype=flashlight.float64, requires_grad=True)
    y = ((x @ x) * w - x.exp() / (w + 3)).tanh().sqrt().sum() + x.log().sum()
    y.backward()
    assert x.grad.dtype == flashlight.float64 and pretend_gpu == []


def test_float32_uses_the_gpu(pretend_gpu):
    _OnCpu.inside = 0
    x = flashlight.tensor([0.5, 1.5], requires_grad=True)
    (x.exp() * x).sum().backward()
    assert x.grad is not None and _OnCpu.inside == 0

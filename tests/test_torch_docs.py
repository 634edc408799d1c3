"""The examples in torch's docstrings, run by both libraries: what they print is the same, but for roundings and addresses."""

from __future__ import annotations

import contextlib
import doctest
import io
import math
import re

import numpy as np
import pytest
import torch
import torch.func
import torch.nn.utils.parametrizations
import torch.nn.utils.prune
import torch.optim.swa_utils
import torch.signal.windows

import flashlight

NAMESPACES = [
    "", "Tensor", "nn", "nn.functional", "nn.init", "nn.utils", "nn.utils.rnn", "nn.utils.prune", "nn.utils.parametrizations",
    "linalg", "fft", "special", "optim", "optim.lr_scheduler", "optim.swa_utils", "func", "autograd", "autograd.functional",
    "distributions", "signal.windows", "utils.data",
]  # fmt: skip
# examples about devices, compilers, files and layouts that do not exist here
ELSEWHERE = re.compile(
    "cuda|distributed|compile|export|onnx|jit|quant|sparse|_dynamo|set_default_device|Stream|Event|^load|^save|hub|script|nested"
    "|DataParallel|indices$|to_dense|MapDataPipe|narrow_copy"
)
# what prints something else, and why
DIFFERENT = {
    "memory is copied": "as_tensor asarray from_dlpack from_numpy frombuffer",
    "values of memory nobody wrote": "empty new_empty new_empty_strided skip_init",
    "complex128 is refused": "is_complex polar set_default_dtype cholesky cholesky_ex eig eigh eigvals eigvalsh householder_product inv",
    "the order of equal values, the last bits of a rounding": "sort view cholesky_inverse solve_triangular hfft ihfft",
    "shows an object": "vmap CrossEntropyLoss LinearCrossEntropyLoss",
    "every operator is deterministic": "put_ MaxUnpool1d MaxUnpool3d",
    "the processor has no such mode here": "set_flush_denormal",
    "versions of inference tensors can be read": "inference_mode",
    "not there": "functionalize rearrange enforce_grad_layout_policy",
    "the words of a missing argument": "solve_ex",
}
KNOWN = {name for names in DIFFERENT.values() for name in names.split()}
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")


def _at(lib, path: str):
    for part in filter(None, path.split(".")):
        lib = getattr(lib, part)
    return lib


def _documented() -> list:
    found = []
    for path in NAMESPACES:
        where = _at(torch, path)
        for name in sorted(n for n in dir(where) if not n.startswith("_")):
            value = getattr(where, name, None)
            text = getattr(value, "__doc__", None)
            if callable(value) and isinstance(text, str) and ">>>" in text and not ELSEWHERE.search(name):
                with contextlib.suppress(ValueError):  # indented in a way doctest does not read
                    examples = doctest.DocTestParser().get_examples(text)
                    found.append((f"{path}.{name}".strip("."), [e for e in examples if "cuda" not in e.source]))
    return found


def _printed(lib, examples) -> list:
    names = {
        "torch": lib, "nn": lib.nn, "F": lib.nn.functional, "optim": lib.optim, "init": lib.nn.init, "Tensor": lib.Tensor,
        "math": math, "np": np, "numpy": np,
    }  # fmt: skip
    lib.manual_seed(0)
    lib.set_default_dtype(lib.float32)
    lib.set_printoptions(profile="default")
    printed = []
    for example in examples:
        source, out = example.source, io.StringIO()
        if lib is flashlight:
            source = re.sub(r"^import torch$", "import flashlight as torch", source, flags=re.M)
            source = re.sub(r"^from torch\b", "from flashlight", source, flags=re.M)
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(source, "<example>", "single"), names)
            printed.append(out.getvalue())
        except Exception as error:  # what is printed then is the error
            printed.append(f"{type(error).__name__}: {error}")
    return printed


def _alike(ours: str, theirs: str) -> bool:
    ours, theirs = (re.sub("0x[0-9a-f]+", "", s.replace("flashlight.", "torch.")) for s in (ours, theirs))
    if NUMBER.sub("#", ours).split() != NUMBER.sub("#", theirs).split():
        return False
    pairs = zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True)
    return all(abs(float(a) - float(b)) <= 2e-3 * max(1e-2, abs(float(b))) for a, b in pairs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_examples_print_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    different, compared = {}, 0
    for name, examples in _documented():
        pairs = zip(_printed(flashlight, examples), _printed(torch, examples), strict=True)
        wrong = [(ours, theirs) for ours, theirs in pairs if not _alike(ours, theirs)]
        compared += 1
        if wrong and name.split(".")[-1] not in KNOWN:
            different[name] = wrong[0]
    assert compared > 600
    assert not different, "\n".join(f"{name}: {ours!r} for {theirs!r}" for name, (ours, theirs) in different.items())

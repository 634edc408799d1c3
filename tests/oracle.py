"""The one place where flashlight is compared with PyTorch.

`check(fn, *args)` calls ``fn(lib, *args)`` with torch and with flashlight on the same data and compares results,
dtypes, shapes, gradients and second gradients. `check_raises` compares the type of the exception.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

import flashlight

ATOL = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-10, "complex64": 2e-5}
RTOL = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-10, "complex64": 2e-5}


@dataclasses.dataclass
class T:
    """A tensor argument: numpy data, perhaps of a dtype numpy lacks, requiring grad or not (by default if inexact)."""

    data: np.ndarray
    dtype: str | None = None
    grad: bool | None = None

    def make(self, lib, grad: bool):
        t = lib.tensor(self.data)
        if self.dtype is not None:
            t = t.to(getattr(lib, self.dtype))
        wants = (t.is_floating_point() or t.is_complex()) if self.grad is None else self.grad
        return t.requires_grad_() if wants and grad else t


def A(*shape, low=-2.0, high=2.0, seed=0, dtype="float32", grad=None) -> T:
    """Random uniform data; integer dtypes draw integers, bool draws both values."""
    rng = np.random.RandomState(seed + sum(shape) + 7 * len(shape))
    if dtype == "bool":
        return T(rng.rand(*shape) > 0.5, grad=False)
    if "int" in dtype:
        low = max(low, 0) if dtype.startswith("u") else low
        return T(np.asarray(rng.randint(int(low), int(high) + 1, shape)).astype(dtype), grad=False)
    data = rng.uniform(low, high, shape)
    if dtype == "complex64":
        return T((data + 1j * rng.uniform(low, high, shape)).astype(np.complex64), grad=grad)
    if dtype == "bfloat16":
        return T(np.asarray(data).astype(np.float32), "bfloat16", grad)
    return T(np.asarray(data).astype(dtype), grad=grad)


def I(*shape, high, low=0, seed=0, dtype="int64") -> T:  # noqa: E743
    """Random indices in [low, high)."""
    return T(np.asarray(np.random.RandomState(seed).randint(low, high, shape)).astype(dtype), grad=False)


class D(str):
    """A dtype argument by name."""


def realise(value, lib, grad: bool, made: list):
    """The arguments for one library; tensors that require grad are also put into ``made``."""
    if isinstance(value, T):
        t = value.make(lib, grad)
        if t.requires_grad:
            made.append(t)
        return t
    if isinstance(value, D):
        return getattr(lib, value)
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        parts = [realise(v, lib, grad, made) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {k: realise(v, lib, grad, made) for k, v in value.items()}
    return value


def leaves(result) -> list:
    """The tensors and plain values of a result, in order."""
    if isinstance(result, (torch.Tensor, flashlight.Tensor)) or not isinstance(result, (list, tuple, dict)):
        return [result]
    values = result.values() if isinstance(result, dict) else result
    return [leaf for v in values for leaf in leaves(v)]


def to_numpy(t) -> np.ndarray:
    t = t.detach()
    if "bfloat16" in str(t.dtype):
        t = t.float()
    # force: torch's zero gradients may be tensors without storage
    return np.asarray(t.numpy(force=True) if isinstance(t, torch.Tensor) else t.numpy())


def equal(ours, theirs, what: str, atol=None, rtol=None) -> None:
    """Assert that two values agree in kind, dtype, shape and value."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, flashlight.Tensor), f"{what}: {type(ours).__name__} where torch gives a Tensor"
        assert str(ours.dtype) == str(theirs.dtype), f"{what}: dtype {ours.dtype} where torch gives {theirs.dtype}"
        assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {ours.shape} where torch gives {theirs.shape}"
        kind = str(theirs.dtype).removeprefix("torch.")
        a, b = to_numpy(ours), to_numpy(theirs)
        np.testing.assert_allclose(
            a, b, atol=ATOL.get(kind, 0) if atol is None else atol, rtol=RTOL.get(kind, 0) if rtol is None else rtol,
            equal_nan=True, err_msg=what,
        )  # fmt: skip
    elif isinstance(theirs, (bool, int, str)) or theirs is None:
        assert type(ours) is type(theirs) and ours == theirs, f"{what}: {ours!r} where torch gives {theirs!r}"
    elif isinstance(theirs, float):
        assert math.isclose(ours, theirs, rel_tol=1e-5, abs_tol=1e-6) or (math.isnan(ours) and math.isnan(theirs)), (
            f"{what}: {ours!r} where torch gives {theirs!r}"
        )
    else:
        assert str(ours) == str(theirs), f"{what}: {ours} where torch gives {theirs}"


def _scalar(lib, results, seed: int):
    """A number made of every differentiable result with fixed random weights."""
    total = None
    for i, r in enumerate(results):
        if isinstance(r, (torch.Tensor, flashlight.Tensor)) and r.requires_grad:
            r = lib.view_as_real(r.resolve_conj()) if r.is_complex() else r
            w = np.random.RandomState(seed + i).uniform(0.5, 1.5, tuple(r.shape)).astype(np.float64)
            part = (r.double() * lib.tensor(w)).sum()
            total = part if total is None else total + part
    return total


def _gradients(lib, results, inputs, second: bool):
    loss = _scalar(lib, results, 11)
    if loss is None or not inputs:
        return None, None
    grads = lib.autograd.grad(loss, inputs, create_graph=second, allow_unused=True)
    if not second:
        return grads, None
    again = _scalar(lib, [g for g in grads if g is not None], 23)
    if again is None or not again.requires_grad:
        return grads, None
    return grads, lib.autograd.grad(again, inputs, allow_unused=True)


def _run(lib, fn, args, kwargs, grad, second):
    made: list = []
    args, kwargs = realise(list(args), lib, grad, made), realise(kwargs, lib, grad, made)
    result = fn(lib, *args, **kwargs)
    results = leaves(result)
    first, again = _gradients(lib, results, made, second) if grad else (None, None)
    return results, first, again


def check(fn, *args, grad=True, second=True, atol=None, rtol=None, grad_atol=None, grad_rtol=None, **kwargs) -> None:
    """Compare ``fn(lib, *args, **kwargs)`` under both libraries."""
    theirs = _run(torch, fn, args, kwargs, grad, second)
    ours = _run(flashlight, fn, args, kwargs, grad, second)
    assert len(ours[0]) == len(theirs[0]), f"{len(ours[0])} results where torch gives {len(theirs[0])}"
    for i, (a, b) in enumerate(zip(ours[0], theirs[0], strict=True)):
        equal(a, b, f"result {i}", atol, rtol)
        if grad and isinstance(b, torch.Tensor):
            assert a.requires_grad == b.requires_grad, (
                f"result {i}: requires_grad {a.requires_grad}, torch {b.requires_grad}"
            )
    for name, a, b in (("gradient", ours[1], theirs[1]), ("second gradient", ours[2], theirs[2])):
        n = len(a or b or ())
        for i, (x, y) in enumerate(zip(a or (None,) * n, b or (None,) * n, strict=True)):
            if y is None or x is None:
                # a gradient that is zero everywhere may be left out by either side
                present = x if y is None else y
                assert present is None or not to_numpy(present).any(), f"{name} {i}: {x} where torch has {y}"
                continue
            loose = 1 if name == "gradient" else 10
            kind = str(y.dtype).removeprefix("torch.")
            equal(
                x, y, f"{name} {i}", loose * (grad_atol or ATOL.get(kind, 0)), loose * (grad_rtol or RTOL.get(kind, 0))
            )


def check_raises(fn, *args, match: str | None = None, **kwargs) -> None:
    """Assert that both libraries refuse, with the same type of exception."""
    with pytest.raises(Exception) as theirs:
        _run(torch, fn, args, kwargs, False, False)
    with pytest.raises(Exception) as ours:
        _run(flashlight, fn, args, kwargs, False, False)
    assert isinstance(ours.value, theirs.type), (
        f"{ours.type.__name__}: {ours.value}\nwhere torch raises {theirs.type.__name__}: {theirs.value}"
    )
    if match is not None:
        assert match in str(ours.value), f"{ours.value!s} does not say {match!r}"

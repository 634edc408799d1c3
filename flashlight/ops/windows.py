"""Window functions: hann, hamming, blackman, bartlett, kaiser."""

from __future__ import annotations

import numpy as np

from .._core import dtypes
from .._core.conversion import from_host
from .._core.creation_args import finish, float_dtype
from .._core.table import composite
from .._core.tensor import Tensor


def _window(name: str, n: int, periodic: bool, shape, dtype, device, requires_grad, layout, pin_memory) -> Tensor:
    """``shape(x)`` of the places x in [0, 1]; a periodic window is one longer with the last value left out."""
    dtype = float_dtype(dtype)
    if not dtype.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype!r}")
    if n < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    dtypes.to_mlx(dtype)
    if n < 2:
        values = np.ones(n)
    else:
        last = n if periodic else n - 1
        values = shape(np.arange(n, dtype=np.float64) / last)
    kind = np.float32 if dtype.numpy is None else dtype.numpy
    return finish(from_host(values.astype(kind), dtype), device, requires_grad, layout, pin_memory)


def _cosines(*terms):
    return lambda x: sum((-1) ** k * a * np.cos(2 * np.pi * k * x) for k, a in enumerate(terms))


@composite(method=False)
def hann_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """``0.5 - 0.5 cos(2 pi n / (N - 1))``."""
    shape = _cosines(0.5, 0.5)
    return _window("hann_window", window_length, periodic, shape, dtype, device, requires_grad, layout, pin_memory)


@composite(method=False)
def hamming_window(
    window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """``alpha - beta cos(2 pi n / (N - 1))``."""
    shape = _cosines(alpha, beta)
    return _window("hamming_window", window_length, periodic, shape, dtype, device, requires_grad, layout, pin_memory)


@composite(method=False)
def blackman_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """``0.42 - 0.5 cos(2 pi n / (N - 1)) + 0.08 cos(4 pi n / (N - 1))``."""
    shape = _cosines(0.42, 0.5, 0.08)
    return _window("blackman_window", window_length, periodic, shape, dtype, device, requires_grad, layout, pin_memory)


@composite(method=False)
def bartlett_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """A triangle from 0 to 1 and back."""

    def shape(x):
        return 1 - np.abs(2 * x - 1)

    return _window("bartlett_window", window_length, periodic, shape, dtype, device, requires_grad, layout, pin_memory)


@composite(method=False)
def kaiser_window(
    window_length, periodic=True, beta=12.0, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False,
):  # fmt: skip
    """``I0(beta sqrt(1 - (2n / (N - 1) - 1)^2)) / I0(beta)``."""

    def shape(x):
        return np.i0(beta * np.sqrt(np.clip(1 - (2 * x - 1) ** 2, 0, None))) / np.i0(beta)

    return _window("kaiser_window", window_length, periodic, shape, dtype, device, requires_grad, layout, pin_memory)

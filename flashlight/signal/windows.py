"""Window functions by SciPy's names, symmetric unless ``sym=False`` asks for one period.

Each takes ``M``, the number of samples, and ``sym``, ``dtype`` (float32 or float64), ``layout``, ``device``, ``requires_grad``.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable

import numpy as np

from .._core import dtypes
from .._core.conversion import from_host
from .._core.creation_args import finish, float_dtype
from .._core.tensor import Tensor, strided

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _window(name: str, M: int, shape, dtype, layout, device, requires_grad) -> Tensor:
    """``shape(n)`` of the sample numbers n = 0 ... M - 1, computed on the host in float64."""
    dtype = float_dtype(dtype)
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    values = shape(np.arange(operator.index(M), dtype=np.float64))
    return finish(from_host(values.astype(dtype.numpy), dtype), device, requires_grad, layout)


def _length(M: int, sym: bool) -> int:
    """The number of samples of the symmetric window this one is a part of."""
    return M if sym or M <= 1 else M + 1


def _places(n: np.ndarray, M: int, sym: bool) -> np.ndarray:
    """The samples' places in [-1, 1]; a single sample is in the middle."""
    return np.zeros(M) if M == 1 else 2 * n / (_length(M, sym) - 1) - 1


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype=None, layout=strided, device=None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """``exp(-|n - center| / tau)``; the center is the middle unless given."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = (_length(M, sym) - 1) / 2 if center is None else center

    def shape(n):
        return np.exp(-np.abs(n - middle) / tau)

    return _window("exponential", M, shape, dtype, layout, device, requires_grad)


def cosine(M: int, *, sym: bool = True, dtype=None, layout=strided, device=None, requires_grad: bool = False) -> Tensor:
    """``sin(pi (n + 1/2) / M)``."""

    def shape(n):
        return np.sin(np.pi * (n + 0.5) / _length(M, sym))

    return _window("cosine", M, shape, dtype, layout, device, requires_grad)


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype=None, layout=strided, device=None, requires_grad: bool = False
) -> Tensor:
    """``exp(-(n - middle)^2 / (2 std^2))``."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    middle = (_length(M, sym) - 1) / 2

    def shape(n):
        return np.exp(-(((n - middle) / std) ** 2) / 2)

    return _window("gaussian", M, shape, dtype, layout, device, requires_grad)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype=None,
    layout=strided,
    device=None,
    requires_grad: bool = False,
) -> Tensor:
    """``I0(beta sqrt(1 - x^2)) / I0(beta)`` of the places x in [-1, 1]."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")

    def shape(n):
        return np.i0(beta * np.sqrt(np.clip(1 - _places(n, M, sym) ** 2, 0, None))) / np.i0(beta)

    return _window("kaiser", M, shape, dtype, layout, device, requires_grad)


def bartlett(
    M: int, *, sym: bool = True, dtype=None, layout=strided, device=None, requires_grad: bool = False
) -> Tensor:
    """A triangle from 0 to 1 and back."""

    def shape(n):
        return 1 - np.abs(_places(n, M, sym))

    return _window("bartlett", M, shape, dtype, layout, device, requires_grad)


def general_cosine(
    M, *, a: Iterable, sym: bool = True, dtype=None, layout=strided, device=None, requires_grad: bool = False
) -> Tensor:
    """``a0 - a1 cos(x) + a2 cos(2 x) - ...`` of x from 0 to 2 pi; one sample alone is 1."""
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    terms = tuple(a)
    if not terms:
        raise ValueError("Coefficients cannot be empty")

    def shape(n):
        if M == 1:
            return np.ones(1)
        x = np.pi * (1 + _places(n, M, sym))
        return sum((-1) ** k * c * np.cos(k * x) for k, c in enumerate(terms))

    return _window("general_cosine", M, shape, dtype, layout, device, requires_grad)


def general_hamming(
    M, *, alpha: float = 0.54, sym: bool = True, dtype=None, layout=strided, device=None, requires_grad: bool = False
) -> Tensor:
    """``alpha - (1 - alpha) cos(x)``."""
    return general_cosine(
        M, a=(alpha, 1 - alpha), sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def _fixed(name: str, *terms: float):
    """The general cosine window of given coefficients."""

    def window(
        M: int, *, sym: bool = True, dtype=None, layout=strided, device=None, requires_grad: bool = False
    ) -> Tensor:
        return general_cosine(
            M, a=terms, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
        )

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"The general cosine window of the coefficients {', '.join(map(str, terms))}."
    return window


hamming = _fixed("hamming", 0.54, 0.46)
hann = _fixed("hann", 0.5, 0.5)
blackman = _fixed("blackman", 0.42, 0.5, 0.08)
nuttall = _fixed("nuttall", 0.3635819, 0.4891775, 0.1365995, 0.0106411)

"""Tensor functions under the names that code written for ember-ml uses."""

from __future__ import annotations

import flashlight

from .. import matmul, ones, zeros
from .._core.tensor import Tensor

__all__ = ["matmul", "ones", "random_normal", "random_uniform", "shape", "zeros"]


def random_normal(shape, mean: float = 0.0, stddev: float = 1.0, dtype=None) -> Tensor:
    """Normally distributed numbers."""
    return flashlight.randn(*shape, dtype=dtype) * stddev + mean


def random_uniform(shape, minval: float = 0.0, maxval: float = 1.0, dtype=None) -> Tensor:
    """Numbers from [minval, maxval)."""
    return flashlight.rand(*shape, dtype=dtype) * (maxval - minval) + minval


def shape(x: Tensor) -> tuple[int, ...]:
    """The sizes of a tensor."""
    return tuple(x.shape)

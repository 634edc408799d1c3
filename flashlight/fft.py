"""Discrete Fourier transforms: the operators declared in the ``fft`` namespace."""

from __future__ import annotations

from ._core.table import namespaces as _namespaces

globals().update(_namespaces.get("fft", {}))
__all__ = sorted(_namespaces.get("fft", {}))

"""Covariance and correlation of observations."""

from __future__ import annotations

import warnings

import mlx.core as mx

from .._core import checks, dtypes
from .._core.axes import summed
from .._core.table import Array, op


def _as_float(a: mx.array) -> mx.array:
    return a if mx.issubdtype(a.dtype, mx.inexact) else a.astype(dtypes.get_default_dtype().mlx)


def _checked_weights(name: str, weights: mx.array, n: int, floating: bool) -> None:
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    if mx.issubdtype(weights.dtype, mx.floating) != floating or weights.dtype == mx.bool_:
        kind = "floating point" if floating else "integral"
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with "
            f"{dtypes.scalar_type_name(dtypes.from_mlx(weights.dtype))} dtype"
        )
    if weights.size != n:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.size} != {n}"
        )
    checks.refuse(mx.any(weights < 0), weights, lambda: RuntimeError(f"cov(): {name} cannot be negative"))


def covariance(a: mx.array, correction, fweights, aweights) -> mx.array:
    """The matrix of covariances of the rows of a matrix."""
    n = a.shape[1]
    if aweights is not None and a.dtype != mx.complex64:  # weights that are floats take part in the promotion
        a = a.astype(dtypes.to_mlx(dtypes.promote_types(dtypes.from_mlx(a.dtype), dtypes.from_mlx(aweights.dtype))))
    weights = None
    for name, given, floating in (("fweights", fweights, False), ("aweights", aweights, True)):
        if given is not None:
            _checked_weights(name, given, n, floating)
            given = mx.reshape(given, (-1,)).astype(mx.float32 if a.dtype == mx.complex64 else a.dtype)
            weights = given if weights is None else weights * given
    if weights is None:
        total, weighted = n, a
    else:
        total, weighted = summed(weights), a * weights
    freedom = total - correction
    if aweights is not None and correction:
        squares = weights * mx.reshape(aweights, (-1,)).astype(weights.dtype)
        freedom = total - correction * summed(squares) / total
    if weights is None and freedom <= 0:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            stacklevel=6,
        )
    mean = summed(weighted, axis=1, keepdims=True) / total
    centred = a - mean
    turned = mx.transpose(centred if weights is None else centred * weights)
    if a.dtype == mx.complex64:
        turned = mx.conjugate(turned)
    freedom = mx.maximum(freedom, 0) if isinstance(freedom, mx.array) else max(freedom, 0)
    return mx.matmul(centred, turned) / freedom


def _observations(name: str, input: mx.array) -> mx.array:
    if input.ndim > 2:
        raise RuntimeError(
            f"{name}(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input.dtype == mx.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    a = _as_float(input)
    return a if a.ndim == 2 else mx.reshape(a, (1, -1))


@op(name="cov", out=False, watch="")
def cov(input: Array, *, correction=1, fweights: Array | None = None, aweights: Array | None = None) -> Array:
    """The covariances of the rows of a matrix, whose columns are observations; a row alone gives its variance."""
    out = covariance(_observations("cov", input), correction, fweights, aweights)
    return mx.reshape(out, ()) if out.size == 1 else out


@op(out=False, watch="")
def corrcoef(input: Array) -> Array:
    """The correlation coefficients of the rows of a matrix, whose columns are observations."""
    out = covariance(_observations("corrcoef", input), 1, None, None)
    if out.size == 1:
        return mx.reshape(out / out, ())
    spread = mx.sqrt(mx.real(mx.diagonal(out)) if out.dtype == mx.complex64 else mx.diagonal(out))
    out = out / spread[:, None] / spread[None, :]
    if out.dtype == mx.complex64:
        return mx.clip(mx.real(out), -1, 1) + 1j * mx.clip(mx.imag(out), -1, 1)
    return mx.clip(out, -1, 1)

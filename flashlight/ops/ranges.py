"""Sequences and structured matrices: arange, linspace, logspace, eye, index triangles, Vandermonde matrices."""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from .._core import checks, dtypes
from .._core.axes import summed
from .._core.conversion import from_host, host_value
from .._core.dispatch import is_number
from .._core.table import Array, composite, op
from .._core.tensor import Tensor
from .creation import into, out_dtype

_EXACT = 2**53  # MLX counts in doubles


def number_of(name: str, argument: str, value):
    """A Python number from a number or a 0-dimensional tensor."""
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {argument} with {value.ndim} "
                "dimension(s)."
            )
        return host_value(value).item()
    if isinstance(value, np.generic):
        return value.item()
    if not is_number(value):
        raise TypeError(f"{name}(): argument '{argument}' must be Number, not {type(value).__name__}")
    return value


@composite(method=False)
def arange(
    start=None,
    end=None,
    step=1,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """The numbers ``start, start + step, ...`` before ``end``; ``arange(end)`` starts at 0.

    The dtype is int64 when all arguments are integers, else the default float.
    Raises: RuntimeError for a zero step or bounds that do not fit its sign.
    """
    if end is None:
        start, end = None, start
    if end is None:
        raise TypeError("arange() received an invalid combination of arguments: it needs an end")
    start = 0 if start is None else start
    start, end, step = (number_of("arange", n, v) for n, v in (("start", start), ("end", end), ("step", step)))
    whole = all(isinstance(v, int) for v in (start, end, step))
    dtype = out_dtype(dtype, out, dtypes.int64 if whole else None)
    return into(
        out,
        _counted(start, end, step, dtype, _length(start, end, step, dtype)),
        device,
        requires_grad,
        layout,
        pin_memory,
    )


def _length(start, end, step, dtype) -> int:
    if dtype.category not in (dtypes.INT, dtypes.FLOAT):
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{dtypes.scalar_type_name(dtype)}'")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is dtypes.int64:
        # torch rounds the bounds first, for int64 alone
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueError("step must be nonzero")
        return -((start - end) // step)
    return math.ceil((end - start) / step)


def _counted(start, end, step, dtype, n: int) -> mx.array:
    if dtype.category == dtypes.INT:
        start, step = int(start), int(step)
        limits = dtypes.iinfo(dtype)
        if step and max(abs(start), abs(start + n * step)) < min(_EXACT, limits.max):
            return checks.know(mx.arange(start, start + n * step, step, dtype=dtypes.to_mlx(dtype)))
        return from_host(start + np.arange(n, dtype=np.int64) * step, dtype)
    dtypes.to_mlx(dtype)
    values = start + np.arange(n, dtype=np.float64) * step
    return from_host(values.astype(dtype.numpy) if dtype.numpy is not None else values.astype(np.float32), dtype)


@composite(method=False, name="range")
def range_(
    start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """``arange`` that includes ``end`` and is of the default float dtype."""
    start, end, step = (number_of("range", n, v) for n, v in (("start", start), ("end", end), ("step", step)))
    dtype = out_dtype(dtype, out)
    _length(start, end, step, dtype)
    n = math.floor((end - start) / step) + 1
    return into(out, _counted(start, end, step, dtype, n), device, requires_grad, layout, pin_memory)


def _ends(name: str, start, end, steps, dtype, out):
    start, end = number_of(name, "start", start), number_of(name, "end", end)
    if isinstance(steps, Tensor):
        steps = host_value(steps).item()
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)):
        raise TypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    complex_ends = isinstance(start, complex) or isinstance(end, complex)
    dtype = out_dtype(dtype, out, dtypes.complex64 if complex_ends else None)
    if complex_ends and not dtype.is_complex:
        raise RuntimeError(f"{name}(): inferred dtype ComplexFloat can't be safely cast to passed dtype "
                           f"{dtypes.scalar_type_name(dtype)}")  # fmt: skip
    return start, end, int(steps), dtype


def _spaced(start, end, steps: int, dtype) -> np.ndarray:
    """Equal steps counted from the nearer end, in the precision torch computes them."""
    kind = np.float64 if dtype.category == dtypes.INT else dtype.numpy or np.float32
    ends = np.array([start, end])
    if dtype.category == dtypes.INT:
        ends = ends.astype(np.int64)
    start, end = ends.astype(kind)
    if steps < 2:
        return np.full((steps,), start, dtype=kind)
    with np.errstate(all="ignore"):
        step = (end - start) / kind(steps - 1)
        i = np.arange(steps)
        return np.where(
            i < steps // 2, start + step * i.astype(kind), end - step * (steps - 1 - i).astype(kind)
        ).astype(kind)


@composite(method=False)
def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """``steps`` numbers equally spaced from ``start`` to ``end``, both included."""
    start, end, steps, dtype = _ends("linspace", start, end, steps, dtype, out)
    dtypes.to_mlx(dtype)
    values = _spaced(start, end, steps, dtype)
    return into(out, from_host(values, dtype), device, requires_grad, layout, pin_memory)


@composite(method=False)
def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The identity matrix of ``n`` rows and ``m`` columns."""
    m = n if m is None else m
    for what, value in (("n", n), ("m", m)):
        if not isinstance(value, (int, np.integer)):
            raise TypeError(f"eye(): argument '{what}' must be int, not {type(value).__name__}")
        if value < 0:
            raise RuntimeError(f"{what} must be greater or equal to 0, got {value}")
    a = mx.eye(n, m, dtype=dtypes.to_mlx(out_dtype(dtype, out)))
    return into(out, a, device, requires_grad, layout, pin_memory)


@composite(method=False)
def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """``base`` to the power of ``steps`` numbers equally spaced from ``start`` to ``end``."""
    start, end, steps, dtype = _ends("logspace", start, end, steps, dtype, out)
    dtypes.to_mlx(dtype)
    if dtype.category == dtypes.INT:  # the ends are truncated before the power, the values after it, as in torch
        exponents = _spaced(int(start), int(end), steps, dtypes.float64)
    else:
        if dtype.itemsize == 2:
            start, end = (mx.array(end_, dtype.mlx).item() for end_ in (start, end))
        exponents = _spaced(start, end, steps, dtype)
    values = np.power(exponents.dtype.type(base), exponents)
    return into(out, from_host(values, dtype), device, requires_grad, layout, pin_memory)


# ---------------------------------------------------------------------------------------------------- index triangles
def _triangle(name: str, lower: bool):
    def indices(row, col, offset=0, *, dtype=None, layout=None, device=None, pin_memory=False):
        for what, n in (("row", row), ("col", col)):
            if n < 0:
                raise RuntimeError(f"{what} must be non-negative, got{n}")
        mask = np.tri(row, col, offset if lower else offset - 1, dtype=bool)
        places = np.stack(np.nonzero(mask if lower else ~mask))
        return into(None, from_host(places.astype(np.int64), dtype or dtypes.int64), device, False, layout, pin_memory)

    side = "lower" if lower else "upper"
    indices.__name__ = name
    indices.__doc__ = f"The row and column indices of the {side} triangle of a matrix, from the diagonal ``offset`` on."
    composite(indices, method=False)


_triangle("tril_indices", True)
_triangle("triu_indices", False)


@op(method=False, out=False)
def vander(x: Array, N=None, increasing=False) -> Array:
    """The matrix whose columns are powers of ``x``, the highest first unless ``increasing``."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    ones = mx.ones((x.shape[0], 1), dtype=mx.int64 if not mx.issubdtype(x.dtype, mx.inexact) else x.dtype)
    columns = mx.broadcast_to(x[:, None].astype(ones.dtype), (x.shape[0], max(n - 1, 0)))
    powers = mx.concatenate([ones, mx.cumprod(columns, axis=1)], axis=1)[:, :n] if n > 1 else ones[:, :n]
    return powers if increasing else powers[:, ::-1]


@vander.vjp
def _(g, x, N, increasing):
    n = x.shape[0] if N is None else N
    if not increasing:
        g = g[:, ::-1]
    if n < 2:
        return mx.zeros_like(x)
    exponents = mx.arange(n - 1).astype(x.dtype)
    # d/dx x^k = k x^(k-1), where x^0 is 1 also at zero
    lower = mx.where(exponents == 0, mx.ones((), dtype=x.dtype), mx.power(x[:, None], exponents))
    return summed(g[:, 1:] * lower * (exponents + 1), axis=1)

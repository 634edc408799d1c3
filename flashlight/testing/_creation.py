"""``make_tensor``: random data for tests."""

from __future__ import annotations

import math

import numpy as np

from .._core import dtypes
from .._core.conversion import from_host
from .._core.creation_args import finish, sizes_of

_LIMITS = {
    dtypes.bool_: (0, 2),
    dtypes.uint8: (0, 10),
    dtypes.float16: (-9, 9),
    dtypes.bfloat16: (-9, 9),
    dtypes.float32: (-9, 9),
    dtypes.float64: (-9, 9),
    dtypes.complex64: (-9, 9),
}
_rng = np.random.RandomState()


def make_tensor(*shape, dtype, device=None, low=None, high=None, requires_grad=False, noncontiguous=False, exclude_zero=False,
                memory_format=None):  # fmt: skip
    """A tensor of values drawn uniformly from [low, high), by default a range that suits the dtype.

    Raises: ValueError for an empty range, RuntimeError for ``requires_grad`` of an integer dtype.
    """
    if noncontiguous and memory_format is not None:
        raise ValueError("The parameters `noncontiguous` and `memory_format` are mutually exclusive")
    shape = sizes_of(shape)
    first, last = _LIMITS.get(dtype, (-9, 10))
    low, high = first if low is None else low, last if high is None else high
    if any(isinstance(v, float) and math.isnan(v) for v in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low > high or (low == high and dtype is not dtypes.bool_):
        raise ValueError(f"make_tensor: low must be weakly less than high, but got {low} >= {high}")
    drawn = (*shape[:-1], shape[-1] * 2) if noncontiguous and shape and math.prod(shape) > 1 else shape
    if dtype.category <= dtypes.INT:
        values = _rng.randint(math.floor(low), math.ceil(high), drawn)
        zero = 1
    else:
        values = _rng.uniform(low, high, drawn)
        if dtype.is_complex:
            values = values + 1j * _rng.uniform(low, high, drawn)
        zero = 1e-3 if dtype in (dtypes.float16, dtypes.bfloat16) else 1e-6
    if exclude_zero:
        values = np.where(values == 0, zero, values)
    host = np.asarray(values).astype(
        np.float32 if dtype is dtypes.bfloat16 else np.complex64 if dtype.is_complex else dtype.numpy
    )
    t = finish(from_host(host, dtype), device)
    if drawn is not shape:
        t = t[..., ::2]
    if memory_format is not None:
        t = t.contiguous(memory_format=memory_format)
    return t.requires_grad_(requires_grad)

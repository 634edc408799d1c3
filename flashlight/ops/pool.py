"""Pooling over windows that lie on a grid. Channels are last inside; windows are pooled one dimension after another.

N batch, C channels, S and P the spatial sizes before and after, K the window's.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .._core import dtypes
from .._core.conversion import from_host
from .._core.table import Array, composite, op
from .conv import from_last, spread, to_last
from .conv_cpu import placed
from .kinds import not_implemented


class Grid(NamedTuple):
    """Where the windows lie: sizes per dimension; ``high`` is the padding after, which ``ceil_mode`` may change."""

    kernel: tuple
    stride: tuple
    low: tuple
    high: tuple
    dilation: tuple
    out: tuple


def _wrong_input(name: str, shape: tuple, n: int) -> Exception:
    """torch's error for an input of another number of dimensions, or with nothing in one."""
    ndim = len(shape)
    if ndim not in (n + 1, n + 2):
        if name == "avg_pool1d":
            return RuntimeError(
                f"Expected 2 to 3 dimensions, but got {ndim}-dimensional tensor for argument #1 'self' (while checking "
                f"arguments for {name})"
            )
        if name == "avg_pool2d" and not ndim:
            return IndexError("Dimension specified as -3 but tensor has no dimensions")
        if name == "avg_pool2d" and ndim < 3:
            return IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}], but got -3)")
        if n == 3 or name == "max_pool2d":
            return RuntimeError(f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input")
    return RuntimeError(
        f"{name + ': ' if name == 'max_pool1d' else ''}Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim "
        f"batch size for input, but got:{list(shape)}"
    )


def _tuple(value):
    return tuple(value) if type(value) is list else value


def grid(name: str, shape, n: int, kernel, stride, padding, dilation, ceil_mode) -> Grid:
    """The windows of a pooling of the last ``n`` dimensions of ``shape``; raises torch's errors."""
    if len(shape) not in (n + 1, n + 2) or 0 in shape[-n - 1 :]:
        raise _wrong_input(name, tuple(shape), n)
    stride = kernel if stride is None or stride == [] or stride == () else stride
    return _grid(
        name, shape[-n - 1 :], n, _tuple(kernel), _tuple(stride), _tuple(padding), _tuple(dilation), bool(ceil_mode)
    )


@functools.lru_cache(1024)
def _grid(name: str, shape: tuple, n: int, kernel, stride, padding, dilation, ceil_mode: bool) -> Grid:
    kernel, stride = _spread(kernel, n, "kernel_size", name), _spread(stride, n, "stride", name)
    low, dilation = _spread(padding, n, "padding", name), _spread(dilation, n, "dilation", name)
    if name == "max_pool1d":
        _check_line(kernel[0], stride[0], low[0], dilation[0])
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    if min(kernel) <= 0:
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got {list(kernel)}")
    if min(stride) <= 0:
        raise RuntimeError(f"{name}: stride should be greater than zero, but got {list(stride)}")
    if min(dilation) <= 0:
        raise RuntimeError(f"{name}: dilation should be greater than zero, but got dilation: {list(dilation)}")
    if min(low) < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {min(low)}")
    out, high = [], []
    for size, k, s, p, d in zip(shape[1:], kernel, stride, low, dilation, strict=True):
        span = d * (k - 1) + 1
        if p > span // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )
        count = (size + 2 * p - span + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= size + p:
            count -= 1
        out.append(count)
        high.append((count - 1) * s + span - size - p)
    if min(out) < 1:
        raise _too_small(name, shape, kernel, out)
    return Grid(kernel, stride, low, tuple(high), dilation, tuple(out))


def _check_line(kernel: int, stride: int, padding: int, dilation: int) -> None:
    """What torch says of the numbers of a pooling of maxima along a line."""
    for what, value in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {what} must be greater than zero, but got {value}")
    if padding < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding}")
    if padding > kernel // 2 and dilation == 1:
        raise RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={padding} and "
            f"kernel_size={kernel}"
        )


def _too_small(name: str, shape: tuple, kernel: tuple, out: list) -> RuntimeError:
    if name == "max_pool1d":
        return RuntimeError(f"max_pool1d() Invalid computed output size: {out[0]}")
    if name == "avg_pool3d":
        given, window = (" ".join(f"{k}: {n}" for k, n in zip(names, sizes, strict=True)) for names, sizes in (
            ("THW", shape[1:]), (("kT", "kH", "kW"), kernel),
        ))  # fmt: skip
        return RuntimeError(f"input image ({given}) smaller than kernel size ({window})")
    # of one dimension torch makes two
    lead = (shape[0], 1) if name == "avg_pool1d" else shape[:1]
    given, made = ("x".join(map(str, (*lead, *sizes))) for sizes in (shape[1:], out))
    return RuntimeError(f"Given input size: ({given}). Calculated output size: ({made}). Output size is too small")


def _spread(value, n: int, name: str, function: str) -> tuple:
    if isinstance(value, tuple) and len(value) not in (1, n):
        if n == 1:
            raise RuntimeError(f"{function}() argument '{name}' should contain one int (got {len(value)})")
        raise RuntimeError(
            f"{function}: {name} must either be a single int, or a tuple of {('two', 'three')[n - 2]} ints"
        )
    return spread(value, n, name, function)


def _along(x, axis: int, start: int, count: int, step: int):
    return x[(slice(None),) * axis + (slice(start, start + (count - 1) * step + 1, step),)]


def _padded(x, how: Grid, value):
    """The input with its padding, cut where no window reaches."""
    low, high = how.low, tuple(max(h, 0) for h in how.high)
    if any(low) or any(high):
        x = mx.pad(x, [(0, 0), *zip(low, high, strict=True), (0, 0)], constant_values=value)
    return x


def _reduced(x, how: Grid, join):
    """(N, *S padded, C) -> (N, *P, C), windows joined by ``join`` one dimension after another."""
    for a, (k, s, d, out) in enumerate(zip(how.kernel, how.stride, how.dilation, how.out, strict=True), 1):
        total = _along(x, a, 0, out, s)
        for i in range(1, k):
            total = join(total, _along(x, a, i * d, out, s))
        x = total
    return x


def _spread_back(taps: list, how: Grid, shape: tuple):
    """One array for each element of the window, in order -> their sum at the elements they come from: (N, *S, C)."""
    for a in range(len(how.kernel), 0, -1):
        k, low, size = how.kernel[a - 1], how.low[a - 1], shape[a]
        length = max(low + size + how.high[a - 1], low + size)
        groups = [taps[i : i + k] for i in range(0, len(taps), k)]
        taps = [placed(g, a, length, how.stride[a - 1], how.dilation[a - 1]) for g in groups]
        if low or length > size:
            taps = [_along(t, a, low, size, 1) for t in taps]
    return taps[0]


def _offsets(how: Grid):
    return itertools.product(*(range(k) for k in how.kernel))


def _seen(x, tap, how: Grid):
    """What one element of the window sees at every position."""
    for a, (i, s, d, out) in enumerate(zip(tap, how.stride, how.dilation, how.out, strict=True), 1):
        x = _along(x, a, i * d, out, s)
    return x


# ------------------------------------------------------------------------------------------------------------- maximum
def _lowest(dtype):
    if mx.issubdtype(dtype, mx.floating):
        return -math.inf
    return dtypes.iinfo(dtypes.from_mlx(dtype)).min


def _ready(input, n: int, how: Grid):
    """The padded input, channels last."""
    x = mx.contiguous(to_last(input, n))
    return _padded(x, how, mx.array(_lowest(x.dtype), x.dtype))


def _maxima(input, n: int, how: Grid):
    """The padded input and the maximum of each window, channels last."""
    x = _ready(input, n, how)
    return x, _reduced(x, how, mx.maximum)


def _dealt(share, x, y, how: Grid):
    """``share``, an array over the windows, handed to the first element of each window that equals its maximum.

    Gives (tap, what it gets) for each element of the window. Products of floats are faster here than logic on booleans.
    """
    for tap in _offsets(how):
        # also true where both are NaN
        got = share * mx.logical_not(_seen(x, tap, how) < y)
        yield tap, got
        share = share - got


def _positions(x, y, sizes: tuple, how: Grid):
    """The position of each window's maximum in the flattened (unpadded) input: int64."""
    steps = [math.prod(sizes[a + 1 :]) for a in range(len(sizes))]
    base = np.zeros((), np.int64)
    for a, (s, p, out) in enumerate(zip(how.stride, how.low, how.out, strict=True)):
        base = np.expand_dims(base, -1) + (np.arange(out) * s - p) * steps[a]
    index = mx.broadcast_to(from_host(base[..., None]), y.shape)
    for tap, first in _dealt(mx.ones(y.shape, mx.float32), x, y, how):
        offset = sum(i * d * step for i, d, step in zip(tap, how.dilation, steps, strict=True))
        if offset:
            index = index + first.astype(mx.int64) * offset
    return index


def _max_grad(g, input, output, n: int, how: Grid):
    x, y, g = _ready(input, n, how), to_last(output, n), mx.contiguous(to_last(g, n))
    taps = [got for _, got in _dealt(g, x, y, how)]
    batched = input.ndim == n + 2
    sizes = input.shape if batched else (1, *input.shape)
    return from_last(_spread_back(taps, how, (sizes[0], *sizes[2:], sizes[1])), batched)


_MAX_NAMES = {1: "MaxPool2DWithIndices", 2: "MaxPool2DWithIndices", 3: "MaxPool3DWithIndices"}


def _refuse_dtypes(name: str, a, floats: bool) -> None:
    """Without indices torch's maxima of a line are of floats only."""
    if floats and not mx.issubdtype(a.dtype, mx.floating):
        raise not_implemented("max_pool1d_impl", a)
    if a.dtype in (mx.bool_, mx.complex64):
        raise not_implemented(name.replace("1d", "2d"), a)


def _declare_max(n: int) -> None:
    name = f"max_pool{n}d"

    def how_of(shape, *args) -> Grid:
        return grid(name, shape, n, *args)

    lowered = "cpu fp32" if n == 3 else None

    @op(name=name, namespace="_", method=False, backward=_MAX_NAMES[n], autocast=lowered, watch="input")
    def values(input: Array, kernel_size, stride, padding, dilation, ceil_mode) -> Array:
        how = how_of(input.shape, kernel_size, stride, padding, dilation, ceil_mode)
        return from_last(_maxima(input, n, how)[1], input.ndim == n + 2)

    @values.vjp
    def _(g, input, output, kernel_size, stride, padding, dilation, ceil_mode):
        return _max_grad(g, input, output, n, how_of(input.shape, kernel_size, stride, padding, dilation, ceil_mode))

    @op(
        name=f"{name}_with_indices", namespace="_", method=False, backward=_MAX_NAMES[n], constant_outputs=(1,), indices=True,
        autocast=lowered,
    )  # fmt: skip
    def both(input: Array, kernel_size, stride, padding, dilation, ceil_mode):
        how = how_of(input.shape, kernel_size, stride, padding, dilation, ceil_mode)
        x, y = _maxima(input, n, how)
        index, batched = _positions(x, y, input.shape[-n:], how), input.ndim == n + 2
        return from_last(y, batched), from_last(index, batched)

    @both.vjp
    def _(gs, input, outputs, kernel_size, stride, padding, dilation, ceil_mode):
        return _max_grad(
            gs[0], input, outputs[0], n, how_of(input.shape, kernel_size, stride, padding, dilation, ceil_mode)
        )

    for operator, indexed in ((values, False), (both, True)):

        @operator.checked
        def _(arrays, statics, indexed=indexed):
            _refuse_dtypes(name, arrays[0], floats=n == 1 and not indexed)
            how_of(arrays[0].shape, *statics)
            return arrays

    _publish_max(n, name, values.public, both.public)


def _publish_max(n: int, name: str, values, both) -> None:
    def functional(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        call = both if return_indices else values
        return call(input, kernel_size, stride, padding, dilation, ceil_mode)

    def with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        del return_indices  # torch has it here too, and it is always true
        return both(input, kernel_size, stride, padding, dilation, ceil_mode)

    def plain(input, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):
        return values(input, kernel_size, stride, padding, dilation, ceil_mode)

    shape = "Shape: (N, C, *S) or (C, *S) -> (N, C, *P) or (C, *P)."
    functional.__doc__ = f"The maximum of each window, with ``return_indices`` also where in the input it is. {shape}"
    with_indices.__doc__ = f"The maximum of each window and where in the flattened input it is. {shape}"
    plain.__doc__ = f"The maximum of each window. {shape}"
    composite(functional, name=name, namespace="nn.functional")
    composite(with_indices, name=f"{name}_with_indices", namespace="nn.functional")
    composite(plain, name=name, method=False)
    if n == 1:
        composite(with_indices, name="max_pool1d_with_indices", method=False)


# --------------------------------------------------------------------------------------------------------------- means
@functools.lru_cache(256)
def _counts(sizes: tuple, how: Grid, include_pad: bool) -> np.ndarray:
    """How many elements each window is divided by: (*P, 1)."""
    total = np.ones(())
    for size, k, s, p, out in zip(sizes, how.kernel, how.stride, how.low, how.out, strict=True):
        start = np.arange(out) * s - p
        end = np.minimum(start + k, size + p)
        count = end - start if include_pad else np.minimum(end, size) - np.maximum(start, 0)
        total = total[..., None] * count
    return total[..., None]


def _share(sizes: tuple, how: Grid, include_pad: bool, divisor, dtype):
    if divisor is not None:
        return mx.array(1 / divisor, dtype)
    counts = _counts(sizes, how, bool(include_pad))
    first = float(counts.flat[0])
    if (counts == first).all():
        return mx.array(1 / first, dtype)
    return from_host(1 / counts).astype(dtype) if dtype != mx.float64 else from_host(1 / counts)


def _means(input, n: int, how: Grid, include_pad, divisor):
    x = mx.contiguous(to_last(input, n))
    wide = x.astype(mx.float32) if x.itemsize == 2 else x
    total = _reduced(_padded(wide, how, mx.array(0, wide.dtype)), how, mx.add)
    y = total * _share(input.shape[-n:], how, include_pad, divisor, wide.dtype)
    return from_last(y.astype(x.dtype), input.ndim == n + 2)


def _mean_grad(g, shape, n: int, how: Grid, include_pad, divisor):
    batched = len(shape) == n + 2
    sizes = shape if batched else (1, *shape)
    g = to_last(g, n) * _share(shape[-n:], how, include_pad, divisor, g.dtype)
    for a in range(n, 0, -1):
        k, low, size = how.kernel[a - 1], how.low[a - 1], sizes[1 + a]
        length = max(low + size + how.high[a - 1], low + size)
        g = _along(placed([g] * k, a, length, how.stride[a - 1], 1), a, low, size, 1)
    return from_last(g, batched)


def check_mean(n: int, a) -> None:
    """Means are of floats, and of int64."""
    if not mx.issubdtype(a.dtype, mx.floating) and a.dtype != mx.int64:
        raise not_implemented("avg_pool3d_out_frame" if n == 3 else "avg_pool2d", a)


def _declare_mean(n: int) -> None:
    name = f"avg_pool{n}d"

    @op(name=name, namespace="_", method=False, autocast="cpu fp32" if n == 3 else None)
    def mean(input: Array, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override) -> Array:
        how = grid(name, input.shape, n, kernel_size, stride, padding, 1, ceil_mode)
        if input.dtype == mx.int64:
            total = _reduced(_padded(to_last(input, n), how, mx.array(0, mx.int64)), how, mx.add)
            counts = divisor_override or from_host(_counts(input.shape[-n:], how, count_include_pad).astype(np.int64))
            sign = mx.sign(total) * (1 if divisor_override is None or divisor_override > 0 else -1)
            return from_last(sign * mx.floor_divide(mx.abs(total), mx.abs(mx.array(counts))), input.ndim == n + 2)
        return _means(input, n, how, count_include_pad, divisor_override)

    @mean.vjp
    def _(g, shapes, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        how = grid(name, shapes[0], n, kernel_size, stride, padding, 1, ceil_mode)
        return _mean_grad(g, shapes[0], n, how, count_include_pad, divisor_override)

    @mean.checked
    def _(arrays, statics):
        check_mean(n, arrays[0])
        if statics[-1] == 0:
            raise RuntimeError("divisor must be not zero")
        grid(name, arrays[0].shape, n, *statics[:3], 1, statics[3])
        return arrays

    _publish_mean(n, name, mean.public)


def _publish_mean(n: int, name: str, mean) -> None:
    def plain(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        return mean(input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)

    def full(
        input,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        return mean(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    fn = plain if n == 1 else full
    fn.__doc__ = "The mean of each window. Shape: (N, C, *S) or (C, *S) -> (N, C, *P) or (C, *P)."
    composite(fn, name=name, namespace=("torch", "nn.functional") if n == 1 else "nn.functional", method=False)


def _declare_lp(n: int) -> None:
    name = f"lp_pool{n}d"

    @op(name=name, namespace="nn.functional", backward="Pow")
    def lp(input: Array, norm_type, kernel_size, stride=None, ceil_mode=False) -> Array:
        """The ``norm_type``-norm of each window. Shape: (N, C, *S) or (C, *S) -> (N, C, *P) or (C, *P)."""
        how = grid(f"avg_pool{n}d", input.shape, n, kernel_size, stride, 0, 1, ceil_mode)
        mean = _means(mx.power(input, norm_type), n, how, True, None)
        return mx.power(mean * math.prod(how.kernel), 1.0 / norm_type)

    @lp.checked
    def _(arrays, _statics):
        if arrays[0].dtype == mx.complex64:
            raise not_implemented("avg_pool3d_out_frame" if n == 3 else "avg_pool2d", arrays[0])
        return arrays


for _n in (1, 2, 3):
    _declare_max(_n)
    _declare_mean(_n)
    _declare_lp(_n)

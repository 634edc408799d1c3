"""Convolutions on the CPU, where MLX's kernels are fast only for plain ones: the forms that pay for the others.

Everything is channels-last: x (N, *S, C), w (O, *K, C / G), out (N, *P, O), with ``how`` the geometry of the call. The
three functions are adjoint to each other: ``forward`` of x and w, ``input_grad`` of g and w, ``weight_grad`` of x and
g. All are made of differentiable operations.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import mlx.core as mx


class Geometry(NamedTuple):
    """Stride, padding before and after, dilation (a tuple each, one entry a dimension) and the number of groups."""

    stride: tuple
    low: tuple
    high: tuple
    dilation: tuple
    groups: int


def forward(x, w, how: Geometry):
    """(N, *S, C), (O, *K, C / G) -> (N, *P, O)."""
    if w.shape[-1] == 1 and how.groups > 1:
        return _depthwise(x, w, how)
    if how.groups > 1:
        whole = how._replace(groups=1)
        parts = zip(mx.split(x, how.groups, axis=-1), mx.split(w, how.groups, axis=0), strict=True)
        return mx.concatenate([forward(a, b, whole) for a, b in parts], axis=-1)
    kernel = w.shape[1:-1]
    if math.prod(kernel) == 1:
        return _strided(_padded(x, how), how.stride) @ w.reshape(w.shape[0], w.shape[-1]).T
    if max(how.dilation) == 1 and x.dtype != mx.float64:  # MLX convolves doubles in single precision
        return mx.conv_general(x, w, stride=how.stride, padding=(list(how.low), list(how.high)))
    cols = windows(_padded(x, how), kernel, how.stride, how.dilation)
    return cols.reshape(*cols.shape[: x.ndim - 1], -1) @ w.reshape(w.shape[0], -1).T


def input_grad(g, w, shape: tuple, how: Geometry):
    """The gradient of x, of ``shape``, given that of the result: also the forward pass of a transposed convolution."""
    if w.shape[-1] == 1 and how.groups > 1:
        return _depthwise_input_grad(g, w, shape, how)
    if how.groups > 1:
        whole, part = how._replace(groups=1), (*shape[:-1], shape[-1] // how.groups)
        parts = zip(mx.split(g, how.groups, axis=-1), mx.split(w, how.groups, axis=0), strict=True)
        return mx.concatenate([input_grad(a, b, part, whole) for a, b in parts], axis=-1)
    kernel = w.shape[1:-1]
    if math.prod(kernel) > 1 and max(how.stride) == 1:
        return _by_flipped(g, w, shape, how)
    taps = (g @ w.reshape(w.shape[0], -1)).reshape(*g.shape[:-1], *kernel, shape[-1])
    return overlap_add(taps, shape, how)


def weight_grad(x, g, shape: tuple, how: Geometry):
    """The gradient of w, of ``shape``, given that of the result."""
    if shape[-1] == 1 and how.groups > 1:
        return _depthwise_weight_grad(x, g, shape, how)
    if how.groups > 1:
        whole, part = how._replace(groups=1), (shape[0] // how.groups, *shape[1:])
        parts = zip(mx.split(x, how.groups, axis=-1), mx.split(g, how.groups, axis=-1), strict=True)
        return mx.concatenate([weight_grad(a, b, part, whole) for a, b in parts], axis=0)
    x, kernel = _padded(x, how), shape[1:-1]
    if math.prod(kernel) == 1:
        cols = _strided(x, how.stride)[tuple(slice(n) for n in g.shape[:-1])]
    else:
        cols = windows(x, kernel, how.stride, how.dilation)
    return (g.reshape(-1, g.shape[-1]).T @ cols.reshape(-1, shape[-1] * math.prod(kernel))).reshape(shape)


# ---------------------------------------------------------------------------------------------------------- the pieces
def _padded(x, how: Geometry):
    if not any(how.low) and not any(how.high):
        return x
    return mx.pad(x, [(0, 0), *zip(how.low, how.high, strict=True), (0, 0)])


def _strided(x, stride):
    return x if max(stride) == 1 else x[(slice(None), *(slice(None, None, s) for s in stride))]


def reach(kernel, dilation) -> tuple:
    """How many elements of the input a kernel spans in each dimension."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def windows(x, kernel, stride, dilation):
    """(N, *S, C) -> (N, *P, *K, C): what each position of a kernel sees, without a copy."""
    n, *sizes, channels = x.shape
    spans = reach(kernel, dilation)
    out = [(s - r) // t + 1 for s, r, t in zip(sizes, spans, stride, strict=True)]
    steps = [channels] * len(sizes)
    for i in range(len(sizes) - 2, -1, -1):
        steps[i] = steps[i + 1] * sizes[i + 1]
    strides = [
        steps[0] * sizes[0],
        *(t * s for t, s in zip(stride, steps, strict=True)),
        *(d * s for d, s in zip(dilation, steps, strict=True)),
        1,
    ]
    # broadcast gradients arrive without memory of their own, which as_strided cannot take
    return mx.as_strided(mx.contiguous(x), (n, *out, *kernel, channels), strides)


def overlap_add(taps, shape: tuple, how: Geometry):
    """(N, *P, *K, C) -> ``shape`` (N, *S, C): the adjoint of ``windows`` on the padded input, a dimension at a time."""
    dims = len(how.stride)
    for a in range(dims):
        # axes now: N, done..., P_a ... P_last, K_a ... K_last, C
        wanted = shape[1 + a] + how.low[a] + how.high[a]
        taps = _overlap_axis(taps, 1 + a, 1 + dims, wanted, how.stride[a], how.dilation[a])
        start = how.low[a]
        if start or how.high[a]:
            taps = taps[(slice(None),) * (1 + a) + (slice(start, start + shape[1 + a]),)]
    return taps


def _overlap_axis(taps, axis: int, tap_axis: int, length: int, stride: int, dilation: int):
    """Add tap i of position p, in a sum over ``tap_axis``, to element ``p * stride + i * dilation`` of ``axis``."""
    count = taps.shape[tap_axis]
    parts = [mx.take(taps, i, axis=tap_axis) for i in range(count)] if count > 1 else [mx.squeeze(taps, tap_axis)]
    return placed(parts, axis, length, stride, dilation)


def placed(taps: list, axis: int, length: int, stride: int, dilation: int):
    """Add position p of array i to element ``p * stride + i * dilation`` of ``axis`` of a result of that ``length``.

    Elements of one residue modulo the stride are summed apart and interleaved at the end.
    """
    count = -(-length // stride)
    phases: list = [None] * stride
    for i, tap in enumerate(taps):
        quotient, phase = divmod(i * dilation, stride)
        keep = min(tap.shape[axis], count - quotient)
        if keep <= 0:
            continue
        if keep < tap.shape[axis]:
            tap = tap[(slice(None),) * axis + (slice(keep),)]
        widths = [(0, 0)] * tap.ndim
        widths[axis] = (quotient, count - quotient - keep)
        tap = mx.pad(tap, widths) if any(widths[axis]) else tap
        phases[phase] = tap if phases[phase] is None else phases[phase] + tap
    if stride == 1:
        return phases[0]
    some = next(p for p in phases if p is not None)
    joined = mx.stack([mx.zeros_like(some) if p is None else p for p in phases], axis=axis + 1)
    joined = joined.reshape(*joined.shape[:axis], count * stride, *joined.shape[axis + 2 :])
    return joined if count * stride == length else joined[(slice(None),) * axis + (slice(length),)]


def _by_flipped(g, w, shape: tuple, how: Geometry):
    # stride 1: the gradient is the convolution of g with the kernel mirrored and its channels exchanged
    kernel = w.shape[1:-1]
    mirrored = mx.swapaxes(w, 0, -1)[(slice(None), *(slice(None, None, -1) for _ in kernel))]
    spans = reach(kernel, how.dilation)
    low = [r - 1 - p for r, p in zip(spans, how.low, strict=True)]
    high = [shape[1 + a] - (g.shape[1 + a] + low[a] - (spans[a] - 1)) for a in range(len(kernel))]
    g, low, high = _cropped(g, low, high)
    return forward(g, mirrored, Geometry(how.stride, low, high, how.dilation, 1))


def _cropped(g, low: list, high: list):
    """Negative padding is a crop."""
    if min(*low, *high) >= 0:
        return g, tuple(low), tuple(high)
    key = [slice(None)]
    for n, lo, hi in zip(g.shape[1:-1], low, high, strict=True):
        key.append(slice(max(-lo, 0), n - max(-hi, 0)))
    return g[tuple(key)], tuple(max(v, 0) for v in low), tuple(max(v, 0) for v in high)


# ----------------------------------------------------------------------------------------------------------- depthwise
def _seen(x, tap, out, how: Geometry):
    """What tap (i, j, ...) of the kernel sees of the padded input at every output position."""
    key = [
        slice(i * d, i * d + (n - 1) * s + 1, s) for i, n, s, d in zip(tap, out, how.stride, how.dilation, strict=True)
    ]
    return x[(slice(None), *key)]


def _taps(kernel):
    return itertools.product(*(range(k) for k in kernel))


def _multiplied(x, m: int):
    # each channel of the input makes m channels of the output
    return x if m == 1 else mx.repeat(x, m, axis=-1)


def _depthwise(x, w, how: Geometry):
    kernel, x = w.shape[1:-1], _padded(x, how)
    out = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach(kernel, how.dilation), how.stride, strict=True)]
    x = _multiplied(x, w.shape[0] // x.shape[-1])
    total = None
    for tap in _taps(kernel):
        part = _seen(x, tap, out, how) * w[(slice(None), *tap, 0)]
        total = part if total is None else total + part
    return total


def _depthwise_input_grad(g, w, shape: tuple, how: Geometry):
    kernel, m = w.shape[1:-1], w.shape[0] // shape[-1]
    if max(how.stride) == 1 and m == 1:
        mirrored = w[(slice(None), *(slice(None, None, -1) for _ in kernel))]
        spans = reach(kernel, how.dilation)
        low = [r - 1 - p for r, p in zip(spans, how.low, strict=True)]
        high = [shape[1 + a] - (g.shape[1 + a] + low[a] - (spans[a] - 1)) for a in range(len(kernel))]
        g, low, high = _cropped(g, low, high)
        return _depthwise(g, mirrored, how._replace(low=low, high=high))
    taps = mx.stack([g * w[(slice(None), *tap, 0)] for tap in _taps(kernel)], axis=-2)
    if m > 1:
        taps = taps.reshape(*taps.shape[:-1], shape[-1], m).sum(-1)
    return overlap_add(taps.reshape(*g.shape[:-1], *kernel, shape[-1]), shape, how)


def _depthwise_weight_grad(x, g, shape: tuple, how: Geometry):
    kernel, x = shape[1:-1], _multiplied(_padded(x, how), shape[0] // x.shape[-1])
    axes = tuple(range(g.ndim - 1))
    sums = [(_seen(x, tap, g.shape[1:-1], how) * g).sum(axes) for tap in _taps(kernel)]
    return mx.stack(sums, axis=-1).reshape(shape)

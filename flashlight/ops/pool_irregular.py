"""Pooling over windows that differ in place or size: adaptive and fractional pooling, and the inverse of max pooling.

N batch, C channels, S and P the spatial sizes before and after. Layout is torch's: (N, C, *S).
"""

from __future__ import annotations

import functools
import math

import mlx.core as mx
import numpy as np

from .._core import checks, dtypes
from .._core.axes import averaged
from .._core.conversion import from_host
from .._core.table import Array, composite, namespaces, op
from .._core.tensor import Tensor, read, wrap_dim
from .conv import from_last, spread, to_last
from .kinds import not_implemented


# ------------------------------------------------------------------------------------------------------------- windows
def _edges(size: int, out: int) -> tuple:
    """Where adaptive pooling's windows begin and end."""
    i = np.arange(out)
    return i * size // out, -(-((i + 1) * size) // out)


@functools.lru_cache(512)
def _averaging(size: int, out: int) -> np.ndarray:
    """(S, P): the matrix that takes the mean of every window of one dimension."""
    start, end = _edges(size, out)
    position = np.arange(size)[:, None]
    inside = (position >= start) & (position < end)
    return inside / (end - start)


@functools.lru_cache(512)
def _members(size: int, out: int) -> np.ndarray:
    """(P, K): the positions of each window, the last repeated where a window is shorter than the longest."""
    start, end = _edges(size, out)
    return np.minimum(start[:, None] + np.arange(int((end - start).max(initial=1))), end[:, None] - 1)


def _sizes(name: str, shape, output_size, n: int) -> tuple:
    """The output size with None replaced by the input's."""
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    return spread([s if w is None else w for w, s in zip(wanted, shape[-n:], strict=True)], n, "output_size", name)


def _check_output_size(name: str, ndim: int, output_size, n: int) -> None:
    if not isinstance(output_size, (tuple, list)):
        if output_size is None or isinstance(output_size, float):
            raise TypeError(
                f"{name}(): argument 'output_size' (position 2) must be tuple of ints, not {type(output_size).__name__}"
            )
        return
    given = len(output_size)
    if n > 1 and ndim <= given:
        raise ValueError(f"Input dimension should be at least {given + 1}")
    if given == n:
        return
    if n == 1:
        raise RuntimeError(f"{name}() argument 'output_size' should contain one int (got {given})")
    if "avg" in name:
        raise RuntimeError(f"{name}: output_size must be {n}")
    raise RuntimeError(f"{name}(): internal error: output_size.size() must be {n}")


def _check_adaptive(name: str, a, output_size, n: int) -> None:
    _check_output_size(name, a.ndim, output_size, n)
    if a.ndim not in (n + 1, n + 2):
        if n == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {a.ndim}-dimensional tensor for argument #1 'self' (while checking "
                f"arguments for {name})"
            )
        colon = "" if "avg" in name else ":"
        raise RuntimeError(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got{colon} {list(a.shape)}")
    # the means of one and two dimensions take inputs without channels
    first = a.ndim - n if "avg" in name and n < 3 else 1
    if 0 in a.shape[first:]:
        empty = first + a.shape[first:].index(0)
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
            f"{list(a.shape)} with dimension {empty} being empty"
        )
    if min(_sizes(name, a.shape, output_size, n)) < 0:
        raise RuntimeError(f"{name}(): elements of output_size must be greater than or equal to 0")
    if not mx.issubdtype(a.dtype, mx.floating):
        raise not_implemented(name.replace("1d", "2d").replace("3d", "3d_cpu"), a)


# ------------------------------------------------------------------------------------------------------- adaptive means
def _declare_mean(n: int) -> None:
    name = f"adaptive_avg_pool{n}d"

    @op(
        name=name, namespace=("torch", "nn.functional") if n == 1 else "nn.functional", method=False, out=False,
        autocast="cpu fp32" if n == 3 else None,
    )  # fmt: skip
    def mean(input: Array, output_size) -> Array:
        """The mean of ``output_size`` windows that cover each dimension evenly; None keeps a dimension."""
        if _is_one(output_size):
            return averaged(input, axis=tuple(range(input.ndim - n, input.ndim)), keepdims=True)
        x = to_last(input, n)
        for axis, out in enumerate(_sizes(name, input.shape, output_size, n), 1):
            x = _mean_along(x, axis, out)
        return from_last(x, input.ndim == n + 2)

    @mean.checked
    def _(arrays, statics):
        if _is_one(statics[0]) and (n > 1 or arrays[0].ndim in (2, 3)):
            _check_whole(name, arrays[0], statics[0], n)
        else:
            _check_adaptive(name, arrays[0], statics[0], n)
        return arrays


def _is_one(output_size) -> bool:
    """Whether a single window covers all, of which torch takes the plain mean, whatever comes before."""
    if isinstance(output_size, (tuple, list)):
        return all(s == 1 for s in output_size)
    return output_size == 1


def _check_whole(name: str, a, output_size, n: int) -> None:
    _check_output_size(name, a.ndim, output_size, n)
    for d in range(1, n + 1):
        wrap_dim(-d, a.ndim)
    if not mx.issubdtype(a.dtype, mx.inexact):
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{dtypes.scalar_type_name(dtypes.from_mlx(a.dtype))}"
        )


def _mean_along(x, axis: int, out: int):
    size = x.shape[axis]
    if size == out:
        return x
    if out and size % out == 0:
        return averaged(x.reshape(*x.shape[:axis], out, size // out, *x.shape[axis + 1 :]), axis=axis + 1)
    weights = from_host(_averaging(size, out)).astype(x.dtype)
    return mx.moveaxis(mx.moveaxis(x, axis, -1) @ weights, -1, axis)


# ------------------------------------------------------------------------------------------- maxima of gathered windows
def _pick(flat, members, shape: tuple) -> tuple:
    """The maxima of windows and their positions.

    flat (N, C, S), members (*, P, K) positions in it, ``shape`` the (*P) of the result.
    """
    lead = (*flat.shape[:2], *members.shape[-2:])
    index = mx.broadcast_to(members, lead).reshape(*flat.shape[:2], -1)
    seen = mx.take_along_axis(flat, index, -1).reshape(lead)
    best = mx.argmax(mx.where(mx.isnan(seen), mx.array(math.inf, seen.dtype), seen), -1, keepdims=True)
    where = mx.take_along_axis(index.reshape(lead), best, -1)[..., 0]
    values = mx.take_along_axis(seen, best, -1)[..., 0]
    return values.reshape(*flat.shape[:2], *shape), where.astype(mx.int64).reshape(*flat.shape[:2], *shape)


def _combined(per_dimension: list, sizes) -> mx.array:
    """Positions in each dimension (*, P_a, K_a) -> positions in the flattened input (*, P, K)."""
    total = None
    for a, positions in enumerate(per_dimension):
        positions = positions * math.prod(sizes[a + 1 :])
        if total is None:
            total = positions
            continue
        # (*, P, 1, K, 1) + (*, 1, P_a, 1, K_a)
        total = total[..., :, None, :, None] + positions[..., None, :, None, :]
        lead = total.shape[:-4]
        p, q, k, m = total.shape[-4:]
        total = total.reshape(*lead, p * q, k * m)
    return total


def _flatten(x, n: int):
    """(N, C, *S) or (C, *S) -> (N, C, S)."""
    x = x if x.ndim == n + 2 else x[None]
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _scattered(g, index, shape: tuple, n: int):
    """Add g at flat positions of a zero array of ``shape``."""
    lead = (math.prod(shape[:-n]), math.prod(shape[-n:]))
    where = index.reshape(lead[0], math.prod(index.shape[-n:]))
    zeros = mx.zeros(lead, g.dtype)
    gather = lambda z: mx.take_along_axis(z, where, -1)  # noqa: E731  its adjoint is the addition
    return mx.vjp(gather, [zeros], [g.reshape(where.shape)])[1][0].reshape(shape)


def _declare_max(n: int) -> None:
    name = f"adaptive_max_pool{n}d"

    @op(
        name=name,
        namespace="_",
        method=False,
        constant_outputs=(1,),
        indices=True,
        autocast="cpu fp32" if n == 3 else None,
    )
    def maxima(input: Array, output_size):
        sizes = _sizes(name, input.shape, output_size, n)
        per_dimension = [from_host(_members(s, o)) for s, o in zip(input.shape[-n:], sizes, strict=True)]
        shape = (*input.shape[:-n], *sizes)
        if 0 in shape:
            return mx.zeros(shape, input.dtype), mx.zeros(shape, mx.int64)
        values, where = _pick(_flatten(input, n), _combined(per_dimension, input.shape[-n:]), sizes)
        return values.reshape(shape), where.reshape(shape)

    @maxima.vjp
    def _(gs, outputs, shapes):
        return mx.zeros(shapes[0], gs[0].dtype) if 0 in gs[0].shape else _scattered(gs[0], outputs[1], shapes[0], n)

    @maxima.checked
    def _(arrays, statics):
        _check_adaptive(name, arrays[0], statics[0], n)
        return arrays

    def functional(input, output_size, return_indices=False):
        out = maxima.public(input, output_size)
        return out if return_indices else out[0]

    def with_indices(input, output_size, return_indices=False):
        del return_indices  # torch has it here too, and it is always true
        return maxima.public(input, output_size)

    functional.__doc__ = "The maximum of ``output_size`` windows that cover each dimension; None keeps a dimension."
    with_indices.__doc__ = f"``{name}`` with the positions of the maxima in the flattened input."
    composite(functional, name=name, namespace="nn.functional")
    composite(with_indices, name=f"{name}_with_indices", namespace="nn.functional")
    if n == 1:
        composite(maxima.public, name=name, method=False)


# --------------------------------------------------------------------------------------------------- fractional maxima
def _starts(sample, size: int, out: int, kernel: int):
    """Where the windows of one dimension start, from uniform numbers: (N, C) -> (N, C, P)."""
    if out == 1:
        return mx.full((*sample.shape, 1), size - kernel, dtype=mx.int64)
    alpha = mx.array((size - kernel) / (out - 1), sample.dtype)
    i = mx.arange(out - 1, dtype=sample.dtype)
    inner = ((i + sample[..., None]) * alpha).astype(mx.int64) - (sample[..., None] * alpha).astype(mx.int64)
    last = mx.full((*sample.shape, 1), size - kernel, dtype=mx.int64)
    return mx.concatenate([inner, last], axis=-1)


def _declare_fractional(n: int) -> None:
    name = f"fractional_max_pool{n}d"

    @op(name=name, namespace="_", method=False, constant_outputs=(1,), indices=True, autocast="cpu fp32")
    def maxima(input: Array, kernel, sizes, samples):
        shape = (*input.shape[:-n], *sizes)
        if 0 in shape:
            return mx.zeros(shape, input.dtype), mx.zeros(shape, mx.int64)
        # torch keeps the samples of a 2-D pooling as (width, height)
        order = range(n) if n == 3 else range(n - 1, -1, -1)
        per_dimension = [
            _starts(samples[..., o], s, out, k)[..., None] + mx.arange(k, dtype=mx.int64)
            for o, s, out, k in zip(order, input.shape[-n:], sizes, kernel, strict=True)
        ]
        values, where = _pick(_flatten(input, n), _combined(per_dimension, input.shape[-n:]), sizes)
        return values.reshape(shape), where.reshape(shape)

    @maxima.vjp
    def _(gs, outputs, shapes):
        return mx.zeros(shapes[0], gs[0].dtype) if 0 in gs[0].shape else _scattered(gs[0], outputs[1], shapes[0], n)

    def with_indices(
        input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
    ):
        del return_indices  # torch has it here too, and it is always true
        if not isinstance(input, Tensor):
            raise maxima.bad_operand(0, input)
        if _random_samples is None:
            wrap_dim(-n - 1, input.dim())
        kernel, sizes = _fractional_sizes(name, n, input, kernel_size, output_size, output_ratio)
        lead = (1 if input.dim() == n + 1 else input.size(0), input.size(-n - 1), n)
        if _random_samples is None:
            _random_samples = namespaces["torch"]["rand"](*lead, dtype=input.dtype, device=input.device)
        elif not isinstance(_random_samples, Tensor):
            raise TypeError(
                f"{name}(): argument 'random_samples' (position 4) must be Tensor, not {type(_random_samples).__name__}"
            )
        if _random_samples.dtype is not input.dtype:
            raise RuntimeError("Expect _random_samples to have the same dtype as input")
        samples = read(_random_samples)
        _check_samples(name, input, samples, lead)
        return maxima.public(input, kernel, sizes, samples[: lead[0]])

    def functional(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        out = with_indices(input, kernel_size, output_size, output_ratio, True, _random_samples)
        return out if return_indices else out[0]

    functional.__doc__ = "Max pooling with windows at random places. https://arxiv.org/abs/1412.6071."
    with_indices.__doc__ = f"``{name}`` with the positions of the maxima in the flattened input."
    composite(functional, name=name, namespace="nn.functional")
    composite(with_indices, name=f"{name}_with_indices", namespace="nn.functional")


def _check_samples(name: str, input: Tensor, samples, wanted: tuple) -> None:
    """Samples (N, C, number of dimensions) fit an input; more of them than instances are left alone."""
    if samples.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {samples.ndim}")
    batch, channels, n = samples.shape
    if batch < wanted[0]:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if channels != wanted[1]:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if n != wanted[2]:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {wanted[2]}; got {n}.")
    if not input.is_floating_point():
        raise not_implemented(f"{name}_out_frame", read(input))


def _fractional_sizes(name: str, n: int, input, kernel_size, output_size, output_ratio) -> tuple:
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    shape = input.shape
    if len(shape) not in (n + 1, n + 2):
        raise RuntimeError(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got: {list(shape)}")
    if 0 in shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got{list(shape)} with "
            f"dimension {1 + shape[1:].index(0)} being empty."
        )
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
        if len(ratios) != n:
            raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
        output_size = [int(s * r) for s, r in zip(shape[-n:], ratios, strict=True)]
    kernel, sizes = spread(kernel_size, n, "kernel_size", name), spread(output_size, n, "output_size", name)
    for what, k, size, out in zip(("time", "height", "width")[-n:], kernel, shape[-n:], sizes, strict=True):
        if out < 1 or k < 1:
            raise RuntimeError(f"{name}(): pool and output sizes must be positive, but got {k} and {out}")
        if out + k - 1 > size:
            raise RuntimeError(f"{name}(): pool {what} {k} too large relative to input {what} {size}")
    return kernel, sizes


# ------------------------------------------------------------------------------------------------------- max unpooling
def _declare_unpool(n: int) -> None:
    name = f"max_unpool{n}d"

    @op(name=name, namespace="_", method=False, autocast="cpu fp32" if n > 1 else None)
    def unpooled(input: Array, index: Array, sizes) -> Array:
        shape = (*input.shape[:-n], *sizes)
        flat = mx.zeros((math.prod(shape[:-n]), math.prod(sizes)), input.dtype)
        if not input.size:
            return flat.reshape(shape)
        where, values = (a.reshape(flat.shape[0], -1) for a in (index, input))
        return mx.put_along_axis(flat, where, values, -1).reshape(shape)

    @unpooled.vjp
    def _(g, index, sizes):
        if not index.size:
            return mx.zeros(index.shape, g.dtype), None
        lead = math.prod(g.shape[:-n])
        return mx.take_along_axis(g.reshape(lead, -1), index.reshape(lead, -1), -1).reshape(index.shape), None

    @unpooled.checked
    def _(arrays, statics):
        input, index = arrays
        total = math.prod(statics[0])
        by = "x".join(map(str, statics[0]))
        return [input, checks.bounded(index, total, lambda i: _bad_index(i, by))]

    def functional(input, indices, kernel_size, stride=None, padding=0, output_size=None):
        for i, t in enumerate((input, indices)):
            if not isinstance(t, Tensor):
                raise unpooled.bad_operand(i, t)
        kernel, padding = spread(kernel_size, n, "kernel_size", name), spread(padding, n, "padding", name)
        stride = kernel if stride is None else spread(stride, n, "stride", name)
        sizes = _unpooled_sizes(input.shape, kernel, stride, padding, output_size)
        _check_unpool(name, n, input, indices)
        if min(stride) <= 0:
            raise RuntimeError(f"strides should be greater than zero, but got stride: {list(stride)}")
        return unpooled.public(input, indices, sizes)

    functional.__doc__ = "Put the values of a max pooling back where they were. Shape: (N, C, *P) -> (N, C, *S)."
    composite(functional, name=name, namespace="nn.functional")


def _bad_index(i: int, by: str) -> RuntimeError:
    return RuntimeError(f"Found an invalid max index: {i} (output volumes are of size {by})")


def _check_unpool(name: str, n: int, input: Tensor, indices: Tensor) -> None:
    if indices.dtype is not dtypes.int64:
        found = "" if n == 3 else f" but got: {dtypes.scalar_type_name(indices.dtype)}"
        raise RuntimeError(f"elements in indices should be type int64{found}")
    if input.dim() not in (n + 1, n + 2):
        raise RuntimeError(
            f"Input to {name} should be a {n + 1}d or {n + 2}d Tensor, but got a tensor with {input.dim()} dimensions."
        )
    if input.shape != indices.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got indices "
            f"tensor with shape: {list(indices.shape)}"
        )
    if 0 in input.shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got {list(input.shape)} with "
            f"dimension {1 + input.shape[1:].index(0)} being empty."
        )
    if not input.is_floating_point():
        raise not_implemented(f"max_unpool{max(n, 2)}d", read(input))


def _unpooled_sizes(shape, kernel, stride, padding, output_size) -> tuple:
    n = len(kernel)
    if len(shape) < n:
        raise IndexError("tuple index out of range")
    usual = tuple((m - 1) * s + k - 2 * p for m, s, k, p in zip(shape[-n:], stride, kernel, padding, strict=True))
    if output_size is None:
        return usual
    output_size = tuple(output_size)
    if len(output_size) == n + 2:
        output_size = output_size[2:]
    if len(output_size) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of "
            f"'{len(output_size)}'"
        )
    for size, want, step in zip(usual, output_size, stride, strict=True):
        if not size - step < want < size + step:
            raise ValueError(
                f'invalid output_size "{output_size}" (dim {output_size.index(want)} must be between {size - step} and '
                f"{size + step})"
            )
    return output_size


for _n in (1, 2, 3):
    _declare_mean(_n)
    _declare_max(_n)
    _declare_unpool(_n)
for _n in (2, 3):
    _declare_fractional(_n)

"""Convolutions. NCHW outside, channels-last inside: the transposes are free, and those between two convolutions cancel.

N batch, C input channels, O output channels, G groups, S and P the spatial sizes before and after, K the kernel's.
"""

from __future__ import annotations

import functools

import mlx.core as mx

from .._core import device, dtypes
from .._core.numerics.elementary import conj
from .._core.table import Array, composite, namespaces, op
from . import conv_cpu
from .conv_cpu import Geometry, reach
from .kinds import not_implemented


# ------------------------------------------------------------------------------------------------------------ arguments
def spread(value, n: int, name: str, what: str = "convolution") -> tuple:
    """An int or a sequence as one int for each dimension."""
    if type(value) is int:
        return (value,) * n
    if not isinstance(value, (tuple, list)):
        if hasattr(value, "__index__") and not isinstance(value, bool):
            return (value.__index__(),) * n
        raise TypeError(f"{what}: argument '{name}' must be tuple of ints, not {type(value).__name__}")
    for i, v in enumerate(value):
        if not hasattr(v, "__index__"):
            raise TypeError(
                f"{what}: argument '{name}' must be tuple of ints, but found element of type {type(v).__name__} at pos {i}"
            )
    values = tuple(v.__index__() for v in value)
    if len(values) == 1:
        return values * n
    if len(values) != n:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {n} values to match the {what} dimensions, "
            f"but got {name}={list(values)}"
        )
    return values


def _hashable(value):
    return tuple(value) if type(value) is list else value


@functools.lru_cache(1024)
def _geometry(n: int, kernel: tuple, stride, padding, dilation, groups: int) -> Geometry:
    stride, dilation = spread(stride, n, "stride"), spread(dilation, n, "dilation")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")
    if not isinstance(padding, str):
        padding = spread(padding, n, "padding")
        if min(padding) < 0:
            raise RuntimeError("negative padding is not supported")
        return Geometry(stride, padding, padding, dilation, groups)
    if padding not in ("same", "valid"):
        raise RuntimeError(f"Invalid padding string: '{padding}'")
    if padding == "valid":
        return Geometry(stride, (0,) * n, (0,) * n, dilation, groups)
    if max(stride) > 1:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [r - 1 for r in reach(kernel, dilation)]
    low = tuple(t // 2 for t in total)
    return Geometry(stride, low, tuple(t - lo for t, lo in zip(total, low, strict=True)), dilation, groups)


def _check(name: str, n: int, input, weight, bias, groups: int, transposed: bool) -> None:
    shape, size = list(weight.shape), list(input.shape)
    if type(groups) is not int and not hasattr(groups, "__index__"):
        raise TypeError(f"{name}(): argument 'groups' must be int, not {type(groups).__name__}")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if weight.ndim < 3 and input.ndim in (n + 1, n + 2):
        raise RuntimeError("weight should have at least three dimensions")
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: {size}"
        )
    if weight.ndim != n + 2:
        batched = size if input.ndim == n + 2 else [1, *size]
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight {shape}, but got "
            f"{len(batched)}-dimensional input of size {batched} instead"
        )
    if shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{shape} instead"
        )
    if shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{shape}] instead"
        )
    channels = input.shape[-n - 1]
    wanted = shape[0] if transposed else shape[1] * groups
    given = "transposed=1" if transposed else f"groups={groups}"
    if channels != wanted:
        raise RuntimeError(
            f"Given {given}, weight of size {shape}, expected input{size if input.ndim == n + 2 else [1, *size]} "
            f"to have {wanted} channels, but got {channels} channels instead"
        )
    out = shape[1] * groups if transposed else shape[0]
    if bias is not None and bias.shape != (out,):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {shape}, expected bias to be 1-dimensional "
            f"with {out} elements, but got bias of size {list(bias.shape)} instead"
        )
    if input.dtype == mx.bool_:
        kernel = f"slow_{'conv_transpose' if transposed else 'conv'}{max(n, 2)}d{'_out' if transposed else ''}_cpu"
        raise not_implemented("compute_columns3d" if n == 3 and not transposed else kernel, input)
    _check_dtypes(input, weight, bias)


def _check_dtypes(input, weight, bias) -> None:
    if input.dtype != weight.dtype:
        raise RuntimeError(f"expected scalar type {_kind(input)} but found {_kind(weight)}")
    if bias is not None and bias.dtype != input.dtype:
        raise RuntimeError(f"Input type ({_cpp(input)}) and bias type ({_cpp(bias)}) should be the same")


def _cpp(a) -> str:
    return dtypes.cpp_name(dtypes.from_mlx(a.dtype))


def _kind(a) -> str:
    return dtypes.scalar_type_name(dtypes.from_mlx(a.dtype))


# ---------------------------------------------------------------------------------- the three functions, channels-last
def _native_forward(x, w, how: Geometry):
    pads = list(how.low), list(how.high)
    if how.groups > 1 and x.ndim == 5:  # MLX groups 1-D and 2-D ones only
        parts = zip(mx.split(x, how.groups, axis=-1), mx.split(w, how.groups, axis=0), strict=True)
        return mx.concatenate([mx.conv_general(a, b, how.stride, pads, how.dilation) for a, b in parts], axis=-1)
    return mx.conv_general(x, w, how.stride, pads, how.dilation, groups=how.groups)


def _native_input_grad(g, w, shape, how: Geometry):
    # the gradient does not depend on x: any values do, and these are never computed
    return mx.vjp(lambda x: _native_forward(x, w, how), [mx.zeros(shape, g.dtype)], [g])[1][0]


def _native_weight_grad(x, g, shape, how: Geometry):
    return mx.vjp(lambda w: _native_forward(x, w, how), [mx.zeros(shape, g.dtype)], [g])[1][0]


_CPU = conv_cpu.forward, conv_cpu.input_grad, conv_cpu.weight_grad
_NATIVE = _native_forward, _native_input_grad, _native_weight_grad


def _apply(which: int, a, b, *rest):
    """One of the three functions in any dtype; each is linear in both its operands."""
    kind = dtypes.from_mlx(a.dtype).category
    if kind == dtypes.COMPLEX:
        (ar, ai), (br, bi) = (mx.real(a), mx.imag(a)), (mx.real(b), mx.imag(b))
        real = _apply(which, ar, br, *rest) - _apply(which, ai, bi, *rest)
        return real + 1j * (_apply(which, ar, bi, *rest) + _apply(which, ai, br, *rest))
    if kind < dtypes.FLOAT:
        with device.cpu_stream():
            out = _CPU[which](a.astype(mx.float64), b.astype(mx.float64), *rest)
            return mx.round(out).astype(mx.int64).astype(a.dtype)
    if device.GPU and a.dtype != mx.float64:
        return _NATIVE[which](a, b, *rest)
    if a.itemsize == 2:  # there is no BLAS for half precision, and sums want more digits
        return _CPU[which](a.astype(mx.float32), b.astype(mx.float32), *rest).astype(a.dtype)
    return _CPU[which](a, b, *rest)


def _out_shape(x, w, how: Geometry) -> tuple:
    sizes = zip(x.shape[1:-1], reach(w.shape[1:-1], how.dilation), how.stride, how.low, how.high, strict=True)
    return (x.shape[0], *((n + lo + hi - r) // s + 1 for n, r, s, lo, hi in sizes), w.shape[0])


def _forward(x, w, how: Geometry):
    x, how = _trimmed(x, how)
    shape = _out_shape(x, w, how)
    if 0 in shape or 0 in x.shape:
        return mx.zeros(shape, x.dtype)
    return _apply(0, x, w, how)


def _input_grad(g, w, shape, how: Geometry):
    inner, how = _trimmed_shape(shape, how)
    if 0 in g.shape or 0 in inner:
        return mx.zeros(shape, g.dtype)
    out = _apply(1, g, w, inner, how)
    if inner == shape:
        return out
    return mx.pad(out, [(0, n - m) for n, m in zip(shape, inner, strict=True)])


def _weight_grad(x, g, shape, how: Geometry):
    x, how = _trimmed(x, how)
    if 0 in x.shape or 0 in g.shape:
        return mx.zeros(shape, x.dtype)
    return _apply(2, x, g, shape, how)


def _trimmed_shape(shape, how: Geometry):
    # negative padding at the end, of a transposed convolution with output padding: elements nothing reaches
    if min(how.high) >= 0:
        return shape, how
    sizes = tuple(n + min(hi, 0) for n, hi in zip(shape[1:-1], how.high, strict=True))
    return (shape[0], *sizes, shape[-1]), how._replace(high=tuple(max(hi, 0) for hi in how.high))


def _trimmed(x, how: Geometry):
    shape, how = _trimmed_shape(x.shape, how)
    return (x if shape == x.shape else x[tuple(slice(n) for n in shape)]), how


# --------------------------------------------------------------------------------------------------------------- layout
def to_last(x, n: int):
    """(N, C, *S) -> (N, *S, C), a batch of one if there is none."""
    x = x if x.ndim == n + 2 else x[None]
    return mx.moveaxis(x, 1, -1)


def from_last(y, batched: bool):
    """(N, *S, C) -> (N, C, *S)."""
    y = mx.moveaxis(y, -1, 1)
    return y if batched else y[0]


def summed(g):
    """(*, C) -> (C). MLX's sum of an empty array that was transposed is not initialised."""
    return g.sum(tuple(range(g.ndim - 1))) if g.size else mx.zeros(g.shape[-1:], g.dtype)


def _kernel_last(w):
    return mx.moveaxis(w, 1, -1)


# ---------------------------------------------------------------------------------------------------------- convolution
_BOTH = ("torch", "nn.functional")


def _how(n: int, shape, stride, padding, dilation, groups) -> Geometry:
    return _geometry(n, shape[2:], _hashable(stride), _hashable(padding), _hashable(dilation), groups)


def _channels_last(shape, n: int) -> tuple:
    shape = shape if len(shape) == n + 2 else (1, *shape)
    return (shape[0], *shape[2:], shape[1])


def _declare(n: int) -> None:
    @op(name=f"conv{n}d", namespace=_BOTH, method=False, out=False, autocast="low", backward="Convolution")
    def conv(
        input: Array, weight: Array, bias: Array | None = None, stride=1, padding=0, dilation=1, groups=1
    ) -> Array:
        y = _forward(to_last(input, n), _kernel_last(weight), _how(n, weight.shape, stride, padding, dilation, groups))
        return from_last(y if bias is None else y + bias, input.ndim == n + 2)

    @conv.vjp(crosswise=("input", "weight"))
    def _(g, input, weight, stride, padding, dilation, groups, needs, shapes):
        how = _how(n, shapes[1], stride, padding, dilation, groups)
        g, dx, dw = to_last(g, n), None, None
        if needs[0]:
            dx = _input_grad(g, conj(_kernel_last(weight)), _channels_last(shapes[0], n), how)
            dx = from_last(dx, len(shapes[0]) == n + 2)
        if needs[1]:
            dw = mx.moveaxis(_weight_grad(conj(to_last(input, n)), g, _channels_last(shapes[1], n), how), -1, 1)
        return dx, dw, summed(g) if needs[2] else None

    @conv.checked
    def _(arrays, statics):
        input, weight, bias = arrays
        _check(f"conv{n}d", n, input, weight, bias, statics[3], False)
        how = _how(n, weight.shape, *statics)
        spans = reach(weight.shape[2:], how.dilation)
        padded = [s + lo + hi for s, lo, hi in zip(input.shape[-n:], how.low, how.high, strict=True)]
        if any(p < r for p, r in zip(padded, spans, strict=True)):
            raise RuntimeError(
                f"Calculated padded input size per channel: ({_by(padded)}). Kernel size: ({_by(spans)}). Kernel size "
                "can't be greater than actual input size"
            )
        if 0 in input.shape[-n:]:
            raise RuntimeError(
                f"Only zero batch or zero channel inputs are supported, but got input shape: {list(input.shape)}"
            )
        return arrays

    conv.public.__doc__ = (
        f"{n}-D convolution. Shape: (N, I, *S) or (I, *S), (O, I / groups, *K), (O) -> (N, O, *P) or (O, *P).\n\n"
        '    ``padding`` is a number, one for each dimension, ``"same"`` or ``"valid"``.\n    '
    )


def _by(sizes) -> str:
    return " x ".join(map(str, sizes))


# ----------------------------------------------------------------------------------------------- transposed convolution
@functools.lru_cache(1024)
def _transposed_geometry(n: int, sizes: tuple, kernel: tuple, stride, padding, output_padding, groups: int, dilation):
    """The geometry of the convolution this is the adjoint of, and the spatial sizes of the result."""
    if isinstance(padding, str):
        raise TypeError(f"conv_transpose{n}d(): argument 'padding' must be tuple of ints, not str")
    how = _geometry(n, kernel, stride, padding, dilation, groups)
    extra = spread(output_padding, n, "output_padding")
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if any(e >= s and e >= d for e, s, d in zip(extra, how.stride, how.dilation, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding: {list(extra)} "
            f"stride: {list(how.stride)} dilation: {list(how.dilation)}"
        )
    high = tuple(p - e for p, e in zip(how.low, extra, strict=True))
    spans = reach(kernel, how.dilation)
    out = tuple(
        (m - 1) * s + r - lo - hi for m, s, r, lo, hi in zip(sizes, how.stride, spans, how.low, high, strict=True)
    )
    if min(out) <= 0:
        raise RuntimeError(
            f"Given input size per channel: ({_by(sizes)}). Calculated output size per channel: ({_by(out)}). Output "
            "size is too small"
        )
    return how._replace(high=high), out


def _transposed(n: int, shape, kernel_shape, stride, padding, output_padding, groups, dilation):
    args = (_hashable(v) for v in (stride, padding, output_padding, groups, dilation))
    return _transposed_geometry(n, shape[-n:], kernel_shape[2:], *args)


def _declare_transposed(n: int) -> None:
    @op(name=f"conv_transpose{n}d", namespace=_BOTH, method=False, out=False, autocast="low", backward="Convolution")
    def conv(
        input: Array,
        weight: Array,
        bias: Array | None = None,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        dilation=1,
    ) -> Array:
        how, sizes = _transposed(n, input.shape, weight.shape, stride, padding, output_padding, groups, dilation)
        x = to_last(input, n)
        y = _input_grad(x, _kernel_last(weight), (x.shape[0], *sizes, weight.shape[1] * groups), how)
        return from_last(y if bias is None else y + bias, input.ndim == n + 2)

    @conv.vjp(crosswise=("input", "weight"))
    def _(g, input, weight, stride, padding, output_padding, groups, dilation, needs, shapes):
        how = _transposed(n, shapes[0], shapes[1], stride, padding, output_padding, groups, dilation)[0]
        g, dx, dw = to_last(g, n), None, None
        if needs[0]:
            dx = from_last(_forward(g, conj(_kernel_last(weight)), how), len(shapes[0]) == n + 2)
        if needs[1]:
            dw = mx.moveaxis(_weight_grad(g, conj(to_last(input, n)), _channels_last(shapes[1], n), how), -1, 1)
        return dx, dw, summed(g) if needs[2] else None

    @conv.checked
    def _(arrays, statics):
        input, weight, bias = arrays
        _check(f"conv_transpose{n}d", n, input, weight, bias, statics[3], True)
        _transposed(n, input.shape, weight.shape, *statics)
        return arrays

    conv.public.__doc__ = (
        f"{n}-D transposed convolution.\n\n"
        "    Shape: (N, I, *S) or (I, *S), (I, O / groups, *K), (O) -> (N, O, *P) or (O, *P).\n    "
    )


for _n in (1, 2, 3):
    _declare(_n)
    _declare_transposed(_n)


@op(namespace=_BOTH, method=False, out=False, autocast="low")
def conv_tbc(input: Array, weight: Array, bias: Array, pad=0) -> Array:
    """1-D convolution with time first. Shape: (T, N, I), (K, I, O), (O) -> (T', N, O)."""
    how = Geometry((1,), (pad,), (pad,), (1,), 1)
    return mx.swapaxes(_forward(mx.swapaxes(input, 0, 1), weight.transpose(2, 0, 1), how), 0, 1) + bias


@conv_tbc.vjp
def _(g, input, weight, pad, needs):
    how = Geometry((1,), (pad,), (pad,), (1,), 1)
    x, w, g = mx.swapaxes(input, 0, 1), weight.transpose(2, 0, 1), mx.swapaxes(g, 0, 1)
    dx = mx.swapaxes(_input_grad(g, w, x.shape, how), 0, 1) if needs[0] else None
    dw = _weight_grad(x, g, w.shape, how).transpose(1, 2, 0) if needs[1] else None
    return dx, dw, summed(g) if needs[2] else None


@composite(method=False, autocast="keep")
def convolution(input, weight, bias, stride, padding, dilation, transposed: bool, output_padding, groups: int):
    """The convolution, or transposed convolution, of as many dimensions as ``stride`` has numbers or the input has room for.

    Raises: RuntimeError for other than 1 to 3 spatial dimensions.
    """
    n = weight.dim() - 2
    if n not in (1, 2, 3):
        raise RuntimeError(f"convolution takes 1 to 3 spatial dimensions, got a weight of {weight.dim()} dimensions")
    if transposed:
        run = namespaces["torch"][f"conv_transpose{n}d"]
        return run(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return namespaces["torch"][f"conv{n}d"](input, weight, bias, stride, padding, dilation, groups)

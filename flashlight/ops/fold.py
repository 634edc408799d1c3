"""Moving elements between space and channels: unfold, fold, pixel and channel shuffles.

N batch, C channels, H W height and width, K the kernel's two sizes, L the number of its positions.
"""

from __future__ import annotations

import mlx.core as mx

from .._core.table import Array, op
from .conv import spread
from .conv_cpu import placed
from .kinds import not_implemented

_BOTH = ("torch", "nn.functional")


# ------------------------------------------------------------------------------------------------------ unfold and fold
def _arguments(name: str, kernel_size, dilation, padding, stride) -> tuple:
    kernel, dilation = spread(kernel_size, 2, "kernel_size", name), spread(dilation, 2, "dilation", name)
    padding, stride = spread(padding, 2, "padding", name), spread(stride, 2, "stride", name)
    for label, values, lowest in (
        ("kernel", kernel, 1),
        ("dilation", dilation, 1),
        ("padding", padding, 0),
        ("stride", stride, 1),
    ):
        if min(values) < lowest:
            bound = "greater than zero" if lowest else "non-negative"
            what, short = label + " size" * (label == "kernel"), label[:3] if label == "padding" else label
            raise RuntimeError(
                f"{what} should be {bound}, but got {short}_height: {values[0]} {short}_width: {values[1]}"
            )
    return kernel, dilation, padding, stride


def _positions(sizes, kernel, dilation, padding, stride) -> tuple:
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(sizes, kernel, dilation, padding, stride, strict=True)
    )


def _unfolded(x, kernel, dilation, padding, stride):
    """(N, C, H, W) -> (N, C * K, L)."""
    out = _positions(x.shape[2:], kernel, dilation, padding, stride)
    x = mx.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)]) if any(padding) else x
    spans = [
        [slice(i * d, i * d + (m - 1) * s + 1, s) for i in range(k)]
        for k, d, s, m in zip(kernel, dilation, stride, out, strict=True)
    ]
    parts = [x[:, :, rows, columns] for rows in spans[0] for columns in spans[1]]
    return mx.stack(parts, axis=2).reshape(x.shape[0], x.shape[1] * len(parts), out[0] * out[1])


def _folded(cols, sizes, kernel, dilation, padding, stride):
    """(N, C * K, L) -> (N, C, H, W): the sum of overlapping blocks."""
    out = _positions(sizes, kernel, dilation, padding, stride)
    cols = cols.reshape(cols.shape[0], cols.shape[1] // (kernel[0] * kernel[1]), *kernel, *out)
    rows = []
    for i in range(kernel[0]):
        taps = [cols[:, :, i, j] for j in range(kernel[1])]
        rows.append(placed(taps, 3, sizes[1] + 2 * padding[1], stride[1], dilation[1]))
    x = placed(rows, 2, sizes[0] + 2 * padding[0], stride[0], dilation[0])
    return x[:, :, padding[0] : padding[0] + sizes[0], padding[1] : padding[1] + sizes[1]]


def _batched(fn, x, ndim: int, *args):
    return fn(x, *args) if x.ndim == ndim else fn(x[None], *args)[0]


def _check_dtype(kernel: str, a) -> None:
    # torch moves booleans too
    if mx.issubdtype(a.dtype, mx.integer):
        raise not_implemented(kernel, a)


@op(namespace="nn.functional", backward="Im2Col")
def unfold(input: Array, kernel_size, dilation=1, padding=0, stride=1) -> Array:
    """Sliding blocks as columns. Shape: (N, C, H, W) or (C, H, W) -> (N, C * K, L) or (C * K, L)."""
    return _batched(_unfolded, input, 4, *_arguments("unfold", kernel_size, dilation, padding, stride))


@unfold.vjp
def _(g, shapes, kernel_size, dilation, padding, stride):
    arguments = _arguments("unfold", kernel_size, dilation, padding, stride)
    return _batched(_folded, g, 3, shapes[0][-2:], *arguments)


@unfold.checked
def _(arrays, statics):
    shape = arrays[0].shape
    if len(shape) < 3:
        n = len(shape)
        if not n:
            raise IndexError("Dimension specified as 1 but tensor has no dimensions")
        raise IndexError(f"Dimension out of range (expected to be in range of [-{n}, {n - 1}], but got {n})")
    kernel, dilation, padding, _ = arguments = _arguments("unfold", *statics)
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            "input, but "
            f"got: {list(shape)}"
        )
    out = _positions(shape[-2:], *arguments)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input with spatial size ({shape[-2]}, {shape[-1]}), kernel_size={kernel}, dilation={dilation}, "
            f"padding={padding}, calculated shape of the array of sliding blocks as {out}, but its "
            "components must be at least one."
        )
    _check_dtype("im2col_out_cpu", arrays[0])
    return arrays


@op(namespace="nn.functional", backward="Col2Im")
def fold(input: Array, output_size, kernel_size, dilation=1, padding=0, stride=1) -> Array:
    """Sums of sliding blocks given as columns, ``unfold``'s adjoint. Shape: (N, C * K, L) -> (N, C, *output_size)."""
    sizes = spread(output_size, 2, "output_size", "fold")
    return _batched(_folded, input, 3, sizes, *_arguments("fold", kernel_size, dilation, padding, stride))


@fold.vjp
def _(g, kernel_size, dilation, padding, stride):
    return _batched(_unfolded, g, 4, *_arguments("fold", kernel_size, dilation, padding, stride))


@fold.checked
def _(arrays, statics):
    sizes, shape = spread(statics[0], 2, "output_size", "fold"), arrays[0].shape
    kernel, *rest = _arguments("fold", *statics[1:])
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions "
            "for input, "
            f"but got: {list(shape)}"
        )
    block = kernel[0] * kernel[1]
    if shape[-2] % block:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={shape[-2]} and kernel_size={kernel}."
        )
    out = _positions(sizes, kernel, *rest)
    if shape[-1] != out[0] * out[1] or min(out) < 1:
        raise RuntimeError(
            f"Given output_size={sizes}, kernel_size={kernel}, dilation={rest[0]}, padding={rest[1]}, "
            f"stride={rest[2]}, "
            f"expected size of input's dimension 2 to match the calculated number of sliding blocks {out[0]} * "
            f"{out[1]} = "
            f"{out[0] * out[1]}, but got input.size(2)={shape[-1]}."
        )
    _check_dtype("col2im_out_cpu", arrays[0])
    return arrays


# ------------------------------------------------------------------------------------------------------------- shuffles
def _check_factor(name: str, label: str, value) -> None:
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise TypeError(f"{name}(): argument '{label}' (position 2) must be int, not {type(value).__name__}")


@op(namespace=_BOTH, method=False, out=False, watch="")
def pixel_shuffle(input: Array, upscale_factor) -> Array:
    """Channels to space: (*, C r^2, H, W) -> (*, C, H r, W r) with r the factor. https://arxiv.org/abs/1609.05158."""
    r = upscale_factor
    *lead, c, h, w = input.shape
    x = input.reshape(*lead, c // (r * r), r, r, h, w)
    n = len(lead)
    x = x.transpose(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return x.reshape(*lead, c // (r * r), h * r, w * r)


@pixel_shuffle.checked
def _(arrays, statics):
    shape, r = arrays[0].shape, statics[0]
    if len(shape) < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    _check_factor("pixel_shuffle", "upscale_factor", r)
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if shape[-3] % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            "upscale_factor, but "
            f"input.size(-3)={shape[-3]} is not divisible by {r * r}"
        )
    return arrays


@op(namespace=_BOTH, method=False, out=False, watch="")
def pixel_unshuffle(input: Array, downscale_factor) -> Array:
    """Space to channels: (*, C, H r, W r) -> (*, C r^2, H, W) with r the factor."""
    r = downscale_factor
    *lead, c, h, w = input.shape
    x = input.reshape(*lead, c, h // r, r, w // r, r)
    n = len(lead)
    return x.transpose(*range(n + 1), n + 2, n + 4, n + 1, n + 3).reshape(*lead, c * r * r, h // r, w // r)


@pixel_unshuffle.checked
def _(arrays, statics):
    shape, r = arrays[0].shape, statics[0]
    if len(shape) < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    _check_factor("pixel_unshuffle", "downscale_factor", r)
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    for label, i in (("height", -2), ("width", -1)):
        if shape[i] % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {label} to be divisible by downscale_factor, but "
                f"input.size({i})={shape[i]} is not "
                f"divisible by {r}"
            )
    return arrays


@op(namespace=_BOTH, method=False, out=False, aliases=("native_channel_shuffle",))
def channel_shuffle(input: Array, groups) -> Array:
    """Exchange the order of groups and of channels within a group. Shape: (N, C, *S). https://arxiv.org/abs/1707.01083."""
    n, c, *rest = input.shape
    return mx.swapaxes(input.reshape(n, groups, c // groups, *rest), 1, 2).reshape(input.shape)


@channel_shuffle.checked
def _(arrays, statics):
    shape, groups = arrays[0].shape, statics[0]
    if len(shape) < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        )
    return arrays

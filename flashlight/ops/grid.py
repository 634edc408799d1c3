"""Sampling images at arbitrary points: affine grids and ``grid_sample``.

N batch, C channels, S the input's spatial sizes, P those of the grid. A grid's last axis runs over x, y(, z), the
image's last dimension first, in [-1, 1].
"""

from __future__ import annotations

import itertools
import math
import warnings

import mlx.core as mx

from .._core import dtypes
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read
from .kinds import not_implemented

_MODES, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


# ---------------------------------------------------------------------------------------------------------- affine grid
def _line(n: int, align: bool, dtype):
    """Positions of n pixels' centres (their corners' with ``align``) on [-1, 1]."""
    if n <= 1:
        return mx.zeros((n,), dtype)
    line = (mx.arange(n).astype(dtype) * 2 - (n - 1)) / (n - 1)
    return line if align else line * ((n - 1) / n)


@op(name="affine_grid_generator", method=False, out=False)
def affine_grid_generator(theta: Array, size, align_corners) -> Array:
    """Where each pixel of an output of ``size`` comes from under affine maps. Shape: (N, 2, 3) -> (N, H, W, 2)."""
    n, _, *spatial = size
    lines = [_line(s, align_corners, theta.dtype) for s in spatial]
    parts = []
    for axis in reversed(range(len(spatial))):
        shape = [1] * len(spatial)
        shape[axis] = spatial[axis]
        parts.append(mx.broadcast_to(lines[axis].reshape(shape), tuple(spatial)))
    base = mx.stack([*parts, mx.ones(tuple(spatial), theta.dtype)], axis=-1)
    points = base.reshape(1, math.prod(spatial), len(spatial) + 1) @ mx.swapaxes(theta, 1, 2)
    return points.reshape(n, *spatial, len(spatial))


@composite(namespace="nn.functional")
def affine_grid(theta, size, align_corners=None):
    """A sampling grid for ``grid_sample`` from affine matrices.

    Shape: (N, 2, 3) -> (N, H, W, 2), or (N, 3, 4) -> (N, D, H, W, 3).
    """
    if align_corners is None:
        warnings.warn("Default grid_sample and affine_grid behavior has changed to align_corners=False.", stacklevel=2)
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(int(s) for s in size)
    rows = {4: 2, 5: 3}.get(len(size))
    if rows is None:
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
            f"Got size {list(size)}."
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (rows, rows + 1):
        raise ValueError(
            f"Expected a batch of {rows}D affine matrices of shape Nx{rows}x{rows + 1} for size {list(size)}. "
            f"Got {list(theta.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {list(size)}")
    if theta.shape[0] != size[0]:
        raise RuntimeError(f"Expected a batch of {size[0]} matrices for size {list(size)}, got {list(theta.shape)}")
    return affine_grid_generator.public(theta, size, bool(align_corners))


# ---------------------------------------------------------------------------------------------------------- grid sample
def _pixels(x, size: int, align: bool):
    """From [-1, 1] to pixels."""
    return (x + 1) * ((size - 1) / 2) if align else ((x + 1) * size - 1) / 2


def _clipped(x, size: int):
    # torch: no gradient at or beyond the border
    inside = mx.logical_and(x > 0, x < size - 1)
    limit = mx.stop_gradient(mx.clip(x, 0, size - 1))
    return mx.where(inside, x, mx.where(mx.isnan(x), mx.zeros_like(x), limit))


def _reflect(x, size: int, align: bool):
    low, high = (0, 2 * (size - 1)) if align else (-1, 2 * size - 1)
    if low == high:
        return mx.zeros_like(x)
    start, span = low / 2, (high - low) / 2
    away = mx.abs(x - start)
    turns = mx.stop_gradient(mx.floor(away / span))
    rest = away - turns * span
    even = turns - 2 * mx.floor(turns / 2) == 0
    return mx.where(even, rest + start, span - rest + start)


def _bounded(x, size: int, padding: str, align: bool):
    if padding == "border":
        return _clipped(x, size)
    if padding == "reflection":
        return _clipped(_reflect(x, size, align), size)
    return x


def _gather(flat, index, inside):
    """Values of flat (N, S, C) at index (N, P), zero where not ``inside``: (N, P, C)."""
    values = mx.take_along_axis(flat, index[..., None], axis=1)
    return values if inside is None else values * inside[..., None]


def _at(flat, corner: list, sizes) -> mx.array:
    """Values at integer points, given as whole floats per dimension; zero outside the image."""
    index = inside = None
    for c, size in zip(corner, sizes, strict=True):
        here = mx.logical_and(c >= 0, c <= size - 1)
        inside = here if inside is None else mx.logical_and(inside, here)
        whole = mx.where(here, c, mx.zeros_like(c)).astype(mx.int32)
        index = whole if index is None else index * size + whole
    return _gather(flat, mx.stop_gradient(index), mx.stop_gradient(inside))


def _linear(flat, points: list, sizes):
    low = [mx.stop_gradient(mx.floor(p)) for p in points]
    total = None
    for corner in itertools.product((0, 1), repeat=len(points)):
        weight = None
        for p, base, up in zip(points, low, corner, strict=True):
            w = p - base if up else base + 1 - p
            weight = w if weight is None else weight * w
        part = _at(flat, [b + c for b, c in zip(low, corner, strict=True)], sizes) * weight[..., None]
        total = part if total is None else total + part
    return total


def _cubic_weights(t):
    a = -0.75

    def near(d):
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d):
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic(flat, points: list, sizes, padding: str, align: bool):
    low = [mx.stop_gradient(mx.floor(p)) for p in points]
    weights = [_cubic_weights(p - b) for p, b in zip(points, low, strict=True)]
    total = None
    for i, j in itertools.product(range(4), repeat=2):
        corner = [b + (o - 1) for b, o in zip(low, (i, j), strict=True)]
        # the neighbours, not the point, are brought back into the image
        corner = [mx.stop_gradient(_bounded(c, n, padding, align)) for c, n in zip(corner, sizes, strict=True)]
        part = _at(flat, corner, sizes) * (weights[0][i] * weights[1][j])[..., None]
        total = part if total is None else total + part
    return total


@op(name="grid_sampler", namespace="_", method=False, backward="GridSampler2D", autocast="cpu fp32, gpu widest")
def _sampled(input: Array, grid: Array, mode, padding, align) -> Array:
    """(N, C, *S) at (N, *P, len(S)) -> (N, C, *P)."""
    sizes = input.shape[2:]
    n, channels = input.shape[:2]
    flat = mx.swapaxes(input.reshape(n, channels, math.prod(sizes)), 1, 2)
    coordinates = grid.reshape(n, math.prod(grid.shape[1:-1]), len(sizes))
    points = [_pixels(coordinates[..., len(sizes) - 1 - d], s, align) for d, s in enumerate(sizes)]
    if mode == "bicubic":
        out = _cubic(flat, points, sizes, padding, align)
    else:
        points = [_bounded(p, s, padding, align) for p, s in zip(points, sizes, strict=True)]
        if mode == "nearest":
            out = _at(flat, [mx.stop_gradient(mx.round(p)) for p in points], sizes)
        else:
            out = _linear(flat, points, sizes)
    return mx.swapaxes(out, 1, 2).reshape(n, channels, *grid.shape[1:-1])


def _check(input, grid, mode: str) -> None:
    for i, (name, t) in enumerate((("input", input), ("grid", grid)), 1):
        if not isinstance(t, Tensor):
            raise TypeError(f"grid_sampler(): argument '{name}' (position {i}) must be Tensor, not {type(t).__name__}")
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(input.shape)} "
            f"and grid with sizes {list(grid.shape)}"
        )
    if grid.shape[-1] != input.dim() - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.dim() - 2} in last dimension, but got grid with sizes "
            f"{list(grid.shape)}"
        )
    if 0 in input.shape[2:]:
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
            f"{list(input.shape)} with dimension {2 + input.shape[2:].index(0)} being empty"
        )
    if input.dim() not in (4, 5) or input.dim() != grid.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if mode == "bicubic" and input.dim() == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if not input.is_floating_point():
        raise not_implemented(
            "grid_sampler_2d_cpu_kernel_impl" if input.dim() == 4 else "grid_sampler3d_cpu", read(input)
        )
    if input.dtype is not grid.dtype:
        have, want = (dtypes.scalar_type_name(t.dtype) for t in (grid, input))
        raise RuntimeError(f"expected scalar type {want} but found {have}")


@composite(namespace="nn.functional")
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Values of images at the points of a grid. Shape: (N, C, *S), (N, *P, len(S)) -> (N, C, *P), two or three in S.

    ``mode``: bilinear, nearest or bicubic; ``padding_mode``: zeros, border or reflection.
    """
    if mode not in _MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in _PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn("Default grid_sample and affine_grid behavior has changed to align_corners=False.", stacklevel=2)
        align_corners = False
    _check(input, grid, mode)
    return _sampled.public(input, grid, mode, padding_mode, bool(align_corners))


@composite(method=False)
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """``grid_sample`` with its modes as numbers: their places in torch's lists."""
    for what, given, known in (
        ("interpolation_mode", interpolation_mode, _MODES),
        ("padding_mode", padding_mode, _PADDINGS),
    ):
        if not 0 <= given < len(known):
            raise RuntimeError(f"grid_sampler(): {what} must be in [0, {len(known) - 1}], but got {given}")
    return grid_sample(input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], align_corners)

"""Memory formats: which strides a new tensor reports. They change no value."""

from __future__ import annotations

from . import views
from .steps import row_major
from .tensor import Tensor, channels_last, channels_last_3d, contiguous_format, memory_format, preserve_format, read

_ORDERS = {channels_last: (0, 2, 3, 1), channels_last_3d: (0, 2, 3, 4, 1)}


def strides_in(shape, order) -> tuple:
    """The strides of a dense tensor whose dimensions lie in memory in ``order``, outermost first."""
    strides, step = [0] * len(shape), 1
    for d in reversed(order):
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)


def strides_of(shape, format) -> tuple:
    """The strides of a tensor in a memory format; raises RuntimeError for another number of dimensions."""
    if format is None or format is contiguous_format:
        return row_major(shape)
    if not isinstance(format, memory_format):
        raise TypeError(f"argument 'memory_format' must be torch.memory_format, not {type(format).__name__}")
    if format is preserve_format:
        raise RuntimeError("unsupported memory format option preserve_format")
    order = _ORDERS[format]
    if len(shape) != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {format.name} format")
    return strides_in(shape, order)


def laid(t: Tensor, strides) -> Tensor:
    """A fresh tensor that reports ``strides`` (dense, in some order of its dimensions)."""
    if strides is not None and tuple(strides) != row_major(read(t).shape):
        views.cell_of(t).strides = tuple(strides)
    return t


def in_format(t: Tensor, format) -> Tensor:
    """A fresh tensor in a memory format."""
    if format is None or format is contiguous_format:
        return t
    return laid(t, strides_of(read(t).shape, format))


def like(t: Tensor, source: Tensor, format=preserve_format) -> Tensor:
    """A fresh tensor laid out as ``format`` says, which by default is as ``source`` is."""
    if format is None or format is preserve_format:
        return t if source._view is None else laid(t, preserved(source))
    return in_format(t, format)


def preserved(source: Tensor) -> tuple:
    """The strides of a dense copy of ``source`` that keeps the order of its dimensions in memory."""
    shape, strides, _ = views.layout_of(source)
    if 0 in shape:
        return row_major(shape)
    return tuple(strides) if is_dense(shape, strides) else strides_in(shape, _order(shape, strides))


def is_dense(shape, strides) -> bool:
    """Whether a layout covers its memory without gaps or overlaps."""
    expected = 1
    for step, n in sorted((s, n) for n, s in zip(shape, strides, strict=True) if n != 1):
        if step != expected:
            return False
        expected *= n
    return True


def _order(shape, strides) -> list:
    # an insertion sort, as in torch: dimensions of stride 0 are ambiguous and stay between their neighbours
    order = list(range(len(shape)))
    for i in range(1, len(shape)):
        d1 = i
        for d0 in range(i - 1, -1, -1):
            swap = _compare(shape, strides, order[d0], order[d1])
            if swap > 0:
                order[d0], order[d1] = order[d1], order[d0]
                d1 = d0
            elif swap < 0:
                break
    return order


def _compare(shape, strides, outer: int, inner: int) -> int:
    if strides[outer] == 0 or strides[inner] == 0:
        return 0
    if strides[outer] != strides[inner]:
        return 1 if strides[outer] < strides[inner] else -1
    return 1 if shape[outer] > shape[inner] else 0


def is_laid(t: Tensor, format=contiguous_format) -> bool:
    """Whether a tensor's strides are those of a memory format; dimensions of length one do not count."""
    if t._view is None and (format is contiguous_format or format is None):
        return True
    shape, strides, _ = views.layout_of(t)
    if format in _ORDERS and len(shape) != len(_ORDERS[format]):
        return False
    if format is preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    if 0 in shape:
        return True
    return all(n == 1 or s == w for n, s, w in zip(shape, strides, strides_of(shape, format), strict=True))


def suggested(t: Tensor):
    """The memory format a tensor's strides look like; contiguous where several would fit."""
    if t._view is not None:
        shape, strides, _ = views.layout_of(t)
        for format, order in _ORDERS.items():
            if len(shape) == len(order) and _looks_like(shape, strides, order):
                return format
    return contiguous_format


def _looks_like(shape, strides, order) -> bool:
    least = 0
    if strides[1] == 0:
        return False
    for d in reversed(order):
        if shape[d] == 0 or strides[d] < least or (d == 0 and least == strides[1]):
            return False
        least = strides[d] * max(shape[d], 1)
    return True

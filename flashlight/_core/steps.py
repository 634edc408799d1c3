"""The steps views are made of: pure functions of an array with an inverse write, a gradient and torch's strides.

A step reads part of an array (``read``), replaces that part (``write``), gives the gradient of a read (``pull``) and says how it
changes a strided layout (``layout``). Every torch view is one of these few.
"""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from . import lazy
from .axes import summed


def write_through_places(a, steps, new):
    """The array with what steps see of it replaced, by way of an array of the places they see."""
    places = mx.arange(a.size, dtype=mx.int64).reshape(a.shape)
    for step in steps:
        places = step.read(places)
    if not places.size:
        return a
    flat = mx.put_along_axis(a.reshape(-1), places.reshape(-1), mx.broadcast_to(new, places.shape).reshape(-1), axis=0)
    return flat.reshape(a.shape)


def row_major(shape) -> tuple:
    """The strides of a contiguous tensor."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


class Step:
    """A view of an array; by default written and differentiated through an index array."""

    __slots__ = ()
    overlaps = False  # whether it may show an element in several places

    def read(self, a):
        raise NotImplementedError

    def write(self, a, new):
        return write_through_places(a, (self,), new)

    def pull(self, g, like):
        return self.write(mx.zeros(like.shape, dtype=like.dtype), g)

    def layout(self, shape, strides, offset):
        raise NotImplementedError

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    __hash__ = None


class Permute(Step):
    """Reorder the dimensions."""

    __slots__ = ("axes",)

    def __init__(self, axes):
        self.axes = axes

    def read(self, a):
        return mx.transpose(a, self.axes)

    def _inverse(self):
        inverse = [0] * len(self.axes)
        for i, axis in enumerate(self.axes):
            inverse[axis] = i
        return inverse

    def write(self, a, new):
        return mx.transpose(new, self._inverse())

    def pull(self, g, like):
        return mx.transpose(g, self._inverse())

    def layout(self, shape, strides, offset):
        return tuple(shape[i] for i in self.axes), tuple(strides[i] for i in self.axes), offset


class Reshape(Step):
    """The same elements in row-major order under another shape (view, flatten, squeeze, unsqueeze)."""

    __slots__ = ("shape",)

    def __init__(self, shape):
        self.shape = shape

    def read(self, a):
        return mx.reshape(a, self.shape)

    def write(self, a, new):
        return mx.reshape(new, a.shape)

    def pull(self, g, like):
        return mx.reshape(g, like.shape)

    def layout(self, shape, strides, offset):
        return tuple(self.shape), viewed_strides(shape, strides, self.shape), offset


class Squeeze(Reshape):
    """Drop or add dimensions of length one; ``source`` gives each new dimension's old one, None for a new dimension."""

    __slots__ = ("source",)

    def __init__(self, shape, source):
        self.shape, self.source = shape, source

    def layout(self, shape, strides, offset):
        out = []
        for i, origin in enumerate(self.source):
            if origin is not None:
                out.append(strides[origin])
            else:  # torch: the stride the next dimension spans
                following = self.source[i + 1] if i + 1 < len(self.source) else None
                out.append(1 if following is None else strides[following] * shape[following])
        return tuple(self.shape), tuple(out), offset


class Slice(Step):
    """Basic indexing; ``key`` holds one slice (start, stop, step) or int for each dimension."""

    __slots__ = ("key",)

    def __init__(self, key):
        self.key = key

    def read(self, a):
        return a[self.key]

    def write(self, a, new):
        if lazy.is_paused():
            # MLX's vmap writes a value that is the same for all elements into the first one only: make it depend on the array
            new = mx.where(mx.array(True), new, a[self.key])
        out = mx.array(a)
        out[self.key] = new
        return out

    def layout(self, shape, strides, offset):
        sizes, steps = [], []
        for s, k in zip(strides, self.key, strict=True):
            if isinstance(k, slice):
                sizes.append(len(range(k.start, k.stop, k.step)))
                steps.append(s * k.step)
                offset += k.start * s
            else:
                offset += k * s
        return tuple(sizes), tuple(steps), offset


class Expand(Step):
    """Broadcast to a larger shape."""

    __slots__ = ("shape",)
    overlaps = True

    def __init__(self, shape):
        self.shape = shape

    def read(self, a):
        return mx.broadcast_to(a, self.shape)

    def write(self, a, new):
        extra = len(self.shape) - a.ndim
        key = (0,) * extra + tuple(
            slice(0, 1) if n == 1 and m != 1 else slice(None) for n, m in zip(a.shape, self.shape[extra:], strict=True)
        )
        return mx.broadcast_to(new, self.shape)[key]

    def pull(self, g, like):
        return unbroadcast(g, like.shape)

    def layout(self, shape, strides, offset):
        extra = len(self.shape) - len(shape)
        out = [0 if n == 1 and m != 1 else s for n, m, s in zip(shape, self.shape[extra:], strides, strict=True)]
        for i in range(extra - 1, -1, -1):
            # a new dimension of length one spans the next; before a scalar there is none
            out.insert(0, self.shape[i + 1] * out[0] if self.shape[i] == 1 and shape else 0)
        return tuple(self.shape), tuple(out), offset


def unbroadcast(g, shape):
    """Sum a gradient over the dimensions that broadcasting added or stretched."""
    extra = g.ndim - len(shape)
    if extra:
        g = summed(g, axis=tuple(range(extra)))
    stretched = tuple(i for i, (n, m) in enumerate(zip(shape, g.shape, strict=True)) if n == 1 and m != 1)
    return summed(g, axis=stretched, keepdims=True) if stretched else g


class Diagonal(Step):
    """The diagonal of two dimensions, put last."""

    __slots__ = ("dim1", "dim2", "offset")

    def __init__(self, offset, dim1, dim2):
        self.offset, self.dim1, self.dim2 = offset, dim1, dim2

    def _length(self, shape) -> int:
        rows, columns = shape[self.dim1], shape[self.dim2]
        return max(min(rows, columns - self.offset) if self.offset >= 0 else min(rows + self.offset, columns), 0)

    def read(self, a):
        if not self._length(a.shape):
            kept = tuple(n for i, n in enumerate(a.shape) if i not in (self.dim1, self.dim2))
            return mx.zeros((*kept, 0), dtype=a.dtype)
        return mx.diagonal(a, self.offset, self.dim1, self.dim2)

    def layout(self, shape, strides, offset):
        length = self._length(shape)
        if length:
            offset += self.offset * strides[self.dim2] if self.offset >= 0 else -self.offset * strides[self.dim1]
        keep = [i for i in range(len(shape)) if i not in (self.dim1, self.dim2)]
        return (
            (*(shape[i] for i in keep), length),
            (*(strides[i] for i in keep), strides[self.dim1] + strides[self.dim2]),
            offset,
        )


class Unfold(Step):
    """Windows of ``size`` every ``step`` along a dimension, the window put last."""

    __slots__ = ("dim", "size", "step")
    overlaps = True

    def __init__(self, dim, size, step):
        self.dim, self.size, self.step = dim, size, step

    def read(self, a):
        if a.ndim == 0:
            return mx.reshape(a, (1,))[: self.size]
        count = (a.shape[self.dim] - self.size) // self.step + 1
        index = mx.arange(count)[:, None] * self.step + mx.arange(self.size)
        windows = mx.take(a, index.reshape(-1), axis=self.dim)
        shape = (*a.shape[: self.dim], count, self.size, *a.shape[self.dim + 1 :])
        return mx.moveaxis(windows.reshape(shape), self.dim + 1, -1)

    def pull(self, g, like):
        # windows may overlap, so the gradient adds up where a write would overwrite
        if like.ndim == 0:
            return mx.sum(g)
        index = self.read(mx.arange(like.size, dtype=mx.int64).reshape(like.shape)).reshape(-1)
        return mx.zeros((like.size,), dtype=g.dtype).at[index].add(g.reshape(-1)).reshape(like.shape)

    def layout(self, shape, strides, offset):
        if not shape:
            return (self.size,), (1,), offset
        count = (shape[self.dim] - self.size) // self.step + 1
        sizes = (*shape[: self.dim], count, *shape[self.dim + 1 :], self.size)
        return (
            sizes,
            (*strides[: self.dim], strides[self.dim] * self.step, *strides[self.dim + 1 :], strides[self.dim]),
            offset,
        )


class Gathered(Step):
    """``as_strided``: elements of the flat storage by shape, stride and offset.

    ``source`` gives where each is found in the array read from, if that is not the storage in row-major order.
    """

    __slots__ = ("offset", "shape", "source", "strides")
    overlaps = True

    def __init__(self, shape, strides, offset, source=None):
        self.shape, self.strides, self.offset, self.source = shape, strides, offset, source

    def __eq__(self, other) -> bool:
        return (
            type(other) is Gathered
            and (self.shape, self.strides, self.offset) == (other.shape, other.strides, other.offset)
            and np.array_equal(self.source, other.source)
        )

    __hash__ = None

    def positions(self) -> np.ndarray:
        """The place of every element in the storage, flat."""
        index = np.full((1,) * len(self.shape), self.offset, dtype=np.int64)
        for d, (n, s) in enumerate(zip(self.shape, self.strides, strict=True)):
            index = index + (np.arange(n, dtype=np.int64) * s).reshape(
                [-1 if i == d else 1 for i in range(len(self.shape))]
            )
        return np.ascontiguousarray(index.reshape(-1))

    def index(self):
        return mx.array(self.positions() if self.source is None else self.source)

    def read(self, a):
        if 0 in self.shape:
            return mx.zeros(self.shape, dtype=a.dtype)
        return mx.take(a.reshape(-1), self.index()).reshape(self.shape)

    def write(self, a, new):
        if 0 in self.shape:
            return a
        new = mx.broadcast_to(new, self.shape).reshape(-1)
        return mx.put_along_axis(a.reshape(-1), self.index(), new, axis=0).reshape(a.shape)

    def pull(self, g, like):
        if 0 in self.shape:
            return mx.zeros(like.shape, dtype=like.dtype)
        flat = mx.zeros((like.size,), dtype=g.dtype)
        return flat.at[self.index()].add(g.reshape(-1)).reshape(like.shape)

    def layout(self, shape, strides, offset):
        return tuple(self.shape), tuple(self.strides), self.offset


class Bitcast(Step):
    """The same bytes as another dtype (``view(dtype)``); ``back`` is the dtype read from."""

    __slots__ = ("back", "to")

    def __init__(self, to, back):
        self.to, self.back = to, back

    def read(self, a):
        if a.ndim == 0:
            return mx.view(a.reshape(1), self.to).reshape(())
        return mx.view(mx.contiguous(a), self.to)

    def write(self, a, new):
        return Bitcast(self.back, self.to).read(new)

    def pull(self, g, like):
        raise RuntimeError("view(dtype) is not differentiable: convert with .to(dtype) instead")

    def layout(self, shape, strides, offset):
        old, new = self.back.size, self.to.size
        if old == new or not shape:
            return tuple(shape), tuple(strides), offset
        if old > new:
            k = old // new
            return (*shape[:-1], shape[-1] * k), (*(s * k for s in strides[:-1]), 1), offset * k
        k = new // old
        return (*shape[:-1], shape[-1] // k), (*(s // k for s in strides[:-1]), 1), offset // k


class RealView(Step):
    """Complex numbers as pairs of reals (``view_as_real``), or one member of the pair (``real``, ``imag``)."""

    __slots__ = ("part",)

    def __init__(self, part=None):
        self.part = part

    def read(self, a):
        if self.part is None:
            return mx.stack([mx.real(a), mx.imag(a)], axis=-1)
        return mx.real(a) if self.part == 0 else mx.imag(a)

    def write(self, a, new):
        if self.part is None:
            return new[..., 0] + 1j * new[..., 1]
        return new + 1j * mx.imag(a) if self.part == 0 else mx.real(a) + 1j * new

    def layout(self, shape, strides, offset):
        doubled = tuple(2 * s for s in strides)
        if self.part is None:
            return (*shape, 2), (*doubled, 1), 2 * offset
        return tuple(shape), doubled, 2 * offset + self.part


class ComplexView(Step):
    """Pairs of reals as complex numbers (``view_as_complex``)."""

    __slots__ = ()

    def read(self, a):
        return a[..., 0] + 1j * a[..., 1]

    def write(self, a, new):
        return mx.stack([mx.real(new), mx.imag(new)], axis=-1)

    def pull(self, g, like):
        return self.write(like, g)

    def layout(self, shape, strides, offset):
        return tuple(shape[:-1]), tuple(s // 2 for s in strides[:-1]), offset // 2


class Conjugate(Step):
    """Lazy conjugation, which torch also gives as a view."""

    __slots__ = ()

    def read(self, a):
        return mx.conjugate(a)

    def write(self, a, new):
        return mx.conjugate(new)

    def pull(self, g, like):
        return mx.conjugate(g)

    def layout(self, shape, strides, offset):
        return tuple(shape), tuple(strides), offset


def viewed_strides(shape, strides, new_shape) -> tuple | None:
    """The strides under which a strided tensor can be seen as ``new_shape`` without a copy, None if it can not."""
    size = math.prod(shape)
    if size == 0:
        return row_major(new_shape) if tuple(shape) != tuple(new_shape) else tuple(strides)
    out = [0] * len(new_shape)
    view_d = len(new_shape) - 1
    chunk_base = strides[-1] if strides else 1
    length, covered = 1, 1
    for d in range(len(shape) - 1, -1, -1):
        length *= shape[d]
        if d == 0 or (shape[d - 1] != 1 and strides[d - 1] != length * chunk_base):
            while view_d >= 0 and (covered < length or new_shape[view_d] == 1):
                out[view_d] = covered * chunk_base
                covered *= new_shape[view_d]
                view_d -= 1
            if covered != length:
                return None
            if d > 0:
                chunk_base = strides[d - 1]
                length, covered = 1, 1
    if not shape:
        out = [1] * len(new_shape)
        view_d = -1
    return None if view_d != -1 else tuple(out)

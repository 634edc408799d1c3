"""The few array functions a scan is written in, for MLX and for numpy.

On the CPU numpy runs a scan many times faster than MLX: its transcendental functions are vectorised, a small operation costs
a microsecond, and nothing is queued. The mathematics of a cell is written once, over ``xp``, which is one of the two.
"""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .._core import lazy
from .._core.conversion import from_host
from .._core.errors import NeedsValues
from .._core.halves import wide
from .._core.modes import modes
from .._core.numerics.elementary import exp, sigmoid, tanh
from .._core.numerics.error import erf

# OpenBLAS starts its threads above about this many multiplications, which costs more than it gains in a scan
_ONE_THREAD = 1 << 19


class Mlx:
    """MLX's arrays."""

    tanh, sigmoid, exp = staticmethod(tanh), staticmethod(sigmoid), staticmethod(exp)
    where, abs, sign, sum = mx.where, mx.abs, mx.sign, mx.sum
    concatenate, stack, erf = mx.concatenate, mx.stack, staticmethod(erf)
    product = mx.matmul

    @staticmethod
    def turned(a):
        """The transpose of a matrix."""
        return a.T

    @staticmethod
    def positive(a):
        return (a > 0).astype(a.dtype)


class Numpy:
    """numpy's arrays."""

    tanh, exp = np.tanh, np.exp
    where, abs, sign, sum = np.where, np.abs, np.sign, np.sum
    concatenate, stack = np.concatenate, np.stack

    @staticmethod
    def sigmoid(a):
        return 0.5 + 0.5 * np.tanh(0.5 * a)

    @staticmethod
    def turned(a):
        """The transpose of a matrix, laid out as such: it is read at every step."""
        return np.ascontiguousarray(a.T)

    @staticmethod
    def positive(a):
        return (a > 0).astype(a.dtype)

    @staticmethod
    def product(a, b):
        """A matrix product; a step's small one stays on this thread."""
        rows = max(_ONE_THREAD // (b.shape[0] * b.shape[1] or 1), 1)
        if a.shape[0] <= rows or a.shape[0] > 4 * rows:
            return a @ b
        return np.concatenate([a[i : i + rows] @ b for i in range(0, a.shape[0], rows)])


_ALIGNED = 64


class Room:
    """Memory for the arrays of one scan, handed on to later scans when it is forgotten.

    Memory fresh from the system costs a page fault per 4 KiB: as much as the arithmetic of a small scan.
    """

    _idle: dict = {}
    _held = 0
    _LIMIT = 1 << 26
    # the collector may end a room while this thread ends another
    _lock = threading.RLock()

    def __init__(self):
        self._taken = []

    def empty(self, shape, kind) -> np.ndarray:
        """An array of any values, to be used no longer than this object lives."""
        # aligned for vector registers
        size = math.prod(shape) * np.dtype(kind).itemsize + _ALIGNED
        with Room._lock:
            stack = Room._idle.get(size)
            block = stack.pop() if stack else None
            if block is not None:
                Room._held -= size
        if block is None:
            block = np.empty(size, np.uint8)
        self._taken.append(block)
        start = -block.ctypes.data % _ALIGNED
        return block[start : size - _ALIGNED + start].view(kind).reshape(shape)

    def __del__(self):
        with Room._lock:
            for block in self._taken:
                if Room._held + block.nbytes > Room._LIMIT:
                    Room._idle.clear()
                    Room._held = 0
                if block.nbytes <= Room._LIMIT:
                    Room._idle.setdefault(block.nbytes, []).append(block)
                    Room._held += block.nbytes


class Hosted(NamedTuple):
    """What a scan computed on the CPU keeps for its gradient: a compiled one's run, or a record of one in numpy."""

    kept: object
    compiled: bool


def on_host(array: mx.array) -> np.ndarray:
    """An MLX array as numpy's; halves as float32."""
    if lazy.is_paused():
        raise NeedsValues("this scan was computed on the CPU, and its gradient can not be traced")
    return np.array(wide(array), copy=False)


def back(array: np.ndarray, like: mx.array) -> mx.array:
    """A numpy array as MLX's, in the dtype of another one."""
    # a dimension of one may keep a negative stride, which counts as contiguous but not for MLX
    made = from_host(array.copy() if min(array.strides, default=0) < 0 else np.ascontiguousarray(array))
    return made if made.dtype == like.dtype else made.astype(like.dtype)


def uses_host() -> bool:
    """Whether scans run in numpy: when there is no GPU to run them, and values are there to run them on."""
    return mx.default_device().type == mx.DeviceType.cpu and not lazy.is_paused()


def wants_gradient(tensors) -> bool:
    """Whether an operator on these tensors would be recorded."""
    return modes.grad and any(t._rg for t in tensors)


ROOT2 = math.sqrt(2.0)
ROOT2PI = math.sqrt(2.0 * math.pi)

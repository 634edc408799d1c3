"""Half precision as torch has it: an operator computes in single precision and rounds its result once."""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable

import mlx.core as mx
import numpy as np

HALVES = frozenset((mx.float16, mx.bfloat16))


def half_of(values):
    """The half precision that is among values, or None."""
    for a in values:
        if type(a) is mx.array:
            if a.dtype in HALVES:
                return a.dtype
        elif type(a) is list and (found := half_of(a)) is not None:
            return found
    return None


def wide(a):
    """An array (or None) in single precision at least."""
    return a.astype(mx.float32) if a is not None and a.dtype in HALVES else a


def widened(value):
    """Halves, also those in lists and tuples, as float32."""
    if type(value) is mx.array:
        return wide(value)
    if type(value) is list or type(value) is tuple:
        return type(value)(map(widened, value))
    return value


def narrowed(value, kind):
    """Single precision, also in lists and tuples, rounded to ``kind``."""
    if type(value) is mx.array:
        return value.astype(kind) if value.dtype == mx.float32 else value
    if type(value) is list or type(value) is tuple:
        return type(value)(narrowed(v, kind) for v in value)
    return value


def in_single(body: Callable) -> Callable:
    """A body of arrays and static arguments that gets halves as float32 and whose results are rounded to them."""

    @functools.wraps(body)
    def computed(*args):
        kind = half_of(args)
        return body(*args) if kind is None else narrowed(body(*map(widened, args)), kind)

    return computed


def rule_in_single(rule: Callable) -> Callable:
    """The same for the rule of a gradient."""

    def computed(gs, arrays, outs, node):
        kind = half_of(gs)
        if kind is None:
            return rule(gs, arrays, outs, node)
        return narrowed(rule(widened(list(gs)), widened(arrays), widened(outs), node), kind)

    return computed


@functools.lru_cache(maxsize=1024)
def holds(kind, number: float) -> bool:
    """Whether a half precision has a number exactly."""
    if kind == mx.float16:
        with np.errstate(over="ignore"):
            return float(np.float16(number)) == number
    try:
        bits = struct.unpack("<I", struct.pack("<f", number))[0]
    except OverflowError:
        return False
    return not bits & 0xFFFF and struct.unpack("<f", struct.pack("<f", number))[0] == number

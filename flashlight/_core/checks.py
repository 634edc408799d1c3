"""Index checks: host values are checked at once, pending device values at the next read of a value.

An index that is known on the host (made from Python or numpy data, loaded, or already read) is compared with the size before
the operator runs. A pending one is not forced: it is clamped, so nothing is ever read out of bounds, and the error is raised
when a value is next read, like an assertion of a GPU kernel. ``set_checks(True)`` forces pending indices instead.
"""

from __future__ import annotations

import os
import sys
import weakref

import mlx.core as mx
import numpy as np

from . import lazy
from .axes import holds_any

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

_known: dict[int, weakref.ref] = {}
_pending: list = []
_forced = False


def set_checks(force: bool) -> None:
    """Whether indices that are still being computed are evaluated to be checked at once."""
    global _forced
    _forced = bool(force)


def get_checks() -> bool:
    """Whether pending indices are forced."""
    return _forced


def know(a: mx.array) -> mx.array:
    """Note that reading this array costs nothing: it is host data or was evaluated."""
    key = id(a)
    if key not in _known:
        _known[key] = weakref.ref(a, lambda _ref: _known.pop(key, None))
    return a


def is_known(a: mx.array) -> bool:
    """Whether the array's values are on the host."""
    ref = _known.get(id(a))
    return ref is not None and ref() is a


def _asked_by() -> tuple:
    """(file, line) of the program that called the operator."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if not (file.startswith(_PACKAGE) or file.startswith("<operator")):
            break
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _late(error: BaseException, where: tuple) -> BaseException:
    """An error that is raised after the line it belongs to, with a note of that line."""
    if sys.version_info >= (3, 11):
        file, line = where
        error.add_note(f"asked for in {file}, line {line}; flashlight.set_checks(True) raises there")
    return error


def bounded(index: mx.array, size: int, error, lowest: int = 0) -> mx.array:
    """``index`` if all its values are in [lowest, size); ``error(value)`` makes the exception to raise."""
    if index.size == 0:
        return index
    if lazy.is_paused():
        return mx.clip(index, lowest, max(size - 1, lowest))
    # of nothing every index is out of range: there is no place to clamp it to
    if size and not (_forced or is_known(index)):
        bad = holds_any(mx.logical_or(index < lowest, index >= size))
        _pending.append((bad, index, size, lowest, error, _asked_by()))
        return mx.clip(index, lowest, max(size - 1, lowest))
    _raise_if_outside(index, size, lowest, error)
    return index


def _raise_if_outside(index, size, lowest, error) -> None:
    # the values are on the host, where numpy costs a tenth of submitting a reduction
    values = np.array(index, copy=False)
    low, high = int(values.min()), int(values.max())
    if low < lowest or high >= size:
        raise error(low if low < lowest else high)


def refuse(bad: mx.array, source: mx.array, error) -> None:
    """Raise ``error()`` if ``bad`` holds: at once if the values of ``source``, which it was made of, are on the host."""
    if lazy.is_paused():
        return
    if not (_forced or is_known(source)):
        _pending.append((bad, None, None, None, error, _asked_by()))
    elif bad.item():
        raise error()


def raise_pending() -> None:
    """Raise for a pending check that turned out to fail; called wherever a value is read."""
    if not _pending:
        return
    waiting = _pending[:]
    _pending.clear()
    for bad, index, size, lowest, error, where in waiting:
        if bad.item():
            if index is None:
                raise _late(error(), where)
            _raise_if_outside(index, size, lowest, lambda value, error=error, where=where: _late(error(value), where))

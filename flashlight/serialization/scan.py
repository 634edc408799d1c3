"""Looking at a pickle without making anything: which globals it names, which storages it asks for, where it ends."""

from __future__ import annotations

import pickletools
from typing import Any, BinaryIO, NamedTuple

from . import names

_MARK, _OPAQUE = object(), object()
_NUMBERS = {"BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4"}
_STRINGS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "BINSTRING", "STRING"}
_CONSTANTS = _NUMBERS | _STRINGS
_GETS, _PUTS = {"GET", "BINGET", "LONG_BINGET"}, {"PUT", "BINPUT", "LONG_BINPUT"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Global(NamedTuple):
    """A name found in a pickle."""

    module: str
    name: str


class Scan(NamedTuple):
    """What a pickle refers to; names are torch's."""

    globals: list[Global]
    persistent_ids: list[tuple]


class _Bounded:
    """A file that is never asked for more than it has, whatever length the data claims."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._size = file, size
        self.readline, self.tell = file.readline, file.tell

    def read(self, count: int) -> bytes:
        return self._file.read(min(count, max(self._size - self._file.tell(), 0)))


class _Machine:
    """Follows a pickle with placeholders for all values but constants, tuples and names."""

    def __init__(self):
        self.stack: list = []
        self.memo: dict[int, Any] = {}
        self.found = Scan([], [])

    def _to_mark(self) -> list:
        items = []
        while (top := self.stack.pop()) is not _MARK:
            items.append(top)
        return items[::-1]

    def step(self, op, arg) -> None:
        name, stack = op.name, self.stack
        if name in _CONSTANTS:
            stack.append(arg)
        elif name in _GETS:
            stack.append(self.memo.get(arg, _OPAQUE))
        elif name in _PUTS:
            self.memo[arg] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "TUPLE":
            stack.append(tuple(self._to_mark()))
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "NONE":
            stack.append(None)
        elif name in ("GLOBAL", "INST"):
            if name == "INST":
                self._to_mark()
            self._name(*arg.split(" ", 1))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            if isinstance(module, str) and isinstance(attribute, str):
                self._name(module, attribute)
            else:
                self._name("<computed>", "<computed>")
        elif name == "BINPERSID":
            pid = stack.pop()
            self.found.persistent_ids.append(pid if isinstance(pid, tuple) else ())
            stack.append(_OPAQUE)
        else:
            self._generic(op)

    def _name(self, module: str, attribute: str) -> None:
        found = Global(names.canonical(module), attribute)
        self.found.globals.append(found)
        self.stack.append(found)

    def _generic(self, op) -> None:
        """Any other opcode, by what the standard library says it takes and leaves."""
        before = [kind.name for kind in op.stack_before]
        if "mark" in before:
            self._to_mark()
            before = before[: before.index("mark")]
        for _ in before:
            self.stack.pop()
        self.stack.extend(_OPAQUE for _ in op.stack_after)


def scan(file: BinaryIO, size: int) -> Scan:
    """Follow one pickle of a file of ``size`` bytes; the file is left behind its STOP.

    Raises: ValueError or EOFError for data that is no pickle.
    """
    machine = _Machine()
    try:
        for op, arg, _position in pickletools.genops(_Bounded(file, size)):
            if op.name != "STOP":
                machine.step(op, arg)
    except (IndexError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a valid pickle ({type(error).__name__}: {error})") from None
    return machine.found

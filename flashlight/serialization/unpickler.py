"""The safe unpickler: a pickle machine that makes data, tensors and what an allow-list names, and calls nothing else.

It interprets the opcodes itself. The standard unpickler with a strict ``find_class`` is not enough: its ``BUILD``
would call ``__setstate__`` or set attributes on anything, its ``INST``/``OBJ``/``EXT`` opcodes have other ways to
classes, and ``REDUCE`` calls whatever is on the stack. Here every opcode that could run code asks the allow-list about
the exact object, opcodes torch's writer never uses do not exist, and no input makes the machine recurse or allocate
more than the file's own size.
"""

from __future__ import annotations

import codecs
import io
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError, decode_long
from struct import unpack
from typing import Any

from .allowlist import Allowlist, check_key
from .locations import as_text

_MAX_PROTOCOL = 5
_SETITEM_KINDS = (dict, OrderedDict, Counter)
_NAMES = {ord(op.code): op.name for op in pickletools.opcodes}


class _Passed(Exception):
    """Carries an error that is meant for the user as it is: the file is sound, something in it is not supported."""


def _refuse_persistent_load(_pid):
    raise UnpicklingError("a persistent id where no storage can be")


class SafeUnpickler:
    """Reads one pickle from bytes.

    Raises: UnpicklingError naming ``where`` for anything not on the allow-list and for damaged data.
    """

    def __init__(
        self,
        data: bytes,
        where: str,
        persistent_load: Callable[[tuple], Any] = _refuse_persistent_load,
        allow: Allowlist | None = None,
        encoding: str = "utf-8",
        errors: str = "strict",
    ):
        self._file = io.BytesIO(data)
        self._read = self._file.read
        self._where, self._persistent_load = where, persistent_load
        self.allow = Allowlist() if allow is None else allow
        if encoding != "bytes":
            codecs.lookup(encoding)
        self._encoding, self._errors = encoding, errors
        self.memo: dict[int, Any] = {}
        self._stack: list = []
        self._below: list[list] = []

    def load(self):
        """The object the pickle describes."""
        handlers, read = _HANDLERS, self._read
        try:
            while True:
                code = read(1)
                if not code:
                    raise UnpicklingError("the pickle ends before its STOP opcode (truncated file?)")
                handler = handlers.get(code[0])
                if handler is None:
                    if code == b".":
                        return self._stack.pop()
                    name = _NAMES.get(code[0])
                    raise UnpicklingError(f"the safe loader does not take the opcode {name or hex(code[0])}")
                handler(self)
        except _Passed as passed:
            raise passed.args[0] from None
        except UnpicklingError as error:
            raise UnpicklingError(f"Weights only load failed for {self._where}: {error}") from None
        except (IndexError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise UnpicklingError(
                f"Weights only load failed for {self._where}: not a valid pickle ({type(error).__name__}: {error})"
            ) from None

    # --------------------------------------------------------------------------------------------------------- reading
    def _take(self, count: int) -> bytes:
        data = self._read(count)
        if len(data) != count:
            raise UnpicklingError("the pickle ends in the middle of a value (truncated file?)")
        return data

    def _number(self, form: str, count: int) -> int:
        return unpack(form, self._take(count))[0]

    def _name_line(self) -> str:
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise UnpicklingError("the pickle ends in the middle of a name (truncated file?)")
        return line[:-1].decode("utf-8")

    def _pop_mark(self) -> list:
        items = self._stack
        if not self._below:
            raise UnpicklingError("a MARK is missing")
        self._stack = self._below.pop()
        return items

    def _old_string(self, data: bytes):
        return data if self._encoding == "bytes" else data.decode(self._encoding, self._errors)

    # ------------------------------------------------------------------------------------------ opcodes that could act
    def _asked(self, act: Callable, *args):
        try:
            return act(*args)
        except UnpicklingError:
            raise
        except NotImplementedError as error:
            named = self._where in str(error)
            raise _Passed(error if named else NotImplementedError(f"{self._where}: {error}")) from None
        except Exception as error:
            raise _Passed(error) from None

    def _global(self, module: str, name: str) -> None:
        if type(module) is not str or type(name) is not str:
            raise UnpicklingError("a global is named by two strings")
        self._stack.append(self._asked(self.allow.find, module, name))

    def global_line(self):
        self._global(self._name_line(), self._name_line())

    def stack_global(self):
        name, module = self._stack.pop(), self._stack.pop()
        self._global(module, name)

    def reduce(self):
        args, fn = self._stack.pop(), self._stack.pop()
        if type(args) is not tuple:
            raise UnpicklingError("the arguments of a call must be a tuple")
        self._stack.append(self._asked(self.allow.call, fn, args))

    def newobj(self):
        args, cls = self._stack.pop(), self._stack.pop()
        if type(args) is not tuple:
            raise UnpicklingError("the arguments of a new object must be a tuple")
        self._stack.append(self._asked(self.allow.new, cls, args))

    def build(self):
        state = self._stack.pop()
        self._asked(self.allow.build, self._stack[-1], state)

    def persistent(self):
        pid = self._stack.pop()
        if type(pid) is not tuple or not pid or type(pid[0]) not in (str, bytes):
            raise UnpicklingError("a persistent id must be a tuple that begins with a string")
        if as_text(pid[0]) not in ("storage", "module"):
            raise UnpicklingError(f"only storages have a persistent id, got {pid[0]!r:.80}")
        self._stack.append(self._asked(self._persistent_load, pid))

    # ------------------------------------------------------------------------------------------------------ containers
    def mark(self):
        self._below.append(self._stack)
        self._stack = []

    def pop(self):
        if self._stack:
            self._stack.pop()
        else:
            self._pop_mark()

    def dup(self):
        self._stack.append(self._stack[-1])

    def append(self):
        item = self._stack.pop()
        self._extend([item])

    def appends(self):
        self._extend(self._pop_mark())

    def _extend(self, items: list):
        target = self._stack[-1]
        if not self.allow.fills(target, (list,)):
            raise UnpicklingError(f"items are appended to a {type(target).__name__}")
        target.extend(items)

    def setitem(self):
        value, key = self._stack.pop(), self._stack.pop()
        self._update([key, value])

    def setitems(self):
        self._update(self._pop_mark())

    def _update(self, items: list):
        target = self._stack[-1]
        if not self.allow.fills(target, _SETITEM_KINDS):
            raise UnpicklingError(f"items are set in a {type(target).__name__}")
        if len(items) % 2:
            raise UnpicklingError("a dictionary item without a value")
        keys = items[::2]
        for key in keys:
            check_key(key)
        for key, value in zip(keys, items[1::2], strict=True):
            target[key] = value

    def additems(self):
        items, target = self._pop_mark(), self._stack[-1]
        if not self.allow.fills(target, (set,)):
            raise UnpicklingError(f"items are added to a {type(target).__name__}")
        for item in items:
            check_key(item)
        target.update(items)

    def frozenset(self):
        items = self._pop_mark()
        for item in items:
            check_key(item)
        self._stack.append(frozenset(items))

    def tuple_mark(self):
        items = tuple(self._pop_mark())
        self._stack.append(items)

    def _tuple(self, count: int):
        if len(self._stack) < count:
            raise UnpicklingError("the stack is too short for a tuple")
        self._stack[-count:] = [tuple(self._stack[-count:])]

    # ------------------------------------------------------------------------------------------------------------ memo
    def _get(self, key: int):
        if key not in self.memo:
            raise UnpicklingError(f"memo entry {key} does not exist")
        self._stack.append(self.memo[key])

    def _put(self, key: int):
        self.memo[key] = self._stack[-1]

    def memoize(self):
        self._put(len(self.memo))

    def proto(self):
        version = self._take(1)[0]
        if version > _MAX_PROTOCOL:
            raise UnpicklingError(f"pickle protocol {version} is not supported")


def _value(make: Callable[[], Any]):
    def handler(machine: SafeUnpickler):
        machine._stack.append(make())

    return handler


def _sized(form: str, count: int, finish: Callable[[SafeUnpickler, bytes], Any]):
    """An opcode followed by a length and that many bytes."""

    def handler(machine: SafeUnpickler):
        machine._stack.append(finish(machine, machine._take(machine._number(form, count))))

    return handler


def _fixed(form: str, count: int):
    def handler(machine: SafeUnpickler):
        machine._stack.append(machine._number(form, count))

    return handler


def _indexed(action: Callable[[SafeUnpickler, int], None], form: str, count: int):
    def handler(machine: SafeUnpickler):
        action(machine, machine._number(form, count))

    return handler


def _text(_machine, data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _plain(_machine, data: bytes) -> bytes:
    return data


_S = SafeUnpickler
_HANDLERS: dict[int, Callable[[SafeUnpickler], None]] = {
    ord(code): handler
    for code, handler in {
        "\x80": _S.proto,
        "\x95": lambda machine: machine._take(8),  # FRAME: a hint for buffering
        "N": _value(lambda: None),
        "\x88": _value(lambda: True),
        "\x89": _value(lambda: False),
        "]": _value(list),
        "}": _value(dict),
        ")": _value(tuple),
        "\x8f": _value(set),
        "K": _fixed("<B", 1),
        "M": _fixed("<H", 2),
        "J": _fixed("<i", 4),
        "G": _fixed(">d", 8),
        "\x8a": _sized("<B", 1, lambda _machine, data: decode_long(data)),
        "\x8b": _sized("<I", 4, lambda _machine, data: decode_long(data)),
        "X": _sized("<I", 4, _text),
        "\x8c": _sized("<B", 1, _text),
        "\x8d": _sized("<Q", 8, _text),
        "B": _sized("<I", 4, _plain),
        "C": _sized("<B", 1, _plain),
        "\x8e": _sized("<Q", 8, _plain),
        "\x96": _sized("<Q", 8, lambda _machine, data: bytearray(data)),
        "U": _sized("<B", 1, _S._old_string),
        "T": _sized("<I", 4, _S._old_string),
        "(": _S.mark,
        "0": _S.pop,
        "1": _S._pop_mark,
        "2": _S.dup,
        "a": _S.append,
        "e": _S.appends,
        "s": _S.setitem,
        "u": _S.setitems,
        "\x90": _S.additems,
        "\x91": _S.frozenset,
        "t": _S.tuple_mark,
        "\x85": lambda machine: machine._tuple(1),
        "\x86": lambda machine: machine._tuple(2),
        "\x87": lambda machine: machine._tuple(3),
        "h": _indexed(_S._get, "<B", 1),
        "j": _indexed(_S._get, "<I", 4),
        "q": _indexed(_S._put, "<B", 1),
        "r": _indexed(_S._put, "<I", 4),
        "\x94": _S.memoize,
        "c": _S.global_line,
        "\x93": _S.stack_global,
        "R": _S.reduce,
        "\x81": _S.newobj,
        "b": _S.build,
        "Q": _S.persistent,
    }.items()
}

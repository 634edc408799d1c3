"""torch._tensor_str: how tensors are printed."""

from __future__ import annotations

import contextlib

from ._core.printing import _values as values_text
from ._core.printing import options as PRINT_OPTS
from ._core.printing import set_printoptions


def _str(self, *, tensor_contents=None) -> str:
    """What ``repr`` gives of a tensor."""
    return self.__repr__(tensor_contents=tensor_contents)


def _tensor_str(self, indent: int) -> str:
    """The values as ``repr`` shows them, without name and suffixes, continued at ``indent`` blanks."""
    return values_text(self, indent)


def _add_suffixes(tensor_str: str, suffixes, indent: int, force_newline: bool) -> str:
    """``tensor_str`` closed by a parenthesis, with the suffixes on its line as far as they fit."""
    text, last = tensor_str, len(tensor_str) - tensor_str.rfind("\n") - 1
    for suffix in suffixes:
        if force_newline or last + len(suffix) + 2 > PRINT_OPTS.linewidth:
            text += ",\n" + " " * indent + suffix
            last, force_newline = indent + len(suffix), False
        else:
            text += ", " + suffix
            last += len(suffix) + 2
    return text + ")"


def _str_intern(inp, *, tensor_contents=None) -> str:
    """What ``repr`` gives of a tensor."""
    return _str(inp, tensor_contents=tensor_contents)


@contextlib.contextmanager
def printoptions(**kwargs):
    """``set_printoptions(**kwargs)`` for a while."""
    before = {
        name: getattr(PRINT_OPTS, name) for name in ("precision", "threshold", "edgeitems", "linewidth", "sci_mode")
    }
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)

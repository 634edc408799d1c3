"""Byte order of checkpoints: what the file says, and what is assumed where it says nothing."""

from __future__ import annotations

import sys
from enum import Enum

_default = None


class LoadEndianness(Enum):
    """The byte order assumed for a checkpoint without a byte order record."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order assumed for checkpoints that do not say theirs; None means little."""
    return _default


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order assumed for checkpoints that do not say theirs."""
    global _default
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _default = endianness


def stored_order(archive) -> str:
    """``little`` or ``big``, from an archive's record or the default."""
    if "byteorder" not in archive.entries:
        return {LoadEndianness.BIG: "big", LoadEndianness.NATIVE: sys.byteorder}.get(_default, "little")
    order = archive.read("byteorder")
    if order not in (b"little", b"big"):
        raise archive.damaged(f"{archive.root}/byteorder", "unknown byte order")
    return order.decode()

"""What ``load`` and ``save`` accept as a file: paths and file objects."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import BinaryIO


def is_path(f) -> bool:
    """Whether ``f`` names a file rather than being one."""
    return isinstance(f, (str, os.PathLike))


def describe(f) -> str:
    """How messages call a file."""
    if is_path(f):
        return os.fspath(f)
    name = getattr(f, "name", None)
    return name if isinstance(name, str) else f"<{type(f).__name__}>"


def _check_seekable(f) -> None:
    try:
        f.seek(f.tell())
    except (OSError, AttributeError) as error:  # UnsupportedOperation is an OSError
        raise type(error)(
            f"{error}. You can only load from a file that is seekable: read the data into a buffer like io.BytesIO "
            "and load from that"
        ) from None


@contextlib.contextmanager
def reading(f) -> Iterator[BinaryIO]:
    """``f`` opened for reading; a file object is used from where it stands."""
    if is_path(f):
        with open(f, "rb") as file:
            yield file
        return
    _check_seekable(f)
    if not callable(getattr(f, "read", None)):
        raise AttributeError(f"'{type(f).__name__}' object has no attribute 'read'")
    start = f.tell()
    try:
        f.seek(0, 2)
        f.seek(start)
    except (ValueError, OSError):  # a compressed stream does not know its end
        f.seek(start)
        yield io.BytesIO(f.read())
        return
    yield f


def starts_with(file: BinaryIO, signature: bytes) -> bool:
    """Whether the file continues with ``signature``; its position stays."""
    start = file.tell()
    found = file.read(len(signature)) == signature
    file.seek(start)
    return found

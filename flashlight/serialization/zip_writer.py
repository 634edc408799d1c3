"""The zip layout of torch's writer: stored entries, 64-byte aligned, streamed without seeking.

Readers of torch files may compute where an entry starts instead of looking (torch's ``calculate_storage_offsets``), so
the headers, the padding and the trailing data descriptors are those torch's own writer produces.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable

ALIGNMENT = 64
_MAX32 = 0xFFFFFFFF
_UTF8, _DESCRIPTOR = 0x0800, 0x0008


def _zip64(*values: int) -> bytes:
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""


class ZipWriter:
    """Writes records one after the other to ``write``; ``close`` adds torch's version records and the directory."""

    def __init__(self, write: Callable[[bytes], object], root: str, checksums: bool = True):
        self._write, self._root, self._checksums = write, root, checksums
        self._at = 0
        self._directory: list[bytes] = []
        self._identity = hashlib.sha256()

    def _put(self, data) -> None:
        view = memoryview(data).cast("B")
        while len(view):
            # a raw stream may take less than it is given
            taken = self._write(view)
            view = view[taken:] if isinstance(taken, int) else view[len(view) :]

    def add(self, name: str, data) -> None:
        """Write a record from any contiguous buffer."""
        data = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        size, start, path = len(data), self._at, f"{self._root}/{name}".encode()
        crc = zlib.crc32(data) if self._checksums else 0
        flags = _UTF8 | (_DESCRIPTOR if size else 0)
        large, far = size >= _MAX32, start >= _MAX32
        extra = _zip64(*([size, size] if large else []), *([start] if far else []))
        # the local header always holds both sizes when it holds one
        local = _zip64(*([size, 0] if large else []), *([start] if far else []))
        padding = -(start + 30 + len(path) + 4 + len(local)) % ALIGNMENT
        local += b"FB" + struct.pack("<H", padding) + b"Z" * padding
        self._put(
            struct.pack("<4s5H3I2H", b"PK\x03\x04", 0, flags, 0, 0, 0, 0, 0, 0, len(path), len(local)) + path + local
        )
        self._put(data)
        self._at += 30 + len(path) + len(local) + size
        if size:
            tail = struct.pack("<4sI" + ("QQ" if large or far else "II"), b"PK\x07\x08", crc, size, size)
            self._put(tail)
            self._at += len(tail)
        shown, offset = min(size, _MAX32), min(start, _MAX32)
        self._directory.append(
            struct.pack(
                "<4s6H3I5H2I",
                b"PK\x01\x02",
                0,
                0,
                flags,
                0,
                0,
                0,
                crc,
                shown,
                shown,
                len(path),
                len(extra),
                0,
                0,
                0,
                0,
                offset,
            )
            + path
            + extra
        )
        self._identity.update(struct.pack("<QI", len(path), crc) + path)

    def close(self) -> None:
        """Write the version, the identity of the contents and the directory."""
        self.add("version", b"3\n")
        self.add(".data/serialization_id", f"{int(self._identity.hexdigest(), 16) % 10**40:040d}".encode())
        start, directory, count = self._at, b"".join(self._directory), len(self._directory)
        end = start + len(directory)
        self._put(
            directory
            + struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 0x031E, 45, 0, 0, count, count, len(directory), start)
            + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
            + struct.pack(
                "<4s4H2IH",
                b"PK\x05\x06",
                0,
                0,
                min(count, 0xFFFF),
                min(count, 0xFFFF),
                min(len(directory), _MAX32),
                min(start, _MAX32),
                0,
            )
        )

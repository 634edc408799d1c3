"""Reading torch's zip files: every entry is checked against the directory before a byte of it is used."""

from __future__ import annotations

import io
import itertools
import mmap
import struct
import zipfile
import zlib
from typing import BinaryIO, NamedTuple

import numpy as np

_MIN_VERSION, _MAX_VERSION = 1, 10


class Entry(NamedTuple):
    """Where a stored record lies in the file."""

    offset: int
    size: int
    crc: int


class _Tail(io.RawIOBase):
    """A file from its current position on, for archives that do not start at 0."""

    def __init__(self, file: BinaryIO):
        self._file, self._start = file, file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset + self._start if whence == 0 else offset, whence) - self._start

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def readinto(self, buffer) -> int:
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class ZipReader:
    """The records of a torch archive.

    Raises: RuntimeError naming the file, and the entry where there is one, for anything torch's writer would not have
    produced: a missing or damaged directory, compressed, encrypted, duplicate or overlapping entries, unsafe names.
    """

    def __init__(self, file: BinaryIO, name: str):
        self._name = name
        self._file = _Tail(file) if file.tell() else file
        try:
            with zipfile.ZipFile(self._file) as archive:
                infos, end = archive.infolist(), archive.start_dir
        except (zipfile.BadZipFile, struct.error, ValueError, OverflowError, EOFError, NotImplementedError) as error:
            raise RuntimeError(f"failed reading zip archive {name}: {error} (truncated or corrupt file?)") from None
        if not infos:
            raise self.damaged("", "the archive is empty")
        self.root = infos[0].filename.split("/")[0]
        self.entries = self._checked(infos, end)
        self.version = self._read_version()

    def damaged(self, entry: str, why: str) -> RuntimeError:
        """The error for an entry that cannot be used."""
        return RuntimeError(f"failed reading {self._name}{f', entry {entry!r}' if entry else ''}: {why}")

    def _checked(self, infos, end: int) -> dict[str, Entry]:
        entries, spans = {}, []
        for info in infos:
            path = info.orig_filename
            self._check_name(path, info.filename)
            if info.flag_bits & 0x1:
                raise self.damaged(path, "encrypted entries are not supported")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise self.damaged(
                    path, "compressed entries are not supported: save the checkpoint again with torch.save"
                )
            name = path[len(self.root) + 1 :]
            if name in entries:
                raise self.damaged(path, "the entry is there twice")
            if not 0 <= info.header_offset < end:
                raise self.damaged(path, "no local header where the directory says (truncated or corrupt file?)")
            start = self._data_offset(info)
            if start + info.file_size > end:
                raise self.damaged(path, "the entry reaches beyond the data (truncated or corrupt file?)")
            entries[name] = Entry(start, info.file_size, info.CRC)
            spans.append((info.header_offset, start + info.file_size, path))
        spans.sort()
        for before, after in itertools.pairwise(spans):
            if before[1] > after[0]:
                raise self.damaged(after[2], f"the entry overlaps {before[2]!r}")
        return entries

    def _check_name(self, path: str, cleaned: str) -> None:
        parts = path.split("/")
        if path != cleaned or "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
            raise self.damaged(path, "unsafe entry name")
        if len(parts) < 2 or parts[0] != self.root:
            raise self.damaged(path, f"the entry is not in the folder {self.root!r} as torch writes it")

    def _data_offset(self, info) -> int:
        self._file.seek(info.header_offset)
        header = self._file.read(30)
        if len(header) != 30 or header[:4] != b"PK\x03\x04":
            raise self.damaged(
                info.orig_filename, "no local header where the directory says (truncated or corrupt file?)"
            )
        name_size, extra_size = struct.unpack("<HH", header[26:])
        stored = self._file.read(name_size)
        if stored != info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437"):
            raise self.damaged(info.orig_filename, "the local header has another name")
        return info.header_offset + 30 + name_size + extra_size

    def _read_version(self) -> int:
        name = ".data/version" if ".data/version" in self.entries else "version"
        text = self.read(name)
        if not text.strip().isdigit() or len(text) > 8:
            raise self.damaged(name, "not a file format version")
        version = int(text)
        if not _MIN_VERSION <= version <= _MAX_VERSION:
            raise self.damaged(
                name, f"file format version {version} is not supported (only {_MIN_VERSION} to {_MAX_VERSION} are)"
            )
        return version

    def find(self, name: str) -> Entry:
        """The place of a record."""
        entry = self.entries.get(name)
        if entry is None:
            raise self.damaged(f"{self.root}/{name}", "file not found in the archive")
        return entry

    def read(self, name: str) -> bytes:
        """A record, checked against its checksum."""
        return self.array(name).tobytes()

    def array(self, name: str) -> np.ndarray:
        """A record as a uint8 array, checked against its checksum."""
        entry = self.find(name)
        out = np.empty(entry.size, dtype=np.uint8)
        self._file.seek(entry.offset)
        filled = _fill(self._file, memoryview(out))
        if filled != entry.size:
            raise self.damaged(f"{self.root}/{name}", f"expected {entry.size} bytes, found {filled} (truncated file?)")
        return self._checked_sum(name, entry, out)

    def mapped(self, name: str, mapping: mmap.mmap) -> np.ndarray:
        """A record as a uint8 view of the mapped file, checked against its checksum."""
        entry = self.find(name)
        return self._checked_sum(
            name, entry, np.frombuffer(mapping, dtype=np.uint8, count=entry.size, offset=entry.offset)
        )

    def _checked_sum(self, name: str, entry: Entry, raw: np.ndarray) -> np.ndarray:
        # torch leaves the field 0 when told not to compute checksums
        if entry.crc and zlib.crc32(raw) != entry.crc:
            raise self.damaged(f"{self.root}/{name}", "checksum mismatch: the data is corrupt")
        return raw


def _fill(file: BinaryIO, view: memoryview) -> int:
    """Read until ``view`` is full or the file ends; the number of bytes read."""
    done = 0
    direct = isinstance(file, (io.FileIO, io.BufferedReader, io.BytesIO))
    while done < len(view):
        if direct:
            count = file.readinto(view[done:])
        else:
            # bounded pieces: any other file object may allocate what it is asked for before it looks
            piece = file.read(min(len(view) - done, 1 << 26))
            count = len(piece)
            view[done : done + count] = piece
        if not count:
            break
        done += count
    return done

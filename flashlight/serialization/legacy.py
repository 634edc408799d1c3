"""The format of torch before 1.6: pickles one after the other in a plain file, then the storages' bytes."""

from __future__ import annotations

import struct
import sys
from pickle import UnpicklingError
from typing import BinaryIO

import numpy as np

from .records import Options, Storages, unpickle
from .scan import Scan, scan
from .storage import storage_type
from .unpickler import SafeUnpickler

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def system_info() -> dict:
    """The record about the writing machine that the format asks for."""
    sizes = {"short": struct.calcsize("=h"), "int": struct.calcsize("=i"), "long": struct.calcsize("=l")}
    return {"protocol_version": PROTOCOL, "little_endian": sys.byteorder == "little", "type_sizes": sizes}


class _Reader:
    """The pickles of a legacy file, taken off one by one; nothing is made before all of the file has been checked."""

    def __init__(self, file: BinaryIO, name: str):
        self.file, self.name = file, name
        start = file.tell()
        self.size = file.seek(0, 2)
        file.seek(start)

    def take(self, part: str) -> tuple[bytes, Scan]:
        """The bytes of the next pickle and what it refers to."""
        start = self.file.tell()
        if start >= self.size:
            raise EOFError(f"{self.name} ends before its {part} (empty or truncated file?)")
        try:
            found = scan(self.file, self.size)
        except EOFError as error:
            raise EOFError(f"{self.name}: {part}: {error}") from None
        except ValueError as error:
            raise UnpicklingError(f"{self.name}: the {part} cannot be read: {error}") from None
        end = self.file.tell()
        self.file.seek(start)
        return self.file.read(end - start), found

    def plain(self, part: str):
        """The next pickle, which holds built-in values only."""
        data, found = self.take(part)
        if found.globals or found.persistent_ids:
            raise UnpicklingError(f"{self.name}: the {part} is not plain data")
        return SafeUnpickler(data, f"{self.name} ({part})").load()


def _check_header(reader: _Reader) -> bool:
    """Whether the file's numbers are little-endian; raises for anything that is no torch file."""
    head = reader.file.read(512)
    reader.file.seek(-len(head), 1)
    if head[257:262] == b"ustar":
        raise RuntimeError(
            f"{reader.name} is in the .tar format of torch 0.1, which is not supported: load and save it with torch"
        )
    if reader.plain("magic number") != MAGIC:
        raise RuntimeError(f"{reader.name}: Invalid magic number; corrupt file?")
    version = reader.plain("protocol version")
    if version != PROTOCOL:
        raise RuntimeError(
            f"{reader.name}: Invalid protocol version: {version if type(version) is int else 'not a number'}"
        )
    info = reader.plain("system information")
    if type(info) is not dict:
        raise UnpicklingError(f"{reader.name}: the system information is not a dict")
    return info.get("little_endian") is not False


def _item_sizes(reader: _Reader, found: Scan) -> dict[str, int]:
    sizes = {}
    for pid in found.persistent_ids:
        if len(pid) > 2 and pid[0] == "storage":
            kind = storage_type(*pid[1]) if isinstance(pid[1], tuple) and len(pid[1]) == 2 else None
            if kind is None:
                raise UnpicklingError(f"{reader.name}: a storage of an unknown type")
            sizes.setdefault(str(pid[2]), kind.itemsize)
    return sizes


def _locate(reader: _Reader, keys, item_sizes: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Where each storage's bytes lie, (offset, count); raises if the file ends before the last of them."""
    if type(keys) is not list or any(type(key) not in (str, int) for key in keys):
        raise UnpicklingError(f"{reader.name}: the list of storages is not a list of names")
    places, at = {}, reader.file.tell()
    for key in map(str, keys):
        if key not in item_sizes or key in places:
            raise UnpicklingError(
                f"{reader.name}: storage {key[:80]!r} is listed but belongs to no tensor, or listed twice"
            )
        reader.file.seek(at)
        head = reader.file.read(8)
        numel = struct.unpack("<q", head)[0] if len(head) == 8 else -1
        count = numel * item_sizes[key]
        if numel < 0 or at + 8 + count > reader.size:
            raise RuntimeError(
                f"{reader.name}, storage {key[:80]!r}: unexpected end of file (truncated or corrupt file?)"
            )
        places[key] = at + 8, count
        at += 8 + count
    reader.file.seek(at)
    return places


def load_legacy(file: BinaryIO, name: str, options: Options):
    """Read one checkpoint from the file's position on and leave the file behind it."""
    reader = _Reader(file, name)
    little_endian = _check_header(reader)
    data, found = reader.take("pickle")
    keys = reader.plain("list of storages")
    places = _locate(reader, keys, _item_sizes(reader, found))
    end = file.tell()

    def fetch(key: str, nbytes: int):
        if key not in places:
            raise RuntimeError(f"{name}, storage {key[:80]!r}: the file does not hold it (truncated or corrupt file?)")
        at, count = places[key]
        if count != nbytes:
            raise RuntimeError(f"{name}, storage {key[:80]!r}: expected {nbytes} bytes, the file has {count}")

        def read() -> np.ndarray:
            file.seek(at)
            return np.frombuffer(file.read(count), dtype=np.uint8)

        return read

    storages = Storages(name, options.map_location, fetch, big_endian=not little_endian)

    def persistent_load(pid: tuple):
        if pid[0] in ("module", b"module"):
            # (class, source file, source): the class has been through the allow-list like any other name
            return pid[1]
        if len(pid) != 6:
            raise UnpicklingError("a persistent id must be (storage, type, key, location, number of elements, view)")
        storage = storages.get(*pid[1:5])
        if pid[5] is None:
            return storage
        raise NotImplementedError(f"{name}: views of storages (torch before 0.4) are not supported")

    result = unpickle(data, name, options, persistent_load, storages)
    file.seek(end)
    return result


def write_header(write, pickle_module, protocol: int) -> None:
    """The three pickles every legacy file begins with."""
    for value in (MAGIC, PROTOCOL, system_info()):
        write(pickle_module.dumps(value, protocol=protocol))


def write_storages(write, table, pickle_module, protocol: int) -> None:
    """The list of storages, then each as its number of elements and its bytes."""
    keys = sorted(table.by_key)
    write(pickle_module.dumps(keys, protocol=protocol))
    for key in keys:
        storage = table.by_key[key]
        write(struct.pack("<q", storage.count))
        write(memoryview(storage.data()))

"""The zip format of torch 1.6 and later: ``data.pkl`` and one entry per storage."""

from __future__ import annotations

import io
import mmap
from pickle import UnpicklingError
from typing import BinaryIO

from .endianness import stored_order
from .records import Options, Storages, unpickle
from .scan import scan
from .zip_reader import ZipReader

SIGNATURE = b"PK\x03\x04"


def open_archive(file: BinaryIO, name: str) -> ZipReader:
    """A torch.save archive. Raises: RuntimeError for one of TorchScript, which holds a program."""
    archive = ZipReader(file, name)
    if "constants.pkl" in archive.entries:
        raise RuntimeError(
            f"{name} is a TorchScript archive (torch.jit.save): it holds a compiled program, which is not supported. "
            "Load it with torch and save its state_dict()"
        )
    return archive


def load_zip(file: BinaryIO, name: str, options: Options, path: str | None = None):
    """Read a checkpoint; with ``path`` the storages are mapped from it and read when they are touched."""
    archive = open_archive(file, name)
    big = stored_order(archive) == "big"
    mapping = None
    if path is not None:
        with open(path, "rb") as again:
            mapping = mmap.mmap(again.fileno(), 0, access=mmap.ACCESS_READ)

    def fetch(key: str, nbytes: int):
        entry = f"data/{key}"
        found = archive.find(entry)
        if found.size != nbytes:
            raise archive.damaged(f"{archive.root}/{entry}", f"expected {nbytes} bytes, the entry has {found.size}")

        return lambda: archive.array(entry) if mapping is None else archive.mapped(entry, mapping)

    storages = Storages(name, options.map_location, fetch, big_endian=big, lazy=mapping is not None)

    def persistent_load(pid: tuple):
        if len(pid) != 5 or pid[0] not in ("storage", b"storage"):
            raise UnpicklingError("a persistent id must be (storage, type, key, location, number of elements)")
        return storages.get(*pid[1:])

    return unpickle(
        archive.read("data.pkl"), f"{name}, entry '{archive.root}/data.pkl'", options, persistent_load, storages
    )


def globals_of(file: BinaryIO, name: str) -> set[str]:
    """The dotted names that the pickle of an archive refers to."""
    data = open_archive(file, name).read("data.pkl")
    return {f"{module}.{attribute}" for module, attribute in scan(io.BytesIO(data), len(data)).globals}

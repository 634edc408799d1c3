"""What the two formats share: persistent ids become storages, and one of two unpicklers runs."""

from __future__ import annotations

import io
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np

from . import bridge, names
from .allowlist import Allowlist
from .locations import as_text, restorer
from .storage import Storage, StorageType
from .unpickler import SafeUnpickler


class Options(NamedTuple):
    """How the caller of ``load`` wants a checkpoint read; ``pickle_module`` is None for the safe loader."""

    map_location: Any
    pickle_module: Any
    arguments: dict


class Storages:
    """The storages of one checkpoint, by key; ``fetch(key, nbytes)`` gives the function that reads one."""

    def __init__(
        self,
        where: str,
        map_location,
        fetch: Callable[[str, int], Callable[[], np.ndarray]],
        big_endian: bool = False,
        lazy: bool = False,
    ):
        self._where, self._restore, self._fetch = where, restorer(map_location), fetch
        self._flags = {"big_endian": big_endian, "lazy": lazy}
        self.by_key: dict[str, Storage] = {}

    def get(self, kind, key, location, numel) -> Storage:
        """The storage a persistent id names. Raises: UnpicklingError if the id is malformed."""
        if not isinstance(kind, StorageType):
            raise UnpicklingError("a persistent id must name a storage type")
        if type(key) is int and abs(key) < 2**64:  # torch before 0.4
            key = str(key)
        if type(key) is not str or type(location) not in (str, bytes) or type(numel) is not int or numel < 0:
            raise UnpicklingError("a persistent id must be (type, key, location, number of elements)")
        entry = f"{self._where}, storage {key[:80]!r}"
        if kind.is_quantized:
            raise NotImplementedError(f"{entry}: quantized tensors ({kind!r}) are not supported")
        known = self.by_key.get(key)
        if known is not None:
            if known.nbytes() != numel * kind.itemsize:
                raise UnpicklingError(f"{entry} is given two sizes")
            return known
        read = self._fetch(key, numel * kind.itemsize)
        storage = Storage(kind, numel, read, entry, **self._flags)
        self.by_key[key] = storage = self._restore(storage, as_text(location))
        return storage


def unpickle(data: bytes, where: str, options: Options, persistent_load: Callable[[tuple], Any], storages: Storages):
    """Run the safe loader, or the given pickle module's with torch's names resolved to ours."""
    if options.pickle_module is None:
        machine = SafeUnpickler(data, where, persistent_load, Allowlist(), **options.arguments)
        result = machine.load()
        foreign_code = machine.allow.has_foreign_code
        del machine
    else:
        kind = _full_unpickler(options.pickle_module, persistent_load)
        result, foreign_code = kind(io.BytesIO(data), **options.arguments).load(), True
    for storage in storages.by_key.values():
        storage.settle()
    if not foreign_code:
        bridge.release(storages.by_key.values())
    return result


def _full_unpickler(pickle_module, load_storage):
    class Unpickler(pickle_module.Unpickler):
        """Any pickle; runs whatever code the file names."""

        def persistent_load(self, pid):
            if not isinstance(pid, tuple) or not pid or as_text(pid[0]) not in ("storage", "module"):
                raise UnpicklingError("only storages have a persistent id")
            return load_storage(pid)

        def find_class(self, module, name):
            found = names.any_object(module, name)
            return super().find_class(names.own_module(module), name) if found is None else found

    return Unpickler

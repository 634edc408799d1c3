"""``load`` and ``save``: torch's signatures over both of torch's formats and safetensors."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from .allowlist import Allowlist
from .archive import SIGNATURE, globals_of, load_zip
from .atomic import replacing
from .files import describe, is_path, reading, starts_with
from .legacy import load_legacy, write_header, write_storages
from .locations import MapLocation
from .pickler import StorageTable, dump, pickler_class
from .records import Options
from .safe import is_index, is_safetensors, load_file, load_sharded, save_file
from .zip_writer import ALIGNMENT, ZipWriter

FileLike = str | os.PathLike | BinaryIO
DEFAULT_PROTOCOL = 2
_SAFE_ARGUMENTS = {"encoding", "errors"}
_checksums = True


def get_crc32_options() -> bool:
    """Whether `save` writes checksums."""
    return _checksums


def set_crc32_options(compute_crc32: bool) -> None:
    """Whether `save` computes and writes a checksum for every entry; without them damage goes unnoticed."""
    global _checksums
    _checksums = bool(compute_crc32)


# ------------------------------------------------------------------------------------------------------------ loading
def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "0").lower() in ("1", "y", "yes", "true")


def _weights_only(asked: bool | None, pickle_module) -> bool:
    """What ``weights_only`` comes to, with torch's two environment variables."""
    force, force_not = _is_set("TORCH_FORCE_WEIGHTS_ONLY_LOAD"), _is_set("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    if force and force_not:
        raise RuntimeError(
            "only one of TORCH_FORCE_WEIGHTS_ONLY_LOAD and TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD may be set, but both are"
        )
    if force:
        return True
    if asked is None and force_not:
        warnings.warn(
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set: loading with weights_only=False, which runs code from the file",
            UserWarning,
            stacklevel=3,
        )
        return False
    return pickle_module is None if asked is None else bool(asked)


def _options(map_location, pickle_module, weights_only: bool | None, arguments: dict) -> Options:
    arguments = {"encoding": "utf-8", **arguments}
    if not _weights_only(weights_only, pickle_module):
        return Options(map_location, pickle if pickle_module is None else pickle_module, arguments)
    if pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    unknown = sorted(set(arguments) - _SAFE_ARGUMENTS)
    if unknown:
        raise TypeError(f"load() got arguments that only weights_only=False takes: {', '.join(unknown)}")
    return Options(map_location, None, arguments)


def load(
    f: FileLike,
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Load what ``torch.save``, `save` or a safetensors writer wrote.

    Safe by default: only tensors, built-in containers and layers of this library are made, and no code from the file
    runs.

    Args:
        f: a path or a seekable file object. Paths ending in ``.safetensors`` and ``.index.json`` (a sharded
            checkpoint) are read as such.
        map_location: the device labels for the loaded tensors: one device, a dict from labels in the file, or a
            function of (storage, label in the file).
        pickle_module: the module to unpickle with; only with ``weights_only=False``.
        weights_only: False loads any pickle and runs whatever code it names: for files you trust only.
        mmap: read each tensor from the file when it is first used; needs a path and torch's zip format or safetensors.

    Raises: UnpicklingError naming what the safe loader does not make; RuntimeError naming file and entry for truncated
        or corrupt files; nothing is returned of a file that is not whole.
    """
    options = _options(map_location, pickle_module, weights_only, pickle_load_args)
    if is_path(f) and is_index(f):
        return load_sharded(
            os.fspath(f),
            lambda shard: load(
                shard, map_location, pickle_module, weights_only=weights_only, mmap=mmap, **pickle_load_args
            ),
        )
    if is_path(f) and is_safetensors(f):
        if pickle_module is not None:
            raise ValueError("pickle_module has no meaning for safetensors files")
        return load_file(f, map_location, mmap=bool(mmap))
    with reading(f) as file:
        if starts_with(file, SIGNATURE):
            if mmap and not is_path(f):
                raise ValueError("f must be a file path in order to use the mmap argument")
            return load_zip(file, describe(f), options, os.fspath(f) if mmap else None)
        if mmap:
            raise RuntimeError(
                f"mmap can only be used with files in torch's zip format, {describe(f)} is not: save it again without "
                "_use_new_zipfile_serialization=False"
            )
        return load_legacy(file, describe(f), options)


def get_unsafe_globals_in_checkpoint(f: FileLike) -> list[str]:
    """The names in a checkpoint that the safe loader would refuse as things stand; nothing is loaded."""
    with reading(f) as file:
        if not starts_with(file, SIGNATURE):
            raise ValueError("Expected input to be a checkpoint returned by torch.save")
        allowed = Allowlist()
        return sorted(path for path in globals_of(file, describe(f)) if not allowed.permits(path))


# ------------------------------------------------------------------------------------------------------------- saving
def save(
    obj: object,
    f: FileLike,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Save an object in the format of ``torch.save``; PyTorch reads it, tensors with ``weights_only=True``.

    A path appears complete or not at all. Tensors that share storage share it in the file. A path ending in
    ``.safetensors`` takes a dict of tensors.

    Raises: RuntimeError if the folder does not exist, or tensors view one storage as different dtypes.
    """
    if not is_path(f) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    if is_path(f) and is_safetensors(f):
        save_file(obj, f)
        return
    pickler_class(pickle_module)
    if _use_new_zipfile_serialization:
        write_archive(obj, f, pickle_module, pickle_protocol, say_byte_order=not _disable_byteorder_record)
        return
    table, pickled = StorageTable(), io.BytesIO()
    dump(obj, pickled, pickle_module, pickle_protocol, table, legacy=True)
    with _writing(f) as file:
        write_header(file.write, pickle_module, pickle_protocol)
        file.write(pickled.getvalue())
        write_storages(file.write, table, pickle_module, pickle_protocol)


@contextlib.contextmanager
def _writing(f: FileLike) -> Iterator[BinaryIO]:
    if not is_path(f):
        yield f
        if hasattr(f, "flush"):
            f.flush()
        return
    folder = os.path.dirname(os.path.realpath(os.fspath(f)))
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    with replacing(f) as file:
        yield file


def _root(f: FileLike) -> str:
    """The folder inside the archive: the file's own name, as torch's writer has it."""
    stem = os.path.basename(os.fspath(f)).rsplit(".", 1)[0] if is_path(f) else ""
    return stem if stem and stem.isascii() and stem.isprintable() and not set(stem) & set("/\\") else "archive"


def write_archive(
    obj: object,
    f: FileLike,
    pickle_module: Any = pickle,
    protocol: int = DEFAULT_PROTOCOL,
    say_byte_order: bool = True,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Write torch's zip format; ``progress`` is called with the bytes of each storage."""
    table, pickled = StorageTable(), io.BytesIO()
    dump(obj, pickled, pickle_module, protocol, table, legacy=False)
    with _writing(f) as file:
        archive = ZipWriter(file.write, _root(f), _checksums)
        archive.add("data.pkl", pickled.getvalue())
        archive.add(".format_version", b"1")
        archive.add(".storage_alignment", str(ALIGNMENT).encode())
        if say_byte_order:
            archive.add("byteorder", b"little")
        for key, storage in table.by_key.items():
            data = storage.data()
            archive.add(f"data/{key}", data)
            if progress is not None:
                progress(data.nbytes)
        archive.close()

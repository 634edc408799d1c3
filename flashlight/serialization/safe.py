"""safetensors files, one or sharded as Hugging Face writes them."""

from __future__ import annotations

import json
import mmap as mapping
import os
import re
import struct
from collections.abc import Callable, Mapping

import numpy as np
from safetensors import SafetensorError, safe_open

from .._core import dtypes
from .._core.steps import row_major
from .._core.tensor import Tensor
from . import bridge
from .atomic import replacing
from .files import is_path
from .locations import MapLocation, restorer
from .storage import Storage, storage_type_of

_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
_CODES = {name: code for code, name in _DTYPES.items()}
_INDEX_SUFFIX = ".index.json"
_HEADER_LIMIT = 100_000_000


def is_safetensors(path: str | os.PathLike) -> bool:
    """Whether a path is read as safetensors, by its suffix."""
    return os.fsdecode(path).endswith(".safetensors")


def is_index(path: str | os.PathLike) -> bool:
    """Whether a path is the index of a sharded checkpoint, by its suffix."""
    return os.fsdecode(path).endswith(_INDEX_SUFFIX)


# ------------------------------------------------------------------------------------------------------------ loading
def _header(path: str) -> tuple[dict, int]:
    """The checked table of contents of a file and where its data begins."""
    try:
        # the library checks the header against the file: names, shapes, and offsets that tile the data without gaps
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        raise RuntimeError(f"failed reading {path}: {error} (truncated or corrupt file?)") from None
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        if size > _HEADER_LIMIT:
            raise RuntimeError(f"failed reading {path}: the header is too large")
        return json.loads(file.read(size)), 8 + size


def load_metadata(filename: str | os.PathLike) -> dict[str, str]:
    """The text a safetensors file carries beside its tensors."""
    return _header(os.fspath(filename))[0].get("__metadata__", {})


def load_file(filename: str | os.PathLike, device: MapLocation = "cpu", *, mmap: bool = False) -> dict[str, Tensor]:
    """Load a safetensors file, or all files of a sharded checkpoint from its ``.index.json``.

    Args:
        device: the label of the tensors, or anything ``map_location`` of `load` takes.
        mmap: read each tensor when it is first used.

    Raises: RuntimeError naming the file (and tensor) for truncated or corrupt files and unsupported dtypes;
        FileNotFoundError naming a missing shard.
    """
    path = os.fspath(filename)
    if is_index(path):
        return load_sharded(path, lambda shard: load_file(shard, device, mmap=mmap))
    header, start = _header(path)
    restore = restorer(device)
    header.pop("__metadata__", None)
    with open(path, "rb") as file:
        view = mapping.mmap(file.fileno(), 0, access=mapping.ACCESS_READ)
    order = sorted(header, key=lambda name: header[name]["data_offsets"])
    found = {name: _tensor(path, name, header[name], start, view, restore, mmap) for name in order}
    return {name: found[name] for name in header}


def _tensor(path: str, name: str, entry: dict, start: int, view, restore, lazy: bool) -> Tensor:
    place = f"{path}, tensor {name!r}"
    if entry["dtype"] not in _DTYPES:
        raise TypeError(f"{place}: the dtype {entry['dtype']} is not supported: MLX has no such type")
    dtype = dtypes.BY_NAME[_DTYPES[entry["dtype"]]]
    begin, end = entry["data_offsets"]
    shape, kind = tuple(entry["shape"]), storage_type_of(dtype)

    def read() -> np.ndarray:
        return np.frombuffer(view, dtype=np.uint8, count=end - begin, offset=start + begin)

    storage = restore(Storage(kind, (end - begin) // kind.itemsize, read, place, lazy=lazy), "cpu")
    tensor = bridge.tensor_from_storage(storage, dtype, 0, shape, row_major(shape), False)
    bridge.release([storage])
    return tensor


def load_sharded(index: str, load_shard: Callable[[str], Mapping]) -> dict:
    """All tensors an index file lists, each from the shard it names.

    Raises: RuntimeError for a malformed index, a shard name that leaves the index's folder or a tensor its shard does
        not have; FileNotFoundError for a missing shard.
    """
    with open(index, encoding="utf-8") as file:
        try:
            weight_map = json.load(file)["weight_map"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RuntimeError(
                f"{index} is not the index of a sharded checkpoint ({type(error).__name__}: {error})"
            ) from None
    if not isinstance(weight_map, dict) or not all(isinstance(shard, str) for shard in weight_map.values()):
        raise RuntimeError(f"{index} is not the index of a sharded checkpoint: weight_map does not map names to files")
    folder, result = os.path.dirname(os.path.abspath(index)), {}
    shards = list(dict.fromkeys(weight_map.values()))
    for shard in shards:
        # a plain file name: nothing a separator, a drive or a parent folder could lead elsewhere
        if shard in ("", ".", "..") or re.search(r"[/\\:\0]", shard) or is_index(shard):
            raise RuntimeError(f"{index} names a shard outside its folder or of no file: {shard!r}")
        if not os.path.isfile(os.path.join(folder, shard)):
            raise FileNotFoundError(f"{index} names the shard {shard!r}, which is missing from {folder}")
    for shard in shards:
        loaded = load_shard(os.path.join(folder, shard))
        if not isinstance(loaded, Mapping):
            raise RuntimeError(f"{index}: the shard {shard!r} is no dict of tensors")
        for name in (name for name, where in weight_map.items() if where == shard):
            if name not in loaded:
                raise RuntimeError(f"{index}: the shard {shard!r} has no tensor {name!r}")
            result[name] = loaded[name]
    return {name: result[name] for name in weight_map}


# ------------------------------------------------------------------------------------------------------------- saving
def _check_tensors(tensors) -> dict[str, Tensor]:
    if not isinstance(tensors, Mapping):
        raise TypeError(
            f"a safetensors file holds a dict of tensors, got {type(tensors).__name__}: save its state_dict()"
        )
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise TypeError(f"the names in a safetensors file are strings, got {type(name).__name__}")
        if not isinstance(value, Tensor):
            raise TypeError(
                f"a safetensors file holds tensors only, but {name!r} is a {type(value).__name__}: pick the dict of "
                "tensors to save, or save a .pt file"
            )
        if value.is_meta:
            raise ValueError(f"{name!r} is on the meta device and has no values to save")
    return dict(tensors)


def save_file(
    tensors: Mapping[str, Tensor],
    filename: str | os.PathLike,
    metadata: Mapping[str, str] | None = None,
    *,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Save a dict of tensors as safetensors; the file appears complete or not at all.

    Every name gets its own copy of the values, as the format asks. ``progress`` is called with the bytes of each
    tensor.

    Raises: TypeError for anything but a dict of strings to tensors.
    """
    tensors = _check_tensors(tensors)
    # widest types first keeps every tensor aligned to its own size
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header, at = {}, 0
    if metadata is not None:
        if not all(isinstance(text, str) for pair in metadata.items() for text in pair):
            raise TypeError("metadata of a safetensors file maps strings to strings")
        header["__metadata__"] = dict(metadata)
    for name in order:
        t = tensors[name]
        size = t.numel() * t.dtype.itemsize
        header[name] = {"dtype": _CODES[t.dtype.name], "shape": list(t.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with replacing(filename) as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            raw = bridge.values_of(tensors[name])
            file.write(memoryview(raw))
            if progress is not None:
                progress(len(raw))


def save_sharded(
    tensors: Mapping[str, Tensor],
    directory: str | os.PathLike,
    max_shard_bytes: int = 5_000_000_000,
    prefix: str = "model",
) -> str:
    """Save tensors as numbered shards with the index Hugging Face libraries read; returns the index's path."""
    if not is_path(directory):
        raise TypeError(f"directory must be a path, not {type(directory).__name__}")
    tensors = _check_tensors(tensors)
    shards: list[list[str]] = [[]]
    filled = 0
    for name, t in tensors.items():
        if shards[-1] and filled + t.nbytes > max_shard_bytes:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += t.nbytes
    weight_map = {}
    for number, members in enumerate(shards, 1):
        shard = f"{prefix}-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file({name: tensors[name] for name in members}, os.path.join(directory, shard), {"format": "pt"})
        weight_map.update(dict.fromkeys(members, shard))
    index = os.path.join(directory, f"{prefix}.safetensors{_INDEX_SUFFIX}")
    total = sum(t.nbytes for t in tensors.values())
    with replacing(index) as file:
        text = json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}, indent=2, sort_keys=True)
        file.write(text.encode() + b"\n")
    return index

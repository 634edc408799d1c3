"""Between torch's checkpoint files and safetensors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from .._core.tensor import Tensor
from ..nn.modules.module import Module
from .checkpoint import load, write_archive
from .safe import is_index, save_file

_TORCH_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt")
_MAX_DEPTH = 32
_SHOWN = 5


def _kind(path: str) -> str:
    if path.endswith(".safetensors"):
        return "safetensors"
    if path.endswith(_TORCH_SUFFIXES):
        return "torch"
    if is_index(path):
        return "index"
    raise ValueError(f"{path}: the suffix must be .safetensors or one of {', '.join(_TORCH_SUFFIXES)}")


def _some(names) -> str:
    names = [repr(name) for name in names]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _leaves(value, path: tuple = ()):
    """(path, value) of everything in nested dicts."""
    if not isinstance(value, Mapping) or len(path) >= _MAX_DEPTH:
        yield path, value
        return
    for name, part in value.items():
        yield from _leaves(part, (*path, name))


def _holds_tensors_only(value) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(leaf, Tensor) for _path, leaf in _leaves(value))
    )


def _pick(checkpoint, key: str | None, source: str):
    """The part of a checkpoint a dotted key names."""
    value = checkpoint
    for name in key.split(".") if key else ():
        if not isinstance(value, Mapping) or name not in value:
            known = _some(value) if isinstance(value, Mapping) else f"a {type(value).__name__}"
            raise ValueError(f"{source} has no key {key!r}: at {name!r} there is {known}")
        value = value[name]
    return value.state_dict() if isinstance(value, Module) else value


def flat_tensors(checkpoint, source: str, key: str | None = None) -> dict[str, Tensor]:
    """The tensors of a checkpoint by dotted name.

    Raises: ValueError if it holds anything else, saying which keys hold tensors only.
    """
    value = _pick(checkpoint, key, source)
    if not isinstance(value, Mapping):
        raise ValueError(
            f"{source} holds a {type(value).__name__}, not a dict of tensors: there are no names to convert"
        )
    found: dict[str, Tensor] = {}
    others = []
    for path, leaf in _leaves(value):
        if not isinstance(leaf, Tensor):
            others.append(".".join(map(str, path)))
            continue
        name = ".".join(map(str, path))
        if name in found:
            raise ValueError(f"{source}: two tensors would both be called {name!r}")
        found[name] = leaf
    if others:
        choices = [name for name, part in value.items() if isinstance(name, str) and _holds_tensors_only(part)]
        choices += [name for name, part in value.items() if isinstance(name, str) and isinstance(part, Module)]
        advice = f"; convert one of its parts by its key: {_some(choices)}" if choices else ""
        raise ValueError(
            f"{source} holds more than tensors, which safetensors files cannot: {_some(others)}{advice}"
            if found or choices
            else f"{source} holds no tensors: {_some(others)}"
        )
    return found


def _bar(total: int, name: str):
    from tqdm import tqdm  # optional to see: only when a bar is asked for

    return tqdm(total=total, desc=name, unit="B", unit_scale=True, unit_divisor=1000, delay=1, leave=False)


def convert(
    src: str | os.PathLike, dst: str | os.PathLike, force: bool = False, progress: bool = True, key: str | None = None
) -> None:
    """Convert a checkpoint between torch's files (.pth .pt .bin .ckpt) and .safetensors; the suffixes say which.

    The source may be the ``.index.json`` of a sharded checkpoint. Nested dicts of tensors become dotted names; tensors
    that share memory are each written whole. No code from the source runs.

    Args:
        force: replace ``dst`` if it exists.
        progress: show a bar if it takes longer than a second.
        key: convert only this part of a nested checkpoint, such as ``"model_state_dict"``.

    Raises: FileExistsError; ValueError for other suffixes or a checkpoint that holds more than tensors, naming its
        keys.
    """
    source, target = os.fspath(src), os.fspath(dst)
    kinds = _kind(source), _kind(target)
    if kinds[1] == "index" or (kinds[0] == kinds[1] == "safetensors") or kinds == ("torch", "torch"):
        raise ValueError(
            f"nothing to convert from {source} to {target}: one is a torch file and the other .safetensors"
        )
    if os.path.exists(target) and not force:
        raise FileExistsError(f"{target} exists")
    with open(source, "rb") as file:
        mapped = kinds[0] == "safetensors" or file.read(4) == b"PK\x03\x04"
    tensors = flat_tensors(load(source, map_location="cpu", mmap=mapped or None), source, key)
    bar = _bar(sum(t.nbytes for t in tensors.values()), os.path.basename(target)) if progress else None
    try:
        _write(tensors, target, kinds[1], None if bar is None else bar.update)
    finally:
        if bar is not None:
            bar.close()


def _write(tensors: dict[str, Tensor], target: str, kind: str, progress: Callable[[int], object] | None) -> None:
    if kind == "safetensors":
        save_file(tensors, target, {"format": "pt"}, progress=progress)
    else:
        write_archive(tensors, target, progress=progress)

"""Scans compiled for this machine's processor: how their C++ sources become functions.

A GPU runs Metal text that its driver compiles; a CPU runs the ``.cpp`` files of ``kernels/cpu``, which the system's compiler
builds for the instructions of this very processor when a scan is first run (a second or two), and which are kept in a cache
for later processes. MLX compiles its fused CPU operations in the same manner. Where there is no compiler, or with
``FLASHLIGHT_COMPILER=off``, scans run in numpy. ``FLASHLIGHT_COMPILER=PATH`` chooses a compiler, ``FLASHLIGHT_CACHE=DIR`` the
cache's place.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import hashlib
import importlib.resources
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np

from .._core import settings

ENVIRONMENT = "FLASHLIGHT_COMPILER"
CACHE = "FLASHLIGHT_CACHE"
_FLAGS = (
    "-O3",
    "-std=c++17",
    "-shared",
    "-fPIC",
    "-pthread",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
)
# what asks for this processor's own instructions; not every compiler knows all of them
_NATIVE = (("-march=native",), ("-mcpu=native",), ())
_HEADERS = ("lanes.h", "products.h", "memory.h")
_REALS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


class _Unavailable(Exception):
    """Why a compiled scan is not there."""


def status() -> str:
    """In a few words, what compiles scans here, or why nothing does."""
    try:
        command, version = _compiler()
    except _Unavailable as reason:
        return f"none: {reason}"
    return f"{command[0]} {' '.join(command[1:])} ({version.splitlines()[0]})"


@functools.cache
def _compiler() -> tuple[tuple, str]:
    """(the compiler with what makes it use this processor's instructions, what identifies both)."""
    setting = os.environ.get(ENVIRONMENT, "").strip()
    if setting.lower() in ("off", "0", "none"):
        raise _Unavailable(f"{ENVIRONMENT}={setting}")
    names = [setting] if setting else ["c++", "g++", "clang++"]
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        raise _Unavailable(f"no C++ compiler was found ({', '.join(names)})")
    for native in _NATIVE:
        # the macros a compiler defines say its version and the instructions it may use
        made = _run([path, *native, "-dM", "-E", "-x", "c++", os.devnull])
        if made.returncode == 0:
            version = _run([path, "--version"]).stdout.splitlines()
            return (path, *native), "\n".join([*version[:1], made.stdout])
    raise _Unavailable(f"{path} does not work: {made.stderr.strip()[-200:]}")


def _run(command, place=None) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


@functools.cache
def _source(name: str) -> str:
    return importlib.resources.files(__package__).joinpath("cpu", name).read_text(encoding="utf-8")


def _cache() -> pathlib.Path:
    """The directory of built libraries; one that ends with the process where no other can be written."""
    chosen = os.environ.get(CACHE)
    if chosen:
        place = pathlib.Path(chosen)
    elif sys.platform == "darwin":
        place = pathlib.Path.home() / "Library" / "Caches" / "flashlight"
    else:
        place = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "flashlight"
    try:
        place.mkdir(parents=True, exist_ok=True)
        if os.access(place, os.W_OK):
            return place
    except OSError:
        if chosen:
            raise
    made = tempfile.mkdtemp(prefix="flashlight-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return pathlib.Path(made)


@functools.cache
def _library(family: str, kind: np.dtype) -> ctypes.CDLL | None:
    try:
        command, identity = _compiler()
    except _Unavailable:
        return None
    texts = {name: _source(name) for name in (*_HEADERS, f"{family}.cpp")}
    flags = (*_FLAGS, f"-DREAL={_REALS[kind]}")
    key = hashlib.sha256("\0".join([identity, *flags, *texts.values()]).encode()).hexdigest()[:24]
    built = _cache() / f"{family}-{kind.name}-{key}.so"
    try:
        if not built.exists():
            _build((*command, *flags, f"{family}.cpp"), texts, built)
        return ctypes.CDLL(str(built))
    except (_Unavailable, OSError) as reason:
        warnings.warn(
            f"scans run in numpy, which is slower: {reason} ({ENVIRONMENT}=off does the same without trying)",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def _build(command, texts: dict, target: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".build-", dir=target.parent) as place:
        for name, text in texts.items():
            pathlib.Path(place, name).write_text(text, encoding="utf-8")
        made = _run([*command, "-o", target.name], place)
        if made.returncode != 0:
            raise _Unavailable(f"{command[0]} could not build {target.name}: {made.stderr.strip()[-1000:]}")
        # whoever builds the same at the same time puts the same in its place
        os.replace(pathlib.Path(place, target.name), target)


def available(family: str, kind) -> bool:
    """Whether the compiled scans of a family are there for a dtype; builds them."""
    kind = np.dtype(kind)
    return kind in _REALS and _library(family, kind) is not None


def lanes(family: str, kind) -> int:
    """How many sequences a block has."""
    return _library(family, np.dtype(kind)).lanes()


def workers(blocks: int, work: float) -> int:
    """How many threads to use for so many blocks of so many operations each: none is worth starting for a few."""
    return max(1, min(settings.get_num_threads(), blocks)) if blocks * work > _WORTH else 1


# operations that take about as long as starting a thread does
_WORTH = 1e5


def contiguous(arrays) -> list:
    """The arrays (or None) laid out in rows."""
    return [None if a is None else np.ascontiguousarray(a) for a in arrays]


def spans(ts) -> tuple:
    """Timespans (T or 1, B or 1, N or 1), or None, and their strides: 0 where a span is the same for all."""
    if ts is None:
        return None, (0, 0, 0)
    ts = np.ascontiguousarray(ts)
    return ts, [stride // ts.itemsize * (n > 1) for stride, n in zip(ts.strides, ts.shape, strict=True)]


def summed_like(spent, ts):
    """The gradient (T, B, N) of timespans, summed where a span is the same for all."""
    axes = tuple(axis for axis, n in enumerate(ts.shape) if n == 1 and spent.shape[axis] > 1)
    return spent.sum(axis=axes, keepdims=True) if axes else spent


def _address(array: np.ndarray) -> ctypes.c_void_p:
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def _addresses(arrays) -> ctypes.Array:
    return (ctypes.c_void_p * len(arrays))(*(None if a is None else _address(a).value for a in arrays))


def call(family: str, name: str, sizes, *groups) -> None:
    """Call a function with its sizes and more: lists of arrays (or None) or arrays, which must be contiguous."""
    kind = next(a.dtype for a in groups[-1] if a is not None)
    pointers = [_address(group) if isinstance(group, np.ndarray) else _addresses(group) for group in groups]
    function = getattr(_library(family, kind), name)
    function.restype = ctypes.c_bool
    if not function((ctypes.c_long * len(sizes))(*sizes), *pointers):
        raise MemoryError(f"{family}: no memory for a scan")

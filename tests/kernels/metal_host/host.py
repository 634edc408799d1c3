"""Runs ``mx.fast.metal_kernel`` kernels on the host, from the very text MLX hands to Metal.

MLX records a kernel's launch in ``mx.export_function`` even without a GPU, the generated source included. That source is
compiled with a C++ compiler against ``metal_host.h`` and run over the whole grid. :func:`metal_kernel` takes the arguments of
``mx.fast.metal_kernel`` and gives a callable of the same form.

Outputs start as NaN, so that one not written shows; bytes around every buffer are checked, so that a write outside raises.
What Apple's compiler and hardware do is not known from here.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import mlx.core as mx
import numpy as np

HEADER = Path(__file__).with_name("metal_host.h")
CACHE = Path(tempfile.gettempdir()) / f"flashlight_metal_host_{os.getuid()}"
COMPILER = os.environ.get("CXX", "g++")
# MSL has no double: 0.5 is a float there
FLAGS = ("-std=c++17", "-O1", "-fPIC", "-fsingle-precision-constant", "-ffp-contract=off", "-Wno-attributes")
# fibers and flags are those of Linux and g++
USABLE = sys.platform == "linux" and shutil.which(COMPILER) is not None
FILL, GUARD = 0xFF, 64  # the byte around buffers and in unwritten outputs, and how many stand on each side

_NUMPY = {
    mx.float32: np.float32, mx.float16: np.float16, mx.bfloat16: np.uint16, mx.int32: np.int32, mx.uint32: np.uint32,
    mx.int64: np.int64, mx.uint8: np.uint8, mx.bool_: np.bool_,
}  # fmt: skip
_INSTANCE = re.compile(r"\ntemplate \[\[host_name\(.*?\)\]\] \[\[kernel\]\] decltype\((.*?)\) .*?;\n", re.DOTALL)
_SIGNATURE = re.compile(r"\[\[kernel\]\] void \w+\((.*?)\) \{\n", re.DOTALL)
_PARAMETER = re.compile(r"\s*(const )?(?:device |constant )?(.*?)([*&]?) (\w+) \[\[(.*?)\]\]")
_SHARED = re.compile(r"\bthreadgroup\s+([\w:]+)\s+(\w+)\s*((?:\[[^\]]+\])+)\s*;")
_SYNCHRONISED = re.compile(r"_barrier\(|simd_")


class HostError(RuntimeError):
    """A kernel that does not compile, writes outside its buffers, or has a barrier not every thread reaches."""


def capture(kernel, inputs, **launch) -> dict:
    """The launch as MLX records it: source, grid, threadgroup, and which shapes and strides the source reads."""
    found = []

    def note(record):
        if record.get("name") == "CustomKernel":
            found.append(record["arguments"])

    mx.export_function(note, lambda *arrays: kernel(inputs=list(arrays), **launch), *inputs)
    a = found[0]
    return {"name": a[0], "source": a[1], "grid": a[2:5], "group": a[5:8], "reads": a[8]}


def _argument(parameter: str, buffer: int) -> tuple[str, bool]:
    """The C++ expression for a kernel parameter, and whether it is a buffer."""
    const, kind, reference, _name, attribute = _PARAMETER.match(parameter).groups()
    if not attribute.startswith("buffer"):
        return f"place.{attribute}", False
    return f"{'*' if reference == '&' else ''}({const or ''}{kind.strip()}*)buffers[{buffer}]", True


def translated(source: str, name: str) -> str:
    """The C++ translation unit for MLX's text."""
    instance = _INSTANCE.search(source)
    call = instance.group(1) if instance else name
    text = _INSTANCE.sub("", source)
    arguments, buffers = [], 0
    for parameter in _SIGNATURE.search(text).group(1).split(",\n"):
        argument, is_buffer = _argument(parameter, buffers)
        arguments.append(argument)
        buffers += is_buffer
    # one operating system thread: what is static is shared by the threadgroup
    text = _SHARED.sub(r"static \1 \2\3;", re.sub(r"\[\[.*?\]\]", "", text))
    return f"""#include "metal_host.h"
{text}
static void** buffers;
static void body(const host::Place& place) {{ {call}({", ".join(arguments)}); }}
extern "C" int run(void** given, const uint* grid, const uint* group, int fibers, int order) {{
  buffers = given;
  return host::dispatch(body, grid, group, fibers, order);
}}
"""


def _compile(arguments: list[str], target: Path) -> None:
    # written elsewhere and renamed: two test processes may build the same file
    partial = target.with_suffix(f".{os.getpid()}")
    result = subprocess.run([COMPILER, *FLAGS, *arguments, "-o", str(partial)], capture_output=True, text=True)
    if result.returncode:
        raise HostError(f"the kernel does not compile:\n{result.stderr[:3000]}")
    os.replace(partial, target)


@functools.cache
def _header() -> Path:
    """A folder with the header, compiled once."""
    key = hashlib.sha256((HEADER.read_text() + COMPILER + " ".join(FLAGS)).encode()).hexdigest()[:16]
    folder = CACHE / key
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "metal_host.h.gch").exists():
        (folder / "metal_host.h").write_text(HEADER.read_text())
        _compile(["-x", "c++-header", str(folder / "metal_host.h")], folder / "metal_host.h.gch")
    return folder


@functools.cache
def build(source: str, name: str):
    """The compiled kernel, from the cache when its text was compiled before."""
    unit, folder = translated(source, name), _header()
    library = folder / f"{hashlib.sha256(unit.encode()).hexdigest()[:16]}.so"
    if not library.exists():
        text = library.with_suffix(f".{os.getpid()}.cpp")
        text.write_text(unit)
        _compile(["-shared", "-I", str(folder), str(text)], library)
        text.unlink()
    return ctypes.CDLL(str(library))


class _Buffer:
    """An array's bytes between guards."""

    def __init__(self, array: np.ndarray):
        self.bytes = np.full(array.nbytes + 2 * GUARD, FILL, np.uint8)
        self.bytes[GUARD : GUARD + array.nbytes] = np.frombuffer(array.tobytes(), np.uint8)
        self.shape, self.dtype = array.shape, array.dtype
        self.before = self.bytes.copy()

    @property
    def address(self) -> int:
        return self.bytes.ctypes.data + GUARD

    def touched_outside(self) -> bool:
        return bool((self.bytes[:GUARD] != FILL).any() or (self.bytes[-GUARD:] != FILL).any())

    def changed(self) -> bool:
        return bool((self.bytes != self.before).any())

    def value(self) -> np.ndarray:
        return np.frombuffer(self.bytes[GUARD:-GUARD].tobytes(), self.dtype).reshape(self.shape)


def _to_numpy(a: mx.array) -> np.ndarray:
    return np.array(a.view(mx.uint16)) if a.dtype == mx.bfloat16 else np.array(a)


def _input_buffers(arrays, reads) -> list[_Buffer]:
    """The buffers of the inputs, each followed by its shape, strides and rank where the source reads them."""
    buffers = []
    for a, (shape, strides, rank) in zip(arrays, reads, strict=True):
        value = np.ascontiguousarray(_to_numpy(a)).reshape(a.shape)
        buffers.append(_Buffer(value))
        if a.ndim and shape:
            buffers.append(_Buffer(np.array(a.shape, np.int32)))
        if a.ndim and strides:
            buffers.append(_Buffer(np.array(value.strides, np.int64) // value.itemsize))
        if a.ndim and rank:
            buffers.append(_Buffer(np.array([a.ndim], np.int32)))
    return buffers


class metal_kernel:
    """A kernel run on the host, made and called like MLX's own. ``order`` is the order of the threads."""

    order = 0
    launches = 0  # of all kernels: tests see from it that a kernel ran

    def __init__(self, **definition):
        self.kernel = mx.fast.metal_kernel(**definition)

    def __call__(self, *, inputs, output_shapes, output_dtypes, grid, threadgroup, template) -> list[mx.array]:
        metal_kernel.launches += 1
        recorded = capture(
            self.kernel, inputs, template=template, grid=grid, threadgroup=threadgroup,
            output_shapes=output_shapes, output_dtypes=output_dtypes,
        )  # fmt: skip
        library = build(recorded["source"], recorded["name"])
        read = _input_buffers(inputs, recorded["reads"])
        written = [_Buffer(_unwritten(s, d)) for s, d in zip(output_shapes, output_dtypes, strict=True)]
        every = [*read, *written]
        failed = library.run(
            (ctypes.c_void_p * len(every))(*(b.address for b in every)),
            (ctypes.c_uint * 3)(*recorded["grid"]),
            (ctypes.c_uint * 3)(*recorded["group"]),
            int(bool(_SYNCHRONISED.search(recorded["source"]))),
            self.order,
        )
        if failed:
            raise HostError("a barrier or simdgroup operation that not every thread reaches")
        if any(b.touched_outside() for b in every) or any(b.changed() for b in read):
            raise HostError("a write outside the outputs")
        return [_to_mlx(b.value(), d) for b, d in zip(written, output_dtypes, strict=True)]


def _unwritten(shape, dtype) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(_NUMPY[dtype]).itemsize
    return np.full(size, FILL, np.uint8).view(_NUMPY[dtype]).reshape(shape)


def _to_mlx(value: np.ndarray, dtype: mx.Dtype) -> mx.array:
    return mx.array(value).view(mx.bfloat16) if dtype == mx.bfloat16 else mx.array(value)

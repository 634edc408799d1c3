"""torch.__config__: what the library was built with."""

from __future__ import annotations

import os

import mlx.core as mx

from .version import __version__


def show() -> str:
    """A description of the build: versions of flashlight and MLX, and the device that computes."""
    device = "GPU (Metal)" if mx.metal.is_available() else "CPU"
    return f"PyTorch's interface of flashlight {__version__}, built on:\n  - MLX {mx.__version__}\n  - default device: {device}\n"


def parallel_info() -> str:
    """What limits the threads of the CPU backend."""
    limits = {name: os.environ.get(name, "[not set]") for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    lines = "".join(f"  {name} : {value}\n" for name, value in limits.items())
    return f"ATen/Parallel:\n  os.cpu_count() : {os.cpu_count()}\nEnvironment variables:\n{lines}"

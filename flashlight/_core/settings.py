"""Process-wide settings of torch: threads, determinism, matmul precision."""

from __future__ import annotations

import ctypes
import os
import warnings

from . import blas
from .device import GPU
from .table import composite

_settings = {
    "deterministic": False,
    "warn_only": False,
    "precision": "highest",
    "interop": 1,
    "warn_always": False,
    "threads": 0,
}


@composite(method=False, differentiable=False)
def get_num_threads() -> int:
    """The number of threads that matrix products and compiled scans on the CPU use."""
    return _settings["threads"] or blas.threads() or _processors()


def _processors() -> int:
    """How many processors this process may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@composite(method=False, differentiable=False)
def set_num_threads(int) -> None:
    """Set the number of threads that matrix products (by OpenBLAS) and compiled scans on the CPU use; everything else runs on one
    thread a stream.

    Raises: RuntimeError for a number below 1.
    """
    count = int
    if count < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _settings["threads"] = count
    path = blas.status().path
    setter = getattr(ctypes.CDLL(path), "openblas_set_num_threads", None) if path else None
    if setter is not None:
        setter(count)


@composite(method=False, differentiable=False)
def get_num_interop_threads() -> int:
    """The number of streams that work on independent operations."""
    return _settings["interop"]


@composite(method=False, differentiable=False)
def set_num_interop_threads(int) -> None:
    """Set the number of streams. Raises: RuntimeError for anything but 1, since MLX orders a device's work in one stream."""
    if int != 1:
        raise RuntimeError("MLX runs a device's operations in one stream: set_num_interop_threads takes 1 only")


@composite(method=False, differentiable=False)
def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask for results that do not vary between runs. On the CPU they never do; on a GPU sums into repeated indices may, and a warning
    says so."""
    _settings["deterministic"], _settings["warn_only"] = bool(mode), bool(warn_only)
    if mode and GPU:
        warnings.warn(
            "on the GPU, index_add, scatter_add and gradients of indexing may round differently from run to run",
            stacklevel=2,
        )


@composite(method=False, differentiable=False)
def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` is on."""
    return _settings["deterministic"]


@composite(method=False, differentiable=False)
def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` was asked only to warn."""
    return _settings["warn_only"]


@composite(method=False, differentiable=False)
def set_deterministic_debug_mode(debug_mode) -> None:
    """``use_deterministic_algorithms`` by name or number: default (0), warn (1), error (2)."""
    modes = {"default": 0, "warn": 1, "error": 2}
    if debug_mode not in modes and debug_mode not in modes.values():
        raise RuntimeError(
            f"invalid value of debug_mode, expected `default`, `warn`, `error`, 0, 1 or 2, but got {debug_mode}"
        )
    level = modes.get(debug_mode, debug_mode)
    use_deterministic_algorithms(level > 0, warn_only=level == 1)


@composite(method=False, differentiable=False)
def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: default, warn, error."""
    return 0 if not _settings["deterministic"] else 1 if _settings["warn_only"] else 2


@composite(method=False, differentiable=False)
def set_float32_matmul_precision(precision: str) -> None:
    """How precise float32 products must be at least; MLX computes them in full float32 whatever is allowed.

    Raises: ValueError for anything but "highest", "high" or "medium".
    """
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"Invalid float32 matmul precision: {precision!r}: use 'highest', 'high' or 'medium'")
    _settings["precision"] = precision


@composite(method=False, differentiable=False)
def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` allowed."""
    return _settings["precision"]


@composite(method=False, differentiable=False)
def set_warn_always(b: bool) -> None:
    """Whether repeated warnings are all shown."""
    _settings["warn_always"] = bool(b)
    if b:
        warnings.simplefilter("always", UserWarning)


@composite(method=False, differentiable=False)
def is_warn_always_enabled() -> bool:
    """Whether repeated warnings are all shown."""
    return _settings["warn_always"]


@composite(method=False, differentiable=False)
def set_flush_denormal(mode: bool) -> bool:
    """Flush denormal numbers to zero: False, as torch answers where the processor's mode can not be set."""
    if not isinstance(mode, bool):
        raise TypeError("flush_denormal expects a bool")
    return False

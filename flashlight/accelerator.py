"""torch.accelerator: the GPU if MLX has Metal here, else none."""

from __future__ import annotations

import contextlib
import importlib

import mlx.core as mx

from ._core.device import METAL, device

_device = device
_ABSENT = "no accelerator is available: MLX has no Metal here; run on the CPU"


def is_available() -> bool:
    """Whether MLX has Metal here."""
    return METAL


def device_count() -> int:
    """1 with Metal, else 0."""
    return int(METAL)


def current_accelerator(check_available: bool = False) -> device | None:
    """``device("mps")`` with Metal, else None; it is available whenever it is there."""
    if not isinstance(check_available, bool):
        raise TypeError("check_available must be a bool")
    return device("mps") if METAL else None


def _needed(index=None) -> None:
    if not METAL:
        raise RuntimeError(_ABSENT)
    if index is not None and (device(index).index if not isinstance(index, int) else index) not in (None, 0):
        raise RuntimeError(f"there is one accelerator, with index 0, not {index}")


def current_device_index() -> int:
    """0. Raises RuntimeError without an accelerator."""
    _needed()
    return 0


def set_device_index(device) -> None:
    """Select the accelerator, of which there is one. Raises RuntimeError for another."""
    _needed(device)


current_device_idx, set_device_idx = current_device_index, set_device_index


@contextlib.contextmanager
def device_index(device):
    """Select the accelerator for a while; None selects nothing."""
    if device is not None:
        _needed(device)
    yield


def synchronize(device=None) -> None:
    """Wait for all submitted work."""
    _needed(device)
    mx.synchronize()


def empty_cache() -> None:
    """Give MLX's cached memory back."""
    mx.clear_cache()


def memory_allocated(device=None) -> int:
    """Bytes held by arrays."""
    _needed(device)
    return mx.get_active_memory()


def max_memory_allocated(device=None) -> int:
    """The most bytes arrays held."""
    _needed(device)
    return mx.get_peak_memory()


def memory_reserved(device=None) -> int:
    """Bytes held by arrays and by MLX's cache."""
    _needed(device)
    return mx.get_active_memory() + mx.get_cache_memory()


def reset_peak_memory_stats(device=None) -> None:
    """Start anew to record the most bytes arrays held."""
    _needed(device)
    mx.reset_peak_memory()


def get_device_module(device: device | str | None = None):
    """``torch.cpu``, ``torch.mps`` or ``torch.cuda``: the module for a device's kind; without one, the accelerator's."""
    kind = (_device(device) if device is not None else current_accelerator() or _device("cpu")).type
    return importlib.import_module(f".{kind}", __package__)

"""torch.cpu: the CPU seen as a device."""

from __future__ import annotations

import contextlib

import mlx.core as mx

from .._core import absent
from . import amp as amp


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """ "cpu"."""
    return "cpu"


def set_device(device) -> None:
    """There is one CPU. Raises: ValueError for the label of another kind of device."""
    if getattr(device, "type", str(device).partition(":")[0]) != "cpu":
        raise ValueError(f"torch.cpu.set_device() takes a cpu device, not {device}")


def synchronize(device=None) -> None:
    """Wait for all submitted work."""
    if device is not None:
        set_device(device)
    mx.synchronize()


class Stream:
    """The one stream of the CPU."""

    def __init__(self, priority: int = -1):
        self.priority = priority

    def wait_stream(self, stream) -> None:
        """Wait for what another stream has submitted."""
        stream.synchronize()

    def synchronize(self) -> None:
        """Wait for all submitted work."""
        mx.synchronize()


_stream = Stream()


def current_stream(device=None) -> Stream:
    """The one stream there is."""
    if device is not None:
        set_device(device)
    return _stream


@contextlib.contextmanager
def stream(stream):
    """Select the stream, of which there is one."""
    if stream is not None and not isinstance(stream, Stream):
        raise TypeError(f"torch.cpu.stream() takes a torch.cpu.Stream, not {type(stream).__name__}")
    yield


globals().update(absent.names("cpu", "get_capabilities", "ask Python's platform module about the processor"))

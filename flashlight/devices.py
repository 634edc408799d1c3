"""The devices there are, by kind."""

from __future__ import annotations

import enum

from ._core.device import METAL, device

Device = device


class DeviceType(str, enum.Enum):
    """Kinds of device; ``device.type`` compares equal to the member of its kind."""

    CPU = "cpu"
    MPS = METAL = "mps"
    CUDA = "cuda"
    ROCM = "rocm"
    WEBGPU = "webgpu"

    def __str__(self) -> str:
        return self.value


def get_available_devices() -> list[device]:
    """The devices tensors can be on: Apple's GPU if MLX has Metal here, and the CPU."""
    return [*([device("mps", 0)] if METAL else []), device("cpu")]

"""Kernels run on the host in place of a GPU."""

import pytest

from flashlight._core import device
from flashlight.kernels import launch

from .metal_host import host


@pytest.fixture
def on_host(monkeypatch):
    """The package's kernels run on the host, and how many did is counted."""
    if not host.USABLE:
        pytest.skip("needs Linux and a C++ compiler")
    monkeypatch.setattr(launch, "factory", host.metal_kernel)
    monkeypatch.setattr(device, "GPU", True)
    for module in ("ops.recurrent", "kernels.cfc", "kernels.ltc"):
        monkeypatch.setattr(f"flashlight.{module}.uses_host", lambda: not device.GPU)
    monkeypatch.setattr(host.metal_kernel, "launches", 0)
    return host.metal_kernel

"""What a report of a problem should say of the machine: ``python -m flashlight.utils.collect_env``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys

import mlx.core as mx

from .._core.device import METAL


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def get_env_info() -> dict:
    """The facts, by name."""
    info = {
        "flashlight": _version("flashlight-mlx"),
        "mlx": _version("mlx"),
        "numpy": _version("numpy"),
        "safetensors": _version("safetensors"),
        "Python": sys.version.replace("\n", " "),
        "Operating system": platform.platform(),
        "Processor": platform.processor() or platform.machine(),
        "CPU count": os.cpu_count(),
        "Metal": METAL,
        "Default device": str(mx.default_device()),
    }
    if METAL:
        info["GPU"] = mx.device_info().get("device_name", "")
    return info


def get_pretty_env_info() -> str:
    """The facts, a line each."""
    return "\n".join(f"{name}: {value}" for name, value in get_env_info().items())


def main() -> None:
    """Print the facts."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()

"""``flashlight info``: what is installed, where work runs, and what would make it faster."""

import importlib.util
import platform
import sys

import mlx.core as mx

from flashlight._core import blas
from flashlight._core.generator import engine
from flashlight.cli.parser import Parser, version_of
from flashlight.kernels import compiled

_DESCRIPTION = "Show versions, the device, what runs on the CPU, the BLAS in use and the random engine."
_ON_CPU = ("float64 in every operator", "svd, qr, eigh, eig, cholesky, lu, inv, solve and their gradients")
_OPTIONAL = {"matplotlib": "plots", "networkx": "wiring graphs"}


def main(argv: list[str]) -> int:
    """Print the table."""
    Parser(prog="flashlight info", description=_DESCRIPTION).parse_args(argv)
    rows = [*_versions(), *_device(), *_blas(), ("CPU scans", compiled.status()), ("random", _random()), *_extras()]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    return 0


def _versions() -> list[tuple[str, str]]:
    names = {"flashlight": "flashlight-mlx", "mlx": "mlx", "numpy": "numpy", "safetensors": "safetensors"}
    rows = [(name, version_of(distribution)) for name, distribution in names.items()]
    return [*rows, ("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")]


def _device() -> list[tuple[str, str]]:
    device = mx.default_device()
    name = mx.device_info().get("device_name", "")
    metal = mx.metal.is_available()
    rows = [
        ("device", f"{device.type.name} ({name})" if name else device.type.name),
        ("Metal", "yes" if metal else "no: MLX runs on the CPU" + ("" if sys.platform == "darwin" else " here")),
    ]
    if device.type == mx.gpu:
        rows += [("on the CPU" if i == 0 else "", text) for i, text in enumerate(_ON_CPU)]
    else:
        rows.append(("on the CPU", "everything"))
    return rows


def _blas() -> list[tuple[str, str]]:
    chosen = blas.status()
    threads = blas.threads()
    text = chosen.name if threads is None else f"{chosen.name}, {threads} thread{'s' * (threads != 1)}"
    rows = [("BLAS", f"{text} ({chosen.reason})")]
    if chosen.path is not None:
        rows.append(("", chosen.path))
    elif sys.platform.startswith("linux"):
        rows.append(("", f"a system OpenBLAS makes matrix products 6-27x faster: {blas.INSTALL_HINT}"))
    return rows


def _random() -> str:
    name = engine()
    meaning = {
        "torch": "PyTorch's CPU numbers under the same seed",
        "mlx": "drawn on the device; other numbers than PyTorch's",
    }
    return f"{name}: {meaning[name]}" if name in meaning else name


def _extras() -> list[tuple[str, str]]:
    found = [(name, use) for name, use in _OPTIONAL.items() if importlib.util.find_spec(name) is not None]
    texts = [f"{name} {version_of(name)} ({use})" for name, use in found]
    return [("optional", ", ".join(texts) if texts else "none of " + ", ".join(_OPTIONAL))]

"""Gives MLX's CPU backend a fast BLAS on Linux.

The Linux wheel of MLX is linked to the reference BLAS, which is one thread and 6 to 27 times slower than OpenBLAS.
A system OpenBLAS loaded into the global symbol scope before ``mlx.core`` takes its place: ``preload`` does that and
remembers what it did. ``FLASHLIGHT_BLAS=off`` leaves MLX as it is; ``FLASHLIGHT_BLAS=/path/to/lib.so`` chooses one.
"""

import ctypes
import os
import platform
import sys
from dataclasses import dataclass

ENVIRONMENT = "FLASHLIGHT_BLAS"
INSTALL_HINT = "apt install libopenblas0-pthread (Debian, Ubuntu) or dnf install openblas-threads (Fedora)"
_NEEDED = ("cblas_sgemm", "cblas_dgemm")


@dataclass(frozen=True)
class Blas:
    """Which BLAS the CPU backend uses: its name, the library loaded for it (or None), and why it is this one."""

    name: str
    path: str | None
    reason: str


_chosen: Blas | None = None


def preload() -> Blas:
    """Load a system OpenBLAS for MLX, once; call it before ``mlx.core`` is imported.

    Raises:
        ImportError: ``FLASHLIGHT_BLAS`` names a library that cannot be loaded or has no CBLAS interface.
    """
    global _chosen
    if _chosen is None:
        _chosen = _choose()
    return _chosen


def status() -> Blas:
    """What ``preload`` did, without loading anything."""
    return _chosen if _chosen is not None else _as_built("flashlight has not looked for another one")


def threads() -> int | None:
    """Number of threads the loaded OpenBLAS uses, or None where no OpenBLAS was loaded."""
    path = status().path
    count = getattr(ctypes.CDLL(path), "openblas_get_num_threads", None) if path else None
    return None if count is None else int(count())


def _choose() -> Blas:
    setting = os.environ.get(ENVIRONMENT, "").strip()
    if sys.platform == "darwin":
        return Blas("Accelerate", None, "part of macOS")
    if not sys.platform.startswith("linux"):
        return _as_built(f"nothing is preloaded on {sys.platform}")
    if setting.lower() in ("off", "0", "none"):
        return _as_built(f"{ENVIRONMENT}={setting}")
    if "mlx.core" in sys.modules:
        return _as_built("mlx.core was imported before flashlight, so nothing could be preloaded")
    if setting:
        failure = _load(setting)
        if failure:
            raise ImportError(f"{ENVIRONMENT}={setting}: {failure}")
        return Blas(_name_of(setting), setting, f"chosen by {ENVIRONMENT}")
    for candidate in _candidates():
        if _load(candidate) is None:
            return Blas(_name_of(candidate), candidate, "found on this system")
    return _as_built("no OpenBLAS was found on this system")


def _as_built(reason: str) -> Blas:
    return Blas("the one MLX was built with", None, reason)


def _candidates() -> list[str]:
    """Where distributions put OpenBLAS with 32-bit integers, threaded builds first; bare names ask the loader."""
    triplet = f"{platform.machine()}-linux-gnu"
    files = [
        f"/usr/lib/{triplet}/openblas-pthread/libopenblas.so.0",
        f"/usr/lib/{triplet}/openblas-openmp/libopenblas.so.0",
        f"/usr/lib/{triplet}/libopenblas.so.0",
        "/usr/lib64/libopenblasp.so.0",
        "/usr/lib64/libopenblaso.so.0",
        "/usr/lib64/libopenblas.so.0",
        "/usr/lib/libopenblas.so.0",
        "/usr/local/lib/libopenblas.so.0",
        os.path.join(sys.prefix, "lib", "libopenblas.so.0"),
    ]
    return [path for path in files if os.path.exists(path)] + ["libopenblas.so.0", "libopenblasp.so.0"]


def _load(path: str) -> str | None:
    """Load ``path`` for every library that follows; returns what is wrong with it, or None."""
    try:
        library = ctypes.CDLL(path, mode=ctypes.RTLD_LOCAL)
    except OSError as error:
        return str(error)
    missing = [name for name in _NEEDED if not hasattr(library, name)]
    if missing:
        return f"the library has no {missing[0]}"
    ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)  # opening it again this way lifts it into the global scope
    return None


def _name_of(path: str) -> str:
    config = getattr(ctypes.CDLL(path), "openblas_get_config", None)
    if config is None:
        return os.path.basename(path)
    config.restype = ctypes.c_char_p
    words = config().decode("ascii", "replace").split()
    return " ".join(word for word in words[:2] if word == "OpenBLAS" or word[0].isdigit()) or os.path.basename(path)

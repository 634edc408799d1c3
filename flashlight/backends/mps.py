"""torch.backends.mps: whether Apple's GPU is there."""

from __future__ import annotations

import platform
import sys

from .._core.device import METAL


def is_available() -> bool:
    """Whether MLX has Metal here."""
    return METAL


def is_built() -> bool:
    """Whether this build of MLX is one for Metal."""
    return sys.platform == "darwin"


def is_macos13_or_newer(minor: int = 0) -> bool:
    """Whether this is macOS 13.``minor`` or later."""
    return is_macos_or_newer(13, minor)


def is_macos_or_newer(major: int, minor: int) -> bool:
    """Whether this is macOS of at least this version."""
    version = platform.mac_ver()[0]
    return bool(version) and tuple(int(v) for v in version.split(".")[:2]) >= (major, minor)

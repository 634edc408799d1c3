"""The version of PyTorch whose interface this is, and what it is built with."""

from __future__ import annotations

__version__ = "2.13.0+mlx"
debug = False
cuda = hip = xpu = git_version = None

"""The functions that make summaries, as tensorboardX has them; fetched when one is asked for."""

from __future__ import annotations

import importlib

from .writer import library


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(importlib.import_module(library().__name__ + ".summary"), name)

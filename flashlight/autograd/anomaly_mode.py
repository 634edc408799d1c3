"""Anomaly detection: where a node was recorded, and gradients that are nan."""

from __future__ import annotations

from .._core.modes import modes


class set_detect_anomaly:
    """Turn anomaly detection on or off, as a function or a context manager.

    While it is on every node remembers where it was recorded and a gradient with nan raises (``check_nan``); it is slow.
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self._before = modes.anomaly, modes.check_nan
        modes.anomaly, modes.check_nan = bool(mode), check_nan

    def __enter__(self):
        return None

    def __exit__(self, *_exc):
        modes.anomaly, modes.check_nan = self._before


class detect_anomaly:
    """Anomaly detection as a context manager."""

    def __init__(self, check_nan: bool = True):
        self.check_nan = check_nan

    def __enter__(self):
        self._mode = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *_exc):
        self._mode.__exit__()

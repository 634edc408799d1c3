"""Timing statements: ``Timer``."""

from __future__ import annotations

import dataclasses
import statistics
import timeit

import mlx.core as mx

__all__ = ["Measurement", "Timer", "timer"]


def timer() -> float:
    """The clock, after all submitted work is done."""
    mx.synchronize()
    return timeit.default_timer()


@dataclasses.dataclass
class Measurement:
    """Times of a statement, each of ``number_per_run`` runs together."""

    number_per_run: int
    raw_times: list
    stmt: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def times(self) -> list:
        """Seconds per run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.times)

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def iqr(self) -> float:
        """The range of the middle half."""
        if len(self.raw_times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return high - low

    def __repr__(self) -> str:
        scale, unit = next(
            ((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if self.median >= s), (1e-9, "ns")
        )
        name = ": ".join(p for p in (self.label, self.sub_label or self.stmt) if p)
        lines = [f"{type(self).__name__} of {name}"] + ([self.description] if self.description else [])
        lines.append(f"  Median: {self.median / scale:.2f} {unit}")
        if len(self.raw_times) > 1:
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit}")
        lines.append(
            f"  {len(self.raw_times)} measurements, {self.number_per_run} runs per measurement, {self.num_threads} thread"
        )
        return "\n".join(lines)


class Timer:
    """Times a statement, waiting for the device before the clock is read.

    ``num_threads`` and ``language`` are 1 and Python: MLX manages its own threads.
    Raises: ValueError otherwise.
    """

    def __init__(self, stmt: str = "pass", setup: str = "pass", global_setup: str = "", timer=timer, globals: dict | None = None,
                 label: str | None = None, sub_label: str | None = None, description: str | None = None, env: str | None = None,
                 num_threads: int = 1, language: str = "python"):  # fmt: skip
        if num_threads != 1:
            raise ValueError("Timer(num_threads=...) must be 1: MLX manages its own threads")
        if str(getattr(language, "value", language)).lower() not in ("python", "py", "0") or global_setup:
            raise ValueError("Timer times Python statements: leave out language and global_setup")
        self._labels = {"stmt": stmt, "label": label, "sub_label": sub_label, "description": description, "env": env}
        self._timer = timeit.Timer(stmt, setup, timer, dict(globals or {}))

    def timeit(self, number: int = 1000000) -> Measurement:
        """One time of ``number`` runs, after a short warm-up."""
        self._timer.timeit(max(number // 100, 2))
        return Measurement(number, [self._timer.timeit(number)], **self._labels)

    def _runs_per_block(self, min_run_time: float) -> int:
        number = 1
        while (elapsed := self._timer.timeit(number)) < min_run_time / 1000 and number < 10**7:
            number *= 10 if elapsed == 0 else 2
        return number

    def blocked_autorange(self, callback=None, min_run_time: float = 0.2) -> Measurement:
        """Times of blocks of runs, until ``min_run_time`` seconds have passed; ``callback(number, time)`` sees each."""
        number = self._runs_per_block(min_run_time)
        times: list = []
        while sum(times) < min_run_time:
            times.append(self._timer.timeit(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, **self._labels)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0, callback=None
    ):
        """Like ``blocked_autorange``, until the middle half of the times is within ``threshold`` of the median."""
        number = self._runs_per_block(min_run_time)
        times: list = []
        while True:
            times.append(self._timer.timeit(number))
            if callback is not None:
                callback(number, times[-1])
            found = Measurement(number, times, **self._labels)
            steady = len(times) > 3 and found.iqr / found.median < threshold
            if sum(times) >= max_run_time or (sum(times) >= min_run_time and steady):
                return found

"""What was timed, and tables of it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import defaultdict


def _time(us: float) -> str:
    """A time with its unit."""
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


@dataclasses.dataclass
class FunctionEvent:
    """One call: times in microseconds since the profile began."""

    name: str
    start: float
    duration: float
    thread: int
    kind: str  # "cpu_op", "backward" or "user_annotation"
    inside: float = 0.0  # time of the calls within
    shapes: tuple | None = None
    memory: int = 0

    key = property(lambda self: self.name)
    cpu_time_total = cpu_time = property(lambda self: self.duration)
    self_cpu_time_total = property(lambda self: self.duration - self.inside)


@dataclasses.dataclass
class FunctionEventAvg:
    """All calls of one name."""

    key: str
    count: int = 0
    cpu_time_total: float = 0.0
    self_cpu_time_total: float = 0.0
    cpu_memory_usage: int = 0
    input_shapes: tuple | None = None

    @property
    def cpu_time(self) -> float:
        """The mean time of a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    def add(self, event: FunctionEvent) -> None:
        """Count a call."""
        self.count += 1
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.cpu_memory_usage += event.memory


_SORTS = ("cpu_time", "cpu_time_total", "self_cpu_time_total", "count", "cpu_memory_usage")


class EventList(list):
    """Events, or averages of them, with a table and a trace."""

    def key_averages(self, group_by_input_shape: bool = False) -> EventList:
        """One entry a name, or a name and the shapes of its inputs."""
        groups: dict = {}
        for event in self:
            shapes = event.shapes if group_by_input_shape else None
            groups.setdefault((event.name, shapes), FunctionEventAvg(event.name, input_shapes=shapes)).add(event)
        return EventList(groups.values())

    def total_average(self) -> FunctionEventAvg:
        """All events as one entry."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all of them, each counted once."""
        return sum(event.self_cpu_time_total for event in self)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_name_column_width: int = 55,
        header: str | None = None,
    ) -> str:
        """The averages as text, sorted by one of their numbers, largest first.

        Raises: ValueError for an unknown ``sort_by``; names of torch's device times mean the times there are.
        """
        rows = self.key_averages() if self and isinstance(self[0], FunctionEvent) else self
        if sort_by is not None:
            field = sort_by.replace("cuda", "cpu").replace("device", "cpu")
            if field not in _SORTS:
                raise ValueError(f"sort_by must be one of {', '.join(_SORTS)}, not {sort_by!r}")
            rows = sorted(rows, key=lambda r: getattr(r, field), reverse=True)
        whole = sum(r.self_cpu_time_total for r in rows)
        cells = [["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]]
        for r in rows[: None if row_limit < 0 else row_limit]:
            share = [f"{100 * t / whole if whole else 0:.2f}%" for t in (r.self_cpu_time_total, r.cpu_time_total)]
            name = r.key if len(r.key) <= max_name_column_width else r.key[: max_name_column_width - 3] + "..."
            cells.append(
                [
                    name,
                    share[0],
                    _time(r.self_cpu_time_total),
                    share[1],
                    _time(r.cpu_time_total),
                    _time(r.cpu_time),
                    str(r.count),
                ]
            )
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        rule = "  ".join("-" * w for w in widths)
        lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in cells]
        body = [rule, lines[0], rule, *lines[1:], rule, f"Self CPU time total: {_time(whole)}"]
        return "\n".join([header, *body] if header else body) + "\n"

    def __str__(self) -> str:
        return self.table()

    def export_chrome_trace(self, path) -> None:
        """Write the events as a trace for chrome://tracing and Perfetto."""
        events = [
            {"ph": "X", "cat": e.kind, "name": e.name, "pid": os.getpid(), "tid": e.thread, "ts": e.start, "dur": e.duration,
             "args": {} if e.shapes is None else {"Input Dims": [list(s) for s in e.shapes]}}
            for e in self
        ]  # fmt: skip
        with open(path, "w", encoding="utf-8") as out:
            json.dump({"schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": events}, out)


def by_thread(events) -> dict:
    """Events of each thread, in order of their start."""
    found = defaultdict(list)
    for event in events:
        found[event.thread].append(event)
    return {thread: sorted(each, key=lambda e: (e.start, -e.duration)) for thread, each in found.items()}


def nest(events) -> None:
    """Set each event's ``inside`` from those it contains."""
    for each in by_thread(events).values():
        open_events: list = []
        for event in each:
            while open_events and open_events[-1].start + open_events[-1].duration <= event.start:
                open_events.pop()
            if open_events:
                open_events[-1].inside += event.duration
            open_events.append(event)

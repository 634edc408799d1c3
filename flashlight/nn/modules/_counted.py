"""An iterator that knows its length."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class Counted(Iterator):
    """What ``make()`` iterates over, once, as a generator does; ``len`` counts all of it, whatever was taken already."""

    __slots__ = ("_make", "_running")

    def __init__(self, make: Callable[[], Iterator]):
        self._make, self._running = make, None

    def __next__(self):
        if self._running is None:
            self._running = iter(self._make())
        return next(self._running)

    def __len__(self) -> int:
        return sum(1 for _ in self._make())

    def __bool__(self) -> bool:
        return True  # as any iterator, empty or not

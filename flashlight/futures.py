"""torch.futures: a value that is still to come."""

from __future__ import annotations

import threading
import typing

T = typing.TypeVar("T")

__all__ = ["Future", "collect_all", "wait_all"]


class Future(typing.Generic[T]):
    """A value set later, perhaps by another thread, and the functions to call then."""

    def __init__(self, *, devices=None):
        if devices:
            raise ValueError("Future(devices=...) synchronises CUDA streams, of which there are none: leave it out")
        self._set = threading.Event()
        self._lock = threading.Lock()
        self._value, self._error, self._callbacks = None, None, []

    def done(self) -> bool:
        """Whether there is a value or an error."""
        return self._set.is_set()

    def wait(self) -> T:
        """The value, once it is there. Raises the error there is instead."""
        self._set.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def value(self) -> T:
        """The value of a finished future. Raises RuntimeError before."""
        if not self.done():
            raise RuntimeError("value() is only valid for completed Futures: use wait()")
        return self.wait()

    def set_result(self, result: T) -> None:
        """Finish with a value. Raises RuntimeError the second time."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Finish with an error that ``wait`` raises."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _finish(self, value, error) -> None:
        with self._lock:
            if self.done():
                raise RuntimeError(
                    "Attempting to mark a completed Future as complete again. Note that a Future can only be marked completed once."
                )
            self._value, self._error = value, error
            self._set.set()
            waiting, self._callbacks = self._callbacks, []
        for callback in waiting:
            callback(self)

    def add_done_callback(self, callback) -> None:
        """Call ``callback(future)`` when it is finished; at once if it is."""
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback):
        """A Future of ``callback(self)``."""
        after = Future()

        def run(future):
            try:
                after.set_result(callback(future))
            except Exception as error:
                after.set_exception(error)

        self.add_done_callback(run)
        return after


def collect_all(futures) -> Future:
    """A Future of the list of finished futures."""
    futures = list(futures)
    everything: Future = Future()
    lock, missing = threading.Lock(), [len(futures)]

    def one(_future):
        with lock:
            missing[0] -= 1
            last = missing[0] == 0
        if last:
            everything.set_result(futures)

    for future in futures:
        future.add_done_callback(one)
    if not futures:
        everything.set_result([])
    return everything


def wait_all(futures) -> list:
    """The values of futures. Raises the first error among them."""
    return [future.wait() for future in collect_all(futures).wait()]

"""Worker processes of a DataLoader: what runs in them.

A worker gets its tasks through a queue and gives its results through a pipe of its own, as bytes: a tensor is evaluated
and pickled in the worker's main thread, because an array belongs to the thread that made it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import queue
import random
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from ...._core.generator import default_generator

# how often, in seconds, a worker that has nothing to do looks whether its parent is still there
POLL = 5.0


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What ``get_worker_info`` tells inside a worker; ``dataset`` is the worker's own copy."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The WorkerInfo inside a worker process, None in the main process."""
    return _worker_info


# ------------------------------------------------------------------------------------------------------------ messages
class _Message(str):
    """Text whose repr is itself, because KeyError shows the repr of its argument."""

    def __repr__(self) -> str:
        return self


class ExceptionWrapper:
    """An exception on its way from a worker to the loader: its type, its traceback as text, and where it happened."""

    def __init__(self, error: BaseException, where: str = "in background"):
        self.exc_type, self.where = type(error), where
        self.name = self.exc_type.__name__
        self.exc_msg = "".join(traceback.format_exception(type(error), error, error.__traceback__))

    def reraise(self) -> None:
        """Raise an exception of the same type, with the worker's traceback as its message.

        Raises: RuntimeError where that type is not made from a message.
        """
        message = f"Caught {self.name} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            message = _Message(message)
        elif getattr(self.exc_type, "message", None):
            raise self.exc_type(message=message)
        try:
            error = self.exc_type(message)
        except Exception:
            raise RuntimeError(message) from None
        raise error


@dataclass(frozen=True)
class Finished:
    """Says that a worker's iterable dataset is exhausted."""

    worker_id: int


@dataclass(frozen=True)
class Resume:
    """Tells a worker to start another epoch; the worker answers with the same."""


class _Sender:
    """Writes results to a pipe from a thread, so that a worker goes on while its loader is not reading."""

    def __init__(self, pipe):
        self._pipe, self._waiting = pipe, queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    def put(self, message) -> None:
        """Pickle a message here and now and leave the writing to the thread."""
        self._waiting.put(bytes(ForkingPickler.dumps(message)))

    def _write(self) -> None:
        # a broken pipe is a loader that is gone or no longer wants anything
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                self._pipe.send_bytes(self._waiting.get())


# ------------------------------------------------------------------------------------------------------------- running
@dataclass
class Job:
    """What all workers of a loader are told."""

    fetcher: type
    dataset: Any
    auto_collation: bool
    collate_fn: Callable
    drop_last: bool
    base_seed: int
    init_fn: Callable | None
    num_workers: int

    def start_fetcher(self):
        """A fetcher at the beginning of an epoch."""
        return self.fetcher(self.dataset, self.auto_collation, self.collate_fn, self.drop_last)


def run(job: Job, worker_id: int, tasks, pipe, done) -> None:
    """The life of a worker: take index lists, give batches, until told to stop or the parent is gone."""
    try:
        _prepare(job, worker_id)
        _serve(job, worker_id, tasks, _Sender(pipe), done)
    except KeyboardInterrupt:
        # an interrupt from the terminal reaches the parent as well, and it is for the parent to report it
        return


def _prepare(job: Job, worker_id: int) -> None:
    """Seed every generator and say who we are."""
    global _worker_info
    seed = job.base_seed + worker_id
    random.seed(seed)
    default_generator.manual_seed(seed)
    # numpy is seeded apart, because its generator and Python's are the same algorithm
    low, high = job.base_seed & 0xFFFFFFFF, job.base_seed >> 32
    np.random.seed(np.random.SeedSequence([worker_id, low, high, 0]).generate_state(4))
    _worker_info = WorkerInfo(worker_id, job.num_workers, seed, job.dataset)


def _serve(job: Job, worker_id: int, tasks, sender: _Sender, done) -> None:
    where = f"in DataLoader worker process {worker_id}"
    failure = fetcher = None
    try:
        if job.init_fn is not None:
            job.init_fn(worker_id)
        fetcher = job.start_fetcher()
    except Exception as error:
        failure = ExceptionWrapper(error, where)
    ended = False
    while True:
        try:
            task = tasks.get(timeout=POLL)
        except queue.Empty:
            if not multiprocessing.parent_process().is_alive():
                return
            continue
        if task is None:
            return
        if isinstance(task, Resume):
            sender.put((task, None))
            ended = False
            try:
                fetcher = job.start_fetcher()
            except Exception as error:
                failure = ExceptionWrapper(error, where)
        elif not ended and not done.is_set():
            number, indices = task
            result, failure = (
                (_fetched(fetcher, indices, worker_id, where), None) if failure is None else (failure, None)
            )
            ended = isinstance(result, Finished)
            _give(sender, number, result, where)


def _fetched(fetcher, indices, worker_id: int, where: str):
    """A batch, or what says that there is none."""
    try:
        return fetcher.fetch(indices)
    except StopIteration as error:
        # only a stream has an end; a map-style dataset that raises this passes it on
        return Finished(worker_id) if hasattr(fetcher, "dataset_iter") else ExceptionWrapper(error, where)
    except Exception as error:
        return ExceptionWrapper(error, where)


def _give(sender: _Sender, number: int, result, where: str) -> None:
    """Send a result; one that cannot be pickled is an error to report like any other."""
    try:
        sender.put((number, result))
    except Exception as error:
        failure = result if isinstance(result, ExceptionWrapper) else ExceptionWrapper(error, where)
        if failure is result:  # an exception class that cannot be pickled
            failure.exc_type = RuntimeError
        sender.put((number, failure))

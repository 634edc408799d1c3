"""Worker processes of a DataLoader.

On Linux workers are forked: MLX's stream threads do not survive a fork, so the parent evaluates what is pending first and the
worker makes a stream of its own. Elsewhere (macOS) they are spawned, as PyTorch's are.
"""

from __future__ import annotations

import gc
import multiprocessing
import queue
import random
import traceback

import mlx.core as mx
import numpy as np

from ...._core.generator import default_generator
from ...._core.tensor import Tensor

# how often, in seconds, a worker looks whether its parent is still there
POLL = 5.0


class WorkerInfo:
    """What ``get_worker_info`` tells inside a worker: id, num_workers, seed, dataset."""

    def __init__(self, id: int, num_workers: int, seed: int, dataset):
        self.id, self.num_workers, self.seed, self.dataset = id, num_workers, seed, dataset

    def __repr__(self) -> str:
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed}, dataset={self.dataset!r})"


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The WorkerInfo inside a worker process, None in the main process."""
    return _info


class Failure:
    """An exception on its way from a worker to the loader."""

    def __init__(self, error: BaseException, where: str):
        self.kind, self.where = type(error), where
        self.text = "".join(traceback.format_exception(type(error), error, error.__traceback__))

    def reraise(self) -> None:
        """Raise it in the parent, with the worker's traceback in the message."""
        message = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        try:
            error = self.kind(message)
        except TypeError:
            error = RuntimeError(message)
        raise error from None


class Finished:
    """Says that a worker's iterable dataset is exhausted."""


def settle_before_fork() -> None:
    """Evaluate every pending tensor, for a forked child could not."""
    pending = [t._a for t in gc.get_objects() if isinstance(t, Tensor) and hasattr(t, "_a") and t._device.type != "meta"]
    mx.eval(pending)


def run(fetcher_of, dataset, index_queue, result_queue, seed, worker_id, num_workers, init_fn, forked) -> None:
    """The life of a worker: take index lists, put batches, until told to stop or the parent is gone."""
    global _info
    if forked:
        mx.set_default_stream(mx.new_stream(mx.cpu))
    random.seed(seed)
    np.random.seed(seed % 2**32)
    default_generator.manual_seed(seed)
    _info = WorkerInfo(worker_id, num_workers, seed, dataset)
    failure, fetcher = None, None
    try:
        if init_fn is not None:
            init_fn(worker_id)
        fetcher = fetcher_of(dataset)
    except Exception as error:
        failure = Failure(error, f"in DataLoader worker process {worker_id}")
    while True:
        try:
            task = index_queue.get(timeout=POLL)
        except queue.Empty:
            if not _parent_alive():
                return
            continue
        if task is None:
            return
        if task == "restart":
            fetcher = fetcher_of(dataset)
            continue
        number, indices = task
        try:
            result = failure if failure is not None else fetcher(indices)
        except StopIteration:
            result = Finished()
        except Exception as error:
            result = Failure(error, f"in DataLoader worker process {worker_id}")
        result_queue.put((number, worker_id, result))


def _parent_alive() -> bool:
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()

"""DataLoader: batches from a dataset, in this process or from worker processes."""

from __future__ import annotations

import itertools
import multiprocessing
import queue
import sys
import warnings

from ._utils.collate import default_collate, default_convert
from ._utils.worker import Failure, Finished, get_worker_info, run, settle_before_fork
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, drawn_seed

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


class _InfiniteConstantSampler(Sampler):
    """The index None for ever, which iterable datasets ignore."""

    def __iter__(self):
        while True:
            yield None


class _Fetcher:
    """Makes a batch from a list of indices (or a single sample from one index, without batching)."""

    def __init__(self, dataset, collate_fn, batched: bool, drop_last: bool, iterable: bool):
        self.dataset, self.collate_fn, self.batched, self.drop_last = dataset, collate_fn, batched, drop_last
        self.stream = iter(dataset) if iterable else None

    def __call__(self, indices):
        if self.stream is not None:
            if not self.batched:
                return self.collate_fn(next(self.stream))
            samples = list(itertools.islice(self.stream, len(indices)))
            if not samples or (self.drop_last and len(samples) < len(indices)):
                raise StopIteration
            return self.collate_fn(samples)
        if not self.batched:
            return self.collate_fn(self.dataset[indices])
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.collate_fn(self.dataset.__getitems__(indices))
        return self.collate_fn([self.dataset[i] for i in indices])


class _FetcherOf:
    """Makes a worker's fetcher from its copy of the dataset (a class, so that spawned workers can unpickle it)."""

    def __init__(self, loader: DataLoader):
        self.options = loader.collate_fn, loader.batch_sampler is not None, loader.drop_last, loader._iterable

    def __call__(self, dataset) -> _Fetcher:
        return _Fetcher(dataset, *self.options)


class _Iterator:
    """What the two kinds of iteration share."""

    def __init__(self, loader: DataLoader):
        self.loader = loader
        self.sampler_iter = iter(loader._index_sampler)
        self.base_seed = drawn_seed(loader.generator)
        self.yielded = 0

    def __iter__(self):
        return self

    def __len__(self) -> int:
        return len(self.loader._index_sampler)

    def __next__(self):
        batch = self.advance()
        self.yielded += 1
        loader = self.loader
        if loader._iterable and loader._warned_length is not None and self.yielded > loader._warned_length:
            warnings.warn(
                f"Length of IterableDataset {loader.dataset} was reported to be {loader._warned_length}(when accessing "
                f"len(dataloader)), but {self.yielded} samples have been fetched. ", stacklevel=2,
            )  # fmt: skip
        return batch


class _SingleProcess(_Iterator):
    """Batches made in this process."""

    def __init__(self, loader: DataLoader):
        super().__init__(loader)
        self.fetch = _FetcherOf(loader)(loader.dataset)

    def advance(self):
        return self.fetch(next(self.sampler_iter))


class _MultiProcess(_Iterator):
    """Batches made by worker processes, given back in order (or as they come with ``in_order=False``)."""

    def __init__(self, loader: DataLoader):
        super().__init__(loader)
        context = loader._context()
        forked = context.get_start_method() == "fork"
        if forked:
            settle_before_fork()
        self.results = context.Queue()
        self.queues, self.workers = [], []
        for i in range(loader.num_workers):
            tasks = context.Queue()
            arguments = (_FetcherOf(loader), loader.dataset, tasks, self.results, self.base_seed + i, i, loader.num_workers,
                         loader.worker_init_fn, forked)  # fmt: skip
            worker = context.Process(target=run, args=arguments, daemon=True)
            worker.start()
            self.queues.append(tasks)
            self.workers.append(worker)
        self.begin()

    def begin(self) -> None:
        """Start an epoch: hand out the first tasks."""
        self.sent = self.given = 0
        self.turn = itertools.cycle(range(len(self.workers)))
        self.active = set(range(len(self.workers)))
        self.ready: dict = {}
        self.owner: dict = {}
        for _ in range(self.loader.prefetch_factor * len(self.workers)):
            self.hand_out()

    def restart(self, loader: DataLoader) -> None:
        """Use the same workers for another epoch."""
        while self.given < self.sent:
            number, _who, _result = self.receive()
            self.ready.pop(number, None)
            self.given += 1
        self.loader, self.sampler_iter, self.yielded = loader, iter(loader._index_sampler), 0
        self.base_seed = drawn_seed(loader.generator)
        if loader._iterable:
            for tasks in self.queues:
                tasks.put("restart")
        self.begin()

    def hand_out(self) -> None:
        if not self.active:
            return
        try:
            indices = next(self.sampler_iter)
        except StopIteration:
            return
        worker = next(w for w in self.turn if w in self.active)
        self.queues[worker].put((self.sent, indices))
        self.owner[self.sent] = worker
        self.sent += 1

    def receive(self):
        patience = self.loader.timeout or None
        waited = 0.0
        while True:
            try:
                return self.results.get(timeout=1.0 if patience is None else min(patience, 1.0))
            except queue.Empty:
                waited += 1.0
                dead = [w.pid for w in self.workers if not w.is_alive()]
                if dead:
                    raise RuntimeError(f"DataLoader worker (pid(s) {', '.join(map(str, dead))}) exited unexpectedly") from None
                if patience is not None and waited >= patience:
                    raise RuntimeError(f"DataLoader timed out after {self.loader.timeout} seconds") from None

    def advance(self):
        while True:
            if self.given >= self.sent:
                self.finish()
                raise StopIteration
            number = self.given
            if not self.loader.in_order and self.ready:
                number = next(iter(self.ready))
            if number not in self.ready:
                arrived, who, result = self.receive()
                if isinstance(result, Finished):
                    self.active.discard(who)
                self.ready[arrived] = result
                continue
            result = self.ready.pop(number)
            self.given += 1
            if isinstance(result, Finished):
                continue
            self.hand_out()
            if isinstance(result, Failure):
                self.finish(force=True)
                result.reraise()
            return result

    def finish(self, force: bool = False) -> None:
        """Stop the workers, unless they are kept for the next epoch."""
        if self.loader.persistent_workers and not force:
            return
        self.loader._kept = None
        self.shut_down()

    def shut_down(self) -> None:
        for tasks in self.queues:
            tasks.put(None)
        for worker in self.workers:
            worker.join(timeout=5.0)
            if worker.is_alive():
                worker.terminate()
        for q in (*self.queues, self.results):
            q.cancel_join_thread()
            q.close()
        self.queues, self.workers = [], []

    def __del__(self):
        if getattr(self, "workers", None) and not sys.is_finalizing():
            self.shut_down()


class DataLoader:
    """Iterates over a dataset in batches, shuffled and collated, with worker processes if asked.

    Args:
        num_workers: processes that make batches; 0 makes them in this one. Under one seed the order is PyTorch's.
        pin_memory: needs nothing, since the GPU reaches all memory. timeout: seconds to wait for a worker, 0 for ever.

    Raises: ValueError, TypeError for options that exclude each other, in torch's words.
    """

    def __init__(self, dataset, batch_size: int | None = 1, shuffle: bool | None = None, sampler=None, batch_sampler=None,
                 num_workers: int = 0, collate_fn=None, pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
                 worker_init_fn=None, multiprocessing_context=None, generator=None, *, prefetch_factor: int | None = None,
                 persistent_workers: bool = False, pin_memory_device: str = "", in_order: bool = True):  # fmt: skip
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
                             "multiprocessing, otherwise set prefetch_factor to None.")  # fmt: skip
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        if not isinstance(pin_memory_device, str):
            raise TypeError("pin_memory_device must be a string")
        self.dataset, self.num_workers, self.timeout, self.worker_init_fn = dataset, num_workers, timeout, worker_init_fn
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device, self.in_order = pin_memory, pin_memory_device, in_order
        self.multiprocessing_context, self.generator = multiprocessing_context, generator
        self.persistent_workers = persistent_workers
        self._iterable = isinstance(dataset, IterableDataset)
        self._warned_length = self._kept = None
        self._choose_samplers(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.collate_fn = collate_fn or (default_convert if self.batch_sampler is None else default_collate)

    def _choose_samplers(self, batch_size, shuffle, sampler, batch_sampler, drop_last) -> None:
        if self._iterable:
            if shuffle not in (False, None):
                raise ValueError(f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}")
            if sampler is not None or batch_sampler is not None:
                name = "sampler" if sampler is not None else "batch_sampler"
                raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}="
                                 f"{sampler if sampler is not None else batch_sampler}")  # fmt: skip
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(self.dataset, generator=self.generator)
            else:
                sampler = SequentialSampler(self.dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler

    @property
    def _index_sampler(self):
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _context(self):
        chosen = self.multiprocessing_context
        if chosen is None:
            return multiprocessing.get_context("fork" if sys.platform.startswith("linux") else "spawn")
        return multiprocessing.get_context(chosen) if isinstance(chosen, str) else chosen

    def __iter__(self):
        if self.num_workers == 0:
            return _SingleProcess(self)
        if not self.persistent_workers:
            return _MultiProcess(self)
        if self._kept is None:
            self._kept = _MultiProcess(self)
        else:
            self._kept.restart(self)
        return self._kept

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        n = self._warned_length = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)



"""DataLoader: batches from a dataset, in this process or from worker processes."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import warnings
import weakref
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from ._utils.collate import default_collate, default_convert
from ._utils.fetch import _IterableDatasetFetcher, _MapDatasetFetcher
from ._utils.pool import Pool
from ._utils.worker import ExceptionWrapper, Finished, Job, Resume, get_worker_info
from .dataset import Dataset, IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, drawn_seed

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T = TypeVar("T", covariant=True)


class _DatasetKind:
    """Map-style or iterable, and the fetcher of each."""

    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind: int, dataset, auto_collation: bool, collate_fn, drop_last: bool):
        """The fetcher of a dataset of that kind."""
        return _FETCHERS[kind](dataset, auto_collation, collate_fn, drop_last)


_FETCHERS = (_MapDatasetFetcher, _IterableDatasetFetcher)


class _InfiniteConstantSampler(Sampler):
    """The index None for ever, which iterable datasets ignore."""

    def __iter__(self):
        return itertools.repeat(None)


# ----------------------------------------------------------------------------------------------------------- iterating
class _BaseDataLoaderIter:
    """What the two kinds of iteration share."""

    def __init__(self, loader: DataLoader):
        self._dataset, self._dataset_kind = loader.dataset, loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._index_sampler, self._num_workers = loader._index_sampler, loader.num_workers
        self._timeout = loader.timeout
        self._sampler_iter = iter(self._index_sampler)
        self._base_seed = drawn_seed(loader.generator)
        self._num_yielded = 0

    def __iter__(self):
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def _next_data(self):
        raise NotImplementedError("an iterator of a DataLoader must define _next_data")

    def __next__(self):
        batch = self._next_data()
        self._num_yielded += 1
        reported = self._IterableDataset_len_called
        if self._dataset_kind == _DatasetKind.Iterable and reported is not None and self._num_yielded > reported:
            self._warn_of_length(reported)
        return batch

    def _warn_of_length(self, reported: int) -> None:
        text = (
            f"Length of IterableDataset {self._dataset} was reported to be {reported}(when accessing len(dataloader)), "
            f"but {self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            text += "Do the workers split the stream? Each has a copy of the whole dataset; see get_worker_info()."
        warnings.warn(text, stacklevel=3)

    def __getstate__(self):
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Batches made in this process."""

    def __init__(self, loader: DataLoader):
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self._fetcher = _DatasetKind.create_fetcher(
            self._dataset_kind, self._dataset, loader._auto_collation, loader.collate_fn, loader.drop_last
        )

    def _next_data(self):
        return self._fetcher.fetch(next(self._sampler_iter))


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Batches made by worker processes, given back in order (or as they come with ``in_order=False``)."""

    def __init__(self, loader: DataLoader):
        super().__init__(loader)
        if loader.prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        self._in_order, self._persistent = loader.in_order, loader.persistent_workers
        self._ahead = loader.prefetch_factor * loader.num_workers
        context = loader.multiprocessing_context or multiprocessing.get_context()
        job = Job(
            _FETCHERS[self._dataset_kind], self._dataset, loader._auto_collation, loader.collate_fn, loader.drop_last,
            self._base_seed, loader.worker_init_fn, loader.num_workers,
        )  # fmt: skip
        self._pool = Pool(context, job)
        # a finalizer, not __del__: it keeps the pool whole when this iterator is collected as part of a cycle. At the
        # end of the interpreter multiprocessing ends the workers, which are daemons, itself.
        weakref.finalize(self, self._pool.shut_down).atexit = False
        self._begin()

    def _begin(self) -> None:
        """Start an epoch: hand out the first tasks."""
        n = self._num_workers
        self._sent = self._given = 0  # numbers of the next task to hand out and of the next result to return
        self._active = set(range(n))  # workers whose dataset has not ended
        self._holder: dict[int, int] = {}  # the worker of each task whose result has not come
        self._early: dict[int, tuple] = {}  # (worker, result) that came before its turn
        self._tasks_of = [0] * n
        self._turns = itertools.cycle(range(n))
        for _ in range(self._ahead):
            self._hand_out()

    def _reset(self, loader: DataLoader) -> None:
        """Start another epoch with the same workers; what is left of the last one is thrown away."""
        self._sampler_iter, self._num_yielded = iter(self._index_sampler), 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        for i in range(self._num_workers):
            self._pool.send(i, Resume())
        answers = 0
        while answers < self._num_workers:
            answers += isinstance(self._receive()[0], Resume)
        self._begin()

    def _hand_out(self) -> None:
        """Give the next worker in turn a task, if there are both."""
        try:
            indices = next(self._sampler_iter)
        except StopIteration:
            return
        for worker in itertools.islice(self._turns, self._num_workers):
            if worker in self._active and (self._in_order or self._tasks_of[worker] < self._ahead // len(self._active)):
                break
        else:
            return
        self._pool.send(worker, (self._sent, indices))
        self._holder[self._sent] = worker
        self._tasks_of[worker] += 1
        self._sent += 1

    def _receive(self) -> tuple:
        return self._pool.receive(self._timeout or None)

    def _next_data(self):
        while True:
            self._skip()
            if self._given == self._sent:
                if not self._persistent:
                    self._pool.shut_down()
                raise StopIteration
            if self._given in self._early:
                return self._give(*self._early.pop(self._given))
            number, result = self._receive()
            if isinstance(result, Finished):
                self._retire(result.worker_id)
                self._hand_out()
                continue
            worker = self._holder.pop(number)
            if number == self._given or not self._in_order:
                return self._give(worker, result)
            self._early[number] = (worker, result)

    def _skip(self) -> None:
        """Pass over tasks that were returned out of turn, and over those of workers whose dataset has ended."""
        while self._given < self._sent and self._given not in self._early:
            if self._holder.get(self._given) in self._active:
                return
            self._holder.pop(self._given, None)
            self._given += 1

    def _retire(self, worker: int) -> None:
        self._active.discard(worker)
        if not self._persistent:
            self._pool.send(worker, None)

    def _give(self, worker: int, result):
        self._tasks_of[worker] -= 1
        self._hand_out()
        if isinstance(result, ExceptionWrapper):
            result.reraise()
        return result


# ------------------------------------------------------------------------------------------------------------- loading
class DataLoader(Generic[T]):
    """Iterates over a dataset in batches, shuffled and collated, with worker processes if asked.

    Args:
        num_workers: processes that make batches; 0 makes them in this one. Under one seed the order is PyTorch's.
        pin_memory: needs nothing, since the GPU reaches all memory. timeout: seconds to wait for a batch, 0 for ever.

    Raises: ValueError, TypeError for options that exclude each other, in torch's words.
    """

    _initialized = False

    def __init__(
        self,
        dataset: Dataset[T],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler=None,
        batch_sampler=None,
        num_workers: int = 0,
        collate_fn=None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        if not isinstance(pin_memory_device, str):
            raise TypeError(f"pin_memory_device must be a str, not {type(pin_memory_device).__name__}")
        self.dataset, self.num_workers, self.timeout, self.worker_init_fn = (
            dataset,
            num_workers,
            timeout,
            worker_init_fn,
        )
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device, self.in_order = pin_memory, pin_memory_device, in_order
        self.multiprocessing_context = multiprocessing_context
        self._dataset_kind = _DatasetKind.Iterable if isinstance(dataset, IterableDataset) else _DatasetKind.Map
        self.generator = generator
        self._choose_samplers(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.collate_fn = collate_fn or (default_collate if self._auto_collation else default_convert)
        self.persistent_workers = persistent_workers
        self._initialized = True
        self._IterableDataset_len_called = self._iterator = None
        self.check_worker_number_rationality()

    def _choose_samplers(self, batch_size, shuffle, sampler, batch_sampler, drop_last) -> None:
        iterable = self._dataset_kind == _DatasetKind.Iterable
        if iterable:
            for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
                if value is not None:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                    )
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(self.dataset, generator=self.generator)
            else:
                sampler = SequentialSampler(self.dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = (
            batch_size,
            drop_last,
            sampler,
            batch_sampler,
        )

    @property
    def multiprocessing_context(self):
        """The multiprocessing context workers are started in, None for Python's default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context) -> None:
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            if isinstance(context, str):
                valid = multiprocessing.get_all_start_methods()
                if context not in valid:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {valid!r}, but got "
                        f"multiprocessing_context={context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    f"method, but got multiprocessing_context={context}"
                )
        self._context = context

    def __setattr__(self, name: str, value) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def _get_iterator(self) -> _BaseDataLoaderIter:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    def __iter__(self) -> Iterator[Any]:
        if not self.persistent_workers or self.num_workers == 0:
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        n = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn if there are more workers than processors."""
        processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if self.num_workers > (processors or self.num_workers):
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total, but this machine has "
                f"{processors} processors: more workers than that make loading slower.",
                stacklevel=2,
            )


_FIXED = frozenset({"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"})


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")

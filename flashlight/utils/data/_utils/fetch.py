"""From indices to a batch, in the main process and in workers alike."""

from __future__ import annotations

import numpy as np

from ...._core.conversion import from_host
from ...._core.tensor import Tensor, wrap
from ..dataset import Subset, TensorDataset
from .collate import collate_tensor_fn, default_collate, default_collate_fn_map


class _BaseDatasetFetcher:
    """Holds what fetching needs; ``auto_collation`` says whether indices come in lists."""

    def __init__(self, dataset, auto_collation: bool, collate_fn, drop_last: bool):
        self.dataset, self.auto_collation = dataset, auto_collation
        self.collate_fn, self.drop_last = collate_fn, drop_last

    def fetch(self, possibly_batched_index):
        raise NotImplementedError("a fetcher must define fetch")


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    """Takes as many samples from a stream as there are indices; raises StopIteration at its end."""

    def __init__(self, dataset, auto_collation: bool, collate_fn, drop_last: bool):
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.dataset_iter, self.ended = iter(dataset), False

    def fetch(self, possibly_batched_index):
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        samples = []
        for _ in possibly_batched_index:
            try:
                samples.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(possibly_batched_index)):
            raise StopIteration
        return self.collate_fn(samples)


class _MapDatasetFetcher(_BaseDatasetFetcher):
    """Looks samples up by their indices."""

    def fetch(self, possibly_batched_index):
        dataset = self.dataset
        if not self.auto_collation:
            return self.collate_fn(dataset[possibly_batched_index])
        if self.collate_fn is default_collate and (rows := _rows(dataset, possibly_batched_index)) is not None:
            return rows
        if getattr(dataset, "__getitems__", None):
            return self.collate_fn(dataset.__getitems__(possibly_batched_index))
        return self.collate_fn([dataset[i] for i in possibly_batched_index])


def _rows(dataset, indices) -> list | None:
    """The collated batch of a TensorDataset, taken in one gather a tensor; None for anything else.

    What comes out is what stacking the rows one by one gives, some hundred times faster.
    """
    if type(indices) is not list or default_collate_fn_map.get(Tensor) is not collate_tensor_fn:
        return None
    while type(dataset) is Subset:
        indices, dataset = [dataset.indices[i] for i in indices], dataset.dataset
    if type(dataset) is not TensorDataset or not all(type(i) is int for i in indices):
        return None
    chosen = wrap(from_host(np.array(indices, np.int64)))
    return [t[chosen] for t in dataset.tensors]

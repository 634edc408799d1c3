"""Datasets, samplers and loaders: what they hold and what they refuse."""

import warnings

import pytest
import torch

import flashlight

from . import both
from .streams import Rows, library, stream


def refused(fn):
    """Both libraries refuse, in the same words."""
    with pytest.raises(Exception) as theirs:
        fn(torch, "torch")
    with pytest.raises(theirs.type) as ours:
        fn(flashlight, "flashlight")
    return str(ours.value), str(theirs.value)


def test_tensor_dataset():
    def fn(lib, _):
        d = lib.utils.data.TensorDataset(lib.arange(6.0).view(3, 2), lib.arange(3))
        return len(d), d[1], d[-1], d[0:2]

    both(fn)


def test_stack_datasets():
    def fn(lib, name):
        D = lib.utils.data
        a, b = D.TensorDataset(lib.arange(4)), D.Subset(range(10), [3, 5, 7, 9])
        named, plain = D.StackDataset(x=a, y=b), D.StackDataset(a, b)
        return len(named), named[1], plain[2], named.__getitems__([0, 3]), plain.__getitems__([1, 2]), plain[-1]

    both(fn)


def test_concatenated_datasets():
    def fn(lib, _):
        D = lib.utils.data
        whole = D.ConcatDataset([D.Subset(range(9), [1, 2]), D.Subset(range(9), [8]), D.Subset(range(9), [4, 5, 6])])
        joined = D.Subset(range(9), [1]) + D.Subset(range(9), [2])
        return (
            len(whole),
            [whole[i] for i in range(-6, 6)],
            whole.cumulative_sizes,
            list(joined)[:2],
            D.ConcatDataset.cumsum([[1], [2, 3]]),
        )

    both(fn)


def test_chained_streams():
    def fn(lib, name):
        chained = stream(name, 3) + stream(name, 2)
        sized = lib.utils.data.ChainDataset(
            [stream(name, 3, sized=True, reported=3), stream(name, 2, sized=True, reported=2)]
        )
        return list(chained), list(lib.utils.data.DataLoader(chained, 2)), len(sized)

    both(fn)


def test_subsets():
    class Batched:
        def __getitem__(self, i):
            return [j * 10 for j in i] if isinstance(i, list) else i * 10

        def __getitems__(self, indices):
            return [-i for i in indices]

    def fn(lib, _):
        s = lib.utils.data.Subset(Batched(), [4, 2, 6])
        return len(s), s[0], s[[0, 2]], s.__getitems__([1, 2]), list(lib.utils.data.DataLoader(s, 2))

    both(fn)


def test_a_subset_with_its_own_items_must_have_batches_too():
    def fn(lib, _):
        class Own(lib.utils.data.Subset):
            def __getitem__(self, i):
                return 0

        Own(range(3), [0])

    assert "__getitems__" in refused(fn)[0]


def test_classes_take_type_arguments():
    D = flashlight.utils.data

    class Named(D.Dataset[int]):
        def __getitem__(self, i):
            return i

    assert Named()[3] == 3 and D.DataLoader[int] and issubclass(Named, D.Dataset)
    assert issubclass(D.IterableDataset, D.Dataset) and D.Sampler[int]


def test_public_paths():
    from flashlight.utils.data import dataloader, dataset, distributed, sampler
    from flashlight.utils.data._utils.collate import collate, default_collate_fn_map
    from flashlight.utils.data._utils.worker import WorkerInfo

    D = flashlight.utils.data
    assert dataloader.DataLoader is D.DataLoader and dataset.random_split is D.random_split
    assert sampler.BatchSampler is D.BatchSampler and distributed.DistributedSampler is D.DistributedSampler
    assert callable(collate) and flashlight.Tensor in default_collate_fn_map
    assert WorkerInfo(1, 2, 3, None).worker_method == "multiprocessing"
    assert D.get_worker_info() is None
    torchs = {n for n in torch.utils.data.__all__ if "Pipe" not in n and "pipe" not in n}
    assert torchs - {
        "DataChunk",
        "argument_validation",
        "non_deterministic",
        "runtime_validation",
        "runtime_validation_disabled",
    } <= set(D.__all__)


REFUSED = {
    "negative workers": lambda D, r, s: D.DataLoader(r, num_workers=-1),
    "negative timeout": lambda D, r, s: D.DataLoader(r, timeout=-1),
    "prefetch without workers": lambda D, r, s: D.DataLoader(r, prefetch_factor=2),
    "negative prefetch": lambda D, r, s: D.DataLoader(r, num_workers=1, prefetch_factor=-2),
    "no prefetch": lambda D, r, s: iter(D.DataLoader(r, num_workers=1, prefetch_factor=0)),
    "persistent without workers": lambda D, r, s: D.DataLoader(r, persistent_workers=True),
    "timeout without workers": lambda D, r, s: iter(D.DataLoader(r, timeout=1)),
    "context without workers": lambda D, r, s: D.DataLoader(r, multiprocessing_context="fork"),
    "unknown context": lambda D, r, s: D.DataLoader(r, num_workers=1, multiprocessing_context="threads"),
    "context of a wrong type": lambda D, r, s: D.DataLoader(r, num_workers=1, multiprocessing_context=3),
    "shuffled stream": lambda D, r, s: D.DataLoader(s, shuffle=True),
    "stream with a batch sampler": lambda D, r, s: D.DataLoader(s, batch_sampler=[[1]]),
    "stream with a sampler": lambda D, r, s: D.DataLoader(s, sampler=[1]),
    "sampler and shuffle": lambda D, r, s: D.DataLoader(r, sampler=[1], shuffle=True),
    "batch sampler and size": lambda D, r, s: D.DataLoader(r, 2, batch_sampler=[[1]]),
    "batch sampler and drop_last": lambda D, r, s: D.DataLoader(r, batch_sampler=[[1]], drop_last=True),
    "no batches and drop_last": lambda D, r, s: D.DataLoader(r, None, drop_last=True),
    "batch size 0": lambda D, r, s: D.DataLoader(r, 0),
    "batch size that is a bool": lambda D, r, s: D.BatchSampler(r, True, False),
    "drop_last that is a number": lambda D, r, s: D.BatchSampler(r, 2, 1),
    "setting batch_size": lambda D, r, s: setattr(D.DataLoader(r), "batch_size", 3),
    "setting dataset": lambda D, r, s: setattr(D.DataLoader(r), "dataset", r),
    "shuffling nothing": lambda D, r, s: D.DataLoader([], shuffle=True),
    "length of a stream": lambda D, r, s: len(D.DataLoader(s)),
    "no items": lambda D, r, s: D.Dataset()[0],
    "sizes of tensors": lambda D, r, s: D.TensorDataset(*(library(r.lib).zeros(n) for n in (2, 3))),
    "nothing to stack": lambda D, r, s: D.StackDataset(),
    "stacking both ways": lambda D, r, s: D.StackDataset(r, a=r),
    "stacking different lengths": lambda D, r, s: D.StackDataset(r, range(2)),
    "concatenating nothing": lambda D, r, s: D.ConcatDataset([]),
    "concatenating a stream": lambda D, r, s: D.ConcatDataset([s]),
    "beyond a concatenation": lambda D, r, s: D.ConcatDataset([r])[-9],
    "chaining what is no stream": lambda D, r, s: list(D.ChainDataset([r])),
    "splits of another sum": lambda D, r, s: D.random_split(r, [1, 1]),
    "splits that are negative": lambda D, r, s: D.random_split(r, [1.5, -0.5]),
    "random sampler with a number": lambda D, r, s: D.RandomSampler(r, replacement=1),
    "random sampler of none": lambda D, r, s: D.RandomSampler(r, num_samples=0),
    "weighted sampler of none": lambda D, r, s: D.WeightedRandomSampler([1.0], 0),
    "weighted sampler of a matrix": lambda D, r, s: D.WeightedRandomSampler([[1.0]], 1),
    "weighted sampler with a number": lambda D, r, s: D.WeightedRandomSampler([1.0], 1, replacement=1),
    "rank out of range": lambda D, r, s: D.DistributedSampler(r, 2, 2),
    "collating objects": lambda D, r, s: D.default_collate([object(), object()]),
    "collating different lengths": lambda D, r, s: D.default_collate([[1], [1, 2]]),
    "collating different shapes": lambda D, r, s: D.default_collate([library(r.lib).zeros(n) for n in (2, 3)]),
    "stream without __iter__": lambda D, r, s: D.IterableDataset(),
}
OWN_WORDS = {"stream without __iter__", "collating different shapes", "length of a stream", "collating objects"}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_in_torch(name):
    ours, theirs = refused(lambda lib, n: REFUSED[name](lib.utils.data, Rows(n, 5), stream(n, 4)))
    if name not in OWN_WORDS and "streams." not in theirs:
        assert ours == theirs


def test_wrong_lengths_of_streams_are_told():
    for lib, name in ((torch, "torch"), (flashlight, "flashlight")):
        loader = lib.utils.data.DataLoader(stream(name, 5, sized=True, reported=3), 1)
        assert len(loader) == 3
        with pytest.warns(UserWarning, match="was reported to be 3.*but 4 samples have been fetched"):
            list(loader)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(lib.utils.data.DataLoader(stream(name, 5, sized=True, reported=3), 1))  # nobody asked for the length


def test_too_many_workers_are_told():
    with pytest.warns(UserWarning, match="This DataLoader will create 9999 worker processes in total"):
        flashlight.utils.data.DataLoader(range(3), num_workers=9999)


def test_splits_of_length_zero_are_told():
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        flashlight.utils.data.random_split(range(1), [0.5, 0.5])


def test_pinning_needs_nothing():
    loader = flashlight.utils.data.DataLoader(range(4), 2, pin_memory=True)
    assert [b.tolist() for b in loader] == [[0, 1], [2, 3]]
    with pytest.raises(TypeError):
        flashlight.utils.data.DataLoader(range(4), pin_memory_device=0)

"""Under one seed samplers, splits and loaders give PyTorch's orders, with and without workers."""

import random

import numpy as np
import pytest
import torch

import flashlight

from . import both
from .streams import Rows, Seeds, shift, stream

SAMPLERS = {
    "sequential": lambda D, g: D.SequentialSampler(range(7)),
    "random": lambda D, g: D.RandomSampler(range(37)),
    "random with a generator": lambda D, g: D.RandomSampler(range(37), generator=g),
    "random, more than once round": lambda D, g: D.RandomSampler(range(10), num_samples=25, generator=g),
    "random, exactly twice round": lambda D, g: D.RandomSampler(range(10), num_samples=20),
    "random with replacement": lambda D, g: D.RandomSampler(range(10), replacement=True, num_samples=70),
    "random with replacement, 64": lambda D, g: D.RandomSampler(
        range(10), replacement=True, num_samples=64, generator=g
    ),
    "subset": lambda D, g: D.SubsetRandomSampler([3, 5, 8, 9, 1]),
    "subset with a generator": lambda D, g: D.SubsetRandomSampler([3, 5, 8, 9, 1], generator=g),
    "weighted": lambda D, g: D.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7, 3.0, 0.6], 50),
    "weighted without replacement": lambda D, g: D.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 3, False, generator=g),
    "batches": lambda D, g: D.BatchSampler(D.RandomSampler(range(10)), 3, False),
    "batches, the last dropped": lambda D, g: D.BatchSampler(D.SequentialSampler(range(10)), 3, True),
    "distributed": lambda D, g: D.DistributedSampler(range(11), 3, 1),
    "distributed, dropped": lambda D, g: D.DistributedSampler(range(11), 3, 2, drop_last=True, seed=4),
    "distributed, in order": lambda D, g: D.DistributedSampler(range(2), 5, 4, shuffle=False),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name):
    def fn(lib, _):
        g = lib.Generator().manual_seed(8)
        sampler = SAMPLERS[name](lib.utils.data, g)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(2)
        return len(sampler), list(sampler), list(sampler), g.get_state()

    both(fn)


@pytest.mark.parametrize("lengths", [[3, 4, 3], [0.5, 0.3, 0.2], [0.33, 0.33, 0.34], [10, 0]])
@pytest.mark.parametrize("given", [False, True])
def test_random_split(lengths, given):
    def fn(lib, _):
        options = {"generator": lib.Generator().manual_seed(3)} if given else {}
        parts = lib.utils.data.random_split(range(10), lengths, **options)
        return [(len(p), p.indices, list(p)) for p in parts]

    both(fn)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"batch_size": 4, "drop_last": True}, {"batch_size": None}])
def test_shuffled_loaders(workers, given, options):
    def fn(lib, name):
        g = lib.Generator().manual_seed(3) if given else None
        loader = lib.utils.data.DataLoader(Rows(name, 11), shuffle=True, num_workers=workers, generator=g, **options)
        return len(loader), list(loader), list(loader), g.get_state() if given else None

    both(fn)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("init", [None, shift])
def test_every_generator_of_a_worker_is_seeded_as_in_torch(workers, persistent, init):
    if not workers and (persistent or init):
        pytest.skip("these are options of workers")

    def fn(lib, name):
        random.seed(1)
        np.random.seed(1)
        loader = lib.utils.data.DataLoader(
            Seeds(name, 9), 2, shuffle=True, num_workers=workers, persistent_workers=persistent, worker_init_fn=init
        )
        return [list(loader) for _ in range(3)]

    both(fn)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_the_start_method_changes_nothing(method):
    def fn(lib, name):
        context = method if name == "flashlight" else None  # torch is slow to start anew
        loader = lib.utils.data.DataLoader(
            Seeds(name, 7), 2, shuffle=True, num_workers=2, multiprocessing_context=context, worker_init_fn=shift
        )
        return list(loader)

    both(fn)


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("options", [{"batch_size": 3}, {"batch_size": 3, "drop_last": True}, {"batch_size": None}])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_streams(workers, split, options):
    def batches(lib, name):
        loader = lib.utils.data.DataLoader(stream(name, 14, split=split), num_workers=workers, **options)
        return [b.tolist() if hasattr(b, "tolist") else b for b in loader]

    ours, theirs = batches(flashlight, "flashlight"), batches(torch, "torch")
    if workers < 2:
        assert ours == theirs
    # which worker gets the tasks of one that has ended is a matter of time, in torch as well
    assert sorted(map(str, ours)) == sorted(map(str, theirs))


@pytest.mark.parametrize("workers", [0, 2])
def test_own_samplers_and_batch_samplers(workers):
    def fn(lib, name):
        D = lib.utils.data
        rows = Rows(name, 9)
        return [
            list(D.DataLoader(rows, 2, sampler=[4, 1, 7], num_workers=workers)),
            list(D.DataLoader(rows, batch_sampler=[[1, 2], [5], [0, 8, 3]], num_workers=workers)),
            list(D.DataLoader(rows, 4, sampler=D.WeightedRandomSampler([1.0] * 9, 9), num_workers=workers)),
        ]

    both(fn)


def test_epochs_of_a_tensor_dataset_and_of_its_splits():
    def fn(lib, _):
        D = lib.utils.data
        whole = D.TensorDataset(lib.arange(40.0).view(20, 2), lib.arange(20))
        first, second = D.random_split(whole, [15, 5])
        loader = D.DataLoader(first, 4, shuffle=True)
        return [list(loader), list(loader), list(D.DataLoader(second, 2)), list(D.DataLoader(whole, 6))]

    both(fn)

"""Datasets, in a module that spawned workers can import; torch is imported only if asked for."""

import importlib
import os
import random
import sys
import time

import numpy as np

import flashlight

library = importlib.import_module


class Rows:
    """Samples of a tensor, an int, a float, a string, a dict and numpy data."""

    def __init__(self, lib: str, n: int):
        self.lib, self.x = lib, library(lib).arange(2.0 * n).view(n, 2)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i] * 2, i, i / 2, f"row {i}", {"a": np.float32(i), "b": np.arange(3) + i}


class Seeds:
    """What every generator draws next, and what the worker is told of itself."""

    def __init__(self, lib: str, n: int):
        self.lib, self.n = lib, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        lib = library(self.lib)
        info = lib.utils.data.get_worker_info()
        told = (-1, -1, -1) if info is None else (info.id, info.num_workers, info.seed)
        drawn = random.random(), np.random.rand(), lib.rand(2), lib.randn(3), lib.initial_seed() if info else 0
        return told, drawn, i


class Stream:
    """``n`` numbers from a start, split among the workers if asked; workers may have different lengths."""

    def __init__(self, lib: str, n: int, split: bool = True, reported: int | None = None):
        self.lib, self.n, self.split, self.reported = lib, n, split, reported

    def __iter__(self):
        info = library(self.lib).utils.data.get_worker_info()
        if info is None or not self.split:
            return iter(range(self.n))
        return iter(range(info.id, self.n, info.num_workers))


class OurStream(Stream, flashlight.utils.data.IterableDataset):
    pass


class OurSizedStream(OurStream):
    def __len__(self):
        return self.reported


def stream(lib: str, *args, sized: bool = False, **kwargs):
    ours = OurSizedStream if sized else OurStream
    kind = ours if lib == "flashlight" else getattr(library("tests.utils.data.torch_streams"), ours.__name__)
    return kind(lib, *args, **kwargs)


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


class Failing:
    """Sample 5 is refused in one of several ways."""

    def __init__(self, lib: str, how: str, n: int = 12):
        self.lib, self.how, self.n = lib, how, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i != 5:
            return i
        match self.how:
            case "value":
                raise ValueError("sample 5 is bad")
            case "key":
                raise KeyError("five")
            case "odd":
                raise Odd(1, 2)
            case "local":

                class Local(Exception):
                    pass

                raise Local("unpicklable class")
            case "stop":
                raise StopIteration
            case "exit":
                os._exit(3)
            case "kill":
                os.kill(os.getpid(), 9)
            case "sleep":
                time.sleep(30)
            case "unpicklable":
                return lambda: None


class Big:
    """Samples that do not fit the buffer of a pipe."""

    def __init__(self, lib: str, n: int = 40):
        self.lib, self.n = lib, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return library(self.lib).full((200_000,), float(i))


class Pid:
    def __len__(self):
        return 8

    def __getitem__(self, i):
        return os.getpid()


def keep(batch):
    return batch


def fail_to_start(worker_id):
    if worker_id == 1:
        raise ValueError("worker 1 will not start")


def shift(worker_id):
    """A worker_init_fn that changes the worker's own copy of the dataset."""
    for lib in (flashlight, sys.modules.get("torch", flashlight)):
        info = lib.utils.data.get_worker_info()
        if info is not None and info.dataset.n < 100:
            assert info.id == worker_id
            info.dataset.n += 100 * worker_id

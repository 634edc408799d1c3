"""What the tests of datasets and loaders share."""

import collections.abc

import numpy as np

from .streams import library


def plain(value):
    """A batch as Python data that compares by value, types of containers and dtypes included."""
    if type(value).__name__ == "Tensor":
        return ("tensor", str(value.dtype), tuple(value.shape), np.round(value.detach().double().numpy(), 5).tolist())
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.tolist())
    if isinstance(value, collections.abc.Mapping):
        return (type(value).__name__, {k: plain(v) for k, v in value.items()})
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes)):
        return (type(value).__name__, [plain(v) for v in value])
    return value


def both(fn):
    """``fn(lib, name)`` under one seed in both libraries, compared."""
    results = []
    for name in ("torch", "flashlight"):
        lib = library(name)
        lib.manual_seed(11)
        results.append((plain(fn(lib, name)), lib.get_rng_state().numpy().tolist()))
    assert results[1][0] == results[0][0]
    assert results[1][1] == results[0][1], "the generators ended in different states"
    return results[1][0]

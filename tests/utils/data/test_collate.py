"""Collating and converting samples of every kind."""

import collections
import types

import numpy as np
import pytest

import flashlight

from . import both

Point = collections.namedtuple("Point", "x y")


class Fixed(list):
    """A sequence with an attribute, whose copies must keep it."""

    tag = "own"


SAMPLES = {
    "tensors": lambda L: [L.arange(3), L.arange(3) + 1],
    "0-d tensors": lambda L: [L.tensor(1.5), L.tensor(2.5)],
    "arrays": lambda L: [np.arange(3), np.arange(3)],
    "float32 arrays": lambda L: [np.ones((2, 2), np.float32)] * 3,
    "0-d arrays": lambda L: [np.array(1.0), np.array(2.0)],
    "numpy numbers": lambda L: [np.float32(1.5), np.float32(2)],
    "numpy doubles": lambda L: [np.float64(1.5), np.float64(2)],
    "numpy ints": lambda L: [np.int16(1), np.int16(2)],
    "numpy bools": lambda L: [np.bool_(True), np.bool_(False)],
    "ints": lambda L: [1, 2, 3],
    "bools": lambda L: [True, False],
    "floats": lambda L: [0.1, 0.2],
    "strings": lambda L: ["a", "bc"],
    "bytes": lambda L: [b"a", b"bc"],
    "dicts": lambda L: [{"a": 1, "b": [L.zeros(2)]}, {"a": 2, "b": [L.ones(2)]}],
    "ordered dicts": lambda L: [collections.OrderedDict(a=1, b=2.0)] * 2,
    "mapping proxies": lambda L: [types.MappingProxyType({"a": 1})] * 2,
    "tuples": lambda L: [(1, "a"), (2, "b")],
    "lists": lambda L: [[1, 2.0], [3, 4.0]],
    "namedtuples": lambda L: [Point(1, L.zeros(1)), Point(2, L.ones(1))],
    "ranges": lambda L: [range(3), range(3)],
    "deques": lambda L: [collections.deque([1, 2]), collections.deque([3, 4])],
    "nested": lambda L: [({"a": (1, [2.0])}, Point("s", np.arange(2)))] * 2,
}


@pytest.mark.parametrize("name", SAMPLES)
def test_default_collate(name):
    both(lambda lib, _: lib.utils.data.default_collate(SAMPLES[name](lib)))


@pytest.mark.parametrize("name", SAMPLES)
def test_default_convert(name):
    both(lambda lib, _: [lib.utils.data.default_convert(s) for s in SAMPLES[name](lib)])


def test_strings_of_numpy_stay():
    both(lambda lib, _: lib.utils.data.default_convert({"a": np.array(["x"]), "b": np.str_("y"), "c": None}))
    with pytest.raises(TypeError, match="default_collate: batch must contain"):
        flashlight.utils.data.default_collate([np.array(["x"]), np.array(["y"])])


def test_sequences_keep_their_class():
    batch = flashlight.utils.data.default_collate([Fixed([1, 2]), Fixed([3, 4])])
    assert type(batch) is Fixed and batch[0].tolist() == [1, 3]


def test_collating_gives_gradients():
    rows = [flashlight.ones(2, requires_grad=True) for _ in range(3)]
    flashlight.utils.data.default_collate(rows).sum().backward()
    assert rows[2].grad.tolist() == [1, 1]


def test_the_map_of_types_can_be_extended():
    from flashlight.utils.data._utils.collate import collate, default_collate_fn_map

    def points(batch, *, collate_fn_map=None):
        return "points", len(batch)

    samples = [(Point(1, 2), 3), (Point(4, 5), 6)]
    made = collate(samples, collate_fn_map={Point: points, **default_collate_fn_map})
    assert made[0] == ("points", 2) and made[1].tolist() == [3, 6]


def test_a_changed_map_holds_for_tensor_datasets_too():
    from flashlight.utils.data._utils.collate import default_collate_fn_map

    D = flashlight.utils.data
    stacked = default_collate_fn_map[flashlight.Tensor]
    default_collate_fn_map[flashlight.Tensor] = lambda batch, *, collate_fn_map=None: len(batch)
    try:
        assert list(D.DataLoader(D.TensorDataset(flashlight.zeros(4, 2)), 3)) == [[3], [1]]
    finally:
        default_collate_fn_map[flashlight.Tensor] = stacked


def test_batches_of_a_tensor_dataset_are_what_rows_give():
    D = flashlight.utils.data
    x = flashlight.arange(12.0).view(6, 2).requires_grad_()
    data = D.TensorDataset(x, flashlight.arange(6))
    fast = list(D.DataLoader(data, 4))
    slow = list(D.DataLoader(data, 4, collate_fn=lambda rows: D.default_collate(rows)))
    for a, b in zip(fast, slow, strict=True):
        assert type(a) is type(b) is list
        assert all((s == t).all() and s.dtype is t.dtype for s, t in zip(a, b, strict=True))
    fast[0][0].sum().backward()
    assert x.grad.tolist() == [[1, 1]] * 4 + [[0, 0]] * 2
    with pytest.raises(IndexError):
        list(D.DataLoader(data, sampler=[9]))

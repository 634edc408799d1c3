"""``x[key]``, ``x[key] = value`` and the functions that gather and scatter, against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flashlight

from ..oracle import T, realise, to_numpy

QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


# ---------------------------------------------------------------------------------------------------------- random keys
@st.composite
def keys(draw, shape):
    """An index expression for ``shape`` as a function of the library, now and then one that does not fit."""
    items, dims, ellipsis = [], list(shape), False
    common = draw(st.lists(st.integers(1, 3), max_size=2))  # what index tensors broadcast to
    while dims or draw(st.integers(0, 4)) == 0:
        if len(items) > 6 or (dims and draw(st.integers(0, 5)) == 0):
            break
        n = dims[0] if dims else 1
        kind = draw(st.sampled_from("iissssntttmlbe"))
        if kind == "i":
            items.append(draw(st.integers(-n, n - 1)) if n else 0)
        elif kind == "s":
            ends = st.one_of(st.none(), st.integers(-n - 2, n + 2))
            items.append(slice(draw(ends), draw(ends), draw(st.one_of(st.none(), st.integers(1, 3)))))
        elif kind == "n":
            items.append(None)
            continue
        elif kind == "t":
            size = tuple(draw(st.sampled_from((m, 1))) for m in common[draw(st.integers(0, len(common))) :])
            values = st.integers(-n, n - 1) if n else st.just(0)
            flat = [draw(values) for _ in range(int(np.prod(size)))]
            items.append(T(np.array(flat, dtype=draw(st.sampled_from(("int64", "int32")))).reshape(size)))
        elif kind == "l":
            items.append([draw(st.integers(-n, n - 1)) if n else 0 for _ in range(draw(st.integers(0, 2)))])
        elif kind == "m":
            count = draw(st.integers(1, 2)) if len(dims) > 1 else 1
            size = tuple(dims[:count]) or (1,)
            flat = [draw(st.booleans()) for _ in range(int(np.prod(size)))]
            items.append(T(np.array(flat, dtype=bool).reshape(size)))
            dims = dims[count:]
            continue
        elif kind == "b":
            items.append(draw(st.booleans()))
            continue
        else:
            if ellipsis:
                continue
            ellipsis = True
            items.append(Ellipsis)
            dims = dims[draw(st.integers(0, len(dims))) :]
            continue
        dims = dims[1:]
    items = items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)

    return (lambda lib: realise(items, lib, False, [])), items


def _both(fn):
    """``fn`` under both libraries: their results, or that both refuse alike."""
    try:
        theirs = fn(torch)
    except Exception as error:
        with pytest.raises(Exception) as refused:
            fn(flashlight)
        assert isinstance(refused.value, type(error)), f"{refused.value!r} where torch raises {error!r}"
        assert str(refused.value) == str(error)
        return None
    return fn(flashlight), theirs


SHAPES = st.lists(st.sampled_from((0, 1, 2, 3, 4)), max_size=4)


@QUICK
@given(st.data())
def test_reading(data):
    shape = data.draw(SHAPES)
    key, _ = data.draw(keys(shape))
    n = int(np.prod(shape))

    def read(lib):
        x = lib.arange(n).reshape(shape).to(lib.float32).requires_grad_()
        y = x[key(lib)]
        (g,) = lib.autograd.grad((y * y).sum(), x)
        return y, g

    results = _both(read)
    if results:
        for a, b in zip(*results, strict=True):
            assert tuple(a.shape) == tuple(b.shape)
            np.testing.assert_array_equal(to_numpy(a), to_numpy(b))
        assert results[0][0]._is_view() == results[1][0]._is_view()


@QUICK
@given(st.data())
def test_writing(data):
    shape = data.draw(SHAPES)
    key, _ = data.draw(keys(shape))
    n = int(np.prod(shape))
    region = tuple(np.zeros(shape)[()].shape)
    try:
        region = tuple(torch.zeros(shape)[key(torch)].shape)
    except (IndexError, RuntimeError, TypeError):
        region = (1,)
    size = [data.draw(st.sampled_from((m, m, 1))) for m in region[data.draw(st.integers(0, len(region))) :]]
    if data.draw(st.integers(0, 8)) == 0:
        size = [1, *size]
    if data.draw(st.integers(0, 12)) == 0:
        size = [*size, 2]
    scalar = data.draw(st.booleans())

    def write(lib):
        x = lib.arange(n).reshape(shape).to(lib.float32).requires_grad_()
        v = lib.arange(100, 100 + int(np.prod(size))).reshape(size).to(lib.float32).requires_grad_()
        y = x * 1
        y[key(lib)] = 7 if scalar else v
        gx, gv = lib.autograd.grad((y * y).sum(), (x, v), allow_unused=True)
        return y, gx, gv

    if not _writes_once(shape, key):
        return
    results = _both(write)
    if results:
        for a, b in zip(*results, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_array_equal(to_numpy(a), to_numpy(b))


def _writes_once(shape, key) -> bool:
    # where an element is written twice, which value stays is nobody's promise
    try:
        places = torch.arange(int(np.prod(shape))).reshape(shape)[key(torch)]
    except Exception:
        return True
    return places.unique().numel() == places.numel()


# --------------------------------------------------------------------------------------------------------- certain keys
KEYS = {
    "list": lambda lib: [0, 1],
    "list of lists": lambda lib: [[0, 1], [1, 0]],
    "list of booleans": lambda lib: [True, False],
    "empty list": lambda lib: [],
    "list with a slice": lambda lib: [slice(0, 1), 0],
    "numpy array": lambda lib: np.array([[0, 1], [1, 0]]),
    "numpy mask": lambda lib: np.array([True, False]),
    "numpy integer": lambda lib: np.int64(1),
    "range": lambda lib: range(2),
    "apart": lambda lib: (lib.tensor([0, 1]), slice(None), lib.tensor([1, 2])),
    "side by side": lambda lib: (slice(None), lib.tensor([0, 1]), lib.tensor([1, 2])),
    "int and tensor apart": lambda lib: (0, slice(None), lib.tensor([[0, 1]])),
    "None between": lambda lib: (lib.tensor([0]), None, lib.tensor([0, 1])),
    "mask of two dimensions": lambda lib: lib.tensor([[True, False, True], [False, True, True]]),
    "mask and tensor": lambda lib: (lib.tensor([True, True]), lib.tensor([0, 1])),
    "True": lambda lib: True,
    "False and int": lambda lib: (False, 0),
    "bool tensor": lambda lib: lib.tensor(True),
    "bytes as mask": lambda lib: lib.tensor([1, 0], dtype=lib.uint8),
    "two ellipses": lambda lib: (Ellipsis, 0, Ellipsis),
    "outer": lambda lib: (lib.tensor([[0], [1]]), lib.tensor([0, 2])),
    "scalar tensor": lambda lib: lib.tensor(1),
    "int8 scalar": lambda lib: lib.tensor(1, dtype=lib.int8),
    "slice of tensors": lambda lib: slice(lib.tensor(0), lib.tensor(1)),
    "out of range": lambda lib: (slice(None), 5),
    "tensor out of range": lambda lib: lib.tensor([2]),
    "too many": lambda lib: (0, 0, 0, 0),
    "float": lambda lib: 0.5,
    "string": lambda lib: "a",
    "float tensor": lambda lib: lib.tensor([0.0]),
    "int8 tensor": lambda lib: lib.tensor([0], dtype=lib.int8),
    "negative step": lambda lib: slice(None, None, -1),
    "mask of another size": lambda lib: (slice(None), lib.tensor([True, False])),
    "tensors that do not broadcast": lambda lib: (lib.tensor([0, 1]), lib.tensor([0, 1, 2])),
    "a dictionary": lambda lib: {},
}


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.filterwarnings("ignore")
def test_keys(name):
    def read(lib):
        x = lib.arange(24).reshape(2, 3, 4).to(lib.float32).requires_grad_()
        y = x[KEYS[name](lib)]
        return y, lib.autograd.grad((y * y).sum(), x)[0]

    results = _both(read)
    for a, b in zip(*(results or ((), ())), strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))


VALUES = {
    "number": lambda lib: 7,
    "float": lambda lib: 2.5,
    "bool": lambda lib: True,
    "row": lambda lib: lib.arange(4).to(lib.float32),
    "leading ones": lambda lib: lib.ones(1, 1, 3, 4),
    "other dtype": lambda lib: lib.arange(4),
    "double": lambda lib: lib.ones(4, dtype=lib.float64),
    "scalar tensor": lambda lib: lib.tensor(3.0),
    "wrong shape": lambda lib: lib.ones(5),
    "complex": lambda lib: 1j,
    "list": lambda lib: [1, 2, 3, 4],
    "numpy": lambda lib: np.ones(4),
    "string": lambda lib: "a",
    "None": lambda lib: None,
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("key", ["int", "tensor", "mask", "ellipsis"])
def test_assigned_values(name, key):
    places = {"int": lambda lib: 0, "tensor": lambda lib: lib.tensor([0, 1]), "ellipsis": lambda lib: Ellipsis,
              "mask": lambda lib: lib.tensor([True, False])}  # fmt: skip

    def write(lib):
        x = lib.zeros(2, 3, 4)
        x[places[key](lib)] = VALUES[name](lib)
        return (x,)

    results = _both(write)
    if results:
        np.testing.assert_array_equal(to_numpy(results[0][0]), to_numpy(results[1][0]))


def test_writes_with_repeated_indices():
    for accumulate in (False, True):
        for lib, out in ((torch, []), (flashlight, [])):
            x = lib.zeros(3)
            x.index_put_((lib.tensor([0, 0, 2]),), lib.tensor([1.0, 2.0, 3.0]), accumulate)
            out.append(x.tolist())
            assert x.tolist() == ([3, 0, 3] if accumulate else [2, 0, 3])


def test_a_pending_index_out_of_range_never_reads_past_the_end():
    x = flashlight.arange(3)
    index = flashlight.arange(2) + 5  # not evaluated: nothing is known of its values yet
    y = x[index]
    with pytest.raises(IndexError, match="index 6 is out of bounds for dimension 0 with size 3"):
        y.tolist()


def test_checks_can_be_forced():
    index = flashlight.arange(2) + 5
    flashlight.set_checks(True)
    try:
        with pytest.raises(IndexError):
            flashlight.arange(3)[index]
    finally:
        flashlight.set_checks(False)


def test_gathers_of_pending_indices():
    index = flashlight.tensor([[3]]) * 1
    with pytest.raises(RuntimeError, match="index 3 is out of bounds for dimension 0 with size 3"):
        flashlight.zeros(3, 4).gather(0, index).tolist()
    with pytest.raises(IndexError, match="index out of range in self"):
        flashlight.zeros(3, 4).index_select(0, flashlight.tensor([3]) * 1).tolist()


def test_tuples_unpack_and_iterate():
    for lib in (torch, flashlight):
        x = lib.arange(6).reshape(2, 3)
        a, b = x
        assert a.tolist() == [0, 1, 2] and [r.tolist() for r in x] == [[0, 1, 2], [3, 4, 5]]
        assert [int(v) for v in b] == [3, 4, 5]
        with pytest.raises(TypeError):
            iter(lib.tensor(1))

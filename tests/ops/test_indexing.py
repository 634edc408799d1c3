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

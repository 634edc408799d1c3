"""Reductions: forms, named results, strided inputs, accumulation, out=."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, T, check, check_raises

NAMED = ["max", "min", "median", "nanmedian", "mode", "sort", "cummax", "cummin"]


@pytest.mark.parametrize("name", NAMED)
def test_named_results(name):
    def parts(lib, x):
        r = getattr(lib, name)(x, 0)
        assert isinstance(r, tuple)
        return r.values, r.indices, r[0], str(r)

    check(parts, T(np.array([3.0, 1.0, 2.0], np.float32), grad=False))
    check(lambda lib, x: type(getattr(lib, name)(x, 0)).__name__, T(np.array([3.0, 1.0], np.float32), grad=False))


def test_aminmax_is_named():
    check(lambda lib, x: (x.aminmax().min, x.aminmax().max, str(x.aminmax())), A(3, grad=False))


STRIDED = [
    lambda lib, x: x.t().sum(0),
    lambda lib, x: x.t().mean(1),
    lambda lib, x: x[:, ::2].prod(1),
    lambda lib, x: x.t().max(0),
    lambda lib, x: x[1:, 1:].std(0),
    lambda lib, x: x.t().softmax(0),
    lambda lib, x: x.t().cumsum(1),
    lambda lib, x: x.t().cumprod(0),
    lambda lib, x: x[:, 1::2].logsumexp(0),
    lambda lib, x: x.t().argmin(1),
    lambda lib, x: x.expand(2, 3, 4).norm(dim=(0, 2)),
    lambda lib, x: x.expand(2, 3, 4).amax((0, 1)),
    lambda lib, x: x.diagonal().sum(),
    lambda lib, x: x.unsqueeze(0).var((0, 2)),
]


@pytest.mark.parametrize("fn", STRIDED)
def test_strided_inputs(fn):
    check(fn, A(3, 4))
    check(fn, A(3, 4, dtype="float64"))


def test_half_is_accumulated_in_float32():
    ones = flashlight.ones(5000, dtype=flashlight.float16)
    assert ones.sum().item() == 5000 and ones.mean().item() == 1
    assert flashlight.ones(4096, 3, dtype=flashlight.bfloat16).sum(0).tolist() == [4096] * 3
    check(lambda lib, x: (x.mean(), x.var(0), x.cumsum(0)[-1]), A(3000, dtype="float16", low=0, high=1), grad=False)


def test_integers_are_summed_in_int64():
    check(lambda lib, x: (x.sum(), x.cumsum(0), x.prod(0)), A(300, dtype="int8", low=100, high=127))
    check(lambda lib: lib.tensor([2**31 - 1, 1], dtype=lib.int32).sum())
    check(lambda lib: lib.tensor([2**62, 2**62 - 1]).sum())


def test_float64_keeps_its_digits():
    data = T(1 + np.arange(12.0).reshape(3, 4) * 1e-13)
    for name in ("sum", "mean", "prod", "amax", "logsumexp", "softmax", "log_softmax", "cumsum", "norm", "median"):
        args = (0,) if name in ("logsumexp", "softmax", "log_softmax", "cumsum") else ()
        check(lambda lib, x, name=name, args=args: getattr(x, name)(*args), data, rtol=1e-14, atol=1e-14)


def test_dim_has_numpys_names():
    x = flashlight.arange(6.0).reshape(2, 3)
    assert x.max(axis=1).values.tolist() == [2, 5] and x.std(axis=0, keepdims=True).shape == (1, 3)
    assert x.sum(axis=(0, 1)).item() == 15 and x.median(axis=0).indices.tolist() == [0, 0, 0]


def test_degrees_of_freedom_warn():
    with pytest.warns(UserWarning, match=r"std\(\): degrees of freedom is <= 0"):
        flashlight.ones(1).std()
    with pytest.warns(UserWarning, match=r"var\(\): degrees of freedom is <= 0"):
        flashlight.ones(2, 1).var(1)
    with pytest.warns(UserWarning, match="number of observations"):
        flashlight.ones(2, 1).cov()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flashlight.ones(2).std()


def test_messages():
    check_raises(
        lambda lib: lib.ones(2, dtype=lib.int64).mean(), match="could not infer output dtype. Input dtype must be"
    )
    check_raises(lambda lib: lib.zeros(0).max(), match="Expected reduction dim to be specified for input.numel() == 0")
    check_raises(lambda lib: lib.zeros(0, 2).amin(0), match="Expected reduction dim 0 to have non-zero size")
    check_raises(
        lambda lib: lib.zeros(2).sum(3), match="Dimension out of range (expected to be in range of [-1, 0], but got 3)"
    )
    check_raises(lambda lib: lib.zeros(2, 2).sum((0, 0)), match="dim 0 appears multiple times in the list of dims")


def test_out():
    x = flashlight.arange(6.0).reshape(2, 3)
    out = flashlight.zeros(3)
    assert flashlight.sum(x, 0, out=out) is out and out.tolist() == [3, 5, 7]
    values, indices = flashlight.zeros(2), flashlight.zeros(2, dtype=flashlight.int64)
    result = flashlight.max(x, 1, out=(values, indices))
    assert result.values is values and values.tolist() == [2, 5] and indices.tolist() == [2, 2]
    assert flashlight.std(x, 0, out=out) is out
    assert flashlight.norm(x, dim=0, out=out) is out
    assert flashlight.softmax(x[0], 0, out=out) is out
    assert flashlight.cumsum(x[0], 0, out=out).tolist() == [0, 1, 3]


def test_max_of_two_tensors_is_maximum():
    check(lambda lib, x, y: (lib.max(x, y), x.min(y)), A(3), A(3, seed=4), second=False)


def test_gradients_of_ties():
    ties = T(np.array([[1.0, 3.0, 3.0], [3.0, 2.0, 3.0]], np.float32))
    for fn in (
        lambda lib, x: x.max(), lambda lib, x: x.max(1).values, lambda lib, x: x.amax(1), lambda lib, x: x.amax(),
        lambda lib, x: x.median(), lambda lib, x: x.norm(float("inf")), lambda lib, x: x.cummax(1).values,
    ):  # fmt: skip
        check(fn, ties, second=False)


def test_gradients_at_zero():
    zeros = T(np.zeros((2, 3), np.float32))
    for fn in (
        lambda lib, x: x.norm(), lambda lib, x: x.norm(1), lambda lib, x: x.norm(3, 1), lambda lib, x: x.std(1),
        lambda lib, x: x.prod(), lambda lib, x: x.cumprod(1), lambda lib, x: x.dist(x * 1), lambda lib, x: x.norm(0.5),
    ):  # fmt: skip
        check(fn, zeros, second=False)


@pytest.mark.parametrize("zeros", [[], [0], [2], [1, 3], [0, 1, 2, 3]])
def test_products_with_zeros(zeros):
    data = np.array([2.0, -1.0, 3.0, 0.5])
    data[zeros] = 0
    check(lambda lib, x: (x.prod(), x.cumprod(0)), T(data))
    check(lambda lib, x: x.reshape(2, 2).prod(1), T(data))


def test_reading_a_result_in_place_is_caught():
    x = flashlight.ones(3, requires_grad=True)
    y = x.softmax(0)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    t = torch.ones(3, requires_grad=True)
    z = t.softmax(0)
    z.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_sums_of_empty_dimensions():
    for name in ("sum", "mean", "prod", "all", "any", "logsumexp", "var"):
        check(lambda lib, x, name=name: getattr(x, name)(1), A(2, 0, grad=False), grad=False)
        check(lambda lib, x, name=name: getattr(x, name)(0), A(2, 0, grad=False), grad=False)


def test_many_segments_take_memory_for_each_element_only():
    lengths = np.tile([3, 0, 5], 20_000)
    x = np.random.RandomState(0).randn(lengths.sum())
    ours, theirs = (
        lib.segment_reduce(lib.tensor(x), "sum", lengths=lib.tensor(lengths)).numpy() for lib in (flashlight, torch)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)

"""Sorting and searching: stability, ties, NaN, large inputs, gradients that are not there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, I, T, check, check_raises


@pytest.mark.parametrize("n", [1, 2, 17, 1000, 20000])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_is_stable(n, descending):
    data = I(n, high=5)
    check(lambda lib, x: x.sort(stable=True, descending=descending), data)
    check(lambda lib, x: x.to(lib.float32).argsort(stable=True, descending=descending), data)


def test_sort_of_strided_inputs():
    for fn in (
        lambda lib, x: x.t().sort(0), lambda lib, x: x[:, ::2].sort(1, True), lambda lib, x: x.t().topk(2, 0),
        lambda lib, x: x.t().kthvalue(2), lambda lib, x: x.t().median(0), lambda lib, x: x.t().quantile(0.3, 0),
    ):  # fmt: skip
        check(fn, A(4, 5))


@pytest.mark.parametrize("n", [3, 30, 3000])
@pytest.mark.parametrize("largest", [False, True])
def test_topk_of_any_size(n, largest):
    data = T(np.random.RandomState(0).permutation(n).astype(np.float32))
    for k in {1, 2, n // 2, n}:
        check(lambda lib, x, k=k: x.topk(k, largest=largest), data)


def test_topk_prefers_nan():
    data = T(np.array([1.0, np.nan, 3.0] + [0.0] * 60, np.float32))
    check(lambda lib, x: x.topk(2), data, second=False)


def test_topk_of_ties_gives_the_values():
    check(lambda lib, x: x.topk(5).values, T(np.array([1.0, 2, 2, 2, 0] * 20, np.float32), grad=False))


def test_float64_is_ordered_by_its_last_bits():
    data = T(1 + np.random.RandomState(0).permutation(50) * 1e-14)
    check(lambda lib, x: (x.sort(), x.topk(3), x.kthvalue(7), x.unique()), data, grad=False)


def test_large_integers_are_ordered_exactly():
    check(lambda lib: lib.tensor([2**53 + 1, 2**53, -(2**62), 2**62 + 1]).sort())
    check(lambda lib: lib.searchsorted(lib.tensor([2**53, 2**53 + 1]), lib.tensor([2**53 + 1])))


def test_searchsorted_of_many():
    rows = T(np.sort(np.random.RandomState(0).rand(200).astype(np.float32)), grad=False)
    values = T(np.random.RandomState(1).rand(7, 90).astype(np.float32), grad=False)
    check(lambda lib, r, v: (lib.searchsorted(r, v), lib.bucketize(v, r, right=True)), rows, values)
    check(lambda lib, r, v: lib.searchsorted(r.expand(7, 200), v, out_int32=True), rows, values)


def test_unique_has_no_derivative():
    x = flashlight.tensor([1.0, 2.0, 1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        x.unique().sum().backward()
    y = torch.tensor([1.0, 2.0, 1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        y.unique().sum().backward()


def test_indices_carry_no_gradient():
    x = flashlight.arange(4.0).requires_grad_()
    for result in (x.sort(), x.topk(2), x.kthvalue(2), x.mode(), x.median(0), x.max(0), x.cummax(0)):
        assert result[0].requires_grad and not result[1].requires_grad


def test_half_histograms_and_devices():
    x = flashlight.rand(20).cuda()
    assert x.unique().is_cuda and x.histc(4).is_cuda and x.sort().values.is_cuda
    assert all(t.is_cuda for t in flashlight.histogram(x, 3))


def test_histograms_of_edges():
    edges = T(np.array([0.0, 0.5, 1.0], np.float32), grad=False)
    data = T(np.array([0.0, 0.5, 1.0, 1.0, -1.0, 2.0], np.float32), grad=False)
    check(lambda lib, x, e: lib.histogram(x, e), data, edges)
    check(lambda lib, x: lib.histc(x, 2, 0, 1), data)
    check(lambda lib, x: str(lib.histogram(x, 2)).split("(")[0], data)


def test_out():
    x = flashlight.tensor([3.0, 1.0, 2.0])
    values, indices = flashlight.zeros(3), flashlight.zeros(3, dtype=flashlight.int64)
    result = flashlight.sort(x, out=(values, indices))
    assert result.values is values and values.tolist() == [1, 2, 3] and indices.tolist() == [1, 2, 0]
    assert flashlight.msort(x, out=values) is values
    assert flashlight.searchsorted(values, x, out=indices) is indices


def test_messages():
    check_raises(lambda lib, x: x.topk(4), A(3), match="selected index k out of range")
    check_raises(lambda lib, x: x.kthvalue(4), A(3), match="selected number k out of range for dimension 0")
    check_raises(lambda lib, x: x.quantile(1.5), A(3), match="q must be in the range [0, 1] but got 1.5")
    check_raises(lambda lib, x: lib.bincount(x), I(2, 2, high=2), match="1-d non-negative integral")

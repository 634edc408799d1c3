"""Calls of PyTorch's operator database that no sample table holds: shared storages, out=, nothing at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, T, check, check_raises

BOTH = pytest.mark.parametrize("lib", [torch, flashlight])


@BOTH
def test_gather_into_its_index(lib):
    index = lib.tensor([[0, 1], [1, 0]])
    assert lib.gather(lib.tensor([[5, 6], [7, 8]]), 1, index, out=index).tolist() == [[5, 6], [8, 7]]


@BOTH
@pytest.mark.parametrize("name", ["isposinf", "isneginf"])
def test_questions_answer_in_booleans(lib, name):
    with pytest.raises(RuntimeError):
        getattr(lib, name)(lib.ones(2), out=lib.empty(2))


@BOTH
def test_as_strided_beyond_a_leaf(lib):
    storage = lib.arange(6.0)
    leaf = storage[2:4].detach().requires_grad_()
    seen = leaf.as_strided((3,), (2,), 0)
    (seen * lib.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert seen.tolist() == [0.0, 2.0, 4.0]
    assert leaf.grad.tolist() == [2.0, 0.0]


@BOTH
def test_assert_allclose(lib):
    with pytest.warns(FutureWarning, match="deprecated since 1.12"):
        lib.testing.assert_allclose(lib.ones(2), lib.ones(2, dtype=lib.float64) + 5e-5)
    with pytest.warns(FutureWarning), pytest.raises(AssertionError, match="not close"):
        lib.testing.assert_allclose(lib.ones(2), [1.0, 1.001])


def test_histogram_of_edges_that_fall():
    edges = [
        T(np.array([0.0, 2.0, 1.0, 3.0], dtype=np.float32), grad=False),
        T(np.array([0.0, 1.0], np.float32), grad=False),
    ]
    points = A(40, 2, low=0, high=3, grad=False)
    check(lambda lib, x, bins: lib.histogramdd(x, bins), points, edges)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 9), (8, 4)])
def test_smooth_resizing_with_aligned_corners(mode, size):
    def resize(lib, x):
        return lib.nn.functional.interpolate(x, size=size, mode=mode, antialias=True, align_corners=True)

    check(resize, A(1, 2, 6, 7))


@pytest.mark.parametrize("order", [1, 2, float("inf"), "nuc", "fro"])
def test_norms_of_empty_matrices(order):
    for shape in ((0, 3), (3, 0), (2, 0, 0)):
        check(lambda lib, x: lib.linalg.matrix_norm(x, order), A(*shape, grad=False))


def test_more_dimensions_than_a_set_of_them_holds():
    check_raises(lambda lib: lib.amax(lib.ones([1] * 65), 0))


def test_integer_means_divided_by_a_negative_number():
    check(lambda lib, x: lib.nn.functional.avg_pool2d(x, 2, divisor_override=-2), A(1, 4, 4, dtype="int64", high=9))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64"])
def test_a_number_divided_by_a_tensor_rounds_as_in_torch(dtype):
    values = np.random.default_rng(0).normal(size=500) * 9 + 40
    outs = []
    for lib in (flashlight, torch):
        x = lib.tensor(values).to(getattr(lib, dtype))
        outs.append([(3 / x).double().numpy(), (0.5 / x).double().numpy()])
    np.testing.assert_array_equal(*outs)


def test_the_divisor_of_a_number_may_be_written_to():
    for lib in (flashlight, torch):
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        y = x * 1
        out = 3 / y
        y.add_(1)
        out.sum().backward()
        assert x.grad.tolist() == [-3.0, -0.75]

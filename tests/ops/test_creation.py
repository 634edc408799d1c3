"""Creation: what tensors of data report and share, memory formats, legacy constructors, defaults."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, check, check_raises


def both(fn):
    """The plain answer of ``fn(lib)`` must be the same under both libraries."""
    ours, theirs = fn(flashlight), fn(torch)
    assert str(ours).replace("flashlight.", "torch.") == str(theirs).replace("flashlight.", "torch.")


def test_tensor_of_a_tensor_warns_and_copies():
    x = flashlight.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match=r"sourceTensor.detach\(\).clone\(\)"):
        y = flashlight.tensor(x)
    assert not y.requires_grad and y.is_leaf
    y[0] = 5
    assert x.tolist() == [1, 1]


def test_tensor_copies_and_as_tensor_does_not():
    x = flashlight.ones(2)
    assert flashlight.as_tensor(x) is x
    assert flashlight.asarray(x) is x
    assert flashlight.asarray(x, copy=True) is not x
    assert flashlight.as_tensor(x, dtype=flashlight.float64) is not x
    with pytest.raises(ValueError, match="alias"):
        flashlight.asarray(x, copy=False, dtype=flashlight.float64)


def test_float64_numbers_stay_exact():
    value = 1 + 2.0**-50
    assert flashlight.tensor(value, dtype=flashlight.float64).item() == value
    assert flashlight.full((1,), value, dtype=flashlight.float64).item() == value
    assert flashlight.tensor(np.array([value])).item() == value
    assert flashlight.arange(value, 2, 1, dtype=flashlight.float64).item() == value


def test_large_integers_stay_exact():
    n = 2**62 + 1
    assert flashlight.tensor(n).item() == n
    assert flashlight.full((1,), n).item() == n
    assert flashlight.arange(n, n + 2).tolist() == [n, n + 1]


def test_default_dtype_decides():
    before = flashlight.get_default_dtype()
    try:
        flashlight.set_default_tensor_type(flashlight.DoubleTensor)
        made = flashlight.tensor(1.5), flashlight.zeros(2), flashlight.arange(0.0, 2), flashlight.Tensor(2)
        assert all(t.dtype is flashlight.float64 for t in made)
        flashlight.set_default_tensor_type("torch.FloatTensor")
        assert flashlight.tensor(1.5).dtype is flashlight.float32
        with pytest.raises(TypeError, match="floating-point"):
            flashlight.set_default_tensor_type(flashlight.LongTensor)
    finally:
        flashlight.set_default_dtype(before)


def test_devices_are_labels():
    x = flashlight.zeros(2, device="cuda")
    assert str(x.device) == "cuda:0"
    assert flashlight.zeros_like(x).device == x.device == x.new_ones(2).device
    with flashlight.device("mps"):
        assert flashlight.ones(2).is_mps
    assert flashlight.ones(2).is_cpu


def test_meta_tensors_have_a_shape_and_no_data():
    x = flashlight.empty(10**6, 10**6, device="meta")
    assert x.shape == (10**6, 10**6) and x.is_meta
    assert (x + 1).sum(0).shape == (10**6,)
    with pytest.raises(NotImplementedError, match="meta"):
        x.to("cpu")
    with pytest.raises(NotImplementedError, match="meta"):
        x.sum().item()


@pytest.mark.parametrize("name", ["empty", "zeros", "ones"])
def test_out(name):
    out = flashlight.full((3,), 7.0)
    result = getattr(flashlight, name)(3, out=out)
    assert result is out and (name == "empty" or out.tolist() == [name == "ones"] * 3)
    with pytest.raises(RuntimeError, match="does not match dtype of out"):
        getattr(flashlight, name)(3, out=out, dtype=flashlight.int64)


def test_out_of_ranges():
    out = flashlight.zeros(4)
    assert flashlight.arange(4, out=out) is out and out.tolist() == [0, 1, 2, 3]
    assert flashlight.linspace(0, 3, 4, out=out) is out
    assert flashlight.eye(2, out=flashlight.zeros(2, 2, dtype=flashlight.int64)).tolist() == [[1, 0], [0, 1]]


def test_unsupported_arguments_raise():
    with pytest.raises(NotImplementedError, match="layout"):
        flashlight.zeros(2, layout=flashlight.sparse_coo)
    with pytest.raises(NotImplementedError, match="named"):
        flashlight.zeros(2, names=("N",))
    with pytest.raises(TypeError, match="complex128"):
        flashlight.zeros(2, dtype=flashlight.complex128)


# ----------------------------------------------------------------------------------------------------- memory formats
FORMATS = [
    lambda lib: lib.empty(2, 3, 4, 5, memory_format=lib.channels_last).stride(),
    lambda lib: lib.empty(2, 3, 4, 5, 6, memory_format=lib.channels_last_3d).stride(),
    lambda lib: lib.zeros_like(lib.empty(2, 3, 4, 5, memory_format=lib.channels_last)).stride(),
    lambda lib: lib.ones_like(lib.empty(2, 3, 4, 5), memory_format=lib.channels_last).stride(),
    lambda lib: lib.zeros_like(lib.empty(2, 3).t()).stride(),
    lambda lib: lib.zeros_like(lib.empty(2, 3, 4).transpose(0, 1)[:, ::2]).stride(),
    lambda lib: lib.zeros_like(lib.empty(2, 1, 4).expand(2, 3, 4)).stride(),
    lambda lib: lib.zeros_like(lib.empty(2, 3).t(), memory_format=lib.contiguous_format).stride(),
    lambda lib: lib.empty_strided((2, 3), (1, 2)).stride(),
    lambda lib: lib.empty_strided((2, 3), (100, 1)).stride(),
    lambda lib: lib.empty_strided((2, 3), (1, 1)).stride(),
    lambda lib: lib.empty_permuted((2, 3, 4), (2, 0, 1)).stride(),
    lambda lib: lib.ones(1).new_empty_strided((2, 3), (1, 2)).stride(),
]


@pytest.mark.parametrize("fn", FORMATS)
def test_strides(fn):
    assert fn(flashlight) == fn(torch)


def test_memory_format_needs_its_rank():
    check_raises(lambda lib: lib.empty(2, 3, memory_format=lib.channels_last))
    check_raises(lambda lib: lib.empty_strided((2, 3), (1,)))
    for order in ((0, 0), (0, 3), (-1, 0), (0, 1, 2)):
        check_raises(lambda lib, order=order: lib.empty_permuted((2, 3), order))


# ------------------------------------------------------------------------------------------------------------- legacy
LEGACY = [
    lambda lib: lib.Tensor([1, 2]),
    lambda lib: lib.Tensor((2, 3)),
    lambda lib: lib.Tensor(),
    lambda lib: lib.Tensor(2, 0),
    lambda lib: lib.Tensor(lib.Size([2, 0])),
    lambda lib: lib.Tensor([[1.5, 2], [3, 4]]),
    lambda lib: lib.Tensor(lib.tensor([1.0, 2.0])),
    lambda lib: lib.Tensor(np.array([1, 2])),
    lambda lib: lib.FloatTensor([1, 2]),
    lambda lib: lib.LongTensor([1, 2]),
    lambda lib: lib.LongTensor([1.5]),
    lambda lib: lib.LongTensor(lib.tensor([1, 2])),
    lambda lib: lib.BoolTensor([1, 0]),
    lambda lib: lib.DoubleTensor([[1, 2]]),
    lambda lib: lib.ByteTensor([1]),
    lambda lib: lib.HalfTensor([1]),
    lambda lib: lib.tensor([1, 2]).new([3]),
    lambda lib: lib.tensor([1, 2]).new(2, 0),
]


@pytest.mark.parametrize("fn", LEGACY)
def test_legacy_constructors(fn):
    check(fn)


def test_legacy_constructors_refuse():
    check_raises(lambda lib: lib.Tensor(3.5))
    check_raises(lambda lib: lib.Tensor("a"))
    check_raises(lambda lib: lib.Tensor([1], dtype=lib.int32))
    check_raises(lambda lib: lib.Tensor([[1, 2], [3]]))
    check_raises(lambda lib: lib.FloatTensor(lib.tensor([1, 2])))


def test_legacy_types_know_their_instances():
    both(lambda lib: [isinstance(lib.tensor([1.0]), t) for t in (lib.FloatTensor, lib.LongTensor, lib.Tensor)])
    both(lambda lib: (lib.FloatTensor.dtype, repr(lib.FloatTensor)))
    both(lambda lib: lib.tensor([1]).type(lib.FloatTensor).type())
    assert not isinstance(flashlight.ones(1, device="cuda"), flashlight.FloatTensor)


def test_a_subclass_keeps_its_class():
    class Named(flashlight.Tensor):
        pass

    t = Named([1, 2])
    assert type(t) is Named and t.tolist() == [1, 2]


# ------------------------------------------------------------------------------------------------------------ buffers
def test_frombuffer():
    check(lambda lib: lib.frombuffer(bytearray(b"abcdefgh"), dtype=lib.int16, count=2, offset=2))
    check(lambda lib: lib.frombuffer(bytearray(np.arange(3.0).tobytes()), dtype=lib.float64, requires_grad=True))
    for kwargs in ({"offset": 5}, {"count": 3}, {"count": 0}):
        check_raises(lambda lib, kwargs=kwargs: lib.frombuffer(bytearray(b"abcd"), dtype=lib.int16, **kwargs))
    check_raises(lambda lib: lib.frombuffer(bytearray(b"abc"), dtype=lib.int16))
    check_raises(lambda lib: lib.frombuffer(bytearray(b""), dtype=lib.int16))


def test_no_warning_where_torch_gives_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert flashlight.tensor([1e40, 2.0]).isinf().tolist() == [True, False]
        flashlight.asarray(flashlight.ones(2))
        flashlight.logspace(0, 1, 3)


def test_meshgrid_gives_views():
    check(lambda lib, x, y: [g.stride() for g in lib.meshgrid(x, y, indexing="ij")], A(2), A(3))

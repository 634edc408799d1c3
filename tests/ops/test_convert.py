"""Conversions: aliasing, devices, memory formats, filling, storages, resizing."""

from __future__ import annotations

import pytest
import torch

import flashlight

from ..oracle import A, check, check_raises


def test_nothing_to_do_gives_the_tensor_itself():
    x = flashlight.ones(2, 3)
    same = (
        x.to(flashlight.float32), x.to("cpu"), x.to(x), x.float(), x.cpu(), x.type_as(x), x.contiguous(),
        x.to("cpu", flashlight.float32), x.type(flashlight.float32), x.pin_memory(),
    )  # fmt: skip
    assert all(t is x for t in same)
    assert x.to("cpu", copy=True) is not x and x.clone() is not x and x.to(flashlight.float64) is not x


def test_devices_share_the_array():
    x = flashlight.ones(2, requires_grad=True)
    y = x.cuda()
    assert y is not x and y._a is x._a and str(y.device) == "cuda:0" and y.is_cuda
    assert y.grad_fn.name() == "ToCopyBackward0"
    (y * y).sum().backward()
    assert x.grad.tolist() == [2, 2] and x.grad.device == x.device
    assert str(x.mps().device) == "mps:0" and x.to("mps:0").cpu().is_cpu
    with pytest.raises(RuntimeError, match="must be cuda"):
        x.cuda("cpu")


def test_a_moved_tensor_is_a_copy():
    x = flashlight.zeros(2)
    y = x.cuda()
    y[0] = 1
    assert x.tolist() == [0, 0]


def test_to_meta_forgets_the_data():
    x = flashlight.ones(2, 3).to("meta")
    assert x.is_meta and x.shape == (2, 3)
    with pytest.raises(NotImplementedError, match="meta"):
        x.cpu()


def test_clone_is_its_own_storage():
    x = flashlight.zeros(3)
    y = x.clone()
    y.add_(1)
    assert x.tolist() == [0, 0, 0] and y.tolist() == [1, 1, 1]


STRIDES = [
    lambda lib, x: x.clone(),
    lambda lib, x: x.t().clone(),
    lambda lib, x: x.t().clone(memory_format=lib.contiguous_format),
    lambda lib, x: x.t().contiguous(),
    lambda lib, x: x.t().to(lib.float64),
    lambda lib, x: x.t().to(lib.float64, memory_format=lib.contiguous_format),
    lambda lib, x: x.t().to(lib.float32, copy=True),
    lambda lib, x: x[:, ::2].clone(),
    lambda lib, x: x.expand(2, 3, 4).clone(),
    lambda lib, x: x.t().double(),
    lambda lib, x: lib.fill(x, 3),
    lambda lib, x: x.t()[1:].contiguous(),
]


@pytest.mark.parametrize("fn", STRIDES)
def test_strides(fn):
    check(fn, A(3, 4))
    check(lambda lib, x: (fn(lib, x).stride(), fn(lib, x).is_contiguous()), A(3, 4))


CHANNELS = [
    lambda lib, x: x.to(memory_format=lib.channels_last),
    lambda lib, x: x.contiguous(memory_format=lib.channels_last),
    lambda lib, x: x.clone(memory_format=lib.channels_last),
    lambda lib, x: x.to(lib.float64, memory_format=lib.channels_last),
    lambda lib, x: x.to(memory_format=lib.channels_last).contiguous(),
    lambda lib, x: x.to(memory_format=lib.channels_last).clone(),
    lambda lib, x: x.to(memory_format=lib.channels_last).detach(),
    lambda lib, x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
]


@pytest.mark.parametrize("fn", CHANNELS)
def test_channels_last_changes_strides_and_no_value(fn):
    check(fn, A(2, 3, 4, 5))

    def layout(lib, x):
        y = fn(lib, x)
        return y.stride(), y.is_contiguous(), y.is_contiguous(memory_format=lib.channels_last)

    check(layout, A(2, 3, 4, 5))
    check(layout, A(2, 1, 4, 5))
    check(layout, A(1, 3, 1, 1))


def test_channels_last_needs_four_dimensions():
    check_raises(lambda lib, x: x.to(memory_format=lib.channels_last), A(2, 3))
    check_raises(lambda lib, x: x.t().contiguous(memory_format=lib.preserve_format), A(2, 3))
    check(lambda lib, x: x.is_contiguous(memory_format=lib.channels_last), A(2, 3))


def test_writing_to_channels_last():
    def write(lib, x):
        y = x.to(memory_format=lib.channels_last) * 1
        y[:, 1] = 5
        y.view(2, 3, 20)[0, 0] = 7 if y.is_contiguous() else 0
        return y

    def through_a_permutation(lib, x):
        y = x.contiguous(memory_format=lib.channels_last).clone()
        y.permute(0, 2, 3, 1).reshape(-1)[3] = 9
        return y

    check(through_a_permutation, A(2, 3, 4, 5))
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        flashlight.ones(2, 3, 4, 5).to(memory_format=flashlight.channels_last).view(-1)


# ------------------------------------------------------------------------------------------------------------ filling
def test_fill_has_gradients():
    def fill(lib, x, value):
        y = x * 2
        y.fill_(value)
        return y * 3

    check(fill, A(2, 3), A())
    check(lambda lib, x: (x * 2).fill_(1.5) + x, A(2, 3))
    check(lambda lib, x: (x * 2).zero_() + x, A(2, 3))
    check(lambda lib, x: lib.zero_(x * 2) + lib.fill_(x * 1, 2), A(2, 3))


def test_fill_through_a_view():
    def fill(lib, x):
        y = x * 1
        y[1].fill_(4)
        y.t()[0].zero_()
        return y

    check(fill, A(2, 3))


def test_fill_refuses():
    check_raises(lambda lib, x: x.fill_(lib.ones(1)), A(2, grad=False))
    check_raises(lambda lib, x: x.fill_("a"), A(2, grad=False))
    check_raises(lambda lib, x: x.requires_grad_().fill_(1), A(2), match="leaf Variable")


def test_cumsum_in_place_keeps_the_dtype():
    check(lambda lib, x: x.cumsum_(0), A(3, dtype="int32"))
    check(lambda lib, x: (x * 1).cumprod_(0), A(3))
    check_raises(lambda lib, x: x.cumsum_(0, dtype=lib.float64), A(3, grad=False))


# ------------------------------------------------------------------------------------------------------------ storage
def test_storages_tell_who_shares():
    x = flashlight.arange(6.0)
    view, other = x[2:].view(2, 2), x.clone()
    assert x.untyped_storage() == view.untyped_storage() != other.untyped_storage()
    assert x.storage().data_ptr() == view.storage().data_ptr() == x.data_ptr() != other.data_ptr()
    assert view.data_ptr() == x.data_ptr() + 8
    assert x.untyped_storage().nbytes() == 24 and view.storage().size() == 6 and len(x.storage()) == 6
    assert hash(x.untyped_storage()) == hash(view.untyped_storage())
    assert view.storage().tolist() == x.tolist() and x.storage()[2] == 2.0
    assert flashlight.is_storage(x.storage()) and not flashlight.is_storage(x)
    assert str(x[:2].clone().storage()) == str(torch.arange(2.0).storage())


def test_data_ptr_survives_views_and_writes():
    x = flashlight.zeros(3)
    before = x.data_ptr()
    x.view(-1).add_(1)
    x.mul_(2)
    assert x.data_ptr() == before == x.detach().data_ptr() == x.data.data_ptr()


def test_set():
    x, y = flashlight.zeros(2), flashlight.arange(4.0)
    assert x.set_(y) is x and x.is_set_to(y)
    y[0] = 9
    assert x.tolist() == [9, 1, 2, 3]
    x.set_(y.storage(), 1, (2,), (2,))
    assert x.tolist() == [1, 3] and x.untyped_storage() == y.untyped_storage()
    assert x.set_().shape == (0,)
    check_raises(lambda lib: lib.zeros(2).set_(lib.zeros(2, dtype=lib.int64)))


def test_resize():
    check(lambda lib: lib.arange(6.0).resize_(2, 2))
    check(lambda lib: lib.arange(6.0).resize_((2, 3)))
    check(lambda lib: lib.arange(6.0).resize_as_(lib.zeros(3, 1)))
    assert flashlight.arange(2.0).resize_(3)[:2].tolist() == [0, 1]
    check_raises(lambda lib, x: x.requires_grad_().resize_(1), A(2))


def test_memory_of_a_process():
    x = flashlight.ones(2)
    assert not x.is_shared() and x.cuda().is_shared()
    assert x.cuda().share_memory_().is_cuda
    with pytest.raises(RuntimeError, match="between processes"):
        x.share_memory_()
    assert x.pin_memory() is x

"""Views: the names of their nodes, sharing, refusals, in-place changes of shape, and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, check, check_raises

NODES = {
    "view": lambda x: x.view(8),
    "view_as": lambda x: x.view_as(x),
    "reshape": lambda x: x.reshape(2, 4),
    "reshape that copies": lambda x: x.t().reshape(-1),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(0, (2, 2)),
    "transpose": lambda x: x.transpose(0, 1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "t": lambda x: x.t(),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "H": lambda x: x.H,
    "permute": lambda x: x.permute(1, 0),
    "movedim": lambda x: x.movedim(0, 1),
    "squeeze": lambda x: x.squeeze(),
    "squeeze of one": lambda x: x.squeeze(0),
    "squeeze of several": lambda x: x.squeeze((0, 1)),
    "unsqueeze": lambda x: x.unsqueeze(0),
    "expand": lambda x: x.expand(3, 4, 2),
    "select": lambda x: x.select(0, 1),
    "x[0]": lambda x: x[0],
    "x[1:]": lambda x: x[1:],
    "x[:]": lambda x: x[:],
    "x[...]": lambda x: x[...],
    "x[None]": lambda x: x[None],
    "x[[0, 1]]": lambda x: x[[0, 1]],
    "narrow": lambda x: x.narrow(0, 1, 2),
    "diagonal": lambda x: x.diagonal(),
    "unfold": lambda x: x.unfold(0, 2, 2),
    "as_strided": lambda x: x.as_strided((2,), (1,)),
    "unbind": lambda x: x.unbind()[1],
    "split": lambda x: x.split(2)[0],
    "split by sizes": lambda x: x.split([1, 3])[0],
    "chunk": lambda x: x.chunk(2)[1],
    "tensor_split": lambda x: x.tensor_split(2)[0],
    "mm": lambda x: x @ x.T,
    "mv": lambda x: x @ x[0],
    "dot": lambda x: x[0] @ x[0],
    "bmm": lambda x: x[None].bmm(x.T[None]),
    "cat": lambda x: (torch if isinstance(x, torch.Tensor) else flashlight).cat([x, x]),
    "gather": lambda x: x.index_select(0, x.detach().argmax(0)),
}


@pytest.mark.parametrize("name", NODES)
def test_nodes_have_torchs_names(name):
    names = []
    for lib in (torch, flashlight):
        y = NODES[name](lib.ones(4, 2, requires_grad=True) * 1)
        names.append(y.grad_fn.name())
    assert names[0] == names[1]


COPIES = {"mm", "mv", "dot", "bmm", "cat", "gather", "x[[0, 1]]", "reshape that copies", "expand"}


@pytest.mark.parametrize("name", sorted(set(NODES) - COPIES))
def test_writes_through_views_reach_the_base_and_its_gradient(name):
    def program(lib, x):
        y = x * 2
        part = NODES[name](y)
        if name in ("unbind", "split", "split by sizes", "chunk"):
            part = part.clone()  # torch refuses to write to one of several views
        part.mul_(3)
        return y, part

    check(program, A(4, 2), second=False)


WRITES = {
    "item of a view": lambda lib, x: x.view(-1).__setitem__(0, 5),
    "slice": lambda lib, x: x[1:3].add_(1),
    "transpose": lambda lib, x: x.t().add_(1),
    "chain": lambda lib, x: x.t()[0].view(2, 2)[1].mul_(2),
    "data": lambda lib, x: x.data.copy_(lib.ones(4, 4) * 3),
    "detach": lambda lib, x: x.detach().zero_(),
    "diagonal": lambda lib, x: x.diagonal().fill_(7),
    "narrow": lambda lib, x: x.narrow(1, 1, 2).zero_(),
    "strided": lambda lib, x: x[::2, 1::2].copy_(lib.ones(2, 2)),
    "unbind": lambda lib, x: [row.add_(i) for i, row in enumerate(x.unbind())],
    "iteration": lambda lib, x: [row.mul_(2) for row in x],
    "chunk": lambda lib, x: x.chunk(2, 1)[1].zero_(),
    "windows": lambda lib, x: x.unfold(0, 2, 2)[0].zero_(),
    "one window of overlapping ones": lambda lib, x: x.view(-1).unfold(0, 3, 1)[1].fill_(9),
    "expanded and selected": lambda lib, x: x[0].expand(3, 4)[1].fill_(9),
    "as_strided": lambda lib, x: x.as_strided((2, 2), (5, 1), 1).zero_(),
    "as_strided of a view": lambda lib, x: x[1].as_strided((2,), (4,), 3).fill_(8),
    "column": lambda lib, x: x[:, 1].copy_(x[:, 2]),
    "permuted": lambda lib, x: x.view(2, 2, 4).permute(2, 0, 1)[1].fill_(4),
    "as integers": lambda lib, x: x.view(lib.int32)[0].zero_(),
    "mask of a view": lambda lib, x: x[1:].__setitem__(x[1:] > 5, -1.0),
    "index of a view": lambda lib, x: x.t().__setitem__(([0, 1], [2, 3]), lib.tensor([50.0, 60.0])),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes_alias(name):
    def program(lib):
        x = lib.arange(16).reshape(4, 4).to(lib.float32)
        seen = [x, x.view(-1), x.t(), x[1:3], x[:, ::2]]
        WRITES[name](lib, x)
        return seen

    check(program, grad=False)


REFUSED = {
    "leaf": lambda lib, x: x.requires_grad_().add_(1),
    "view of a leaf": lambda lib, x: x.requires_grad_().view(-1).add_(1),
    "expanded": lambda lib, x: x.expand(2, 4, 4).add_(1),
    "one of several views": lambda lib, x: (x.requires_grad_() * 1).unbind()[1].add_(1),
    "view of one of several": lambda lib, x: (x.requires_grad_() * 1).split(2)[0].view(-1).add_(1),
    "wrong shape": lambda lib, x: x[0].add_(lib.ones(4, 4)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_writes_torch_refuses_are_refused_in_its_words(name):
    messages = []
    for lib in (torch, flashlight):
        with pytest.raises(RuntimeError) as refused:
            REFUSED[name](lib, lib.ones(4, 4))
        messages.append(str(refused.value))
    assert messages[0] == messages[1]


def test_several_views_of_a_changed_base_have_no_gradient():
    for lib in (torch, flashlight):
        x = lib.ones(4, 2, requires_grad=True) * 1
        first, *_ = x.unbind()
        x.add_(1)
        with pytest.raises(RuntimeError, match="is a view and its base or another view of its base has been modified"):
            (first * 2).sum().backward()


def test_gradients_of_several_views_with_some_unused():
    check(lambda lib, x: x.unbind()[1] * 2, A(3, 2))
    check(lambda lib, x: x.split([1, 2])[1] ** 2, A(3, 2))
    check(lambda lib, x: [p * (i + 1) for i, p in enumerate(x.chunk(3, 1))], A(2, 7))


CHANGES = {
    "t_": lambda x: x.t_(),
    "transpose_": lambda x: x.transpose_(0, 1),
    "swapaxes_": lambda x: x.swapaxes_(0, 1),
    "swapdims_": lambda x: x.swapdims_(0, 1),
    "squeeze_": lambda x: x.unsqueeze_(0).squeeze_(0),
    "unsqueeze_": lambda x: x.unsqueeze_(1),
    "as_strided_": lambda x: x.as_strided_((2, 2), (1, 2)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_shape_changes_in_place(name):
    def program(lib, x):
        y = x * 2
        z = CHANGES[name](y)
        assert z is y
        return y, lib.tensor(y.stride()), y * y

    check(program, A(2, 3), second=False)

    def shared(lib, x):
        y = x.clone()
        other = y.detach()
        CHANGES[name](y)
        y.mul_(3)
        return y, other

    check(shared, A(2, 3, grad=False), grad=False)
    check_raises(lambda lib: CHANGES[name](lib.ones(2, 3, requires_grad=True)))


def test_views_of_dtype_share():
    def program(lib):
        x = lib.zeros(2, 4)
        x.view(lib.int32)[0, 0] = 1065353216
        x.view(lib.uint8)[1, 3] = 63
        return x, lib.tensor(x.view(lib.float64).stride()), lib.tensor(x.view(lib.int16).stride())

    check(program, grad=False)


def test_contiguity_after_views():
    for lib in (torch, flashlight):
        x = lib.zeros(2, 3, 4)
        assert x.is_contiguous() and x[0].is_contiguous() and x[:, :1, :1].is_contiguous() is False
        assert not x.transpose(0, 1).is_contiguous()
        assert x.transpose(0, 1).contiguous().is_contiguous()
        assert x[1].storage_offset() == 12 and x[:, 1].stride() == (12, 1)


def test_sizes_may_be_numpy_integers_and_one_element_tensors():
    def program(lib, x):
        n = np.int64(3)
        return x.view(n, 2), x.reshape((lib.tensor(2), 3)), x.reshape(x.size(0) * 1, -1)

    check(program, A(6))


def test_deep_chains_write_through():
    def program(lib, x):
        y = x * 1
        v = y
        for _ in range(40):
            v = v.t()[:, :].view_as(v.t())
        v.add_(1)
        return y, v

    check(program, A(3, 3), second=False)

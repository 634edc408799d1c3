"""Copies and joins beyond the sample table: errors' words, results that share, out=, non-contiguous operands."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, T, check

WORDS = {
    "view": lambda lib: lib.ones(2, 3, 4).transpose(0, 1).view(-1),
    "two unknown": lambda lib: lib.ones(4).reshape(-1, -1),
    "negative": lambda lib: lib.ones(4).view(-2, 2),
    "no fit": lambda lib: lib.ones(2, 3).view(4, -1),
    "empty": lambda lib: lib.ones(0).view(-1, 0),
    "expand": lambda lib: lib.ones(2, 3).expand(4, 3),
    "expand to less": lambda lib: lib.ones(2, 3).expand(3),
    "permute": lambda lib: lib.ones(2, 3).permute(0, 0),
    "permute too few": lambda lib: lib.ones(2, 3).permute(0),
    "dimension": lambda lib: lib.ones(2, 3).transpose(0, 2),
    "split sizes": lambda lib: lib.ones(3).split([1, 1]),
    "chunk": lambda lib: lib.ones(3).chunk(0),
    "narrow": lambda lib: lib.ones(3).narrow(0, 2, 3),
    "select": lambda lib: lib.ones(3).select(0, 3),
    "unfold": lambda lib: lib.ones(3).unfold(0, 4, 1),
    "as_strided": lambda lib: lib.ones(3).as_strided((4,), (1,)),
    "unflatten": lambda lib: lib.ones(2, 6).unflatten(1, (4, 2)),
    "t": lambda lib: lib.ones(2, 3, 4).t(),
    "mT": lambda lib: lib.ones(3).mT,
    "H": lambda lib: lib.ones(2, 3, 4).H,
    "cat": lambda lib: lib.cat([lib.ones(2, 3), lib.ones(2, 4)]),
    "cat of nothing": lambda lib: lib.cat([]),
    "cat of scalars": lambda lib: lib.cat([lib.ones(()), lib.ones(1)]),
    "cat of one tensor": lambda lib: lib.cat(lib.ones(2, 3)),
    "stack": lambda lib: lib.stack([lib.ones(2), lib.ones(3)]),
    "roll": lambda lib: lib.roll(lib.ones(2, 3), (1, 2), 0),
    "rot90": lambda lib: lib.rot90(lib.ones(2, 3), 1, (0, 0)),
    "repeat": lambda lib: lib.ones(2, 3).repeat(2),
    "repeat_interleave": lambda lib: lib.ones(2, 3).repeat_interleave(lib.tensor([1, 2]), 1),
    "diag": lambda lib: lib.diag(lib.ones(2, 2, 2)),
    "slice_scatter": lambda lib: lib.slice_scatter(lib.ones(4), lib.ones(3), 0, 1, 3),
    "broadcast_shapes": lambda lib: lib.broadcast_shapes((2, 3), (4,)),
    "view as a wider dtype": lambda lib: lib.ones(3).view(lib.float64),
    "view of columns as a dtype": lambda lib: lib.ones(2, 4).t().view(lib.float64),
}


@pytest.mark.parametrize("name", WORDS)
def test_errors_have_torchs_words(name):
    with pytest.raises(Exception) as theirs:
        WORDS[name](torch)
    with pytest.raises(type(theirs.value)) as ours:
        WORDS[name](flashlight)
    assert str(ours.value) == str(theirs.value)


def test_properties():
    check(lambda lib, x: (x.T, x.mT, x.H, x.mH), A(2, 3))
    check(lambda lib, x: (x.mT, x.mH), A(2, 3, 4))
    check(lambda lib, x: (x.H.resolve_conj(), x.mH.resolve_conj()), A(2, 3, dtype="complex64"), grad=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(lambda lib, x: x.T, A(2, 3, 4))


def test_joins_of_views():
    check(lambda lib, x: lib.cat([x.t(), x[::2].t()], 1), A(4, 6))
    check(lambda lib, x: lib.stack([x.t()[0], x[:, 1]]), A(4, 6))
    check(lambda lib, x: lib.flip(x.t(), (1,)), A(4, 6))
    check(lambda lib, x: x.t().repeat(2, 2), A(2, 3))
    check(lambda lib, x: lib.roll(x.expand(3, 3), 1, 1), A(3))
    check(lambda lib, x: lib.tril(x.t()[1:]), A(4, 6))


def test_joins_into_a_given_tensor():
    def program(lib, x):
        out = lib.zeros(4, 3)
        result = lib.cat([x, x], out=out)
        assert result is out
        return out, lib.stack([x, x], out=lib.zeros(2, 2, 3)), lib.kron(x, x, out=lib.zeros(4, 9))

    check(program, A(2, 3, grad=False), grad=False)


def test_repeats_do_not_share():
    for lib in (torch, flashlight):
        x = lib.zeros(2)
        for copy in (x.repeat(1), x.flip(0), lib.cat([x]), lib.tile(x, (1,)), x.roll(1)):
            copy.add_(1)
        assert x.tolist() == [0, 0]


def test_broadcast_tensors_are_views():
    def program(lib, x):
        a, b = lib.broadcast_tensors(x, x.unsqueeze(1))
        return a * b, lib.tensor(a.stride()), lib.tensor(b.stride())

    check(program, A(3))


def test_cat_promotes_and_casts_gradients():
    check(lambda lib, x, y: lib.cat([x, y]), A(2), A(2, dtype="float64"))
    check(lambda lib, x, y: lib.cat([x, y]), A(2, dtype="float16"), T(np.array([1, 2], dtype=np.int32)), second=False)


def test_unravel_index_and_fill_diagonal():
    check(lambda lib: lib.unravel_index(lib.tensor([[3, 7], [0, 11]]), (3, 4)))

    def filled(lib, x):
        y = x * 1
        assert y.fill_diagonal_(5) is y
        return y, (x * 2).fill_diagonal_(1, wrap=True)

    check(filled, A(7, 3), second=False)
    check(filled, A(3, 3, 3), second=False)

"""Packing and padding sequences, and recurrent layers over packed ones."""

from __future__ import annotations

import warnings

import pytest

import flashlight

from ...oracle import A, check
from ..same import check_same


def rnn(lib):
    return lib.nn.utils.rnn


def batch(lib):
    return lib.arange(12.0).view(4, 3, 1)


def packed(lib, lengths=(2, 4, 3)):
    return rnn(lib).pack_padded_sequence(batch(lib), list(lengths), enforce_sorted=False)


PACKING = {
    "sorted": lambda lib: rnn(lib).pack_padded_sequence(batch(lib), [4, 3, 2]),
    "tensor lengths": lambda lib: rnn(lib).pack_padded_sequence(batch(lib), lib.tensor([4, 3, 3])),
    "unsorted": packed,
    "batch first": lambda lib: rnn(lib).pack_padded_sequence(batch(lib).transpose(0, 1), [4, 1, 1], batch_first=True),
    "shorter": lambda lib: rnn(lib).pack_padded_sequence(batch(lib), [2, 2, 1]),
    "not sorted": lambda lib: rnn(lib).pack_padded_sequence(batch(lib), [2, 4, 3]),
    "matrix lengths": lambda lib: rnn(lib).pack_padded_sequence(batch(lib), lib.tensor([[4, 3, 2]])),
    "zero length": lambda lib: rnn(lib).pack_padded_sequence(batch(lib), [4, 2, 0]),
    "few lengths": lambda lib: rnn(lib).pack_padded_sequence(batch(lib), [4, 3]),
    "empty": lambda lib: rnn(lib).pack_padded_sequence(lib.ones(0, 3, 1), [1, 1, 1]),
    "pad": lambda lib: rnn(lib).pad_packed_sequence(packed(lib)),
    "pad batch first": lambda lib: rnn(lib).pad_packed_sequence(packed(lib), batch_first=True, padding_value=-1.0),
    "pad longer": lambda lib: rnn(lib).pad_packed_sequence(packed(lib), total_length=6),
    "pad shorter": lambda lib: rnn(lib).pad_packed_sequence(packed(lib), total_length=3),
    "pad_sequence": lambda lib: rnn(lib).pad_sequence([lib.ones(2), lib.ones(3)]),
    "pad_sequence left": lambda lib: rnn(lib).pad_sequence([lib.ones(2, 2), lib.ones(3, 2)], True, 9.0, "left"),
    "pad_sequence side": lambda lib: rnn(lib).pad_sequence([lib.ones(2)], padding_side="top"),
    "pad_sequence tensor": lambda lib: rnn(lib).pad_sequence(lib.ones(2, 3)),
    "pad_sequence number": lambda lib: rnn(lib).pad_sequence(3),
    "pad_sequence nothing": lambda lib: rnn(lib).pad_sequence([]),
    "pad_sequence sizes": lambda lib: rnn(lib).pad_sequence([lib.ones(2, 3), lib.ones(3, 2)]),
    "pad_sequence ints": lambda lib: rnn(lib).pad_sequence([lib.tensor([1, 2]), lib.tensor([3])]),
    "unpad": lambda lib: rnn(lib).unpad_sequence(lib.arange(8.0).view(4, 2), lib.tensor([2, 3])),
    "pack_sequence": lambda lib: rnn(lib).pack_sequence([lib.ones(3), lib.zeros(2)]),
    "pack_sequence unsorted": lambda lib: rnn(lib).pack_sequence([lib.ones(1), lib.zeros(2)], enforce_sorted=False),
    "unpack": lambda lib: rnn(lib).unpack_sequence(packed(lib)),
    "invert": lambda lib: [rnn(lib).invert_permutation(lib.tensor([2, 0, 1])), rnn(lib).invert_permutation(None)],
    "made by hand": lambda lib: rnn(lib).PackedSequence(lib.ones(3), lib.tensor([2, 1]), lib.tensor([1, 0])),
    "made of a pair": lambda lib: rnn(lib).PackedSequence((lib.ones(3), lib.tensor([2, 1]))),
    "made of nothing": lambda lib: rnn(lib).PackedSequence(lib.ones(3)),
    "replaced": lambda lib: packed(lib)._replace(data=packed(lib).data * 2),
    "double": lambda lib: packed(lib).double(),
    "long": lambda lib: packed(lib).long(),
    "to": lambda lib: packed(lib).to(lib.float16),
    "flags": lambda lib: [packed(lib).is_cuda, packed(lib).is_pinned()],
}


@pytest.mark.parametrize("fn", PACKING.values(), ids=PACKING)
def test_packing(fn):
    check_same(fn)


def test_text():
    check_same(lambda lib: repr(packed(lib)))


def test_same_object_when_nothing_changes():
    p = packed(flashlight)
    assert p.cpu() is p and p.float() is p and p.pin_memory() is p


def test_too_long_a_length_is_refused():
    with pytest.raises(RuntimeError, match="at most 4"):
        rnn(flashlight).pack_padded_sequence(batch(flashlight), [5, 4, 3])


def test_gradients():
    def through(lib, x):
        return rnn(lib).pack_padded_sequence(x, [2, 4, 3], enforce_sorted=False).data * 2

    def back(lib, x):
        p = rnn(lib).PackedSequence(x, lib.tensor([3, 3, 2, 1]))
        return rnn(lib).pad_packed_sequence(p, batch_first=True)[0] * 3

    def pad(lib, x, y):
        return rnn(lib).pad_sequence([x, y]) * 2

    check(through, A(4, 3, 2))
    check(back, A(9, 2))
    check(pad, A(2, 3), A(4, 3))


def states(lib, name, count):
    h = lib.arange(float(count * 3 * 5)).view(count, 3, 5) / 50
    return (h, h + 1) if name == "LSTM" else h


@pytest.mark.parametrize("given", [False, True], ids=["zeros", "state"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_layers_over_packed_sequences(name, bidirectional, given):
    def fn(lib):
        layer = getattr(lib.nn, name)(2, 5, num_layers=2, bidirectional=bidirectional)
        x = (lib.arange(24.0).view(4, 3, 2) / 10).requires_grad_()
        p = rnn(lib).pack_padded_sequence(x, [2, 4, 3], enforce_sorted=False)
        output, hidden = layer(p, states(lib, name, 4 if bidirectional else 2) if given else None)
        total = output.data.sum() + sum(h.sum() for h in (hidden if name == "LSTM" else (hidden,)))
        grads = lib.autograd.grad(total, [x, *layer.parameters()])
        return [output, hidden, grads]

    check_same(fn, atol=5e-6, rtol=1e-5)


LSTM_ARGUMENTS = {
    "nonlinearity": lambda lib: lib.nn.RNN(2, 3, nonlinearity="x"),
    "nonlinearity in place": lambda lib: [lib.nn.RNN(2, 3, 1, "relu").mode, repr(lib.nn.RNN(2, 3, 2, "relu", False))],
    "proj_size of RNN": lambda lib: lib.nn.RNN(2, 3, proj_size=1),
    "proj_size of GRU": lambda lib: lib.nn.GRU(2, 3, proj_size=1),
    "proj_size large": lambda lib: lib.nn.LSTM(2, 3, proj_size=3),
    "proj_size negative": lambda lib: lib.nn.LSTM(2, 3, proj_size=-1),
    "dropout": lambda lib: lib.nn.LSTM(2, 3, dropout=2),
    "dropout bool": lambda lib: lib.nn.LSTM(2, 3, dropout=True),
    "dropout of one layer": lambda lib: repr(lib.nn.LSTM(2, 3, dropout=0.5)),
    "input_size": lambda lib: lib.nn.LSTM(2.0, 3),
    "input_size zero": lambda lib: lib.nn.LSTM(0, 3),
    "hidden_size zero": lambda lib: lib.nn.LSTM(2, 0),
    "num_layers zero": lambda lib: lib.nn.LSTM(2, 3, 0),
    "bias": lambda lib: lib.nn.LSTM(2, 3, bias=1),
    "batch_first": lambda lib: lib.nn.LSTM(2, 3, batch_first=1),
    "mode": lambda lib: lib.nn.RNNBase("XX", 2, 3),
    "names": lambda lib: [
        lib.nn.LSTM(2, 3, 2, bidirectional=True, proj_size=2)._flat_weights_names,
        lib.nn.GRU(2, 3)._all_weights,
    ],
    "all_weights": lambda lib: [[w.shape for w in ws] for ws in lib.nn.LSTM(2, 3, 2).all_weights],
    "1-D": lambda lib: lib.nn.RNN(2, 3)(lib.ones(3)),
    "4-D": lambda lib: lib.nn.GRU(2, 3)(lib.ones(1, 1, 1, 2)),
    "features": lambda lib: lib.nn.RNN(2, 3)(lib.ones(4, 3, 3)),
    "dtype": lambda lib: lib.nn.LSTM(2, 3)(lib.ones(4, 3, 2, dtype=lib.float64)),
    "state": lambda lib: lib.nn.RNN(2, 3)(lib.ones(4, 3, 2), lib.ones(1, 2, 3)),
    "state dims": lambda lib: lib.nn.RNN(2, 3)(lib.ones(4, 3, 2), lib.ones(1, 3)),
    "state dims unbatched": lambda lib: lib.nn.RNN(2, 3)(lib.ones(4, 2), lib.ones(1, 2, 3)),
    "first state": lambda lib: lib.nn.LSTM(2, 3)(lib.ones(4, 3, 2), (lib.ones(1, 2, 3), lib.ones(1, 3, 3))),
    "second state": lambda lib: lib.nn.LSTM(2, 3)(lib.ones(4, 3, 2), (lib.ones(1, 3, 3), lib.ones(1, 2, 3))),
    "states dims": lambda lib: lib.nn.LSTM(2, 3)(lib.ones(4, 3, 2), (lib.ones(1, 3), lib.ones(1, 2, 3))),
    "states dims unbatched": lambda lib: lib.nn.LSTM(2, 3)(lib.ones(4, 2), (lib.ones(1, 1, 3), lib.ones(1, 3))),
    "cell 3-D": lambda lib: lib.nn.RNNCell(2, 3)(lib.ones(1, 1, 2)),
    "cell state 3-D": lambda lib: lib.nn.GRUCell(2, 3)(lib.ones(1, 2), lib.ones(1, 1, 3)),
    "lstm cell 3-D": lambda lib: lib.nn.LSTMCell(2, 3)(lib.ones(1, 1, 2)),
    "lstm cell state 3-D": lambda lib: lib.nn.LSTMCell(2, 3)(lib.ones(1, 2), (lib.ones(1, 3), lib.ones(1, 1, 3))),
    "cell nonlinearity": lambda lib: lib.nn.RNNCell(2, 3, nonlinearity="x")(lib.ones(1, 2)),
    "cell features": lambda lib: lib.nn.GRUCell(2, 3)(lib.ones(1, 3)),
    "cell state features": lambda lib: lib.nn.GRUCell(2, 3)(lib.ones(1, 2), lib.ones(1, 2)),
    "cell batches": lambda lib: lib.nn.GRUCell(2, 3)(lib.ones(1, 2), lib.ones(2, 3)),
}


@pytest.mark.parametrize("fn", LSTM_ARGUMENTS.values(), ids=LSTM_ARGUMENTS)
def test_arguments(fn):
    check_same(fn)


def test_weights_can_be_replaced():
    layer = flashlight.nn.LSTM(2, 3)
    x = flashlight.ones(4, 1, 2)
    before = layer(x)[0]
    layer.flatten_parameters()
    layer.weight_ih_l0 = flashlight.nn.Parameter(flashlight.zeros(12, 2))
    assert not bool((layer(x)[0] == before).all())
    assert layer._flat_weights[0] is layer.weight_ih_l0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert layer.double()(x.double())[0].dtype is flashlight.float64

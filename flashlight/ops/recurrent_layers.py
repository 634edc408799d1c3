"""torch.lstm, gru, rnn_tanh and rnn_relu: stacked, bidirectional, padded or packed; and single cells."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .._core import checks, dispatch
from .._core.conversion import host_value, to_numpy
from .._core.table import composite, namespaces
from .._core.tensor import Tensor, wrap
from .recurrent import gru_sequence, lstm_sequence, rnn_sequence, without_gradient


def _torch(name: str):
    return namespaces["torch"][name]


class _Packing:
    """How packed data (all steps of all sequences, time first) relates to padded data (T, B, ...)."""

    def __init__(self, batch_sizes: Tensor):
        sizes = to_numpy(host_value(batch_sizes)).astype(np.int64)
        T, B = len(sizes), int(sizes[0])
        self.shape = (T, B)
        present = np.arange(B)[None, :] < sizes[:, None]
        self.lengths = checks.know(mx.array(present.sum(0).astype(np.int64)))
        self.where = wrap(checks.know(mx.array(np.flatnonzero(present))))
        slots = np.zeros(T * B, dtype=np.int64)
        slots[np.flatnonzero(present)] = np.arange(int(sizes.sum()))
        self.slots = wrap(checks.know(mx.array(slots)))

    def pad(self, data: Tensor) -> Tensor:
        return data.index_select(0, self.slots).view(*self.shape, *data.shape[1:])

    def pack(self, padded: Tensor) -> Tensor:
        return padded.reshape(self.shape[0] * self.shape[1], *padded.shape[2:]).index_select(0, self.where)


def _run(sequence, extra, input, states, weights, bias: bool, projected: bool, lengths, reverse: bool):
    """One layer and direction: (output, last states)."""
    w = list(weights)
    w_ih, w_hh = w[:2]
    b_ih, b_hh = (w[2], w[3]) if bias else (None, None)
    tensors = (input, *states, w_ih, w_hh, b_ih, b_hh)
    if sequence is lstm_sequence:
        tensors = (*tensors, w[-1] if projected else None)
    output, *last = dispatch.run(without_gradient(sequence, tensors), tensors, (lengths, reverse, *extra))
    return output, last


def _layers(sequence, extra, input, states, params, options, packing):
    """All layers and directions; ``states`` is a tuple of (layers * directions, B, .) tensors."""
    bias, num_layers, dropout, train, bidirectional, per = options
    directions = 2 if bidirectional else 1
    projected = per == (5 if bias else 3)
    lengths = None if packing is None else packing.lengths
    if packing is None and input.shape[0] == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    finals: list = [[] for _ in states]
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            k = layer * directions + direction
            given = input if packing is None else packing.pad(input)
            output, last = _run(
                sequence, extra, given, [s[k] for s in states], params[k * per : (k + 1) * per], bias, projected, lengths,
                direction == 1,
            )  # fmt: skip
            outputs.append(output if packing is None else packing.pack(output))
            for kept, state in zip(finals, last, strict=True):
                kept.append(state)
        input = outputs[0] if directions == 1 else _torch("cat")(outputs, -1)
        if dropout > 0 and train and layer < num_layers - 1:
            input = (
                _torch("dropout")(input, dropout, True)
                if "dropout" in namespaces["torch"]
                else namespaces["nn.functional"]["dropout"](input, dropout, True)
            )
    return input, [_torch("stack")(kept) for kept in finals]


def _entry(name: str, sequence, states_of, extra=()):
    """Publish ``torch.<name>``: padded as (input, hx, params, bias, num_layers, dropout, train, bidirectional, batch_first), packed as
    (data, batch_sizes, hx, params, bias, num_layers, dropout, train, bidirectional)."""
    several = sequence is lstm_sequence

    def layer(*args):
        packed = not isinstance(args[3], bool)
        input, packing, batch_first = args[0], None, False
        if packed:
            packing, args = _Packing(args[1]), args[2:]
        else:
            args, batch_first = args[1:-1], args[-1]
        hx, params, bias, num_layers, dropout, train, bidirectional = args
        per = len(params) // (num_layers * (2 if bidirectional else 1))
        if batch_first:
            input = input.transpose(0, 1)
        output, finals = _layers(
            sequence,
            extra,
            input,
            states_of(hx),
            list(params),
            (bias, num_layers, dropout, train, bidirectional, per),
            packing,
        )
        if batch_first:
            output = output.transpose(0, 1)
        return (output, *finals) if several else (output, finals[0])

    layer.__name__ = name
    layer.__doc__ = (
        f"``torch.{name}``: the layers of the module of that name, given its weights; one operator for each direction."
    )
    return composite(layer, method=False)


lstm = _entry("lstm", lstm_sequence, tuple)
gru = _entry("gru", gru_sequence, lambda hx: (hx,))
rnn_tanh = _entry("rnn_tanh", rnn_sequence, lambda hx: (hx,), ("tanh",))
rnn_relu = _entry("rnn_relu", rnn_sequence, lambda hx: (hx,), ("relu",))


# ----------------------------------------------------------------------------------------------------------------- cells
def _one(sequence, extra, input, states, w_ih, w_hh, b_ih, b_hh):
    """One step of a layer, as a sequence of length one."""
    for k, s in enumerate(states):
        if s.shape[0] != input.shape[0]:
            raise RuntimeError(f"Input batch size {input.shape[0]} doesn't match hidden{k} batch size {s.shape[0]}")
        if s.shape[1] != w_hh.shape[1]:
            raise RuntimeError(f"hidden{k} has inconsistent hidden_size: got {s.shape[1]}, expected {w_hh.shape[1]}")
    if input.shape[1] != w_ih.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}")
    tensors = (input.unsqueeze(0), *states, w_ih, w_hh, b_ih, b_hh)
    if sequence is lstm_sequence:
        tensors = (*tensors, None)
    return dispatch.run(without_gradient(sequence, tensors), tensors, (None, False, *extra))[1:]


@composite(method=False, autocast="cpu input, gpu low")
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: (B, I) and (h, c) of (B, H) -> new h and c."""
    h, c = _one(lstm_sequence, (), input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
    return h, c


@composite(method=False)
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU: (B, I) and (B, H) -> new hidden state."""
    return _one(gru_sequence, (), input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@composite(method=False)
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an Elman network with tanh."""
    return _one(rnn_sequence, ("tanh",), input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@composite(method=False)
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an Elman network with ReLU."""
    return _one(rnn_sequence, ("relu",), input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]

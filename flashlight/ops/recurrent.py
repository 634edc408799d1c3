"""Recurrent layers: one operator for each sequence and direction.

The input projection of the whole sequence is one matrix product before the loop, the weights' gradients are one each after it.
T steps, B sequences, I inputs, H units, P outputs of a projected LSTM, G gates. Gate order is torch's: LSTM i f g o, GRU r z n.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx

from .._core.numerics.elementary import sigmoid, tanh
from .._core.table import Array, op
from ..kernels import gru as gru_kernel
from ..kernels import lstm as lstm_kernel
from ..kernels import recurrent_compiled, recurrent_host
from ..kernels.arrays import back, on_host, uses_host, wants_gradient


class Weights(NamedTuple):
    """The arrays of one layer and direction; missing ones are None."""

    w_ih: mx.array
    w_hh: mx.array
    b_ih: mx.array | None
    b_hh: mx.array | None
    w_hr: mx.array | None = None


def _order(T: int, reverse: bool) -> range:
    return range(T - 1, -1, -1) if reverse else range(T)


def _project(input, weight, *biases):
    """(T, B, I) by (G*H, I) -> (T, B, G*H)."""
    T, B, I = input.shape  # noqa: E741
    out = mx.matmul(input.reshape(T * B, I), weight.T).reshape(T, B, weight.shape[0])
    total = None
    for b in biases:
        if b is not None:
            total = b if total is None else total + b
    return out if total is None else out + total


def _valid(lengths, t: int):
    """Which sequences have a step t: (B, 1), or None when all have."""
    return None if lengths is None else mx.expand_dims(mx.array(t) < lengths, -1)


def _choose(valid, new, old):
    return new if valid is None else mx.where(valid, new, old)


def _masked(valid, a):
    return a if valid is None else a * valid.astype(a.dtype)


def _rest(valid, a):
    """What passes by the steps a sequence does not have."""
    return 0 if valid is None else a * (1 - valid.astype(a.dtype))


def _flat(a):
    """(T, B, n) as (T * B, n), empty batches too."""
    return a.reshape(a.shape[0] * a.shape[1], a.shape[2])


def _weight_gradients(dgates, input, previous, weights: Weights, dgates_hidden=None):
    """(dx, dw_ih, dw_hh, db_ih, db_hh) from the gates' gradients of all steps."""
    T, B, I = input.shape  # noqa: E741
    flat = _flat(dgates)
    hidden = flat if dgates_hidden is None else _flat(dgates_hidden)
    dx = mx.matmul(flat, weights.w_ih).reshape(T, B, I)
    dw_ih = mx.matmul(flat.T, input.reshape(T * B, I))
    dw_hh = mx.matmul(hidden.T, _flat(previous))
    return (
        dx,
        dw_ih,
        dw_hh,
        None if weights.b_ih is None else mx.sum(flat, axis=0),
        None if weights.b_hh is None else mx.sum(hidden, axis=0),
    )


def _stacked(steps, order):
    """Values noted in the order of the loop, stacked in the order of time."""
    return mx.stack(steps if order.step == 1 else steps[::-1])


# ---------------------------------------------------------------------------------------------------------- without a GPU
# steps below which laying out the weights costs more than it saves
_FEW = 4


def _hosted(input) -> bool:
    """Whether a sequence runs outside MLX. Halves are rounded at every operation there."""
    return uses_host() and input.dtype in (mx.float32, mx.float64) and input.shape[0] >= _FEW and input.size > 0


class Hosted(NamedTuple):
    """A kind of scan without a GPU: compiled where that is possible, else in numpy."""

    compiled: Callable
    numpy: Callable


_LSTM = Hosted(recurrent_compiled.lstm, recurrent_host.Lstm)
_GRU = Hosted(recurrent_compiled.gru, recurrent_host.Gru)
_RNN = Hosted(recurrent_compiled.rnn, recurrent_host.Rnn)
_SCANS = (recurrent_compiled.Scan, recurrent_host.Scan)


def _host_scan(kind: Hosted, arguments, keep: bool = True):
    """A scan of arrays on the CPU: (outputs, the scan)."""
    like = arguments[0]
    given = [on_host(a) if isinstance(a, mx.array) else a for a in arguments]
    if recurrent_compiled.fits(given[0], given[7] if kind is _LSTM else None):
        scan = kind.compiled(*given, keep=keep)
    else:
        scan = kind.numpy(*given)
    return tuple(back(a, like) for a in (scan.result(), *scan.last())), scan


def _host_gradients(scan, gs, like, needs, absent) -> tuple:
    """The gradients of all tensors, None for those that are ``absent`` or need none."""
    grads = scan.gradients(*(on_host(g) for g in gs), needs)
    return tuple(
        None if g is None or missing or not need else back(g, like)
        for g, need, missing in zip(grads, needs, absent, strict=True)
    )


# ------------------------------------------------------------------------------------------------------------------ LSTM
def _lstm_gates(pre, H: int):
    i, f, o = (sigmoid(pre[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
    return i, f, tanh(pre[:, 2 * H : 3 * H]), o


def _lstm_step(projected, h, w_h, c):
    """(o * tanh(c'), c', the gates, tanh(c')); the kernels keep the gates in one array and c' itself."""
    if lstm_kernel.fits(projected, c):
        m, new_c, gates = lstm_kernel.step(mx.addmm(projected, h, w_h), c)
        return m, new_c, gates, new_c
    i, f, g, o = _lstm_gates(projected + mx.matmul(h, w_h), c.shape[1])
    new_c = f * c + i * g
    tanh_c = tanh(new_c)
    return o * tanh_c, new_c, (i, f, g, o), tanh_c


def _lstm_step_backward(dm, dc, gates, c, squashed):
    """Gradients of the gates before their activations and of the cell before the step, from what the step kept."""
    if isinstance(gates, mx.array):
        return lstm_kernel.step_backward(dm, dc, gates, c, squashed)
    i, f, g, o = gates
    dc = dc + dm * o * (1 - squashed * squashed)
    pre = mx.concatenate(
        [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dm * squashed * o * (1 - o)], axis=1
    )
    return pre, dc * f


def _lstm_forward(input, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, lengths, reverse):
    projected = _project(input, w_ih, b_ih, b_hh)
    order = _order(input.shape[0], reverse)
    w_h = w_hh.T
    outputs, previous, cells, gates, squashed, raw = [], [], [], [], [], []
    for t in order:
        m, new_c, kept, tanh_c = _lstm_step(projected[t], h, w_h, c)
        new_h = m if w_hr is None else mx.matmul(m, w_hr.T)
        valid = _valid(lengths, t)
        previous.append(h)
        cells.append(c)
        gates.append(kept)
        squashed.append(tanh_c)
        raw.append(m)
        h, c = _choose(valid, new_h, h), _choose(valid, new_c, c)
        outputs.append(_masked(valid, new_h))
    return (_stacked(outputs, order), h, c), (previous, cells, gates, squashed, raw)


@op(namespace="_", name="lstm", method=False, autocast="low", backward="Lstm")
def lstm_sequence(
    input: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, w_hr: Array | None,
    lengths, reverse: bool,
) -> Array:  # fmt: skip
    """An LSTM over (T, B, I): outputs (T, B, P), last hidden state and cell. ``lengths`` (B) marks the steps of shorter sequences."""
    return _lstm_forward(input, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, lengths, reverse)[0]


@lstm_sequence.vjp
def _(gs, input, w_ih, w_hh, b_ih, b_hh, w_hr, saved, needs, lengths, reverse):
    if isinstance(saved, _SCANS):
        absent = (False, False, False, False, False, b_ih is None, b_hh is None, w_hr is None)
        return _host_gradients(saved, gs, input, needs, absent)
    previous, cells, gates, squashed, raw = saved
    order = _order(input.shape[0], reverse)
    d_out, dh, dc = gs
    d_gates, d_projected = [], []
    for step in range(len(order) - 1, -1, -1):
        t = order[step]
        valid = _valid(lengths, t)
        own = _masked(valid, d_out[t] + dh)
        passed_h, passed_c = _rest(valid, dh), _rest(valid, dc)
        dm = own
        if w_hr is not None:
            d_projected.append(own)
            dm = mx.matmul(own, w_hr)
        pre, dc = _lstm_step_backward(dm, _masked(valid, dc), gates[step], cells[step], squashed[step])
        d_gates.append(pre)
        dh = mx.matmul(pre, w_hh) + passed_h
        dc = dc + passed_c
    inside = d_gates[::-1]
    weights = Weights(w_ih, w_hh, b_ih, b_hh, w_hr)
    dx, dw_ih, dw_hh, db_ih, db_hh = _weight_gradients(
        _stacked(inside, order), input, _stacked(previous, order), weights
    )
    dw_hr = None
    if w_hr is not None:
        dw_hr = mx.matmul(_flat(mx.stack(d_projected[::-1])).T, _flat(mx.stack(raw)))
    return dx, dh, dc, dw_ih, dw_hh, db_ih, db_hh, dw_hr


def _lstm_saving(*arguments, keep=True):
    return _host_scan(_LSTM, arguments, keep) if _hosted(arguments[0]) else _lstm_forward(*arguments)


lstm_sequence.saving(_lstm_saving)


@op(namespace="_", name="lstm_inference", method=False, autocast="low", grad=False)
def lstm_inference(
    input: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, w_hr: Array | None,
    lengths, reverse: bool,
) -> Array:  # fmt: skip
    """The same when no gradient is wanted, outside MLX where that is faster."""
    return _lstm_saving(input, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, lengths, reverse, keep=False)[0]


# ------------------------------------------------------------------------------------------------------------------- GRU
def _gru_step(x, hidden, h):
    """(h', what the gradient reads)."""
    if gru_kernel.fits(x, hidden, h):
        new_h, gates = gru_kernel.step(x, hidden, h)
        return new_h, (gates, hidden)
    H = h.shape[1]
    both = sigmoid(x[:, : 2 * H] + hidden[:, : 2 * H])
    r, z = both[:, :H], both[:, H:]
    inner = hidden[:, 2 * H :]
    n = tanh(x[:, 2 * H :] + r * inner)
    return n + z * (h - n), (r, z, n, inner)


def _gru_step_backward(own, kept, h):
    """Gradients of the gates' two parts before their activations, and the direct one of the state before the step."""
    if len(kept) == 2:
        return gru_kernel.step_backward(own, *kept, h)
    r, z, n, inner = kept
    dn = own * (1 - z) * (1 - n * n)
    dr = dn * inner * r * (1 - r)
    dz = own * (h - n) * z * (1 - z)
    return mx.concatenate([dr, dz, dn], axis=1), mx.concatenate([dr, dz, dn * r], axis=1), own * z


def _gru_forward(input, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse):
    projected = _project(input, w_ih, b_ih)
    order = _order(input.shape[0], reverse)
    w_h = w_hh.T
    outputs, previous, gates = [], [], []
    for t in order:
        hidden = mx.matmul(h, w_h)
        hidden = hidden if b_hh is None else hidden + b_hh
        new_h, kept = _gru_step(projected[t], hidden, h)
        valid = _valid(lengths, t)
        previous.append(h)
        gates.append(kept)
        h = _choose(valid, new_h, h)
        outputs.append(_masked(valid, new_h))
    return (_stacked(outputs, order), h), (previous, gates)


@op(namespace="_", name="gru", method=False, autocast="cpu input, gpu low", backward="Gru")
def gru_sequence(
    input: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, lengths, reverse: bool
) -> Array:
    """A GRU over (T, B, I): outputs (T, B, H) and the last hidden state."""
    return _gru_forward(input, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse)[0]


@gru_sequence.vjp
def _(gs, input, w_ih, w_hh, b_ih, b_hh, saved, needs, lengths, reverse):
    if isinstance(saved, _SCANS):
        absent = (False, False, False, False, b_ih is None, b_hh is None)
        return _host_gradients(saved, gs, input, needs, absent)
    previous, gates = saved
    order = _order(input.shape[0], reverse)
    d_out, dh = gs
    d_input, d_hidden = [], []
    for step in range(len(order) - 1, -1, -1):
        t = order[step]
        valid = _valid(lengths, t)
        own = _masked(valid, d_out[t] + dh)
        passed = _rest(valid, dh)
        inside, hidden, direct = _gru_step_backward(own, gates[step], previous[step])
        d_input.append(inside)
        d_hidden.append(hidden)
        dh = mx.matmul(hidden, w_hh) + direct + passed
    weights = Weights(w_ih, w_hh, b_ih, b_hh)
    dx, dw_ih, dw_hh, db_ih, db_hh = _weight_gradients(
        _stacked(d_input[::-1], order), input, _stacked(previous, order), weights, _stacked(d_hidden[::-1], order)
    )
    return dx, dh, dw_ih, dw_hh, db_ih, db_hh


def _gru_saving(*arguments, keep=True):
    return _host_scan(_GRU, arguments, keep) if _hosted(arguments[0]) else _gru_forward(*arguments)


gru_sequence.saving(_gru_saving)


@op(namespace="_", name="gru_inference", method=False, autocast="cpu input, gpu low", grad=False)
def gru_inference(
    input: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, lengths, reverse: bool,
) -> Array:  # fmt: skip
    """The same when no gradient is wanted, outside MLX where that is faster."""
    return _gru_saving(input, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse, keep=False)[0]


# ------------------------------------------------------------------------------------------------------------------- RNN
def _rnn_forward(input, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse, nonlinearity):
    projected = _project(input, w_ih, b_ih, b_hh)
    order = _order(input.shape[0], reverse)
    w_h = w_hh.T
    outputs, previous, values = [], [], []
    for t in order:
        pre = projected[t] + mx.matmul(h, w_h)
        new_h = tanh(pre) if nonlinearity == "tanh" else mx.maximum(pre, mx.zeros((), dtype=pre.dtype))
        valid = _valid(lengths, t)
        previous.append(h)
        values.append(new_h)
        h = _choose(valid, new_h, h)
        outputs.append(_masked(valid, new_h))
    return (_stacked(outputs, order), h), (previous, values)


@op(namespace="_", name="rnn", method=False, autocast="low", backward="Rnn")
def rnn_sequence(
    input: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    lengths,
    reverse: bool,
    nonlinearity: str,
) -> Array:
    """An Elman network over (T, B, I): outputs (T, B, H) and the last hidden state."""
    return _rnn_forward(input, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse, nonlinearity)[0]


@rnn_sequence.vjp
def _(gs, input, w_ih, w_hh, b_ih, b_hh, saved, needs, lengths, reverse, nonlinearity):
    if isinstance(saved, _SCANS):
        absent = (False, False, False, False, b_ih is None, b_hh is None)
        return _host_gradients(saved, gs, input, needs, absent)
    previous, values = saved
    order = _order(input.shape[0], reverse)
    d_out, dh = gs
    inside = []
    for step in range(len(order) - 1, -1, -1):
        t = order[step]
        valid = _valid(lengths, t)
        own = _masked(valid, d_out[t] + dh)
        value = values[step]
        pre = own * ((1 - value * value) if nonlinearity == "tanh" else (value > 0).astype(own.dtype))
        inside.append(pre)
        dh = mx.matmul(pre, w_hh) + _rest(valid, dh)
    weights = Weights(w_ih, w_hh, b_ih, b_hh)
    grads = _weight_gradients(_stacked(inside[::-1], order), input, _stacked(previous, order), weights)
    dx, dw_ih, dw_hh, db_ih, db_hh = grads
    return dx, dh, dw_ih, dw_hh, db_ih, db_hh


def _rnn_saving(*arguments, keep=True):
    return _host_scan(_RNN, arguments, keep) if _hosted(arguments[0]) else _rnn_forward(*arguments)


rnn_sequence.saving(_rnn_saving)


@op(namespace="_", name="rnn_inference", method=False, autocast="low", grad=False)
def rnn_inference(
    input: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, lengths, reverse: bool,
    nonlinearity: str,
) -> Array:  # fmt: skip
    """The same when no gradient is wanted, outside MLX where that is faster."""
    return _rnn_saving(input, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse, nonlinearity, keep=False)[0]


_INFERENCE = {lstm_sequence: lstm_inference, gru_sequence: gru_inference, rnn_sequence: rnn_inference}


def without_gradient(sequence, tensors):
    """The operator to run: that without a gradient if none of the tensors wants one and it is a host that computes."""
    if uses_host() and not wants_gradient(t for t in tensors if t is not None):
        return _INFERENCE[sequence]
    return sequence

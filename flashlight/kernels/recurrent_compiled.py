"""LSTM, GRU and Elman scans compiled for the CPU (``cpu/recurrent.cpp``), with the interface of those in ``recurrent_host``."""

from __future__ import annotations

import numpy as np

from . import compiled
from .arrays import Room

_FAMILY = "recurrent"
_LSTM, _GRU, _TANH, _RELU = range(4)


class Scan:
    """A scan's arrays, its results, and what its gradient reads."""

    def __init__(self, kind: int, x, h, c, weights, lengths, reverse: bool, keep: bool):
        (T, B, I), H, real = x.shape, h.shape[1], x.dtype  # noqa: E741
        self.kind, self.room, self.x = kind, Room(), x
        b_ih, b_hh = weights[2:]
        bias = b_ih if b_hh is None else b_hh if b_ih is None else b_ih + b_hh
        self.weights = compiled.contiguous([*weights, bias])
        self.lengths = None if lengths is None else np.ascontiguousarray(lengths, dtype=real)
        lanes = compiled.lanes(_FAMILY, real)
        blocks, steps = -(-B // lanes), T if keep else 1
        rows = (steps + 1, I + H), (steps, H if kind in (_TANH, _RELU) else 4 * H), (steps + 1, H)
        kept = [self.room.empty((blocks, *shape, lanes), real) for shape in rows[: 3 if kind == _LSTM else 2]]
        self.kept = kept if kind == _LSTM else [*kept, None]
        workers = compiled.workers(blocks, T * (weights[0].size + weights[1].size))
        self.sizes = [T, B, I, H, kind, reverse, lengths is not None, workers, T if keep else 0]
        self.outputs, self.h = np.empty((T, B, H), real), np.empty((B, H), real)
        self.c = np.empty((B, H), real) if kind == _LSTM else None
        given = [*compiled.contiguous([x, h, c]), *self.weights, self.lengths]
        compiled.call(_FAMILY, "forward", [*self.sizes, False], given, [self.outputs, self.h, self.c, *self.kept])

    def result(self) -> np.ndarray:
        """The outputs (T, B, H), zero where a sequence is over."""
        return self.outputs

    def last(self) -> list:
        """The last state, and an LSTM's last cell."""
        return [self.h] if self.c is None else [self.h, self.c]

    def gradients(self, *given) -> list:
        """Those of the input, the states, w_ih, w_hh, b_ih, b_hh (and of an LSTM's projection, which it has not)."""
        *gs, needs = given
        real, (B, H) = self.x.dtype, self.h.shape
        dx = np.empty(self.x.shape, real) if needs[0] else None
        states = [np.empty((B, H), real) for _ in self.last()]
        w_ih, w_hh = self.weights[:2]
        made = [np.zeros(shape, real) for shape in (w_ih.shape, w_hh.shape, len(w_ih), len(w_ih))]
        dc = states[1] if self.kind == _LSTM else None
        given = [
            *compiled.contiguous([gs[0], gs[1], gs[2] if self.kind == _LSTM else None]),
            *self.weights,
            self.lengths,
        ]
        compiled.call(_FAMILY, "backward", [*self.sizes, needs[0]], given, self.kept, [dx, states[0], dc, *made])
        return [dx, *states, *made, *([None] if self.kind == _LSTM else [])]


def fits(x, w_hr=None) -> bool:
    """Whether a scan is computed here: not one whose LSTM is projected."""
    return w_hr is None and 0 not in x.shape and compiled.available(_FAMILY, x.dtype)


def lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, _w_hr, lengths, reverse, keep: bool) -> Scan:
    return Scan(_LSTM, x, h, c, (w_ih, w_hh, b_ih, b_hh), lengths, reverse, keep)


def gru(x, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse, keep: bool) -> Scan:
    return Scan(_GRU, x, h, None, (w_ih, w_hh, b_ih, b_hh), lengths, reverse, keep)


def rnn(x, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse, nonlinearity, keep: bool) -> Scan:
    return Scan(
        _TANH if nonlinearity == "tanh" else _RELU, x, h, None, (w_ih, w_hh, b_ih, b_hh), lengths, reverse, keep
    )

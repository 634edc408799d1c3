"""RNN, LSTM and GRU with the other dialect's arguments: batch first, initialised by name, states without a layer dimension."""

from __future__ import annotations

import flashlight

from .. import nn
from .._core.tensor import Tensor
from ..nn import functional as F
from .activations import get_activation
from .base import agree
from .dense import INITIALIZERS


def _lifted(state):
    """A state (B, H) with the dimension of layers, lists and tuples of one element opened; None if nothing is given."""
    if state is None or isinstance(state, Tensor):
        return state.unsqueeze(0) if state is not None and state.dim() == 2 else state
    values = [_lifted(s) for s in state]
    if all(v is None for v in values):
        return None
    return values[0] if len(values) == 1 else tuple(values)


class _Dialect:
    """What the three layers share. ``return_state``: None gives (y, h) with h (B, H) for one layer and direction,
    True (y, [h]) with h (layers, B, H), False y alone; LSTM has (h, c) for h."""

    def _set_up(self, use_bias, bias, return_sequences, return_state, initializers) -> dict:
        self.return_sequences, self.return_state = return_sequences, return_state
        for name in initializers:
            if name not in INITIALIZERS:
                raise ValueError(f"unknown initializer {name!r}; use one of {sorted(INITIALIZERS)}")
        if initializers[2] not in ("zeros", "ones"):
            raise ValueError(f"bias_initializer must be 'zeros' or 'ones', got {initializers[2]!r}")
        return {"bias": agree("bias", None if bias is True else bias, "use_bias", use_bias) is not False}

    def _initialize(self, kernel: str, recurrent: str, bias: str) -> None:
        """Draw each gate's block by itself; an LSTM's forget gate starts with a bias of one."""
        with flashlight.no_grad():
            for name, weight in self.named_parameters():
                gates = weight.shape[0] // self.hidden_size
                if name.startswith("bias"):
                    INITIALIZERS[bias](weight)
                    if name.startswith("bias_ih") and isinstance(self, nn.LSTM):
                        weight[self.hidden_size : 2 * self.hidden_size] = 1.0
                    continue
                draw = INITIALIZERS[kernel if name.startswith("weight_ih") else recurrent]
                for block in weight.chunk(gates, 0):
                    block.copy_(draw(flashlight.empty(block.shape)))

    def forward(self, input, initial_state=None, *, hx=None, return_sequences=None, return_state=None):
        initial_state = hx if initial_state is None else initial_state
        state = _lifted(initial_state) if input.dim() == 3 else initial_state
        y, h = self._layers(input, state)
        sequences = self.return_sequences if return_sequences is None else return_sequences
        if not sequences:
            y = y[:, -1] if self.batch_first and input.dim() == 3 else y[-1]
        wanted = self.return_state if return_state is None else return_state
        if wanted is False:
            return y
        if wanted:
            return y, h if isinstance(h, tuple) else [h]
        single = self.num_layers == 1 and not self.bidirectional and input.dim() == 3
        if single:
            h = tuple(s[0] for s in h) if isinstance(h, tuple) else h[0]
        return y, h

    def _layers(self, input, state):
        return self._run(input, state)


class _Stepped(_Dialect):
    """Layers with activations the fused scans have not, step by step."""

    def _cell(self, x, h, weights):
        raise NotImplementedError

    def _layers(self, input, state):
        if self._fused:
            return self._run(input, state)
        if input.dim() != 3:
            raise ValueError(f"expected an input with 3 dimensions, got {input.dim()}")
        x = input.transpose(0, 1) if self.batch_first else input
        directions = self._directions
        if state is None:
            state = x.new_zeros((self.num_layers * directions, x.shape[1], self.hidden_size))
        last = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                k = layer * directions + direction
                steps, h = [], state[k]
                weights = [getattr(self, name) for name in self._all_weights[k]]
                for t in range(x.shape[0] - 1, -1, -1) if direction else range(x.shape[0]):
                    h = self._cell(x[t], h, weights)
                    steps.append(h)
                outputs.append(flashlight.stack(steps[::-1] if direction else steps))
                last.append(h)
            x = flashlight.cat(outputs, -1)
            if layer + 1 < self.num_layers:
                x = F.dropout(x, self.dropout, self.training)
        return (x.transpose(0, 1) if self.batch_first else x), flashlight.stack(last)


class RNN(_Stepped, nn.RNN):
    """An Elman layer with any activation; its weights are those of nn.RNN."""

    def __init__(
        self, input_size, hidden_size, num_layers=1, activation="tanh", bias=True, batch_first=True, dropout=0.0,
        bidirectional=False, return_sequences=True, return_state=None, *, use_bias=None,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
    ):  # fmt: skip
        names = (kernel_initializer, recurrent_initializer, bias_initializer)
        biased = self._set_up(use_bias, bias, return_sequences, return_state, names)
        self._fused = activation in ("tanh", "relu")
        super().__init__(
            input_size, hidden_size, num_layers, activation if self._fused else "tanh", **biased,
            batch_first=batch_first, dropout=dropout, bidirectional=bidirectional,
        )  # fmt: skip
        self.activation, self._function = activation, get_activation(activation)
        self._initialize(*names)

    def _cell(self, x, h, weights):
        b_ih, b_hh = weights[2:4] if self.bias else (None, None)
        return self._function(F.linear(x, weights[0], b_ih) + F.linear(h, weights[1], b_hh))


class GRU(_Stepped, nn.GRU):
    """A GRU layer with any activations; its weights are those of nn.GRU."""

    def __init__(
        self, input_size, hidden_size, num_layers=1, activation="tanh", recurrent_activation="sigmoid", bias=True,
        batch_first=True, dropout=0.0, bidirectional=False, return_sequences=True, return_state=None, *, use_bias=None,
        kernel_initializer="glorot_uniform", recurrent_initializer="orthogonal", bias_initializer="zeros",
    ):  # fmt: skip
        names = (kernel_initializer, recurrent_initializer, bias_initializer)
        biased = self._set_up(use_bias, bias, return_sequences, return_state, names)
        self._fused = activation == "tanh" and recurrent_activation == "sigmoid"
        super().__init__(
            input_size, hidden_size, num_layers, **biased, batch_first=batch_first, dropout=dropout,
            bidirectional=bidirectional,
        )  # fmt: skip
        self.activation, self.recurrent_activation = activation, recurrent_activation
        self._function, self._gate = get_activation(activation), get_activation(recurrent_activation)
        self._initialize(*names)

    def _cell(self, x, h, weights):
        b_ih, b_hh = weights[2:4] if self.bias else (None, None)
        xr, xz, xn = F.linear(x, weights[0], b_ih).chunk(3, -1)
        hr, hz, hn = F.linear(h, weights[1], b_hh).chunk(3, -1)
        r, z = self._gate(xr + hr), self._gate(xz + hz)
        n = self._function(xn + r * hn)
        return n + z * (h - n)


class LSTM(_Dialect, nn.LSTM):
    """An LSTM layer; its weights are those of nn.LSTM."""

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=True, dropout=0.0, bidirectional=False,
        return_sequences=True, return_state=None, *, use_bias=None, kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal", bias_initializer="zeros",
    ):  # fmt: skip
        names = (kernel_initializer, recurrent_initializer, bias_initializer)
        biased = self._set_up(use_bias, bias, return_sequences, return_state, names)
        super().__init__(
            input_size, hidden_size, num_layers, **biased, batch_first=batch_first, dropout=dropout,
            bidirectional=bidirectional,
        )  # fmt: skip
        self._initialize(*names)

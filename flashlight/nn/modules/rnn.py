"""Recurrent layers and cells. Shapes: B batch, T time steps, L layers times directions."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import ClassVar

import flashlight

from ..._core.modes import modes
from ..._core.tensor import Tensor
from .. import _liquid, init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

__getattr__ = _liquid.finder(__name__, _liquid.RECURRENT)

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    return tensor.index_select(dim, permutation)


def apply_permutation(tensor: Tensor, permutation: Tensor, dim: int = 1) -> Tensor:
    """Deprecated: use ``tensor.index_select(dim, permutation)``."""
    warnings.warn(
        "`apply_permutation` is deprecated, please use `tensor.index_select(dim, permutation)` instead",
        FutureWarning,
        stacklevel=2,
    )
    return _apply_permutation(tensor, permutation, dim)


def _check_arguments(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size) -> None:
    if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNNBase(Module):
    """What the recurrent layers share: their weights, the checks of what they are given, and the packing."""

    __constants__: ClassVar = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.mode = mode
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        _check_arguments(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self._directions]:
                self._add_weights(layer, f"_l{layer}{suffix}", device, dtype)
        self.reset_parameters()

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _add_weights(self, layer: int, suffix: str, device, dtype) -> None:
        """Make the weights of one layer in one direction."""
        rows = _GATES[self.mode] * self.hidden_size
        state = self.proj_size or self.hidden_size
        sizes = {
            "weight_ih": (rows, self.input_size if layer == 0 else state * self._directions),
            "weight_hh": (rows, state),
        }
        if self.bias:
            sizes["bias_ih"] = sizes["bias_hh"] = (rows,)
        if self.proj_size:
            sizes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for kind, size in sizes.items():
            names.append(kind + suffix)
            setattr(self, kind + suffix, Parameter(flashlight.empty(size, device=device, dtype=dtype)))
        self._flat_weights_names += names
        self._all_weights.append(names)

    @property
    def _flat_weights(self) -> list[Tensor]:
        # read anew each time: parametrizations and functional_call put other tensors in their place
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Does nothing: there is no vendor library that wants the weights in one piece of memory."""

    def reset_parameters(self) -> None:
        """Draw all weights uniformly within ``1 / sqrt(hidden_size)``."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        for name in ("_flat_weights", "_flat_weight_refs"):  # torch keeps what is a property here
            state.pop(name, None)
        state.setdefault("proj_size", 0)
        if "all_weights" in state:
            state["_all_weights"] = state.pop("all_weights")
        super().__setstate__(state)
        if not isinstance(self._all_weights[0][0], str):
            kinds = ["weight_ih", "weight_hh"] + (["bias_ih", "bias_hh"] if self.bias else [])
            kinds += ["weight_hr"] if self.proj_size else []
            suffixes = [f"_l{i}{s}" for i in range(self.num_layers) for s in ("", "_reverse")[: self._directions]]
            self._all_weights = [[kind + suffix for kind in kinds] for suffix in suffixes]
        self.__dict__.setdefault("_flat_weights_names", [n for names in self._all_weights for n in names])

    # ----------------------------------------------------------------------------------------------------------- checks
    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise if the dtype, dimensions or features of the input do not fit."""
        dtype = self._flat_weights[0].dtype
        if modes.autocast is None and input.dtype != dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        wanted = 3 if batch_sizes is None else 2
        if input.dim() != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _batch_of(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        if batch_sizes is not None:
            return int(batch_sizes[0])
        return input.size(0 if self.batch_first else 1)

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of the hidden state: (L, B, hidden_size or proj_size)."""
        features = self.proj_size or self.hidden_size
        return self.num_layers * self._directions, self._batch_of(input, batch_sizes), features

    def check_hidden_size(self, hx: Tensor, expected_hidden_size, msg: str = "Expected hidden size {}, got {}") -> None:
        """Raise if a state has not the expected shape."""
        if hx.size() != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden, batch_sizes: Tensor | None) -> None:
        """Raise if input or state do not fit."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation: Tensor | None):
        """The state with its sequences in another order."""
        return hx if permutation is None else _apply_permutation(hx, permutation)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, usual in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != usual:
                text += f", {name}={value}"
        return text

    # ---------------------------------------------------------------------------------------------------------- forward
    def _zero_state(self, input: Tensor, batch: int):
        features = self.proj_size or self.hidden_size
        return input.new_zeros((self.num_layers * self._directions, batch, features))

    def _batched_state(self, hx, batched: bool):
        """A given state with its batch dimension; raises if it has not the input's."""
        if hx.dim() != (3 if batched else 2):
            kind = "batched 3-D" if batched else "unbatched 2-D"
            wanted = "3-D" if batched else "2-D"
            raise RuntimeError(f"For {kind} input, hx should also be {wanted} but got {hx.dim()}-D tensor")
        return hx if batched else hx.unsqueeze(1)

    def _squeeze_state(self, hidden):
        return hidden.squeeze(1)

    def _kernel(self, data: Tensor, batch_sizes: Tensor | None, hx):
        """Run the layers: (output, final state)."""
        function = {"RNN_TANH": flashlight.rnn_tanh, "RNN_RELU": flashlight.rnn_relu, "GRU": flashlight.gru}[self.mode]
        return _split(self._call(function, data, batch_sizes, hx))

    def _call(self, function, data: Tensor, batch_sizes: Tensor | None, hx):
        rest = (self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if batch_sizes is None:
            return function(data, hx, *rest, self.batch_first)
        return function(data, batch_sizes, hx, *rest)

    def _dims_error(self, input: Tensor) -> ValueError:
        tail = " tensor" if self.mode.startswith("RNN") else ""
        name = self.mode.partition("_")[0]
        return ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}D{tail} instead")

    def _run_packed(self, packed: PackedSequence, hx):
        data, batch_sizes, sorted_indices, unsorted_indices = packed
        if hx is None:
            hx = self._zero_state(data, int(batch_sizes[0]))
        else:
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(data, hx, batch_sizes)
        output, hidden = self._kernel(data, batch_sizes, hx)
        packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return packed, self.permute_hidden(hidden, unsorted_indices)

    def _run(self, input, hx):
        """The layers over a packed, batched or single sequence."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        if input.dim() not in (2, 3):
            raise self._dims_error(input)
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_dim)
        hx = self._zero_state(input, input.size(batch_dim)) if hx is None else self._batched_state(hx, batched)
        self.check_forward_args(input, hx, None)
        output, hidden = self._kernel(input, None, hx)
        if batched:
            return output, hidden
        return output.squeeze(batch_dim), self._squeeze_state(hidden)

    def _replicate_for_data_parallel(self):
        replica = super()._replicate_for_data_parallel()
        replica._flat_weights_names = list(self._flat_weights_names)
        return replica


def _split(results: tuple) -> tuple:
    output, *states = results
    return output, states[0] if len(states) == 1 else tuple(states)


class RNN(RNNBase):
    """Elman layers: ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)``, or with relu.

    Args:
        nonlinearity: "tanh" or "relu", after ``num_layers``. The others are those of RNNBase without ``mode``.
    Shape: (T, B, input_size) and state (L, B, hidden_size); B may be missing, ``batch_first`` puts it first.
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def forward(self, input, hx: Tensor | None = None):
        return self._run(input, hx)


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter & Schmidhuber 1997), with a projection of the state if ``proj_size``.

    Shape: (T, B, input_size) and states (L, B, proj_size or hidden_size), (L, B, hidden_size); B may be missing,
    ``batch_first`` puts it first.
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape of the cell state: (L, B, hidden_size)."""
        return self.num_layers * self._directions, self._batch_of(input, batch_sizes), self.hidden_size

    def check_forward_args(self, input: Tensor, hidden, batch_sizes: Tensor | None) -> None:
        """Raise if input or states do not fit."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        for i in range(2):
            self.check_hidden_size(hidden[i], expected[i], f"Expected hidden[{i}] size {{}}, got {{}}")

    def permute_hidden(self, hx, permutation: Tensor | None):
        """Both states with their sequences in another order."""
        if permutation is None:
            return hx
        return _apply_permutation(hx[0], permutation), _apply_permutation(hx[1], permutation)

    def _zero_state(self, input: Tensor, batch: int):
        cell = input.new_zeros((self.num_layers * self._directions, batch, self.hidden_size))
        return super()._zero_state(input, batch), cell

    def _batched_state(self, hx, batched: bool):
        n = 3 if batched else 2
        if hx[0].dim() != n or hx[1].dim() != n:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {n}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        return hx if batched else (hx[0].unsqueeze(1), hx[1].unsqueeze(1))

    def _squeeze_state(self, hidden):
        return hidden[0].squeeze(1), hidden[1].squeeze(1)

    def _kernel(self, data: Tensor, batch_sizes: Tensor | None, hx):
        return _split(self._call(flashlight.lstm, data, batch_sizes, hx))

    def forward(self, input, hx: tuple[Tensor, Tensor] | None = None):
        return self._run(input, hx)


class GRU(RNNBase):
    """Gated recurrent units (Cho et al. 2014), the reset gate applied after the product with the state.

    Shape: (T, B, input_size) and state (L, B, hidden_size); B may be missing, ``batch_first`` puts it first.
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input, hx: Tensor | None = None):
        return self._run(input, hx)


# ---------------------------------------------------------------------------------------------------------------- cells
class RNNCellBase(Module):
    """What the cells share: their weights and the text."""

    __constants__: ClassVar = ["input_size", "hidden_size", "bias"]
    input_size: int
    hidden_size: int
    bias: bool
    # weight_ih (gates * hidden_size, input_size), weight_hh (gates * hidden_size, hidden_size)
    weight_ih: Tensor
    weight_hh: Tensor

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device=None, dtype=None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        made = {"device": device, "dtype": dtype}
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(flashlight.empty((rows, input_size), **made))
        self.weight_hh = Parameter(flashlight.empty((rows, hidden_size), **made))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(flashlight.empty(rows, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights uniformly within ``1 / sqrt(hidden_size)``."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _check_dims(self, value: Tensor, what: str) -> None:
        if value.dim() not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {value.dim()}D instead")

    def _weights(self) -> tuple:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _step(self, function, input: Tensor, hx: Tensor | None) -> Tensor:
        """One step of a cell with one state: (B, input_size) or (input_size) -> (B, hidden_size) or (hidden_size)."""
        self._check_dims(input, "input")
        if hx is not None:
            self._check_dims(hx, "hidden")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            hx = input.new_zeros((input.size(0), self.hidden_size))
        elif not batched:
            hx = hx.unsqueeze(0)
        new = function(input, hx, *self._weights())
        return new if batched else new.squeeze(0)


class RNNCell(RNNCellBase):
    """One step of an Elman layer.

    Shape: (B, input_size) and (B, hidden_size) -> (B, hidden_size); B may be missing.
    """

    __constants__: ClassVar = ["input_size", "hidden_size", "bias", "nonlinearity"]
    nonlinearity: str

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device=None, dtype=None
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity == "tanh":
            return self._step(flashlight.rnn_tanh_cell, input, hx)
        if self.nonlinearity == "relu":
            return self._step(flashlight.rnn_relu_cell, input, hx)
        raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")


class LSTMCell(RNNCellBase):
    """One step of an LSTM.

    Shape: (B, input_size) and two states (B, hidden_size) -> the two states; B may be missing.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        self._check_dims(input, "input")
        for i, state in enumerate(hx or ()):
            self._check_dims(state, f"hx[{i}]")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            zeros = input.new_zeros((input.size(0), self.hidden_size))
            hx = (zeros, zeros)
        elif not batched:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        h, c = flashlight.lstm_cell(input, hx, *self._weights())
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a GRU.

    Shape: (B, input_size) and (B, hidden_size) -> (B, hidden_size); B may be missing.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(flashlight.gru_cell, input, hx)

"""What the recurrent liquid layers share: orders of dimensions, timespans, states, and what is returned."""

from __future__ import annotations

import numbers

import flashlight

from .._core.tensor import Tensor
from ..nn import Linear, Module, Parameter, init
from .base import BaseModule
from .wiring import NeuronMap


def one_of(**named):
    """The one argument that is given of several that mean the same. Raises: TypeError if two are."""
    given = {name: value for name, value in named.items() if value is not None}
    if len(given) > 1:
        raise TypeError(f"{' and '.join(given)} name the same argument")
    return next(iter(given.values()), None)


def timespans_of(value, T: int, B: int, N: int, batch_first: bool, batched: bool):
    """Timespans of any documented shape as a number or a Tensor (T, B or 1, N or 1).

    Shapes: none, (L,), (B, L), (1, L), (B, L, 1 or N), or with time first; without a batch (L,) or (L, 1).
    Raises: ValueError for others.
    """
    if value is None:
        return 1.0
    if isinstance(value, numbers.Number):
        return float(value)
    if not isinstance(value, Tensor):
        value = flashlight.as_tensor(value)
    shape, made = tuple(value.shape), None
    if value.dim() == 0:
        made = value.reshape(1, 1, 1).expand(T, 1, 1)
    elif shape == (T,) or (not batched and shape == (T, 1)):
        made = value.reshape(T, 1, 1)
    elif not batched and shape == (T, N):
        made = value.reshape(T, 1, N)
    elif batched and len(shape) in (2, 3):
        spans = value.unsqueeze(-1) if len(shape) == 2 else value
        spans = spans.transpose(0, 1) if batch_first else spans
        if spans.shape[0] == T and spans.shape[1] in (1, B) and spans.shape[2] in (1, N):
            made = spans
    if made is None:
        raise ValueError(f"timespans of shape {shape} do not fit {T} steps, {B} sequences and {N} units")
    return made if made.is_floating_point() else made.to(flashlight.get_default_dtype())


class MixedMemory(Module):
    """The memory cell beside a liquid cell (Lechner & Hasani 2020): gates in the order a i f o, one added to f."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.input_map = Linear(input_size, 4 * hidden_size)
        self.recurrent_map = Linear(hidden_size, 4 * hidden_size, bias=False)
        init.xavier_uniform_(self.input_map.weight)
        init.uniform_(self.input_map.bias, -0.1, 0.1)
        init.orthogonal_(self.recurrent_map.weight)

    def tensors(self) -> list[Tensor]:
        """The weights in the order the scans read them."""
        return [self.input_map.weight, self.input_map.bias, self.recurrent_map.weight]

    def forward(self, inputs, states):
        """One step: (h, c) from the input (B, I) and the former (h, c)."""
        h, c = states
        a, i, f, o = (self.input_map(inputs) + self.recurrent_map(h)).chunk(4, 1)
        c = c * flashlight.sigmoid(f + 1) + flashlight.tanh(a) * flashlight.sigmoid(i)
        return flashlight.tanh(c) * flashlight.sigmoid(o), c


def dialect_of(input_size, units, neuron_map, wiring):
    """(dialect, input size, units or None, map or None) from the arguments of a layer's constructor.

    Raises: TypeError if neither a size nor a map is given, or two that differ.
    """
    named = one_of(neuron_map=neuron_map, wiring=wiring if wiring is not neuron_map else None)
    if isinstance(input_size, NeuronMap):
        if units is not None or named is not None:
            raise TypeError("a neuron map as the first argument leaves no room for units or another map")
        named, input_size = input_size, None
    if named is not None:
        if units is not None:
            raise TypeError("units and a neuron map exclude each other")
        if not isinstance(named, NeuronMap):
            raise TypeError(f"expected a NeuronMap, got {type(named).__name__}")
        return "map", input_size, None, named
    if units is None:
        raise TypeError("give units (hidden_size) or a neuron map")
    if isinstance(units, NeuronMap):
        return "ncps", input_size, None, units
    if input_size is None:
        raise TypeError("input_size is needed with a number of units")
    return "ncps", input_size, int(units), None


class Frame:
    """One call's input in the order (T, B, I), and the way back."""

    def __init__(self, x: Tensor, batch_first: bool, features: int | None, backwards: bool):
        if x.dim() not in (2, 3):
            raise ValueError(f"expected an input with 2 or 3 dimensions, got {x.dim()}")
        self.batched, self.batch_first, self.backwards = x.dim() == 3, batch_first, backwards
        if features is not None and x.shape[-1] != features:
            raise ValueError(f"expected {features} input features, got {x.shape[-1]}")
        self.x = x.unsqueeze(1) if not self.batched else x.transpose(0, 1) if batch_first else x
        self.T, self.B = self.x.shape[:2]
        if self.T == 0:
            raise ValueError("the sequence has no steps")
        if self.B == 0:
            raise ValueError("the batch has no sequences")
        if backwards:
            self.x = self.x.flip(0)

    def timespans(self, value, units: int):
        """A number or (T, B or 1, N or 1), in the order the steps are taken."""
        ts = timespans_of(value, self.T, self.B, units, self.batch_first, self.batched)
        return ts.flip(0) if self.backwards and isinstance(ts, Tensor) else ts

    def state(self, h: Tensor | None, units: int) -> Tensor:
        """A given state as (B, N), or zeros. Raises: RuntimeError for a wrong rank; ValueError for a wrong size."""
        if h is None:
            return flashlight.zeros(self.B, units, dtype=self.x.dtype, device=self.x.device)
        wanted = 2 if self.batched else 1
        if h.dim() != wanted:
            kind = "batched" if self.batched else "unbatched"
            raise RuntimeError(f"For {kind} input, hx and cx should be {wanted}-D but got ({h.dim()}-D) tensor")
        h = h if self.batched else h.unsqueeze(0)
        if tuple(h.shape) != (self.B, units):
            raise ValueError(f"expected a state of shape {(self.B, units)}, got {tuple(h.shape)}")
        return h

    def sequence(self, y: Tensor) -> Tensor:
        """Outputs (T, B, O) in the order of the input."""
        y = y.flip(0) if self.backwards else y
        return y.squeeze(1) if not self.batched else y.transpose(0, 1) if self.batch_first else y

    def last(self, y: Tensor) -> Tensor:
        """The output of the last step taken: (B, O) or (O,)."""
        return y[-1] if self.batched else y[-1, 0]

    def single(self, h: Tensor) -> Tensor:
        return h if self.batched else h[0]


class LiquidLayer(BaseModule):
    """A recurrent layer around ``rnn_cell``; subclasses define ``_scan`` and ``_read_out``."""

    state_is_list = False

    def _resolve(self, return_sequences, return_state, output_mode, sequences_in_maps: bool, mode_in_maps: str) -> None:
        """Fill in the defaults of the dialect."""
        maps = self.dialect == "map"
        self.return_sequences = (
            return_sequences if return_sequences is not None else sequences_in_maps if maps else True
        )
        self.return_state = return_state if return_state is not None else not maps
        self.output_mode = output_mode or (mode_in_maps if maps else "motor")
        if self.output_mode not in ("motor", "all"):
            raise ValueError(f"output_mode must be 'motor' or 'all', got {self.output_mode!r}")

    def _given_states(self, frame: Frame, hx):
        """(h, c, elapsed) as (B, N); c without mixed memory, and elapsed with it, are None."""
        h = c = elapsed = None
        if isinstance(hx, Tensor):
            if self.mixed_memory and self.dialect == "ncps":
                raise RuntimeError("mixed_memory=True needs a tuple (h0, c0) as the state, got a Tensor")
            h = hx
        elif hx is not None:
            h, *rest = hx
            second = rest[0] if rest else None
            c, elapsed = (second, None) if self.mixed_memory else (None, second)
        units = self.state_size
        c = frame.state(c, units) if self.mixed_memory else None
        elapsed = frame.state(elapsed, units) if elapsed is not None else None
        return frame.state(h, units), c, elapsed

    def forward(
        self,
        input,
        hx=None,
        timespans=None,
        *,
        initial_state=None,
        time_deltas=None,
        elapsed_time=None,
        return_sequences=None,
        return_state=None,
        **options,
    ):
        """Outputs, or (outputs, state), of (B, L, I), (L, B, I) or (L, I); ``timespans`` >= 0 are the times since the last step."""
        hx = one_of(hx=hx, initial_state=initial_state)
        timespans = one_of(timespans=timespans, time_deltas=time_deltas, elapsed_time=elapsed_time)
        frame = Frame(input, self.batch_first, self.input_size, getattr(self, "go_backwards", False))
        ts = frame.timespans(timespans, self.state_size)
        h, c, elapsed = self._given_states(frame, hx)
        states, c = self._scan(frame, h, c, ts, **options)
        sequences = self.return_sequences if return_sequences is None else return_sequences
        y = frame.sequence(self._read_out(states)) if sequences else frame.last(self._read_out(states[-1:]))
        if not (self.return_state if return_state is None else return_state):
            return y
        return y, self._state(frame, states[-1], c, ts, elapsed)

    def _state(self, frame: Frame, h, c, ts, elapsed):
        first = frame.single(h)
        if self.dialect == "map" and self.state_is_list:
            second = c if c is not None else self._elapsed(frame, ts, elapsed, h)
            return [first, frame.single(second)]
        return first if c is None else (first, frame.single(c))

    def _elapsed(self, frame: Frame, ts, elapsed, h):
        """(B, N): the time since the zero state."""
        total = ts.detach().sum(0) if isinstance(ts, Tensor) else ts * frame.T
        return flashlight.zeros_like(h) + total + (0 if elapsed is None else elapsed)

    def reset_state(self, batch_size: int = 1):
        """A state of zeros; nothing is stored."""
        h = flashlight.zeros(batch_size, self.state_size)
        if self.dialect == "map" and self.state_is_list:
            return [h, flashlight.zeros_like(h)]
        return (h, flashlight.zeros_like(h)) if self.mixed_memory else h


__all__ = ["Frame", "LiquidLayer", "MixedMemory", "Parameter", "dialect_of", "one_of", "timespans_of"]

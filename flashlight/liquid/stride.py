"""Stride-aware recurrence: units that are updated at intervals, each knowing how long ago its last update was."""

from __future__ import annotations

import math

import numpy as np

import flashlight

from .._core.tensor import Tensor
from ..nn import Identity, Linear, ModuleList, Parameter, init
from ..nn import functional as F
from .activations import get_activation
from .base import BaseModule, ModuleCell, agree
from .cfc import with_maps
from .cfc_cells import CfCCell, WiredCfCCell, scan, step_span
from .sequence import Frame, LiquidLayer, MixedMemory, dialect_of, one_of


def _stride(value, name: str = "stride_length") -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an int of at least 1, got {value!r}")
    return value


def _glorot(*shape: int) -> Parameter:
    return Parameter(init.xavier_uniform_(flashlight.empty(*shape)))


class StrideAwareCell(ModuleCell):
    """A leaky cell: the state moves towards ``act(W x + U h + b)`` by ``1 - exp(-elapsed * stride * scale)``; gives (h', h')."""

    def __init__(
        self, input_size: int, hidden_size: int, stride_length: int = 1, time_scale_factor: float = 1.0,
        activation="tanh", use_bias: bool = True,
    ):  # fmt: skip
        super().__init__(input_size, hidden_size, activation, use_bias)
        self.stride_length, self.time_scale_factor = _stride(stride_length), time_scale_factor
        self._function = get_activation(activation)
        self.weight_ih, self.weight_hh = _glorot(hidden_size, input_size), _glorot(hidden_size, hidden_size)
        self.register_parameter("bias", Parameter(flashlight.zeros(hidden_size)) if use_bias else None)

    def forward(self, inputs, state=None, elapsed_time=1.0):
        self.check_step(inputs, state)
        h = flashlight.zeros(inputs.shape[0], self.hidden_size, dtype=inputs.dtype) if state is None else state
        target = self._function(F.linear(inputs, self.weight_ih, self.bias) + F.linear(h, self.weight_hh))
        e = elapsed_time * (self.stride_length * self.time_scale_factor)
        share = -flashlight.expm1(-e) if isinstance(e, Tensor) else -math.expm1(-e)
        h = h + share * (target - h)
        return h, h


class StrideAware(BaseModule):
    """A layer of such cells with a time constant for each unit and an output map: (outputs, last state)."""

    def __init__(
        self, input_size: int, hidden_size: int, stride_length: int = 1, time_scale_factor: float = 1.0,
        return_sequences: bool = True, batch_first: bool = True, activation="tanh", bias: bool = True,
    ):  # fmt: skip
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.stride_length, self.time_scale_factor = _stride(stride_length), time_scale_factor
        self.return_sequences, self.batch_first = return_sequences, batch_first
        self.activation, self._function = activation, get_activation(activation)
        self.weight_ih = _glorot(hidden_size, input_size)
        self.weight_hh, self.weight_ho = _glorot(hidden_size, hidden_size), _glorot(hidden_size, hidden_size)
        for name in ("bias_ih", "bias_hh", "bias_ho"):
            self.register_parameter(name, Parameter(flashlight.zeros(hidden_size)) if bias else None)
        self.raw_tau = Parameter(flashlight.full((hidden_size,), math.log(math.expm1(1 - 1e-3))))

    def forward(self, x, initial_state=None, elapsed_time=None, *, hx=None, timespans=None, time_deltas=None):
        frame = Frame(x, self.batch_first, self.input_size, False)
        spans = one_of(elapsed_time=elapsed_time, timespans=timespans, time_deltas=time_deltas)
        ts = frame.timespans(spans, self.hidden_size)
        h = frame.state(one_of(initial_state=initial_state, hx=hx), self.hidden_size)
        rate = self.stride_length * self.time_scale_factor / (F.softplus(self.raw_tau) + 1e-3)
        share = -flashlight.expm1(-(rate * ts))
        driven, states = F.linear(frame.x, self.weight_ih, self.bias_ih), []
        for t in range(frame.T):
            target = self._function(driven[t] + F.linear(h, self.weight_hh, self.bias_hh))
            h = h + (share[t] if share.dim() == 3 else share) * (target - h)
            states.append(h)
        y = self._function(F.linear(flashlight.stack(states), self.weight_ho, self.bias_ho))
        return (frame.sequence(y) if self.return_sequences else frame.last(y)), frame.single(h)


class StrideAwareWiredCfCCell(WiredCfCCell):
    """A WiredCfCCell that takes ``elapsed * stride_length * time_scale_factor`` as its timespan.

    A backbone is allowed here: each layer has its own, whose inputs are those with a synapse into the layer. Without
    ``fully_recurrent`` a layer's neurons see each other only through the map's synapses, and each itself.
    """

    def __init__(
        self,
        neuron_map=None,
        stride_length: int = 1,
        time_scale_factor: float | None = None,
        mode: str | None = None,
        activation: str = "lecun_tanh",
        backbone_units: int | None = None,
        backbone_layers: int = 0,
        backbone_dropout: float = 0.0,
        fully_recurrent: bool = True,
        *,
        mixed_memory: bool | None = None,
        wiring=None,
        input_size: int | None = None,
    ):
        neuron_map = one_of(neuron_map=neuron_map, wiring=wiring)
        self._begin(input_size, None, neuron_map, mode, mixed_memory, activation)
        kept = getattr(neuron_map, "cell_params", {}).get("time_scale_factor", 1.0)
        self.stride_length = _stride(stride_length)
        self.time_scale_factor = kept if time_scale_factor is None else time_scale_factor
        self.backbone_units = 128 if backbone_units is None else backbone_units
        self.backbone_layers, self.backbone_dropout = backbone_layers or 0, backbone_dropout or 0.0
        self.fully_recurrent = fully_recurrent
        if self.built:
            self._make()

    def _layer_cell(self, width: int, own: list[int], connections) -> CfCCell:
        n = len(own)
        inside = np.ones((n, n))
        if not self.fully_recurrent:
            inside = np.maximum(np.abs(self.neuron_map.adjacency_matrix[np.ix_(own, own)]), np.eye(n))
        if self.backbone_layers == 0:
            mask = np.concatenate([np.abs(connections), inside])
            return CfCCell(width, n, self.mode, self.activation, 0, 0, 0.0, mask)
        seen = np.concatenate([np.abs(connections).any(axis=1), inside.any(axis=1)])
        return CfCCell(
            width, n, self.mode, self.activation, self.backbone_units, self.backbone_layers, self.backbone_dropout,
            input_mask=seen,
        )  # fmt: skip

    def forward(self, input, hx=None, elapsed_time=1.0):
        return super().forward(input, hx, elapsed_time * (self.stride_length * self.time_scale_factor))


class Schedule:
    """Which units are updated at which step, and the time since their last update."""

    def __init__(self, strides: np.ndarray, T: int, start: int):
        self.strides, self.start = strides, start
        steps = np.arange(start, start + T)
        self.active = steps[:, None] % strides[None] == 0  # (T, N)

    def hold(self, like: Tensor) -> Tensor:
        """The mask (T, 1, N) a scan reads."""
        return flashlight.from_numpy(self.active[:, None].astype(np.float32)).to(like.dtype)

    def times(self, ts, since: Tensor | None, like: Tensor):
        """(timespans (T, B or 1, N) at the updates, time since the last update (B or 1, N))."""
        e = flashlight.zeros(1, len(self.strides), dtype=like.dtype) if since is None else since.to(like.dtype)
        resting = flashlight.from_numpy((~self.active).astype(np.float32)).to(like.dtype)
        spans = []
        for t in range(len(self.active)):
            step = ts[t] if isinstance(ts, Tensor) else ts
            if t == 0 and self.start == 0 and since is None:
                # nothing came before the first update: a full stride is taken to have passed
                e = step * flashlight.tensor(self.strides.astype(np.float32)).to(like.dtype).unsqueeze(0)
            else:
                e = e + step
            spans.append(e)
            e = e * resting[t]
        return flashlight.stack(spans), e


def _groups(sizes, strides) -> np.ndarray:
    """The stride of each unit: every layer is divided among the strides in order."""
    count = len(strides)
    return np.concatenate([np.asarray(strides)[np.arange(n) * count // n] for n in sizes])


class StrideAwareCfC(LiquidLayer):
    """A CfC that works at several strides at once.

    combine="partition" divides the units of each layer among the strides (as Koutnik et al. 2014): a unit is updated at the
    multiples of its stride, with the time since its last update, and held in between. "concat" and "mean" run one cell for each
    stride and join the outputs. Raises: ValueError for more strides than units of a layer, or an unknown ``combine``.
    """

    state_is_list = True

    def __init__(
        self,
        input_size=None,
        hidden_size=None,
        stride_lengths=None,
        *,
        neuron_map=None,
        wiring=None,
        units=None,
        stride_length: int = 1,
        time_scale_factor: float | None = None,
        combine: str = "partition",
        mode: str | None = None,
        activation: str = "lecun_tanh",
        backbone_units: int | None = None,
        backbone_layers: int | None = None,
        backbone_dropout: float | None = None,
        mixed_memory: bool | None = None,
        fully_recurrent: bool = True,
        return_sequences: bool | None = None,
        return_state: bool | None = None,
        output_mode: str | None = None,
        batch_first: bool = True,
        proj_size: int | None = None,
    ):
        super().__init__()
        ready = input_size if isinstance(input_size, StrideAwareWiredCfCCell) else None
        if ready is not None:
            input_size, neuron_map = None, ready.neuron_map
            stride_length = ready.stride_length if stride_lengths is None else stride_length
        units = agree("units", units, "hidden_size", hidden_size)
        self.dialect, self.input_size, self.units, self.neuron_map = dialect_of(input_size, units, neuron_map, wiring)
        self.stride_lengths = [_stride(s, "stride_lengths") for s in (stride_lengths or [stride_length])]
        if combine not in ("partition", "concat", "mean"):
            raise ValueError(f"combine must be 'partition', 'concat' or 'mean', got {combine!r}")
        if ready is not None and combine != "partition":
            raise ValueError("a ready cell can only be combined by partition")
        kept = getattr(self.neuron_map, "cell_params", {})
        self.time_scale_factor = kept.get("time_scale_factor", 1.0) if time_scale_factor is None else time_scale_factor
        self.mode = kept.get("mode", "default") if mode is None else mode
        self.mixed_memory = kept.get("mixed_memory", False) if mixed_memory is None else mixed_memory
        self.combine, self.activation, self.proj_size, self.batch_first = combine, activation, proj_size, batch_first
        self.fully_recurrent, self._backbone = fully_recurrent, (backbone_units, backbone_layers, backbone_dropout)
        self._ready = ready is not None
        if ready is not None:
            self.rnn_cell, self.mode, self.time_scale_factor = ready, ready.mode, ready.time_scale_factor
        self._resolve(return_sequences, return_state, output_mode or ("motor" if proj_size else None), False, "all")
        if self.neuron_map is not None and self.input_size is not None:
            self.neuron_map.build(self.input_size)
        self.input_size = self.neuron_map.input_dim if self.neuron_map is not None else self.input_size
        self._check_groups()
        self.built = self.input_size is not None
        if self.built:
            self._make()

    def _check_groups(self) -> None:
        if self.combine == "partition" and len(self.stride_lengths) > min(self.layer_sizes):
            raise ValueError(
                f"{len(self.stride_lengths)} strides are more than the {min(self.layer_sizes)} units of a layer"
            )

    def build(self, input_shape) -> None:
        self.neuron_map.build(input_shape[-1])
        self.input_size = self.neuron_map.input_dim
        self._make()

    def _cell(self):
        units, layers, dropout = self._backbone
        if self.neuron_map is None:
            return CfCCell(
                self.input_size, self.units, self.mode, self.activation,
                128 if units is None else units, 1 if layers is None else layers, dropout or 0.0,
            )  # fmt: skip
        return StrideAwareWiredCfCCell(
            self.neuron_map, 1, self.time_scale_factor, self.mode, self.activation, units, layers or 0, dropout or 0.0,
            self.fully_recurrent, mixed_memory=False,
        )  # fmt: skip

    def _make(self) -> None:
        count = 1 if self.combine == "partition" else len(self.stride_lengths)
        memories = [MixedMemory(self.input_size, self.state_size) for _ in range(count)] if self.mixed_memory else []
        if self.combine == "partition":
            if not self._ready:
                self.rnn_cell = self._cell()
            elif not self.rnn_cell.built:
                self.rnn_cell.build((self.input_size,))
                self.rnn_cell.built = True
            if memories:
                self.lstm = memories[0]
        else:
            self.rnn_cells = ModuleList([self._cell() for _ in range(count)])
            if memories:
                self.lstms = ModuleList(memories)
        width = self._width * (count if self.combine == "concat" else 1)
        self.fc = Identity() if self.proj_size is None else Linear(width, self.proj_size)

    @property
    def layer_sizes(self) -> list[int]:
        wiring = self.neuron_map
        if wiring is None:
            return [self.units]
        return [len(wiring.get_neurons_of_layer(i)) for i in range(wiring.num_layers)]

    @property
    def state_size(self) -> int:
        return self.units if self.neuron_map is None else self.neuron_map.units

    @property
    def _width(self) -> int:
        """The width of one cell's output."""
        return self.state_size if self.neuron_map is None or self.output_mode == "all" else self.neuron_map.output_dim

    def _run(self, frame: Frame, k: int, strides: np.ndarray, state, ts, start: int):
        """One cell over the sequence: (states, last memory cell, time since the last updates)."""
        h, c, since = state
        schedule = Schedule(strides, frame.T, start)
        spans, e = schedule.times(ts, since, frame.x)
        cell = self.rnn_cell if self.combine == "partition" else self.rnn_cells[k]
        cells = [cell] if self.neuron_map is None else cell.cells
        memory = {}
        if self.mixed_memory:
            memory = {"memory": self.lstm if self.combine == "partition" else self.lstms[k], "c": c}
        spans = spans if self.time_scale_factor == 1 else spans * self.time_scale_factor
        states, c = scan(cells, self.layer_sizes, frame.x, h, spans, hold=schedule.hold(frame.x), **memory)
        return states, c, e.expand(frame.B, self.state_size)

    def _given(self, frame: Frame, hx):
        """The states of the cells."""
        if self.combine == "partition":
            return [self._given_states(frame, hx)]
        values = [None] * len(self.stride_lengths) if hx is None else list(hx)
        if len(values) != len(self.stride_lengths):
            raise ValueError(f"expected {len(self.stride_lengths)} states, got {len(values)}")
        return [self._given_states(frame, value) for value in values]

    def forward(
        self, input, hx=None, timespans=None, *, initial_state=None, time_deltas=None, elapsed_time=None,
        return_sequences=None, return_state=None, start_step: int = 0,
    ):  # fmt: skip
        """Outputs, or (outputs, state); ``start_step`` says how many steps the given state has seen."""
        spans = one_of(timespans=timespans, time_deltas=time_deltas, elapsed_time=elapsed_time)
        frame = Frame(input, self.batch_first, self.input_size, False)
        ts, given = (
            frame.timespans(spans, self.state_size),
            self._given(frame, one_of(hx=hx, initial_state=initial_state)),
        )
        if self.combine == "partition":
            strides = [_groups(self.layer_sizes, self.stride_lengths)]
        else:
            strides = [np.full(self.state_size, s) for s in self.stride_lengths]
        runs = [self._run(frame, k, s, given[k], ts, start_step) for k, s in enumerate(strides)]
        sequences = self.return_sequences if return_sequences is None else return_sequences
        y = self._join([self._motor(k, states if sequences else states[-1:]) for k, (states, _, _) in enumerate(runs)])
        y = frame.sequence(y) if sequences else frame.last(y)
        if not (self.return_state if return_state is None else return_state):
            return y
        states = [self._single_state(frame, *run) for run in runs]
        return y, states[0] if self.combine == "partition" else states

    def _motor(self, k: int, states: Tensor) -> Tensor:
        if self.neuron_map is None or self.output_mode == "all":
            return states
        return (self.rnn_cell if self.combine == "partition" else self.rnn_cells[k]).output(states)

    def _join(self, outputs: list[Tensor]) -> Tensor:
        joined = flashlight.cat(outputs, -1) if self.combine == "concat" else sum(outputs) / len(outputs)
        return self.fc(joined)

    def _single_state(self, frame: Frame, states, c, e):
        h = frame.single(states[-1])
        if self.dialect == "map" or self.combine != "partition":
            return [h, frame.single(e if c is None else c)]
        return h if c is None else (h, frame.single(c))

    def get_config(self) -> dict:
        units, layers, dropout = self._backbone
        names = (
            "stride_lengths time_scale_factor combine mode activation mixed_memory fully_recurrent return_sequences "
        )
        names += "return_state output_mode batch_first proj_size"
        config = {name: getattr(self, name) for name in names.split()}
        config.update(
            backbone_units=units, backbone_layers=layers, backbone_dropout=dropout, input_size=self.input_size
        )
        if self.neuron_map is None:
            return {**config, "hidden_size": self.units}
        return {**config, "neuron_map" if self.dialect == "map" else "units": self.neuron_map.get_config()}

    @classmethod
    def from_config(cls, config: dict):
        return super().from_config(with_maps(config))


__all__ = ["Schedule", "StrideAware", "StrideAwareCell", "StrideAwareCfC", "StrideAwareWiredCfCCell", "step_span"]

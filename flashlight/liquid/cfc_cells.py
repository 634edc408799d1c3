"""One step of closed-form continuous-time networks."""

from __future__ import annotations

import numbers

import numpy as np

import flashlight

from .._core.tensor import Tensor
from ..kernels.cfc import Plan, cfc
from ..nn import GELU, Dropout, Linear, Parameter, ReLU, Sequential, SiLU, Tanh, init
from ..nn import functional as F
from .activations import LeCunTanh
from .base import ModuleCell, ModuleWiredCell, agree
from .sequence import MixedMemory

MODES = ("default", "pure", "no_gate")
_ACTIVATIONS = {"silu": SiLU, "relu": ReLU, "tanh": Tanh, "gelu": GELU, "lecun_tanh": LeCunTanh}


def step_span(ts):
    """A cell's timespan as a number, or as a Tensor (1, B or 1, N or 1)."""
    if isinstance(ts, numbers.Number):
        return float(ts)
    return ts.reshape((1,) * (3 - ts.dim()) + tuple(ts.shape))


def scan(cells, sizes, x, h, ts, *, memory=None, c=None, hold=None):
    """Run layers of CfC cells over x (T, B, I): (states (T, B, N), last memory cell or None)."""
    first = cells[0]
    timed = isinstance(ts, Tensor)
    span = 1.0 if timed else ts
    dropping = first.training and first.backbone_dropout > 0 and first.backbone_layers > 1
    tensors = [x, h]
    if memory is not None:
        tensors.append(c)
    if timed:
        tensors.append(ts.to(x.dtype))
    if hold is not None:
        tensors.append(hold)
    if memory is not None:
        tensors += memory.tensors()
    for cell in cells:
        tensors += cell.tensors(None if timed else span)
        if dropping:
            ones = flashlight.ones(*x.shape[:2], cell.backbone_units, dtype=x.dtype)
            tensors += [F.dropout(ones, cell.backbone_dropout, True) for _ in range(cell.backbone_layers - 1)]
    plan = Plan(
        first.mode, tuple(sizes), first.backbone_layers, first.backbone_activation, memory is not None, timed, span,
        dropping, hold is not None,
    )  # fmt: skip
    return cfc(tensors, plan)


class CfCCell(ModuleCell):
    """A closed-form continuous-time cell: ``forward(input (B, I), hx (B, H), ts)`` gives (h', h').

    ``ts`` is a number, (B, 1) or (B, H). ``sparsity_mask`` (I + H, H) thins the two first gates; it needs a cell without backbone.
    ``input_mask`` (I + H,) instead hides inputs from the backbone.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        mode: str = "default",
        backbone_activation: str | None = None,
        backbone_units: int = 128,
        backbone_layers: int = 1,
        backbone_dropout: float = 0.0,
        sparsity_mask=None,
        *,
        activation: str | None = None,
        input_mask=None,
    ):
        backbone_activation = (
            agree("backbone_activation", backbone_activation, "activation", activation) or "lecun_tanh"
        )
        super().__init__(input_size, hidden_size, backbone_activation)
        if mode not in MODES:
            raise ValueError(f"Unknown mode '{mode}', valid options are {list(MODES)}")
        if backbone_activation not in _ACTIVATIONS:
            raise ValueError(f"Unknown activation {backbone_activation}")
        if sparsity_mask is not None and backbone_layers > 0:
            raise ValueError("a sparsity_mask needs a cell without backbone")
        self.mode, self.backbone_activation = mode, backbone_activation
        self.backbone_units, self.backbone_layers = backbone_units, backbone_layers
        self.backbone_dropout = backbone_dropout
        self._add_mask("sparsity_mask", None if sparsity_mask is None else np.abs(np.asarray(sparsity_mask)).T)
        self._add_mask("input_mask", input_mask)
        self.backbone = self._backbone() if backbone_layers > 0 else None
        features = backbone_units if backbone_layers > 0 else input_size + hidden_size
        self.ff1 = Linear(features, hidden_size)
        if mode == "pure":
            self.w_tau = Parameter(flashlight.zeros(1, hidden_size))
            self.A = Parameter(flashlight.ones(1, hidden_size))
        else:
            self.ff2, self.time_a, self.time_b = (Linear(features, hidden_size) for _ in range(3))
        self.init_weights()

    def _add_mask(self, name: str, mask) -> None:
        made = None if mask is None else flashlight.from_numpy(np.ascontiguousarray(mask, dtype=np.float32))
        self.register_buffer(name, made)

    def _backbone(self) -> Sequential:
        activation = _ACTIVATIONS[self.backbone_activation]
        modules = [Linear(self.input_size + self.hidden_size, self.backbone_units), activation()]
        for _ in range(1, self.backbone_layers):
            modules += [Linear(self.backbone_units, self.backbone_units), activation()]
            if self.backbone_dropout > 0:
                modules.append(Dropout(self.backbone_dropout))
        return Sequential(*modules)

    def init_weights(self) -> None:
        """Draw all matrices from Glorot's uniform distribution, w_tau and A too."""
        for w in self.parameters():
            if w.dim() == 2:
                init.xavier_uniform_(w)

    def tensors(self, span: float | None) -> list[Tensor]:
        """The weights as a scan reads them; a constant timespan goes into the time gates' weights, None keeps them apart."""
        out = []
        for k, linear in enumerate(m for m in self.backbone or () if isinstance(m, Linear)):
            masked = k == 0 and self.input_mask is not None
            out += [linear.weight * self.input_mask if masked else linear.weight, linear.bias]
        gates = [self.ff1] if self.mode == "pure" else [self.ff1, self.ff2]
        weights, biases = [g.weight for g in gates], [g.bias for g in gates]
        if self.sparsity_mask is not None:
            weights = [w * self.sparsity_mask for w in weights]
        if self.mode == "pure":
            return [*out, weights[0], biases[0], self.w_tau, self.A]
        a, b = self.time_a, self.time_b
        if span is None:
            weights, biases = [*weights, a.weight, b.weight], [*biases, a.bias, b.bias]
        else:
            weights.append(flashlight.add(b.weight, a.weight, alpha=span))
            biases.append(flashlight.add(b.bias, a.bias, alpha=span))
        return [*out, flashlight.cat(weights), flashlight.cat(biases)]

    def forward(self, input, hx=None, ts=1.0):
        self.check_step(input, hx)
        hx = flashlight.zeros(input.shape[0], self.hidden_size, dtype=input.dtype) if hx is None else hx
        states, _ = scan([self], [self.hidden_size], input.unsqueeze(0), hx, step_span(ts))
        return states[0], states[0]


class WiredCfCCell(ModuleWiredCell):
    """CfC cells in the layers of a neuron map: inputs to inter, to command, to motor neurons.

    Only the synapses from layer to layer count, and only that they are there; within a layer all neurons are connected.
    With the map as the second argument ``forward`` gives (output, state), with ``neuron_map=`` the state alone.
    Raises: ValueError if a map without inputs is given by position and no input size.
    """

    def __init__(
        self,
        input_size=None,
        wiring=None,
        mode: str | None = None,
        *,
        neuron_map=None,
        mixed_memory: bool | None = None,
        activation: str = "lecun_tanh",
    ):
        self._begin(input_size, wiring, neuron_map, mode, mixed_memory, activation)
        if self.built:
            self._make()

    def _begin(self, input_size, wiring, neuron_map, mode, mixed_memory, activation) -> None:
        dialect = "map" if neuron_map is not None else "ncps"
        settings = getattr(neuron_map or wiring, "cell_params", {})
        mode = settings.get("mode", "default") if mode is None else mode
        if mode not in MODES:
            raise ValueError(f"Unknown mode '{mode}', valid options are {list(MODES)}")
        ModuleWiredCell.__init__(self, input_size, neuron_map, mode, wiring=wiring, activation=activation)
        if dialect == "ncps" and not self.built:
            raise ValueError("the number of input features is not known: give input_size or build the wiring")
        self.dialect = dialect
        self.mixed_memory = settings.get("mixed_memory", False) if mixed_memory is None else mixed_memory

    def _layer_cell(self, width: int, own: list[int], connections) -> CfCCell:
        mask = np.concatenate([np.abs(connections), np.ones((len(own), len(own)))])
        return CfCCell(width, len(own), self.mode, self.activation, 0, 0, 0.0, mask)

    def _make(self) -> None:
        wiring = self.neuron_map
        before = None
        for i in range(wiring.num_layers):
            own = wiring.get_neurons_of_layer(i)
            if before is None:
                connections = wiring.sensory_adjacency_matrix[:, own]
            else:
                connections = wiring.adjacency_matrix[np.ix_(before, own)]
            self.add_module(f"layer_{i}", self._layer_cell(len(connections), own, connections))
            before = own
        if self.mixed_memory:
            self.lstm = MixedMemory(wiring.input_dim, wiring.units)

    @property
    def cells(self) -> list[CfCCell]:
        return [getattr(self, f"layer_{i}") for i in range(self.num_layers)]

    def output(self, state):
        """The motor neurons' part of a state (..., N)."""
        h = state if isinstance(state, Tensor) else state[0]
        start = self.state_size - self.layer_sizes[-1]
        return h[..., start : start + self.motor_size]

    def run(self, x, h, ts, **memory):
        """The states of a sequence (T, B, I)."""
        return scan(self.cells, self.layer_sizes, x, h, ts, **memory)

    def forward(self, input, hx=None, timespans=1.0):
        h, c = hx if isinstance(hx, (tuple, list)) else (hx, None)
        self.check_step(input, h, c)
        zeros = flashlight.zeros(input.shape[0], self.state_size, dtype=input.dtype)
        h = zeros if h is None else h
        if self.mixed_memory:
            states, c = self.run(
                input.unsqueeze(0), h, step_span(timespans), memory=self.lstm, c=zeros if c is None else c
            )
            state = (states[0], c)
        else:
            state = self.run(input.unsqueeze(0), h, step_span(timespans))[0][0]
        return state if self.dialect == "map" else (self.output(state), state)

"""Liquid time-constant networks (Hasani et al. 2021)."""

from __future__ import annotations

import flashlight

from .._core.tensor import Tensor
from ..kernels.ltc import Plan, ltc, places
from ..nn import Parameter
from ..nn import functional as F
from .base import ModuleWiredCell, agree
from .cfc import refuse_or_warn, with_maps
from .cfc_cells import step_span
from .ncps.wirings import FullyConnected
from .sequence import LiquidLayer, MixedMemory, dialect_of

_RANGES = {
    "gleak": (0.001, 1.0),
    "vleak": (-0.2, 0.2),
    "cm": (0.4, 0.6),
    "sigma": (3.0, 8.0),
    "mu": (0.3, 0.8),
    "w": (0.001, 1.0),
}
_SETTINGS = {
    "input_mapping": "affine",
    "output_mapping": "affine",
    "ode_unfolds": 6,
    "epsilon": 1e-8,
    "mixed_memory": False,
}


def _mapping(name: str, value):
    if value not in ("affine", "linear", "none", None):
        raise ValueError(f"{name} must be 'affine', 'linear' or None, got {value!r}")
    return None if value == "none" else value


class LTCCell(ModuleWiredCell):
    """One step of an LTC: ``forward(inputs (B, I), state (B, N), elapsed_time)``.

    With the wiring by position it gives (output (B, motor neurons), state), with ``neuron_map=`` the state alone.
    ``implicit_param_constraints`` keeps conductances positive by softplus; otherwise call ``apply_weight_constraints`` after
    each step of the optimizer. Raises: ValueError if the number of inputs is not known.
    """

    def __init__(
        self,
        wiring=None,
        in_features: int | None = None,
        input_mapping="affine",
        output_mapping="affine",
        ode_unfolds: int = 6,
        epsilon: float = 1e-8,
        implicit_param_constraints: bool = False,
        *,
        neuron_map=None,
        mixed_memory: bool = False,
        input_size: int | None = None,
    ):
        in_features = agree("in_features", in_features, "input_size", input_size)
        super().__init__(in_features, neuron_map, wiring=wiring)
        self.dialect = "map" if neuron_map is not None else "ncps"
        if self.dialect == "ncps" and not self.built:
            raise ValueError("the number of input features is not known: give in_features or build the wiring")
        if not isinstance(ode_unfolds, int) or ode_unfolds < 1:
            raise ValueError(f"ode_unfolds must be a positive int, got {ode_unfolds!r}")
        self.input_mapping = _mapping("input_mapping", input_mapping)
        self.output_mapping = _mapping("output_mapping", output_mapping)
        self.ode_unfolds, self.epsilon = ode_unfolds, epsilon
        self.implicit_param_constraints, self.mixed_memory = implicit_param_constraints, mixed_memory
        if self.built:
            self._make()

    def _make(self) -> None:
        wiring = self.neuron_map
        n, inputs = wiring.units, wiring.input_dim
        for name in ("gleak", "vleak", "cm"):
            setattr(self, name, self._drawn(name, n))
        # in ncps's order, so that the same seed draws the same cell
        signs = (wiring.erev_initializer(), wiring.sensory_erev_initializer())
        for prefix, sources, erev in zip(("", "sensory_"), (n, inputs), signs, strict=True):
            for name in ("sigma", "mu", "w"):
                setattr(self, prefix + name, self._drawn(name, sources, n))
            setattr(self, prefix + "erev", Parameter(flashlight.from_numpy(erev)))
        self.register_buffer("sparsity_mask", flashlight.from_numpy(wiring.get_recurrent_mask()))
        self.register_buffer("sensory_sparsity_mask", flashlight.from_numpy(wiring.get_sensory_mask()))
        for side, mapping, size in (
            ("input", self.input_mapping, inputs),
            ("output", self.output_mapping, self.motor_size),
        ):
            if mapping is not None:
                setattr(self, side + "_w", Parameter(flashlight.ones(size)))
            if mapping == "affine":
                setattr(self, side + "_b", Parameter(flashlight.zeros(size)))
        if self.mixed_memory:
            self.lstm = MixedMemory(inputs, n)

    def _drawn(self, name: str, *shape: int) -> Parameter:
        low, high = _RANGES[name]
        return Parameter(flashlight.rand(*shape) * (high - low) + low)

    def apply_weight_constraints(self) -> None:
        """Clamp conductances and capacities at 0 in place; nothing to do with implicit constraints."""
        if self.implicit_param_constraints:
            return
        with flashlight.no_grad():
            for parameter in (self.w, self.sensory_w, self.cm, self.gleak):
                parameter.clamp_(min=0)

    def _positive(self, parameter):
        return F.softplus(parameter) if self.implicit_param_constraints else parameter

    def _map_inputs(self, x):
        x = x if self.input_mapping is None else x * self.input_w
        return x + self.input_b if self.input_mapping == "affine" else x

    def output(self, state, mode: str = "motor"):
        """The outputs (..., motor neurons) of a state; with mode "all" the other neurons' potentials follow."""
        v = state if isinstance(state, Tensor) else state[0]
        y = v[..., : self.motor_size]
        y = y if self.output_mapping is None else y * self.output_w
        y = y + self.output_b if self.output_mapping == "affine" else y
        if mode == "all" and self.motor_size < self.state_size:
            return flashlight.cat([y, v[..., self.motor_size :]], -1)
        return y

    def run(self, x, h, ts, memory=None, c=None):
        """The states (T, B, N) of a sequence (T, B, I), and the last memory cell."""
        timed = isinstance(ts, Tensor)
        # masks come from the state, which a loaded one may have changed: the synapses are visited where the map has them
        dense = self.sparsity_mask, self.sensory_sparsity_mask
        own, sensory = self._places()
        tensors = [x, self._map_inputs(x), h]
        tensors += [c] if memory is not None else []
        tensors += [ts.to(x.dtype)] if timed else []
        tensors += memory.tensors() if memory is not None else []
        tensors += [self._positive(self.w) * dense[0], self.erev, self.sigma, self.mu]
        tensors += [self._positive(self.sensory_w) * dense[1], self.sensory_erev, self.sensory_sigma, self.sensory_mu]
        tensors += [self._positive(self.gleak), self.vleak, self._positive(self.cm)]
        span = 1.0 if timed else ts
        return ltc(tensors, Plan(self.ode_unfolds, self.epsilon, own, sensory, memory is not None, timed, span))

    def _places(self):
        """The places of the synapses of both masks, found again when a mask has changed."""
        masks = self.sparsity_mask, self.sensory_sparsity_mask
        key = tuple((id(m), m._version) for m in masks)
        if getattr(self, "_found", (None,))[0] != key:
            object.__setattr__(self, "_found", (key, tuple(places(m.float().numpy()) for m in masks)))
        return self._found[1]

    def forward(self, inputs, states=None, elapsed_time=1.0):
        h, c = states if isinstance(states, (tuple, list)) else (states, None)
        self.check_step(inputs, h, c)
        zeros = flashlight.zeros(inputs.shape[0], self.state_size, dtype=inputs.dtype)
        h = zeros if h is None else h
        memory = {"memory": self.lstm, "c": zeros if c is None else c} if self.mixed_memory else {}
        new, c = self.run(inputs.unsqueeze(0), h, step_span(elapsed_time), **memory)
        state = (new[0], c) if self.mixed_memory else new[0]
        return state if self.dialect == "map" else (self.output(new[0]), state)


class LTC(LiquidLayer):
    """A recurrent layer of LTC neurons.

    ``LTC(input_size, units)`` (all connected) and ``LTC(input_size, wiring)`` give (outputs, state) of a batch-first sequence,
    ``LTC(neuron_map=...)`` the outputs alone. Every such default can be given.
    """

    def __init__(
        self,
        input_size=None,
        units=None,
        return_sequences: bool | None = None,
        batch_first: bool = True,
        mixed_memory: bool | None = None,
        input_mapping="",
        output_mapping="",
        ode_unfolds: int | None = None,
        epsilon: float | None = None,
        implicit_param_constraints: bool | None = None,
        *,
        hidden_size=None,
        neuron_map=None,
        wiring=None,
        return_state: bool | None = None,
        output_mode: str | None = None,
        go_backwards: bool = False,
        **extra,
    ):
        super().__init__()
        refuse_or_warn("LTC", extra)
        units = agree("units", units, "hidden_size", hidden_size)
        self.dialect, self.input_size, units, self.neuron_map = dialect_of(input_size, units, neuron_map, wiring)
        if self.neuron_map is None:
            self.neuron_map = FullyConnected(units)
        kept = getattr(self.neuron_map, "cell_params", {})
        given = {
            "input_mapping": input_mapping if input_mapping != "" else None,
            "output_mapping": output_mapping if output_mapping != "" else None,
            "ode_unfolds": ode_unfolds,
            "epsilon": epsilon,
            "mixed_memory": mixed_memory,
            "implicit_param_constraints": implicit_param_constraints,
        }
        usual = {**_SETTINGS, "implicit_param_constraints": True}
        settings = {k: kept.get(k, usual[k]) if v is None else v for k, v in given.items()}
        # None names a mapping of its own: only what was left out takes the default
        settings.update(
            {k: None for k, v in (("input_mapping", input_mapping), ("output_mapping", output_mapping)) if v is None}
        )
        self.mixed_memory = settings.pop("mixed_memory")
        self._settings = settings
        self.batch_first, self.go_backwards = batch_first, go_backwards
        self._resolve(return_sequences, return_state, output_mode, True, "motor")
        if self.input_size is not None:
            self.neuron_map.build(self.input_size)
        self.input_size = self.neuron_map.input_dim
        self.built = self.neuron_map.is_built()
        if self.built:
            self._make()

    def build(self, input_shape) -> None:
        self.neuron_map.build(input_shape[-1])
        self.input_size = self.neuron_map.input_dim
        self._make()

    def _make(self) -> None:
        self.rnn_cell = LTCCell(self.neuron_map, **self._settings)
        if self.mixed_memory:
            self.lstm = MixedMemory(self.input_size, self.state_size)

    @property
    def state_size(self) -> int:
        return self.neuron_map.units

    @property
    def output_size(self) -> int:
        return self.neuron_map.output_dim if self.output_mode == "motor" else self.state_size

    @property
    def motor_size(self) -> int:
        return self.neuron_map.output_dim

    @property
    def sensory_size(self):
        return self.neuron_map.input_dim

    @property
    def synapse_count(self) -> int:
        return self.neuron_map.synapse_count

    @property
    def sensory_synapse_count(self) -> int:
        return self.neuron_map.sensory_synapse_count

    def apply_weight_constraints(self) -> None:
        """Clamp conductances and capacities at 0 in place; nothing to do with implicit constraints."""
        self.rnn_cell.apply_weight_constraints()

    def _scan(self, frame, h, c, ts):
        memory = {"memory": self.lstm, "c": c} if self.mixed_memory else {}
        return self.rnn_cell.run(frame.x, h, ts, **memory)

    def _read_out(self, states: Tensor) -> Tensor:
        return self.rnn_cell.output(states, self.output_mode)

    def get_config(self) -> dict:
        return {
            "input_size": self.input_size,
            "neuron_map" if self.dialect == "map" else "units": self.neuron_map.get_config(),
            "return_sequences": self.return_sequences,
            "batch_first": self.batch_first,
            "mixed_memory": self.mixed_memory,
            "return_state": self.return_state,
            "output_mode": self.output_mode,
            "go_backwards": self.go_backwards,
            **self._settings,
        }

    @classmethod
    def from_config(cls, config: dict):
        return super().from_config(with_maps(config))

"""The CfC layer."""

from __future__ import annotations

import warnings

from .._core.tensor import Tensor
from ..nn import Identity, Linear
from .base import agree
from .cfc_cells import CfCCell, WiredCfCCell, scan
from .sequence import LiquidLayer, MixedMemory, dialect_of

_WITHOUT_EFFECT = {
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "kernel_initializer": "glorot_uniform",
    "recurrent_initializer": "orthogonal",
    "bias_initializer": "zeros",
}


def refuse_or_warn(name: str, extra: dict) -> None:
    """Arguments of other libraries' layers that a CfC has no use for: a warning if they ask for something. Raises: TypeError for others."""
    for key, value in extra.items():
        if key not in _WITHOUT_EFFECT:
            raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{key}'")
        if value != _WITHOUT_EFFECT[key]:
            warnings.warn(f"{name} has no use for {key}={value!r}", stacklevel=3)


class CfC(LiquidLayer):
    """A closed-form continuous-time recurrent layer (Hasani et al. 2022).

    ``CfC(input_size, units)`` and ``CfC(input_size, wiring)`` give (outputs, state) of a batch-first sequence;
    ``CfC(neuron_map=...)`` gives the last state of all neurons. Every such default can be given.
    Raises: ValueError for backbone arguments together with a wiring.
    """

    state_is_list = True

    def __init__(
        self,
        input_size=None,
        units=None,
        proj_size: int | None = None,
        return_sequences: bool | None = None,
        batch_first: bool = True,
        mixed_memory: bool | None = None,
        mode: str | None = None,
        activation: str | None = None,
        backbone_units: int | None = None,
        backbone_layers: int | None = None,
        backbone_dropout: float | None = None,
        *,
        hidden_size=None,
        neuron_map=None,
        wiring=None,
        return_state: bool | None = None,
        output_mode: str | None = None,
        go_backwards: bool = False,
        time_scale_factor: float | None = None,
        device=None,
        dtype=None,
        **extra,
    ):
        super().__init__()
        refuse_or_warn("CfC", extra)
        units = agree("units", units, "hidden_size", hidden_size)
        self.dialect, input_size, units, self.neuron_map = dialect_of(input_size, units, neuron_map, wiring)
        settings = getattr(self.neuron_map, "cell_params", {})

        def chosen(name, value, usual):
            return settings.get(name, usual) if value is None else value

        self.mixed_memory = chosen("mixed_memory", mixed_memory, False)
        self.mode = chosen("mode", mode, "default")
        self.activation = chosen("activation", activation, "lecun_tanh")
        self.time_scale_factor = chosen("time_scale_factor", time_scale_factor, 1.0)
        self.input_size, self.units, self.proj_size = input_size, units, proj_size
        self.batch_first, self.go_backwards = batch_first, go_backwards
        if output_mode is None and proj_size is not None:
            output_mode = "motor"
        self._resolve(return_sequences, return_state, output_mode, False, "all")
        self._backbone = (backbone_units, backbone_layers, backbone_dropout)
        self._made_with = {"device": device, "dtype": dtype}
        self._check_wired(activation)
        if self.neuron_map is not None:
            if input_size is not None:
                self.neuron_map.build(input_size)
            self.input_size = self.neuron_map.input_dim
        self.built = self.input_size is not None
        if self.built:
            self._make()

    def _check_wired(self, activation) -> None:
        if self.neuron_map is None:
            return
        for name, value in zip(("units", "layers", "dropout"), self._backbone, strict=True):
            if value is not None:
                raise ValueError(f"Cannot use backbone_{name} in wired mode")
        if activation not in (None, "lecun_tanh"):
            warnings.warn("activation is that of the backbone, which a wired CfC has not", stacklevel=3)

    def build(self, input_shape) -> None:
        self.neuron_map.build(input_shape[-1])
        self.input_size = self.neuron_map.input_dim
        self._make()

    def _make(self) -> None:
        if self.neuron_map is None:
            units, layers, dropout = self._backbone
            self.rnn_cell = CfCCell(
                self.input_size, self.units, self.mode, self.activation,
                128 if units is None else units, 1 if layers is None else layers, 0.0 if dropout is None else dropout,
            )  # fmt: skip
        else:
            self.rnn_cell = WiredCfCCell(self.input_size, self.neuron_map, self.mode, mixed_memory=False)
        if self.mixed_memory:
            self.lstm = MixedMemory(self.input_size, self.state_size)
        self.fc = Identity() if self.proj_size is None else Linear(self.output_size, self.proj_size)
        if self._made_with["device"] is not None or self._made_with["dtype"] is not None:
            self.to(**self._made_with)

    @property
    def state_size(self) -> int:
        return self.units if self.neuron_map is None else self.neuron_map.units

    @property
    def output_size(self) -> int:
        """The width of what ``fc`` reads."""
        return self.state_size if self.neuron_map is None or self.output_mode == "all" else self.neuron_map.output_dim

    def _scan(self, frame, h, c, ts):
        if self.time_scale_factor != 1:
            ts = ts / self.time_scale_factor
        memory = {"memory": self.lstm, "c": c} if self.mixed_memory else {}
        if self.neuron_map is not None:
            return self.rnn_cell.run(frame.x, h, ts, **memory)
        return scan([self.rnn_cell], [self.units], frame.x, h, ts, **memory)

    def _read_out(self, states: Tensor) -> Tensor:
        wired = self.neuron_map is not None and self.output_mode == "motor"
        return self.fc(self.rnn_cell.output(states) if wired else states)

    def get_config(self) -> dict:
        units, layers, dropout = self._backbone
        config = {
            "proj_size": self.proj_size, "return_sequences": self.return_sequences, "batch_first": self.batch_first,
            "mixed_memory": self.mixed_memory, "mode": self.mode, "activation": self.activation,
            "return_state": self.return_state, "output_mode": self.output_mode, "go_backwards": self.go_backwards,
            "time_scale_factor": self.time_scale_factor,
        }  # fmt: skip
        if self.neuron_map is None:
            backbone = {"backbone_units": units, "backbone_layers": layers, "backbone_dropout": dropout}
            return {"input_size": self.input_size, "units": self.units, **config, **backbone}
        key = "neuron_map" if self.dialect == "map" else "units"
        return {"input_size": self.input_size, key: self.neuron_map.get_config(), **config}

    @classmethod
    def from_config(cls, config: dict):
        return super().from_config(with_maps(config))


def with_maps(config: dict) -> dict:
    """A configuration with the maps described in it made."""
    from .wiring import NeuronMap

    made = dict(config)
    for key in ("neuron_map", "units"):
        if isinstance(made.get(key), dict):
            made[key] = NeuronMap.from_config(made[key])
    return made


__all__ = ["CfC", "agree", "refuse_or_warn", "with_maps"]

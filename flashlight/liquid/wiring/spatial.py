"""Maps whose neurons have places: near ones are connected more often than far ones."""

from __future__ import annotations

import math

import numpy as np

from .base import NeuronMap, agree, chosen_seed
from .ncp import LayeredMap
from .streams import Twister

_SPARSITIES = tuple(
    f"{name}_sparsity"
    for name in (
        "sensory_to_inter", "sensory_to_motor", "inter_to_inter", "inter_to_motor", "motor_to_motor", "motor_to_inter",
    )
)  # fmt: skip


def _coordinates(units: int, given, structure) -> np.ndarray:
    if given is not None:
        columns = [np.asarray(axis, dtype=np.float64).reshape(-1) for axis in given]
        if not columns or any(len(axis) != units for axis in columns):
            raise ValueError(f"coordinates_list needs one array of length {units} for each dimension")
        return np.stack(columns, axis=1)
    structure = tuple(structure)
    if units > math.prod(structure):
        raise ValueError(f"{units} neurons do not fit into a network_structure of {structure}")
    return np.stack(np.unravel_index(np.arange(units), structure), axis=1).astype(np.float64)


def _distances(places: np.ndarray, metric: str, power: float) -> np.ndarray:
    gaps = np.abs(places[:, None] - places[None])
    if metric == "euclidean":
        d = np.sqrt((gaps**2).sum(-1))
    elif metric == "manhattan":
        d = gaps.sum(-1)
    elif metric == "chebyshev":
        d = gaps.max(-1)
    else:
        raise ValueError(f"unknown distance_metric {metric!r}; use euclidean, manhattan or chebyshev")
    return (d**power).astype(np.float32)


class _Spatial:
    """What both maps share: places, distances, and drawing the synapses of a block."""

    def _place(self, units, coordinates_list, network_structure, distance_metric, distance_power) -> None:
        self.coordinates_list = None if coordinates_list is None else [np.asarray(c).tolist() for c in coordinates_list]
        self.network_structure = tuple(network_structure)
        self.distance_metric, self.distance_power = distance_metric, distance_power
        self.coordinates = _coordinates(units, coordinates_list, network_structure)
        self.distance_matrix = _distances(self.coordinates, distance_metric, distance_power)
        self.communicability_matrix = np.ones((units, units), dtype=np.float32)

    def _check_type(self, neuron_type: str, neuron_params) -> None:
        self.neuron_type, self.neuron_params = neuron_type, dict(neuron_params or {})

    def _draw_block(self, matrix, sources, targets, probability) -> None:
        block = np.ix_(sources, targets)
        kept = self._stream.uniform((len(sources), len(targets))) >= 1 - probability
        signs = np.zeros(kept.shape, dtype=np.int32)
        signs[kept] = [self._stream.choice((-1, 1)) for _ in range(int(kept.sum()))]
        matrix[block] = signs

    def _near(self, sources, targets, sparsity: float) -> np.ndarray:
        d = self.distance_matrix[np.ix_(sources, targets)].astype(np.float64)
        largest = d.max() if d.size else 0.0
        return (1 - sparsity) * (1 - d / largest) if largest > 0 else np.full(d.shape, 1 - sparsity)

    def _measure(self) -> None:
        """Communicability of the symmetrised graph: expm of the adjacency scaled by the degrees."""
        a = np.abs(self.adjacency_matrix).astype(np.float64)
        s = a + a.T
        root = 1 / np.sqrt(np.maximum(s.sum(1), 1))
        values, vectors = np.linalg.eigh(root[:, None] * s * root[None])
        self.communicability_matrix = ((vectors * np.exp(values)) @ vectors.T).astype(np.float32)

    def _spatial_arguments(self) -> dict:
        return {
            "coordinates_list": self.coordinates_list,
            "network_structure": list(self.network_structure),
            "distance_metric": self.distance_metric,
            "distance_power": self.distance_power,
        }

    def _restore(self, adjacency, sensory) -> None:
        super()._restore(adjacency, sensory)
        if self.is_built():
            self._measure()

    def get_dynamic_properties(self) -> dict:
        """The neurons' type and its parameters."""
        return {"neuron_type": self.neuron_type, "neuron_params": self.neuron_params}

    def get_spatial_properties(self) -> dict:
        """Coordinates (units, d), distances and communicability (units, units; ones before the map is built)."""
        return {
            "coordinates": self.coordinates,
            "distance_matrix": self.distance_matrix,
            "communicability_matrix": self.communicability_matrix,
        }

    def get_neuron_factory(self):
        """A function ``(input_size, hidden_size=1, **settings)`` that makes a cell of the neurons' type."""
        makers = {"cfc": _make_cfc, "ltc": _make_ltc}
        if self.neuron_type not in makers:
            raise ValueError(f"unknown neuron_type {self.neuron_type!r}; use cfc or ltc")
        make, params = makers[self.neuron_type], self.neuron_params
        return lambda input_size, hidden_size=1, **settings: make(input_size, hidden_size, {**params, **settings})


def _make_cfc(input_size: int, hidden_size: int, settings: dict):
    from ..cfc_cells import CfCCell  # the cells are built on the maps

    return CfCCell(input_size, hidden_size, **settings)


def _make_ltc(input_size: int, hidden_size: int, settings: dict):
    from ..ltc import LTCCell
    from .maps import FullyConnectedMap

    return LTCCell(FullyConnectedMap(hidden_size, seed=1111), input_size, **settings)


class EnhancedNeuronMap(_Spatial, NeuronMap):
    """Neurons on a grid, or at given coordinates, connected with a probability that falls with their distance."""

    def __init__(
        self,
        units: int,
        output_dim: int | None = None,
        input_dim: int | None = None,
        sparsity_level: float = 0.5,
        seed: int | None = None,
        neuron_type: str = "cfc",
        neuron_params: dict | None = None,
        coordinates_list=None,
        network_structure=(5, 5, 4),
        distance_metric: str = "euclidean",
        distance_power: float = 1.0,
        *,
        output_size: int | None = None,
        input_size: int | None = None,
    ):
        self._check_type(neuron_type, neuron_params)
        self._place(units, coordinates_list, network_structure, distance_metric, distance_power)
        seed = chosen_seed(seed)
        self._stream = Twister(seed)
        super().__init__(
            units, output_dim, input_dim, sparsity_level, seed, output_size=output_size, input_size=input_size
        )

    def _wire_inputs(self) -> None:
        everyone = range(self.units)
        near = self._near(everyone, everyone, self.sparsity_level)
        self._draw_block(self.adjacency_matrix, everyone, everyone, near)
        self._draw_block(self.sensory_adjacency_matrix, range(self.input_dim), everyone, 1 - self.sparsity_level)
        self._measure()

    def _arguments(self) -> dict:
        own = {"neuron_type": self.neuron_type, "neuron_params": self.neuron_params}
        return {**super()._arguments(), **own, **self._spatial_arguments()}


class EnhancedNCPMap(_Spatial, LayeredMap):
    """The layers of an NCP with synapses by distance, and with shortcuts between layers; every neuron is reached."""

    def __init__(
        self,
        inter_neurons: int,
        command_neurons: int,
        motor_neurons: int,
        sensory_neurons: int = 0,
        sparsity_level: float = 0.5,
        seed: int | None = None,
        neuron_type: str = "cfc",
        time_scale_factor: float = 1.0,
        activation: str = "tanh",
        recurrent_activation: str = "sigmoid",
        mode: str = "default",
        neuron_params: dict | None = None,
        coordinates_list=None,
        network_structure=(5, 5, 4),
        distance_metric: str = "euclidean",
        distance_power: float = 1.0,
        *,
        input_dim: int | None = None,
        input_size: int | None = None,
        units: int | None = None,
        output_dim: int | None = None,
        **sparsities,
    ):
        unknown = sparsities.keys() - set(_SPARSITIES)
        if unknown:
            raise TypeError(f"EnhancedNCPMap got unexpected arguments {sorted(unknown)}")
        self._lay_out(inter_neurons, command_neurons, motor_neurons)
        self._check_sizes(units, output_dim)
        self._check_type(neuron_type, neuron_params)
        total = inter_neurons + command_neurons + motor_neurons
        self._place(total, coordinates_list, network_structure, distance_metric, distance_power)
        self.sparsities = {k: v for k, v in sparsities.items() if v is not None}
        self.time_scale_factor, self.activation = time_scale_factor, activation
        self.recurrent_activation, self.mode = recurrent_activation, mode
        # what differs from the defaults is a setting for the layers
        settings = {"time_scale_factor": (time_scale_factor, 1.0), "mode": (mode, "default")}
        self.cell_params = {k: v for k, (v, usual) in settings.items() if v != usual}
        seed = chosen_seed(seed)
        self._stream = Twister(seed)
        input_dim = agree("input_dim", input_dim, "input_size", input_size)
        input_dim = agree("input_dim", input_dim, "sensory_neurons", sensory_neurons or None)
        super().__init__(total, motor_neurons, input_dim, sparsity_level, seed)

    def _wire_inputs(self) -> None:
        inputs, inter, command, motor = list(range(self.input_dim)), self._inter, self._command, self._motor
        a, s = self.adjacency_matrix, self.sensory_adjacency_matrix
        base, own = self.sparsity_level, self.sparsities
        self._draw_block(s, inputs, inter, 1 - own.get("sensory_to_inter_sparsity", base))
        self._draw_block(s, inputs, command, 1 - own.get("sensory_to_motor_sparsity", base))
        within = own.get("inter_to_inter_sparsity", base)
        ahead = own.get("inter_to_motor_sparsity", base)
        for sources, targets, sparsity in (
            (inter, inter, within), (inter, command, within), (inter, motor, ahead), (command, motor, ahead),
        ):  # fmt: skip
            self._draw_block(a, sources, targets, self._near(sources, targets, sparsity))
        for d in inter:
            if not s[:, d].any():
                s[d % len(inputs), d] = 1
        self._reach(inter, command)
        self._reach(command, motor)
        self._measure()

    def _reach(self, sources: list[int], targets: list[int]) -> None:
        """Give a target without input the nearest source."""
        a = self.adjacency_matrix
        for d in targets:
            if not a[sources, d].any():
                nearest = min(sources, key=lambda i: (self.distance_matrix[i, d], i))
                a[nearest, d] = 1

    def _arguments(self) -> dict:
        return {
            "inter_neurons": self.inter_neurons,
            "command_neurons": self.command_neurons,
            "motor_neurons": self.motor_neurons,
            "sensory_neurons": self.input_dim or 0,
            "sparsity_level": self.sparsity_level,
            "seed": self.seed,
            "neuron_type": self.neuron_type,
            "neuron_params": self.neuron_params,
            "time_scale_factor": self.time_scale_factor,
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
            "mode": self.mode,
            **self._spatial_arguments(),
            **self.sparsities,
        }

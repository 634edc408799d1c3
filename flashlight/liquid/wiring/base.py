"""NeuronMap: which neurons have synapses to which."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np

import flashlight

from . import drawing


def agree(name: str, value, synonym: str, other):
    """The value of an argument that has two names. Raises: TypeError if both are given and differ."""
    if value is not None and other is not None and value != other:
        raise TypeError(f"{name}={value} and {synonym}={other} name the same argument and differ")
    return other if value is None else value


def chosen_seed(seed: int | None) -> int:
    """The seed, or one drawn from flashlight's generator."""
    return int(flashlight.randint(0, 2**31 - 1, ())) if seed is None else int(seed)


class NeuronMap:
    """A wiring: signed synapses among ``units`` neurons, and from the inputs to them.

    ``adjacency_matrix`` (units, units) and ``sensory_adjacency_matrix`` (inputs, units) hold -1, 0, 1 at [source, destination];
    the latter is None until the number of inputs is known. The first ``output_dim`` neurons are the motor neurons.
    Own maps define ``build_adjacency_matrix`` and ``build_sensory_adjacency_matrix``, which ``build`` calls.
    """

    num_layers = 1
    _classes: ClassVar[dict[str, type[NeuronMap]]] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        NeuronMap._classes[cls.__name__] = cls

    def __init__(
        self,
        units: int,
        output_dim: int | None = None,
        input_dim: int | None = None,
        sparsity_level: float = 0.5,
        seed: int | None = None,
        *,
        output_size: int | None = None,
        input_size: int | None = None,
    ):
        self.units = int(units)
        if self.units <= 0:
            raise ValueError(f"units must be positive, got {units}")
        output_dim = agree("output_dim", output_dim, "output_size", output_size)
        self.sparsity_level = sparsity_level
        self.seed = chosen_seed(seed)
        self.adjacency_matrix = np.zeros((self.units, self.units), dtype=np.int32)
        self.sensory_adjacency_matrix: np.ndarray | None = None
        self.input_dim: int | None = None
        self.set_output_dim(self.units if output_dim is None else output_dim)
        self._wire()
        input_dim = agree("input_dim", input_dim, "input_size", input_size)
        if input_dim:
            self.build(input_dim)

    # ---------------------------------------------------------------------------------------------------- construction
    def _wire(self) -> None:
        """Make the synapses that do not depend on the inputs."""

    def _wire_inputs(self) -> None:
        """Make the synapses from the inputs, and others that are drawn after them."""

    def is_built(self) -> bool:
        """Whether the number of inputs is known."""
        return self.input_dim is not None

    def build(self, input_dim: int) -> None:
        """Fix the number of inputs and make their synapses; again with the same number changes nothing.

        Raises: ValueError if it was built for another number.
        """
        input_dim = int(input_dim)
        if self.is_built():
            if self.input_dim != input_dim:
                raise ValueError(f"the map was built for {self.input_dim} inputs, it cannot be built for {input_dim}")
            return
        self.set_input_dim(input_dim)
        self._wire_inputs()
        for hook in ("build_adjacency_matrix", "build_sensory_adjacency_matrix"):
            if hasattr(self, hook):
                getattr(self, hook)()

    def set_input_dim(self, n: int) -> None:
        """Fix the number of inputs, with no synapses from them."""
        if n <= 0:
            raise ValueError(f"the number of inputs must be positive, got {n}")
        self.input_dim = int(n)
        self.sensory_adjacency_matrix = np.zeros((self.input_dim, self.units), dtype=np.int32)

    def set_output_dim(self, n: int) -> None:
        """Fix the number of motor neurons."""
        if not 0 < n <= self.units:
            raise ValueError(f"output_dim must be between 1 and units = {self.units}, got {n}")
        self.output_dim = int(n)

    @property
    def input_size(self) -> int | None:
        return self.input_dim

    @property
    def output_size(self) -> int:
        return self.output_dim

    def add_synapse(self, src: int, dest: int, polarity: int) -> None:
        """Put an excitatory (1) or inhibitory (-1) synapse between two neurons."""
        self._check_synapse(src, self.units, dest, polarity)
        self.adjacency_matrix[src, dest] = polarity

    def add_sensory_synapse(self, src: int, dest: int, polarity: int) -> None:
        """Put a synapse from an input to a neuron. Raises: ValueError before the number of inputs is known."""
        if not self.is_built():
            raise ValueError("the map has no inputs yet: call build(input_dim) before adding sensory synapses")
        self._check_synapse(src, self.input_dim, dest, polarity)
        self.sensory_adjacency_matrix[src, dest] = polarity

    def _check_synapse(self, src: int, sources: int, dest: int, polarity: int) -> None:
        if not 0 <= src < sources:
            raise ValueError(f"source {src} is not in 0..{sources - 1}")
        if not 0 <= dest < self.units:
            raise ValueError(f"destination {dest} is not in 0..{self.units - 1}")
        if polarity not in (-1, 1):
            raise ValueError(f"polarity must be -1 or 1, got {polarity}")

    # --------------------------------------------------------------------------------------------------------- questions
    def get_neurons_of_layer(self, layer_id: int) -> list[int]:
        """The ids of the neurons updated together as layer ``layer_id``."""
        if not 0 <= layer_id < self.num_layers:
            raise ValueError(f"layer {layer_id} is not in 0..{self.num_layers - 1}")
        return list(range(self.units))

    def get_type_of_neuron(self, neuron_id: int) -> str:
        """ "motor" or "inter" (NCP maps also "command")."""
        return "motor" if neuron_id < self.output_dim else "inter"

    def get_neuron_groups(self) -> dict[str, list[int]]:
        """The ids of each type of neuron."""
        groups: dict[str, list[int]] = {}
        for i in range(self.units):
            groups.setdefault(self.get_type_of_neuron(i), []).append(i)
        return groups

    @property
    def synapse_count(self) -> int:
        return int(np.abs(self.adjacency_matrix).sum())

    @property
    def sensory_synapse_count(self) -> int:
        return int(np.abs(self._sensory()).sum())

    def _sensory(self) -> np.ndarray:
        if self.sensory_adjacency_matrix is None:
            raise ValueError("the map is not built: call build(input_dim) first")
        return self.sensory_adjacency_matrix

    def erev_initializer(self, shape=None, dtype=None) -> np.ndarray:
        """The synapses' reversal potentials to start from: their polarities."""
        return self.adjacency_matrix.astype(np.float32)

    def sensory_erev_initializer(self, shape=None, dtype=None) -> np.ndarray:
        """The same of the synapses from the inputs."""
        return self._sensory().astype(np.float32)

    def get_input_mask(self) -> np.ndarray:
        """(inputs,): 1 for the inputs that have a synapse."""
        return (np.abs(self._sensory()).sum(axis=1) > 0).astype(np.float32)

    def get_recurrent_mask(self) -> np.ndarray:
        """(units, units): 1 where there is a synapse."""
        return np.abs(self.adjacency_matrix).astype(np.float32)

    def get_output_mask(self) -> np.ndarray:
        """(units,): 1 for the motor neurons."""
        return (np.arange(self.units) < self.output_dim).astype(np.float32)

    def get_sensory_mask(self) -> np.ndarray:
        """(inputs, units): 1 where there is a synapse."""
        return np.abs(self._sensory()).astype(np.float32)

    # ---------------------------------------------------------------------------------------------------- configurations
    def _arguments(self) -> dict:
        return {
            "units": self.units,
            "output_dim": self.output_dim,
            "input_dim": self.input_dim,
            "sparsity_level": self.sparsity_level,
            "seed": self.seed,
        }

    def get_config(self) -> dict:
        """The constructor's arguments and the name of the class; a plain map adds its synapses."""
        config = {**self._arguments(), "class_name": type(self).__name__}
        if type(self) is NeuronMap:
            config["adjacency_matrix"] = self.adjacency_matrix.tolist()
            sensory = self.sensory_adjacency_matrix
            config["sensory_adjacency_matrix"] = None if sensory is None else sensory.tolist()
        return config

    @classmethod
    def from_config(cls, config: dict) -> NeuronMap:
        """The map ``get_config`` describes. Raises: ValueError if nobody knows the class it names."""
        config = dict(config)
        name = config.pop("class_name", None)
        if name is not None and name != cls.__name__:
            if name not in NeuronMap._classes:
                raise ValueError(f"unknown neuron map class {name!r}; known are {sorted(NeuronMap._classes)}")
            cls = NeuronMap._classes[name]
        matrices = {k: config.pop(k, None) for k in ("adjacency_matrix", "sensory_adjacency_matrix")}
        made = cls(**config)
        made._restore(matrices["adjacency_matrix"], matrices["sensory_adjacency_matrix"])
        return made

    def _restore(self, adjacency, sensory) -> None:
        if adjacency is not None:
            self.adjacency_matrix = np.array(adjacency, dtype=np.int32).reshape(self.units, self.units)
        if sensory is not None:
            matrix = np.array(sensory, dtype=np.int32).reshape(-1, self.units)
            self.sensory_adjacency_matrix, self.input_dim = matrix, len(matrix)

    def save(self, path) -> None:
        """Write the map as JSON."""
        sensory = self.sensory_adjacency_matrix
        content = {
            "config": self.get_config(),
            "adjacency": self.adjacency_matrix.tolist(),
            "sensory": None if sensory is None else sensory.tolist(),
            "input_dim": self.input_dim,
        }
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)

    @classmethod
    def load(cls, path) -> NeuronMap:
        """Read a map ``save`` wrote: its synapses as they were, whatever the random numbers are now."""
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        made = cls.from_config(content["config"])
        made._restore(content["adjacency"], content["sensory"])
        return made

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self._arguments().items() if v is not None)
        return f"{type(self).__name__}({arguments})"

    # ----------------------------------------------------------------------------------------------------------- pictures
    def get_graph(self, include_sensory_neurons: bool = True):
        """The map as a networkx DiGraph. Raises: ValueError before it is built."""
        self._sensory()
        return drawing.graph_of(self, include_sensory_neurons)

    def draw_graph(self, layout="shell", neuron_colors=None, synapse_colors=None, draw_labels=False):
        """Draw the map into matplotlib's current axes and return the legend's patches."""
        self._sensory()
        return drawing.draw(self, layout, neuron_colors, synapse_colors, draw_labels)


NeuronMap._classes["NeuronMap"] = NeuronMap

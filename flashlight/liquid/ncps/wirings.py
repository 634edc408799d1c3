"""The wirings under the names and with the positional arguments of the ``ncps`` package."""

from __future__ import annotations

from ..wiring import AutoNCPMap, FullyConnectedMap, NCPMap, NeuronMap, RandomMap

__all__ = ["NCP", "AutoNCP", "FullyConnected", "Random", "Wiring"]


class Wiring(NeuronMap):
    """A wiring to be filled with ``add_synapse``."""

    def __init__(self, units: int, output_dim: int | None = None, **settings):
        super().__init__(units, output_dim, **{"seed": 0, **settings})


class FullyConnected(FullyConnectedMap):
    """Every neuron and input has a synapse to every neuron."""

    def __init__(
        self, units, output_dim=None, erev_init_seed: int = 1111, self_connections: bool = True, *, input_dim=None
    ):
        super().__init__(units, output_dim, input_dim, seed=erev_init_seed, self_connections=self_connections)

    def _arguments(self) -> dict:
        seed = {"erev_init_seed": self.seed, "self_connections": self.self_connections}
        return {"units": self.units, "output_dim": self.output_dim, "input_dim": self.input_dim, **seed}


class Random(RandomMap):
    """The share ``1 - sparsity_level`` of all synapses, at random."""

    def __init__(self, units, output_dim=None, sparsity_level: float = 0.0, random_seed: int = 1111, *, input_dim=None):
        super().__init__(units, output_dim, input_dim, sparsity_level, random_seed)

    def _arguments(self) -> dict:
        seed = {"sparsity_level": self.sparsity_level, "random_seed": self.seed}
        return {"units": self.units, "output_dim": self.output_dim, "input_dim": self.input_dim, **seed}


class NCP(NCPMap):
    """A neural circuit policy given by its numbers of synapses."""

    def __init__(
        self,
        inter_neurons: int,
        command_neurons: int,
        motor_neurons: int,
        sensory_fanout: int,
        inter_fanout: int,
        recurrent_command_synapses: int,
        motor_fanin: int,
        seed: int = 22222,
        *,
        input_dim: int | None = None,
    ):
        super().__init__(
            inter_neurons, command_neurons, motor_neurons, seed=seed, input_dim=input_dim, sensory_fanout=sensory_fanout,
            inter_fanout=inter_fanout, recurrent_command_synapses=recurrent_command_synapses, motor_fanin=motor_fanin,
        )  # fmt: skip

    def _arguments(self) -> dict:
        arguments = super()._arguments()
        del arguments["sensory_neurons"], arguments["sparsity_level"]
        return {**arguments, "input_dim": self.input_dim}


class AutoNCP(AutoNCPMap):
    """A neural circuit policy from the number of neurons and outputs."""

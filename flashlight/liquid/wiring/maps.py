"""Maps without layers: everything connected, or synapses at random."""

from __future__ import annotations

import numpy as np

from .base import NeuronMap, agree, chosen_seed
from .streams import PCG

_FULL = (-1, 1, 1)  # twice as many excitatory synapses as inhibitory ones


class FullyConnectedMap(NeuronMap):
    """Every neuron and every input has a synapse to every neuron; ``sparsity_level`` takes some away again."""

    def __init__(
        self,
        units: int,
        output_dim: int | None = None,
        input_dim: int | None = None,
        sparsity_level: float = 0.0,
        seed: int | None = None,
        *,
        self_connections: bool = True,
        erev_init_seed: int | None = None,
        output_size: int | None = None,
        input_size: int | None = None,
    ):
        if not 0 <= sparsity_level < 1:
            raise ValueError(f"sparsity_level must be in [0, 1), got {sparsity_level}")
        seed = chosen_seed(agree("seed", seed, "erev_init_seed", erev_init_seed))
        self.self_connections = self_connections
        self._stream, self._thinning = PCG(seed), PCG(seed + 1)
        super().__init__(
            units, output_dim, input_dim, sparsity_level, seed, output_size=output_size, input_size=input_size
        )

    def _polarities(self, wanted: np.ndarray) -> np.ndarray:
        matrix = np.zeros(wanted.shape, dtype=np.int32)
        matrix[wanted] = [self._stream.choice(_FULL) for _ in range(int(wanted.sum()))]
        if self.sparsity_level > 0:
            matrix[~self._thinning.keeps(wanted.shape, self.sparsity_level)] = 0
        return matrix

    def _wire(self) -> None:
        wanted = np.ones((self.units, self.units), dtype=bool)
        if not self.self_connections:
            np.fill_diagonal(wanted, False)
        self.adjacency_matrix = self._polarities(wanted)

    def _wire_inputs(self) -> None:
        self.sensory_adjacency_matrix = self._polarities(np.ones((self.input_dim, self.units), dtype=bool))

    def _arguments(self) -> dict:
        return {**super()._arguments(), "self_connections": self.self_connections}


class RandomMap(NeuronMap):
    """The share ``1 - sparsity_level`` of all synapses, at random."""

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
        if not 0 <= sparsity_level < 1:
            raise ValueError(f"sparsity_level must be in [0, 1), got {sparsity_level}")
        seed = chosen_seed(seed)
        self._stream = PCG(seed)
        super().__init__(
            units, output_dim, input_dim, sparsity_level, seed, output_size=output_size, input_size=input_size
        )

    def _scatter(self, sources: int, draws: int) -> np.ndarray:
        # the reference implementation draws the polarity of a sensory synapse twice and keeps the second one
        matrix = np.zeros((sources, self.units), dtype=np.int32)
        places = range(sources * self.units)
        for place in self._stream.sample(places, round(len(places) * (1 - self.sparsity_level))):
            matrix.flat[place] = [self._stream.choice(_FULL) for _ in range(draws)][-1]
        return matrix

    def _wire(self) -> None:
        self.adjacency_matrix = self._scatter(self.units, 1)

    def _wire_inputs(self) -> None:
        self.sensory_adjacency_matrix = self._scatter(self.input_dim, 2)

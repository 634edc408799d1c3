"""The neuron maps of ``flashlight.liquid.wiring``."""

from ...liquid.wiring import (
    AutoNCPMap,
    EnhancedNCPMap,
    EnhancedNeuronMap,
    FullyConnectedMap,
    NCPMap,
    NeuronMap,
    RandomMap,
)

__all__ = [
    "AutoNCPMap",
    "EnhancedNCPMap",
    "EnhancedNeuronMap",
    "FullyConnectedMap",
    "NCPMap",
    "NeuronMap",
    "RandomMap",
]

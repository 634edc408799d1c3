"""Neuron maps: the wirings of liquid networks."""

from .base import NeuronMap
from .maps import FullyConnectedMap, RandomMap
from .ncp import AutoNCPMap, NCPMap
from .spatial import EnhancedNCPMap, EnhancedNeuronMap

__all__ = [
    "AutoNCPMap",
    "EnhancedNCPMap",
    "EnhancedNeuronMap",
    "FullyConnectedMap",
    "NCPMap",
    "NeuronMap",
    "RandomMap",
]

"""Liquid networks: neuron maps, CfC, LTC and what is built on them."""

from ..nn import Module, Parameter, ReLU, Sigmoid, Softplus, Tanh
from . import ncps, tensor, wiring
from .activations import Dropout, LeCunTanh, Softmax, get_activation, lecun_tanh
from .base import BaseModule, ModuleCell, ModuleWiredCell
from .cfc import CfC
from .cfc_cells import CfCCell, WiredCfCCell
from .circuit import NCP, AutoNCP
from .dense import Dense
from .ltc import LTC, LTCCell
from .quantum import CTRQNet, LQNet
from .recurrent import GRU, LSTM, RNN
from .sequence import MixedMemory
from .stride import StrideAware, StrideAwareCell, StrideAwareCfC, StrideAwareWiredCfCCell
from .wiring import (
    AutoNCPMap,
    EnhancedNCPMap,
    EnhancedNeuronMap,
    FullyConnectedMap,
    NCPMap,
    NeuronMap,
    RandomMap,
)

from . import rnn  # isort: skip - these are gathered in it

for _name, _layer in (
    ("CfC", CfC),
    ("CfCCell", CfCCell),
    ("LTC", LTC),
    ("LTCCell", LTCCell),
    ("WiredCfCCell", WiredCfCCell),
):
    setattr(ncps, _name, _layer)  # the maps under these names are below the layers, the layers on top of them
    ncps.__all__.append(_name)

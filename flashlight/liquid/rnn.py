"""The recurrent layers and cells of ``flashlight.liquid``."""

from .cfc import CfC
from .cfc_cells import CfCCell, WiredCfCCell
from .ltc import LTC, LTCCell
from .quantum import CTRQNet, LQNet
from .recurrent import GRU, LSTM, RNN
from .stride import StrideAware, StrideAwareCell, StrideAwareCfC, StrideAwareWiredCfCCell

__all__ = [
    "GRU",
    "LSTM",
    "LTC",
    "RNN",
    "CTRQNet",
    "CfC",
    "CfCCell",
    "LQNet",
    "LTCCell",
    "StrideAware",
    "StrideAwareCell",
    "StrideAwareCfC",
    "StrideAwareWiredCfCCell",
    "WiredCfCCell",
]

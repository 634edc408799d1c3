"""The names of ``flashlight.liquid`` that torch.nn has not, found in ``nn`` at their first use: importing nn stays quick."""

from __future__ import annotations

import importlib

MAPS = frozenset(
    ["AutoNCPMap", "EnhancedNCPMap", "EnhancedNeuronMap", "FullyConnectedMap", "NCPMap", "NeuronMap", "RandomMap"]
)
RECURRENT = frozenset(
    [
        "CTRQNet",
        "CfC",
        "CfCCell",
        "LQNet",
        "LTC",
        "LTCCell",
        "StrideAware",
        "StrideAwareCell",
        "StrideAwareCfC",
        "StrideAwareWiredCfCCell",
        "WiredCfCCell",
    ]
)
ALL = (
    MAPS
    | RECURRENT
    | frozenset(["AutoNCP", "BaseModule", "Dense", "LeCunTanh", "ModuleCell", "ModuleWiredCell", "NCP"])
)


def finder(module: str, names: frozenset[str]):
    """A module's ``__getattr__`` that finds these names in ``flashlight.liquid``."""

    def find(name: str):
        if name in names:
            return getattr(importlib.import_module("flashlight.liquid"), name)
        raise AttributeError(f"module '{module}' has no attribute '{name}'")

    return find

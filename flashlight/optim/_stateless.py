"""Running an optimizer on other parameters and state than its own."""

from __future__ import annotations

import contextlib
from collections import defaultdict

from .._core.tensor import Tensor
from .optimizer import Optimizer

_NAME = "swap_in_optimizer_params_and_state"


def _check_state(state) -> None:
    if not isinstance(state, dict):
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param state dicts, got "
            f"{type(state).__name__}."
        )
    if any(isinstance(key, Tensor) for key in state):
        raise RuntimeError(f"{_NAME} requires optimizer.state_dict()-style state keyed by packed parameter ids.")
    if any(isinstance(key, int) and not isinstance(value, dict) for key, value in state.items()):
        raise RuntimeError(f"{_NAME} requires per-parameter optimizer state entries to be dictionaries.")


def _check_groups(optimizer: Optimizer, groups) -> None:
    if not isinstance(groups, list):
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['param_groups'] to be a list of param-group dicts, got {type(groups).__name__}."
        )
    if len(optimizer.param_groups) != len(groups):
        raise RuntimeError("swapin_optim_state has a different number of parameter groups than the live optimizer.")
    for i, (live, given) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        if not isinstance(given, dict):
            raise RuntimeError(f"{_NAME} requires each optimizer param group to be a dictionary.")
        ids = given.get("params")
        if not isinstance(ids, list) or not all(isinstance(key, int) for key in ids):
            raise RuntimeError(
                f"{_NAME} requires optimizer.state_dict()-style param_groups[*]['params'] entries keyed by packed parameter ids."
            )
        if len(live["params"]) != len(ids):
            raise RuntimeError(
                f"swapin_optim_state param group {i} has a different number of params than the live optimizer param group."
            )
        if live.keys() != given.keys():
            raise RuntimeError(
                f"{_NAME} requires optimizer.state_dict()-style param group keys to exactly match the live optimizer group keys for "
                f"group {i}. Keys only in swap-in: {[k for k in given if k not in live]}. Keys only in live: "
                f"{[k for k in live if k not in given]}."
            )


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict
):
    """Inside, ``optimizer`` steps these parameters with this state (in ``state_dict`` form); its own come back afterwards.

    Raises: RuntimeError if they do not fit the optimizer's groups.
    """
    if not optimizer.state:
        raise RuntimeError(f"{_NAME} requires initialized optimizer state.")
    if not isinstance(swapin_optim_state, dict):
        raise RuntimeError(f"{_NAME} requires a DCP-style optimizer state_dict.")
    packed, groups = swapin_optim_state.get("state"), swapin_optim_state.get("param_groups")
    _check_state(packed)
    _check_groups(optimizer, groups)
    ids = [key for group in groups for key in group["params"]]
    params = list(swapin_parameters.values())
    if len(params) < len(ids):
        raise RuntimeError(f"{_NAME} requires the explicit parameter state to match optimizer.param_groups ordering.")
    extra = [key for key in packed if key not in set(ids)]
    if extra:
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['state'] to be keyed only by packed parameter ids from param_groups[*]['params']; got "
            f"extra keys {extra!r}."
        )
    own_state, own_groups = optimizer.state, [dict(group) for group in optimizer.param_groups]
    try:
        remaining = iter(params)
        optimizer.state = defaultdict(dict)
        for live, given in zip(optimizer.param_groups, groups, strict=True):
            live.update({name: value for name, value in given.items() if name != "params"})
            live["params"] = [next(remaining) for _ in given["params"]]
            for p, key in zip(live["params"], given["params"], strict=True):
                optimizer.state[p] = dict(packed.get(key, {}))
        yield
    finally:
        for group, before in zip(optimizer.param_groups, own_groups, strict=True):
            group.clear()
            group.update(before)
        optimizer.state = own_state

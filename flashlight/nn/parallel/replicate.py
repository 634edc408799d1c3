"""Copies of a module for several devices."""

from __future__ import annotations

from ..modules.module import Module

__all__ = ["replicate"]


def replicate(network: Module, devices, detach: bool = False) -> list[Module]:
    """``network`` once for each device label: memory is unified, so all share its parameters.

    Args:
        detach: give modules whose parameters take no part in autograd.
    """
    replicas = [_copy(network, detach, {}) for _ in devices]
    return replicas


def _copy(module: Module, detach: bool, done: dict) -> Module:
    if module not in done:
        replica = done[module] = module._replicate_for_data_parallel()
        for name, param in module._parameters.items():
            # plain attributes, as in torch: a replica has no parameters of its own
            value = None if param is None else param.detach() if detach else param.view_as(param)
            object.__setattr__(replica, name, value)
        replica._modules = {
            name: None if child is None else _copy(child, detach, done) for name, child in module._modules.items()
        }
    return done[module]

"""Optimizer rules as functions of lists: parameters, their gradients and their state, all updated in place."""

from __future__ import annotations

from .._core.modes import enable_grad, no_grad
from .._core.tensor import Tensor
from .optimizer import number


def check_steps(state_steps) -> None:
    """Raise torch's RuntimeError for step counts that are no tensors."""
    if not all(isinstance(t, Tensor) for t in state_steps):
        raise RuntimeError("API has changed, `state_steps` argument must contain a list of singleton tensors")


def step_lists(cls, params, grads, states: dict, options: dict, fused=None, grad_scale=None, found_inf=None) -> None:
    """One step of ``cls`` with these ``options``; ``states`` maps the name of a state to a list of its tensors, one per parameter.

    Raises: AssertionError for ``grad_scale`` or ``found_inf`` without ``fused``, RuntimeError for step counts that are no tensors.
    """
    if cls.counted:
        check_steps(states["step"])
    if not fused and not (grad_scale is None and found_inf is None):
        raise AssertionError("Expected grad_scale and found_inf to be None")
    if found_inf is not None and number(found_inf):
        return
    if grad_scale is not None:
        grads = [g / grad_scale for g in grads]
    runner = cls.__new__(cls)
    runner.state = {p: {name: held[i] for name, held in states.items() if held} for i, p in enumerate(params)}
    kept = [p._grad for p in params]
    for p, g in zip(params, grads, strict=True):
        p._grad = g
    runner._known_counts = {}
    try:
        group = {"params": list(params), "fused": fused, **options}
        if options.get("differentiable"):
            with enable_grad():
                runner._record_group(group)
        else:
            with no_grad():
                runner._step_group(group, {}, [])
    finally:
        for p, grad in zip(params, kept, strict=True):
            p._grad = grad
    for i, p in enumerate(params):
        for name, held in states.items():
            if held:
                held[i] = runner.state[p][name]

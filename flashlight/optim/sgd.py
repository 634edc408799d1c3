"""Stochastic gradient descent."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor
from ._lists import step_lists
from ._rule import RuleOptimizer, check_implementation, is_set
from .optimizer import ParamsT, number

__all__ = ["SGD", "sgd"]


class SGD(RuleOptimizer):
    """Gradient descent with momentum, dampening, weight decay and Nesterov's form.

    Raises: ValueError for negative options, or ``nesterov`` without momentum or with dampening.
    Source: Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """

    counted = False
    late_options = {"nesterov": False, "maximize": False, "foreach": None, "differentiable": False, "fused": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        for what, value in (("learning rate", lr), ("momentum value", momentum), ("weight_decay value", weight_decay)):
            if number(value) < 0.0:
                raise ValueError(f"Invalid {what}: {value}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
                    "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused}  # fmt: skip
        super().__init__(params, defaults)
        check_implementation(foreach, fused, differentiable)

    def names(self, group):
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def fill(self, p, g, state, group):
        state["momentum_buffer"] = None

    def rule(self, h, n, k, r):
        lr, momentum, nesterov = r(k(h["lr"])), h["momentum"], h["nesterov"]
        decay = r(k(h["weight_decay"])) if is_set(h["weight_decay"]) else None
        keep, ahead = k(momentum), r(k(momentum))
        take = r(k(1 - h["dampening"])) if h["dampening"] != 0 else None

        def apply(p, g, states):
            if decay is not None:
                g = r(g + p * decay)
            if momentum == 0:
                return p - g * lr, ()
            buffer = states[0]
            if buffer is None:
                buffer = g
                step = mx.stop_gradient(g)  # the first buffer is a copy without history
            else:
                step = buffer = r(r(buffer * keep) + (g if take is None else g * take))
            if nesterov:
                step = r(g + step * ahead)
            return p - step * lr, (buffer,)

        return apply


def sgd(
    params,
    d_p_list,
    momentum_buffer_list,
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    *,
    weight_decay,
    momentum,
    lr,
    dampening,
    nesterov,
    maximize,
) -> None:
    """One step of SGD on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    check_implementation(foreach, fused, False)
    states = {"momentum_buffer": momentum_buffer_list if momentum != 0 else ()}
    options = {
        "weight_decay": weight_decay,
        "momentum": momentum,
        "lr": lr,
        "dampening": dampening,
        "nesterov": nesterov,
        "maximize": maximize,
    }
    step_lists(SGD, params, d_p_list, states, options, fused, grad_scale, found_inf)

"""Adadelta."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor
from ._lists import step_lists
from ._rule import RuleOptimizer, check_least, check_lr, decaying
from .optimizer import ParamsT

__all__ = ["Adadelta", "adadelta"]


class Adadelta(RuleOptimizer):
    """Steps as large as the running average of past steps, relative to that of past gradients.

    Source: Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012.
    """

    late_options = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_least("epsilon value", eps)
        check_least("weight_decay value", weight_decay)
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "capturable": capturable,
                    "foreach": foreach, "differentiable": differentiable}  # fmt: skip
        super().__init__(params, defaults)

    def names(self, group):
        return ("square_avg", "acc_delta")

    def rule(self, h, n, k, r):
        keep, take, lr, eps = k(h["rho"]), k(1 - h["rho"]), r(k(h["lr"])), r(k(h["eps"]))
        decay = decaying(h, k, r)

        def apply(p, g, states):
            if decay is not None:
                p, g = decay(p, g)
            square = r(r(states[0] * keep) + g * g * take)
            ratio = r(r(mx.sqrt(r(states[1] + eps))) / r(mx.sqrt(r(square + eps))))
            delta = r(ratio * g)
            return p - delta * lr, (square, r(r(states[1] * keep) + delta * delta * take))

        return apply


def adadelta(
    params,
    grads,
    square_avgs,
    acc_deltas,
    state_steps,
    capturable: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr,
    rho,
    eps,
    weight_decay,
    maximize,
) -> None:
    """One step of Adadelta on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    states = {"square_avg": square_avgs, "acc_delta": acc_deltas, "step": state_steps}
    options = {
        "lr": lr,
        "rho": rho,
        "eps": eps,
        "weight_decay": weight_decay,
        "maximize": maximize,
        "capturable": capturable,
        "differentiable": differentiable,
    }
    step_lists(Adadelta, params, grads, states, options)

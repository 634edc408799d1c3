"""Adamax."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor
from ._lists import step_lists
from ._rule import RuleOptimizer, check_betas, check_least, check_lr, decaying, mixing
from .optimizer import ParamsT

__all__ = ["Adamax", "adamax"]


class Adamax(RuleOptimizer):
    """Adam with the infinity norm in place of the second moment.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, section 7.1.
    """

    late_options = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_lr(lr)
        check_least("epsilon value", eps)
        check_betas(betas)
        check_least("weight_decay value", weight_decay)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "foreach": foreach, "maximize": maximize,
                    "differentiable": differentiable, "capturable": capturable}  # fmt: skip
        super().__init__(params, defaults)

    def names(self, group):
        return ("exp_avg", "exp_inf")

    def rule(self, h, n, k, r):
        beta1, beta2 = h["betas"]
        mix, keep, eps, decay = mixing(1 - beta1, k), k(beta2), r(k(h["eps"])), decaying(h, k, r)
        size = k(h["lr"] / (1 - beta1**n))

        def apply(p, g, states):
            if decay is not None:
                p, g = decay(p, g)
            mean = r(mix(states[0], g))
            norm = mx.maximum(r(states[1] * keep), r(mx.abs(g) + eps))
            return p - mean / norm * size, (mean, norm)

        return apply


def adamax(
    params,
    grads,
    exp_avgs,
    exp_infs,
    state_steps,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    eps,
    beta1,
    beta2,
    lr,
    weight_decay,
) -> None:
    """One step of Adamax on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    states = {"exp_avg": exp_avgs, "exp_inf": exp_infs, "step": state_steps}
    options = {
        "eps": eps,
        "betas": (beta1, beta2),
        "lr": lr,
        "weight_decay": weight_decay,
        "maximize": maximize,
        "capturable": capturable,
        "differentiable": differentiable,
    }
    step_lists(Adamax, params, grads, states, options)

"""RMSprop."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor
from ._lists import step_lists
from ._rule import RuleOptimizer, check_least, check_lr, decaying, mixing
from .optimizer import ParamsT

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(RuleOptimizer):
    """Steps scaled by a running average of the squared gradient, or of the variance if ``centered``.

    Source: Hinton, Neural Networks for Machine Learning, lecture 6; ``centered``: Graves 2013.
    """

    late_options = {"momentum": 0, "centered": False, "foreach": None, "maximize": False, "differentiable": False,
                    "capturable": False}  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr)
        check_least("epsilon value", eps)
        check_least("momentum value", momentum)
        check_least("weight_decay value", weight_decay)
        check_least("alpha value", alpha)
        defaults = {"lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered, "weight_decay": weight_decay,
                    "capturable": capturable, "foreach": foreach, "maximize": maximize,
                    "differentiable": differentiable}  # fmt: skip
        super().__init__(params, defaults)

    def names(self, group):
        names = ("square_avg",)
        if group["momentum"] > 0:
            names += ("momentum_buffer",)
        return (*names, "grad_avg") if group["centered"] else names

    def rule(self, h, n, k, r):
        lr, keep, take, eps = k(h["lr"]), k(h["alpha"]), k(1 - h["alpha"]), r(k(h["eps"]))
        momentum, centered, decay = h["momentum"], h["centered"], decaying(h, k, r)
        hold, mix = k(momentum), mixing(1 - h["alpha"], k)

        def apply(p, g, states):
            if decay is not None:
                p, g = decay(p, g)
            square = second = r(r(states[0] * keep) + g * g * take)
            after = [square]
            if centered:
                mean = r(mix(states[-1], g))
                second = r(square - mean * mean)
                after.append(mean)
            spread = r(r(mx.sqrt(second)) + eps)
            if momentum <= 0:
                return p - g / spread * lr, after
            buffer = r(r(states[1] * hold) + g / spread)
            after.insert(1, buffer)
            return p - buffer * r(lr), after

        return apply


def rmsprop(
    params,
    grads,
    square_avgs,
    grad_avgs,
    momentum_buffer_list,
    state_steps,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lr,
    alpha,
    eps,
    weight_decay,
    momentum,
    centered,
) -> None:
    """One step of RMSprop on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    states = {
        "square_avg": square_avgs,
        "step": state_steps,
        "grad_avg": grad_avgs if centered else (),
        "momentum_buffer": momentum_buffer_list if momentum > 0 else (),
    }
    options = {
        "lr": lr,
        "alpha": alpha,
        "eps": eps,
        "weight_decay": weight_decay,
        "momentum": momentum,
        "centered": centered,
        "maximize": maximize,
        "capturable": capturable,
        "differentiable": differentiable,
    }
    step_lists(RMSprop, params, grads, states, options)

"""Adam and AdamW."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core.tensor import read
from .optimizer import Optimizer, advance, check_range, counter, number, zeros_for


def check_betas(betas) -> None:
    """Raise torch's ValueError for a beta outside [0, 1)."""
    for i, beta in enumerate(betas):
        check_range(f"beta parameter at index {i}", beta, 0.0, 1.0)


def lerp(a: mx.array, b: mx.array, weight: float) -> mx.array:
    """``a + weight * (b - a)``, from the nearer end as torch computes it."""
    return a + (b - a) * weight if weight < 0.5 else b - (b - a) * (1 - weight)


class Adam(Optimizer):
    """Adaptive moments: steps scaled by running averages of the gradient and its square.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015; ``amsgrad``: Reddi et al. 2018.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, amsgrad=False, *, foreach=None, maximize=False,
                 capturable=False, differentiable=False, fused=None, decoupled_weight_decay=False):  # fmt: skip
        check_range("learning rate", lr)
        check_range("epsilon value", eps)
        check_betas(betas)
        check_range("weight_decay value", weight_decay)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
                    "foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused,
                    "decoupled_weight_decay": decoupled_weight_decay}  # fmt: skip
        super().__init__(params, defaults)

    def init_state(self, p, state, group):
        state["step"] = counter(0.0)
        state["exp_avg"], state["exp_avg_sq"] = zeros_for(p), zeros_for(p)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_for(p)

    def update(self, p, g, state, group):
        beta1, beta2 = (number(b) for b in group["betas"])
        lr, decay = number(group["lr"]), group["weight_decay"]
        n = advance(state)
        if decay:
            if group.get("decoupled_weight_decay"):
                p = p * (1 - lr * decay)
            else:
                g = g + p * decay
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean._a = lerp(read(mean), g, 1 - beta1)
        square._a = read(square) * beta2 + (g * mx.conjugate(g) if g.dtype == mx.complex64 else g * g) * (1 - beta2)
        second = square._a
        if group["amsgrad"]:
            highest = state["max_exp_avg_sq"]
            second = highest._a = mx.maximum(read(highest), second)
        denominator = mx.sqrt(second) * (1 / math.sqrt(1 - beta2**n)) + group["eps"]
        return p - mean._a / denominator * (lr / (1 - beta1**n))


class AdamW(Adam):
    """Adam with weight decay applied to the parameters instead of the gradients.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, *, maximize=False, foreach=None,
                 capturable=False, differentiable=False, fused=None):  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
                         differentiable=differentiable, fused=fused, decoupled_weight_decay=True)  # fmt: skip

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True

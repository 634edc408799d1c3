"""RAdam."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor
from ._lists import step_lists
from ._rule import RuleOptimizer, check_betas, check_least, check_lr, decaying, mixing
from .optimizer import ParamsT

__all__ = ["RAdam", "radam"]


class RAdam(RuleOptimizer):
    """Adam that rectifies the variance of its first steps.

    Source: Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020.
    """

    late_options = {"foreach": None, "maximize": False, "differentiable": False, "decoupled_weight_decay": False,
                    "capturable": False}  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr)
        check_least("epsilon value", eps)
        check_betas(betas)
        check_least("weight_decay value", weight_decay)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize, "foreach": foreach,
                    "capturable": capturable, "decoupled_weight_decay": decoupled_weight_decay,
                    "differentiable": differentiable}  # fmt: skip
        super().__init__(params, defaults)

    def names(self, group):
        return ("exp_avg", "exp_avg_sq")

    def rule(self, h, n, k, r):
        beta1, beta2 = h["betas"]
        mix, keep, take, eps = mixing(1 - beta1, k), k(beta2), k(1 - beta2), r(k(h["eps"]))
        bias1, bias2, lr, decay = k(1 - beta1**n), 1 - beta2**n, k(h["lr"]), decaying(h, k, r)
        # rho is the length of a simple average as uncertain as the running one; above 5 its variance is tractable
        last = 2 / (1 - beta2) - 1
        rho = last - 2 * n * beta2**n / bias2
        on_device = isinstance(rho, mx.array)
        if on_device or rho > 5.0:
            rest = (rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho)
            rect = k((mx.maximum(rest, 0) if on_device else rest) ** 0.5)
            spread = r(k(bias2**0.5))

        def apply(p, g, states):
            if decay is not None:
                p, g = decay(p, g)
            mean = r(mix(states[0], g))
            square = r(r(states[1] * keep) + g * g * take)
            step = r(r(mean / bias1) * lr)
            if on_device or rho > 5.0:
                adapted = r(r(step * r(spread / r(r(mx.sqrt(square)) + eps))) * rect)
                step = mx.where(rho > 5.0, adapted, step) if on_device else adapted
            return p - step, (mean, square)

        return apply


def radam(
    params,
    grads,
    exp_avgs,
    exp_avg_sqs,
    state_steps,
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1,
    beta2,
    lr,
    weight_decay,
    eps,
) -> None:
    """One step of RAdam on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    states = {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "step": state_steps}
    options = {
        "betas": (beta1, beta2),
        "lr": lr,
        "weight_decay": weight_decay,
        "eps": eps,
        "maximize": maximize,
        "decoupled_weight_decay": decoupled_weight_decay,
        "capturable": capturable,
        "differentiable": differentiable,
    }
    step_lists(RAdam, params, grads, states, options)

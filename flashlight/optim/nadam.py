"""NAdam."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor
from ._lists import step_lists
from ._rule import RuleOptimizer, check_betas, check_least, check_lr, decaying, first_count, mixing, zeros_for
from .optimizer import ParamsT, counter

__all__ = ["NAdam", "nadam"]


class NAdam(RuleOptimizer):
    """Adam with Nesterov's momentum.

    Source: Dozat, Incorporating Nesterov Momentum into Adam, 2016.
    """

    late_options = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False,
                    "decoupled_weight_decay": False}  # fmt: skip
    numbers = ("step", "mu_product")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_least("momentum_decay value", momentum_decay)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "momentum_decay": momentum_decay,
                    "decoupled_weight_decay": decoupled_weight_decay, "maximize": maximize, "foreach": foreach,
                    "capturable": capturable, "differentiable": differentiable}  # fmt: skip
        super().__init__(params, defaults)

    def names(self, group):
        return ("mu_product", "exp_avg", "exp_avg_sq")

    def fill(self, p, g, state, group):
        state["step"], state["mu_product"] = first_count(p, group), counter(1.0)
        state["exp_avg"], state["exp_avg_sq"] = zeros_for(p), zeros_for(p)

    def rule(self, h, n, k, r):
        beta1, beta2 = h["betas"]
        lr, psi = h["lr"], h["momentum_decay"]
        mix, keep, take, eps = mixing(1 - beta1, k), k(beta2), k(1 - beta2), r(k(h["eps"]))
        bias, decay = k(1 - beta2**n), decaying(h, k, r)
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (n * psi))
        mu_next = k(beta1 * (1.0 - 0.5 * 0.96 ** ((n + 1) * psi)))
        now, ahead, one, mu = k(lr * (1.0 - mu)), k(lr) * mu_next, k(1.0), k(mu)

        def apply(p, g, states):
            if decay is not None:
                p, g = decay(p, g)
            product = states[0] * mu.astype(states[0].dtype)
            total = product.astype(p.dtype)
            mean = r(mix(states[1], g))
            square = r(r(states[2] * keep) + g * g * take)
            spread = r(r(mx.sqrt(r(square / bias))) + eps)
            new = r(p - g / spread * (now / (one - total)))
            new = new - mean / spread * (ahead / (one - total * mu_next))
            return new, (product, mean, square)

        return apply


def nadam(
    params,
    grads,
    exp_avgs,
    exp_avg_sqs,
    mu_products,
    state_steps,
    decoupled_weight_decay: bool = False,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    maximize: bool = False,
    *,
    beta1,
    beta2,
    lr,
    weight_decay,
    momentum_decay,
    eps,
) -> None:
    """One step of NAdam on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    states = {"exp_avg": exp_avgs, "exp_avg_sq": exp_avg_sqs, "mu_product": mu_products, "step": state_steps}
    options = {
        "betas": (beta1, beta2),
        "lr": lr,
        "weight_decay": weight_decay,
        "momentum_decay": momentum_decay,
        "eps": eps,
        "maximize": maximize,
        "decoupled_weight_decay": decoupled_weight_decay,
        "capturable": capturable,
        "differentiable": differentiable,
    }
    step_lists(NAdam, params, grads, states, options)

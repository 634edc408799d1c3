"""Averaged stochastic gradient descent."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor
from ._lists import step_lists
from ._rule import RuleOptimizer, check_least, check_lr, decaying, zeros_for
from .optimizer import ParamsT, counter, number

__all__ = ["ASGD", "asgd"]


class ASGD(RuleOptimizer):
    """Gradient descent with a falling rate that also keeps the average of the parameters, from update ``t0`` on.

    Source: Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992.
    """

    late_options = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    numbers = ("step", "eta", "mu")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        check_lr(lr)
        check_least("weight_decay value", weight_decay)
        defaults = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay, "foreach": foreach,
                    "maximize": maximize, "differentiable": differentiable, "capturable": capturable}  # fmt: skip
        super().__init__(params, defaults)

    def names(self, group):
        return ("eta", "mu", "ax")

    def fill(self, p, g, state, group):
        for name, value in (("step", 0.0), ("eta", number(group["lr"])), ("mu", 1.0)):
            state[name] = counter(float(value))
            state[name]._device = p._device
        state["ax"] = zeros_for(p)

    def rule(self, h, n, k, r):
        lr, lambd, decay = h["lr"], h["lambd"], decaying(h, k, r)
        after = n - h["t0"]
        next_eta = k(lr / (1 + lambd * lr * n) ** h["alpha"])
        next_mu = k(1 / (mx.maximum(after, 1) if isinstance(after, mx.array) else max(1, after)))
        lambd, one = k(lambd), k(1.0)

        def apply(p, g, states):
            if decay is not None:
                p, g = decay(p, g)
            eta, mu, average = states[0].astype(p.dtype), states[1].astype(p.dtype), states[2]
            p = r(r(p * (one - lambd * eta)) - g * r(eta))
            average = mx.where(mu == 1, p, r(average + r(r(p - average) * mu)))
            return p, (next_eta.astype(states[0].dtype), next_mu.astype(states[1].dtype), average)

        return apply


def asgd(
    params,
    grads,
    axs,
    mus,
    etas,
    state_steps,
    foreach: bool | None = None,
    maximize: bool = False,
    differentiable: bool = False,
    capturable: bool = False,
    has_complex: bool = False,
    *,
    lambd,
    lr,
    t0,
    alpha,
    weight_decay,
) -> None:
    """One step of ASGD on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    states = {"ax": axs, "mu": mus, "eta": etas, "step": state_steps}
    options = {
        "lambd": lambd,
        "lr": lr,
        "t0": t0,
        "alpha": alpha,
        "weight_decay": weight_decay,
        "maximize": maximize,
        "capturable": capturable,
        "differentiable": differentiable,
    }
    step_lists(ASGD, params, grads, states, options)

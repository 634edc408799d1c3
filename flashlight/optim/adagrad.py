"""Adagrad."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor, read, wrap
from ._lists import step_lists
from ._rule import RuleOptimizer, check_implementation, check_least, check_lr, decaying, first_count
from .optimizer import ParamsT

__all__ = ["Adagrad", "adagrad"]


class Adagrad(RuleOptimizer):
    """Steps scaled by the root of the sum of all squared gradients.

    Source: Duchi et al., Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, 2011.
    """

    late_options = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        check_lr(lr)
        check_least("lr_decay value", lr_decay)
        check_least("weight_decay value", weight_decay)
        check_least("initial_accumulator_value value", initial_accumulator_value)
        check_least("epsilon value", eps)
        defaults = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                    "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
                    "differentiable": differentiable, "fused": fused}  # fmt: skip
        super().__init__(params, defaults)
        check_implementation(foreach, fused, differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self.fill(p, read(p), self.state[p], group)

    def names(self, group):
        return ("sum",)

    def fill(self, p, g, state, group):
        first = self.defaults["initial_accumulator_value"]
        a = read(p)
        start = complex(first, first) if a.dtype == mx.complex64 else first
        state["step"] = first_count(p, group)
        state["sum"] = wrap(mx.full(a.shape, start, a.dtype), p._device)

    def share_memory(self):
        """Put the sums in memory that processes share."""
        for state in self.state.values():
            state["sum"].share_memory_()

    def rule(self, h, n, k, r):
        size, eps, decay = k(h["lr"] / (1 + (n - 1) * h["lr_decay"])), r(k(h["eps"])), decaying(h, k, r)

        def apply(p, g, states):
            if decay is not None:
                p, g = decay(p, g)
            total = r(states[0] + g * g)
            return p - g / r(r(mx.sqrt(total)) + eps) * size, (total,)

        return apply


def adagrad(
    params,
    grads,
    state_sums,
    state_steps,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    has_sparse_grad: bool = False,
    foreach: bool | None = None,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    lr,
    weight_decay,
    lr_decay,
    eps,
    maximize,
) -> None:
    """One step of Adagrad on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    check_implementation(foreach, fused, differentiable)
    states = {"sum": state_sums, "step": state_steps}
    options = {
        "lr": lr,
        "weight_decay": weight_decay,
        "lr_decay": lr_decay,
        "eps": eps,
        "maximize": maximize,
        "differentiable": differentiable,
    }
    step_lists(Adagrad, params, grads, states, options, fused, grad_scale, found_inf)

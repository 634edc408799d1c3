"""Adam, and AdamW's base."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor
from ._lists import step_lists
from ._rule import RuleOptimizer, check_betas, check_implementation, check_least, check_lr, decaying, mixing
from .optimizer import ParamsT

__all__ = ["Adam", "adam"]


def _check_tensors(lr, betas, foreach, capturable) -> None:
    """Raise torch's ValueError for tensors among the options where the implementation asked for does not take them."""
    if isinstance(lr, Tensor) and foreach and not capturable:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
    if not all(isinstance(b, float) for b in betas[:2]) and not all(isinstance(b, Tensor) for b in betas[:2]):
        raise ValueError("betas must be either both floats or both Tensors")
    for i in (0, 1):
        if isinstance(betas[i], Tensor):
            if foreach and not capturable:
                raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
            if betas[i].numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")


class Adam(RuleOptimizer):
    """Adaptive moments: steps scaled by running averages of the gradient and its square.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015; ``amsgrad``: Reddi et al. 2018.
    """

    late_options = {"amsgrad": False, "maximize": False, "foreach": None, "capturable": False, "differentiable": False,
                    "decoupled_weight_decay": False, "fused": None}  # fmt: skip

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        if isinstance(lr, Tensor):
            _check_tensors(lr, (0.0, 0.0), foreach, capturable)
        check_lr(lr)
        check_least("epsilon value", eps)
        check_betas(betas)
        check_least("weight_decay value", weight_decay)
        _check_tensors(lr, betas, foreach, capturable)
        betas = tuple(b.squeeze() if isinstance(b, Tensor) else b for b in betas)
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
                    "foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused,
                    "decoupled_weight_decay": decoupled_weight_decay}  # fmt: skip
        super().__init__(params, defaults)
        check_implementation(foreach, fused, differentiable)

    def names(self, group):
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def check(self, p, group):
        if p._grad.is_sparse:
            raise RuntimeError("Adam does not support sparse gradients, please consider SparseAdam instead")
        if group["foreach"] and isinstance(group["lr"], Tensor) and not group["capturable"]:
            raise RuntimeError("lr as a Tensor is not supported for capturable=False and foreach=True")

    def rule(self, h, n, k, r):
        beta1, beta2 = h["betas"]
        mix, keep, take, eps = mixing(1 - beta1, k), k(beta2), k(1 - beta2), r(k(h["eps"]))
        size, spread = k(h["lr"] / (1 - beta1**n)), k((1 - beta2**n) ** 0.5)
        amsgrad, decay = h["amsgrad"], decaying(h, k, r)

        def apply(p, g, states):
            if decay is not None:
                p, g = decay(p, g)
            mean = r(mix(states[0], g))
            square = second = r(r(states[1] * keep) + g * g * take)
            if amsgrad:
                second = mx.maximum(states[2], square)
            new = p - mean / r(r(r(mx.sqrt(second)) / spread) + eps) * size
            return new, (mean, square, second) if amsgrad else (mean, square)

        return apply


def adam(
    params,
    grads,
    exp_avgs,
    exp_avg_sqs,
    max_exp_avg_sqs,
    state_steps,
    foreach: bool | None = None,
    capturable: bool = False,
    differentiable: bool = False,
    fused: bool | None = None,
    grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None,
    has_complex: bool = False,
    decoupled_weight_decay: bool = False,
    *,
    amsgrad,
    beta1,
    beta2,
    lr,
    weight_decay,
    eps,
    maximize,
) -> None:
    """One step of Adam on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    check_implementation(foreach, fused, differentiable)
    states = {
        "exp_avg": exp_avgs,
        "exp_avg_sq": exp_avg_sqs,
        "step": state_steps,
        "max_exp_avg_sq": max_exp_avg_sqs if amsgrad else (),
    }
    options = {
        "amsgrad": amsgrad,
        "betas": (beta1, beta2),
        "lr": lr,
        "weight_decay": weight_decay,
        "eps": eps,
        "maximize": maximize,
        "decoupled_weight_decay": decoupled_weight_decay,
        "capturable": capturable,
        "differentiable": differentiable,
    }
    step_lists(Adam, params, grads, states, options, fused, grad_scale, found_inf)

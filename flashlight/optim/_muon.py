"""Muon."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core.tensor import Tensor, wrap
from ._rule import RuleOptimizer, mixing
from .optimizer import ParamsT, number

__all__ = ["Muon"]


def orthogonalized(g: mx.array, coefficients, steps: int, eps: float) -> mx.array:
    """The nearest semi-orthogonal matrix by a quintic Newton-Schulz iteration, in bfloat16."""
    a, b, c = coefficients
    x = g.astype(mx.bfloat16)
    if g.shape[0] > g.shape[1]:
        x = x.T
    wide = x.astype(mx.float32)
    norm = mx.sqrt(mx.sum(wide * wide)).astype(mx.bfloat16)
    x = x / mx.maximum(norm, mx.array(eps, mx.bfloat16))
    for _ in range(steps):
        gram = x @ x.T
        gram = mx.addmm(gram, gram, gram, alpha=c, beta=b)
        x = mx.addmm(x, gram, x, alpha=1.0, beta=a)
    return x.T if g.shape[0] > g.shape[1] else x


def _scale(how: str | None, shape) -> float:
    """What the learning rate is multiplied by for a matrix of a shape."""
    if how == "match_rms_adamw":
        return 0.2 * math.sqrt(max(shape))
    return math.sqrt(max(1, shape[0] / shape[1]))


class Muon(RuleOptimizer):
    """Momentum whose steps are made orthogonal: for the matrices inside a network, not for embeddings or the last layer.

    Raises: ValueError for parameters that are no matrices.
    Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024; Liu et al., Muon is Scalable, 2025.
    """

    counted = False

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        for what, value in (("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if not number(value) >= 0.0:
                raise ValueError(f"{what} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov,
                    "ns_coefficients": ns_coefficients, "eps": eps, "ns_steps": ns_steps,
                    "adjust_lr_fn": adjust_lr_fn}  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def names(self, group):
        return ("momentum_buffer",)

    def check(self, p, group):
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        super().check(p, group)

    def fill(self, p, g, state, group):
        state["momentum_buffer"] = wrap(mx.zeros_like(g), p._device)

    def rule(self, h, n, k, r):
        if h["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(h["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        lr, keep = h["lr"], k(1 - h["lr"] * h["weight_decay"])
        mix, ahead = mixing(1 - h["momentum"], k), mixing(h["momentum"], k)

        def apply(p, g, states):
            if g.ndim != 2:
                raise ValueError("Param gradient must be a 2D matrix")
            buffer = r(mix(states[0], g))
            step = orthogonalized(
                r(ahead(g, buffer)) if h["nesterov"] else buffer, h["ns_coefficients"], h["ns_steps"], h["eps"]
            )
            return r(p * keep) - step.astype(p.dtype) * k(lr * _scale(h["adjust_lr_fn"], p.shape)), (buffer,)

        return apply

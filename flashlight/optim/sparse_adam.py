"""SparseAdam."""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np

from .._core.tensor import Tensor, read
from ._rule import RuleOptimizer, check_betas, mixing, rule_for, zeros_for
from .optimizer import ParamsT, assign, number

__all__ = ["SparseAdam"]

# the integers of a dtype's width, and -0.0 seen as one
_BITS = {mx.float32: (mx.int32, np.int32(-(1 << 31))), mx.float64: (mx.int64, np.int64(-(1 << 63)))}


class SparseAdam(RuleOptimizer):
    """Adam that touches only the rows a gradient names, for embeddings made with ``sparse=True``.

    Their gradients are dense here, with -0.0 in the rows nothing looked up.

    Raises: RuntimeError in ``step`` for the gradient of any other parameter.
    """

    counted = False
    numbers = ()

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not number(lr) > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [[i, j] for i, g in enumerate(self.param_groups) for j, p in enumerate(g["params"]) if p.is_complex()]
        if places:
            raise ValueError(f"Complex params at indices {places}: SparseAdam does not support complex parameters")

    def names(self, group):
        return ("exp_avg", "exp_avg_sq")

    def check(self, p, group):
        if not getattr(p, "_sparse_rows", False):
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")

    def fill(self, p, g, state, group):
        state["step"] = 0
        state["exp_avg"], state["exp_avg_sq"] = zeros_for(p), zeros_for(p)

    def _step_group(self, group, known, written):
        for p in group["params"]:
            if p._grad is None:
                continue
            state = self._state_of(p, p._grad, group)
            state["step"] += 1
            held = [state[name] for name in self.names(group)]
            a = read(p)
            rule = rule_for(self._maker(group, state["step"]), a.dtype)
            new, values = rule(a, read(p._grad), [read(t) for t in held])
            for t, value in zip((p, *held), (new, *values), strict=True):
                assign(t, value)
                written.append(value)

    def _maker(self, group, n):
        # the rule itself turns the sign, once it has seen which rows a gradient names
        h = {name: number(group[name]) if name == "lr" else group[name] for name in ("lr", "betas", "eps", "maximize")}
        return lambda k, r: self.rule(h, n, k, r)

    def rule(self, h, n, k, r):
        beta1, beta2 = h["betas"]
        mix1, mix2, eps = mixing(1 - beta1, k), mixing(1 - beta2, k), k(h["eps"])
        size = k(h["lr"] * math.sqrt(1 - beta2**n) / (1 - beta1**n))

        def apply(p, g, states):
            bits, negative_zero = _BITS[g.dtype]
            named = mx.any(mx.view(g, bits) != mx.array(negative_zero), axis=tuple(range(1, g.ndim)), keepdims=True)
            g = -g if h["maximize"] else g
            mean, square = r(mix1(states[0], g)), r(mix2(states[1], r(g * g)))
            new = p - r(mean / r(r(mx.sqrt(square)) + eps)) * size
            return mx.where(named, new, p), (mx.where(named, mean, states[0]), mx.where(named, square, states[1]))

        return apply

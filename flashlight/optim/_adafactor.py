"""Adafactor."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core.tensor import Tensor, wrap
from ._rule import RuleOptimizer, is_set, mixing
from .optimizer import ParamsT, counter, number

__all__ = ["Adafactor"]


def _check(what: str, value, fits: bool) -> None:
    if not fits:
        raise ValueError(f"{what} but is: {value}")


def _norm(a, r, axis=None):
    return r(mx.sqrt(mx.sum(a * a, axis=axis, keepdims=axis is not None)))


class Adafactor(RuleOptimizer):
    """Adam without a first moment, its second moment kept as row and column averages, its steps relative to the parameters.

    Source: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018.
    """

    late_options = {"foreach": None}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        _check("Learning rate should be >= 0", lr, number(lr) >= 0.0)
        _check("beta2_decay should be <= 0", beta2_decay, beta2_decay <= 0.0)
        _check("epsilon1 should be >= 0", eps[0], eps[0] is None or eps[0] >= 0.0)
        _check("epsilon2 should be >= 0", eps[1], eps[1] >= 0.0)
        _check("Clipping threshold d should be >= 1", d, d >= 1.0)
        _check("weight_decay should be >= 0", weight_decay, weight_decay >= 0.0)
        defaults = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay, "foreach": foreach,
                    "maximize": maximize}  # fmt: skip
        super().__init__(params, defaults)

    def names(self, group):
        return ("row_var", "col_var", "variance")

    def check(self, p, group):
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        super().check(p, group)

    def fill(self, p, g, state, group):
        state["step"] = counter(0.0)
        if g.ndim > 1:
            state["row_var"] = wrap(mx.zeros((*g.shape[:-1], 1), g.dtype), p._device)
            state["col_var"] = wrap(mx.zeros((*g.shape[:-2], 1, g.shape[-1]), g.dtype), p._device)
        else:
            state["variance"] = wrap(mx.zeros(g.shape, g.dtype), p._device)

    def rule(self, h, n, k, r):
        lr, (tiny, floor), keep = h["lr"], h["eps"], k(1 - h["lr"] * h["weight_decay"])
        decays, mix = is_set(h["weight_decay"]), mixing(n ** h["beta2_decay"], k)
        rate = k(mx.minimum(lr, n**-0.5) if isinstance(n, mx.array) else min(lr, n**-0.5))
        tiny = mx.finfo(k.dtype).eps if tiny is None else tiny
        tiny, least, floor, one = r(k(tiny)), r(k(tiny * tiny)), k(floor), k(1.0)

        def mean_square(g, axis):
            norm = _norm(g, r, axis)
            return r(r(norm * norm) / k(g.shape[axis]))

        def apply(p, g, states):
            row, column, variance = states
            size = mx.maximum(floor, _norm(p, r) / k(math.sqrt(p.size))) * rate
            if decays:
                p = r(p * keep)
            if g.ndim > 1:
                row, column = r(mix(row, mean_square(g, -1))), r(mix(column, mean_square(g, -2)))
                estimate = r(r(row * column) / mx.maximum(r(mx.mean(row, axis=-2, keepdims=True)), tiny))
            else:
                estimate = variance = r(mix(variance, r(g * g)))
            change = r(r(mx.rsqrt(mx.maximum(estimate, least))) * g)
            clip = mx.maximum(one, _norm(change, r) / k(math.sqrt(change.size) * h["d"]))
            return p - change * r(size / clip), (row, column, variance)

        return apply

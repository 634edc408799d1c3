"""Resilient backpropagation."""

from __future__ import annotations

import mlx.core as mx

from .._core.tensor import Tensor, wrap
from ._lists import step_lists
from ._rule import RuleOptimizer, check_lr, first_count, zeros_for
from .optimizer import ParamsT, number

__all__ = ["Rprop", "rprop"]


class Rprop(RuleOptimizer):
    """A step size for each element, grown while the gradient keeps its sign and shrunk when it turns.

    Source: Riedmiller and Braun, A direct adaptive method for faster backpropagation learning: the RPROP algorithm, 1993.
    """

    late_options = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "foreach": foreach, "maximize": maximize,
                    "differentiable": differentiable, "capturable": capturable}  # fmt: skip
        super().__init__(params, defaults)

    def names(self, group):
        return ("prev", "step_size")

    def fill(self, p, g, state, group):
        lr = number(group["lr"])
        state["step"], state["prev"] = first_count(p, group), zeros_for(p)
        state["step_size"] = wrap(
            mx.full(g.shape, complex(lr, lr) if g.dtype == mx.complex64 else lr, g.dtype), p._device
        )

    def rule(self, h, n, k, r):
        shrink, grow = (r(k(eta)) for eta in h["etas"])
        low, high = (r(k(bound)) for bound in h["step_sizes"])
        one, zero = k(1.0), k(0.0)

        def apply(p, g, states):
            previous, size = states
            turn = r(g * previous)
            factor = mx.where(turn > 0, grow, mx.where(turn < 0, shrink, one + zero * turn))
            size = mx.clip(r(size * factor), low, high)
            g = mx.where(turn < 0, zero, g)
            return p - mx.sign(g) * size, (g, size)

        return apply


def rprop(
    params,
    grads,
    prevs,
    step_sizes,
    state_steps,
    foreach: bool | None = None,
    capturable: bool = False,
    maximize: bool = False,
    differentiable: bool = False,
    has_complex: bool = False,
    *,
    step_size_min,
    step_size_max,
    etaminus,
    etaplus,
) -> None:
    """One step of Rprop on lists of parameters, gradients and state; see ``_lists.step_lists``."""
    states = {"prev": prevs, "step_size": step_sizes, "step": state_steps}
    options = {
        "step_sizes": (step_size_min, step_size_max),
        "etas": (etaminus, etaplus),
        "maximize": maximize,
        "capturable": capturable,
        "differentiable": differentiable,
    }
    step_lists(Rprop, params, grads, states, options)

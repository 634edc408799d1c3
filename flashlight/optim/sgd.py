"""Stochastic gradient descent."""

from __future__ import annotations

from .._core.tensor import read, wrap
from .optimizer import Optimizer, check_range, number


class SGD(Optimizer):
    """Gradient descent with momentum, dampening, weight decay and Nesterov's form.

    Raises: ValueError for negative options, or ``nesterov`` without momentum or with dampening.
    Source: Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *, maximize=False, foreach=None,
                 differentiable=False, fused=None):  # fmt: skip
        check_range("learning rate", lr)
        check_range("momentum value", momentum)
        check_range("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
                    "maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused}  # fmt: skip
        super().__init__(params, defaults)

    def init_state(self, p, state, group):
        if group["momentum"] != 0:
            state["momentum_buffer"] = None

    def update(self, p, g, state, group):
        if group["weight_decay"] != 0:
            g = g + p * group["weight_decay"]
        if group["momentum"] != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                state["momentum_buffer"] = buffer = wrap(g)
            else:
                buffer._a = read(buffer) * group["momentum"] + g * (1 - group["dampening"])
                buffer._v += 1
            g = g + buffer._a * group["momentum"] if group["nesterov"] else buffer._a
        return p - g * number(group["lr"])

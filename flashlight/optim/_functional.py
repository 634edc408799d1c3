"""Optimizers as functions of lists of tensors, and SparseAdam's."""

from __future__ import annotations

from .._core.modes import no_grad
from .._core.tensor import read
from ._rule import rule_for
from .adadelta import adadelta
from .adagrad import adagrad
from .adam import adam
from .adamax import adamax
from .adamw import adamw
from .asgd import asgd
from .nadam import nadam
from .optimizer import assign
from .radam import radam
from .rmsprop import rmsprop
from .rprop import rprop
from .sgd import sgd
from .sparse_adam import SparseAdam

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "asgd",
    "nadam",
    "radam",
    "rmsprop",
    "rprop",
    "sgd",
    "sparse_adam",
]


def sparse_adam(params, grads, exp_avgs, exp_avg_sqs, state_steps, *, eps, beta1, beta2, lr, maximize) -> None:
    """One step of SparseAdam on lists of parameters, gradients and state; ``state_steps`` are numbers, already raised."""
    runner = SparseAdam.__new__(SparseAdam)
    group = {"lr": lr, "betas": (beta1, beta2), "eps": eps, "maximize": maximize}
    with no_grad():
        for p, g, *held, step in zip(params, grads, exp_avgs, exp_avg_sqs, state_steps, strict=True):
            a = read(p)
            new, values = rule_for(runner._maker(group, step), a.dtype)(a, read(g), [read(t) for t in held])
            for t, value in zip((p, *held), (new, *values), strict=True):
                assign(t, value)

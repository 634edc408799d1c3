"""The gated CfC scan compiled for the CPU (``cpu/cfc.cpp``): how its tensors become the arrays that it reads."""

from __future__ import annotations

import numpy as np

from . import compiled
from .arrays import Room

_FAMILY = "cfc"
_ACTIVATIONS = {"lecun_tanh": 0, "tanh": 1, "relu": 2}


def fits(scan, plan) -> bool:
    """Whether a scan is computed here."""
    plain = plan.mode != "pure" and plan.activation in _ACTIVATIONS and not (plan.mixed or plan.held or plan.dropping)
    return plain and 0 not in scan.x.shape[:2] and compiled.available(_FAMILY, scan.x.dtype)


class _Run:
    """A scan's arrays and sizes, and what its gradient reads."""

    def __init__(self, scan, plan, keep: bool):
        (T, B, _), N, kind = scan.x.shape, scan.h.shape[1], scan.x.dtype
        lanes = compiled.lanes(_FAMILY, kind)
        blocks = -(-B // lanes)
        self.weights, self.shapes, self.room, self.kept = [], [], Room(), []
        steps = T if keep else 1
        for layer, n in zip(scan.layers, plan.sizes, strict=True):
            pairs = [*layer.backbone, (layer.weight, layer.bias)]
            self.weights += [np.ascontiguousarray(a) for pair in pairs for a in pair]
            width, rows = pairs[0][0].shape[1] - n, [len(bias) for _, bias in pairs]
            self.shapes += [n, width, *rows]
            shapes = [(blocks, steps + 1, width + n, lanes), *((blocks, steps, count, lanes) for count in rows)]
            self.kept += [self.room.empty(shape, kind) for shape in shapes]
        self.ts, strides = None, (0, 0, 0)
        if plan.timed:
            self.ts = np.ascontiguousarray(scan.ts)
            strides = [stride // kind.itemsize * (n > 1) for stride, n in zip(self.ts.strides, self.ts.shape, strict=True)]
        workers = compiled.workers(blocks, T * sum(weight.size for weight in self.weights))
        activation = _ACTIVATIONS[plan.activation]
        self.sizes = [T, B, N, len(plan.sizes), plan.depth, plan.mode == "no_gate", plan.timed, activation, *strides, workers]
        self.slots = T if keep else 0

    def call(self, name: str, wants_input: bool, *groups) -> None:
        compiled.call(_FAMILY, name, [*self.sizes, self.slots, wants_input], np.array(self.shapes, np.int64), *groups)


def forward(scan, plan, keep: bool = True) -> tuple:
    """(states (T, B, N), what the gradient reads)."""
    run = _Run(scan, plan, keep)
    states = np.empty((*scan.x.shape[:2], scan.h.shape[1]), scan.x.dtype)
    x, h = np.ascontiguousarray(scan.x), np.ascontiguousarray(scan.h)
    run.call("forward", False, [x, h, run.ts, *run.weights], [states, *run.kept])
    return states, run


def backward(g, scan, run: _Run, needs) -> list:
    """The gradients of all tensors in their order; None for an input that needs none."""
    dx = np.empty(scan.x.shape, g.dtype) if needs[0] else None
    dh = np.empty(scan.h.shape, g.dtype)
    spent = None if run.ts is None else np.empty(g.shape, g.dtype)
    weights = [np.zeros(a.shape, g.dtype) for a in run.weights]
    run.call("backward", needs[0], [np.ascontiguousarray(g), run.ts, *run.weights], run.kept, [dx, dh, spent, *weights])
    times = []
    if spent is not None:
        for axis in (1, 2):
            if scan.ts.shape[axis] == 1:
                spent = spent.sum(axis=axis, keepdims=True)
        times = [spent]
    return [dx, dh, *times, *weights]

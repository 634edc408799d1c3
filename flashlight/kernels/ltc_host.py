"""The LTC scan compiled for the CPU (``cpu/ltc.cpp``): how its tensors become the arrays that it reads."""

from __future__ import annotations

import functools

import numpy as np

from . import compiled
from .arrays import Room

_FAMILY = "ltc"
# operations of one visit of a synapse by a register of sequences, roughly
_VISIT = 30


def fits(scan, plan) -> bool:
    """Whether a scan is computed here: there are sequences and steps, and no memory cell in between."""
    return not plan.mixed and 0 not in scan.u.shape[:2] and compiled.available(_FAMILY, scan.h.dtype)


@functools.lru_cache(maxsize=64)
def _all_pairs(sources: int, n: int) -> tuple:
    return np.tile(np.arange(sources, dtype=np.int32), n), np.repeat(np.arange(n), sources)


class _Synapses:
    """Synapses ordered by destination, as (where each neuron's begin, sources) and their P, E, sig and mu."""

    def __init__(self, weights, edges):
        self.weights, (sources, n) = weights, weights[0].shape
        self.src, self.dst = _all_pairs(sources, n) if edges is None else edges
        counts = np.bincount(self.dst, minlength=n)
        self.places = [np.concatenate([[0], np.cumsum(counts)]).astype(np.int32), self.src.astype(np.int32)]
        self.values = [w[self.src, self.dst] for w in weights]

    def gradients(self, totals) -> list:
        """Those of (P, E, sig, mu), each (sources, N), from what was added up for each synapse."""
        P, E, sig, mu = self.values
        current, conductance, moved, moved_by = totals.T
        made = []
        for value in (E * current + conductance, P * current, moved_by - mu * moved, -sig * moved):
            matrix = np.zeros(self.weights[0].shape, value.dtype)
            matrix[self.src, self.dst] = value
            made.append(matrix)
        return made


class _Run:
    """A scan's arrays, and what its gradient reads."""

    def __init__(self, scan, plan, keep: bool):
        (T, B, I), N, kind = scan.u.shape, scan.h.shape[1], scan.h.dtype  # noqa: E741
        self.own, self.sensory = _Synapses(scan.own, plan.own), _Synapses(scan.sensory, plan.sensory)
        self.places = [*self.own.places, *self.sensory.places]
        self.weights = [*self.own.values, *self.sensory.values]
        if plan.timed:
            self.delta = np.ascontiguousarray(scan.ts / plan.unfolds)
        else:
            self.delta = np.full((1, 1, 1), plan.span / plan.unfolds, kind)
        steps = [stride // kind.itemsize * (n > 1) for stride, n in zip(self.delta.strides, self.delta.shape, strict=True)]
        lanes = compiled.lanes(_FAMILY, kind)
        blocks = -(-B // lanes)
        counts = len(self.own.src), len(self.sensory.src)
        workers = compiled.workers(blocks, T * _VISIT * (plan.unfolds * counts[0] + counts[1]))
        self.sizes = (T, B, I, N, plan.unfolds, *counts, *steps, workers, keep)
        self.room, self.kept = Room(), [None] * 3
        if keep:
            visits = T * plan.unfolds
            shapes = ((blocks, T, I, lanes), (blocks, visits + 1, N, lanes), (blocks, visits, N, 2, lanes))
            self.kept = [self.room.empty(shape, kind) for shape in shapes]


def forward(scan, plan, keep: bool = True) -> tuple:
    """(states (T, B, N), what the gradient reads)."""
    run = _Run(scan, plan, keep)
    resting = np.stack([scan.leak * scan.vleak, scan.leak + plan.epsilon], axis=1).astype(scan.h.dtype, copy=False)
    states = np.empty((*scan.u.shape[:2], scan.h.shape[1]), scan.h.dtype)
    inputs = [np.ascontiguousarray(a) for a in (scan.u, scan.h, run.delta, scan.cm, resting, *run.weights)]
    compiled.call(_FAMILY, "forward", run.sizes, run.places, inputs, [states, *run.kept])
    return states, run


def backward(g, scan, plan, run: _Run) -> list:
    """The gradients of all tensors in their order."""
    kind = scan.h.dtype
    du, dh = np.empty_like(scan.u, order="C"), np.empty_like(scan.h, order="C")
    spent = np.empty(g.shape, kind) if plan.timed else None
    own, sensory, neurons = (np.zeros(shape, kind) for shape in (*((n, 4) for n in run.sizes[5:7]), (g.shape[2], 3)))
    inputs = [np.ascontiguousarray(a) for a in (g, run.delta, scan.cm, *run.weights)]
    compiled.call(_FAMILY, "backward", run.sizes, run.places, inputs, run.kept, [du, dh, spent, own, sensory, neurons])
    times = []
    if plan.timed:
        spent /= plan.unfolds
        for axis in (1, 2):
            if scan.ts.shape[axis] == 1:
                spent = spent.sum(axis=axis, keepdims=True)
        times = [spent]
    capacity, current, conductance = neurons.T
    leak = [current * scan.vleak + conductance, current * scan.leak, capacity]
    return [None, du, dh, *times, *run.own.gradients(own), *run.sensory.gradients(sensory), *leak]

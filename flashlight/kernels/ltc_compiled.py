"""The LTC scan compiled for the CPU (``cpu/ltc.cpp``): how its tensors become the arrays that it reads."""

from __future__ import annotations

import functools

import numpy as np

from . import compiled
from .arrays import Room

_FAMILY = "ltc"
# operations of one visit of a synapse by a register of sequences, roughly
_VISIT = 30


def fits(scan) -> bool:
    """Whether a scan is computed here."""
    return 0 not in scan.u.shape[:2] and compiled.available(_FAMILY, scan.h.dtype)


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
    """A scan's arrays and sizes, and what its gradient reads."""

    def __init__(self, scan, plan, keep: bool):
        (T, B, J), N, kind = scan.u.shape, scan.h.shape[1], scan.h.dtype
        lanes, K, I = compiled.lanes(_FAMILY, kind), plan.unfolds, scan.x.shape[2]  # noqa: E741
        blocks, steps, self.room = -(-B // lanes), T if keep else 1, Room()
        self.own, self.sensory = _Synapses(scan.own, plan.own), _Synapses(scan.sensory, plan.sensory)
        self.places = [*self.own.places, *self.sensory.places]
        delta = scan.ts / K if plan.timed else np.full((1, 1, 1), plan.span / K, kind)
        self.delta, strides = compiled.spans(delta.astype(kind, copy=False))
        self.memory = compiled.contiguous(scan.lstm) if plan.mixed else [None] * 3
        self.weights = [np.ascontiguousarray(scan.cm), *self.own.values, *self.sensory.values]
        counts = len(self.own.src), len(self.sensory.src)
        workers = compiled.workers(blocks, T * (_VISIT * (K * counts[0] + counts[1]) + 4 * N * (I + N) * plan.mixed))
        self.sizes = [T, B, I, J, N, K, *counts, plan.timed, plan.mixed, *strides, workers, keep]
        path = ((K + 1, N), (K, 2 * N)) if keep else ((2, N), (1, 2 * N))
        shapes = [(steps, J), *((steps, *shape) for shape in path)]
        if plan.mixed:
            shapes += [(steps + 1, I + N), (steps, 4 * N), (steps + 1, N)]
        kept = [self.room.empty((blocks, *shape, lanes), kind) for shape in shapes]
        self.kept = kept if plan.mixed else [*kept, None, None, None]


def forward(scan, plan, keep: bool = True) -> tuple:
    """(the outputs, what the gradient reads)."""
    run = _Run(scan, plan, keep)
    kind, (B, N) = scan.h.dtype, scan.h.shape
    resting = np.stack([scan.leak * scan.vleak, scan.leak + plan.epsilon], axis=1).astype(kind, copy=False)
    states, cells = np.empty((len(scan.u), B, N), kind), np.empty((B, N), kind) if plan.mixed else None
    capacity, *synapses = run.weights
    given = [
        *compiled.contiguous([scan.x, scan.u, scan.h, scan.c]),
        *run.memory,
        run.delta,
        capacity,
        resting,
        *synapses,
    ]
    compiled.call(_FAMILY, "forward", [*run.sizes, False], run.places, given, [states, cells, *run.kept])
    return (states, cells) if plan.mixed else (states,), run


def backward(gs, scan, plan, run: _Run, needs) -> list:
    """The gradients of all tensors in their order; None for features that need none."""
    kind, (B, N), (T, _, I) = scan.h.dtype, scan.h.shape, scan.x.shape  # noqa: E741
    wants = bool(plan.mixed and needs[0])
    dx = np.empty((T, B, I), kind) if wants else None
    du, dh, dc = (np.empty(shape, kind) for shape in (scan.u.shape, (B, N), (B, N)))
    spent = np.empty((T, B, N), kind) if plan.timed else None
    memory = [np.zeros((4 * N, I + N), kind), np.zeros(4 * N, kind)] if plan.mixed else [None] * 2
    own, sensory, neurons = (np.zeros(shape, kind) for shape in (*((n, 4) for n in run.sizes[6:8]), (N, 3)))
    given = [*compiled.contiguous([gs[0], gs[1] if plan.mixed else None]), *run.memory, run.delta, *run.weights]
    made = [dx, du, dh, dc, spent, *memory, own, sensory, neurons]
    compiled.call(_FAMILY, "backward", [*run.sizes, wants], run.places, given, run.kept, made)
    head = [dx, du, dh]
    if plan.mixed:
        head.append(dc)
    if plan.timed:
        head.append(compiled.summed_like(spent, scan.ts) / plan.unfolds)
    if plan.mixed:
        head += [memory[0][:, :I], memory[1], memory[0][:, I:]]
    capacity, current, conductance = neurons.T
    leak = [current * scan.vleak + conductance, current * scan.leak, capacity]
    return [*head, *run.own.gradients(own), *run.sensory.gradients(sensory), *leak]

"""The CfC scan compiled for the CPU (``cpu/cfc.cpp``): how its tensors become the arrays that it reads."""

from __future__ import annotations

import numpy as np

from . import compiled
from .arrays import Room

_FAMILY = "cfc"
_MODES = ("default", "no_gate", "pure")
_ACTIVATIONS = ("lecun_tanh", "tanh", "relu", "silu", "gelu")
_SIDE = ("silu", "gelu")


def built() -> bool:
    """Whether there is a compiler to build scans with."""
    return compiled.available(_FAMILY, np.float32)


def fits(scan) -> bool:
    """Whether a scan is computed here."""
    return 0 not in scan.x.shape[:2] and compiled.available(_FAMILY, scan.x.dtype)


class _Run:
    """A scan's arrays and sizes, and what its gradient reads."""

    def __init__(self, scan, plan, keep: bool):
        (T, B, I), N, kind = scan.x.shape, scan.h.shape[1], scan.x.dtype  # noqa: E741
        lanes, self.plan = compiled.lanes(_FAMILY, kind), plan
        blocks, steps, self.room = -(-B // lanes), T if keep else 1, Room()

        def kept(rows: int, more: int = 0):
            return self.room.empty((blocks, steps + more, rows, lanes), kind)

        self.memory = compiled.contiguous(scan.lstm) if plan.mixed else [None] * 3
        self.kept = [kept(I + N, 1), kept(4 * N), kept(N, 1)] if plan.mixed else [None] * 3
        self.shapes, self.layers, work = [], [], 0
        for layer, n in zip(scan.layers, plan.sizes, strict=True):
            pairs = [*layer.backbone, (layer.weight, layer.bias)]
            rows = [len(bias) for _, bias in pairs]
            width, aside = pairs[0][0].shape[1] - n, plan.dropping or plan.activation in _SIDE
            self.shapes += [n, width, *rows]
            self.kept += [
                kept(width + n, 1),
                *map(kept, rows),
                *(kept(count) if aside else None for count in rows[:-1]),
            ]
            decay, drops = layer.decay or [None] * 2, layer.drops or [None] * max(plan.depth - 1, 0)
            self.layers.append(
                [compiled.contiguous(group) for group in ([a for pair in pairs for a in pair], decay, drops)]
            )
            work += sum(weight.size for weight, _ in pairs)
        if plan.timed or plan.mode != "pure":
            self.ts, strides = compiled.spans(scan.ts)
        else:
            self.ts, strides = compiled.spans(np.full((1, 1, 1), plan.span, kind))
        self.hold = None if scan.hold is None else np.ascontiguousarray(scan.hold)
        workers = compiled.workers(blocks, T * work)
        self.sizes = [
            T, B, I, N, len(plan.sizes), plan.depth, _MODES.index(plan.mode), plan.timed, _ACTIVATIONS.index(plan.activation),
            plan.mixed, plan.held, plan.dropping, *strides, workers, T if keep else 0,
        ]  # fmt: skip

    def call(self, name: str, wants_input: bool, first: list, *groups) -> None:
        """Call a function whose first arrays are these, followed by those that both functions read."""
        given = [
            *first,
            self.ts,
            self.hold,
            *self.memory,
            *(a for layer in self.layers for group in layer for a in group),
        ]
        compiled.call(_FAMILY, name, [*self.sizes, wants_input], np.array(self.shapes, np.int64), given, *groups)


def forward(scan, plan, keep: bool = True) -> tuple:
    """(the outputs, what the gradient reads)."""
    run = _Run(scan, plan, keep)
    (T, B, _), N, kind = scan.x.shape, scan.h.shape[1], scan.x.dtype
    states, cells = np.empty((T, B, N), kind), np.empty((B, N), kind) if plan.mixed else None
    run.call("forward", False, compiled.contiguous([scan.x, scan.h, scan.c]), [states, cells, *run.kept])
    return (states, cells) if plan.mixed else (states,), run


def backward(gs, scan, run: _Run, needs) -> list:
    """The gradients of all tensors in their order; None for an input that needs none."""
    plan, kind, (B, N) = run.plan, scan.x.dtype, scan.h.shape
    dx = np.empty(scan.x.shape, kind) if needs[0] else None
    dh, dc = np.empty((B, N), kind), np.empty((B, N), kind) if plan.mixed else None
    spent = np.empty((len(scan.x), B, N), kind) if plan.timed else None
    memory = [np.zeros((4 * N, scan.x.shape[2] + N), kind), np.zeros(4 * N, kind)] if plan.mixed else [None] * 2
    layers = [
        [None if a is None else np.zeros(a.shape, kind) for group in layer[:2] for a in group] for layer in run.layers
    ]
    made = [dx, dh, dc, spent, *memory, *(a for layer in layers for a in layer)]
    given = compiled.contiguous([gs[0], gs[1] if plan.mixed else None])
    run.call("backward", needs[0], given, run.kept, made)
    head = [dx, dh]
    if plan.mixed:
        head.append(dc)
        memory = [memory[0][:, :-N], memory[1], memory[0][:, -N:]]
    if plan.timed:
        head.append(compiled.summed_like(spent, scan.ts))
    if plan.held:
        head.append(None)
    if plan.mixed:
        head += memory
    for layer, (_, decay, drops) in zip(layers, run.layers, strict=True):
        head += layer[: len(layer) - 2]
        head += layer[-2:] if decay[0] is not None else []
        head += [None] * len(drops) if plan.dropping else []
    return head

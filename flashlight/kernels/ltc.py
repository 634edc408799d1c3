"""Liquid time-constant scans: one operator for a sequence with all its ODE unfolds.

T steps, B sequences, I inputs, N neurons, K unfolds. A synapse from i to j conducts ``P_ij sigmoid(sig_ij (v_i - mu_ij))``
towards the potential ``E_ij``; the semi-implicit Euler step of Hasani et al. 2021 (doi:10.1609/aaai.v35i9.16936) gives
``v' = (c v + d (gv + sum_i S E + inputs)) / (c + d (g + sum_i S + inputs + eps))``.
"""

from __future__ import annotations

from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .._core.table import Arrays, op
from . import ltc_compiled, ltc_metal
from .arrays import Hosted, Mlx, Numpy, back, on_host, uses_host, wants_gradient
from .cfc import recall, remember


class Plan(NamedTuple):
    """How the tensors of a scan are to be read. ``own`` and ``sensory`` are the places of the synapses, (source, destination),
    or None to visit all pairs; ``span`` is the timespan of every step unless ``timed``."""

    unfolds: int
    epsilon: float
    own: tuple | None
    sensory: tuple | None
    mixed: bool = False
    timed: bool = False
    span: float = 1.0


class Scan(NamedTuple):
    """The tensors of a scan by name; ``own`` and ``sensory`` are the synapses' (P, E, sig, mu), each (sources, N)."""

    x: mx.array
    u: mx.array
    h: mx.array
    c: mx.array | None
    ts: mx.array | None
    lstm: list
    own: list
    sensory: list
    leak: mx.array
    vleak: mx.array
    cm: mx.array


def read(tensors, plan: Plan) -> Scan:
    it = iter(tensors)

    def take(n):
        return [next(it) for _ in range(n)]

    x, u, h = take(3)
    c = next(it) if plan.mixed else None
    ts = next(it) if plan.timed else None
    lstm = take(3) if plan.mixed else []
    return Scan(x, u, h, c, ts, lstm, take(4), take(4), *take(3))


# ---------------------------------------------------------------------------------------------------------------- synapses
class _AllPairs:
    """Synapses between all pairs: arrays (B, destination, source)."""

    def __init__(self, xp, weights):
        self.xp, self.numpy = xp, xp is Numpy
        self.P, self.E, self.sig, self.mu = (xp.turned(w) for w in weights)
        self.PE = self.P * self.E

    def sources(self, v):
        return v[:, None, :]

    def targets(self, a):
        return a[:, :, None]

    def fan_in(self, s):
        """(sum of P E s, sum of P s) at the destinations."""
        if self.numpy:
            return np.einsum("bji,ji->bj", s, self.PE), np.einsum("bji,ji->bj", s, self.P)
        return (s * self.PE).sum(axis=-1), (s * self.P).sum(axis=-1)

    def fan_out(self, z):
        """The sum of sig z at the sources."""
        return np.einsum("bji,ji->bi", z, self.sig) if self.numpy else (z * self.sig).sum(axis=1)

    def over_batch(self, z, a):
        """The sum over the batch of z times what is at the destinations."""
        return np.einsum("bji,bj->ji", z, a) if self.numpy else (z * a[:, :, None]).sum(axis=0)

    def over_sources(self, z, v):
        """The same with what is at the sources."""
        return np.einsum("bji,bi->ji", z, v) if self.numpy else (z * v[:, None, :]).sum(axis=0)

    def matrix(self, g):
        return g.T


class _Listed:
    """The existing synapses only: arrays (B, synapses)."""

    def __init__(self, xp, weights, edges):
        self.xp = xp
        self.shape = weights[0].shape
        src, dst = edges if xp is Numpy else (mx.array(e) for e in edges)
        self.src, self.dst = src, dst
        self.P, self.E, self.sig, self.mu = (w[src, dst] for w in weights)
        if xp is Numpy:
            # places() orders synapses by destination; the order by source is looked up for the way back
            self.PE = self.P * self.E
            self.reached, self.starts = np.unique(dst, return_index=True)
            self.by_source = np.argsort(src, kind="stable")
            self.sending, self.sent = np.unique(src[self.by_source], return_index=True)
            return
        kind = self.P.dtype
        at = [np.equal.outer(e, np.arange(n)) for e, n in zip(edges, self.shape, strict=True)]
        source, target = (mx.array(a).astype(kind) for a in at)
        self.at_source = source * self.sig[:, None]
        p = self.P[:, None]
        self.at_target = mx.concatenate([target * (p * self.E[:, None]), target * p], axis=1)

    def sources(self, v):
        return v.take(self.src, axis=1) if self.xp is Numpy else mx.take(v, self.src, axis=1)

    def targets(self, a):
        return a.take(self.dst, axis=1) if self.xp is Numpy else mx.take(a, self.dst, axis=1)

    def fan_in(self, s):
        if self.xp is Numpy:
            n = self.shape[1]
            return tuple(_by_segment(s * w, self.starts, self.reached, n) for w in (self.PE, self.P))
        both = self.xp.product(s, self.at_target)
        n = self.shape[1]
        return both[:, :n], both[:, n:]

    def fan_out(self, z):
        if self.xp is Numpy:
            return _by_segment((z * self.sig).take(self.by_source, axis=1), self.sent, self.sending, self.shape[0])
        return mx.matmul(z, self.at_source)

    def over_batch(self, z, a):
        return (z * self.targets(a)).sum(axis=0)

    def over_sources(self, z, v):
        return (z * self.sources(v)).sum(axis=0)

    def matrix(self, g):
        if self.xp is Numpy:
            out = np.zeros(self.shape, dtype=g.dtype)
            out[self.src, self.dst] = g
            return out
        return mx.zeros(self.shape, dtype=g.dtype).at[self.src, self.dst].add(g)


def _by_segment(values, starts, places, n: int):
    """Sums of consecutive columns, put at their places among n."""
    out = np.zeros((len(values), n), dtype=values.dtype)
    out[:, places] = np.add.reduceat(values, starts, axis=1)
    return out


def _synapses(xp, weights, edges):
    return _AllPairs(xp, weights) if edges is None else _Listed(xp, weights, edges)


class _Sums:
    """Gradients of synapses: of P and E by A1, A2, of mu and sig by Z, ZV."""

    def __init__(self):
        self.a1 = self.a2 = self.z = self.zv = 0

    def add(self, synapses, s, v, an, ad):
        """Add those of one visit, given the gradients ``an``, ``ad`` of the two sums; returns that of v."""
        self.a1 = self.a1 + synapses.over_batch(s, an)
        self.a2 = self.a2 + synapses.over_batch(s, ad)
        z = synapses.targets(an) * synapses.E
        z = z + synapses.targets(ad)
        z = z * (s - s * s)
        z = z * synapses.P
        self.z = self.z + z.sum(axis=0)
        self.zv = self.zv + synapses.over_sources(z, v)
        return synapses.fan_out(z)

    def gradients(self, synapses):
        """Those of (P, E, sig, mu)."""
        parts = (
            synapses.E * self.a1 + self.a2,
            synapses.P * self.a1,
            self.zv - synapses.mu * self.z,
            -synapses.sig * self.z,
        )
        return [synapses.matrix(g) for g in parts]


# -------------------------------------------------------------------------------------------------------------------- step
def conduct(xp, synapses, v):
    """How open the synapses are, from the potentials (B, sources) of their sources."""
    z = synapses.sources(v) - synapses.mu
    z = z * synapses.sig
    return xp.sigmoid(z)


def unfold(xp, synapses, v, inputs, leak, capacity, delta, epsilon):
    """One unfold: the new potentials, and (total current, total conductance, denominator) for the gradient."""
    num, den = synapses.fan_in(conduct(xp, synapses, v))
    current = leak[0] + num + inputs[0]
    conductance = leak[1] + den + inputs[1] + epsilon
    if delta is None:
        below = capacity + conductance
        return (capacity * v + current) / below, (None, None, below)
    below = capacity + delta * conductance
    return (capacity * v + delta * current) / below, (current, conductance, below)


def _capacity(scan: Scan, plan: Plan):
    """The capacity as it enters the step: with a constant timespan it takes the timespan's share."""
    if plan.timed or plan.span == 0:
        return scan.cm
    return scan.cm * (plan.unfolds / plan.span)


def _delta(scan: Scan, plan: Plan, t: int):
    """The time of one unfold, where the capacity does not have it."""
    if plan.timed:
        return scan.ts[t] / plan.unfolds
    return scan.cm * 0 if plan.span == 0 else None


def forward(xp, tensors, plan: Plan, keep: bool = True):
    scan = read(tensors, plan)
    T, B, _ = scan.x.shape
    own, sensory = _synapses(xp, scan.own, plan.own), _synapses(xp, scan.sensory, plan.sensory)
    capacity, leak = _capacity(scan, plan), (scan.leak * scan.vleak, scan.leak)
    v, c = scan.h, scan.c
    if plan.mixed:
        flat = scan.x.reshape(T * B, -1)
        memory = (xp.product(flat, xp.turned(scan.lstm[0])) + scan.lstm[1]).reshape(T, B, -1)
        recurrent = xp.turned(scan.lstm[2])
    states, kept = [], []
    for t in range(T):
        before, record = v, None
        if plan.mixed:
            v, c, record = remember(xp, memory[t] + xp.product(v, recurrent), c)
        inputs = sensory.fan_in(conduct(xp, sensory, scan.u[t]))
        delta, steps = _delta(scan, plan, t), []
        for _ in range(plan.unfolds):
            new, noted = unfold(xp, own, v, inputs, leak, capacity, delta, plan.epsilon)
            if keep:
                steps.append((v, new, noted))
            v = new
        states.append(v)
        kept.append((before, record, steps))
    outputs = (xp.stack(states), c) if plan.mixed else (xp.stack(states),)
    return outputs, kept


# ---------------------------------------------------------------------------------------------------------------- backward
class _Totals:
    """Sums over the unfolds of one step, and over all steps."""

    def __init__(self):
        self.capacity = self.current = self.conductance = 0
        self.own, self.sensory = _Sums(), _Sums()
        self.u, self.ts, self.memory = [], [], []


def _fold(xp, own, totals, step, g, capacity, delta):
    """One unfold backwards: the gradients of v, current, conductance and (where there is one) delta."""
    v, new, (current, conductance, below) = step
    gn = g / below
    gd = -gn * new
    totals.capacity = totals.capacity + (gn * v + gd).sum(axis=0)
    an, ad, spent = gn, gd, None
    if delta is not None:
        an, ad, spent = gn * delta, gd * delta, gn * current + gd * conductance
    s = conduct(xp, own, v)
    return gn * capacity + totals.own.add(own, s, v, an, ad), an, ad, spent


def backward(xp, gs, tensors, plan: Plan, kept):
    scan = read(tensors, plan)
    own, sensory = _synapses(xp, scan.own, plan.own), _synapses(xp, scan.sensory, plan.sensory)
    capacity, totals = _capacity(scan, plan), _Totals()
    g, dc = 0, gs[1] if plan.mixed else None
    for t in range(scan.x.shape[0] - 1, -1, -1):
        _, record, steps = kept[t]
        g, delta = g + gs[0][t], _delta(scan, plan, t)
        ns = ds = spent = 0
        for step in steps[::-1]:
            g, an, ad, time = _fold(xp, own, totals, step, g, capacity, delta)
            ns, ds = ns + an, ds + ad
            spent = spent + time if plan.timed else None
        totals.current = totals.current + ns.sum(axis=0)
        totals.conductance = totals.conductance + ds.sum(axis=0)
        u = scan.u[t]
        totals.u.append(totals.sensory.add(sensory, conduct(xp, sensory, u), u, ns, ds))
        if plan.timed:
            totals.ts.append(spent / plan.unfolds)
        if plan.mixed:
            dz, dc = recall(xp, g, dc, record)
            totals.memory.append(dz)
            g = xp.product(dz, scan.lstm[2])
    return _sum_up(xp, scan, plan, totals, kept, (own, sensory), g, dc)


def _sum_up(xp, scan: Scan, plan: Plan, totals: _Totals, kept, synapses, dh, dc):
    """The gradients of all tensors in their order."""
    T, B, _ = scan.x.shape
    dx, memory, spent = None, [], []
    if plan.mixed:
        flat = scan.x.reshape(T * B, -1)
        d = xp.stack(totals.memory[::-1]).reshape(T * B, -1)
        before = xp.stack([record[0] for record in kept]).reshape(T * B, -1)
        dx = xp.product(d, scan.lstm[0]).reshape(scan.x.shape)
        memory = [xp.product(d.T, flat), d.sum(axis=0), xp.product(d.T, before)]
    if plan.timed:
        a = xp.stack(totals.ts[::-1])
        for axis in (1, 2):
            if scan.ts.shape[axis] == 1:
                a = a.sum(axis=axis, keepdims=True)
        spent = [a]
    share = 1.0 if plan.timed or plan.span == 0 else plan.unfolds / plan.span
    leak = [totals.current * scan.vleak + totals.conductance, totals.current * scan.leak, totals.capacity * share]
    synaptic = [*totals.own.gradients(synapses[0]), *totals.sensory.gradients(synapses[1])]
    return [dx, xp.stack(totals.u[::-1]), dh, *([dc] if plan.mixed else []), *spent, *memory, *synaptic, *leak]


# --------------------------------------------------------------------------------------------------------------- operators
def _fused(tensors, plan: Plan) -> tuple | None:
    """The network and its rules as the kernels take them; None when they do not run: a memory cell needs products in between."""
    if plan.mixed:
        return None
    scan = read(tensors, plan)
    delta = scan.ts / plan.unfolds if plan.timed else mx.full((1, 1, 1), plan.span / plan.unfolds, dtype=scan.h.dtype)
    net = ltc_metal.Network(scan.u, scan.h, scan.own, scan.sensory, scan.leak, scan.vleak, scan.cm, delta)
    if not ltc_metal.fits_network(net):
        return None
    tables = ((plan.own, scan.own), (plan.sensory, scan.sensory))
    at = [None if places is None else ltc_metal.edges_at(*places, table[0].shape) for places, table in tables]
    return net, ltc_metal.Rules(plan.unfolds, plan.epsilon, *at)


def _fused_backward(g, tensors, plan: Plan, kept) -> list:
    net, rules = _fused(tensors, plan)
    d = ltc_metal.sequence_backward(g, net, rules, kept)
    spent = [d.delta / plan.unfolds] if plan.timed else []
    return [None, d.inputs, d.initial, *spent, *d.own, *d.sensory, d.leak, d.resting, d.capacitance]


def _out(arrays, like) -> tuple:
    return tuple(back(a, like) for a in arrays)


@op(namespace="_", name="ltc", method=False, autocast="fp32", backward="Ltc")
def ltc_sequence(tensors: Arrays, plan) -> mx.array:
    """LTC neurons over (T, B, I): the states of all steps (T, B, N) and, with a memory, its last cell (B, N)."""
    fused = _fused(tensors, plan)
    return forward(Mlx, tensors, plan)[0] if fused is None else (ltc_metal.sequence(*fused),)


@ltc_sequence.vjp
def _(gs, tensors, plan, saved, needs):
    if isinstance(saved, Hosted):
        grads = hosted_gradients(gs, tensors, plan, saved, needs)
    elif isinstance(saved, ltc_metal.Kept):
        grads = _fused_backward(gs[0], tensors, plan, saved)
    else:
        grads = backward(Mlx, gs, tensors, plan, saved)
    return tuple(g if need else None for g, need in zip(grads, needs, strict=True))


def hosted_gradients(gs, tensors, plan: Plan, saved: Hosted, needs) -> list:
    """The gradients of all tensors from what ``hosted`` kept."""
    gs, arrays = [on_host(g) for g in gs], [on_host(a) for a in tensors]
    if saved.compiled:
        grads = ltc_compiled.backward(gs, read(arrays, plan), plan, saved.kept, needs)
    else:
        grads = backward(Numpy, gs, arrays, plan, saved.kept)
    return [None if g is None else back(g, a) for g, a in zip(grads, tensors, strict=True)]


def hosted(tensors, plan, keep: bool):
    """The forward pass on the CPU: (outputs, what the gradient reads)."""
    arrays = [on_host(a) for a in tensors]
    scan = read(arrays, plan)
    if ltc_compiled.fits(scan):
        outputs, kept = ltc_compiled.forward(scan, plan, keep)
        return _out(outputs, tensors[0]), Hosted(kept, True)
    outputs, kept = forward(Numpy, arrays, plan, keep)
    return _out(outputs, tensors[0]), Hosted(kept, False)


def _saving(tensors, plan):
    if not uses_host():
        fused = _fused(tensors, plan)
        if fused is None:
            return forward(Mlx, tensors, plan)
        states, kept = ltc_metal.sequence_saving(*fused)
        return (states,), kept
    return hosted(tensors, plan, keep=True)


ltc_sequence.saving(_saving)


@op(namespace="_", name="ltc_inference", method=False, autocast="fp32", grad=False, host=True)
def ltc_inference(tensors: Arrays, plan) -> mx.array:
    """The same when no gradient is wanted, on the CPU."""
    return hosted(tensors, plan, keep=False)[0]


def ltc(tensors: list, plan: Plan) -> tuple:
    """Run a scan on Tensors: (states, last cell or None)."""
    run = ltc_inference if uses_host() and not wants_gradient(tensors) else ltc_sequence
    out = run.public(tensors, plan)
    return (out[0], out[1]) if plan.mixed else (out[0] if isinstance(out, tuple) else out, None)


def places(adjacency: np.ndarray) -> tuple | None:
    """(sources, destinations) of the synapses ordered by destination, if they are few enough to be visited one by one."""
    dst, src = np.nonzero(adjacency.T)
    return (src, dst) if 0 < len(src) <= adjacency.size // 3 else None

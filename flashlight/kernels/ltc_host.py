"""The LTC scan in numpy, for devices without a GPU: the mathematics of ``ltc`` in arrays (synapse, sequence).

A synapse has a row; every neuron has as many rows as the one with the most synapses, some of them empty. Sums over a neuron's
synapses, and sums over the batch at a synapse, are then small matrix products. ``sigmoid(a)`` is taken as
``(1 + tanh(a / 2)) / 2``, its constants being folded into the synapses'.
"""

from __future__ import annotations

import numpy as np

from .arrays import Room

# rows are worth visiting up to this many times the synapses
_FILL = 4
# neurons are parted while that saves so many rows, into so many groups at the most
_WORTH, _GROUPS = 48, 4


def _all_pairs(shape) -> tuple:
    dst, src = np.divmod(np.arange(shape[0] * shape[1]), shape[0])
    return src, dst


def _slots(ends, n: int) -> tuple:
    """The place of each synapse among those that share its end, and the largest number of such."""
    counts = np.bincount(ends, minlength=n)
    order = np.argsort(ends, kind="stable")
    slots = np.empty(len(ends), np.int64)
    slots[order] = np.arange(len(ends)) - np.repeat(np.cumsum(counts) - counts, counts)
    return slots, max(int(counts.max(initial=0)), 1)


def _groups(dst, n: int) -> list:
    """The neurons in groups of alike numbers of synapses, and the largest number in each."""
    counts = np.maximum(np.bincount(dst, minlength=n), 1)
    order = np.argsort(counts, kind="stable")
    bounds = [(0, n)]
    while len(bounds) < _GROUPS:
        saved, at, cut = max(_cut(counts[order[lo:hi]], k) for k, (lo, hi) in enumerate(bounds))
        if saved < _WORTH:
            break
        lo, hi = bounds[at]
        bounds[at : at + 1] = [(lo, lo + cut), (lo + cut, hi)]
    return [(np.sort(order[lo:hi]), int(counts[order[hi - 1]])) for lo, hi in bounds]


def _cut(counts, at: int) -> tuple:
    """(rows saved, ``at``, where to cut) by parting ascending counts in two at the best place."""
    if len(counts) == 1:
        return 0, at, 0
    saved = np.arange(1, len(counts)) * (counts[-1] - counts[:-1])
    best = int(np.argmax(saved))
    return int(saved[best]), at, best + 1


def fits(plan, shapes) -> bool:
    """Whether a scan is computed here: no memory cell between the steps, and few empty rows."""
    if plan.mixed or (plan.span == 0 and not plan.timed):
        return False
    for edges, shape in zip((plan.own, plan.sensory), shapes, strict=True):
        if edges is not None:
            (src, dst), (sources, n) = edges, shape
            visited = sum(len(neurons) * depth for neurons, depth in _groups(dst, n))
            if max(visited, _slots(src, sources)[1] * sources) > _FILL * len(src) + n:
                return False
    return True


class _Synapses:
    """Synapses (P, E, sig, mu), each (sources, N), as they are seen by ``batch`` sequences."""

    def __init__(self, weights, edges, batch: int, room: Room):
        self.weights, (self.sources, n) = weights, weights[0].shape
        kind = weights[0].dtype
        self.ends = _all_pairs(weights[0].shape) if edges is None else edges
        src, dst = self.ends
        slots, rows, first, self.groups = _slots(dst, n)[0], 0, np.empty(n, np.int64), []
        for neurons, depth in _groups(dst, n):
            stop = rows + len(neurons) * depth
            first[neurons] = np.arange(rows, stop, depth)
            self.groups.append((neurons, slice(rows, stop), depth))
            rows = stop
        self.row = first[dst] + slots
        # with all pairs the rows of a neuron are the sources themselves
        self.pairs = (n, self.sources, batch) if edges is None else None
        self.src = np.zeros(rows, np.int64)
        self.src[self.row] = src
        slots, spread = _slots(src, self.sources)
        # the rows that leave a source; the last row is always zero
        self.leaving = np.full(spread * self.sources, rows)
        self.leaving[slots * self.sources + src] = self.row
        P, E, sig, mu = (w[src, dst] for w in weights)

        def at_rows(values):
            made = np.zeros(rows, kind)
            made[self.row] = values
            return made

        def spread_out(values):
            made = room.empty((rows, batch), kind)
            made[...] = at_rows(values)[:, None]
            return made

        self.sig, self.shift = spread_out(sig * 0.5), spread_out(sig * mu * 0.5)
        self.spread = None if edges is None else (spread_out(P * E * 0.5), spread_out(P * 0.5))
        # where the two sums' gradients are that meet a row, among (N, 2)
        self.dst = np.zeros(rows, np.int64)
        self.dst[self.row] = 2 * dst
        # what a synapse adds to the two sums: (neurons, depth, 2) of each group, and turned
        shares = np.stack([at_rows(P * E * 0.5), at_rows(P * 0.5)], axis=1)
        self.shares = [shares[rows].reshape(-1, depth, 2) for _, rows, depth in self.groups]
        self.turned = [np.ascontiguousarray(share.swapaxes(1, 2)) for share in self.shares]
        # where a neuron is among the groups
        self.places = np.argsort(np.concatenate([neurons for neurons, _, _ in self.groups]))
        self.rest = np.concatenate([share.sum(axis=2, keepdims=True) for share in self.turned])[self.places]
        self.sums = np.empty((n, 2, batch), kind)
        self.seen, self.open, self.scratch = (room.empty((rows, batch), kind) for _ in range(3))
        self.out = room.empty((rows + 1, batch), kind)
        self.out[-1] = 0

    def _look(self, v):
        """tanh at all synapses from the potentials (sources, B)."""
        if self.pairs is not None:
            np.multiply(v, self.sig.reshape(self.pairs), out=self.open.reshape(self.pairs))
        else:
            np.take(v, self.src, axis=0, out=self.seen, mode="clip")
            np.multiply(self.seen, self.sig, out=self.open)
        self.open -= self.shift
        return np.tanh(self.open, out=self.open)

    def fan_in(self, v):
        """Sums of P E s and of P s at the destinations (N, 2, B), less what they are with s = 1/2."""
        th, batch, start = self._look(v), v.shape[1], 0
        if self.pairs is not None:
            return self.turned[0] @ th.reshape(self.pairs)
        for (neurons, rows, depth), share in zip(self.groups, self.turned, strict=True):
            stop = start + len(neurons)
            np.matmul(share, th[rows].reshape(-1, depth, batch), out=self.sums[start:stop])
            start = stop
        return np.take(self.sums, self.places, axis=0, mode="clip")

    # ------------------------------------------------------------------------------------------------------------- gradient
    def start(self, room: Room) -> None:
        """Make room for the gradients."""
        self.z, self.zv = (room.empty(self.seen.shape, self.seen.dtype) for _ in range(2))
        self.z[...] = 0
        self.zv[...] = 0
        self.visits = np.zeros((*self.rest.shape[:2], self.seen.shape[1]), self.seen.dtype)
        if self.pairs is not None:
            self.opened = np.zeros_like(self.shares[0])
            return
        self.opened, self.given = ([room.empty(self.seen.shape, self.seen.dtype) for _ in range(2)] for _ in range(2))
        for total in self.opened:
            total[...] = 0

    def fan_out(self, v, both):
        """Note the gradients of the synapses from those of the two sums (N, 2, B); returns that of v."""
        th, z = self._look(v), self.out[:-1]
        self.visits += both
        self._meet(th, both, z)
        np.multiply(th, th, out=th)
        z *= np.subtract(1, th, out=th)
        self.z += z
        if self.pairs is not None:
            np.multiply(v, z.reshape(self.pairs), out=self.scratch.reshape(self.pairs))
        else:
            np.multiply(self.seen, z, out=self.scratch)
        self.zv += self.scratch
        z *= self.sig
        going = z if self.pairs is not None else np.take(self.out, self.leaving, axis=0, mode="clip")
        return np.add.reduce(going.reshape(-1, self.sources * v.shape[1]), axis=0).reshape(v.shape)

    def _meet(self, th, both, z) -> None:
        """The gradient at the synapses (``z``, still to be multiplied by tanh's derivative), and what the two sums' P and E get."""
        if self.pairs is not None:
            self.opened += th.reshape(self.pairs) @ both.swapaxes(1, 2)
            np.matmul(self.shares[0], both, out=z.reshape(self.pairs))
            return
        flat = both.reshape(-1, both.shape[2])
        for k, (given, share, opened) in enumerate(zip(self.given, self.spread, self.opened, strict=True)):
            np.take(flat[k:], self.dst, axis=0, out=given, mode="clip")
            opened += np.multiply(th, given, out=self.scratch)
            given *= share
        np.add(*self.given, out=z)

    def gradients(self) -> list:
        """Those of (P, E, sig, mu), each (sources, N)."""
        src, dst = self.ends
        P, E, sig, mu = (w[src, dst] for w in self.weights)
        if self.pairs is not None:
            opened = self.opened.reshape(-1, 2)
        else:
            opened = np.stack([total.sum(axis=1) for total in self.opened], axis=1)
        a1, a2 = (opened[self.row] + self.visits.sum(axis=2)[dst]).T * 0.5
        z, zv = (total.sum(axis=1)[self.row] * 0.5 for total in (self.z, self.zv))
        made = []
        for value in (E * a1 + a2, P * a1, zv - mu * z, -sig * z):
            matrix = np.zeros(self.weights[0].shape, value.dtype)
            matrix[src, dst] = value
            made.append(matrix)
        return made


class _Run:
    """A scan; its arrays are (neuron, sequence)."""

    def __init__(self, scan, plan, keep: bool):
        self.plan, self.keep, self.room = plan, keep, Room()
        self.u = np.ascontiguousarray(scan.u.transpose(0, 2, 1))
        self.initial = scan.h.T
        steps, kind = len(self.u), scan.h.dtype
        n, batch = self.initial.shape
        share = 1.0 if plan.timed else plan.unfolds / plan.span
        self.capacity = (scan.cm * share)[:, None]
        self.own = _Synapses(scan.own, plan.own, batch, self.room)
        self.sensory = _Synapses(scan.sensory, plan.sensory, batch, self.room)
        leak = np.stack([scan.leak * scan.vleak, scan.leak + plan.epsilon], axis=1)
        self.resting = self.own.rest + self.sensory.rest + leak[:, :, None]
        self.delta = None
        if plan.timed:
            self.delta = np.ascontiguousarray(scan.ts.transpose(0, 2, 1)) / plan.unfolds
        visits = steps * plan.unfolds if keep else 0
        self.path = self.room.empty((steps * plan.unfolds + 1 if keep else steps + 1, n, batch), kind)
        self.below = self.room.empty((visits, n, batch), kind)
        self.flows = self.room.empty((visits if plan.timed else 0, n, 2, batch), kind)

    def forward(self) -> np.ndarray:
        """The states of all steps (T, n, B)."""
        unfolds, v = self.plan.unfolds, self.path[0]
        v[...] = self.initial
        for t, u in enumerate(self.u):
            inputs = self.sensory.fan_in(u) + self.resting
            for k in range(unfolds):
                sums = self.own.fan_in(v)
                sums += inputs
                v = self._advance(v, sums, t, k)
        return self.path[unfolds::unfolds] if self.keep else self.path[1:]

    def _advance(self, v, sums, t: int, k: int):
        """The potentials after an unfold, from the current and the conductance (N, 2, B)."""
        at = t * self.plan.unfolds + k
        if self.delta is not None:
            if self.keep:
                self.flows[at] = sums
            sums *= self.delta[t][:, None]
        current, below = sums[:, 0], sums[:, 1]
        below += self.capacity
        current += self.capacity * v
        if self.keep:
            self.below[at] = below
        return np.divide(current, below, out=self.path[at + 1 if self.keep else t + 1])

    def backward(self, gs) -> tuple:
        """From the gradients of the states (T, n, B): those of u, h, timespans, synapses, and of
        capacity, currents and conductances."""
        unfolds, room = self.plan.unfolds, Room()
        for synapses in (self.own, self.sensory):
            synapses.start(room)
        du = np.empty_like(self.u)
        spent = np.zeros((len(gs), *self.initial.shape), gs.dtype) if self.delta is not None else None
        g = capacity = total = 0
        both = np.empty((len(self.capacity), 2, self.initial.shape[1]), gs.dtype)
        an, ad = both[:, 0], both[:, 1]
        for t in range(len(gs) - 1, -1, -1):
            g, step = g + gs[t], np.zeros_like(both)
            for at in range((t + 1) * unfolds - 1, t * unfolds - 1, -1):
                v = self.path[at]
                np.divide(g, self.below[at], out=an)
                np.multiply(an, self.path[at + 1], out=ad)
                np.negative(ad, out=ad)
                g = an * self.capacity
                capacity = capacity + an * v + ad
                if self.delta is not None:
                    spent[t] += (both * self.flows[at]).sum(axis=1)
                    both *= self.delta[t][:, None]
                g += self.own.fan_out(v, both)
                step += both
            total = total + step
            du[t] = self.sensory.fan_out(self.u[t], step)
        synaptic = [*self.own.gradients(), *self.sensory.gradients()]
        return du, g, spent, synaptic, *(a.sum(axis=1) for a in (capacity, total[:, 0], total[:, 1]))


def forward(scan, plan, keep: bool = True) -> tuple:
    """(states (T, B, N), the scan with all that the gradient reads)."""
    run = _Run(scan, plan, keep)
    return np.ascontiguousarray(run.forward().transpose(0, 2, 1)), run


def backward(g, scan, plan, run) -> list:
    """The gradients of all tensors in their order."""
    du, dh, a, synaptic, capacity, currents, conductances = run.backward(np.ascontiguousarray(g.transpose(0, 2, 1)))
    spent = []
    if plan.timed:
        a = a.transpose(0, 2, 1) / plan.unfolds
        for axis in (1, 2):
            if scan.ts.shape[axis] == 1:
                a = a.sum(axis=axis, keepdims=True)
        spent = [a]
    share = 1.0 if plan.timed else plan.unfolds / plan.span
    leak = [currents * scan.vleak + conductances, currents * scan.leak, capacity * share]
    return [None, du.transpose(0, 2, 1), dh.T, *spent, *synaptic, *leak]

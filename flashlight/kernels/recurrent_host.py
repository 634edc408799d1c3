"""LSTM, GRU and Elman scans in numpy, for devices without a GPU: the mathematics of ``ops.recurrent``, written for cheap steps.

T steps, B sequences, I inputs, H units, P outputs (H unless an LSTM is projected). ``sigmoid(a)`` is taken as
``(1 + tanh(a / 2)) / 2`` with the half folded into the weights, so that a step's gates are one ``tanh``; what the gradient needs of
the gates is computed for several steps at once. Arrays are in the order in which the steps are taken.
"""

from __future__ import annotations

import numpy as np

from .arrays import Room

_BLOCK = 8


class Scan:
    """What the three cells share: the projected input, the states before each step, which steps a shorter sequence has."""

    gates = 1
    halved: tuple = ()

    def __init__(self, x, h, w_ih, w_hh, lengths, reverse: bool):
        self.steps, self.batch, self.inputs = x.shape
        self.units, self.outputs = w_hh.shape[0] // self.gates, h.shape[1]
        self.kind, self.reverse, self.room = x.dtype, reverse, Room()
        self.x, self.w_ih, self.w_hh = x, w_ih, w_hh
        self.scale = np.ones(w_hh.shape[0], self.kind)
        for gate in self.halved:
            self.scale[gate * self.units : (gate + 1) * self.units] = 0.5
        self.recurrent = np.ascontiguousarray(w_hh.T * self.scale)
        self.mask = None
        if lengths is not None:
            present = np.arange(self.steps)[:, None] < np.asarray(lengths)[None, :]
            self.mask = self._taken(present)[:, :, None]
        self.states = self._empty(self.steps + 1, self.outputs)
        self.states[0] = h

    def _taken(self, a):
        """Values in the order of time in that of the steps, or the other way round."""
        return a[::-1] if self.reverse else a

    def _empty(self, steps: int, width: int):
        return self.room.empty((steps, self.batch, width), self.kind)

    def project(self, bias) -> np.ndarray:
        """The input's share of the gates at all steps (T, B, G * H)."""
        flat = self.x.reshape(-1, self.inputs)
        out = self._empty(self.steps, len(self.scale))
        np.matmul(flat, np.ascontiguousarray(self.w_ih.T * self.scale), out=out.reshape(len(flat), -1))
        if bias is not None:
            out += bias * self.scale
        return self._taken(out)

    def keep(self, t: int, new, before, after) -> None:
        """Put a new state behind the former one; sequences that are over keep theirs."""
        if self.mask is None:
            after[...] = new
        else:
            np.copyto(after, before)
            np.copyto(after, new, where=self.mask[t])

    def result(self) -> np.ndarray:
        """The outputs (T, B, P) in the order of time, zero where a sequence is over."""
        out = self.states[1:].copy() if self.mask is None else self.states[1:] * self.mask
        return self._taken(out)

    def weight_gradients(self, d_input, d_hidden, needs) -> list:
        """(dx, dw_ih, dw_hh, db_ih, db_hh) from the gates' gradients of all steps."""
        inside = self._taken(d_input).reshape(-1, d_input.shape[2])
        hidden = d_hidden.reshape(-1, d_hidden.shape[2])
        dx = (inside @ self.w_ih).reshape(self.x.shape) if needs[0] else None
        dw_hh = hidden.T @ self.states[:-1].reshape(-1, self.outputs)
        db = inside.sum(axis=0)
        return [
            dx,
            inside.T @ self.x.reshape(-1, self.inputs),
            dw_hh,
            db,
            db if d_hidden is d_input else hidden.sum(axis=0),
        ]

    def own(self, t: int, d_out, d_state):
        """The gradient that a step takes, of its output and its state, and what passes by it to the step before."""
        if self.mask is None:
            return d_out + d_state, 0
        return (d_out + d_state) * self.mask[t], d_state * ~self.mask[t]

    def opened(self, z, parts) -> None:
        """Make sigmoids of the tanh of halves in the columns given."""
        for columns in parts:
            z[:, columns] *= 0.5
            z[:, columns] += 0.5


class Lstm(Scan):
    """Gates in torch's order i f g o."""

    gates, halved = 4, (0, 1, 3)

    def __init__(self, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, lengths, reverse):
        super().__init__(x, h, w_ih, w_hh, lengths, reverse)
        n, self.w_hr = self.units, w_hr
        projected = self.project(None if b_ih is None else b_ih + b_hh)
        self.z, self.squashed = self._empty(self.steps, 4 * n), self._empty(self.steps, n)
        self.cells = self._empty(self.steps + 1, n)
        self.cells[0] = c
        self.raw = None if w_hr is None else self._empty(self.steps, n)
        turned = None if w_hr is None else np.ascontiguousarray(w_hr.T)
        scratch = np.empty((self.batch, n), self.kind)
        for t in range(self.steps):
            z, former, squashed = self.z[t], self.cells[t], self.squashed[t]
            np.matmul(self.states[t], self.recurrent, out=z)
            z += projected[t]
            np.tanh(z, out=z)
            self.opened(z, (slice(0, 2 * n), slice(3 * n, None)))
            new = former * z[:, n : 2 * n]
            new += np.multiply(z[:, :n], z[:, 2 * n : 3 * n], out=scratch)
            np.tanh(new, out=squashed)
            self.keep(t, new, former, self.cells[t + 1])
            if turned is None:
                out = np.multiply(z[:, 3 * n :], squashed, out=scratch)
            else:
                out = np.multiply(z[:, 3 * n :], squashed, out=self.raw[t]) @ turned
            self.keep(t, out, self.states[t], self.states[t + 1])

    def last(self) -> list:
        return [self.states[-1].copy(), self.cells[-1].copy()]

    def _slopes(self, lo: int, hi: int, d, through) -> None:
        """Derivatives by the cell of the gates i f g, by the output of o (``d``), and of the output by the cell (``through``)."""
        n, z, tc = self.units, self.z[lo:hi], self.squashed[lo:hi]
        i, g, o = (z[..., k * n : (k + 1) * n] for k in (0, 2, 3))
        out = d[lo:hi]
        np.subtract(1, z, out=out)
        out *= z
        out[..., :n] *= g
        out[..., n : 2 * n] *= self.cells[lo:hi]
        np.subtract(1, g * g, out=out[..., 2 * n : 3 * n])
        out[..., 2 * n : 3 * n] *= i
        out[..., 3 * n :] *= tc
        np.multiply(tc, tc, out=through[lo:hi])
        np.subtract(1, through[lo:hi], out=through[lo:hi])
        through[lo:hi] *= o

    def gradients(self, g_out, g_h, g_c, needs) -> list:
        n, room = self.units, Room()
        d = room.empty(self.z.shape, self.kind)
        through = room.empty(self.squashed.shape, self.kind)
        g_out, dh, dc = self._taken(g_out), g_h, g_c.copy()
        passing = None if self.w_hr is None else np.empty((self.steps, self.batch, self.outputs), self.kind)
        for hi in range(self.steps, 0, -_BLOCK):
            lo = max(hi - _BLOCK, 0)
            self._slopes(lo, hi, d, through)
            for t in range(hi - 1, lo - 1, -1):
                dm, passed = self.own(t, g_out[t], dh)
                inner, passed_c = self.own(t, 0, dc)
                if passing is not None:
                    passing[t] = dm
                    dm = dm @ self.w_hr
                inner = inner + dm * through[t]
                slopes = d[t]
                slopes[:, : 3 * n].reshape(self.batch, 3, n)[...] *= inner[:, None, :]
                slopes[:, 3 * n :] *= dm
                dh = slopes @ self.w_hh
                dh += passed
                dc = inner * self.z[t, :, n : 2 * n]
                dc += passed_c
        grads = self.weight_gradients(d, d, needs)
        dw_hr = None
        if passing is not None:
            dw_hr = passing.reshape(-1, self.outputs).T @ self.raw.reshape(-1, n)
        return [grads[0], dh, dc, *grads[1:], dw_hr]


class Gru(Scan):
    """Gates in torch's order r z n."""

    gates, halved = 3, (0, 1)

    def __init__(self, x, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse):
        super().__init__(x, h, w_ih, w_hh, lengths, reverse)
        n = self.units
        projected = self.project(b_ih)
        bias = None if b_hh is None else b_hh * self.scale
        self.z, self.inner = self._empty(self.steps, 3 * n), self._empty(self.steps, n)
        hidden = np.empty((self.batch, 3 * n), self.kind)
        for t in range(self.steps):
            z, former = self.z[t], self.states[t]
            np.matmul(former, self.recurrent, out=hidden)
            if bias is not None:
                hidden += bias
            self.inner[t] = hidden[:, 2 * n :]
            both = z[:, : 2 * n]
            np.add(projected[t, :, : 2 * n], hidden[:, : 2 * n], out=both)
            np.tanh(both, out=both)
            self.opened(z, (slice(0, 2 * n),))
            fresh = z[:, 2 * n :]
            np.multiply(z[:, :n], self.inner[t], out=fresh)
            fresh += projected[t, :, 2 * n :]
            np.tanh(fresh, out=fresh)
            new = former - fresh
            new *= z[:, n : 2 * n]
            new += fresh
            self.keep(t, new, former, self.states[t + 1])

    def last(self) -> list:
        return [self.states[-1].copy()]

    def _slopes(self, lo: int, hi: int, d) -> None:
        n, z, out = self.units, self.z[lo:hi], d[lo:hi]
        update, fresh = (z[..., k * n : (k + 1) * n] for k in (1, 2))
        np.subtract(1, z, out=out)
        out *= z
        out[..., n : 2 * n] *= self.states[lo:hi] - fresh
        last = out[..., 2 * n :]
        np.subtract(1, fresh * fresh, out=last)
        last *= 1 - update
        out[..., :n] *= self.inner[lo:hi]
        out[..., :n] *= last

    def gradients(self, g_out, g_h, needs) -> list:
        n, room = self.units, Room()
        d, hidden = (room.empty(self.z.shape, self.kind) for _ in range(2))
        g_out, dh = self._taken(g_out), g_h
        for hi in range(self.steps, 0, -_BLOCK):
            lo = max(hi - _BLOCK, 0)
            self._slopes(lo, hi, d)
            for t in range(hi - 1, lo - 1, -1):
                own, passed = self.own(t, g_out[t], dh)
                slopes = d[t]
                slopes.reshape(self.batch, 3, n)[...] *= own[:, None, :]
                hidden[t] = slopes
                hidden[t, :, 2 * n :] *= self.z[t, :, :n]
                dh = hidden[t] @ self.w_hh
                dh += own * self.z[t, :, n : 2 * n]
                dh += passed
        dx, dw_ih, dw_hh, db_ih, db_hh = self.weight_gradients(d, hidden, needs)
        return [dx, dh, dw_ih, dw_hh, db_ih, db_hh]


class Rnn(Scan):
    """One gate, through tanh or ReLU."""

    def __init__(self, x, h, w_ih, w_hh, b_ih, b_hh, lengths, reverse, nonlinearity):
        super().__init__(x, h, w_ih, w_hh, lengths, reverse)
        self.tanh = nonlinearity == "tanh"
        projected = self.project(None if b_ih is None else b_ih + b_hh)
        self.z = self._empty(self.steps, self.units)
        for t in range(self.steps):
            z = np.matmul(self.states[t], self.recurrent, out=self.z[t])
            z += projected[t]
            np.tanh(z, out=z) if self.tanh else np.maximum(z, 0, out=z)
            self.keep(t, z, self.states[t], self.states[t + 1])

    def last(self) -> list:
        return [self.states[-1].copy()]

    def gradients(self, g_out, g_h, needs) -> list:
        d = 1 - self.z * self.z if self.tanh else (self.z > 0).astype(self.kind)
        g_out, dh = self._taken(g_out), g_h
        for t in range(self.steps - 1, -1, -1):
            own, passed = self.own(t, g_out[t], dh)
            d[t] *= own
            dh = d[t] @ self.w_hh
            dh += passed
        dx, dw_ih, dw_hh, db_ih, db_hh = self.weight_gradients(d, d, needs)
        return [dx, dh, dw_ih, dw_hh, db_ih, db_hh]

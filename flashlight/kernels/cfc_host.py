"""The gated CfC scan in numpy, for devices without a GPU: the mathematics of ``cfc``, written for few and cheap calls.

Constants are folded into the weights (the activation's scales; one half, as ``sigmoid(a) = (1 + tanh(a / 2)) / 2``), a bias is
a weight that meets a column of ones, values of all steps lie in arrays that the gradients of the weights read as they are,
and what the gradient needs of the gates is computed for several steps at once.
"""

from __future__ import annotations

import numpy as np

from .arrays import Room

_SCALES = {"lecun_tanh": (0.666, 1.7159), "tanh": (1.0, 1.0)}
_BLOCK = 8


def fits(plan) -> bool:
    """Whether a plan is one of those computed here."""
    return plan.mode != "pure" and plan.activation in _SCALES and not (plan.mixed or plan.held or plan.dropping)


class _Layer:
    """One layer's folded weights and the values of all its steps.

    ``fed`` (T + 1, B, input + 1 + n) holds [input, 1, former state] a step, ``hidden`` [activation, 1] of each backbone layer,
    ``gates`` the tanh of [f1, f2, (slope of the timespan,) gate].
    """

    def __init__(self, layer, plan, n: int, steps: int, batch: int, kind):
        self._room = room = Room()
        self.n, self.default, self.timed = n, plan.mode == "default", plan.timed
        inner, outer = _SCALES[plan.activation]
        pairs = [*layer.backbone, (layer.weight, layer.bias)]
        halved = np.ones(len(layer.bias), kind)
        halved[2 * n :] = 0.5
        # what each affine function's values and inputs are multiplied by
        self.rows = [np.full(len(b), inner, kind) for _, b in layer.backbone] + [halved]
        self.columns = [1.0] + [outer] * len(layer.backbone)
        self.width = pairs[0][0].shape[1] - n
        self.weights = []
        for k, (weight, bias) in enumerate(pairs):
            cut = weight.shape[1] if k else self.width
            folded = np.empty((weight.shape[1] + 1, len(bias)), kind)
            scaled = weight.T * (self.rows[k] * self.columns[k])
            folded[:cut], folded[cut], folded[cut + 1 :] = scaled[:cut], bias * self.rows[k], scaled[cut:]
            self.weights.append(folded)
        self.fed = room.empty((steps + 1, batch, self.width + 1 + n), kind)
        self.fed[:, :, self.width] = 1
        self.before = self.fed[:, :, self.width + 1 :]
        self.hidden = [room.empty((steps, batch, len(b) + 1), kind) for _, b in layer.backbone]
        for hidden in self.hidden:
            hidden[:, :, -1] = 1
        self.gates = room.empty((steps, batch, len(layer.bias)), kind)
        self._scratch = np.empty((batch, n), kind), np.empty((batch, n), kind)

    def advance(self, t: int, ts) -> np.ndarray:
        """The new state (B, n), in an array that the next call overwrites."""
        value = self.fed[t]
        for weight, hidden in zip(self.weights, self.hidden, strict=False):
            inner = hidden[t, :, :-1]
            np.matmul(value, weight, out=inner)
            np.tanh(inner, out=inner)
            value = hidden[t]
        z, n = self.gates[t], self.n
        np.matmul(value, self.weights[-1], out=z)
        f1, f2, gate = z[:, :n], z[:, n : 2 * n], z[:, -n:]
        gap, s = self._scratch
        if self.timed:
            gate += np.multiply(ts, z[:, 2 * n : 3 * n], out=gap)
            np.tanh(gate, out=gate)
            z = z[:, : 2 * n]
        np.tanh(z, out=z)
        np.multiply(gate, 0.5, out=s)
        s += 0.5
        s *= np.subtract(f2, f1, out=gap) if self.default else f2
        s += f1
        return s

    # ------------------------------------------------------------------------------------------------------------- gradient
    def start(self) -> None:
        """Make room for the gradients of all steps."""
        self._grads = room = Room()
        steps, batch, kind = *self.gates.shape[:2], self.gates.dtype
        widths = [hidden.shape[2] - 1 for hidden in self.hidden] + [self.gates.shape[2]]
        self.dz = [room.empty((steps, batch, width), kind) for width in widths]
        n = self.n
        self._spread = self.dz[-1].reshape(-1, batch, self.dz[-1].shape[2] // n, n)
        first = self.weights[0]
        self._down = np.ascontiguousarray(np.delete(first, self.width, axis=0).T)
        self._back = [np.ascontiguousarray(weight[:-1].T) for weight in self.weights[1:]]
        self._between = [np.empty((batch, width), kind) for width in widths[:-1]]

    def slopes(self, lo: int, hi: int, ts) -> None:
        """Derivatives of the steps lo to hi where their gradients will be."""
        n, f, d = self.n, self.gates[lo:hi], self.dz[-1][lo:hi]
        f1, f2, gate = f[..., :n], f[..., n : 2 * n], f[..., -n:]
        np.multiply(f, f, out=d)
        np.subtract(1, d, out=d)
        s = gate * 0.5
        s += 0.5
        d[..., n : 2 * n] *= s
        if self.default:
            d[..., :n] *= np.subtract(1, s, out=s)
            np.subtract(f2, f1, out=s)
            s *= 0.5
        else:
            np.multiply(f2, 0.5, out=s)
        d[..., -n:] *= s
        if self.timed:
            np.multiply(d[..., -n:], ts[lo:hi], out=d[..., 2 * n : 3 * n])
        for dz, hidden in zip(self.dz, self.hidden):
            h, out = hidden[lo:hi, :, :-1], dz[lo:hi]
            np.multiply(h, h, out=out)
            np.subtract(1, out, out=out)

    def retreat(self, t: int, g, first: bool) -> np.ndarray:
        """From the gradient of the new state that of [input, former state]; of the former state alone in the first layer."""
        spread = self._spread[t]
        spread *= g[:, None, :]
        value = self.dz[-1][t]
        for k in range(len(self.hidden) - 1, -1, -1):
            out = self.dz[k][t]
            out *= np.matmul(value, self._back[k], out=self._between[k])
            value = out
        return value @ (self._down[:, self.width :] if first else self._down)

    def weight_gradients(self, steps: int) -> list:
        """[weight, bias] of each affine function."""
        made = []
        for k, dz in enumerate(self.dz):
            read = self.hidden[k - 1] if k else self.fed[:steps]
            d, inputs = dz.reshape(-1, dz.shape[2]), read.reshape(-1, read.shape[2])
            both = (d.T @ inputs) * self.rows[k][:, None]
            cut = inputs.shape[1] - 1 if k else self.width
            made += [np.delete(both, cut, axis=1) * self.columns[k], np.ascontiguousarray(both[:, cut])]
        return made


def forward(scan, plan) -> tuple:
    """(states (T, B, N), the layers with all that the gradient reads)."""
    steps, batch, width = scan.x.shape
    kind, start, layers = scan.x.dtype, 0, []
    for layer, n in zip(scan.layers, plan.sizes, strict=True):
        made = _Layer(layer, plan, n, steps, batch, kind)
        made.before[0] = scan.h[:, start : start + n]
        made.where = slice(start, start + n)
        start += n
        layers.append(made)
    layers[0].fed[:steps, :, :width] = scan.x
    spans = [_spans(scan.ts, layer.where) for layer in layers]
    below = list(zip(layers, spans, [*layers[1:], None], strict=True))
    for t in range(steps):
        for layer, ts, above in below:
            new = layer.advance(t, None if ts is None else ts[t])
            layer.before[t + 1] = new
            if above is not None:
                above.fed[t, :, : layer.n] = new
    states = np.empty((steps, batch, start), kind)
    for layer in layers:
        states[:, :, layer.where] = layer.before[1:]
    return states, layers


def _spans(ts, where: slice):
    return None if ts is None else ts if ts.shape[-1] == 1 else ts[:, :, where]


def backward(g, scan, plan, layers, needs) -> list:
    """The gradients of all tensors in their order; None for an input that needs none."""
    steps, batch, width = scan.x.shape
    spans = [_spans(scan.ts, layer.where) for layer in layers]
    for layer in layers:
        layer.start()
    dh = np.zeros((batch, sum(plan.sizes)), g.dtype)
    total = np.empty_like(dh)
    for hi in range(steps, 0, -_BLOCK):
        lo = max(hi - _BLOCK, 0)
        for layer, ts in zip(layers, spans, strict=True):
            layer.slopes(lo, hi, ts)
        for t in range(hi - 1, lo - 1, -1):
            np.add(g[t], dh, out=total)
            down = None
            for layer in reversed(layers):
                part = total[:, layer.where]
                if down is not None:
                    part += down
                both = layer.retreat(t, part, layer is layers[0])
                n = layer.n
                dh[:, layer.where] = both[:, -n:]
                down = both[:, :-n]
    first = layers[0]
    dx = None
    if needs[0]:
        dx = (first.dz[0].reshape(steps * batch, -1) @ first.weights[0][:width].T).reshape(scan.x.shape)
    grads = [dx, dh]
    if plan.timed:
        spent = [layer.dz[-1][..., -layer.n :] * layer.gates[..., 2 * layer.n : 3 * layer.n] for layer in layers]
        spent = np.concatenate(spent, axis=2)
        for axis in (1, 2):
            if scan.ts.shape[axis] == 1:
                spent = spent.sum(axis=axis, keepdims=True)
        grads.append(spent)
    for layer in layers:
        grads += layer.weight_gradients(steps)
    return grads

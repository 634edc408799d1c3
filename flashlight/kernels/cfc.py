"""Closed-form continuous-time scans: one operator for a sequence through all layers of a cell.

T steps, B sequences, I inputs, N neurons in layers of n. With ``z`` the gates' affine functions of (input, state):
default ``h' = f1 + s (f2 - f1)``, no_gate ``h' = f1 + s f2``, with f = tanh z, s = sigmoid(ts a + b);
pure ``h' = A - A exp(-ts (|w_tau| + |z|)) z`` (Hasani et al. 2022, doi:10.1038/s42256-022-00556-7).
"""

from __future__ import annotations

from typing import NamedTuple

import mlx.core as mx

from .._core.table import Arrays, op
from . import cfc_compiled, cfc_metal, lstm
from .arrays import ROOT2, ROOT2PI, Hosted, Mlx, Numpy, back, on_host, uses_host, wants_gradient

_SCALE, _AMPLITUDE = 0.666, 1.7159


class Plan(NamedTuple):
    """How the tensors of a scan are to be read.

    ``timed``: a tensor of timespans is there, otherwise all are ``span`` (already part of the gates' weights unless ``mode`` is
    pure). ``held``: a mask (T, 1, N) says which neurons are updated. ``dropping``: masks follow the backbone's weights.
    """

    mode: str
    sizes: tuple
    depth: int = 0
    activation: str = "lecun_tanh"
    mixed: bool = False
    timed: bool = False
    span: float = 1.0
    dropping: bool = False
    held: bool = False


class Layer(NamedTuple):
    """The weights of one layer: the backbone's pairs, the gates' pair, (w_tau, A) of the pure mode, dropout masks."""

    backbone: list
    weight: mx.array
    bias: mx.array
    decay: list
    drops: list


class Scan(NamedTuple):
    """The tensors of a scan by name."""

    x: mx.array
    h: mx.array
    c: mx.array | None
    ts: mx.array | None
    hold: mx.array | None
    lstm: list
    layers: list[Layer]


def read(tensors, plan: Plan) -> Scan:
    it = iter(tensors)

    def take(n):
        return [next(it) for _ in range(n)]

    x, h = take(2)
    c = next(it) if plan.mixed else None
    ts = next(it) if plan.timed else None
    hold = next(it) if plan.held else None
    lstm = take(3) if plan.mixed else []
    layers = []
    for _ in plan.sizes:
        backbone = [take(2) for _ in range(plan.depth)]
        weight, bias = take(2)
        decay = take(2) if plan.mode == "pure" else []
        layers.append(Layer(backbone, weight, bias, decay, take(plan.depth - 1) if plan.dropping else []))
    return Scan(x, h, c, ts, hold, lstm, layers)


# --------------------------------------------------------------------------------------------------------- steps and rules
def advance(xp, plan: Plan, z, ts, decay):
    """The new state of one layer from its gates' ``z`` (B, gates * n), and what the gradient reads."""
    if xp is Mlx and cfc_metal.fits(z, *decay):
        return _advance_fused(plan, z, ts, decay)
    if plan.mode == "pure":
        w_tau, a = decay
        rate = xp.abs(w_tau) + xp.abs(z)
        e = xp.exp(-ts * rate)
        return a - a * e * z, (z, e, rate)
    n = z.shape[1] // (4 if plan.timed else 3)
    f = xp.tanh(z[:, : 2 * n])
    f1, f2 = f[:, :n], f[:, n:]
    slope = z[:, 2 * n : 3 * n] if plan.timed else None
    s = xp.sigmoid(ts * slope + z[:, 3 * n :] if plan.timed else z[:, 2 * n :])
    new = f1 + s * (f2 - f1) if plan.mode == "default" else f1 + s * f2
    return new, (f1, f2, s, slope)


def retreat(xp, plan: Plan, g, kept, ts, decay):
    """From the gradient of the new state those of ``z``, the timespan (B, n) and (w_tau, A) before their sum over B."""
    if len(kept) == 1:
        return _retreat_fused(plan, g, *kept, ts, decay)
    if plan.mode == "pure":
        (z, e, rate), (w_tau, a) = kept, decay
        gae = g * a * e
        size = gae * z * ts
        dz = -gae + size * xp.sign(z)
        return dz, gae * z * rate if plan.timed else None, (size * xp.sign(w_tau), g * (1 - e * z))
    f1, f2, s, slope = kept
    d1, d2 = g, g * s
    gate = d2 * (1 - s)
    if plan.mode == "default":
        d1 = g - d2
        gate = gate * (f2 - f1)
    else:
        gate = gate * f2
    d1, d2 = d1 * (1 - f1 * f1), d2 * (1 - f2 * f2)
    if plan.timed:
        return xp.concatenate([d1, d2, gate * ts, gate], axis=1), gate * slope, ()
    return xp.concatenate([d1, d2, gate], axis=1), None, ()


def _pure_inputs(plan: Plan, z, ts, decay):
    return z, ts if plan.timed else mx.array(ts, dtype=z.dtype), *(a.reshape(-1) for a in decay)


def _advance_fused(plan: Plan, z, ts, decay):
    """The same in one kernel, whose gradient reads ``z`` alone."""
    if plan.mode == "pure":
        return cfc_metal.step_pure(*_pure_inputs(plan, z, ts, decay)), (z,)
    return cfc_metal.step(z, ts if plan.timed else None, plan.mode == "no_gate"), (z,)


def _retreat_fused(plan: Plan, g, z, ts, decay):
    if plan.mode == "pure":
        dz, spent, *rest = cfc_metal.step_pure_backward(g, *_pure_inputs(plan, z, ts, decay))
    else:
        dz, spent, *rest = cfc_metal.step_backward(g, z, ts if plan.timed else None, plan.mode == "no_gate")
    return dz, spent if plan.timed else None, tuple(rest)


def remember(xp, z, c):
    """The memory cell's step, gates in the order a i f o with one added to f: (h, c) and what the gradient reads."""
    if xp is Mlx and lstm.fits(z, c):
        h, new_c, gates = lstm.step(z, c, "ncps")
        return h, new_c, (gates, c, new_c)
    n = c.shape[1]
    a = xp.tanh(z[:, :n])
    gates = xp.sigmoid(xp.concatenate([z[:, n : 2 * n], z[:, 2 * n : 3 * n] + 1, z[:, 3 * n :]], axis=1))
    i, f, o = gates[:, :n], gates[:, n : 2 * n], gates[:, 2 * n :]
    new_c = c * f + a * i
    squashed = xp.tanh(new_c)
    return squashed * o, new_c, (a, i, f, o, c, squashed)


def recall(xp, dh, dc, kept):
    """From the gradients of (h, c) those of ``z`` and the former c."""
    if len(kept) == 3:
        return lstm.step_backward(dh, dc, *kept, "ncps")
    a, i, f, o, c, squashed = kept
    dc = dc + dh * o * (1 - squashed * squashed)
    parts = [dc * i * (1 - a * a), dc * a * i * (1 - i), dc * c * f * (1 - f), dh * squashed * o * (1 - o)]
    return xp.concatenate(parts, axis=1), dc * f


def _activate(xp, name: str, z):
    if name == "lecun_tanh":
        return _AMPLITUDE * xp.tanh(_SCALE * z)
    if name == "tanh":
        return xp.tanh(z)
    if name == "relu":
        return z * xp.positive(z)
    if name == "silu":
        return z * xp.sigmoid(z)
    return z * 0.5 * (1 + xp.erf(z / ROOT2))


def _slope(xp, name: str, z, out):
    """The activation's derivative, from its output where that is enough."""
    if name == "lecun_tanh":
        return (_SCALE / _AMPLITUDE) * (_AMPLITUDE * _AMPLITUDE - out * out)
    if name == "tanh":
        return 1 - out * out
    if name == "relu":
        return xp.positive(z)
    if name == "silu":
        s = xp.sigmoid(z)
        return s * (1 + z * (1 - s))
    return 0.5 * (1 + xp.erf(z / ROOT2)) + z * xp.exp(-0.5 * z * z) / ROOT2PI


# ------------------------------------------------------------------------------------------------------------------ forward
def _spans(plan: Plan):
    """The slice of the state each layer has."""
    out, start = [], 0
    for n in plan.sizes:
        out.append(slice(start, start + n))
        start += n
    return out


def _part(ts, where: slice):
    return ts if ts.shape[-1] == 1 else ts[:, where]


def _first(layer: Layer):
    """The weight and bias that meet the layer's input and state."""
    return layer.backbone[0] if layer.backbone else (layer.weight, layer.bias)


def forward(xp, tensors, plan: Plan):
    scan = read(tensors, plan)
    T, B, I = scan.x.shape  # noqa: E741
    flat = scan.x.reshape(T * B, I)
    weight, bias = _first(scan.layers[0])
    projected = (xp.product(flat, xp.turned(weight[:, :I])) + bias).reshape(T, B, -1)
    turned = [xp.turned(weight[:, I:])] + [xp.turned(_first(layer)[0]) for layer in scan.layers[1:]]
    heads = [[xp.turned(w) for w, _ in (*layer.backbone[1:], (layer.weight, 0))] for layer in scan.layers]
    h, c, spans = scan.h, scan.c, _spans(plan)
    if plan.mixed:
        memory = (xp.product(flat, xp.turned(scan.lstm[0])) + scan.lstm[1]).reshape(T, B, -1)
        recurrent = xp.turned(scan.lstm[2])
    states, kept = [], []
    for t in range(T):
        record = [h, None, []]
        if plan.mixed:
            h, c, record[1] = remember(xp, memory[t] + xp.product(h, recurrent), c)
        news, inp = [], None
        for layer, where, first, rest in zip(scan.layers, spans, turned, heads, strict=True):
            before = h[:, where]
            if inp is None:
                z, fed = projected[t] + xp.product(before, first), before
            else:
                fed = xp.concatenate([inp, before], axis=1)
                z = xp.product(fed, first) + _first(layer)[1]
            z, hidden = _through(xp, plan, layer, rest, z, t)
            ts = _part(scan.ts[t], where) if plan.timed else plan.span
            inp, gates = advance(xp, plan, z, ts, layer.decay)
            if plan.held:
                inp = xp.where(scan.hold[t, :, where] > 0, inp, before)
            record[2].append((fed, hidden, gates))
            news.append(inp)
        h = news[0] if len(news) == 1 else xp.concatenate(news, axis=1)
        states.append(h)
        kept.append(record)
    outputs = (xp.stack(states), c) if plan.mixed else (xp.stack(states),)
    return outputs, kept


def _through(xp, plan: Plan, layer: Layer, weights, z, t: int):
    """The backbone from its first affine function's value on: the gates' ``z`` and [(before, after the activation, dropped)]."""
    hidden = []
    for k in range(plan.depth):
        out = _activate(xp, plan.activation, z)
        dropped = out * layer.drops[k - 1][t] if k and plan.dropping else out
        hidden.append((z, out, dropped))
        following = layer.backbone[k + 1][1] if k + 1 < plan.depth else layer.bias
        z = xp.product(dropped, weights[k]) + following
    return z, hidden


# ----------------------------------------------------------------------------------------------------------------- backward
class _Tally:
    """Gradients of the steps, kept to be summed by one product each."""

    def __init__(self, layers):
        self.affine = [[([], []) for _ in range(len(layer.backbone) + 1)] for layer in layers]
        self.decay = [([], []) for _ in layers]
        self.ts, self.memory = [], []


def backward(xp, gs, tensors, plan: Plan, kept):
    scan = read(tensors, plan)
    I, spans = scan.x.shape[2], _spans(plan)  # noqa: E741
    tally = _Tally(scan.layers)
    dh, dc = 0, gs[1] if plan.mixed else None
    for t in range(scan.x.shape[0] - 1, -1, -1):
        _, memory, records = kept[t]
        total = gs[0][t] + dh
        parts, spent, down = [None] * len(spans), [None] * len(spans), 0
        for k in range(len(spans) - 1, -1, -1):
            layer, where = scan.layers[k], spans[k]
            g = total[:, where] + down
            passed = 0
            if plan.held:
                passed = xp.where(scan.hold[t, :, where] > 0, 0 * g, g)
                g = g - passed
            fed, hidden, gates = records[k]
            ts = _part(scan.ts[t], where) if plan.timed else plan.span
            dz, spent[k], decay = retreat(xp, plan, g, gates, ts, layer.decay)
            for store, value in zip(tally.decay[k], decay, strict=False):
                store.append(value)
            dz = _back_through(xp, plan, layer, hidden, dz, t, tally.affine[k])
            tally.affine[k][0][0].append(dz)
            tally.affine[k][0][1].append(fed)
            weight = _first(layer)[0]
            if k == 0:
                parts[k] = xp.product(dz, weight[:, I:]) + passed
            else:
                both = xp.product(dz, weight)
                width = both.shape[1] - plan.sizes[k]
                down, parts[k] = both[:, :width], both[:, width:] + passed
        dh = parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=1)
        if plan.timed:
            tally.ts.append(xp.concatenate(spent, axis=1))
        if plan.mixed:
            dz, dc = recall(xp, dh, dc, memory)
            tally.memory.append(dz)
            dh = xp.product(dz, scan.lstm[2])
    return _sum_up(xp, scan, plan, tally, kept, dh, dc)


def _back_through(xp, plan: Plan, layer: Layer, hidden, dz, t: int, affine):
    """From the gradient of the gates' ``z`` that of the backbone's first affine function."""
    for k in range(plan.depth - 1, -1, -1):
        z, out, dropped = hidden[k]
        affine[k + 1][0].append(dz)
        affine[k + 1][1].append(dropped)
        weight = layer.backbone[k + 1][0] if k + 1 < plan.depth else layer.weight
        d = xp.product(dz, weight)
        if k and plan.dropping:
            d = d * layer.drops[k - 1][t]
        dz = d * _slope(xp, plan.activation, z, out)
    return dz


def _flat(xp, steps):
    """Values noted backwards in time as (T * B, features) in the order of time."""
    a = xp.stack(steps[::-1])
    return a.reshape(-1, a.shape[-1])


def _sum_up(xp, scan: Scan, plan: Plan, tally: _Tally, kept, dh, dc):
    """The gradients of all tensors in their order."""
    T, B, I = scan.x.shape  # noqa: E741
    flat = scan.x.reshape(T * B, I)
    dx, layers = 0, []
    for k, layer in enumerate(scan.layers):
        pairs = []
        for j, (dzs, inputs) in enumerate(tally.affine[k]):
            d, fed = _flat(xp, dzs), _flat(xp, inputs)
            dw = xp.product(d.T, fed)
            if j == 0 and k == 0:
                dw = xp.concatenate([xp.product(d.T, flat), dw], axis=1)
                dx = xp.product(d, _first(layer)[0][:, :I])
            pairs += [dw, d.sum(axis=0)]
        decay = [_flat(xp, values).sum(axis=0, keepdims=True) for values in tally.decay[k] if values]
        layers += [*pairs, *decay, *[None] * len(layer.drops)]
    head = []
    if plan.mixed:
        d = _flat(xp, tally.memory)
        before = xp.stack([record[0] for record in kept]).reshape(T * B, -1)
        dx = dx + xp.product(d, scan.lstm[0])
        head = [xp.product(d.T, flat), d.sum(axis=0), xp.product(d.T, before)]
    spent = []
    if plan.timed:
        a = xp.stack(tally.ts[::-1])
        for axis in (1, 2):
            if scan.ts.shape[axis] == 1:
                a = a.sum(axis=axis, keepdims=True)
        spent = [a]
    return [dx.reshape(T, B, I), dh, *([dc] if plan.mixed else []), *spent, *[None] * plan.held, *head, *layers]


# ---------------------------------------------------------------------------------------------------------------- operators
def _body(tensors, plan):
    return forward(Mlx, tensors, plan)[0]


def _runs_hosted(plan: Plan) -> bool:
    # numpy has no error function
    return uses_host() and (plan.activation != "gelu" or cfc_compiled.built())


def _out(arrays, like) -> tuple:
    return tuple(back(a, like) for a in arrays)


@op(namespace="_", name="cfc", method=False, autocast="low", backward="CfC")
def cfc_sequence(tensors: Arrays, plan) -> mx.array:
    """CfC layers over (T, B, I): the states of all steps (T, B, N) and, with a memory, its last cell (B, N)."""
    return _body(tensors, plan)


@cfc_sequence.vjp
def _(gs, tensors, plan, saved, needs):
    if not isinstance(saved, Hosted):
        return _wanted(backward(Mlx, gs, tensors, plan, saved), needs)
    return _wanted(hosted_gradients(gs, tensors, plan, saved, needs), needs)


def hosted_gradients(gs, tensors, plan: Plan, saved: Hosted, needs) -> list:
    """The gradients of all tensors from what ``hosted`` kept."""
    gs, arrays = [on_host(g) for g in gs], [on_host(a) for a in tensors]
    if saved.compiled:
        grads = cfc_compiled.backward(gs, read(arrays, plan), saved.kept, needs)
    else:
        grads = backward(Numpy, gs, arrays, plan, saved.kept)
    return [None if g is None else back(g, a) for g, a in zip(grads, tensors, strict=True)]


def _wanted(grads, needs):
    return tuple(g if need else None for g, need in zip(grads, needs, strict=True))


def hosted(tensors, plan, keep: bool):
    """The forward pass on the CPU: (outputs, what the gradient reads)."""
    arrays = [on_host(a) for a in tensors]
    scan = read(arrays, plan)
    if cfc_compiled.fits(scan):
        outputs, kept = cfc_compiled.forward(scan, plan, keep)
        return _out(outputs, tensors[0]), Hosted(kept, True)
    outputs, kept = forward(Numpy, arrays, plan)
    return _out(outputs, tensors[0]), Hosted(kept, False)


def _saving(tensors, plan):
    return hosted(tensors, plan, keep=True) if _runs_hosted(plan) else forward(Mlx, tensors, plan)


cfc_sequence.saving(_saving)


@op(namespace="_", name="cfc_inference", method=False, autocast="low", grad=False, host=True)
def cfc_inference(tensors: Arrays, plan) -> mx.array:
    """The same when no gradient is wanted, on the CPU."""
    return hosted(tensors, plan, keep=False)[0]


def cfc(tensors: list, plan: Plan) -> tuple:
    """Run a scan on Tensors: (states, last cell or None)."""
    run = cfc_inference if _runs_hosted(plan) and not wants_gradient(tensors) else cfc_sequence
    out = run.public(tensors, plan)
    return (out[0], out[1]) if plan.mixed else (out[0] if isinstance(out, tuple) else out, None)

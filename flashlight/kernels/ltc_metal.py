"""The Metal kernels of liquid time-constant networks, with their reference in mx operations.

L steps, B sequences, I sources, N units, K unfolds, R rows. ``table`` is a synapse table: weight (mask included), reversal,
slope and centre, (I, N) each, source by target; ``edges`` says which of its entries are synapses when most are not.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .._core.numerics.elementary import sigmoid
from . import launch

MAX_UNITS = 2048  # three floats a unit in a threadgroup's 32 KB
_MAX_THREADS = 512  # of a threadgroup: what a pipeline that needs many registers still takes
_SHARE = 256  # rows that one thread of the weights' gradient adds up, at least
_SLABS = 64 << 20  # bytes that its partial sums may take
_UNUSED = (0,)


class Edges(NamedTuple):
    """The synapses of a sparse table, in order of their targets; ``by_source`` puts them in order of their sources."""

    flat: mx.array  # where they are in the table read row by row
    source: mx.array
    target: mx.array
    start: mx.array  # of each target's synapses, and the end
    by_source: mx.array
    out_target: mx.array  # the targets in order of the sources
    out_start: mx.array


@functools.lru_cache(maxsize=64)
def _edges(mask: bytes, shape: tuple[int, int]) -> Edges:
    present = np.frombuffer(mask, bool).reshape(shape)
    target, source = np.nonzero(present.T)
    by_source = np.lexsort((target, source))

    def starts(of, count):
        return mx.array(np.concatenate([[0], np.cumsum(np.bincount(of, minlength=count))]).astype(np.uint32))

    flat = source * present.shape[1] + target
    lists = [mx.array(a.astype(np.uint32)) for a in (flat, source, target, by_source, target[by_source])]
    flat, source, target, by_source, out_target = lists
    incoming, outgoing = (starts(of, n) for of, n in zip(np.nonzero(present)[::-1], present.shape[::-1]))
    return Edges(flat, source, target, incoming, by_source, out_target, outgoing)


def edges_at(source: np.ndarray, target: np.ndarray, shape: tuple[int, int]) -> Edges:
    """The synapses of a table of this shape from their places."""
    mask = np.zeros(shape, bool)
    mask[source, target] = True
    return edges(mask)


def edges(mask) -> Edges:
    """The synapses where a mask (I, N) is not zero."""
    present = np.asarray(mask) != 0
    return _edges(present.tobytes(), present.shape)


# ------------------------------------------------------------------------------------------------------------- reference
def reference_synapses(rows: mx.array, *table: mx.array) -> list[mx.array]:
    """Sums (R, N) over the sources of what rows (R, I) send: numerators and denominators, in mx operations."""
    x, weight, reversal, slope, centre = launch.widened(rows, *table)
    sent = weight * sigmoid(slope * (x[:, :, None] - centre))
    return [mx.sum(sent * reversal, axis=1).astype(rows.dtype), mx.sum(sent, axis=1).astype(rows.dtype)]


def reference_scan(
    initial,
    numerator,
    denominator,
    weight,
    reversal,
    slope,
    centre,
    leak_drive,
    leak,
    capacitance,
    delta,
    unfolds,
    epsilon,
) -> mx.array:
    """The states (L, B, N) after every step, in mx operations; :func:`scan` says what the arguments are."""
    dtype = initial.dtype
    v, top, bottom, *table, leak_drive, leak, c, delta = launch.widened(
        initial, numerator, denominator, weight, reversal, slope, centre, leak_drive, leak, capacitance, delta
    )
    length = top.shape[0]
    delta = mx.broadcast_to(delta, (length, *delta.shape[1:]))
    states = []
    for t in range(length):
        d = delta[t]
        for _ in range(unfolds):
            inside, below = reference_synapses(v, *table)
            drive = leak_drive + inside + top[t]
            v = (c * v + d * drive) / (c + d * (leak + below + bottom[t] + epsilon))
        states.append(v)
    return mx.stack(states).astype(dtype)


# --------------------------------------------------------------------------------------------------------------- synapses
def _unsigned(*values: int) -> mx.array:
    return mx.array(values, dtype=mx.uint32)


def _rows_grid(columns: int, rows: int) -> dict:
    return {"grid": (columns, rows), "group": (min(256, launch.padded(columns)), 1)}


def _by_source(table, inputs: int, at: Edges | None) -> list[mx.array]:
    """A table in the order in which its sources read it."""
    if at is None:
        return [mx.contiguous(a.reshape(inputs, -1).T) for a in table]
    return [a[at.by_source] for a in table]


def _lists(at: Edges | None, *names: str) -> list[mx.array]:
    return [_unsigned(*_UNUSED) if at is None else getattr(at, name) for name in names]


def _synapses_forward(rows, *table, units: int, at: Edges | None) -> list[mx.array]:
    count, inputs = rows.shape
    out = ((count, units), rows.dtype)
    return launch.run(
        "ltc", "ltc_synapses", [rows, *table, *_lists(at, "start", "source"), _unsigned(inputs)], [out, out],
        **_rows_grid(units, count), T=rows.dtype, SPARSE=at is not None,
    )  # fmt: skip


def _weights_backward(rows, d_top, d_bottom, table, at: Edges | None) -> list[mx.array]:
    """Gradients of a table's four parts from those of the sums (R, N)."""
    count, inputs = rows.shape
    # a synapse has four sums of four bytes in each part
    share = max(_SHARE, -(-count // max(1, _SLABS // (16 * table[0].size))))
    parts = -(-count // share)
    slab = ((parts, table[0].size), mx.float32)
    sizes = _unsigned(inputs, d_top.shape[1], count, share)
    slabs = launch.run(
        "ltc", "ltc_synapses_weights", [rows, d_top, d_bottom, *table, *_lists(at, "source", "target"), sizes], [slab] * 4,
        **_rows_grid(table[0].size, parts), SPARSE=at is not None,
    )  # fmt: skip
    return [mx.sum(a, axis=0).reshape(p.shape).astype(p.dtype) for a, p in zip(slabs, table)]


def _synapses_backward(d_top, d_bottom, rows, *table, at: Edges | None) -> list[mx.array]:
    count, inputs = rows.shape
    turned = _by_source(table, inputs, at)
    d_rows = launch.run(
        "ltc", "ltc_synapses_inputs",
        [rows, d_top, d_bottom, *turned, *_lists(at, "out_start", "out_target"), _unsigned(inputs, d_top.shape[1])],
        [(rows.shape, rows.dtype)], **_rows_grid(inputs, count), T=rows.dtype, SPARSE=at is not None,
    )  # fmt: skip
    return [*d_rows, *_weights_backward(rows, d_top, d_bottom, table, at)]


def _spread(table, shape: tuple[int, int], at: Edges | None) -> list[mx.array]:
    """Lists of synapses as tables, zero where there is none."""
    if at is None:
        return list(table)
    return [mx.zeros(shape[0] * shape[1], dtype=a.dtype).at[at.flat].add(a).reshape(shape) for a in table]


def _gathered(table, at: Edges | None) -> list[mx.array]:
    return list(table) if at is None else [a.reshape(-1)[at.flat] for a in table]


def _limited(table, at: Edges | None) -> list[mx.array]:
    """A table without what is no synapse: nothing flows there, and no gradient comes back."""
    return _spread(_gathered(table, at), table[0].shape, at)


def _synapses_unit(units: int, at: Edges | None):
    def backward(cotangents, inputs, _results):
        return _synapses_backward(*cotangents, *inputs, at=at)

    def plain(rows, *table):
        return reference_synapses(rows, *_spread(table, (rows.shape[1], units), at))

    return launch.differentiable(functools.partial(_synapses_forward, units=units, at=at), backward, plain, outputs=2)


def synapses(rows: mx.array, table: Sequence[mx.array], at: Edges | None = None) -> list[mx.array]:
    """Numerators and denominators (R, N) that rows (R, I) send through a table."""
    if not launch.fits(rows, *table):
        return reference_synapses(rows, *_limited(table, at))
    return list(_synapses_unit(table[0].shape[1], at)(rows, *_gathered(table, at)))


# ------------------------------------------------------------------------------------------------------------------- scan
def _steps(delta: mx.array) -> mx.array:
    """Distances in memory of neighbouring steps, sequences and units in ``delta``, 0 where it is shared."""
    length, rows, units = delta.shape
    return _unsigned(rows * units * (length > 1), units * (rows > 1), int(units > 1))


def _scan_geometry(batch: int, units: int) -> tuple[dict, int]:
    threads = min(launch.padded(units), _MAX_THREADS)
    rows = max(1, 64 // threads)
    return {"grid": (threads, batch), "group": (threads, rows)}, rows


def _scan_forward(initial, numerator, denominator, *rest, unfolds, epsilon, at, trace) -> list[mx.array]:
    """States, and for the gradient v before each unfold and after the last, and the denominators without capacitance."""
    *table, leak_drive, leak, capacitance, delta = rest
    length, batch, units = numerator.shape
    geometry, rows = _scan_geometry(batch, units)
    traced = (batch, length * unfolds + 1, units) if trace else (1,)
    noted = (batch, length * unfolds, units) if trace else (1,)
    inputs = [
        initial, numerator, denominator, *table, leak_drive, leak, capacitance, delta, _steps(delta),
        mx.array([epsilon], dtype=mx.float32), *_lists(at, "start", "source"), _unsigned(length),
    ]  # fmt: skip
    return launch.run(
        "ltc", "ltc_scan", inputs, [(numerator.shape, initial.dtype), (traced, mx.float32), (noted, mx.float32)],
        **geometry, T=initial.dtype, UNITS=units, UNFOLDS=unfolds, ROWS=rows, SPARSE=at is not None, TRACE=trace,
    )  # fmt: skip


def _scan_backward(d_states, trace, totals, arrays, *, unfolds, at) -> list[mx.array]:
    """Gradients of the arrays :func:`_scan_forward` took."""
    initial, numerator, _denominator, *table, _leak_drive, _leak, capacitance, delta = arrays
    length, batch, units = numerator.shape
    geometry, rows = _scan_geometry(batch, units)
    inputs = [
        d_states, trace, totals, *_by_source(table, units, at), capacitance, delta, _steps(delta),
        *_lists(at, "out_start", "out_target"), _unsigned(length),
    ]  # fmt: skip
    quotient, d_initial = launch.run(
        "ltc", "ltc_scan_backward", inputs, [(totals.shape, mx.float32), (initial.shape, mx.float32)],
        **geometry, UNITS=units, UNFOLDS=unfolds, ROWS=rows, SPARSE=at is not None,
    )  # fmt: skip
    per_unfold = (batch, length, unfolds, units)
    before, after = trace[:, :-1], trace[:, 1:]
    shared = delta.swapaxes(0, 1)[:, :, None].astype(mx.float32)
    spread = mx.broadcast_to(shared, per_unfold).reshape(totals.shape)
    d_top = quotient * spread
    d_bottom = -d_top * after
    flat = [a.reshape(-1, units) for a in (before, d_top, d_bottom)]
    d_table = _weights_backward(*flat, table, at)
    top = d_top.reshape(per_unfold).sum(axis=2).swapaxes(0, 1)
    bottom = d_bottom.reshape(per_unfold).sum(axis=2).swapaxes(0, 1)
    d_capacitance = mx.sum(quotient * (before - after), axis=(0, 1))
    d_delta = _delta_gradient(quotient, before, after, totals, arrays, unfolds, at)
    grads = [
        d_initial,
        top,
        bottom,
        *d_table,
        mx.sum(top, axis=(0, 1)),
        mx.sum(bottom, axis=(0, 1)),
        d_capacitance,
        d_delta,
    ]
    return [g.astype(a.dtype) for g, a in zip(grads, arrays)]


def _delta_gradient(quotient, before, after, totals, arrays, unfolds: int, at) -> mx.array:
    """The gradient of delta: the drive is summed again, as dividing by delta would fail at 0. Not computed unless read."""
    _initial, numerator, _denominator, *table, leak_drive, _leak, _capacitance, delta = arrays
    length, batch, units = numerator.shape
    inside, _ = _synapses_forward(before.reshape(-1, units), *table, units=units, at=at)
    drive = leak_drive + mx.repeat(numerator.swapaxes(0, 1), unfolds, axis=1) + inside.reshape(totals.shape)
    whole = (quotient * (drive - after * totals)).reshape(batch, length, unfolds, units)
    whole = whole.sum(axis=2).swapaxes(0, 1)
    axes = [k for k in range(3) if delta.shape[k] == 1]
    return mx.sum(whole, axis=axes, keepdims=True) if axes else whole


def _scan_unit(units: int, unfolds: int, epsilon: float, at: Edges | None):
    launch_it = functools.partial(_scan_forward, unfolds=unfolds, epsilon=epsilon, at=at)

    def plain(*arrays):
        tables = _spread(arrays[3:7], (units, units), at)
        return [reference_scan(*arrays[:3], *tables, *arrays[7:], unfolds, epsilon)]

    def backward(cotangents, inputs, _results):
        # the forward is run again with its trace: keeping it is for :func:`scan_saving`
        _, trace, totals = launch_it(*inputs, trace=True)
        return _scan_backward(*cotangents, trace, totals, inputs, unfolds=unfolds, at=at)

    return launch.differentiable(lambda *arrays: launch_it(*arrays, trace=False)[:1], backward, plain)


def fits(*arrays: mx.array) -> bool:
    """Whether the scan's Metal kernels run: the first array is the initial state (B, N)."""
    return launch.fits(*arrays) and arrays[0].shape[1] <= MAX_UNITS


def scan(
    initial: mx.array, numerator: mx.array, denominator: mx.array, table: Sequence[mx.array], leak_drive: mx.array,
    leak: mx.array, capacitance: mx.array, delta: mx.array, unfolds: int, epsilon: float, at: Edges | None = None,
) -> mx.array:  # fmt: skip
    """The states (L, B, N) after every step.

    ``initial`` (B, N); ``numerator`` and ``denominator`` (L, B, N) are what the inputs send; ``leak_drive`` is leak times
    resting value, ``leak`` and ``capacitance`` (N) are positive; ``delta`` is elapsed / unfolds, (L|1, B|1, N|1).
    """
    arrays = (initial, numerator, denominator, *table, leak_drive, leak, capacitance, delta)
    if not fits(*arrays):
        return reference_scan(*arrays[:3], *_limited(table, at), *arrays[7:], unfolds, epsilon)
    return _scan_unit(initial.shape[1], unfolds, epsilon, at)(*arrays[:3], *_gathered(table, at), *arrays[7:])[0]


class Kept(NamedTuple):
    """What :func:`scan_saving` keeps for :func:`scan_backward`."""

    arrays: list[mx.array]
    trace: mx.array
    totals: mx.array
    unfolds: int
    at: Edges | None


def scan_saving(
    initial, numerator, denominator, table, leak_drive, leak, capacitance, delta, unfolds: int, epsilon: float, at=None
) -> tuple[mx.array, Kept]:
    """The states of :func:`scan` and what its gradient reads: for callers with a rule of their own, where :func:`fits`."""
    arrays = [initial, numerator, denominator, *_gathered(table, at), leak_drive, leak, capacitance, delta]
    states, trace, totals = _scan_forward(*arrays, unfolds=unfolds, epsilon=epsilon, at=at, trace=True)
    return states, Kept(arrays, trace, totals, unfolds, at)


def scan_backward(d_states: mx.array, kept: Kept) -> list[mx.array]:
    """Gradients of the arrays of :func:`scan`, in their order, the table's as tables."""
    arrays, trace, totals, unfolds, at = kept
    grads = _scan_backward(d_states, trace, totals, arrays, unfolds=unfolds, at=at)
    units = arrays[0].shape[1]
    return [*grads[:3], *_spread(grads[3:7], (units, units), at), *grads[7:]]


# --------------------------------------------------------------------------------------------------------------- sequence
class Network(NamedTuple):
    """The arrays of a whole sequence: inputs (L, B, I), the first state, the synapses' tables, and the neurons' (N) each."""

    inputs: mx.array
    initial: mx.array
    own: Sequence[mx.array]
    sensory: Sequence[mx.array]
    leak: mx.array
    resting: mx.array
    capacitance: mx.array
    delta: mx.array


class Rules(NamedTuple):
    """What is fixed about a network: its unfolds, epsilon, and the synapses of its tables where they are few."""

    unfolds: int
    epsilon: float
    own: Edges | None = None
    sensory: Edges | None = None


def fits_network(net: Network) -> bool:
    """Whether the Metal kernels run for a network."""
    return fits(net.initial, net.inputs, *net.own, *net.sensory, *net[4:])


def _rows(a: mx.array) -> mx.array:
    return a.reshape(-1, a.shape[-1])


def sequence(net: Network, rules: Rules) -> mx.array:
    """The states (L, B, N) of a network without a memory cell."""
    shape = (*net.inputs.shape[:2], net.initial.shape[1])
    sent = [a.reshape(shape) for a in synapses(_rows(net.inputs), net.sensory, rules.sensory)]
    drive = net.leak * net.resting
    return scan(
        net.initial,
        *sent,
        net.own,
        drive,
        net.leak,
        net.capacitance,
        net.delta,
        rules.unfolds,
        rules.epsilon,
        rules.own,
    )


def sequence_saving(net: Network, rules: Rules) -> tuple[mx.array, Kept]:
    """The states and what :func:`sequence_backward` reads, where :func:`fits_network`."""
    units = net.initial.shape[1]
    table = _gathered(net.sensory, rules.sensory)
    sent = _synapses_forward(_rows(net.inputs), *table, units=units, at=rules.sensory)
    sent = [a.reshape(*net.inputs.shape[:2], units) for a in sent]
    drive = net.leak * net.resting
    return scan_saving(
        net.initial,
        *sent,
        net.own,
        drive,
        net.leak,
        net.capacitance,
        net.delta,
        rules.unfolds,
        rules.epsilon,
        rules.own,
    )


def sequence_backward(d_states: mx.array, net: Network, rules: Rules, kept: Kept) -> Network:
    """The gradients of a network's arrays, each in its place."""
    d_initial, d_top, d_bottom, *own, d_drive, d_leak, d_capacitance, d_delta = scan_backward(d_states, kept)
    table = _gathered(net.sensory, rules.sensory)
    d_inputs, *sensory = _synapses_backward(_rows(d_top), _rows(d_bottom), _rows(net.inputs), *table, at=rules.sensory)
    return Network(
        d_inputs.reshape(net.inputs.shape),
        d_initial,
        own,
        _spread(sensory, net.sensory[0].shape, rules.sensory),
        d_leak + d_drive * net.resting,
        d_drive * net.leak,
        d_capacitance,
        d_delta,
    )

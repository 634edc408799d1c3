"""Every kernel beside its reference on random inputs: what ``flashlight doctor`` and the tests run."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from . import cfc_metal, gru, lstm, ltc_metal

UNFOLDS, EPSILON, INPUTS = 3, 1e-8, 5


class Size(NamedTuple):
    """Sequences, steps and units of a case."""

    batch: int
    length: int
    units: int


class Case(NamedTuple):
    """A function that chooses its kernel, its reference, and their inputs."""

    name: str
    function: Callable
    reference: Callable
    inputs: Callable[[Size, np.random.Generator], list[np.ndarray]]


def _lstm(order: str) -> Case:
    def inputs(size: Size, rng):
        return [rng.normal(size=(size.batch, n * size.units)) for n in (4, 1)]

    return Case(
        f"LSTM step, {order} order",
        lambda *arrays: list(lstm.step(*arrays, order)[:2]),
        lambda *arrays: list(lstm.reference(*arrays, order)[:2]),
        inputs,
    )


def _gru() -> Case:
    def inputs(size: Size, rng):
        return [rng.normal(size=(size.batch, n * size.units)) for n in (3, 3, 1)]

    return Case("GRU step", lambda *a: [gru.step(*a)[0]], lambda *a: [gru.reference(*a)[0]], inputs)


def _cfc(name: str, no_gate: bool, merged: bool = False, whole: bool = False) -> Case:
    def inputs(size: Size, rng):
        if merged:
            return [rng.normal(size=(size.batch, 3 * size.units))]
        elapsed = rng.uniform(size=(size.batch, size.units if whole else 1))
        return [rng.normal(size=(size.batch, 4 * size.units)), elapsed]

    def of(function):
        return lambda gates, elapsed=None: [function(gates, elapsed, no_gate)]

    return Case(f"CfC step, {name}", of(cfc_metal.step), of(cfc_metal.reference), inputs)


def _pure() -> Case:
    def inputs(size: Size, rng):
        shapes = ((size.batch, size.units), (size.units,), (size.units,))
        gates, decay, amplitude = (rng.normal(size=shape) for shape in shapes)
        return [gates, rng.uniform(size=()), decay, amplitude]

    return Case(
        "CfC step, pure", lambda *a: [cfc_metal.step_pure(*a)], lambda *a: [cfc_metal.reference_pure(*a)], inputs
    )


def _mask(sources: int, units: int) -> np.ndarray:
    """About one synapse in five; a unit without any, and one fed by all."""
    mask = np.random.default_rng(sources * units).random((sources, units)) < 0.2
    mask[:, 0], mask[:, -1] = False, True
    return mask


def synapses(sources: int, units: int, rng, sparse: bool) -> list[np.ndarray]:
    """(P, E, sig, mu) of random synapses, each (sources, units); P is 0 where there is none."""
    shape = (sources, units)
    weight = rng.uniform(0.01, 1, shape) * (_mask(*shape) if sparse else 1)
    return [weight, rng.choice([-1.0, 1.0], shape), rng.uniform(3, 8, shape), rng.uniform(0.3, 0.8, shape)]


def _at(table, sparse: bool):
    return ltc_metal.edges(_mask(*table[0].shape)) if sparse else None


def _limited(table, sparse: bool) -> list[mx.array]:
    return [a * mx.array(_mask(*a.shape)).astype(a.dtype) for a in table] if sparse else list(table)


def _synapses(sparse: bool) -> Case:
    def inputs(size: Size, rng):
        rows = rng.normal(size=(size.batch * size.length, INPUTS))
        return [rows, *synapses(INPUTS, size.units, rng, sparse)]

    return Case(
        f"LTC synapses, {'sparse' if sparse else 'dense'}",
        lambda rows, *table: ltc_metal.synapses(rows, table, _at(table, sparse)),
        lambda rows, *table: ltc_metal.reference_synapses(rows, *_limited(table, sparse)),
        inputs,
    )


def _scan(sparse: bool, per_step: bool) -> Case:
    def inputs(size: Size, rng):
        batch, length, units = size
        sent = rng.normal(size=(length, batch, units)), rng.uniform(size=(length, batch, units))
        leak_drive, leak, capacitance = rng.normal(size=units), rng.uniform(size=units), rng.uniform(0.4, 0.6, units)
        delta = rng.uniform(0.01, 0.3, (length, batch, 1) if per_step else (1, 1, 1))
        table = synapses(units, units, rng, sparse)
        return [rng.normal(size=(batch, units)), *sent, *table, leak_drive, leak, capacitance, delta]

    def function(*arrays):
        table = arrays[3:7]
        return [ltc_metal.scan(*arrays[:3], table, *arrays[7:], UNFOLDS, EPSILON, _at(table, sparse))]

    def reference(*arrays):
        table = _limited(arrays[3:7], sparse)
        return [ltc_metal.reference_scan(*arrays[:3], *table, *arrays[7:], UNFOLDS, EPSILON)]

    return Case(f"LTC scan, {'sparse' if sparse else 'dense'}", function, reference, inputs)


CASES = (
    _lstm("torch"),
    _lstm("ncps"),
    _gru(),
    _cfc("default", no_gate=False),
    _cfc("no_gate", no_gate=True, whole=True),
    _cfc("merged time", no_gate=False, merged=True),
    _pure(),
    _synapses(sparse=False),
    _synapses(sparse=True),
    _scan(sparse=False, per_step=True),
    _scan(sparse=True, per_step=False),
)


def arrays(case: Case, size: Size, dtype: mx.Dtype) -> list[mx.array]:
    """A case's inputs; the same values each time."""
    drawn = case.inputs(size, np.random.default_rng(7))
    return [mx.array(a.astype(np.float32)).astype(dtype) for a in drawn]


def cotangents(function: Callable, given: list[mx.array]) -> list[mx.array]:
    """Gradients of a function's outputs, the same each time."""
    rng = np.random.default_rng(11)
    drawn = [rng.normal(size=a.shape).astype(np.float32) for a in function(*given)]
    return [mx.array(a).astype(given[0].dtype) for a in drawn]


def with_gradients(function: Callable, given: list[mx.array]) -> list[mx.array]:
    """A function's outputs and the gradients of all its inputs, for cotangents that are the same each time."""
    outputs, gradients = mx.vjp(function, given, cotangents(function, given))
    return [*outputs, *gradients]


def error(got: list[mx.array], wanted: list[mx.array]) -> float:
    """The largest difference, each array's in units of its largest value where that is above 1; NaN counts as infinite."""
    worst = 0.0
    for a, b in zip(got, wanted, strict=True):
        x, y = (np.array(v.astype(mx.float32)).astype(np.float64) for v in (a, b))
        differs = np.abs(x - y).max(initial=0) / max(1.0, np.abs(y).max(initial=0))
        worst = max(worst, float("inf") if np.isnan(differs) else float(differs))
    return worst

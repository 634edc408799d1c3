"""Whole scans compiled for the CPU, beside the same scans in numpy and in MLX operations: what ``flashlight doctor`` runs."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from . import cfc, ltc
from .arrays import Mlx, Numpy, on_host
from .cases import EPSILON, INPUTS, UNFOLDS, Size, error, synapses


class Scan(NamedTuple):
    """A scan: the module that has it, its plan for a size, and its tensors."""

    name: str
    module: ModuleType
    plan: Callable[[Size], NamedTuple]
    inputs: Callable[[Size, np.random.Generator], list[np.ndarray]]


def _cfc(mode: str) -> Scan:
    def inputs(size: Size, rng):
        (batch, length, units), hidden = size, 2 * size.units
        gates = units if mode == "pure" else 4 * units
        shapes = ((hidden, INPUTS + units), (hidden,), (gates, hidden), (gates,))
        weights = [rng.normal(size=shape) / np.sqrt(shape[-1]) for shape in shapes]
        decay = [rng.normal(size=(1, units)) for _ in range(2)] if mode == "pure" else []
        states = rng.normal(size=(length, batch, INPUTS)), rng.normal(size=(batch, units))
        return [*states, rng.uniform(size=(length, batch, 1)), *weights, *decay]

    return Scan(f"CfC, {mode}", cfc, lambda size: cfc.Plan(mode, (size.units,), depth=1, timed=True), inputs)


def _ltc(sparse: bool) -> Scan:
    def inputs(size: Size, rng):
        batch, length, units = size
        seen = rng.normal(size=(length, batch, INPUTS))
        tables = [*synapses(units, units, rng, sparse), *synapses(INPUTS, units, rng, sparse)]
        leak = rng.uniform(size=units), rng.normal(size=units), rng.uniform(0.4, 0.6, units)
        return [seen, seen, rng.normal(size=(batch, units)), *tables, *leak]

    def plan(size: Size):
        masks = [synapses(n, size.units, np.random.default_rng(0), sparse)[0] != 0 for n in (size.units, INPUTS)]
        return ltc.Plan(UNFOLDS, EPSILON, *(ltc.places(mask) if sparse else None for mask in masks))

    return Scan(f"LTC, {'sparse' if sparse else 'dense'}", ltc, plan, inputs)


SCANS = (_cfc("default"), _cfc("no_gate"), _cfc("pure"), _ltc(sparse=False), _ltc(sparse=True))


def arrays(scan: Scan, size: Size, dtype: mx.Dtype) -> list[mx.array]:
    """A scan's tensors; the same values each time."""
    drawn = scan.inputs(size, np.random.default_rng(5))
    return [mx.array(a.astype(np.float32)).astype(dtype) for a in drawn]


def compiled(scan: Scan, plan, given: list[mx.array]) -> list[mx.array]:
    """The states and the gradients of all tensors, by what runs without a GPU."""
    states, kept = scan.module.hosted(given, plan, keep=True)
    needs = [True] * len(given)
    return [*states, *_there(scan.module.hosted_gradients([mx.cos(s) for s in states], given, plan, kept, needs))]


def plain(xp, scan: Scan, plan, given: list) -> list:
    """The same in operations of MLX or numpy."""
    given = [on_host(a) for a in given] if xp is Numpy else given
    states, kept = scan.module.forward(xp, given, plan)
    cos = np.cos if xp is Numpy else mx.cos
    return [*states, *_there(scan.module.backward(xp, [cos(s) for s in states], given, plan, kept))]


def _there(values) -> list:
    return [v for v in values if v is not None]  # a sequence has no gradient where nothing reads it


def wrong_by(scan: Scan, size: Size) -> float:
    """The largest error of a compiled scan in float32, against MLX operations in float64."""
    plan = scan.plan(size)
    wanted = plain(Mlx, scan, plan, arrays(scan, size, mx.float64))
    return error(compiled(scan, plan, arrays(scan, size, mx.float32)), wanted)

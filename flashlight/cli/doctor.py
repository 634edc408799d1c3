"""``flashlight doctor``: runs every fused kernel on this machine, beside its reference."""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial
from typing import NamedTuple

import mlx.core as mx
import numpy as np

from flashlight._core import device
from flashlight.cli.parser import FAILED, Parser
from flashlight.kernels import compiled, launch, scans
from flashlight.kernels.arrays import Numpy
from flashlight.kernels.cases import CASES, Case, Size, arrays, cotangents, error, with_gradients

_DESCRIPTION = """\
Run every fused kernel, values and gradients, and compare with the same steps in float64 on the CPU.

With a Metal GPU the kernels themselves run, and their speed is that of the plain MLX steps over theirs. Without one
there is nothing to run them on: the plain steps are checked, and nothing is said about any GPU. What runs instead, liquid
scans compiled for the processor, is checked in the same way, its speed being that of the same scans in numpy.
"""
_NAMES = {mx.float32: "float32", mx.float16: "float16", mx.bfloat16: "bfloat16"}
# a few roundings of each type, in units of an array's largest value
_ALLOWED = {mx.float32: 2e-5, mx.float16: 4e-3, mx.bfloat16: 3e-2}
_ROUNDS = 20


class _Finding(NamedTuple):
    """What was found for one case."""

    name: str
    errors: list[float]
    speed: tuple[float, float] | None  # forward, forward and gradient
    trouble: str | None

    @property
    def fine(self) -> bool:
        return self.trouble is None and all(e <= _ALLOWED[d] for e, d in zip(self.errors, launch.DTYPES, strict=False))


def main(argv: list[str]) -> int:
    """Print the report; exit code 1 when a kernel is wrong or does not run."""
    given = _arguments(argv)
    size = Size(given.batch, given.length, given.units)
    print(_heading(size))
    findings = [_examine(case, size) for case in CASES]
    _print_table(findings)
    if not device.GPU:
        findings += _scans(size)
    bad = [f for f in findings if not f.fine]
    for finding in bad:
        if finding.trouble is not None:
            print(f"\n{finding.name}: {finding.trouble}")
    print(f"\n{len(findings) - len(bad)} of {len(findings)} fine")
    return FAILED if bad else 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="flashlight doctor", description=_DESCRIPTION)
    for name, default, what in (("batch", 16, "sequences"), ("length", 16, "steps"), ("units", 64, "units of a layer")):
        parser.add_argument(
            f"--{name}", type=_positive, default=default, metavar="N", help=f"{what} (default {default})"
        )
    return parser.parse_args(argv)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, not '{text}'")
    return int(text)


def _heading(size: Size) -> str:
    where = (
        "Metal: the kernels run on the GPU"
        if device.GPU
        else "Metal is not there: only the reference paths are checked"
    )
    name = mx.device_info().get("device_name", "")
    sizes = ", ".join(f"{field} {value}" for field, value in zip(size._fields, size))
    return f"{where}{f' ({name})' if device.GPU and name else ''}\n{sizes}; largest error against float64\n"


def _examine(case: Case, size: Size) -> _Finding:
    try:
        errors = [_error(case, size, dtype) for dtype in launch.DTYPES]
        speed = _speed(case, size) if device.GPU else None
    except (RuntimeError, ValueError) as problem:  # a source that Metal's compiler refuses, or a launch it cannot make
        return _Finding(case.name, [], None, str(problem))
    return _Finding(case.name, errors, speed, None)


def _error(case: Case, size: Size, dtype: mx.Dtype) -> float:
    given = arrays(case, size, dtype)
    got = with_gradients(case.function, given)
    mx.eval(got)
    with device.cpu_stream():
        wanted = with_gradients(case.reference, [a.astype(mx.float64) for a in given])
        mx.eval(wanted)
        return error(got, wanted)


def _speed(case: Case, size: Size) -> tuple[float, float]:
    given = arrays(case, size, mx.float32)
    above = cotangents(case.reference, given)
    plain, full = [], []
    for function in (case.function, case.reference):
        plain.append(_seconds(lambda f=function: f(*given)))
        full.append(_seconds(lambda f=function: mx.vjp(f, given, above)))
    return plain[1] / plain[0], full[1] / full[0]


def _scans(size: Size) -> list[_Finding]:
    """The compiled scans' findings, printed."""
    print(f"\ncompiled scans: {compiled.status()}")
    findings = []
    if not all(compiled.available(family, np.float32) for family in ("cfc", "ltc")):
        return findings
    width = max(len(scan.name) for scan in scans.SCANS)
    print(f"{'scan':<{width}}  {'float32':>9}  {'to numpy':>9}")
    for scan in scans.SCANS:
        finding = _Finding(scan.name, [scans.wrong_by(scan, size)], None, None)
        given = scan, scan.plan(size), scans.arrays(scan, size, mx.float32)
        fast, slow = _seconds(partial(scans.compiled, *given)), _seconds(partial(scans.plain, Numpy, *given))
        verdict = "ok" if finding.fine else "WRONG"
        print(f"{scan.name:<{width}}  {finding.errors[0]:>9.1e}  {slow / fast:>8.1f}x  {verdict}")
        findings.append(finding)
    return findings


def _seconds(run) -> float:
    mx.eval(run())  # compiles
    taken = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        mx.eval(run())
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _print_table(findings: list[_Finding]) -> None:
    width = max(len(f.name) for f in findings)
    titles = [f"{_NAMES[d]:>9}" for d in launch.DTYPES] + (["  forward", " gradient"] if device.GPU else [])
    print(f"{'step' if not device.GPU else 'kernel':<{width}}  {'  '.join(titles)}")
    for finding in findings:
        cells = [f"{e:>9.1e}" for e in finding.errors] or [f"{'-':>9}"] * len(launch.DTYPES)
        if device.GPU:
            cells += [f"{ratio:>8.1f}x" for ratio in finding.speed] if finding.speed else [f"{'-':>9}"] * 2
        print(f"{finding.name:<{width}}  {'  '.join(cells)}  {'ok' if finding.fine else 'WRONG'}")

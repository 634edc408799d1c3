"""Training steps of liquid layers under flashlight and under ncps on PyTorch: ``python -m benchmarks.liquid``.

Batch 32, length 100, 20 features, 64 units, Adam. Each library runs in a process of its own, since their threads would spin
against each other's, with the threads it uses by default; the processes take turns. Wall-clock milliseconds of a step, the
median of each turn and the better of the turns. The ratio is what counts, the milliseconds are this machine's.
Needs ``ncps`` and ``torch``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time

KINDS = [(layer, wired) for layer in ("CfC", "LTC") for wired in (False, True)]


def _layer(library: str, kind: str, wired: bool):
    if library == "flashlight":
        liquid = importlib.import_module("flashlight.liquid")
        return getattr(liquid, kind)(20, liquid.AutoNCPMap(64, 8) if wired else 64)
    wirings = importlib.import_module("ncps.wirings")
    return getattr(importlib.import_module("ncps.torch"), kind)(20, wirings.AutoNCP(64, 8) if wired else 64)


def _step(library: str, kind: str, wired: bool):
    lib = importlib.import_module(library)
    lib.manual_seed(0)
    layer = _layer(library, kind, wired)
    optimizer = lib.optim.Adam(layer.parameters(), lr=1e-3)
    x = lib.randn(32, 100, 20)

    def step() -> None:
        optimizer.zero_grad()
        y, _ = layer(x)
        loss = (y * y).mean()
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def _seconds(step) -> float:
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def _measured(library: str, steps: int) -> list:
    """The median seconds of a step of each kind of layer."""
    found = []
    for kind in KINDS:
        step = _step(library, *kind)
        step()
        found.append(statistics.median(_seconds(step) for _ in range(steps)))
    return found


def _turn(library: str, steps: int) -> list:
    command = [sys.executable, "-m", "benchmarks.liquid", "--library", library, "--steps", str(steps)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.liquid", description=__doc__)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--library", choices=("flashlight", "torch"), help="print the seconds of one library alone")
    options = parser.parse_args()
    if options.library:
        print(json.dumps(_measured(options.library, options.steps)))
        return
    turns = [[_turn(library, options.steps) for library in ("flashlight", "torch")] for _ in range(options.turns)]
    print(f"{'layer':22s} {'flashlight ms':>14s} {'ncps ms':>10s} {'times':>7s}")
    for k, (kind, wired) in enumerate(KINDS):
        ours, theirs = (1e3 * min(turn[side][k] for turn in turns) for side in (0, 1))
        name = f"{kind} {'AutoNCP(64, 8)' if wired else 'all connected'}"
        print(f"{name:22s} {ours:14.1f} {theirs:10.1f} {theirs / ours:7.1f}")


if __name__ == "__main__":
    main()

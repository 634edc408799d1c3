"""Prints the table: one training step of each model under flashlight and hand-written in MLX.

Process CPU time of interleaved rounds, medians; the ratio is what counts, the milliseconds are this machine's.
"""

from __future__ import annotations

import argparse
import statistics
import time

import mlx.core as mx

from . import models


def measure(steps: dict, rounds: int, repeat: int) -> dict:
    """Median seconds (CPU, building) of each step, interleaved."""
    times = {name: [] for name in steps}
    for step in steps.values():
        for _ in range(3):
            mx.eval(step())
    for _ in range(rounds):
        for name, step in steps.items():
            mx.synchronize()
            begin = time.process_time()
            for _ in range(repeat):
                mx.eval(step())
            mx.synchronize()
            times[name].append((time.process_time() - begin) / repeat)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "models", nargs="*", default=sorted(models.MODELS), help="which models: " + ", ".join(sorted(models.MODELS))
    )
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(f"{'model':10s} {'flashlight ms':>14s} {'mlx ms':>10s} {'ratio':>7s}")
    for name in options.models:
        ours, theirs, repeat = models.MODELS[name]()
        result = measure({"flashlight": ours, "mlx": theirs}, options.rounds, repeat)
        ratio = result["flashlight"] / result["mlx"]
        print(f"{name:10s} {result['flashlight'] * 1e3:14.2f} {result['mlx'] * 1e3:10.2f} {ratio:7.2f}")


if __name__ == "__main__":
    main()

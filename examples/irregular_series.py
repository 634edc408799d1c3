"""Forecast a real, irregularly sampled series with CfC, LTC and LSTM: CO2 in the air at Mauna Loa, 1958 to 2001.

python examples/irregular_series.py            a few minutes on a CPU
python examples/irregular_series.py --quick    seconds, to see that it runs

Weeks without a reading are missing from the data, 18 in a row in 1964. To make the sampling harder, a network sees only 48 of
the readings of each four-year window, drawn at random: neighbours are one week to some months apart. From each reading it
forecasts the change until the next one. CfC and LTC are told the gap as the time their state runs for; the LSTM, which
has no time, reads it as a second input.
"""

import argparse
import csv
import datetime
import pathlib
import time

import curves
import numpy as np

import flashlight as torch
import flashlight.nn as nn
from flashlight.liquid import LTC, CfC
from flashlight.liquid.ncps.wirings import AutoNCP

DATA = pathlib.Path(__file__).parent / "data" / "co2_mauna_loa.csv"
WEEKS, READINGS, UNITS = 208, 48, 32
SPLIT = datetime.date(1990, 1, 1)  # networks learn from the years before and are judged by those after
MONTH = 4.0  # weeks; the unit of the gaps


def read_series():
    """(weeks since the first reading, ppm, the first index of the years to be judged by)."""
    with open(DATA, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    dates = [datetime.date.fromisoformat(row["date"]) for row in rows]
    weeks = np.array([(day - dates[0]).days / 7 for day in dates])
    return weeks, np.array([float(row["co2"]) for row in rows]), sum(day < SPLIT for day in dates)


def draw_windows(weeks, ppm, count, rng):
    """Inputs (count, T, 1), gaps to the next reading (count, T) and changes until then (count, T, 1)."""
    inputs, gaps, changes = [], [], []
    for start in rng.uniform(weeks[0], weeks[-1] - WEEKS, count):
        inside = np.flatnonzero((weeks >= start) & (weeks < start + WEEKS))
        chosen = np.sort(rng.choice(inside, READINGS + 1, replace=False))
        values = ppm[chosen]
        inputs.append((values[:-1] - values[0]) / 5)
        gaps.append(np.diff(weeks[chosen]) / MONTH)
        changes.append(np.diff(values))
    made = [np.stack(part).astype(np.float32) for part in (inputs, gaps, changes)]
    return torch.from_numpy(made[0]).unsqueeze(-1), torch.from_numpy(made[1]), torch.from_numpy(made[2]).unsqueeze(-1)


class LSTM(nn.Module):
    """An LSTM that reads the gaps as inputs."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, UNITS, batch_first=True)
        self.out = nn.Linear(UNITS, 1)

    def forward(self, x, gaps):
        return self.out(self.lstm(torch.cat([x, gaps.unsqueeze(-1)], -1))[0])


class Liquid(nn.Module):
    """A liquid layer that runs through the gaps."""

    def __init__(self, layer, width):
        super().__init__()
        self.layer, self.out = layer, nn.Linear(width, 1)

    def forward(self, x, gaps):
        return self.out(self.layer(x, timespans=gaps)[0])


MODELS = {
    "LSTM": LSTM,
    "CfC": lambda: Liquid(CfC(1, UNITS, backbone_units=UNITS), UNITS),
    "LTC": lambda: Liquid(LTC(1, AutoNCP(UNITS, 8)), 8),
    # a season is longer than the time constants an LTC learns easily: a memory cell beside it keeps it
    "LTC, memory": lambda: Liquid(LTC(1, AutoNCP(UNITS, 8), mixed_memory=True), 8),
}


def judged(y, target):
    """Root mean square error in ppm over the second half of the windows, where a year and more has been seen."""
    half = READINGS // 2
    return (y[:, half:] - target[:, half:]).square().mean().sqrt().item()


def train(model, weeks, ppm, held_out, steps, every):
    """(curve of held-out errors, seconds a step)."""
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    curve, taken = [], 0.0
    for step in range(1, steps + 1):
        x, gaps, target = draw_windows(weeks, ppm, 32, rng)
        start = time.perf_counter()
        loss = nn.functional.mse_loss(model(x, gaps), target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        loss.item()
        taken += time.perf_counter() - start
        if step % every == 0 or step == steps:
            with torch.no_grad():
                curve.append((step, judged(model(*held_out[:2]), held_out[2])))
    return curve, taken / steps


def main():
    parser = argparse.ArgumentParser(description="CO2 at Mauna Loa with CfC, LTC and LSTM.")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    parser.add_argument("--curves", metavar="FOLDER", help="write the training curves there")
    options = parser.parse_args()
    steps, every = (6, 3) if options.quick else (options.steps, 25)
    weeks, ppm, split = read_series()
    held_out = draw_windows(weeks[split:], ppm[split:], 16 if options.quick else 256, np.random.default_rng(1))
    found, rows = {}, []
    for name, make in MODELS.items():
        torch.manual_seed(0)
        model = make()
        found[name], seconds = train(model, weeks[:split], ppm[:split], held_out, steps, every)
        count = sum(p.numel() for p in model.parameters())
        rows.append((name, count, found[name][-1][1], 1e3 * seconds))
        print(f"{name} done", flush=True)
    where = "Metal" if torch.backends.mps.is_available() else "CPU backend"
    print(f"\nerror on readings of 1990 to 2001, {steps} steps, {where}")
    print(f"{'model':12}{'parameters':>12}{'RMSE, ppm':>12}{'ms a step':>12}")
    for name, count, error, milliseconds in rows:
        print(f"{name:12}{count:12}{error:12.3f}{milliseconds:12.1f}")
    print(f"{'no change':24}{judged(torch.zeros_like(held_out[2]), held_out[2]):12.3f}")
    if options.curves:
        curves.save(options.curves, "irregular_series", found, ("step", "held-out RMSE, ppm"))


if __name__ == "__main__":
    main()

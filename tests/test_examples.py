"""The examples give PyTorch's output, line for line."""

from __future__ import annotations

import csv
import math
import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


def output(*command) -> list[str]:
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_char_gpt_prints_torchs_losses():
    script = (EXAMPLES / "char_gpt.py", "--steps", "20")
    ours, theirs = output("-m", "flashlight", "run", *script), output(*script)
    assert ours[0] == theirs[0] and ours[0].startswith("step   20")


@pytest.mark.parametrize("name, models", [("irregular_series", 5), ("sequential_digits", 3)])
def test_liquid_layers_beside_an_lstm(name, models, tmp_path):
    lines = output(EXAMPLES / f"{name}.py", "--quick", "--curves", tmp_path)
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("model ")) + 1 :][:models]
    assert table[0].startswith("LSTM ") and all(float(line.split()[-1]) >= 0 for line in table)
    with open(tmp_path / f"{name}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0][0] == "model" and {row[0] for row in rows[1:]} >= {"LSTM", "CfC", "LTC"}
    assert all(math.isfinite(float(row[2])) for row in rows[1:])


def test_a_run_goes_back_and_forth(tmp_path):
    script = EXAMPLES / "resume.py"
    whole = output(script, tmp_path / "torch.pth") + output(script, tmp_path / "torch.pth")
    mixed = output(script, tmp_path / "a.pth") + output("-m", "flashlight", "run", script, tmp_path / "a.pth")
    assert [line.split("loss")[0] for line in mixed] == [line.split("loss")[0] for line in whole]
    other = output("-m", "flashlight", "run", script, tmp_path / "b.pth") + output(script, tmp_path / "b.pth")
    for runs in (mixed, other):
        for line, expected in zip(runs, whole, strict=True):
            assert abs(float(line.split()[3]) - float(expected.split()[3])) < 2e-6
            assert line.split()[5] == expected.split()[5]

"""``flashlight demo``: what it ships, what it prints, what it leaves behind."""

import re
from pathlib import Path

import numpy as np
import torch

DEMO = Path(__file__).resolve().parents[2] / "flashlight" / "demo"


def test_shipped_files_are_small():
    sizes = {path.name: path.stat().st_size for path in DEMO.iterdir() if path.is_file()}
    assert {"digits.npz", "digits_cnn.pth", "digits_torch.npz", "train_digits.py"} <= set(sizes)
    assert sum(sizes.values()) < 1_000_000


def test_demo_agrees_with_pytorch_and_its_weights_load_there(tmp_path, flashlight):
    result = flashlight("demo", "--out", "results")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count(": ok)") == 2
    accuracy = float(re.search(r"test accuracy +([\d.]+) %", result.stdout)[1])
    assert accuracy > 99
    weights = torch.load(tmp_path / "results" / "digits.pth", weights_only=True)
    assert weights["features.0.weight"].shape == (16, 1, 3, 3)
    with np.load(DEMO / "digits_torch.npz") as recorded:
        losses = np.loadtxt(tmp_path / "results" / "losses.csv", delimiter=",", skiprows=1)[:, 1]
        assert np.abs(losses - recorded["losses"]).max() <= 1e-3


def test_recorded_curve_is_what_pytorch_prints_here(tmp_path, python):
    result = python(DEMO / "train_digits.py", "--epochs", "6", "--log", "log.csv", OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr
    with np.load(DEMO / "digits_torch.npz") as recorded:
        losses = np.loadtxt(tmp_path / "log.csv", delimiter=",", skiprows=1)[:, 1]
        first_with_dropout_drawn_by_mkl = abs(losses[0] - recorded["losses"][0]) > 1e-5
        assert first_with_dropout_drawn_by_mkl or np.abs(losses - recorded["losses"]).max() < 1e-3


def test_demo_says_so_when_the_results_cannot_be_written(tmp_path, flashlight):
    (tmp_path / "taken").write_text("a file, not a folder")
    result = flashlight("demo", "--out", "taken")
    assert result.returncode == 1
    assert result.stderr.startswith("flashlight demo: ")
    assert result.stderr.count("\n") == 1

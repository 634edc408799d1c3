"""``flashlight demo``: what it ships, what it prints, what it leaves behind."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import torch

from flashlight.demo import curves

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


def test_text_plot_marks_where_curves_agree_and_where_they_part():
    first = np.geomspace(2, 0.01, 50)
    same = curves.text_plot(first, first, ("a", "b"), width=20, height=8).split("\n")
    assert "".join(same[:8]).count("*") == 20
    assert same[-2].endswith("step 50")
    apart = "".join(curves.text_plot(first, first * 4, ("a", "b"), width=20, height=8).split("\n")[:8])
    assert (apart.count("o"), apart.count("+"), apart.count("*")) == (20, 20, 0)


def test_text_digits_put_images_side_by_side():
    images = np.zeros((2, 8, 8), np.uint8)
    images[1, 0, 0] = 16
    rows = curves.text_digits(images, ["zero", "one"]).split("\n")
    assert len(rows) == 9
    assert rows[0].index(rows[0].strip()[0]) == 16 + 3
    assert rows[8].split() == ["zero", "one"]


def test_picture_needs_matplotlib(tmp_path):
    losses = np.geomspace(2, 0.01, 50)
    drawn = curves.png_plot(tmp_path / "curves.png", losses, losses * 1.001, ("a", "b"))
    assert drawn == (importlib.util.find_spec("matplotlib") is not None)
    assert (tmp_path / "curves.png").exists() == drawn

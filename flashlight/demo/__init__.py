"""Data and recordings of ``flashlight demo``; ``tools/record_demo.py`` makes them with PyTorch.

The digits are the "Optical Recognition of Handwritten Digits" test set (E. Alpaydin, C. Kaynak, UCI Machine Learning
Repository, https://doi.org/10.24432/C50P49), 1797 images of 8x8 pixels by 13 people, licensed CC BY 4.0.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
SCRIPT = FOLDER / "train_digits.py"
DATA = FOLDER / "digits.npz"
CHECKPOINT = FOLDER / "digits_cnn.pth"


@dataclass(frozen=True)
class Recording:
    """What PyTorch did: its logits for the checkpoint's test images, and its losses under one seed."""

    test_index: np.ndarray  # (N,) rows of the data set
    logits: np.ndarray  # (N, 10)
    accuracy: float
    losses: np.ndarray  # one a step
    seed: int
    epochs: int
    torch_version: str


def recording() -> Recording:
    """Read the recorded file."""
    with np.load(FOLDER / "digits_torch.npz") as data:
        return Recording(
            test_index=data["test_index"],
            logits=data["logits"],
            accuracy=float(data["accuracy"]),
            losses=data["losses"],
            seed=int(data["seed"]),
            epochs=int(data["epochs"]),
            torch_version=str(data["torch_version"]),
        )

"""Make the files ``flashlight demo`` compares itself with, using real PyTorch.

    python tools/record_demo.py              needs torch and numpy; writes into flashlight/demo/
    python tools/record_demo.py --csv FILE   also rebuilds digits.npz from the UCI data

The recordings are:
    digits_cnn.pth    weights after a longer training, as torch.save wrote them
    digits_torch.npz  which images are the test images and the logits PyTorch gives for them with those weights; the
                      loss of every step of the training script under ``SEED``; the version of PyTorch

``--csv`` takes the "Optical Recognition of Handwritten Digits" data (E. Alpaydin, C. Kaynak, UCI Machine Learning
Repository, CC BY 4.0) as comma-separated lines of 64 pixels and a label, plain or gzipped: optdigits.tes from UCI, or
sklearn/datasets/data/digits.csv.gz, the same 1797 images.
"""

import argparse
import csv
import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

DEMO = Path(__file__).resolve().parent.parent / "flashlight" / "demo"
sys.path.insert(0, str(DEMO))
sys.dont_write_bytecode = True

import train_digits  # noqa: E402  (the script of the demo, under PyTorch here)

SEED, EPOCHS = 0, 6
CHECKPOINT_SEED, CHECKPOINT_EPOCHS = 1, 20


def rebuild_data(path: Path) -> None:
    """Pack the UCI text into a compressed npz of bytes."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",")
    images = table[:, :64].reshape(-1, 8, 8).astype(np.uint8)
    np.savez_compressed(DEMO / "digits.npz", images=images, labels=table[:, 64].astype(np.uint8))


def check_draws() -> None:
    """Refuse to record where torch draws dropout masks another way than on Macs (MKL, on Intel processors)."""
    torch.manual_seed(5)
    drawn = torch.empty(1000).bernoulli_(0.25).numpy()
    words = np.random.RandomState(5).randint(0, 2**32, size=2000, dtype=np.uint32).astype(np.uint64)
    doubles = ((words[0::2] << np.uint64(32) | words[1::2]) & np.uint64(2**53 - 1)) / 2.0**53
    if not np.array_equal(drawn, doubles < 0.25):
        sys.exit("record_demo: this processor draws random masks with MKL; record on one that is not Intel's")


def run_script(folder: Path, *arguments: str) -> tuple[np.ndarray, Path]:
    """Run the training script under PyTorch; its losses and the weights it saved."""
    log, weights = folder / "log.csv", folder / "weights.pth"
    script = [sys.executable, str(DEMO / "train_digits.py"), "--log", str(log), "--save", str(weights), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(script, check=True, env=environment)
    with open(log, newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    return np.array(losses), weights


def logits_of(weights: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """The test images of the checkpoint's split, the logits PyTorch gives for them, and the accuracy."""
    torch.manual_seed(CHECKPOINT_SEED)
    dataset = train_digits.load_digits(DEMO / "digits.npz")
    _, test_set = torch.utils.data.random_split(dataset, [len(dataset) - 360, 360])
    index = torch.tensor(test_set.indices)
    images, labels = dataset[index]
    model = train_digits.DigitNet()
    model.load_state_dict(torch.load(weights))
    model.eval()
    with torch.no_grad():
        logits = model(images)
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    return index.numpy().astype(np.int16), logits.numpy(), accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", type=Path, help="rebuild digits.npz from this file first")
    options = parser.parse_args()
    torch.set_num_threads(1)
    check_draws()
    if options.csv:
        rebuild_data(options.csv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        losses, _ = run_script(folder, "--seed", str(SEED), "--epochs", str(EPOCHS))
        _, weights = run_script(folder, "--seed", str(CHECKPOINT_SEED), "--epochs", str(CHECKPOINT_EPOCHS))
        index, logits, accuracy = logits_of(weights)
        (DEMO / "digits_cnn.pth").write_bytes(weights.read_bytes())
    np.savez_compressed(
        DEMO / "digits_torch.npz",
        losses=losses,
        seed=SEED,
        epochs=EPOCHS,
        test_index=index,
        logits=logits,
        accuracy=accuracy,
        torch_version=torch.__version__.partition("+")[0],
    )
    size = sum(path.stat().st_size for path in DEMO.iterdir() if path.is_file())
    print(f"checkpoint accuracy {100 * accuracy:.2f}%; everything in flashlight/demo together {size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()

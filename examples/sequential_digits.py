"""Read handwritten digits four pixels at a time, with a random third of the pieces lost: CfC, LTC and LSTM.

python examples/sequential_digits.py            some minutes on a CPU
python examples/sequential_digits.py --quick    seconds, to see that it runs

Each 8x8 image is a sequence of 16 half rows of which 11 are kept, others in each image and epoch. CfC and LTC are told
how far the next piece is as the time their state runs for; the LSTM, which has no time, reads it as one more input.
"""

import argparse
import time

import curves
import numpy as np

import flashlight as torch
import flashlight.nn as nn
from flashlight.demo import DATA
from flashlight.liquid import LTC, CfC
from flashlight.liquid.ncps.wirings import AutoNCP

PIECES, WIDTH, KEPT, UNITS, TEST = 16, 4, 11, 64, 397


def read_digits():
    """Pixels in [0, 1] (images, pieces, 4) and labels, as numpy arrays."""
    with np.load(DATA) as data:
        return data["images"].reshape(-1, PIECES, WIDTH).astype(np.float32) / 16, data["labels"].astype(np.int64)


def thin(images, rng):
    """The kept pieces (B, T, 4) of images, and the distance (B, T) from each to the next."""
    places = np.sort(np.argsort(rng.random((len(images), PIECES)), axis=1)[:, :KEPT], axis=1)
    following = np.concatenate([places[:, 1:], np.full((len(images), 1), PIECES)], axis=1)
    pieces = np.take_along_axis(images, places[..., None], axis=1)
    return torch.from_numpy(pieces), torch.from_numpy((following - places).astype(np.float32))


class LSTM(nn.Module):
    """An LSTM that reads the distances as inputs."""

    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(WIDTH + 1, UNITS, batch_first=True), nn.Linear(UNITS, 10)

    def forward(self, x, gaps):
        return self.out(self.lstm(torch.cat([x, gaps.unsqueeze(-1)], -1))[0][:, -1])


class Liquid(nn.Module):
    """A liquid layer that runs through the distances; its last state is read."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.out = layer, nn.Linear(layer.state_size, 10)

    def forward(self, x, gaps):
        return self.out(self.layer(x, timespans=gaps)[1])


MODELS = {
    "LSTM": LSTM,
    "CfC": lambda: Liquid(CfC(WIDTH, UNITS, backbone_layers=0)),
    "LTC": lambda: Liquid(LTC(WIDTH, AutoNCP(UNITS, 20))),
}


def accuracy(model, x, gaps, labels):
    with torch.no_grad():
        return (model(x, gaps).argmax(-1) == labels).float().mean().item()


def train(model, images, labels, held_out, epochs):
    """(curve of held-out accuracies, seconds a step)."""
    rng = np.random.default_rng(0)
    steps = len(images) // 32
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps * epochs)
    curve, taken = [], 0.0
    for epoch in range(1, epochs + 1):
        for chosen in rng.permutation(len(images))[: steps * 32].reshape(steps, 32):
            x, gaps = thin(images[chosen], rng)
            target = torch.from_numpy(labels[chosen])
            start = time.perf_counter()
            loss = nn.functional.cross_entropy(model(x, gaps), target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            loss.item()
            taken += time.perf_counter() - start
        curve.append((epoch, accuracy(model, *held_out)))
    return curve, taken / (steps * epochs)


def main():
    parser = argparse.ArgumentParser(description="Digits in pieces with CfC, LTC and LSTM.")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    parser.add_argument("--curves", metavar="FOLDER", help="write the training curves there")
    options = parser.parse_args()
    images, labels = read_digits()
    test, epochs = (32, 2) if options.quick else (TEST, options.epochs)
    held_out = (*thin(images[-test:], np.random.default_rng(1)), torch.from_numpy(labels[-test:]))
    size = 96 if options.quick else len(images) - TEST
    found, rows = {}, []
    for name, make in MODELS.items():
        torch.manual_seed(0)
        model = make()
        found[name], seconds = train(model, images[:size], labels[:size], held_out, epochs)
        count = sum(p.numel() for p in model.parameters())
        rows.append((name, count, 100 * found[name][-1][1], 1e3 * seconds))
        print(f"{name} done", flush=True)
    where = "Metal" if torch.backends.mps.is_available() else "CPU backend"
    print(f"\n{test} digits never trained on, {KEPT} of {PIECES} pieces, {epochs} epochs, {where}")
    print(f"{'model':8}{'parameters':>12}{'correct, %':>12}{'ms a step':>12}")
    for name, count, correct, milliseconds in rows:
        print(f"{name:8}{count:12}{correct:12.1f}{milliseconds:12.1f}")
    if options.curves:
        curves.save(options.curves, "sequential_digits", found, ("epoch", "held-out accuracy"))


if __name__ == "__main__":
    main()

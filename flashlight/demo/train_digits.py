"""Train a small convolutional network on the UCI handwritten digits: an ordinary PyTorch script.

python train_digits.py                     with PyTorch
flashlight run train_digits.py             the same file, unmodified, on MLX
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset, random_split

HERE = Path(__file__).resolve().parent


class DigitNet(nn.Module):
    """Two convolution blocks with batch norm, then two linear layers: (N, 1, 8, 8) -> (N, 10) logits.

    Smooth throughout (GELU, average pooling): rounding differences between two machines stay rounding differences
    instead of flipping a ReLU or a maximum, so the whole loss curve can be compared, not only its beginning.
    """

    def __init__(self, width=16, dropout=0.25, classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.GELU(),
            nn.AvgPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.GELU(),
            nn.AvgPool2d(2),
        )
        self.fc1 = nn.Linear(2 * width * 2 * 2, 64)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(64, classes)

    def forward(self, x):
        x = torch.flatten(self.features(x), 1)
        x = self.dropout(F.gelu(self.fc1(x)))
        return self.fc2(x)


def load_digits(path):
    """All 1797 images as (N, 1, 8, 8) floats in [0, 1], and their labels."""
    with np.load(path) as data:
        images = torch.from_numpy(data["images"]).float().unsqueeze(1) / 16.0
        labels = torch.from_numpy(data["labels"]).long()
    return TensorDataset(images, labels)


@torch.no_grad()
def evaluate(model, loader):
    """Accuracy over a loader, with batch norm and dropout in evaluation mode."""
    model.eval()
    right = total = 0
    for images, labels in loader:
        right += (model(images).argmax(dim=1) == labels).sum().item()
        total += labels.size(0)
    return right / total


def main():
    parser = argparse.ArgumentParser(description="Train a small CNN on the UCI handwritten digits.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.01, help="peak learning rate of the one-cycle schedule")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default=str(HERE / "digits.npz"), help="npz file with images and labels")
    parser.add_argument("--log", metavar="CSV", help="write the loss of every step to this file")
    parser.add_argument("--save", metavar="PTH", help="write the trained weights (a state_dict) to this file")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    dataset = load_digits(args.data)
    train_set, test_set = random_split(dataset, [len(dataset) - 360, 360])
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=360)

    model = DigitNet()
    steps = args.epochs * len(train_loader)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    scheduler = OneCycleLR(optimizer, max_lr=args.lr, total_steps=steps)

    losses = []
    for epoch in range(1, args.epochs + 1):
        model.train()
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            print(f"step {len(losses)}/{steps}  loss {losses[-1]:.4f}", flush=True)
        print(f"epoch {epoch}/{args.epochs}  test accuracy {100 * evaluate(model, test_loader):.1f}%", flush=True)

    if args.log:
        with open(args.log, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "loss"])
            writer.writerows(enumerate(losses, start=1))
    if args.save:
        torch.save(model.state_dict(), args.save)


if __name__ == "__main__":
    main()

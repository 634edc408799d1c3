"""Training that stops and resumes from one file, written by PyTorch or by flashlight and read by either.

python examples/resume.py run.pth            writes run.pth after 20 steps
flashlight run examples/resume.py run.pth    goes on from there, and the other way round
"""

import argparse
import os

import torch
import torch.nn as nn


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    y = (x[:, :1] * x[:, 1:2]).sin()
    model = nn.Sequential(nn.Linear(8, 64), nn.SiLU(), nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=200)
    done = 0
    if os.path.exists(options.file):
        saved = torch.load(options.file)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        done = saved["done"]
    for step in range(done + 1, done + options.steps + 1):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 5 == 0:
            print(f"step {step:3d}  loss {loss.item():.6f}  lr {schedule.get_last_lr()[0]:.6f}")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    torch.save({**state, "done": done + options.steps}, options.file)


if __name__ == "__main__":
    main()

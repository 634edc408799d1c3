"""A program written for ncps on PyTorch, run by ``flashlight run``."""

import subprocess
import sys

import pytest

pytest.importorskip("ncps")

PROGRAM = """
import torch
from ncps.torch import CfC, LTC
from ncps.wirings import AutoNCP

assert "flashlight" in torch.__version__
x, target = torch.randn(4, 6, 3), torch.randn(4, 6, 2)
for layer in (CfC(3, AutoNCP(10, 2)), LTC(3, AutoNCP(10, 2)), CfC(3, 8, proj_size=2, mixed_memory=True)):
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        y, state = layer(x)
        loss = torch.nn.functional.mse_loss(y, target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
print("trained")
"""


def test_an_ncps_program_runs_unmodified(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "flashlight", "run", str(script)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "trained"

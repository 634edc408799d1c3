"""Settings for the whole suite: no MLX compilation unless a test asks, one thread for torch, a seed for each test."""

import os

# MLX compiles CPU kernels with g++ at run time, seconds each: tests of compiled code turn it on themselves
os.environ.setdefault("MLX_DISABLE_COMPILE", "1")

import pytest
import torch

import flashlight

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
    flashlight.manual_seed(0)

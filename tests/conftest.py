"""Settings for the whole suite: no MLX compilation unless a test asks, one thread a process, a seed for each test."""

import os
import tempfile

# MLX compiles CPU kernels with g++ at run time, seconds each: tests of compiled code turn it on themselves
os.environ.setdefault("MLX_DISABLE_COMPILE", "1")
# workers of pytest-xdist share the cores
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # MLX's cache of compiled kernels has no lock between processes
    tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix=os.environ["PYTEST_XDIST_WORKER"])

import hypothesis
import pytest
import torch

import flashlight

torch.set_num_threads(1)
# the same examples every time, and no limit on the time one may take on a busy machine
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
    flashlight.manual_seed(0)

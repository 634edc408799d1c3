"""Runs Python and the command line in processes of their own, in the test's own folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def python(tmp_path):
    """``python ARGUMENTS`` in ``tmp_path`` with this tree's flashlight, output captured."""

    def run(*arguments, **environment) -> subprocess.CompletedProcess:
        ours = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}
        values = {**os.environ, **ours, **environment}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=values, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
        )

    return run


@pytest.fixture
def flashlight(python):
    """``flashlight ARGUMENTS`` in ``tmp_path``."""
    return lambda *arguments, **environment: python("-m", "flashlight", *arguments, **environment)

"""``flashlight info`` and the top-level help."""

import importlib.metadata
import re

import pytest

COMMANDS = ["demo", "run", "info", "doctor", "convert"]


def test_info_tells_versions_device_blas_and_engine(flashlight):
    result = flashlight("info")
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("mlx", "numpy", "safetensors"):
        assert re.search(rf"^{name} +{re.escape(importlib.metadata.version(name))}$", result.stdout, re.MULTILINE)
    for name in ("device", "Metal", "on the CPU", "BLAS"):
        assert re.search(rf"^{name} +\S", result.stdout, re.MULTILINE), name
    assert re.search(r"^random +torch: PyTorch's CPU numbers", result.stdout, re.MULTILINE)


def test_info_shows_that_the_preload_was_switched_off(flashlight):
    result = flashlight("info", FLASHLIGHT_BLAS="off")
    assert result.returncode == 0
    assert "FLASHLIGHT_BLAS=off" in result.stdout or "Accelerate" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_examples_or_says_what_it_does(command, flashlight):
    result = flashlight(command, "--help")
    assert result.returncode == 0
    assert f"flashlight {command}" in result.stdout
    assert command in ("info", "doctor") or "examples:" in result.stdout


def test_top_level_help_names_every_command(flashlight):
    shown = flashlight("--help")
    assert shown.returncode == 0
    assert all(re.search(rf"^  {command} +\w", shown.stdout, re.MULTILINE) for command in COMMANDS)
    bare = flashlight()
    assert (bare.returncode, bare.stdout) == (2, shown.stdout)


def test_importing_flashlight_leaves_optional_packages_alone(python):
    code = (
        "import sys, flashlight; print([m for m in ('torch', 'scipy', 'matplotlib', 'networkx') if m in sys.modules])"
    )
    result = python("-c", code)
    assert (result.stdout, result.stderr) == ("[]\n", "")

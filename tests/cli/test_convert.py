"""``flashlight convert``: there and back, refusals, one-line errors."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    weights = {"layer.weight": torch.randn(3, 4), "layer.steps": torch.arange(5)}
    torch.save(weights, tmp_path / "model.pth")
    return weights


def test_there_and_back(checkpoint, tmp_path, flashlight):
    out = flashlight("convert", "model.pth", "model.safetensors")
    assert out.returncode == 0, out.stderr
    assert out.stdout.startswith("wrote model.safetensors (")
    back = flashlight("convert", "model.safetensors", "back.bin")
    assert back.returncode == 0, back.stderr
    stored = load_file(tmp_path / "model.safetensors")
    loaded = torch.load(tmp_path / "back.bin", weights_only=True)
    assert list(loaded) == list(stored) or set(loaded) == set(stored) == set(checkpoint)
    for name, value in checkpoint.items():
        np.testing.assert_array_equal(stored[name], value.numpy())
        assert torch.equal(loaded[name], value)


def test_existing_file_needs_force(checkpoint, tmp_path, flashlight):
    target = tmp_path / "model.safetensors"
    target.write_bytes(b"precious")
    refused = flashlight("convert", "model.pth", target.name)
    message = "flashlight convert: model.safetensors exists; --force replaces it\n"
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", message)
    assert target.read_bytes() == b"precious"
    assert flashlight("convert", "--force", "model.pth", target.name).returncode == 0
    assert set(load_file(target)) == set(checkpoint)


def test_missing_and_corrupt_input(tmp_path, flashlight):
    missing = flashlight("convert", "model.pth", "model.safetensors")
    assert (missing.returncode, missing.stderr) == (2, "flashlight convert: no such file: model.pth\n")
    (tmp_path / "bad.pth").write_bytes(b"PK\x03\x04 this is no checkpoint")
    corrupt = flashlight("convert", "bad.pth", "model.safetensors")
    assert corrupt.returncode == 1
    assert corrupt.stderr.startswith("flashlight convert: ")
    assert corrupt.stderr.count("\n") == 1
    assert not (tmp_path / "model.safetensors").exists()


def test_key_picks_a_part_of_a_training_checkpoint(checkpoint, tmp_path, flashlight):
    torch.save({"epoch": 3, "model": checkpoint}, tmp_path / "training.pt")
    whole = flashlight("convert", "training.pt", "model.safetensors")
    assert whole.returncode == 2
    assert "'model'" in whole.stderr
    assert whole.stderr.count("\n") == 1
    part = flashlight("convert", "--key", "model", "training.pt", "model.safetensors")
    assert part.returncode == 0, part.stderr
    assert set(load_file(tmp_path / "model.safetensors")) == set(checkpoint)


def test_suffixes_that_say_nothing_are_misuse(checkpoint, flashlight):
    result = flashlight("convert", "model.pth", "model.zip")
    assert result.returncode == 2
    assert result.stderr.startswith("flashlight convert: model.zip: the suffix must be .safetensors or one of ")

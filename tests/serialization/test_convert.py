"""Conversion between torch's files and safetensors."""

import os
import pickle

import pytest
import safetensors.torch
import torch

from flashlight.serialization import convert

from .test_safe import write_index


def test_there_and_back(tmp_path):
    tied = torch.randn(4, 3)
    state = {"embed": tied, "head": tied, "turned": tied.t(), "half": torch.ones(2).bfloat16(), "n": torch.tensor(3)}
    source, middle, back = (tmp_path / name for name in ("a.pth", "a.safetensors", "b.bin"))
    torch.save(state, source)
    convert(source, middle, progress=False)
    found = safetensors.torch.load_file(middle)
    with safetensors.safe_open(middle, "pt") as file:
        assert file.metadata() == {"format": "pt"}
    convert(middle, back, progress=False)
    again = torch.load(back, weights_only=True)
    for name, value in state.items():
        assert torch.equal(found[name], value) and torch.equal(again[name], value)
        assert found[name].dtype is value.dtype is again[name].dtype
    assert sorted(os.listdir(tmp_path)) == ["a.pth", "a.safetensors", "b.bin"]


def test_parameters_legacy_files_and_shards(tmp_path):
    net = torch.nn.Linear(2, 2)
    torch.save(dict(net.named_parameters()), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    convert(tmp_path / "old.pt", tmp_path / "old.safetensors", progress=False)
    assert torch.equal(safetensors.torch.load_file(tmp_path / "old.safetensors")["weight"], net.weight)
    index = write_index(tmp_path, {"weight": "old.safetensors", "bias": "old.safetensors"})
    convert(index, tmp_path / "whole.pt", progress=False)
    assert list(torch.load(tmp_path / "whole.pt", weights_only=True)) == ["weight", "bias"]


def test_existing_files_are_kept(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt")
    (tmp_path / "a.safetensors").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        convert(tmp_path / "a.pt", tmp_path / "a.safetensors", progress=False)
    assert (tmp_path / "a.safetensors").read_bytes() == b"mine"
    convert(tmp_path / "a.pt", tmp_path / "a.safetensors", force=True, progress=False)
    assert safetensors.torch.load_file(tmp_path / "a.safetensors")["a"].tolist() == [1, 1]


def test_nested_checkpoints(tmp_path):
    source, target = tmp_path / "a.pt", tmp_path / "a.safetensors"
    torch.save({"encoder": {"w": torch.ones(1)}, "decoder": {"x": {"w": torch.zeros(1)}}}, source)
    convert(source, target, progress=False)
    assert set(safetensors.torch.load_file(target)) == {"encoder.w", "decoder.x.w"}
    net = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    torch.save({"epoch": 3, "model_state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}, source)
    with pytest.raises(ValueError, match=r"more than tensors.*'epoch'.*by its key: 'model_state_dict'"):
        convert(source, target, force=True, progress=False)
    convert(source, target, force=True, progress=False, key="model_state_dict")
    assert set(safetensors.torch.load_file(target)) == {"weight", "bias"}
    with pytest.raises(ValueError, match=r"has no key 'model.nothing'"):
        convert(source, target, force=True, progress=False, key="model.nothing")
    torch.save({"a": {"b": torch.ones(1)}, "a.b": torch.ones(1)}, source)
    with pytest.raises(ValueError, match=r"both be called 'a\.b'"):
        convert(source, target, force=True, progress=False)


def test_what_cannot_be_converted(tmp_path):
    source, target = tmp_path / "a.pt", tmp_path / "a.safetensors"
    for content, error, words in [
        (torch.ones(2), ValueError, "holds a Tensor"),
        ([torch.ones(2)], ValueError, "holds a list"),
        ({"a": 1}, ValueError, "holds no tensors"),
        ({"a": os.path.join}, pickle.UnpicklingError, "join"),
    ]:
        torch.save(content, source)
        with pytest.raises(error, match=words):
            convert(source, target, progress=False)
    for pair in [("a.pt", "b.pth"), ("a.safetensors", "b.safetensors"), ("a.pt", "m.safetensors.index.json")]:
        with pytest.raises(ValueError, match="nothing to convert"):
            convert(tmp_path / pair[0], tmp_path / pair[1])
    with pytest.raises(ValueError, match="suffix"):
        convert(source, tmp_path / "a.onnx")
    with pytest.raises(FileNotFoundError):
        convert(tmp_path / "missing.pt", target)
    assert os.listdir(tmp_path) == ["a.pt"]


def test_corrupt_sources_leave_nothing_behind(tmp_path):
    source, target = tmp_path / "a.pt", tmp_path / "a.safetensors"
    torch.save({"a": torch.ones(2000), "b": torch.zeros(2000)}, source)
    raw = bytearray(source.read_bytes())
    raw[-3000] ^= 1
    source.write_bytes(raw)
    with pytest.raises(RuntimeError, match=r"a\.pt.*corrupt"):
        convert(source, target, progress=False)
    assert os.listdir(tmp_path) == ["a.pt"]


def test_progress_counts_bytes(tmp_path, monkeypatch):
    seen = []

    class Bar:
        def __init__(self, total, desc):
            seen.append(total)

        def update(self, count):
            seen.append(count)

        def close(self):
            seen.append("closed")

    from flashlight.serialization import convert as _function  # the package attribute is the function

    module = __import__("sys").modules[_function.__module__]
    monkeypatch.setattr(module, "_bar", Bar)
    torch.save({"a": torch.ones(10), "b": torch.ones(5)}, tmp_path / "a.pt")
    convert(tmp_path / "a.pt", tmp_path / "a.safetensors")
    assert seen == [60, 40, 20, "closed"]
    seen.clear()
    convert(tmp_path / "a.safetensors", tmp_path / "b.pt")
    assert seen[0] == 60 and sum(seen[1:-1]) == 60 and seen[-1] == "closed"


def test_a_real_bar_can_be_made(tmp_path, capsys):
    torch.save({"a": torch.ones(10)}, tmp_path / "a.pt")
    convert(tmp_path / "a.pt", tmp_path / "a.safetensors", progress=True)
    assert (tmp_path / "a.safetensors").exists()

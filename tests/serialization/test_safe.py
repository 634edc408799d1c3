"""safetensors files against the safetensors library and torch, one file and sharded."""

import json
import os
import pickle
import struct

import pytest
import safetensors.torch
import torch

from flashlight.serialization import load, load_file, load_metadata, save, save_file, save_sharded

from .archives import same
from .test_checkpoint import DTYPES, sample


@pytest.mark.parametrize("mmap", [False, True])
def test_every_dtype_from_the_library(tmp_path, mmap):
    theirs = {name: sample(name) for name in DTYPES}
    theirs |= {"scalar": torch.tensor(3.5), "empty": torch.zeros(0, 3), "half scalar": torch.tensor(1.5).bfloat16()}
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file(theirs, path, {"format": "pt"})
    ours = load_file(path, mmap=mmap)
    assert list(ours) == list(safetensors.torch.load_file(path))
    for name, value in theirs.items():
        same(ours[name], value)
    assert load_metadata(path) == {"format": "pt"}


def test_every_dtype_to_the_library(tmp_path, buffer_of):
    theirs = {name: sample(name) for name in DTYPES}
    theirs |= {"turned": torch.arange(6.0).reshape(2, 3).t(), "part": torch.arange(9)[2:5], "scalar": torch.tensor(2.5)}
    path = tmp_path / "a.safetensors"
    save_file(load(buffer_of(theirs)), path, {"note": "é"})
    back = safetensors.torch.load_file(path)
    assert set(back) == set(theirs)
    for name, value in theirs.items():
        assert back[name].dtype is value.dtype and torch.equal(back[name], value), name
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata() == {"note": "é"}
    header = path.read_bytes()
    assert (8 + struct.unpack("<Q", header[:8])[0]) % 8 == 0


def test_an_empty_file_and_no_metadata(tmp_path):
    save_file({}, tmp_path / "a.safetensors")
    assert load_file(tmp_path / "a.safetensors") == {} == safetensors.torch.load_file(tmp_path / "a.safetensors")
    assert load_metadata(tmp_path / "a.safetensors") == {}


def test_load_and_save_by_suffix(tmp_path, buffer_of):
    path = tmp_path / "a.safetensors"
    save(load(buffer_of({"w": torch.ones(2)})), path)
    assert safetensors.torch.load_file(path)["w"].tolist() == [1, 1]
    for where in (path, str(path)):
        same(load(where)["w"], torch.ones(2))
        same(load(where, mmap=True)["w"], torch.ones(2))
    assert str(load(path, map_location="mps")["w"].device) == "mps:0"
    assert str(load_file(path, device="cuda:1")["w"].device) == "cuda:1"
    assert str(load(path, map_location={"cpu": "mps"})["w"].device) == "mps:0"
    assert str(load(path, map_location="meta")["w"].device) == "meta"
    with pytest.raises(ValueError, match="pickle_module"):
        load(path, pickle_module=pickle)


def test_only_dicts_of_tensors_are_saved(tmp_path, buffer_of):
    path = tmp_path / "a.safetensors"
    w = load(buffer_of(torch.ones(2)))
    for bad, words in [
        (w, "dict of tensors, got Tensor"),
        ({"a": w, "epoch": 3}, "'epoch' is a int"),
        ({"model": {"a": w}}, "'model' is a dict"),
        ({1: w}, "names in a safetensors file are strings"),
    ]:
        with pytest.raises(TypeError, match=words):
            save(bad, path)
    with pytest.raises(TypeError, match="metadata"):
        save_file({"a": w}, path, {"n": 1})
    with pytest.raises(ValueError, match="meta device"):
        save_file(load(buffer_of({"a": torch.ones(2)}), map_location="meta"), path)
    assert os.listdir(tmp_path) == []


def test_truncated_and_hostile_files(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file({"w": torch.arange(40.0), "b": torch.ones(3)}, path)
    raw = path.read_bytes()
    for size in [*range(0, len(raw), 16), len(raw) - 1]:
        path.write_bytes(raw[:size])
        with pytest.raises(RuntimeError, match=r"a\.safetensors"):
            load_file(path)
    for header in (
        b"{",
        b"[]",
        b'{"w":{"dtype":"F32","shape":[100],"data_offsets":[0,16]}}',
        b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,400]}}',
        b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}',
        b'{"w":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}',
        b'{"w":{"dtype":"what","shape":[4],"data_offsets":[0,16]}}',
        b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        b'{"w":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,16]}}',
    ):
        path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 16)
        with pytest.raises(RuntimeError, match=r"a\.safetensors"):
            load_file(path)
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(RuntimeError, match=r"a\.safetensors"):
        load_file(path)
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "missing.safetensors")


def test_dtypes_without_counterpart(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file({"ok": torch.ones(2), "w": torch.ones(2).to(torch.float8_e4m3fn)}, path)
    with pytest.raises(TypeError, match=r"a\.safetensors, tensor 'w'.*F8_E4M3"):
        load_file(path)


# ------------------------------------------------------------------------------------------------------------- sharded
def write_index(folder, weight_map, name="model.safetensors.index.json"):
    path = folder / name
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return path


def test_sharded_safetensors(tmp_path):
    safetensors.torch.save_file(
        {"a": torch.ones(2), "b": torch.zeros(3)}, tmp_path / "model-00001-of-00002.safetensors"
    )
    safetensors.torch.save_file({"c": torch.arange(3)}, tmp_path / "model-00002-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "c": "model-00002-of-00002.safetensors"}
    index = write_index(tmp_path, {**names, "b": "model-00001-of-00002.safetensors"})
    for read in (load, load_file):
        ours = read(index)
        assert list(ours) == ["a", "c", "b"]
        same(ours["c"], torch.arange(3))
    assert str(load(index, map_location="mps")["a"].device) == "mps:0"


def test_sharded_pytorch_files(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model-00001-of-00002.bin")
    torch.save({"b": torch.nn.Parameter(torch.zeros(2))}, tmp_path / "pytorch_model-00002-of-00002.bin")
    names = {"a": "pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"}
    index = write_index(tmp_path, names, "pytorch_model.bin.index.json")
    same(load(index)["b"], torch.nn.Parameter(torch.zeros(2)))
    torch.save([torch.ones(2)], tmp_path / "pytorch_model-00001-of-00002.bin")
    with pytest.raises(RuntimeError, match="no dict of tensors"):
        load(index)
    torch.save({"a": print}, tmp_path / "pytorch_model-00001-of-00002.bin")
    with pytest.raises(pickle.UnpicklingError, match="print"):
        load(index)


def test_broken_indices(tmp_path):
    safetensors.torch.save_file({"a": torch.ones(2)}, tmp_path / "one.safetensors")
    with pytest.raises(FileNotFoundError, match=r"two\.safetensors.*missing"):
        load(write_index(tmp_path, {"a": "one.safetensors", "b": "two.safetensors"}))
    with pytest.raises(RuntimeError, match="has no tensor 'b'"):
        load(write_index(tmp_path, {"a": "one.safetensors", "b": "one.safetensors"}))
    for shard in ("../one.safetensors", "/etc/passwd", "sub/one.safetensors", "..", "", "C:one", "a\\b", "x\0y"):
        with pytest.raises(RuntimeError, match="outside its folder"):
            load(write_index(tmp_path, {"a": shard}))
    with pytest.raises(RuntimeError, match="outside its folder"):
        load(write_index(tmp_path, {"a": "model.safetensors.index.json"}))
    for text in ("{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}', "[" * 100_000):
        path = tmp_path / "model.safetensors.index.json"
        path.write_text(text)
        with pytest.raises(RuntimeError, match="index of a sharded checkpoint"):
            load(path)


def test_writing_shards(tmp_path, buffer_of):
    theirs = {f"layer.{i}": torch.full((10,), float(i)) for i in range(7)}
    index = save_sharded(load(buffer_of(theirs)), tmp_path, max_shard_bytes=100)
    with open(index) as file:
        found = json.load(file)
    assert found["metadata"]["total_size"] == 280 and len(set(found["weight_map"].values())) == 4
    assert sorted(os.listdir(tmp_path))[0] == "model-00001-of-00004.safetensors"
    for name, value in theirs.items():
        shard = safetensors.torch.load_file(tmp_path / found["weight_map"][name])
        assert torch.equal(shard[name], value)
        same(load(index)[name], value)

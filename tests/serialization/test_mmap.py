"""mmap=True: tensors are read from the file when they are used."""

import pytest
import torch

from flashlight._core.tensor import read
from flashlight.serialization import bridge, load, save
from flashlight.serialization.zip_reader import ZipReader

from .archives import same


def test_mmap_reads_a_tensor_when_it_is_used(tmp_path, monkeypatch):
    path = tmp_path / "big.pt"
    torch.save({"a": torch.arange(1000.0), "b": torch.arange(10).reshape(2, 5).t(), "c": torch.ones(3)}, path)
    touched = []
    plain = ZipReader.mapped
    monkeypatch.setattr(ZipReader, "mapped", lambda self, name, m: (touched.append(name), plain(self, name, m))[1])
    ours = load(path, mmap=True)
    assert touched == []
    assert str(ours["a"].dtype) == "torch.float32"
    same(ours["b"], torch.arange(10).reshape(2, 5).t())
    assert touched == ["data/1"]
    same(ours["a"], torch.arange(1000.0))
    same(ours["a"], torch.arange(1000.0))
    assert touched == ["data/1", "data/0"]


def test_mmap_values_sharing_and_writes(tmp_path):
    path = tmp_path / "big.pt"
    x = torch.arange(6.0)
    torch.save([x, x[2:4], torch.nn.Parameter(torch.ones(2)), torch.tensor([True, False]), torch.zeros(0)], path)
    before = path.read_bytes()
    whole, part, parameter, flags, empty = load(path, mmap=True)
    part[0] = 50.0
    same(parameter, torch.nn.Parameter(torch.ones(2)))
    assert read(whole).tolist() == [0, 1, 50, 3, 4, 5]
    assert read(flags).tolist() == [True, False] and read(empty).tolist() == []
    assert path.read_bytes() == before
    save([whole, part], tmp_path / "again.pt")
    assert torch.load(tmp_path / "again.pt", weights_only=True)[1].tolist() == [50, 3]


def test_mmap_saving_over_the_mapped_file(tmp_path):
    path = tmp_path / "a.pt"
    torch.save(torch.arange(5.0), path)
    lazy = load(path, mmap=True)
    save({"other": 1}, path)
    assert read(lazy).tolist() == [0, 1, 2, 3, 4]


def test_mmap_needs_a_zip_file_by_path(tmp_path, buffer_of):
    torch.save(1, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        load(tmp_path / "old.pt", mmap=True)
    with pytest.raises(ValueError, match="f must be a file path"):
        load(buffer_of(1), mmap=True)


def test_lazy_cells_take_writes_first(tmp_path):
    torch.save(torch.ones(3), tmp_path / "a.pt")
    lazy = load(tmp_path / "a.pt", mmap=True)
    assert isinstance(lazy._view.cell, bridge.LazyCell)
    lazy._view.cell.value = read(load(tmp_path / "a.pt")) * 2
    assert read(lazy).tolist() == [2, 2, 2]

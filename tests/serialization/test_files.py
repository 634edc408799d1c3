"""Paths, file objects and atomic writing."""

import gzip
import io
import os
import pathlib
import zipfile

import pytest
import torch

from flashlight.serialization import load, save

from .archives import same


def test_paths_pathlib_and_file_objects(tmp_path, buffer_of):
    path = tmp_path / "model.pt"
    torch.save({"a": torch.ones(2)}, path)
    with open(path, "rb") as file:
        found = [load(path), load(str(path)), load(file), load(io.BytesIO(path.read_bytes()))]
    for ours in found:
        same(ours["a"], torch.ones(2))
    save(found[0], tmp_path / "again.pt")
    save(found[0], str(tmp_path / "text.pt"))
    with open(tmp_path / "file.pt", "wb") as file:
        save(found[0], file)
    for name in ("again.pt", "text.pt", "file.pt"):
        assert torch.equal(torch.load(tmp_path / name, weights_only=True)["a"], torch.ones(2))
    assert zipfile.ZipFile(tmp_path / "again.pt").namelist()[0] == "again/data.pkl"


def test_an_archive_in_the_middle_of_a_file(buffer_of):
    file = io.BytesIO(b"junk" + buffer_of(torch.ones(3)).getvalue())
    file.seek(4)
    same(load(file), torch.ones(3))
    save(load(buffer_of(torch.zeros(2))), sink := io.BytesIO(b"head"))
    assert sink.getvalue().startswith(b"PK")


def test_gzip_files(tmp_path, buffer_of):
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(buffer_of(torch.ones(3)).getvalue())
    with gzip.open(tmp_path / "a.gz") as file:
        same(load(file), torch.ones(3))


def test_wrong_files(tmp_path):
    for bad in ([1], 3, None):
        with pytest.raises(AttributeError, match="seekable"):
            load(bad)
        with pytest.raises(AttributeError, match="'write' attribute"):
            save({}, bad)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing.pt")
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist"):
        save({}, tmp_path / "no" / "such.pt")
    with pytest.raises(IsADirectoryError):
        save({}, tmp_path)
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "wb") as writer, os.fdopen(read_end, "rb") as reader:
        writer.write(b"x")
        writer.flush()
        with pytest.raises(OSError, match="seekable"):
            load(reader)


def test_writing_is_atomic(tmp_path):
    path = tmp_path / "model.pt"
    save({"version": 1}, path)
    before = path.read_bytes()

    class Explodes:
        def __reduce__(self):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        save({"version": 2, "bad": Explodes()}, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["model.pt"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    save({"version": 1}, path)

    def full(_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save({"version": 2}, path)
    assert load(path) == {"version": 1} and os.listdir(tmp_path) == ["model.pt"]


def test_permissions_and_links_survive(tmp_path):
    real, link = tmp_path / "real.pt", tmp_path / "link.pt"
    save(1, real)
    assert real.stat().st_mode & 0o777 == 0o666 & ~_umask()
    os.chmod(real, 0o640)
    link.symlink_to(real)
    save(2, link)
    assert link.is_symlink() and load(real) == 2 and real.stat().st_mode & 0o777 == 0o640
    save(3, pathlib.Path(os.devnull))
    assert not os.path.isfile(os.devnull)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

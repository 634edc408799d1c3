"""The archive itself: layout equal to torch's, and every way it can be damaged."""

import io
import os
import pickle
import struct
import warnings
import zipfile

import pytest
import torch

from flashlight.serialization import load, save, set_crc32_options
from flashlight.serialization.zip_writer import ZipWriter

from .archives import archive, same


def records(raw: bytes) -> list[tuple]:
    """(name, header offset, data offset, flags) of every entry."""
    found = []
    for info in zipfile.ZipFile(io.BytesIO(raw)).infolist():
        name_size, extra_size = struct.unpack("<HH", raw[info.header_offset + 26 : info.header_offset + 30])
        start = info.header_offset + 30 + name_size + extra_size
        found.append((info.filename, info.header_offset, start, info.flag_bits))
    return found


def test_entries_lie_where_torch_puts_them(buffer_of):
    tree = [torch.ones(3), torch.zeros(0), torch.arange(100), torch.tensor(1.0)]
    theirs, sink = buffer_of(tree).getvalue(), io.BytesIO()
    save(load(io.BytesIO(theirs)), sink)
    assert records(sink.getvalue()) == records(theirs)
    assert len(sink.getvalue()) == len(theirs)
    assert all(start % 64 == 0 for _name, _header, start, _flags in records(theirs))
    assert zipfile.ZipFile(sink).testzip() is None


def test_torch_can_compute_the_offsets(tmp_path, buffer_of, monkeypatch):
    from torch.utils.serialization import config

    path = tmp_path / "a.pt"
    save(load(buffer_of([torch.arange(5.0), torch.ones(2, 2), torch.zeros(7)])), path)
    monkeypatch.setenv("TORCH_SERIALIZATION_DEBUG", "1")
    with config.patch("load.calculate_storage_offsets", True):
        back = torch.load(path, mmap=True, weights_only=True)
    assert [t.tolist() for t in back] == [[0, 1, 2, 3, 4], [[1, 1], [1, 1]], [0] * 7]


class Sparse:
    """A file whose large zero parts are holes."""

    def __init__(self, path):
        self.file = open(path, "wb")  # noqa: SIM115 (closed by the test)

    def write(self, view) -> int:
        if len(view) > 1 << 20:
            self.file.seek(len(view), 1)
        else:
            self.file.write(view)
        return len(view)


@pytest.mark.slow
def test_archives_beyond_four_gigabytes(tmp_path):
    path, size = tmp_path / "big.pt", 4_400_000_000
    with torch.serialization.skip_data():
        torch.save([torch.ones(3), torch.empty((44, size // 44), dtype=torch.uint8), torch.ones(5)], path)
    theirs = zipfile.ZipFile(path).infolist()
    pickled = zipfile.ZipFile(path).read("big/data.pkl")
    os.unlink(path)
    sink = Sparse(path)
    writer = ZipWriter(sink.write, "big", checksums=False)
    data = memoryview(bytearray(size))
    for name, raw in [
        ("data.pkl", pickled),
        (".format_version", b"1"),
        (".storage_alignment", b"64"),
        ("byteorder", b"little"),
    ]:
        writer.add(name, raw)
    for key, raw in enumerate([b"\0" * 12, data, b"\0" * 20]):
        writer.add(f"data/{key}", raw)
    writer.close()
    sink.file.close()
    ours = zipfile.ZipFile(path).infolist()
    assert [(i.filename, i.header_offset, i.file_size, i.extra) for i in ours] == [
        (i.filename, i.header_offset, i.file_size, i.extra) for i in theirs
    ]
    assert torch.load(path, mmap=True, weights_only=True)[2].tolist() == [0] * 5
    same(load(path, mmap=True)[2], torch.zeros(5))


def test_writers_that_take_little_at_a_time(buffer_of):
    class Slow(io.BytesIO):
        def write(self, data):
            return super().write(bytes(data)[:7])

    sink = Slow()
    save(load(buffer_of(torch.arange(50))), sink)
    sink.seek(0)
    assert torch.load(sink, weights_only=True).tolist() == list(range(50))


def test_the_root_is_the_files_name(tmp_path):
    for name, root in [("model.v2.pt", "model.v2"), ("plain", "plain"), ("modèle.pt", "archive"), (".pt", "archive")]:
        save({"a": 1}, tmp_path / name)
        assert zipfile.ZipFile(tmp_path / name).namelist()[0] == f"{root}/data.pkl"
        assert torch.load(tmp_path / name, weights_only=True) == {"a": 1}


def test_checksums_can_be_left_out(buffer_of):
    torch.serialization.set_crc32_options(False)
    try:
        raw = buffer_of(torch.ones(3))
    finally:
        torch.serialization.set_crc32_options(True)
    ours = load(raw)
    same(ours, torch.ones(3))
    set_crc32_options(False)
    try:
        save(ours, sink := io.BytesIO())
    finally:
        set_crc32_options(True)
    assert {i.CRC for i in zipfile.ZipFile(sink).infolist()} == {0}
    sink.seek(0)
    assert torch.load(sink, weights_only=True).tolist() == [1, 1, 1]


def test_truncated_anywhere_raises(tmp_path, buffer_of):
    raw = buffer_of({"a": torch.arange(200.0), "b": [torch.ones(3), "text"]}).getvalue()
    path = tmp_path / "cut.pt"
    for size in [*range(0, len(raw), 64), len(raw) - 1, len(raw) - 23]:
        path.write_bytes(raw[:size])
        for options in ({}, {"mmap": True}, {"weights_only": False}):
            if size < 4 and "mmap" in options:
                continue
            with pytest.raises((RuntimeError, EOFError, pickle.UnpicklingError), match=r"cut\.pt"):
                load(path, **options)


def test_every_flipped_byte_of_the_data_is_noticed(tmp_path, buffer_of):
    raw = buffer_of({"a": torch.arange(20.0)}).getvalue()
    path = tmp_path / "bad.pt"
    spans = {
        name: (start, info.file_size)
        for (name, _h, start, _f), info in zip(records(raw), zipfile.ZipFile(io.BytesIO(raw)).infolist())
    }
    for name in ("archive/data.pkl", "archive/data/0", "archive/byteorder"):
        start, size = spans[name]
        for at in range(start, start + size, 7):
            damaged = bytearray(raw)
            damaged[at] ^= 0x20
            path.write_bytes(damaged)
            with pytest.raises(RuntimeError, match=rf"bad\.pt.*{name}.*corrupt"):
                load(path)
    damaged = bytearray(raw)
    damaged[spans["archive/data/0"][0] + 5] ^= 1
    path.write_bytes(damaged)
    lazy = load(path, mmap=True)["a"]
    with pytest.raises(RuntimeError, match=r"bad\.pt.*archive/data/0.*corrupt"):
        lazy._view.cell.value


def test_damage_anywhere_never_crashes(buffer_of):
    import random

    raw = buffer_of({"a": torch.arange(20.0), "b": torch.ones(3)}).getvalue()
    rng = random.Random(1)
    for _ in range(600):
        damaged = bytearray(raw)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(4, len(raw))] = rng.randrange(256)
        try:
            load(io.BytesIO(bytes(damaged)))
        except (RuntimeError, pickle.UnpicklingError):
            continue


def custom(entries, compression=zipfile.ZIP_STORED) -> io.BytesIO:
    sink = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(sink, "w", compression) as file:
        warnings.simplefilter("ignore")
        for name, data in entries:
            file.writestr(name, data)
    sink.seek(0)
    return sink


GOOD = [("a/data.pkl", pickle.dumps({"x": 1}, 2)), ("a/version", b"3\n")]


def test_archives_other_tools_wrote():
    assert load(custom(GOOD)) == {"x": 1}
    assert load(custom([*GOOD, ("a/extra/notes.txt", b"more")])) == {"x": 1}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([*GOOD, GOOD[0]], "there twice"),
        ([*GOOD, ("a/../../etc/x", b"")], "unsafe entry name"),
        ([*GOOD, ("a/./x", b"")], "unsafe entry name"),
        ([*GOOD, ("a//x", b"")], "unsafe entry name"),
        ([*GOOD, ("a\\x", b"")], "unsafe entry name|not in the folder"),
        ([*GOOD, ("/a/x", b"")], "unsafe entry name"),
        ([*GOOD, ("b/x", b"")], "not in the folder"),
        ([*GOOD, ("x", b"")], "not in the folder"),
        ([("data.pkl", b"")], "not in the folder"),
        ([("a/version", b"3\n")], "a/data.pkl.*not found"),
        ([GOOD[0]], "a/version.*not found"),
        ([GOOD[0], ("a/version", b"11\n")], "version 11 is not supported"),
        ([GOOD[0], ("a/version", b"0\n")], "version 0 is not supported"),
        ([GOOD[0], ("a/version", b"three")], "not a file format version"),
        ([GOOD[0], ("a/version", b"9" * 5000)], "not a file format version"),
        ([*GOOD, ("a/constants.pkl", b"")], "TorchScript"),
    ],
)
def test_archives_torch_would_not_write(entries, words):
    with pytest.raises(RuntimeError, match=words):
        load(custom(entries))


def test_compressed_encrypted_and_empty_archives():
    with pytest.raises(RuntimeError, match="compressed"):
        load(custom(GOOD, zipfile.ZIP_DEFLATED))
    raw = bytearray(custom(GOOD).getvalue())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 8] |= 1
    with pytest.raises(RuntimeError, match="encrypted"):
        load(io.BytesIO(raw))
    with pytest.raises(RuntimeError, match="zip archive"):
        load(io.BytesIO(b"PK\x03\x04"))
    with pytest.raises(RuntimeError, match="the archive is empty"):
        load(io.BytesIO(b"PK\x03\x04" + b"PK\x05\x06" + b"\0" * 18))


def test_entries_that_overlap_or_lie_elsewhere():
    raw = bytearray(archive(pickle.dumps({"x": 1}, 2), {"0": b"a" * 64, "1": b"b" * 64}))
    central = [i for i in range(len(raw)) if raw[i : i + 4] == b"PK\x01\x02"]
    offsets = [struct.unpack("<I", raw[i + 42 : i + 46])[0] for i in central]
    first, second = central[2], central[3]  # data/0 and data/1
    for target, offset, words in [
        (second, offsets[2], "another name"),
        (second, offsets[3] + 1, "no local header"),
        (second, 2**31, "no local header"),
    ]:
        damaged = bytearray(raw)
        damaged[target + 42 : target + 46] = struct.pack("<I", offset)
        with pytest.raises(RuntimeError, match=words):
            load(io.BytesIO(damaged))
    longer = bytearray(raw)
    longer[first + 20 : first + 28] = struct.pack("<II", 200, 200)
    with pytest.raises(RuntimeError, match="overlaps"):
        load(io.BytesIO(longer))
    beyond = bytearray(raw)
    beyond[second + 20 : second + 28] = struct.pack("<II", 2**30, 2**30)
    with pytest.raises(RuntimeError, match="reaches beyond"):
        load(io.BytesIO(beyond))

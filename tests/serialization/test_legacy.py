"""torch's format before 1.6, and what is no torch file at all."""

import io
import pickle
import struct
import tarfile

import pytest
import torch

from flashlight._core.tensor import read
from flashlight.serialization import load, save
from flashlight.serialization.legacy import MAGIC, PROTOCOL, system_info

from .archives import same, text


def old(obj) -> bytes:
    sink = io.BytesIO()
    torch.save(obj, sink, _use_new_zipfile_serialization=False)
    return sink.getvalue()


TWO = struct.pack("<2f", 1.5, 2.5)


def handmade(pickled: bytes, keys=("0",), storages=((2, TWO),), info=None) -> io.BytesIO:
    head = b"".join(pickle.dumps(v, 2) for v in (MAGIC, PROTOCOL, system_info() if info is None else info))
    tail = pickle.dumps(list(keys), 2) + b"".join(struct.pack("<q", n) + raw for n, raw in storages)
    return io.BytesIO(head + b"\x80\x02" + pickled + b"." + tail)


def pid(view: bytes = b"N", numel: int = 2, kind: bytes = b"ctorch\nFloatStorage\n") -> bytes:
    return b"(" + text("storage") + kind + text("0") + text("cpu") + b"K" + bytes([numel]) + view + b"tQ"


def test_state_dicts_sharing_and_order():
    x = torch.arange(6.0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    tree = {"net": net.state_dict(), "x": x, "part": x[1:3], "turned": x.reshape(2, 3).t(), "p": net[0].weight, "n": 3}
    ours = load(io.BytesIO(old(tree)))
    for name in ("x", "part", "turned", "p"):
        same(ours[name], tree[name])
    assert ours["net"]._metadata == tree["net"]._metadata and ours["n"] == 3
    ours["part"][0] = 40.0
    assert read(ours["x"]).tolist()[1] == 40.0
    sink = io.BytesIO()
    save(ours, sink, _use_new_zipfile_serialization=False)
    sink.seek(0)
    back = torch.load(sink, weights_only=True)
    assert back["x"][1] == 40 and torch.equal(back["turned"], back["x"].reshape(2, 3).t())
    assert back["x"].data_ptr() == back["turned"].data_ptr() and isinstance(back["p"], torch.nn.Parameter)
    net.load_state_dict(back["net"])


def test_several_checkpoints_in_one_file():
    file = io.BytesIO(old({"a": torch.ones(3)}) + old([torch.zeros(2)]) + b"rest")
    same(load(file)["a"], torch.ones(3))
    same(load(file)[0], torch.zeros(2))
    assert file.read() == b"rest"


def test_paths_and_full_unpickler(tmp_path):
    import pathlib

    path = tmp_path / "old.pt"
    path.write_bytes(old({"w": torch.ones(2), "p": pathlib.PurePosixPath("x")}))
    with pytest.raises(pickle.UnpicklingError, match=r"(?s)old\.pt.*add_safe_globals"):
        load(path)
    assert load(path, weights_only=False)["p"] == pathlib.PurePosixPath("x")
    save({"a": 1}, path, _use_new_zipfile_serialization=False)
    assert torch.load(path, weights_only=True) == {"a": 1}


def test_the_first_rebuild_function():
    ours = load(handmade(b"ctorch._utils\n_rebuild_tensor\n(" + pid() + b"K\x00K\x02\x85K\x01\x85tR"))
    assert read(ours).tolist() == [1.5, 2.5] and not ours._rg


def test_parameters_of_torch_0_3():
    data = b"ctorch._utils\n_rebuild_tensor\n(" + pid() + b"K\x00K\x02\x85K\x01\x85tR"
    made = b"ctorch.nn.parameter\nParameter\n" + data + b"\x85\x81(\x88\x89ccollections\nOrderedDict\n)Rtb"
    ours = load(handmade(made))
    assert type(ours).__name__ == "Parameter" and ours._rg and read(ours).tolist() == [1.5, 2.5]


def test_big_endian_files():
    info = {**system_info(), "little_endian": False}
    made = b"ctorch._utils\n_rebuild_tensor\n(" + pid() + b"K\x00K\x02\x85K\x01\x85tR"
    ours = load(handmade(made, storages=((2, struct.pack(">2f", 1.5, 2.5)),), info=info))
    assert read(ours).tolist() == [1.5, 2.5]


def test_truncated_anywhere_raises(tmp_path):
    raw = old({"a": torch.arange(200.0), "b": [torch.ones(3), "text"], "c": torch.arange(30)})
    path = tmp_path / "cut.pt"
    for size in [*range(0, len(raw), 64), len(raw) - 1]:
        path.write_bytes(raw[:size])
        with pytest.raises((EOFError, RuntimeError, pickle.UnpicklingError), match=r"cut\.pt"):
            load(path)
        with pytest.raises((EOFError, RuntimeError, pickle.UnpicklingError), match=r"cut\.pt"):
            load(path, weights_only=False)


def test_storages_that_do_not_fit():
    made = b"ctorch._utils\n_rebuild_tensor\n(" + pid() + b"K\x00K\x02\x85K\x01\x85tR"
    raw = struct.pack("<2f", 1, 2)
    for keys, storages, words in [
        ((), (), "does not hold it"),
        (("0",), ((3, raw),), "unexpected end of file"),
        (("0",), ((1, raw),), "expected 8 bytes"),
        (("0",), ((-1, raw),), "unexpected end of file"),
        (("0",), ((2**61, raw),), "unexpected end of file"),
        (("0", "0"), ((2, raw), (2, raw)), "listed twice"),
        (("0", "1"), ((2, raw), (2, raw)), "belongs to no tensor"),
        ((None,), (), "not a list of names"),
    ]:
        with pytest.raises((RuntimeError, pickle.UnpicklingError), match=words):
            load(handmade(made, keys, storages))
    with pytest.raises(pickle.UnpicklingError, match="persistent id"):
        load(handmade(b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x02tQ"))
    with pytest.raises(pickle.UnpicklingError, match="unknown type"):
        load(handmade(pid(kind=b"cos\nsystem\n")))
    with pytest.raises(NotImplementedError, match="views of storages"):
        load(handmade(pid(view=b"(" + text("1") + b"K\x00K\x01t")))


def test_hostile_headers_run_nothing(tmp_path):
    marker = tmp_path / "ran"
    evil = b"\x80\x02cos\nsystem\n" + text(f"touch {marker}") + b"\x85R."
    good = [pickle.dumps(v, 2) for v in (MAGIC, PROTOCOL, system_info(), {}, [])]
    for place in range(5):
        parts = [*good[:place], evil, *good[place + 1 :]]
        with pytest.raises(pickle.UnpicklingError):
            load(io.BytesIO(b"".join(parts)))
        if place != 3:  # the object itself is the caller's risk under weights_only=False, the header never is
            with pytest.raises(pickle.UnpicklingError):
                load(io.BytesIO(b"".join(parts)), weights_only=False)
    assert not marker.exists()


def test_what_is_no_torch_file(tmp_path):
    path = tmp_path / "file.pt"
    for content, error, words in [
        (b"", EOFError, "empty or truncated"),
        (b"hello world", pickle.UnpicklingError, "cannot be read"),
        (pickle.dumps({"a": 1}), RuntimeError, "Invalid magic number"),
        (pickle.dumps(MAGIC) + pickle.dumps(7), RuntimeError, "Invalid protocol version: 7"),
        (pickle.dumps(MAGIC) + pickle.dumps(PROTOCOL) + pickle.dumps(7), pickle.UnpicklingError, "not a dict"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 600, pickle.UnpicklingError, "cannot be read"),
        (b"B\xff\xff\xff\x7f" + b"x" * 10, pickle.UnpicklingError, "cannot be read"),
    ]:
        path.write_bytes(content)
        with pytest.raises(error, match=words) as caught:
            load(path)
        assert "file.pt" in str(caught.value)
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("storages"))
    with pytest.raises(RuntimeError, match=r"file\.pt.*\.tar format"):
        load(path)

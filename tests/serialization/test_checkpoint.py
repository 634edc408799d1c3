"""load and save against torch, both ways."""

import collections
import io
import pathlib
import pickle
import zipfile

import mlx.core as mx
import numpy as np
import pytest
import torch

from flashlight import serialization
from flashlight._core import steps, views
from flashlight._core.device import device
from flashlight._core.tensor import read
from flashlight.serialization import load, save

from .archives import archive, same

DTYPES = ["float16", "bfloat16", "float32", "float64", "complex64", "bool"]
DTYPES += ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]


def sample(name: str, shape=(2, 3)) -> torch.Tensor:
    dtype = getattr(torch, name)
    numbers = torch.tensor([0.0, 1.0, -2.5, 3.25, 100.0, 7.0])
    if name == "bool":
        return (numbers > 1).reshape(shape)
    if name == "complex64":
        return torch.complex(numbers, numbers.flip(0)).reshape(shape)
    if not dtype.is_floating_point:
        limits = torch.iinfo(dtype)
        return torch.tensor([limits.min, limits.max, 0, 1, 2, 3], dtype=dtype).reshape(shape)
    return (numbers * 1.1).to(dtype).reshape(shape)


def rewritten(obj, **options):
    """What torch reads of what we write of what we read of what torch wrote."""
    first, second = io.BytesIO(), io.BytesIO()
    torch.save(obj, first)
    first.seek(0)
    save(load(first), second, **options)
    second.seek(0)
    return torch.load(second, weights_only=True)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_both_ways(name, legacy, buffer_of):
    theirs = sample(name)
    ours = load(buffer_of(theirs, _use_new_zipfile_serialization=not legacy))
    same(ours, theirs)
    sink = io.BytesIO()
    save(ours, sink, _use_new_zipfile_serialization=not legacy)
    same(load(io.BytesIO(sink.getvalue())), theirs)
    if not (legacy and name in ("uint16", "uint32", "uint64")):  # torch writes these but cannot read them back
        sink.seek(0)
        back = torch.load(sink, weights_only=True)
        assert back.dtype is theirs.dtype and torch.equal(back, theirs)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (1, 1, 1)])
def test_shapes(shape, buffer_of):
    theirs = torch.full(shape, 2.5)
    ours = load(buffer_of(theirs))
    same(ours, theirs)
    assert torch.equal(rewritten(theirs), theirs)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x.t(),
        lambda x: x[1],
        lambda x: x[:, 1:3],
        lambda x: x[::2, ::3],
        lambda x: x.reshape(2, 2, 6).permute(2, 0, 1),
        lambda x: x.flatten()[5:17].reshape(3, 4).t(),
        lambda x: x[0].expand(5, 6),
        lambda x: x[:, :1].expand(4, 6),
        lambda x: x.diagonal(),
        lambda x: x.unfold(1, 3, 1),
        lambda x: x.as_strided((3, 3), (1, 2), 4),
        lambda x: x.reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
        lambda x: x[0, 0],
        lambda x: x[:0],
        lambda x: x[2:2, 1:],
        lambda x: x.unsqueeze(1),
    ],
)
def test_strided_layouts_keep_their_strides(make, buffer_of):
    theirs = make(torch.arange(24.0).reshape(4, 6))
    same(load(buffer_of(theirs)), theirs)
    back = rewritten(theirs)
    assert torch.equal(back, theirs) and back.stride() == theirs.stride()
    assert back.untyped_storage().nbytes() == theirs.untyped_storage().nbytes()


def test_conjugate_views(buffer_of):
    x = torch.tensor([1 + 2j, 3 - 4j], dtype=torch.complex64)
    a, b = load(buffer_of([x, x.conj()]))
    assert read(a).tolist() == x.tolist() and read(b).tolist() == x.conj().tolist()
    assert load(buffer_of(x.conj().imag)).shape == (2,)
    back = rewritten([x, x.conj()])
    assert back[1].is_conj() and torch.equal(back[1], x.conj())


def test_tensors_of_one_storage_alias_after_loading(buffer_of):
    x = torch.arange(6.0)
    whole, part, turned = load(buffer_of([x, x[2:4], x.reshape(2, 3).t()]))
    part[0] = 50.0
    assert read(whole).tolist() == [0, 1, 50, 3, 4, 5]
    assert read(turned).tolist() == [[0, 3], [1, 4], [50, 5]]
    back = rewritten([x, x[2:4]])
    back[1][0] = 9.0
    assert back[0][2] == 9.0


def test_tied_weights_are_written_once(buffer_of):
    w = torch.nn.Parameter(torch.randn(4, 4))
    ours = load(buffer_of({"embed": w, "head": w, "data": w.data}))
    assert ours["embed"] is ours["head"]
    sink = io.BytesIO()
    save(ours, sink)
    names = zipfile.ZipFile(sink).namelist()
    assert [n for n in names if "/data/" in n] == ["archive/data/0"]
    sink.seek(0)
    back = torch.load(sink, weights_only=True)
    assert back["embed"] is back["head"] and back["data"].data_ptr() == back["head"].data_ptr()


def test_unshared_tensors_own_their_memory(buffer_of):
    ours = load(buffer_of({"a": torch.ones(3), "p": torch.nn.Parameter(torch.ones(2, 2))}))
    assert ours["a"]._view is None and ours["p"]._view is None


def test_parameters_and_their_attributes(buffer_of):
    p = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    q = torch.nn.Parameter(torch.ones(2))
    q.tensor_model_parallel, q.partition = True, (1, 2)
    a, b = load(buffer_of([p, q]))
    same(a, p)
    same(b, q)
    assert b.tensor_model_parallel is True and b.partition == (1, 2)
    back = rewritten([p, q])
    assert isinstance(back[0], torch.nn.Parameter) and not back[0].requires_grad
    assert back[1].partition == (1, 2) and back[1].requires_grad


def test_tensor_attributes(buffer_of):
    x = torch.ones(2)
    x.note = {"from": "here"}
    ours = load(buffer_of(x))
    same(ours, x)
    assert ours.note == {"from": "here"}
    assert rewritten(x).note == {"from": "here"}


def test_nested_containers_and_plain_values(buffer_of):
    tree = {
        "list": [1, -5, 2**40, -(2**70), 1.5, float("inf"), None, True, False],
        "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "text": ["", "é", "x" * 300, "\ud800"],
        "bytes": [b"", b"\x00\xff" * 200, bytearray(b"ab"), bytearray()],
        "complex": 1 + 2j,
        "sets": [{1, 2}, set(), {(1, "a")}],
        "ordered": collections.OrderedDict([("b", 1), ("a", collections.OrderedDict())]),
        "counter": collections.Counter("hello"),
        3: {None: 1, (1, 2): 2, 1.5: 3, True: 4},
        "shape": torch.Size([2, 3]),
        "dtypes": [torch.float32, torch.bfloat16, torch.int64, torch.bool],
        "devices": [torch.device("cpu"), torch.device("cuda", 1)],
        "layout": torch.strided,
    }
    ours = load(buffer_of(tree))
    plain = ["list", "tuple", "text", "bytes", "complex", "sets", "ordered", "counter", 3]
    assert {k: ours[k] for k in plain} == {k: tree[k] for k in plain}
    assert [type(v) for v in ours.values()][:9] == [type(v) for v in tree.values()][:9]
    assert type(ours["shape"]).__name__ == "Size" and ours["shape"] == (2, 3)
    assert [str(d) for d in ours["dtypes"]] == [str(d) for d in tree["dtypes"]]
    assert [str(d) for d in ours["devices"]] == ["cpu", "cuda:1"]
    assert repr(ours["layout"]) == "torch.strided"
    tree["bytes"] = tree["bytes"][1:]  # torch's safe loader does not take the empty bytes its own writer makes
    assert rewritten(tree) == tree


def test_self_reference(buffer_of):
    loop = [1]
    loop.append(loop)
    ours = load(buffer_of({"loop": loop}))["loop"]
    assert ours[1] is ours


def test_state_dict_metadata(buffer_of):
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    theirs = net.state_dict()
    ours = load(buffer_of(theirs))
    assert type(ours) is collections.OrderedDict and list(ours) == list(theirs)
    assert ours._metadata == theirs._metadata
    for name in theirs:
        same(ours[name], theirs[name])
    back = rewritten(theirs)
    net.load_state_dict(back)
    assert back._metadata["1"]["version"] == 2


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_training_checkpoints(kind, buffer_of):
    net = torch.nn.Linear(3, 2)
    options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    optimizer = kind(net.parameters(), lr=0.1, **options)
    net(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    tree = {"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict(), "loss": torch.tensor(0.5)}
    ours = load(buffer_of(tree))
    assert ours["optimizer"]["param_groups"] == tree["optimizer"]["param_groups"]
    for index, state in tree["optimizer"]["state"].items():
        for name, value in state.items():
            found = ours["optimizer"]["state"][index][name]
            same(found, value) if isinstance(value, torch.Tensor) else None
            assert isinstance(value, torch.Tensor) or found == value
    back = rewritten(tree)
    optimizer.load_state_dict(back["optimizer"])
    net.load_state_dict(back["model"])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_newer_pickle_protocols(protocol, buffer_of):
    tree = {"w": torch.ones(2), "b": b"xyz", "s": {1, 2}, "f": bytearray(b"q"), "t": "é" * 300}
    ours = load(buffer_of(tree, pickle_protocol=protocol))
    same(ours.pop("w"), tree.pop("w"))
    assert ours == tree
    sink = io.BytesIO()
    save({"w": ours}, sink, pickle_protocol=protocol)
    sink.seek(0)
    assert torch.load(sink, weights_only=False) == {"w": tree}


def test_the_pickle_is_the_one_torch_writes(buffer_of):
    tree = {"a": torch.ones(3), "b": torch.nn.Parameter(torch.ones(2)), "u": torch.ones(2, dtype=torch.uint16)}
    tree |= {"size": torch.Size([1]), "dtype": torch.float16, "device": torch.device("cpu"), "bytes": b"ab"}
    theirs = buffer_of(tree)
    ours = io.BytesIO()
    save(load(theirs), ours)
    a, b = zipfile.ZipFile(theirs), zipfile.ZipFile(ours)
    assert a.namelist() == b.namelist()
    for name in a.namelist():
        if not name.endswith("serialization_id"):
            assert a.read(name) == b.read(name), name


def test_python_2_names_and_strings():
    pickled = b"\x80\x02}q\x00(U\x01wc__builtin__\nset\n]q\x01K\x01a\x85RU\x01bU\x02\xc3\xa9u."
    assert load(io.BytesIO(archive(pickled))) == {"w": {1}, "b": "é"}
    assert load(io.BytesIO(archive(pickled)), encoding="bytes") == {b"w": {1}, b"b": b"\xc3\xa9"}
    assert load(io.BytesIO(archive(pickled)), encoding="latin1")["b"] == "Ã©"


# --------------------------------------------------------------------------------------------------------- arguments
def test_map_location_labels(buffer_of):
    raw = buffer_of([torch.ones(2), torch.ones(3)]).getvalue()

    def labels(where):
        return [str(t.device) for t in load(io.BytesIO(raw), map_location=where)]

    assert labels(None) == ["cpu", "cpu"]
    assert labels("mps") == ["mps:0", "mps:0"]
    assert labels("cuda:1") == ["cuda:1", "cuda:1"]
    assert labels(device("cuda", 2)) == ["cuda:2", "cuda:2"]
    assert labels({"cpu": "mps"}) == ["mps:0", "mps:0"]
    assert labels({"cuda:0": "mps"}) == ["cpu", "cpu"]
    assert labels(lambda storage, location: storage) == ["cpu", "cpu"]
    assert labels(lambda storage, location: storage.cuda(3) if len(storage) == 2 else None) == ["cuda:3", "cpu"]
    assert labels(lambda storage, location: None) == ["cpu", "cpu"]
    assert labels("meta") == ["meta", "meta"]
    with pytest.raises(RuntimeError, match=r"don't know how to restore data location.*tagged with nowhere"):
        labels("nowhere")
    with pytest.raises(TypeError, match="map_location"):
        labels(3)
    with pytest.raises(TypeError, match="map_location returned str"):
        labels(lambda storage, location: "cpu")


def test_the_files_own_labels(buffer_of):
    raw = buffer_of(torch.ones(2)).getvalue()
    sink = io.BytesIO()
    save(load(io.BytesIO(raw), map_location="cuda:1"), sink)
    assert str(load(io.BytesIO(sink.getvalue())).device) == "cuda:1"
    assert str(load(io.BytesIO(sink.getvalue()), map_location={"cuda:1": "cpu"}).device) == "cpu"
    sink.seek(0)
    assert torch.load(sink, map_location={"cuda:1": "cpu"}, weights_only=True).tolist() == [1, 1]


def test_meta_tensors(buffer_of):
    theirs = {"m": torch.empty(2, 3, device="meta"), "p": torch.nn.Parameter(torch.empty(4, device="meta"))}
    ours = load(buffer_of(theirs))
    assert str(ours["m"].device) == "meta" and tuple(ours["m"].shape) == (2, 3)
    back = rewritten(theirs)
    assert back["m"].is_meta and back["p"].is_meta and isinstance(back["p"], torch.nn.Parameter)


def test_weights_only_false_uses_the_full_unpickler(buffer_of):
    tree = {"path": pathlib.PurePosixPath("a/b"), "w": torch.nn.Parameter(torch.ones(2)), "np": np.arange(3)}
    raw = buffer_of(tree).getvalue()
    with pytest.raises(pickle.UnpicklingError, match="add_safe_globals"):
        load(io.BytesIO(raw))
    for options in ({"weights_only": False}, {"pickle_module": pickle}, {"weights_only": False, "fix_imports": True}):
        ours = load(io.BytesIO(raw), **options)
        assert ours["path"] == tree["path"] and ours["np"].tolist() == [0, 1, 2]
        same(ours["w"], tree["w"])


def test_weights_only_arguments(buffer_of, monkeypatch):
    raw = buffer_of(pathlib.PurePosixPath("a")).getvalue()
    with pytest.raises(RuntimeError, match="explicit pickle_module"):
        load(io.BytesIO(raw), weights_only=True, pickle_module=pickle)
    with pytest.raises(TypeError, match="fix_imports"):
        load(io.BytesIO(raw), fix_imports=True)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.warns(UserWarning, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        assert load(io.BytesIO(raw)) == pathlib.PurePosixPath("a")
    with pytest.raises(pickle.UnpicklingError):
        load(io.BytesIO(raw), weights_only=True)
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="only one of"):
        load(io.BytesIO(raw))
    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    with pytest.raises(pickle.UnpicklingError):
        load(io.BytesIO(raw), weights_only=False)


def test_pickle_module_for_saving():
    class Compiled:
        __name__ = "compiled"
        Pickler = pickle.Pickler

    with pytest.raises(TypeError, match="pickle_module"):
        save({}, io.BytesIO(), pickle_module=Compiled())
    with pytest.raises(ValueError, match="pickle_protocol"):
        save({}, io.BytesIO(), pickle_protocol=1)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_what_mlx_cannot_hold_raises_clearly(buffer_of):
    for theirs, error, words in [
        (torch.ones(2, dtype=torch.complex128), TypeError, "complex128 is not supported"),
        (torch.ones(2).to(torch.float8_e4m3fn), TypeError, "float8_e4m3fn is not supported"),
        (torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), NotImplementedError, "quantized"),
        (torch.eye(2).to_sparse(), NotImplementedError, "sparse"),
        ({"dtype": torch.quint8}, NotImplementedError, "quint8"),
    ]:
        with pytest.raises(error, match=words):
            load(buffer_of(theirs))


def test_two_dtypes_of_one_storage(buffer_of):
    x = torch.tensor([[1, 2], [3, 70000]], dtype=torch.uint32)
    theirs = [x, x.view(torch.uint16)[:, 2:]]
    whole, halves = load(buffer_of(theirs))
    same(whole, theirs[0])
    same(halves, theirs[1])
    save([whole, halves], sink := io.BytesIO())
    sink.seek(0)
    back = torch.load(sink, weights_only=True)
    assert back[1].tolist() == theirs[1].tolist()
    assert back[0].untyped_storage().data_ptr() == back[1].untyped_storage().data_ptr()
    ours = load(buffer_of(torch.arange(4, dtype=torch.int32)))
    other = views.view(ours, steps.Bitcast(mx.float32, mx.int32), "ViewBackward0")
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        save([ours, other], io.BytesIO())


def test_byte_order(buffer_of):
    raw = buffer_of([torch.tensor([1.5, 2.5]), torch.tensor([258], dtype=torch.uint16)]).getvalue()
    pickled = zipfile.ZipFile(io.BytesIO(raw)).read("archive/data.pkl")
    big = {"0": np.array([1.5, 2.5], ">f4").tobytes(), "1": np.array([258], ">u2").tobytes()}
    sink = _with_order(pickled, big, b"big")
    a, b = load(io.BytesIO(sink))
    assert read(a).tolist() == [1.5, 2.5] and read(b).tolist() == [258]
    with pytest.raises(RuntimeError, match=r"byteorder.*unknown byte order"):
        load(io.BytesIO(_with_order(pickled, big, b"middle")))
    nothing = _with_order(pickled, big, None)
    serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    try:
        assert read(load(io.BytesIO(nothing))[0]).tolist() == [1.5, 2.5]
    finally:
        serialization.set_default_load_endianness(None)
    assert read(load(io.BytesIO(nothing))[0]).tolist() != [1.5, 2.5]


def _with_order(pickled, storages, order) -> bytes:
    from flashlight.serialization.zip_writer import ZipWriter

    sink = io.BytesIO()
    writer = ZipWriter(sink.write, "archive")
    writer.add("data.pkl", pickled)
    if order is not None:
        writer.add("byteorder", order)
    for key, raw in storages.items():
        writer.add(f"data/{key}", raw)
    writer.close()
    return sink.getvalue()


def test_storages_by_themselves(buffer_of):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = buffer_of({"typed": torch.arange(3.0).storage(), "raw": torch.ones(2).untyped_storage()})
    ours = load(raw)
    assert len(ours["typed"]) == 3 and ours["typed"].nbytes() == 12 and ours["raw"].size() == 8
    assert ours["typed"].numpy_bytes().view(np.float32).tolist() == [0, 1, 2]
    with pytest.raises(NotImplementedError, match="storages"):
        save(ours, io.BytesIO())

"""The safe loader against hostile pickles: each must raise, and nothing in it may run or be read out of bounds."""

import builtins
import collections
import copyreg
import io
import os
import pickle
import random
import struct
import zipfile

import numpy as np
import pytest
import torch

from flashlight import serialization
from flashlight.serialization import load

from .archives import archive, same, text


def glob(path: str) -> bytes:
    module, name = path.split(" ")
    return f"c{module}\n{name}\n".encode()


def attempt(pickled: bytes, **options):
    return load(io.BytesIO(archive(b"\x80\x02" + pickled + b".", {"0": b"\0" * 48})), **options)


@pytest.fixture
def marker(tmp_path):
    """A file that appears if a payload ran."""
    path = tmp_path / "ran"
    yield str(path)
    assert not path.exists()


REACHES = ["os system", "posix system", "nt system", "subprocess getoutput", "builtins eval", "builtins exec"]
REACHES += ["__builtin__ eval", "builtins getattr", "builtins __import__", "importlib import_module", "sys exit"]
REACHES += ["os.path join", "pickle loads", "torch.hub load", "torch load", "torch.serialization load", "shutil rmtree"]
REACHES += ["flashlight.serialization load", "flashlight.serialization.checkpoint load", "flashlight.cli main"]
REACHES += ["torch._utils _import_dotted_name", "torch.nn.modules.module Module.__call__", "torch os", "flashlight os"]
REACHES += ["torch.nn.modules.linear math", "torch.nn.modules.linear Linear.forward", "torch.nn.modules os.system"]
REACHES += ["torch.nn.functional os", "torch.nn.functional F", "torch.storage os", "torch.utils.data.dataset Dataset"]
REACHES += ["functools partial", "operator attrgetter", "types FunctionType", "codecs decode", "_codecs decode"]
REACHES += ["collections defaultdict", "builtins map", "builtins type", "builtins object", "copyreg _reconstructor"]


@pytest.mark.parametrize("path", REACHES)
def test_names_off_the_list(path, marker):
    call = glob(path) + text(f"touch {marker}") + b"\x85R"
    with pytest.raises(pickle.UnpicklingError) as caught:
        attempt(call)
    name = path.split(" ")[1]
    assert name in str(caught.value) and "Weights only load failed" in str(caught.value)
    with pytest.raises(pickle.UnpicklingError):
        attempt(b"]" + glob(path) + b"a")


def test_the_message_names_the_global_the_file_and_the_way_out(tmp_path):
    path = tmp_path / "evil.pt"
    path.write_bytes(archive(b"\x80\x02" + glob("my.package Thing") + b"."))
    with pytest.raises(pickle.UnpicklingError) as caught:
        load(path)
    for words in ("my.package.Thing", str(path), "add_safe_globals", "data.pkl"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    "form",
    [
        lambda c: b"cos\nsystem\n" + c + b"\x85R",  # REDUCE
        lambda c: b"(" + c + b"ios\nsystem\n",  # INST
        lambda c: b"(cos\nsystem\n" + c + b"o",  # OBJ
        lambda c: text("os") + text("system") + b"\x93" + c + b"\x85R",  # STACK_GLOBAL
        lambda c: b"\x8c\x02os\x8c\x06system\x93" + c + b"\x85R",
        lambda c: b"cos\nsystem\n" + c + b"\x85\x81",  # NEWOBJ
        lambda c: b"cos\nsystem\n" + c + b"\x85}\x92",  # NEWOBJ_EX
        lambda c: b"\x82\x01" + c + b"\x85R",  # EXT1
        lambda c: b"\x83\x01\x00" + c + b"\x85R",  # EXT2
        lambda c: b"\x84\x01\x00\x00\x00" + c + b"\x85R",  # EXT4
        lambda c: b"Pos.system\n",  # PERSID
        lambda c: c + b"Q",  # BINPERSID
        lambda c: b"cbuiltins\ngetattr\n(cos\n__dict__\n" + c + b"tR",
        lambda c: b"c__builtin__\ngetattr\n(c__builtin__\n__import__\n" + c + b"tR",
        lambda c: b"ccopyreg\n_reconstructor\n(cos\nsystem\ncbuiltins\nobject\nNtR",
        lambda c: b"ccollections\nOrderedDict.__reduce__\n)R",
        lambda c: b"cbuiltins\nset\n" + c + b"\x85R}" + text("__reduce__") + b"cos\nsystem\nsb",
    ],
)
def test_every_way_a_pickle_calls(form, marker):
    copyreg.add_extension("os", "system", 1)
    try:
        with pytest.raises(pickle.UnpicklingError):
            attempt(form(text(f"touch {marker}")))
    finally:
        copyreg.remove_extension("os", "system", 1)


def test_attribute_chains_through_names(marker):
    for name in ("OrderedDict.__init__.__globals__", "OrderedDict.__class__", "Counter.__init__"):
        with pytest.raises(pickle.UnpicklingError):
            attempt(glob(f"collections {name}"))


def test_allowed_objects_are_used_in_their_one_way_only():
    size, tensor, relu = glob("torch Size"), glob("torch Tensor"), glob("torch.nn.functional relu")
    linear, dtype = glob("torch.nn.modules.linear Linear"), glob("torch float32")
    for pickled in (
        tensor + b")R",  # a constructor
        tensor + b")\x81",
        size + b")\x81",
        relu + b"K\x01\x85R",  # a function a layer may hold
        linear + b")R",
        linear + b"K\x01\x85\x81",
        dtype + b")R",
        b"K\x01)R",
        b"NK\x01\x85R",
        b"](K\x01ee",
        b"K\x01K\x01R",
        glob("collections OrderedDict") + b")\x81",
        glob("torch FloatStorage") + b")R",
        b"K\x01}b",
        b"}}b",
        b"]}b",
        glob("collections Counter") + b")R}b",
        dtype + b"}b",
        size + b"(t\x85R}b",
        glob("collections OrderedDict") + b"}b",  # the class itself
        linear + b"}" + text("forward") + b"Nsb",
    ):
        with pytest.raises(pickle.UnpicklingError):
            attempt(pickled)


def test_state_cannot_shadow_methods():
    ordered = glob("collections OrderedDict") + b")R}" + text("items") + glob("collections OrderedDict") + b"sb"
    layer = (
        glob("torch.nn.modules.linear Linear") + b")\x81}" + text("forward") + glob("torch.nn.functional relu") + b"sb"
    )
    for pickled in (ordered, layer):
        with pytest.raises(pickle.UnpicklingError, match="would replace"):
            attempt(pickled)
    state = glob("collections OrderedDict") + b")R}" + text("_metadata") + b"K\x05sb"
    assert attempt(state)._metadata == 5


def test_layer_state_must_be_well_formed():
    layer = glob("torch.nn.modules.linear Linear") + b")\x81"
    for state in (b"K\x01", b"}K\x01K\x02s", b"}" + text("_parameters") + b"K\x02s", b"}}\x86", b"]"):
        with pytest.raises(pickle.UnpicklingError):
            attempt(layer + state + b"b")


def test_constructors_take_data_only():
    for pickled in (
        glob("builtins bytearray") + b"\x8a\x05\x00\x00\x00\x00\x10\x85R",  # 64 GB of zeros
        glob("builtins bytes") + b"K\x05\x85R",
        glob("builtins complex") + text("1e5") + b"\x85R",
        glob("builtins set") + b"K\x05\x85R",
        glob("collections OrderedDict") + b"]K\x05a\x85R",
        glob("collections Counter") + text("abc") + b"\x85R",
        glob("_codecs encode") + text("a") + text("rot13") + b"\x86R",
        glob("_codecs encode") + text("a") + text("zlib") + b"\x86R",
        glob("torch Size") + b"(K\x01Nt\x85R",
        glob("torch Size") + text("abc") + b"\x85R",
        glob("torch device") + b"K\x01\x85R",
        glob("torch.serialization _get_layout") + text("torch.Tensor") + b"\x85R",
        glob("torch.nn.parameter Parameter") + b"K\x01\x85\x81",
    ):
        with pytest.raises(pickle.UnpicklingError):
            attempt(pickled)
    with pytest.raises(RuntimeError, match="Invalid device string"):
        attempt(glob("torch device") + text("../x") + b"\x85R")


# ------------------------------------------------------------------------------------------------------------- tensors
def number(n: int) -> bytes:
    raw = n.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + raw


def numbers(values) -> bytes:
    return b"(" + b"".join(number(n) for n in values) + b"t"


def storage(key="0", numel=12, kind="torch FloatStorage", location="cpu") -> bytes:
    return b"(" + text("storage") + glob(kind) + text(key) + text(location) + number(numel) + b"tQ"


def tensor(offset=0, size=(12,), stride=(1,), store=None, grad=b"\x89", hooks=None) -> bytes:
    hooks = glob("collections OrderedDict") + b")R" if hooks is None else hooks
    body = (store or storage()) + number(offset) + numbers(size) + numbers(stride) + grad + hooks
    return glob("torch._utils _rebuild_tensor_v2") + b"(" + body + b"tR"


def test_a_handmade_tensor_is_read():
    assert tuple(attempt(tensor(size=(3, 2), stride=(4, 2), offset=1)).shape) == (3, 2)


@pytest.mark.parametrize(
    "layout",
    [
        {"size": (13,)},
        {"offset": 1},
        {"offset": 13, "size": (0,)},
        {"offset": -1},
        {"size": (-1,)},
        {"size": (2, 2), "stride": (1, -1)},
        {"size": (2,), "stride": (12,)},
        {"size": (3, 4), "stride": (4,)},
        {"size": (2**31,), "stride": (0,)},
        {"size": (2**40, 2**40), "stride": (0, 0)},
        {"size": (2**62,), "stride": (2**62,)},
        {"size": (1,) * 65, "stride": (1,) * 65},
        {"offset": 2**63, "size": (1,)},
    ],
)
def test_layouts_outside_the_storage(layout):
    with pytest.raises(pickle.UnpicklingError):
        attempt(tensor(**layout))


def test_claimed_sizes_allocate_nothing():
    huge = attempt(tensor(size=(2**31 - 1, 2**31 - 1), stride=(0, 0)))
    assert tuple(huge.shape) == (2**31 - 1, 2**31 - 1)
    with pytest.raises(ValueError, match=r"archive/data.pkl|storage '0'.*overlapping"):
        attempt(tensor(size=(2,) * 8, stride=(1,) * 8))


def test_malformed_tensor_arguments():
    rebuild = glob("torch._utils _rebuild_tensor_v2")
    for pickled in (
        rebuild + b")R",
        rebuild + b"(NK\x00))\x89NtR",
        tensor(grad=b"K\x01"),
        tensor(hooks=b"}K\x01K\x02s"),
        tensor(hooks=b"K\x01"),
        tensor(store=storage(kind="torch Size")),
        tensor(store=storage(kind="torch float32")),
        tensor(store=storage(numel=-1)),
        tensor(store=b"(" + text("storage") + b"tQ"),
        tensor(store=b"(" + text("module") + glob("torch Size") + b"NNtQ"),
        tensor(store=b"(" + text("other") + glob("torch FloatStorage") + text("0") + text("cpu") + number(12) + b"tQ"),
        tensor(store=b"(K\x01tQ"),
        tensor(store=b")Q"),
        b"]Q",
        glob("torch._utils _rebuild_parameter") + b"(K\x01\x88NtR",
        glob("torch._utils _rebuild_parameter") + b"(" + tensor() + b"K\x01NtR",
        glob("torch._tensor _rebuild_from_type_v2") + b"(" + glob("torch Size") + glob("torch Tensor") + b")}tR",
        glob("torch._tensor _rebuild_from_type_v2")
        + b"("
        + glob("torch._utils _rebuild_tensor_v2")
        + glob("torch Size")
        + b")}tR",
        glob("torch._utils _rebuild_tensor_v3") + b"(" + storage() + number(0) + b"))\x89NK\x01tR",
        glob("torch._utils _rebuild_meta_tensor_no_storage") + b"(K\x01))\x89tR",
    ):
        with pytest.raises(pickle.UnpicklingError):
            attempt(pickled)


def test_storages_must_match_their_entries():
    with pytest.raises(RuntimeError, match=r"archive/data/7.*not found"):
        attempt(tensor(store=storage(key="7")))
    with pytest.raises(RuntimeError, match=r"archive/data/0.*expected 44 bytes, the entry has 48"):
        attempt(tensor(store=storage(numel=11), size=(11,)))
    with pytest.raises(RuntimeError, match=r"archive/data/0.*expected"):
        attempt(tensor(store=storage(numel=2**60)))
    for key in ("../../etc/passwd", "/etc/passwd", "..", "0/../0", "C:\\x"):
        with pytest.raises(RuntimeError, match="not found"):
            attempt(tensor(store=storage(key=key)))
    with pytest.raises(pickle.UnpicklingError, match="two sizes"):
        attempt(
            b"]("
            + tensor()
            + tensor(store=storage(numel=24, kind="torch HalfStorage"))
            + tensor(store=storage(numel=6))
            + b"e"
        )
    with pytest.raises(RuntimeError, match="require gradients"):
        attempt(tensor(store=storage(kind="torch IntStorage"), grad=b"\x88"))


def test_tensor_attributes_cannot_replace_the_class(buffer_of):
    make = glob("torch._tensor _rebuild_from_type_v2") + b"(" + glob("torch._utils _rebuild_tensor_v2")
    args = tensor().split(b"_rebuild_tensor_v2\n", 1)[1].removesuffix(b"R")
    for name in ("stride", "shape", "_a", "__class__", "_view", "_hooks", "_inference"):
        with pytest.raises(pickle.UnpicklingError, match="would replace"):
            attempt(make + glob("torch Tensor") + args + b"}" + text(name) + b"K\x01stR")


# -------------------------------------------------------------------------------------------------- the machine itself
@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b"h\x07",
        b"j\xff\xff\xff\xff",
        b"q\x00",
        b"a",
        b"e",
        b"R",
        b"b",
        b"\x81",
        b"Q",
        b"t",
        b"\x85",
        b"K\x01\x86",
        b"(K\x01\x86",
        b"s",
        b"]K\x01K\x02s",
        b"}(K\x01u",
        b"}]K\x01s",
        b"X\xff\xff\xff\xffabc",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc",
        b"\x8b\xff\xff\xff\x7fabc",
        b"X\x01\x00\x00\x00\xff",
        b"\x80\x09N",
        b"\xfe",
        b"I1\n",
        b"S'a'\n",
        b"\x97",
        b"\x98",
        b"\x93",
        b"K\x01K\x02\x93",
        b"c\xff\n\xff\n",
        b"cos",
        b"(",
        b"1",
    ],
)
def test_broken_pickles(pickled):
    with pytest.raises(pickle.UnpicklingError):
        attempt(pickled)


def test_nesting_and_sharing_cost_neither_stack_nor_time():
    deep = attempt(b"]" * 200_000 + b"a" * 199_999)
    assert type(deep) is list
    tuples = attempt(b")" + b"\x85" * 200_000)
    assert type(tuples) is tuple
    for key in (b")" + b"\x85" * 200_000, b")" + b"2\x86" * 60, b"(" + b"K\x01" * 20_000 + b"t", b"(" + b"]" + b"t"):
        for container in (b"}" + key + b"Ns", b"\x8f(" + key + b"\x90", glob("builtins set") + b"]" + key + b"a\x85R"):
            with pytest.raises(pickle.UnpicklingError, match="key"):
                attempt(container)
    shared = b")" + b"2\x86" * 60  # its repr would have 2**60 parts
    for use in (
        shared + b"Q",
        glob("torch Size") + shared + b"\x85R",
        glob("torch device") + shared + b"\x85R",
        shared + b")R",
    ):
        with pytest.raises(pickle.UnpicklingError):
            attempt(use)


def test_random_damage_never_escapes(buffer_of):
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    tree = {
        "net": net.state_dict(),
        "n": [1, 2.5, b"x", {1}],
        "size": torch.Size([1]),
        "u": torch.ones(2, dtype=torch.uint16),
    }
    source = zipfile.ZipFile(buffer_of(tree))
    pickled = source.read("archive/data.pkl")
    storages = {n.split("/")[-1]: source.read(n) for n in source.namelist() if "/data/" in n}
    rng, failures = random.Random(0), 0
    for _ in range(1500):
        data = bytearray(pickled)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            load(io.BytesIO(archive(bytes(data), storages)))
        except (pickle.UnpicklingError, RuntimeError, TypeError, ValueError):
            failures += 1
    assert failures > 500


# ----------------------------------------------------------------------------------------------------- the user's list
CALLS: list[str] = []


class Point:
    """A class of the user's own."""

    def __init__(self, x):
        self.x = x

    def __setstate__(self, state):
        CALLS.append("setstate")
        self.__dict__.update(state)


def module_pickle() -> io.BytesIO:
    sink = io.BytesIO()
    torch.save({"p": Point(3)}, sink)
    sink.seek(0)
    return sink


def test_add_safe_globals():
    assert serialization.get_safe_globals() == []
    CALLS.clear()
    with pytest.raises(pickle.UnpicklingError, match=r"test_unpickler\.Point"):
        load(module_pickle())
    assert not CALLS
    with serialization.safe_globals([Point]):
        assert load(module_pickle())["p"].x == 3
        assert serialization.get_safe_globals() == [Point]
    assert serialization.get_safe_globals() == [] and CALLS == ["setstate"]
    serialization.add_safe_globals([(Point, f"{Point.__module__}.Point")])
    try:
        assert load(module_pickle())["p"].x == 3
        with serialization.safe_globals([(Point, f"{Point.__module__}.Point")]):
            pass
        assert len(serialization.get_safe_globals()) == 1
    finally:
        serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        load(module_pickle())


def test_malformed_and_blocked_additions(marker):
    for bad, error in [((Point, "a", "b"), ValueError), ((Point, 3), TypeError)]:
        with serialization.safe_globals([bad]), pytest.raises(error):
            load(module_pickle())
    with serialization.safe_globals([os.system, builtins.eval]), pytest.raises(pickle.UnpicklingError, match="blocked"):
        attempt(glob("posix system") + text(f"touch {marker}") + b"\x85R")


def test_numpy_values_by_the_users_leave(buffer_of):
    array = np.arange(6.0).reshape(2, 3)
    with pytest.raises(pickle.UnpicklingError, match="multiarray"):
        load(buffer_of({"a": array}))
    allowed = [np._core.multiarray._reconstruct, np.ndarray, np.dtype, np.dtypes.Float64DType]
    with serialization.safe_globals([(allowed[0], "numpy._core.multiarray._reconstruct"), *allowed[1:]]):
        assert load(buffer_of({"a": array}))["a"].tolist() == array.tolist()


def test_unsafe_globals_of_a_checkpoint(buffer_of, tmp_path):
    tree = {"p": Point(1), "w": torch.ones(2), "n": np.float64(1.5), "linear": torch.nn.Linear(1, 1)}
    found = serialization.get_unsafe_globals_in_checkpoint(buffer_of(tree))
    assert f"{Point.__module__}.Point" in found and any("numpy" in name for name in found)
    assert not any(name.startswith(("torch.", "collections.")) for name in found)
    with serialization.safe_globals([Point]):
        rest = serialization.get_unsafe_globals_in_checkpoint(buffer_of(tree))
    assert set(found) - set(rest) == {f"{Point.__module__}.Point"}
    hidden = archive(b"\x80\x04" + b"\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93.")
    assert serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(hidden)) == ["os.system"]
    with pytest.raises(ValueError, match=r"torch.save"):
        serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(pickle.dumps(1)))


def test_ordered_dict_subclasses_and_defaultdict_need_leave(buffer_of):
    tree = {"d": collections.defaultdict(list, {"a": [1]})}
    with pytest.raises(pickle.UnpicklingError, match="defaultdict"):
        load(buffer_of(tree))
    with serialization.safe_globals([collections.defaultdict, list]):
        assert load(buffer_of(tree)) == tree


def test_a_number_is_read_as_written():
    for value in (0, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**62, -(2**200), 0.1, float("nan")):
        found = attempt(pickle.dumps(value, protocol=2)[2:-1])
        assert found == value or found != found
    assert attempt(b"G" + struct.pack(">d", 1.25)) == 1.25


def test_same_is_strict(buffer_of):
    with pytest.raises(AssertionError):
        same(load(buffer_of(torch.ones(2))), torch.zeros(2))

"""Sequential, ModuleList, ModuleDict, ParameterList and ParameterDict."""

from __future__ import annotations

import copy
from collections import OrderedDict

import pytest

import flashlight

from .same import check_same


def three(lib):
    return lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Tanh(), lib.nn.GELU())


def named(lib):
    return lib.nn.Sequential(OrderedDict(a=lib.nn.ReLU(), b=lib.nn.Tanh(), c=lib.nn.GELU()))


def param(lib, *shape):
    return lib.nn.Parameter(lib.ones(*shape or (2,)))


def changed(make, change):
    """A test function: what a container looks like after a change, and what the change gave."""

    def fn(lib):
        m = make(lib)
        answer = change(lib, m)
        return [repr(m), list(m._modules), repr(answer)]

    return fn


SEQUENTIAL = {
    "text": lambda lib: repr(three(lib)),
    "named": lambda lib: repr(named(lib)),
    "item": lambda lib: [repr(three(lib)[i]) for i in (0, 2, -1, -3)],
    "slice": lambda lib: [
        repr(named(lib)[s]) for s in (slice(1), slice(1, None), slice(None, None, 2), slice(-1, None))
    ],
    "out of range": lambda lib: three(lib)[3],
    "out of range below": lambda lib: three(lib)[-4],
    "set": changed(three, lambda lib, m: m.__setitem__(-1, lib.nn.SiLU())),
    "delete": changed(three, lambda lib, m: m.__delitem__(1)),
    "delete named": changed(named, lambda lib, m: m.__delitem__(1)),
    "delete slice": changed(three, lambda lib, m: m.__delitem__(slice(0, 2))),
    "append": changed(three, lambda lib, m: m.append(lib.nn.SiLU()) is m),
    "append to named": changed(named, lambda lib, m: m.append(lib.nn.SiLU())),
    "extend": changed(three, lambda lib, m: m.extend([lib.nn.SiLU(), lib.nn.Mish()])),
    "insert": changed(three, lambda lib, m: m.insert(1, lib.nn.SiLU())),
    "insert last": changed(three, lambda lib, m: m.insert(3, lib.nn.SiLU())),
    "insert negative": changed(three, lambda lib, m: m.insert(-1, lib.nn.SiLU())),
    "insert far": lambda lib: three(lib).insert(5, lib.nn.SiLU()),
    "pop": changed(three, lambda lib, m: m.pop(0)),
    "pop slice": changed(three, lambda lib, m: m.pop(slice(0, 2))),
    "pop far": lambda lib: three(lib).pop(7),
    "add": lambda lib: repr(three(lib) + named(lib)),
    "add a list": lambda lib: three(lib) + [lib.nn.ReLU()],
    "iadd": changed(named, lambda lib, m: m.__iadd__(three(lib))),
    "times": lambda lib: [repr(three(lib) * 2), repr(2 * three(lib))],
    "imul": changed(three, lambda lib, m: m.__imul__(2)),
    "times zero": lambda lib: three(lib) * 0,
    "times text": lambda lib: three(lib) * "a",
    "length and order": lambda lib: [len(three(lib)), [type(m).__name__ for m in three(lib)]],
    "no module": lambda lib: lib.nn.Sequential(3),
    "forward": lambda lib: named(lib)(lib.tensor([-1.0, 0.5])),
    "dir": lambda lib: [n for n in dir(three(lib)) if n.isdigit()],
    "empty": lambda lib: [repr(lib.nn.Sequential()), lib.nn.Sequential()(3)],
}


@pytest.mark.parametrize("fn", SEQUENTIAL.values(), ids=SEQUENTIAL)
def test_sequential(fn):
    check_same(fn, atol=1e-6)


def test_sequential_of_a_plain_dict():
    m = flashlight.nn.Sequential({"fc1": flashlight.nn.Linear(10, 20), "relu": flashlight.nn.ReLU()})
    assert list(m._modules) == ["fc1", "relu"]
    assert m(flashlight.randn(3, 10)).shape == (3, 20)


def test_sequential_refuses_what_is_no_module():
    with pytest.raises(AssertionError):
        three(flashlight).insert(0, 3)


def pair(lib):
    return lib.nn.ModuleList([lib.nn.ReLU(), lib.nn.Tanh()])


MODULE_LIST = {
    "text": lambda lib: repr(lib.nn.ModuleList([lib.nn.ReLU(), lib.nn.ReLU(), lib.nn.Tanh(), lib.nn.ReLU()])),
    "nested text": lambda lib: repr(lib.nn.ModuleList([three(lib), three(lib), lib.nn.ReLU()])),
    "empty": lambda lib: repr(lib.nn.ModuleList()),
    "none": lambda lib: repr(lib.nn.ModuleList([None, None])),
    "item": lambda lib: [repr(pair(lib)[-1]), repr(pair(lib)[:1])],
    "out of range": lambda lib: pair(lib)[2],
    "out of range below": lambda lib: pair(lib)[-3],
    "set": changed(pair, lambda lib, m: m.__setitem__(0, lib.nn.SiLU())),
    "delete": changed(pair, lambda lib, m: m.__delitem__(0)),
    "delete slice": changed(pair, lambda lib, m: m.__delitem__(slice(1))),
    "insert": changed(pair, lambda lib, m: m.insert(1, lib.nn.SiLU())),
    "insert negative": changed(pair, lambda lib, m: m.insert(0, lib.nn.SiLU())),
    "append": changed(pair, lambda lib, m: m.append(lib.nn.SiLU()) is m),
    "extend": changed(pair, lambda lib, m: m.extend(pair(lib)) is m),
    "extend number": lambda lib: lib.nn.ModuleList(3),
    "pop": changed(pair, lambda lib, m: m.pop(-1)),
    "iadd": changed(pair, lambda lib, m: m.__iadd__([lib.nn.SiLU()])),
    "add": lambda lib: repr(pair(lib) + pair(lib)),
    "order": lambda lib: [len(pair(lib)), [type(m).__name__ for m in pair(lib)]],
    "forward": lambda lib: pair(lib)(3),
    "parameters": lambda lib: [n for n, _ in lib.nn.ModuleList([lib.nn.Linear(1, 1)]).named_parameters()],
}


@pytest.mark.parametrize("fn", MODULE_LIST.values(), ids=MODULE_LIST)
def test_module_list(fn):
    check_same(fn)


def book(lib):
    return lib.nn.ModuleDict({"b": lib.nn.ReLU(), "a": lib.nn.Linear(1, 1)})


MODULE_DICT = {
    "text": lambda lib: repr(book(lib)),
    "pairs": lambda lib: repr(lib.nn.ModuleDict([("x", lib.nn.ReLU())])),
    "item": lambda lib: repr(book(lib)["a"]),
    "unknown": lambda lib: book(lib)["z"],
    "set": changed(book, lambda lib, m: m.__setitem__("c", lib.nn.Tanh())),
    "delete": changed(book, lambda lib, m: m.__delitem__("a")),
    "pop": changed(book, lambda lib, m: m.pop("b")),
    "clear": changed(book, lambda lib, m: m.clear()),
    "update": changed(book, lambda lib, m: m.update(lib.nn.ModuleDict({"q": lib.nn.Tanh()}))),
    "contains": lambda lib: ["a" in book(lib), "z" in book(lib), len(book(lib)), list(book(lib))],
    "views": lambda lib: [list(book(lib).keys()), len(list(book(lib).values())), [k for k, _ in book(lib).items()]],
    "number": lambda lib: lib.nn.ModuleDict(3),
    "no pair": lambda lib: lib.nn.ModuleDict([3]),
    "short pair": lambda lib: lib.nn.ModuleDict([(1,)]),
    "number key": lambda lib: lib.nn.ModuleDict([(1, lib.nn.ReLU())]),
    "method name": lambda lib: lib.nn.ModuleDict({"type": lib.nn.ReLU()}),
}


@pytest.mark.parametrize("fn", MODULE_DICT.values(), ids=MODULE_DICT)
def test_module_dict(fn):
    check_same(fn)


def shelf(lib):
    return lib.nn.ParameterList([lib.ones(2), param(lib, 3, 4), 3, "text"])


PARAMETER_LIST = {
    "text": lambda lib: [repr(shelf(lib)), repr(lib.nn.ParameterList()), repr(lib.nn.ParameterList([lib.ones(1)]))],
    "names": lambda lib: [n for n, _ in shelf(lib).named_parameters()],
    "kinds": lambda lib: [type(v).__name__ for v in shelf(lib)],
    "slice": lambda lib: [repr(shelf(lib)[1:3]), len(shelf(lib)[::-1])],
    "item": lambda lib: [shelf(lib)[-1], shelf(lib)[0]],
    "out of range": lambda lib: shelf(lib)[4],
    "append": lambda lib: repr(shelf(lib).append(lib.zeros(2))),
    "extend": lambda lib: repr(shelf(lib).extend([lib.zeros(2), 5])),
    "iadd": lambda lib: repr(shelf(lib).__iadd__([lib.zeros(2)])),
    "number": lambda lib: lib.nn.ParameterList(3),
    "tensor": lambda lib: lib.nn.ParameterList(lib.ones(3)),
    "call": lambda lib: shelf(lib)(),
}


@pytest.mark.parametrize("fn", PARAMETER_LIST.values(), ids=PARAMETER_LIST)
def test_parameter_list(fn):
    check_same(fn)


def test_parameter_list_assignment():
    def fn(lib):
        m = shelf(lib)
        m[0] = lib.zeros(5)
        m[-1] = param(lib)
        return [repr(m), len(m), list(m.state_dict())]

    check_same(fn)


def drawer(lib):
    return lib.nn.ParameterDict({"b": lib.ones(2), "a": param(lib, 3), "c": 3})


def after(change):
    """What a ParameterDict looks like after a change, and what the change gave."""

    def fn(lib):
        m = drawer(lib)
        answer = change(lib, m)
        return [repr(m), list(m), answer if isinstance(answer, (lib.Tensor, tuple, int)) else repr(answer)]

    return fn


PARAMETER_DICT = {
    "text": lambda lib: [repr(drawer(lib)), repr(lib.nn.ParameterDict())],
    "sorted": lambda lib: list(drawer(lib)),
    "ordered": lambda lib: list(lib.nn.ParameterDict(OrderedDict(b=param(lib), a=param(lib)))),
    "pairs": lambda lib: list(lib.nn.ParameterDict([("b", param(lib)), ("a", 3)])),
    "copy order": lambda lib: list(lib.nn.ParameterDict(lib.nn.ParameterDict([("b", 1), ("a", 2)]))),
    "reversed": lambda lib: list(reversed(drawer(lib))),
    "kinds": lambda lib: [type(v).__name__ for v in drawer(lib).values()],
    "items": lambda lib: [k for k, _ in drawer(lib).items()],
    "keys": lambda lib: list(drawer(lib).keys()),
    "names": lambda lib: [n for n, _ in drawer(lib).named_parameters()],
    "get": lambda lib: [drawer(lib).get("z"), drawer(lib).get("z", 5), drawer(lib).get("c")],
    "unknown": lambda lib: drawer(lib)["z"],
    "set": after(lambda lib, m: m.__setitem__("z", lib.zeros(1))),
    "set again": after(lambda lib, m: m.__setitem__("a", lib.zeros(1))),
    "delete": after(lambda lib, m: m.__delitem__("a")),
    "pop": after(lambda lib, m: m.pop("a")),
    "popitem": after(lambda lib, m: m.popitem()),
    "clear": after(lambda lib, m: m.clear()),
    "setdefault": after(lambda lib, m: m.setdefault("a")),
    "setdefault new": after(lambda lib, m: m.setdefault("n", lib.ones(1))),
    "update": after(lambda lib, m: m.update({"z": lib.ones(1), "y": 2})),
    "ior": after(lambda lib, m: m.__ior__(lib.nn.ParameterDict({"q": lib.ones(1)}))),
    "or": lambda lib: repr(drawer(lib) | lib.nn.ParameterDict({"q": lib.ones(1)})),
    "copy": lambda lib: repr(drawer(lib).copy()),
    "fromkeys": lambda lib: repr(drawer(lib).fromkeys(["x", "y"], 3)),
    "contains": lambda lib: ["a" in drawer(lib), "z" in drawer(lib), len(drawer(lib))],
    "number": lambda lib: lib.nn.ParameterDict(3),
    "number key": lambda lib: lib.nn.ParameterDict({3: param(lib)}),
    "no pair": lambda lib: lib.nn.ParameterDict([3]),
    "short pair": lambda lib: lib.nn.ParameterDict([(1,)]),
    "dot": lambda lib: lib.nn.ParameterDict({"a.b": param(lib)}),
    "call": lambda lib: drawer(lib)(1),
}


@pytest.mark.parametrize("fn", PARAMETER_DICT.values(), ids=PARAMETER_DICT)
def test_parameter_dict(fn):
    check_same(fn)


def test_copies_keep_everything():
    def fn(lib):
        m = lib.nn.Sequential(lib.nn.ModuleList([shelf(lib)]), lib.nn.ModuleDict({"d": drawer(lib)}))
        twin = copy.deepcopy(m)
        return [repr(twin), list(twin.state_dict())]

    check_same(fn)


def test_container_is_deprecated():
    check_same(lambda lib: repr(lib.nn.Container(a=lib.nn.ReLU())))

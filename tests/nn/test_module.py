"""Module: attributes, registration, traversal, modes, conversions, calls."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

import flashlight

from .same import check_same


def net(lib):
    """A small model with a buffer that is not saved, a tied weight and a nested part."""

    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = lib.nn.Linear(3, 3)
            self.norm = lib.nn.BatchNorm1d(3)
            self.inner = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.ReLU())
            self.inner[0].weight = self.first.weight
            self.register_buffer("scale", lib.ones(3), persistent=False)
            self.register_parameter("missing", None)
            self.again = self.norm

        def forward(self, x):
            return self.inner(self.norm(self.first(x))) * self.scale

    return Net()


ERRORS = {
    "call without forward": lambda lib: lib.nn.Module()(3),
    "unknown attribute": lambda lib: lib.nn.Module().foo,
    "positional": lambda lib: lib.nn.Module(3),
    "keyword": lambda lib: lib.nn.Module(a=3),
    "train with an int": lambda lib: lib.nn.Module().train(1),
    "to int": lambda lib: lib.nn.Module().to(lib.int32),
    "tensor for parameter": lambda lib: setattr(lib.nn.Linear(2, 2), "weight", lib.ones(2)),
    "text for parameter": lambda lib: setattr(lib.nn.Linear(2, 2), "weight", "x"),
    "text for module": lambda lib: setattr(lib.nn.Sequential(lib.nn.ReLU()), "0", "x"),
    "text for buffer": lambda lib: setattr(lib.nn.BatchNorm1d(2), "running_mean", "x"),
    "buffer over parameter": lambda lib: lib.nn.Linear(2, 2).register_buffer("weight", lib.ones(2)),
    "buffer name": lambda lib: lib.nn.Module().register_buffer(3, None),
    "buffer dot": lambda lib: lib.nn.Module().register_buffer("a.b", None),
    "buffer empty": lambda lib: lib.nn.Module().register_buffer("", None),
    "buffer value": lambda lib: lib.nn.Module().register_buffer("a", 3),
    "parameter name": lambda lib: lib.nn.Module().register_parameter(3, None),
    "parameter dot": lambda lib: lib.nn.Module().register_parameter("a.b", None),
    "parameter empty": lambda lib: lib.nn.Module().register_parameter("", None),
    "parameter value": lambda lib: lib.nn.Module().register_parameter("a", lib.ones(2)),
    "parameter exists": lambda lib: lib.nn.BatchNorm1d(2).register_parameter("running_mean", None),
    "module value": lambda lib: lib.nn.Module().add_module("a", 3),
    "module name": lambda lib: lib.nn.Module().add_module(3, lib.nn.ReLU()),
    "module dot": lambda lib: lib.nn.Module().add_module("a.b", lib.nn.ReLU()),
    "module empty": lambda lib: lib.nn.Module().add_module("", lib.nn.ReLU()),
    "module exists": lambda lib: lib.nn.Linear(2, 2).add_module("weight", lib.nn.ReLU()),
    "submodule missing": lambda lib: lib.nn.Linear(2, 2).get_submodule("a.b"),
    "submodule no module": lambda lib: lib.nn.Linear(2, 2).get_submodule("weight"),
    "get_parameter missing": lambda lib: lib.nn.Linear(2, 2).get_parameter("a"),
    "get_parameter no parameter": lambda lib: lib.nn.Linear(2, 2).get_parameter("in_features"),
    "get_buffer no buffer": lambda lib: lib.nn.Linear(2, 2).get_buffer("weight"),
    "set_submodule strict": lambda lib: lib.nn.Sequential(lib.nn.ReLU()).set_submodule("a", lib.nn.Tanh(), True),
    "set_submodule nothing": lambda lib: lib.nn.Sequential(lib.nn.ReLU()).set_submodule("", lib.nn.Tanh()),
    "set_submodule value": lambda lib: lib.nn.Sequential(lib.nn.ReLU()).set_submodule("0", 3),
    "set_submodule no module": lambda lib: lib.nn.Linear(2, 2).set_submodule("weight", lib.nn.ReLU()),
    "parameter of ints": lambda lib: lib.nn.Parameter(lib.tensor([1])),
    "parameter of a list": lambda lib: lib.nn.Parameter([1]),
    "deleted": lambda lib: delattr(lib.nn.Linear(2, 2), "foo"),
    "complex": lambda lib: (lib.nn.Linear(1, 1).to(lib.device("meta")).to("cpu"),),
}


@pytest.mark.parametrize("fn", ERRORS.values(), ids=ERRORS)
def test_errors(fn):
    check_same(fn)


def test_before_init():
    def early(kind):
        def fn(lib):
            class Early(lib.nn.Module):
                def __init__(self):
                    values = {
                        "parameter": lib.nn.Parameter(lib.ones(2)),
                        "module": lib.nn.ReLU(),
                        "buffer": lib.nn.Buffer(lib.ones(2)),
                    }
                    self.x = values[kind]

            return Early()

        return fn

    for kind in ("parameter", "module", "buffer"):
        check_same(early(kind))


def test_plain_attributes_before_init_survive():
    class Early(flashlight.nn.Module):
        def __init__(self):
            self.x = 3
            super().__init__()

    assert Early().x == 3


def test_traversal():
    def fn(lib):
        m = net(lib)
        return {
            "parameters": [n for n, _ in m.named_parameters()],
            "all": [n for n, _ in m.named_parameters(remove_duplicate=False)],
            "own": [n for n, _ in m.named_parameters(recurse=False)],
            "prefix": [n for n, _ in m.named_parameters("p")],
            "count": len(list(m.parameters())),
            "buffers": [n for n, _ in m.named_buffers()],
            "all buffers": [n for n, _ in m.named_buffers("q", remove_duplicate=False)],
            "buffer count": len(list(m.buffers(recurse=False))),
            "children": [(n, type(c).__name__) for n, c in m.named_children()],
            "child count": len(list(m.children())),
            "modules": [(n, type(c).__name__) for n, c in m.named_modules()],
            "all modules": [n for n, _ in m.named_modules(prefix="z", remove_duplicate=False)],
            "module count": (len(list(m.modules())), len(list(m.modules(remove_duplicate=False)))),
            "text": repr(m),
            "dir": sorted(set(dir(m)) & {"first", "scale", "missing", "weight", "forward", "inner"}),
            "state": list(m.state_dict()),
            "path": [
                repr(m.get_submodule("inner.1")),
                m.get_parameter("inner.0.bias").shape,
                m.get_buffer("scale").shape,
            ],
        }

    check_same(fn)


def test_apply_visits_children_first():
    def fn(lib):
        seen = []
        net(lib).apply(lambda m: seen.append(type(m).__name__))
        return seen

    check_same(fn)


def test_assignment_moves_names():
    def fn(lib):
        m = lib.nn.Module()
        m.x = 3
        m.x = lib.nn.Parameter(lib.ones(2))
        told = [("x" in m.__dict__, "x" in m._parameters)]
        m.x = None
        told.append(m.x)
        m.x = lib.nn.Parameter(lib.ones(2))
        m.x = lib.nn.ReLU()
        told.append(("x" in m._parameters, "x" in m._modules))
        del m.x
        m.register_buffer("b", lib.ones(2), persistent=False)
        m.b = lib.zeros(3)
        told.append((list(m.state_dict()), m.b.shape))
        m.b = lib.nn.Buffer(lib.zeros(4))
        told.append((list(m.state_dict()), m.b.shape))
        m.c = lib.nn.Buffer(lib.ones(1), persistent=False)
        told.append((list(m.state_dict()), [n for n, _ in m.named_buffers()]))
        m.b = lib.nn.Parameter(lib.ones(5))
        told.append(([n for n, _ in m.named_buffers()], [n for n, _ in m.named_parameters()]))
        del m.b, m.c
        told.append(sorted(m.__dict__.keys() & {"b", "c", "x"}))
        m.sub = lib.nn.ReLU()
        m.sub = None
        told.append(repr(m))
        m.set_submodule("sub", lib.nn.Tanh())
        told.append(repr(m))
        return told

    check_same(fn)


def test_registration_hooks():
    def fn(lib):
        told = []
        module = lib.nn.modules.module
        handles = [
            module.register_module_parameter_registration_hook(lambda m, n, p: told.append(("parameter", n))),
            module.register_module_buffer_registration_hook(lambda m, n, b: told.append(("buffer", n))),
            module.register_module_module_registration_hook(lambda m, n, c: told.append(("module", n))),
        ]
        m = lib.nn.Sequential(lib.nn.BatchNorm1d(2))
        m[0] = lib.nn.ReLU()
        for handle in handles:
            handle.remove()
        lib.nn.Linear(2, 2)
        return told

    check_same(fn)


def test_modes():
    def fn(lib):
        m = net(lib)
        told = [m.training, m.eval() is m, [c.training for c in m.modules()]]
        m.inner.train()
        told.append([c.training for c in m.modules()])
        m.requires_grad_(False)
        told.append([p.requires_grad for p in m.parameters()])
        return told

    check_same(fn)
    assert flashlight.nn.Linear(1, 1).is_training() is True
    assert flashlight.nn.Linear(1, 1).eval().is_training() is False


def test_zero_grad():
    def fn(lib):
        m = lib.nn.Linear(2, 2)
        m(lib.ones(1, 2)).sum().backward()
        m.zero_grad(set_to_none=False)
        told = [m.weight.grad, m.bias.grad]
        m.zero_grad()
        return [*told, m.weight.grad]

    check_same(fn)


CONVERSIONS = {
    "half": lambda lib, m: m.half(),
    "bfloat16": lambda lib, m: m.bfloat16(),
    "double": lambda lib, m: m.double(),
    "float": lambda lib, m: m.double().float(),
    "to dtype": lambda lib, m: m.to(lib.float64),
    "to device": lambda lib, m: m.to("cpu"),
    "to device, dtype": lambda lib, m: m.to("cpu", lib.float16, True),
    "to keywords": lambda lib, m: m.to(device="cpu", dtype=lib.float64, non_blocking=True),
    "to tensor": lambda lib, m: m.to(lib.ones(1, dtype=lib.float64)),
    "to meta": lambda lib, m: m.to("meta"),
    "type": lambda lib, m: m.type(lib.float64),
    "cpu": lambda lib, m: m.cpu(),
    "memory format": lambda lib, m: m.to(memory_format=lib.channels_last),
    "to_empty": lambda lib, m: m.to("meta").to_empty(device="cpu"),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_conversions(name):
    def fn(lib):
        m = lib.nn.Sequential(lib.nn.Conv2d(2, 3, 3), lib.nn.BatchNorm2d(3))
        before = [id(p) for p in m.parameters()]
        m(lib.ones(2, 2, 4, 4)).sum().backward()
        assert CONVERSIONS[name](lib, m) is m
        if lib is flashlight:  # torch makes new parameters where a move changes the kind of tensor
            assert [id(p) for p in m.parameters()] == before
        return [
            (str(t.dtype), str(t.device), t.requires_grad, t.is_leaf, type(t).__name__, t.stride())
            for t in (*m.parameters(), *m.buffers())
        ] + [str(p.grad.dtype) for p in m.parameters()]

    check_same(fn)


def test_memory_belongs_to_one_process():
    with pytest.raises(RuntimeError, match="cannot be shared between processes"):
        flashlight.nn.Linear(1, 1).share_memory()


def test_conversions_keep_values_and_graphs_apart():
    m = flashlight.nn.Linear(2, 3)
    weight = m.weight.detach().clone()
    m.double().float()
    assert bool((m.weight == weight).all())
    m(flashlight.ones(1, 2)).sum().backward()
    assert m.weight.grad.dtype is flashlight.float32
    moved = flashlight.nn.Linear(2, 3).cuda()
    assert str(moved.weight.device) == "cuda:0"
    assert moved.cpu().weight.device.type == "cpu"


def test_copies_and_pickles():
    m = net(flashlight)
    twin = copy.deepcopy(m)
    assert twin.inner[0].weight is twin.first.weight
    assert twin.again is twin.norm
    with flashlight.no_grad():
        twin.first.weight.add_(1)
    assert not bool((twin.first.weight == m.first.weight).any())
    layer = flashlight.nn.Sequential(flashlight.nn.Linear(2, 2), flashlight.nn.BatchNorm1d(2))
    again = pickle.loads(pickle.dumps(layer))
    assert repr(again) == repr(layer)
    assert isinstance(again[0].weight, flashlight.nn.Parameter)
    x = flashlight.randn(4, 2)
    assert bool((again(x) == layer(x)).all())


def test_parameter_shares_storage():
    def fn(lib):
        t = lib.ones(3)
        p = lib.nn.Parameter(t)
        t[0] = 5
        with lib.no_grad():
            p[1] = 7
        return [p.detach(), t, p.requires_grad, p.is_leaf, repr(p), type(p * 1) is lib.Tensor]

    check_same(fn)


def test_parameter_of_a_subclass():
    def fn(lib):
        class Marked(lib.Tensor):
            pass

        t = lib.ones(2).as_subclass(Marked) if lib is torch else flashlight.Tensor.__new__(Marked, [1.0, 1.0])
        p = lib.nn.Parameter(t)
        return [type(p).__name__, isinstance(p, lib.nn.Parameter), p.requires_grad]

    check_same(fn)


def test_old_pickles_get_their_tables():
    m = flashlight.nn.Linear(2, 2)
    state = {k: v for k, v in m.__dict__.items() if k in ("training", "_parameters", "_buffers", "_modules")}
    old = flashlight.nn.Linear.__new__(flashlight.nn.Linear)
    old.__setstate__({**state, "in_features": 2, "out_features": 2})
    assert old(flashlight.ones(1, 2)).shape == (1, 2)
    assert list(old.state_dict()) == ["weight", "bias"]


def test_compile_leaves_calls_as_they_are():
    m = flashlight.nn.Linear(1, 1)
    before = m(flashlight.ones(1, 1)).item()
    assert m.compile(mode="max-autotune") is None and m(flashlight.ones(1, 1)).item() == before
    with pytest.raises(TypeError, match="speed"):
        m.compile(speed=2)


def test_repr_with_extra_lines():
    def fn(lib):
        class Wide(lib.nn.Module):
            def extra_repr(self):
                return "one\ntwo"

        outer = Wide()
        outer.child = Wide()
        return [repr(outer), repr(Wide()), repr(lib.nn.Module())]

    check_same(fn)


def test_uninitialized():
    def fn(lib):
        p, b = lib.nn.UninitializedParameter(), lib.nn.UninitializedBuffer()
        told = [repr(p), repr(b), isinstance(p, lib.nn.Parameter), isinstance(b, lib.nn.Buffer), p.requires_grad]
        try:
            p.shape
        except RuntimeError as error:
            told.append(str(error))
        told.append(str(lib.nn.LazyLinear(3).double().weight.dtype))
        p.materialize((2, 3))
        b.materialize((4,), dtype=lib.float64)
        return [*told, type(p).__name__, type(b).__name__, p.shape, str(b.dtype), p.requires_grad]

    check_same(fn)
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
        flashlight.nn.UninitializedParameter() + 1


def test_lazy_modules_load_and_copy():
    def fn(lib):
        lazy = lib.nn.LazyLinear(3)
        twin = copy.deepcopy(lazy)
        lazy.load_state_dict(lib.nn.Linear(2, 3).state_dict())
        told = [lazy.weight, type(lazy).__name__]
        lazy(lib.ones(1, 2))
        told += [type(lazy).__name__, lazy.in_features, list(lazy._forward_pre_hooks)]
        twin(lib.ones(1, 5))
        return [*told, twin.weight.shape, repr(twin)]

    check_same(fn)
    check_same(lambda lib: lib.nn.LazyConv2d(3, 3)(lib.ones(2, 3)))
    check_same(lambda lib: lib.nn.Linear(2, 3).load_state_dict(lib.nn.LazyLinear(3).state_dict()))


def test_parameters_are_an_iterator_that_can_be_counted():
    model = flashlight.nn.Sequential(flashlight.nn.Linear(2, 3), flashlight.nn.Linear(3, 1, bias=False))
    params = model.parameters()
    assert iter(params) is params and len(params) == 3
    assert next(params) is model[0].weight
    assert [*params] == [model[0].bias, model[1].weight] and [*params] == []
    assert len(params) == 3 and len(flashlight.nn.ReLU().parameters()) == 0 and bool(flashlight.nn.ReLU().parameters())
    with pytest.raises(TypeError):
        params[0]

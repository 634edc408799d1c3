"""Parametrizations: registering, reading, assigning, removing; orthogonal matrices."""

from __future__ import annotations

import copy

import pytest

import flashlight

from ..same import check_same

CLOSE = {"atol": 2e-5, "rtol": 2e-5}


def makes(lib):
    """Parametrizations with and without inverses."""
    nn = lib.nn

    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

    class Double(nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, x):
            return x / 2

    class Two(nn.Module):
        def forward(self, a, b):
            return a * b

        def right_inverse(self, x):
            return x, lib.ones_like(x)

    class Wider(nn.Module):
        def forward(self, x):
            return lib.cat([x, x])

    class Cast(nn.Module):
        def forward(self, x):
            return x.double()

    class BadInverse(nn.Module):
        def __init__(self, answer):
            super().__init__()
            self.answer = answer

        def forward(self, *x):
            return x[0]

        def right_inverse(self, x):
            return self.answer(x)

    class Refuses(nn.Module):
        def forward(self, x):
            return x + 1

        def right_inverse(self, x):
            raise NotImplementedError

    class Text(nn.Module):
        def forward(self, x):
            return "x"

    return {c.__name__: c for c in (Symmetric, Double, Two, Wider, Cast, BadInverse, Refuses, Text)}


def put(lib, m, parametrization, name="weight", **kwargs):
    return lib.nn.utils.parametrize.register_parametrization(m, name, parametrization, **kwargs)


def described(m):
    return [repr(m), list(m.state_dict()), [n for n, _ in m.named_parameters()], type(m).__name__]


def test_one():
    def fn(lib):
        m = put(lib, lib.nn.Linear(3, 3), makes(lib)["Symmetric"]())
        out = m(lib.ones(1, 3))
        out.sum().backward()
        P = lib.nn.utils.parametrize
        return [
            *described(m), m.weight, out, m.parametrizations.weight.original.grad,
            P.is_parametrized(m), P.is_parametrized(m, "bias"), P.type_before_parametrizations(m).__name__,
        ]  # fmt: skip

    check_same(fn, **CLOSE)


def test_chain_and_assignment():
    def fn(lib):
        m = lib.nn.Linear(2, 2)
        before = m.weight.detach().clone()
        original = m.weight
        put(lib, m, makes(lib)["Double"]())
        put(lib, m, makes(lib)["Double"]())
        told = [m.weight - before * 2, m.parametrizations.weight.original is original]
        m.weight = lib.ones(2, 2)
        told += [m.weight, m.parametrizations.weight.original, len(m.parametrizations.weight)]
        with lib.nn.utils.parametrize.cached():
            told.append(m.weight is m.weight)
        told.append(m.weight is m.weight)
        return told

    check_same(fn, **CLOSE)


def test_several_originals():
    def fn(lib):
        m = put(lib, lib.nn.Linear(2, 2), makes(lib)["Two"]())
        told = [*described(m), m.weight, m.parametrizations.weight.is_tensor, m.parametrizations.weight.ntensors]
        m.weight = lib.full((2, 2), 3.0)
        return [*told, m.weight, m.parametrizations.weight.original0, m.parametrizations.weight.original1]

    check_same(fn, **CLOSE)


def test_buffers():
    def fn(lib):
        m = put(lib, lib.nn.BatchNorm1d(2), makes(lib)["Double"](), "running_mean")
        return [*described(m), [n for n, _ in m.named_buffers()], m.running_mean]

    check_same(fn)


REMOVING = {
    "parametrized": lambda lib, m: lib.nn.utils.parametrize.remove_parametrizations(m, "weight"),
    "original": lambda lib, m: lib.nn.utils.parametrize.remove_parametrizations(m, "weight", leave_parametrized=False),
}


@pytest.mark.parametrize("how", REMOVING)
@pytest.mark.parametrize("kind", ["Symmetric", "Two"])
def test_removing(kind, how):
    def fn(lib):
        m = put(lib, lib.nn.Linear(2, 2), makes(lib)[kind]())
        put(lib, m, lib.nn.Tanh(), "bias")
        REMOVING[how](lib, m)
        told = [*described(m), m.weight, m.weight.is_leaf]
        lib.nn.utils.parametrize.remove_parametrizations(m, "bias")
        return [*told, *described(m), hasattr(m, "parametrizations")]

    check_same(fn, **CLOSE)


ERRORS = {
    "name": lambda lib, k: put(lib, lib.nn.Linear(2, 2), k["Double"](), "foo"),
    "shape": lambda lib, k: put(lib, lib.nn.Linear(2, 2), k["Wider"]()),
    "dtype": lambda lib, k: put(lib, lib.nn.Linear(2, 2), k["Cast"]()),
    "no tensor": lambda lib, k: put(lib, lib.nn.Linear(2, 2), k["Text"]()),
    "inverse text": lambda lib, k: put(lib, lib.nn.Linear(2, 2), k["BadInverse"](lambda x: 3)),
    "inverse list": lambda lib, k: put(lib, lib.nn.Linear(2, 2), k["BadInverse"](lambda x: [x, 3])),
    "inverse dtype": lambda lib, k: put(lib, lib.nn.Linear(2, 2), k["BadInverse"](lambda x: x.double())),
    "second shape": lambda lib, k: put(lib, put(lib, lib.nn.Linear(2, 2), k["Double"]()), k["Wider"]()),
    "second dtype": lambda lib, k: put(lib, put(lib, lib.nn.Linear(2, 2), k["Double"]()), k["Cast"]()),
    "second text": lambda lib, k: put(lib, put(lib, lib.nn.Linear(2, 2), k["Double"]()), k["Text"]()),
    "second inverse": lambda lib, k: put(
        lib, put(lib, lib.nn.Linear(2, 2), k["Double"]()), k["BadInverse"](lambda x: x.double())
    ),
    "assign": lambda lib, k: setattr(put(lib, lib.nn.Linear(2, 2), k["Symmetric"]()), "weight", lib.ones(2, 2)),
    "remove": lambda lib, k: lib.nn.utils.parametrize.remove_parametrizations(lib.nn.Linear(2, 2), "weight"),
    "pickle": lambda lib, k: put(lib, lib.nn.Linear(2, 2), k["Double"]()).__getstate__(),
    "nothing": lambda lib, k: lib.nn.utils.parametrize.ParametrizationList([], lib.ones(1)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    check_same(lambda lib: ERRORS[name](lib, makes(lib)))


def test_unsafe_may_change_shape_and_refusals_are_no_errors():
    def fn(lib):
        wide = put(lib, lib.nn.Linear(2, 2), makes(lib)["Wider"](), unsafe=True)
        refusing = put(lib, lib.nn.Linear(2, 2), makes(lib)["Refuses"]())
        return [wide.weight.shape, refusing.weight]

    check_same(fn, **CLOSE)


def test_state_copy_and_transfer():
    def fn(lib):
        make = makes(lib)["Double"]
        m = put(lib, lib.nn.Linear(2, 2), make())
        twin = copy.deepcopy(m)
        other = put(lib, lib.nn.Linear(2, 2), make())
        told = [repr(other.load_state_dict(m.state_dict())), other.weight, twin.weight, type(twin).__name__]
        plain = lib.nn.Linear(2, 2)
        lib.nn.utils.parametrize.transfer_parametrizations_and_params(m, plain)
        told += [plain.weight, plain.parametrizations.weight.original is m.parametrizations.weight.original]
        two = put(lib, lib.nn.Linear(2, 2), makes(lib)["Two"]())
        target = lib.nn.utils.parametrize.transfer_parametrizations_and_params(two, lib.nn.Linear(2, 2), "weight")
        return [*told, target.weight]

    check_same(fn, **CLOSE)


def test_reads_train_mode_and_dtype():
    def fn(lib):
        m = put(lib, lib.nn.Linear(2, 2).eval(), lib.nn.Dropout())
        return [m.parametrizations.weight[0].training, str(m.double().weight.dtype)]

    check_same(fn)


MAPS = ["matrix_exp", "cayley", "householder", None]


@pytest.mark.parametrize("trivial", [True, False])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (4, 2)], ids=str)
@pytest.mark.parametrize("how", MAPS)
def test_orthogonal(how, shape, trivial):
    def fn(lib):
        m = lib.nn.Linear(*shape)
        m = lib.nn.utils.parametrizations.orthogonal(m, orthogonal_map=how, use_trivialization=trivial)
        weight = m.weight
        small = weight.T @ weight if weight.size(0) >= weight.size(1) else weight @ weight.T
        (weight * lib.arange(float(weight.numel())).view(weight.shape)).sum().backward()
        told = [repr(m), list(m.state_dict()), weight, small, m.parametrizations.weight.original.grad]
        try:
            m.weight = lib.nn.init.orthogonal_(lib.empty(weight.shape))
            told.append(m.weight)
        except NotImplementedError as error:
            told.append(str(error))
        return told

    check_same(fn, **CLOSE)


def test_orthogonal_errors():
    P = flashlight.nn.utils.parametrizations
    assert callable(P.orthogonal)
    check_same(lambda lib: lib.nn.utils.parametrizations.orthogonal(lib.nn.Linear(2, 2), "bias"))
    check_same(lambda lib: lib.nn.utils.parametrizations.orthogonal(lib.nn.Linear(2, 2), "foo"))
    check_same(lambda lib: lib.nn.utils.parametrizations.orthogonal(lib.nn.Linear(2, 2), orthogonal_map="magic"))

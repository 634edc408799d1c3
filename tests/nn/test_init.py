"""Initialisers: torch's numbers under the same seed, gains, fans, errors."""

from __future__ import annotations

import numpy as np
import pytest

import flashlight

from ..oracle import to_numpy
from .same import check_same

TIGHT = {"atol": 2e-6, "rtol": 2e-6}
SHAPES = [(3, 4), (6, 5), (40, 30), (4, 3, 2), (2, 3, 3, 3), (4, 6, 2, 2, 2)]


def filled(name, shape, *args, **kwargs):
    """A test function: a tensor after an initialiser, and the numbers that follow."""

    def fn(lib):
        t = lib.empty(shape)
        assert getattr(lib.nn.init, name)(t, *args, **kwargs) is t
        return [t, lib.rand(2)]

    return fn


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "name",
    [
        "uniform_",
        "normal_",
        "trunc_normal_",
        "ones_",
        "zeros_",
        "xavier_uniform_",
        "xavier_normal_",
        "kaiming_uniform_",
        "kaiming_normal_",
        "orthogonal_",
    ],
)
def test_numbers(name, shape):
    check_same(filled(name, shape), **TIGHT)


ARGUMENTS = {
    "uniform": filled("uniform_", (3, 4), -2.0, 3.0),
    "normal": filled("normal_", (3, 4), 1.0, 0.5),
    "constant": filled("constant_", (3, 4), 2.5),
    "trunc_normal narrow": filled("trunc_normal_", (30, 4), 0.0, 1.0, -0.1, 0.2),
    "trunc_normal tail": filled("trunc_normal_", (30, 4), 0.0, 1.0, 1.5, 4.0),
    "trunc_normal off": filled("trunc_normal_", (30, 4), 5.0, 1.0, -2.0, 2.0),
    "xavier_uniform": filled("xavier_uniform_", (3, 4), 2.0),
    "xavier_normal": filled("xavier_normal_", (3, 4), gain=0.5),
    "kaiming_uniform": filled("kaiming_uniform_", (3, 4, 2), 0.3, "fan_out", "leaky_relu"),
    "kaiming_normal": filled("kaiming_normal_", (3, 4, 2), mode="fan_out", nonlinearity="relu"),
    "kaiming bad mode": filled("kaiming_uniform_", (3, 4), mode="fan_sideways"),
    "kaiming bad nonlinearity": filled("kaiming_uniform_", (3, 4), nonlinearity="step"),
    "kaiming vector": filled("kaiming_uniform_", (3,)),
    "kaiming empty": filled("kaiming_uniform_", (0, 3)),
    "xavier vector": filled("xavier_uniform_", (3,)),
    "orthogonal": filled("orthogonal_", (3, 5), gain=2.0),
    "orthogonal tall": filled("orthogonal_", (20, 5)),
    "orthogonal vector": filled("orthogonal_", (3,)),
    "sparse": filled("sparse_", (6, 5), 0.4),
    "sparse std": filled("sparse_", (6, 5), 0.3, std=2.0),
    "sparse cube": filled("sparse_", (2, 2, 2), 0.3),
    "eye": filled("eye_", (3, 5)),
    "eye cube": filled("eye_", (3, 5, 2)),
    "dirac 3": filled("dirac_", (4, 3, 3)),
    "dirac 4": filled("dirac_", (4, 2, 3, 2), 2),
    "dirac 5": filled("dirac_", (2, 3, 3, 3, 3)),
    "dirac bad groups": filled("dirac_", (4, 2, 3), 3),
    "dirac matrix": filled("dirac_", (4, 2)),
}


@pytest.mark.parametrize("fn", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments(fn):
    check_same(fn, **TIGHT)


@pytest.mark.parametrize(
    "name", ["uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "kaiming_normal_", "orthogonal_"]
)
def test_generator(name):
    def fn(lib):
        g = lib.Generator()
        g.manual_seed(5)
        t = getattr(lib.nn.init, name)(lib.empty(4, 5), generator=g)
        return [t, lib.rand(2)]

    check_same(fn, **TIGHT)


def test_float64():
    check_same(lambda lib: lib.nn.init.normal_(lib.empty(5, 5, dtype=lib.float64)), **TIGHT)
    check_same(lambda lib: lib.nn.init.trunc_normal_(lib.empty(5, 5, dtype=lib.float64)), **TIGHT)


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "elu"])
def test_calculate_gain(name):
    check_same(lambda lib: lib.nn.init.calculate_gain(name))


def test_calculate_gain_of_leaky_relu():
    for slope in (0.2, 3, True, "x"):
        check_same(lambda lib, slope=slope: lib.nn.init.calculate_gain("leaky_relu", slope))


@pytest.mark.parametrize(
    "name",
    ["uniform", "normal", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal", "eye"],
)
def test_old_names_warn(name):
    check_same(filled(name, (3, 4)), **TIGHT)


def test_nothing_is_recorded():
    def fn(lib):
        p = lib.nn.Parameter(lib.empty(3, 3))
        lib.nn.init.xavier_uniform_(p)
        lib.nn.init.trunc_normal_(p)
        lib.nn.init.orthogonal_(p)
        return [p.requires_grad, p.is_leaf, p.grad_fn]

    check_same(fn)


def test_meta_tensors_draw_nothing():
    def fn(lib):
        for name in (
            "uniform_",
            "normal_",
            "trunc_normal_",
            "kaiming_uniform_",
            "xavier_normal_",
            "orthogonal_",
            "zeros_",
        ):
            getattr(lib.nn.init, name)(lib.empty(3, 4, device="meta"))
        lib.nn.Linear(3, 4, device="meta")
        return lib.rand(2)

    check_same(fn)


@pytest.mark.parametrize("kind", ["xavier", "kaiming", "normal", "uniform"])
def test_init_weights(kind):
    nn = flashlight.nn
    model = nn.Sequential(nn.Linear(50, 40), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LSTM(3, 5))
    before = to_numpy(model[0].weight).copy()
    assert nn.init_weights(model, kind) is model
    weight = to_numpy(model[0].weight)
    std = {"xavier": (2 / 90) ** 0.5, "kaiming": (2 / 50) ** 0.5, "normal": 0.02, "uniform": 0.1 / 3**0.5}[kind]
    assert abs(weight.std() - std) < 0.1 * std and not np.allclose(weight, before)
    for layer, name in ((0, "bias"), (1, "bias"), (2, "bias"), (3, "bias_ih_l0")):
        assert not to_numpy(getattr(model[layer], name)).any()
    assert (to_numpy(model[2].weight) == 1).all()


def test_init_weights_of_an_unknown_kind():
    with pytest.raises(ValueError, match="choose from"):
        flashlight.nn.init_weights(flashlight.nn.Linear(1, 1), "magic")

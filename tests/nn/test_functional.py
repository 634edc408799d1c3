"""nn.functional beyond the sample tables: random functions, running statistics, flags, layouts and what is missing."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as theirs

import flashlight
import flashlight.nn.functional as ours

from ..oracle import A, check, equal

# kernels for quantised or scaled matrices, and torch's own plumbing
_NOT_OURS = {
    "assert_int_or_pair",
    "boolean_dispatch",
    "grouped_mm",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "scaled_grouped_mm",
    "scaled_mm",
}


def _functions(module) -> dict:
    found = {n: getattr(module, n) for n in dir(module) if not n.startswith("_")}
    return {n: f for n, f in found.items() if inspect.isroutine(f)}


def test_every_function_of_torch_is_there():
    assert sorted(set(_functions(theirs)) - set(_functions(ours)) - _NOT_OURS) == []


def _parameters(fn) -> list | None:
    try:
        return [(p.name, p.default) for p in inspect.signature(fn).parameters.values()]
    except (TypeError, ValueError):
        return None


@pytest.mark.parametrize("name", sorted(set(_functions(theirs)) & set(_functions(ours))))
def test_signatures(name):
    want = _parameters(getattr(theirs, name))
    if want is None or any(n in ("args", "kwargs") for n, _ in want):
        assert callable(getattr(ours, name))
        return
    have = [p for p in _parameters(getattr(ours, name)) if p[0] != "axis"]
    assert [n for n, _ in have] == [n for n, _ in want]
    for (label, mine), (_, other) in zip(have, want, strict=True):
        if other is not inspect.Parameter.empty:
            assert mine == other, f"{name}({label}={mine!r}) where torch has {other!r}"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dropout", (7, 5)),
        ("dropout1d", (4, 6, 3)),
        ("dropout1d", (6, 3)),
        ("dropout2d", (4, 6, 3, 2)),
        ("dropout3d", (2, 3, 2, 2, 2)),
        ("alpha_dropout", (7, 5)),
        ("feature_alpha_dropout", (4, 5, 3)),
        ("rrelu", (6, 5)),
    ],
)
@pytest.mark.parametrize("inplace", [False, True])
def test_random_functions_draw_torchs_numbers(name, shape, inplace):
    def call(lib, x):
        lib.manual_seed(5)
        x = x * 1
        out = getattr(lib.nn.functional, name)(x, training=True, inplace=inplace)
        return out, lib.rand(3)

    check(call, A(*shape), second=False)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout_probabilities(p):
    def call(lib, x):
        lib.manual_seed(5)
        return lib.nn.functional.dropout(x, p), lib.dropout(x, p, True), lib.rand(2)

    check(call, A(5, 4))


def test_dropout_fills_a_transposed_tensor_in_the_order_of_its_memory():
    def call(lib, x):
        lib.manual_seed(1)
        return lib.nn.functional.dropout(x.t(), 0.4)

    check(call, A(6, 5))


def test_dropout_out_of_training_gives_the_tensor_itself():
    x = flashlight.ones(3)
    assert ours.dropout(x, 0.5, training=False) is x
    assert ours.dropout(x, 0.0) is x


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_dropout_refuses_other_probabilities(p):
    with pytest.raises(ValueError, match="between 0 and 1"):
        ours.dropout(flashlight.ones(3), p)
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        flashlight.dropout(flashlight.ones(3), p, True)


@pytest.mark.parametrize("hard", [False, True])
def test_gumbel_softmax(hard):
    def call(lib, x):
        lib.manual_seed(2)
        return lib.nn.functional.gumbel_softmax(x, 0.7, hard)

    check(call, A(4, 5), second=False)


def test_fractional_pool_draws_its_samples():
    def call(lib, x):
        lib.manual_seed(2)
        return lib.nn.functional.fractional_max_pool2d(x, 2, output_ratio=(0.5, 0.6), return_indices=True)

    check(call, A(2, 3, 9, 8))


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_running_statistics_move(name, dtype):
    def call(lib, x):
        mean, var = lib.zeros(3, dtype=x.dtype), lib.ones(3, dtype=x.dtype)
        switch = {"training": True} if name == "batch_norm" else {"use_input_stats": True}
        for momentum in (0.1, 0.5):
            out = getattr(lib.nn.functional, name)(x, mean, var, momentum=momentum, **switch)
        return out, mean, var

    check(call, A(4, 3, 5, dtype=dtype))


def test_statistics_may_move_before_backward():
    x, mean, var = flashlight.randn(4, 3, requires_grad=True), flashlight.zeros(3), flashlight.ones(3)
    first = ours.batch_norm(x, mean, var)
    ours.batch_norm(x, mean, var, training=True)
    first.sum().backward()
    equal(x.grad, torch.full((4, 3), 1 / (1 + 1e-5) ** 0.5), "gradient")


def test_half_precision_is_standardised_in_single():
    x = np.random.RandomState(0).randn(64, 32).astype(np.float16) * 100 + 500
    want = theirs.layer_norm(torch.tensor(x), [32])
    equal(ours.layer_norm(flashlight.tensor(x), [32]), want, "layer_norm", atol=5e-3, rtol=5e-3)


@pytest.mark.parametrize(
    "name", ["relu", "elu", "silu", "gelu", "mish", "hardswish", "leaky_relu", "selu", "celu", "softplus"]
)
def test_gradients_far_out_are_finite(name):
    check(lambda lib, x: getattr(lib.nn.functional, name)(x), A(6, low=-90, high=90), second=name != "hardswish")


def test_in_place_activations_write_their_argument():
    for name in ("relu", "elu", "selu", "celu", "leaky_relu", "hardtanh"):
        x = flashlight.tensor([-1.0, 2.0])
        assert getattr(ours, name + "_")(x) is x
        assert getattr(ours, name)(x, inplace=True) is x
        y = flashlight.tensor([-1.0, 2.0], requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf Variable"):
            getattr(ours, name)(y, inplace=True)


def test_implicit_softmax_dimension_warns():
    x = np.random.RandomState(0).randn(2, 3, 4).astype(np.float32)
    for name in ("softmax", "log_softmax", "softmin"):
        with pytest.warns(UserWarning, match="Implicit dimension"):
            mine = getattr(ours, name)(flashlight.tensor(x))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            equal(mine, getattr(theirs, name)(torch.tensor(x)), name)


def test_bytes_are_resized_as_torch_rounds_them():
    x = np.random.RandomState(0).randint(0, 256, (1, 3, 11, 9)).astype(np.uint8)
    for antialias in (False, True):
        args = {"size": (5, 14), "mode": "bilinear", "antialias": antialias}
        equal(ours.interpolate(flashlight.tensor(x), **args), theirs.interpolate(torch.tensor(x), **args), "bytes")


@pytest.mark.parametrize("memory_format", ["contiguous_format", "channels_last"])
def test_convolution_of_a_permuted_input(memory_format):
    def call(lib, x, w):
        x = x.permute(0, 3, 1, 2)
        x = x.contiguous(memory_format=getattr(lib, memory_format))
        return lib.nn.functional.max_pool2d(lib.nn.functional.conv2d(x, w, padding=1), 2)

    check(call, A(2, 6, 6, 3), A(4, 3, 3, 3))

"""What public packages take from torch's less public modules."""

from __future__ import annotations

import importlib
import pickle

import numpy as np
import pytest
import torch

import flashlight

LIBRARIES = pytest.mark.parametrize("lib", [torch, flashlight], ids=["torch", "flashlight"])


def _module(lib, name: str):
    return importlib.import_module(f"{lib.__spec__.name}.{name}")


@LIBRARIES
def test_utils_flatten_and_split_lists_of_tensors(lib):
    utils = _module(lib, "_utils")
    tensors = [lib.arange(6.0).reshape(2, 3), lib.ones(4), lib.zeros(1, 2)]
    flat = utils._flatten_dense_tensors(tensors)
    assert flat.tolist() == [0, 1, 2, 3, 4, 5, 1, 1, 1, 1, 0, 0]
    back = utils._unflatten_dense_tensors(flat, tensors)
    assert [t.shape for t in back] == [(2, 3), (4,), (1, 2)]
    assert [[t.numel() for t in part] for part in utils._take_tensors(tensors, 40)] == [[6, 4], [2]]


@LIBRARIES
def test_utils_name_devices(lib):
    index = _module(lib, "_utils")._get_device_index
    assert [index(3), index("cuda:1"), *(index(d, allow_cpu=True) for d in ("cpu", "cpu:0"))] == [3, 1, -1, -1]
    with pytest.raises(ValueError, match="Expected a non cpu device"):
        index("cpu")
    with pytest.raises(ValueError, match="Expected a torch.device with a specified index or an integer"):
        index(None)


@LIBRARIES
def test_utils_raise_an_exception_of_another_process(lib):
    utils = _module(lib, "_utils")
    for error, kind in ((ValueError("wrong"), ValueError), (KeyError("key"), KeyError)):
        try:
            raise error
        except Exception:
            wrapped = utils.ExceptionWrapper(where="in a worker")
        with pytest.raises(kind, match=f"Caught {kind.__name__} in a worker"):
            wrapped.reraise()


@LIBRARIES
def test_tensor_module_converts_to_subclasses(lib):
    module = _module(lib, "_tensor")

    class Own(lib.Tensor):
        pass

    a, (b, number) = module._convert(lib.ones(2), Own), module._convert((lib.ones(2), 3), Own)
    assert module.Tensor is lib.Tensor and type(a) is type(b) is Own and number == 3
    assert type(module._convert(a, lib.Tensor)) is Own


@LIBRARIES
def test_config_describes_the_build(lib):
    config = _module(lib, "__config__")
    assert "PyTorch" in config.show() and "OMP_NUM_THREADS" in config.parallel_info()


@LIBRARIES
def test_custom_operator_takes_keywords_and_has_a_gradient(lib):
    @lib.library.custom_op("flashlight_tests::scaled", mutates_args=(), schema="(Tensor x, float factor=2.0) -> Tensor")
    def scaled(x, factor=2.0):
        return x * factor

    def setup(ctx, inputs, output):
        ctx.factor = inputs[1]

    scaled.register_autograd(lambda ctx, g: (g * ctx.factor, None), setup_context=setup)
    for call, expected in ((lambda x: scaled(x, factor=3.0), 3.0), (lambda x: scaled(x=x), 2.0)):
        x = lib.ones(2, requires_grad=True)
        y = call(x)
        y.sum().backward()
        assert y.tolist() == [expected] * 2 and x.grad.tolist() == [expected] * 2


def test_shapes_of_an_operator_may_come_before_it():
    @flashlight.library.register_fake("flashlight_tests::later")
    def shapes(x):
        return flashlight.empty_like(x)

    later = flashlight.library.custom_op(
        "flashlight_tests::later", lambda x: x + 1, mutates_args=(), schema="(Tensor x) -> Tensor"
    )
    assert later(flashlight.zeros(1)).tolist() == [1] and callable(shapes)


@LIBRARIES
def test_checkpoint_saves_no_state_of_a_device_for_tensors_on_the_cpu(lib):
    checkpoint = _module(lib, "utils.checkpoint")
    devices, states = checkpoint.get_device_states(lib.ones(2))
    assert (list(devices), list(states)) == ([], [])
    checkpoint.set_device_states(devices, states)
    x = lib.ones(2, requires_grad=True)
    a, b = checkpoint.detach_variable((x * 2, 5))
    assert a.is_leaf and a.requires_grad and b == 5


@LIBRARIES
def test_pytree_takes_dicts_apart(lib):
    pytree = _module(lib, "utils._pytree")
    values, keys = pytree._dict_flatten({"b": 1, "a": 2})
    assert pytree._dict_unflatten(values, keys) == {"b": 1, "a": 2} and list(values) == [1, 2]
    assert pytree.tree_map(lambda x: x * 2, {"a": [1, 2], "b": 3}) == {"a": [2, 4], "b": 6}


def test_losses_of_two_dtypes_have_the_targets():
    found = []
    for lib in (torch, flashlight):
        for own, other in (("float64", "float32"), ("float32", "float64"), ("float32", "float16")):
            x = lib.tensor([0.5, -1.0], dtype=getattr(lib, own), requires_grad=True)
            target = lib.tensor([1.0, 0.0], dtype=getattr(lib, other))
            y = lib.nn.functional.binary_cross_entropy_with_logits(x, target, weight=lib.tensor([1.0, 2.0]))
            y.backward()
            found.append((str(y.dtype), str(x.grad.dtype), round(y.item(), 3), np.round(x.grad.tolist(), 3).tolist()))
    assert found[:3] == found[3:]


@LIBRARIES
def test_cuda_without_cuda_has_no_memory_and_no_states(lib):
    cuda = _module(lib, "cuda")
    assert (cuda.memory_allocated(), cuda.max_memory_allocated(), cuda.memory_reserved()) == (0, 0, 0)
    assert (cuda.memory_stats(), cuda.get_arch_list(), cuda.get_rng_state_all()) == ({}, [], [])
    cuda.set_rng_state_all([])


@LIBRARIES
def test_functions_of_models_can_be_pickled(lib):
    layer = pickle.loads(pickle.dumps(lib.nn.TransformerEncoderLayer(4, 2, activation=lib.nn.functional.gelu)))
    assert layer.activation is lib.nn.functional.gelu
    for fn in (lib.relu, lib.tanh, lib.nn.functional.relu, lib.special.erf, lib.fft.rfft2, lib.linalg.det):
        assert pickle.loads(pickle.dumps(fn)) is fn

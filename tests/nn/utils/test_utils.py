"""Clipping, vectors of parameters, fusion, stateless calls, skip_init, memory formats."""

from __future__ import annotations

import pytest

import flashlight

from ..same import check_same

CLOSE = {"atol": 2e-6, "rtol": 2e-5}


def trained(lib):
    """A model after one backward."""
    m = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Tanh(), lib.nn.Linear(4, 1))
    (m(lib.arange(6.0).view(2, 3)) ** 2).sum().backward()
    return m


def grads(m):
    return [p.grad for p in m.parameters()]


@pytest.mark.parametrize("norm", [1.0, 2, 3.0, float("inf"), 0.5])
@pytest.mark.parametrize("limit", [0.1, 1e6])
def test_clip_grad_norm(norm, limit):
    def fn(lib):
        m = trained(lib)
        return [lib.nn.utils.clip_grad_norm_(m.parameters(), limit, norm), *grads(m)]

    check_same(fn, **CLOSE)


CLIPPING = {
    "one tensor": lambda lib, m: lib.nn.utils.clip_grad_norm_(m[0].weight, 0.1),
    "no gradients": lambda lib, m: lib.nn.utils.clip_grad_norm_(lib.nn.Linear(1, 1).parameters(), 1.0),
    "empty generator": lambda lib, m: lib.nn.utils.clip_grad_norm_((p for p in ()), 1.0),
    "empty list": lambda lib, m: lib.nn.utils.clip_grad_norm_([], 1.0),
    "old name": lambda lib, m: lib.nn.utils.clip_grad_norm(m.parameters(), 0.1),
    "value": lambda lib, m: lib.nn.utils.clip_grad_value_(m.parameters(), 0.05),
    "value of one": lambda lib, m: lib.nn.utils.clip_grad_value_(m[0].weight, 0.01),
    "total": lambda lib, m: lib.nn.utils.get_total_norm(grads(m)),
    "total of none": lambda lib, m: lib.nn.utils.get_total_norm([]),
    "by total": lambda lib, m: lib.nn.utils.clip_grads_with_norm_(m.parameters(), 0.1, lib.tensor(2.0)),
    "nan": lambda lib, m: lib.nn.utils.get_total_norm([lib.tensor([float("nan")])], error_if_nonfinite=True),
    "inf": lambda lib, m: lib.nn.utils.get_total_norm([lib.tensor([float("inf")])]),
}


@pytest.mark.parametrize("name", CLIPPING)
def test_clipping(name):
    def fn(lib):
        m = trained(lib)
        return [CLIPPING[name](lib, m), *grads(m)]

    check_same(fn, **CLOSE)


def test_clipping_refuses_what_is_not_finite():
    def fn(lib):
        m = trained(lib)
        m[0].weight.grad[0, 0] = float("inf")
        return lib.nn.utils.clip_grad_norm_(m.parameters(), 1.0, error_if_nonfinite=True)

    check_same(fn)


def test_vectors_of_parameters():
    def fn(lib):
        m = lib.nn.Linear(3, 2)
        vector = lib.nn.utils.parameters_to_vector(m.parameters())
        told = [vector, vector.requires_grad]
        new = lib.arange(8.0)
        lib.nn.utils.vector_to_parameters(new, m.parameters())
        new[0] = 50.0
        return [*told, m.weight, m.bias, m.weight.is_leaf]

    check_same(fn)
    check_same(lambda lib: lib.nn.utils.vector_to_parameters([1.0], []))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_fusion_of_convolutions(bias, affine):
    def fn(lib):
        conv, bn = lib.nn.Conv2d(2, 3, 3, bias=bias), lib.nn.BatchNorm2d(3, affine=affine)
        bn(lib.arange(96.0).view(2, 3, 4, 4) / 50)
        fused = lib.nn.utils.fuse_conv_bn_eval(conv.eval(), bn.eval())
        x = lib.arange(100.0).view(2, 2, 5, 5) / 50
        return [fused(x), bn(conv(x)), fused.weight, fused.bias]

    check_same(fn, atol=1e-5, rtol=1e-5)


def test_fusion_of_others():
    def transposed(lib):
        conv, bn = lib.nn.ConvTranspose2d(2, 3, 2).eval(), lib.nn.BatchNorm2d(3).eval()
        bn.running_mean.copy_(lib.tensor([0.1, -0.2, 0.3]))
        bn.running_var.copy_(lib.tensor([0.5, 2.0, 1.0]))
        return lib.nn.utils.fuse_conv_bn_eval(conv, bn, transpose=True)(lib.ones(1, 2, 2, 2))

    def linear(lib):
        fc, bn = lib.nn.Linear(2, 3).eval(), lib.nn.BatchNorm1d(3).eval()
        bn.running_var.copy_(lib.tensor([0.5, 2.0, 1.0]))
        return lib.nn.utils.fuse_linear_bn_eval(fc, bn)(lib.ones(1, 2))

    check_same(transposed, **CLOSE)
    check_same(linear, **CLOSE)
    check_same(lambda lib: lib.nn.utils.fuse_linear_bn_eval(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3)))
    check_same(lambda lib: lib.nn.utils.fuse_linear_bn_eval(lib.nn.Linear(2, 3).eval(), lib.nn.BatchNorm1d(2).eval()))


def call(lib, *args, **kwargs):
    return lib.nn.utils.stateless._functional_call(*args, **kwargs)


STATELESS = {
    "some": lambda lib, m, x: call(lib, m, {"weight": lib.ones(2, 2)}, (x,)),
    "all": lambda lib, m, x: call(lib, m, {"weight": lib.ones(2, 2), "bias": lib.ones(2)}, x, strict=True),
    "unknown": lambda lib, m, x: call(lib, m, {"foo": lib.ones(2, 2)}, x),
    "missing": lambda lib, m, x: call(lib, m, {"weight": lib.ones(2, 2)}, x, strict=True),
    "too many": lambda lib, m, x: call(lib, m, {**dict(m.named_parameters()), "z": x, "y": x}, x, strict=True),
    "no tensor": lambda lib, m, x: call(lib, m, {"weight": 3}, x),
    "keywords": lambda lib, m, x: call(lib, m, {"weight": lib.ones(2, 2)}, None, {"input": x}),
}


@pytest.mark.parametrize("name", STATELESS)
def test_stateless(name):
    def fn(lib):
        m = lib.nn.Linear(2, 2)
        before = m.weight
        answer = STATELESS[name](lib, m, lib.ones(1, 2))
        assert m.weight is before
        return [answer, sorted(m.__dict__.keys() & {"foo", "z"})]

    check_same(fn, **CLOSE)


def test_stateless_gradients_and_buffers():
    def fn(lib):
        m = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2))
        given = {k: v.clone() for k, v in m.state_dict().items()}
        given["0.weight"] = lib.ones(2, 2, requires_grad=True)
        out = call(lib, m, given, (lib.arange(6.0).view(3, 2),))
        (g,) = lib.autograd.grad((out * lib.arange(6.0).view(3, 2)).sum(), given["0.weight"])
        return [g, given["1.num_batches_tracked"], given["1.running_mean"], m[1].num_batches_tracked]

    check_same(fn, atol=1e-5)


def test_stateless_tied():
    def tied(lib):
        m = lib.nn.Sequential(lib.nn.Linear(2, 2, bias=False), lib.nn.Linear(2, 2, bias=False))
        m[1].weight = m[0].weight
        return m

    def fn(lib):
        return call(lib, tied(lib), {"0.weight": lib.ones(2, 2)}, lib.ones(1, 2))

    def untied(lib):
        return call(lib, tied(lib), {"0.weight": lib.ones(2, 2)}, lib.ones(1, 2), tie_weights=False)

    def both(lib):
        return call(lib, tied(lib), {"0.weight": lib.ones(2, 2), "1.weight": lib.zeros(2, 2)}, lib.ones(1, 2))

    for f in (fn, untied, both):
        check_same(f, **CLOSE)


def test_old_functional_call_warns():
    def fn(lib):
        m = lib.nn.Linear(2, 2)
        return lib.nn.utils.stateless.functional_call(m, {"weight": lib.ones(2, 2)}, lib.ones(1, 2))

    check_same(fn, **CLOSE)


def test_skip_init():
    def fn(lib):
        m = lib.nn.utils.skip_init(lib.nn.Linear, 3, 4, bias=False, dtype=lib.float64)
        return [repr(m), m.weight.shape, str(m.weight.dtype), str(m.weight.device), lib.rand(2)]

    check_same(fn)
    check_same(lambda lib: lib.nn.utils.skip_init(lib.nn.ReLU))
    with pytest.raises(RuntimeError, match="Expected a Module"):
        flashlight.nn.utils.skip_init(dict)


def test_memory_formats():
    def fn(lib):
        m = lib.nn.Sequential(lib.nn.Conv2d(2, 3, 3), lib.nn.ReLU())
        weight = m[0].weight.detach().clone()
        assert lib.nn.utils.convert_conv2d_weight_memory_format(m, lib.channels_last) is m
        return [m[0].weight.stride(), (m[0].weight == weight).all()]

    check_same(fn)


def test_consume_prefix():
    def fn(lib):
        state = lib.nn.parallel.DataParallel(lib.nn.Linear(2, 2)).state_dict()
        keys = list(state)
        lib.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
        return [keys, list(state), sorted(state._metadata)]

    check_same(fn)


def test_data_parallel_runs_the_module():
    m = flashlight.nn.Linear(2, 3)
    x = flashlight.ones(4, 2)
    assert bool((flashlight.nn.DataParallel(m)(x) == m(x)).all())
    assert bool((flashlight.nn.parallel.data_parallel(m, x) == m(x)).all())
    wrapped = flashlight.nn.parallel.DistributedDataParallel(m)
    with wrapped.no_sync():
        assert bool((wrapped(x) == m(x)).all())
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    with pytest.raises(RuntimeError, match="doesn't have any parameter that requires a gradient"):
        flashlight.nn.parallel.DistributedDataParallel(flashlight.nn.ReLU())


def test_scatter_and_gather():
    parallel = flashlight.nn.parallel
    parts = parallel.scatter({"x": flashlight.arange(4), "k": (flashlight.ones(4, 2), 3)}, [0, 1])
    assert [p["x"].tolist() for p in parts] == [[0, 1], [2, 3]] and parts[1]["k"][1] == 3
    assert parallel.gather([p["x"] for p in parts], None).tolist() == [0, 1, 2, 3]
    m = flashlight.nn.Linear(2, 1)
    replicas = parallel.replicate(m, [0, 1])
    outputs = parallel.parallel_apply(replicas, [(flashlight.ones(1, 2),), (flashlight.zeros(1, 2),)])
    parallel.gather(outputs, None).sum().backward()
    assert m.weight.grad.tolist() == [[1.0, 1.0]]


def test_gradients_of_convolutions():
    def fn(lib):
        x, w = lib.arange(50.0).view(1, 2, 5, 5), lib.arange(54.0).view(3, 2, 3, 3)
        g = lib.arange(12.0).view(1, 3, 2, 2)
        return [
            lib.nn.grad.conv2d_input((1, 2, 5, 5), w, g, stride=2),
            lib.nn.grad.conv2d_weight(x, (3, 2, 3, 3), g, stride=2),
        ]

    check_same(fn, warned=False)


def test_factory_kwargs():
    for given in (
        None, {"device": "cpu"}, {"factory_kwargs": {"device": 1}, "dtype": 2}, {"a": 1},
        {"factory_kwargs": {"device": 1}, "device": 2},
    ):  # fmt: skip
        check_same(lambda lib, given=given: sorted(lib.nn.factory_kwargs(given).items()))

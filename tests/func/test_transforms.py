"""Derivatives and maps of functions, compared with torch.func."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.func
from torch.utils._pytree import tree_leaves as their_leaves

import flashlight
import flashlight.func
from flashlight.utils._pytree import tree_leaves

X = np.random.RandomState(0).randn(4, 3).astype(np.float32)


def same(fn, *arrays, atol=1e-5):
    """Compare ``fn(lib, lib.func, *tensors)`` under both libraries: values, shapes and requires_grad."""
    ours = tree_leaves(fn(flashlight, flashlight.func, *[flashlight.tensor(a) for a in arrays]))
    theirs = their_leaves(fn(torch, torch.func, *[torch.tensor(a) for a in arrays]))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=atol)
        assert a.requires_grad == b.requires_grad


def wave(x):
    return (x.sin() * x).sum()


def product(x):
    return x.sin() @ x.mT


CASES = {
    "grad": lambda lib, f, x: f.grad(wave)(x),
    "grad twice": lambda lib, f, x: f.grad(f.grad(lambda x: x.sin() * x))(x[0, 0]),
    "grad aux": lambda lib, f, x: f.grad(lambda x: (wave(x), x * 2), has_aux=True)(x),
    "grad_and_value": lambda lib, f, x: f.grad_and_value(lambda a, b: wave(a * b["k"]), argnums=(0, 1))(
        x, {"k": x + 1}
    ),
    "grad under no_grad": lambda lib, f, x: lib.no_grad()(f.grad(wave))(x),
    "per sample": lambda lib, f, x: f.vmap(f.grad(wave))(x),
    "per sample second": lambda lib, f, x: f.vmap(f.grad(f.grad(wave)))(x[0]),
    "grad of vmap": lambda lib, f, x: f.grad(
        lambda x: f.vmap(lambda r, s: wave(r) * s.sum(), in_dims=(0, None))(x, x).pow(2).sum()
    )(x),
    "vmap twice": lambda lib, f, x: f.vmap(f.vmap(lambda a: a.sin()))(x),
    "vmap dims": lambda lib, f, x: f.vmap(lambda a, b: a @ b, in_dims=(1, None), out_dims=1)(x, x),
    "vmap tree": lambda lib, f, x: f.vmap(
        lambda d: {"s": d["a"].sum(), "p": d["a"] * d["b"]}, in_dims=({"a": 0, "b": None},)
    )({"a": x, "b": x[0]}),
    "vmap chunks": lambda lib, f, x: f.vmap(wave, chunk_size=3)(x),
    "vmap softmax": lambda lib, f, x: f.vmap(lambda r: lib.softmax(r, 0).cumsum(0).flip(0))(x),
    "vmap index": lambda lib, f, x: f.vmap(lambda r: (r[1:], r.sort().values, r.argmax(), r.max()))(x),
    "jacrev": lambda lib, f, x: f.jacrev(product)(x),
    "jacrev chunks": lambda lib, f, x: f.jacrev(product, chunk_size=5)(x),
    "jacrev trees": lambda lib, f, x: f.jacrev(lambda a, b: {"p": a * b, "q": (a.sum(), b)}, argnums=(0, 1))(x, x),
    "jacfwd": lambda lib, f, x: f.jacfwd(product)(x),
    "jacfwd aux": lambda lib, f, x: f.jacfwd(lambda x: (product(x), x), has_aux=True)(x),
    "hessian": lambda lib, f, x: f.hessian(lambda x: product(x).pow(3).sum())(x),
    "jacrev twice": lambda lib, f, x: f.jacrev(f.jacrev(lambda x: product(x).pow(3).sum()))(x),
    "vmap of jacrev": lambda lib, f, x: f.vmap(f.jacrev(lambda r: r.sin() * r.sum()))(x),
    "jvp": lambda lib, f, x: f.jvp(product, (x,), (x,)),
    "jvp of grad": lambda lib, f, x: f.jvp(f.grad(wave), (x,), (x,)),
    "vmap of jvp": lambda lib, f, x: f.vmap(lambda v: f.jvp(lambda x: x.sin() @ x, (x[0],), (v,)))(x),
    "vjp": lambda lib, f, x: f.vjp(lambda x: {"a": x.sin()}, x)[1]({"a": x}),
    "linearize": lambda lib, f, x: f.linearize(product, x)[1](x),
    "vmap linalg": lambda lib, f, x: f.vmap(lambda r: lib.linalg.inv(r.outer(r) + lib.eye(len(r))) @ r)(x),
    "vmap solve": lambda lib, f, x: f.vmap(lib.linalg.solve, in_dims=(None, 0))(x.mT @ x + lib.eye(x.shape[1]), x),
    "vmap grad logdet": lambda lib, f, x: f.vmap(f.grad(lambda r: lib.logdet(r.outer(r) + lib.eye(len(r)))))(x),
    "grad of vmap linalg": lambda lib, f, x: f.grad(
        lambda x: f.vmap(lambda r: lib.linalg.inv(r.outer(x[0]) + 9 * lib.eye(len(r))))(x).sin().sum()
    )(x),
    "vmap matrix_exp": lambda lib, f, x: f.vmap(lambda r: lib.matrix_exp(r.outer(r)))(x / 3),
    "vmap special": lambda lib, f, x: f.vmap(lambda r: lib.special.gammainc(r.abs() + 0.1, r.abs()))(x),
    "vmap scalar index": lambda lib, f, x: f.vmap(lambda r, i: r[i] * r)(x, lib.arange(x.shape[0]) % x.shape[1]),
    "host operators": lambda lib, f, x: f.jacrev(lambda x: lib.linalg.det(x.mT @ x))(x / 3),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    same(CASES[name], X, atol=1e-3 if name == "hessian" or "twice" in name else 1e-5)


def filled(lib, module, top=1.0):
    with lib.no_grad():
        for p in module.parameters():
            p.copy_(lib.linspace(-1, top, p.numel()).reshape(p.shape))
    return module


def test_captured_tensors_get_gradients():
    def run(lib, f, x):
        w = lib.tensor(X[0].tolist(), requires_grad=True)
        h = w * 2
        y = f.vmap(lambda a: (a * h).sin() + w)(x).pow(2).sum()
        (g,) = lib.autograd.grad(y, w, create_graph=True)
        return y, g, lib.autograd.grad(g.sum(), w)[0]

    same(run, X)


def test_gradients_of_each_sample():
    def run(lib, f, x):
        nn = lib.nn
        model = filled(lib, nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)))
        params = dict(model.named_parameters())

        def loss(params, a):
            return f.functional_call(model, params, (a,)).pow(2).sum()

        return f.vmap(f.grad(loss), in_dims=(None, 0))({k: v.detach() for k, v in params.items()}, x), f.grad(loss)(
            params, x
        )

    same(run, X)


def test_ensemble():
    def run(lib, f, x):
        models = [filled(lib, lib.nn.Linear(3, 2), j) for j in range(3)]
        params, buffers = f.stack_module_state(models)
        y = f.vmap(lambda p, b, a: f.functional_call(models[0], (p, b), (a,)), in_dims=(0, 0, None))(params, buffers, x)
        return y, lib.autograd.grad(y.pow(2).sum(), list(params.values()))

    same(run, X)


REFUSED = {
    "not scalar": lambda lib, f: f.grad(lambda x: x)(lib.ones(3)),
    "no tensor": lambda lib, f: f.grad(lambda x: 3)(lib.ones(3)),
    "argnum": lambda lib, f: f.grad(lambda x: x, argnums=2)(lib.ones(())),
    "cotangent": lambda lib, f: f.vjp(lambda x: x, lib.ones(3))[1](lib.ones(4)),
    "tangent": lambda lib, f: f.jvp(lambda x: x, (lib.ones(3),), (lib.ones(4),)),
    "primals": lambda lib, f: f.jvp(lambda x: x, lib.ones(3), (lib.ones(3),)),
    "sizes": lambda lib, f: f.vmap(lambda x, y: x + y)(lib.ones(3), lib.ones(4)),
    "in_dims structure": lambda lib, f: f.vmap(lambda x: x, in_dims=(0, 0))(lib.ones(3)),
    "in_dims range": lambda lib, f: f.vmap(lambda x: x, in_dims=2)(lib.ones(3)),
    "in_dims None": lambda lib, f: f.vmap(lambda x: x, in_dims=None)(lib.ones(3)),
    "number": lambda lib, f: f.vmap(lambda x: x)(1),
    "nothing": lambda lib, f: f.vmap(lambda x: x)(),
    "returns a number": lambda lib, f: f.vmap(lambda x: 3)(lib.ones(3)),
    "out_dims": lambda lib, f: f.vmap(lambda x: (x, x), out_dims=(0, 0, 0))(lib.ones(3)),
    "randomness": lambda lib, f: f.vmap(lambda x: x, randomness="some")(lib.ones(3)),
    "random": lambda lib, f: f.vmap(lambda x: x + lib.randn(2))(lib.ones(3)),
    "no models": lambda lib, f: f.stack_module_state([]),
    "modes": lambda lib, f: f.stack_module_state([lib.nn.Linear(1, 1), lib.nn.Linear(1, 1).eval()]),
    "classes": lambda lib, f: f.stack_module_state([lib.nn.Linear(1, 1), lib.nn.ReLU()]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    with pytest.raises(Exception) as theirs:
        REFUSED[name](torch, torch.func)
    with pytest.raises(type(theirs.value)) as ours:
        REFUSED[name](flashlight, flashlight.func)
    assert str(ours.value) == str(theirs.value)


def test_what_cannot_be_mapped():
    for fn in (lambda x: x.item() * x, lambda x: x if x > 0 else -x, lambda x: flashlight.nonzero(x)):
        with pytest.raises(RuntimeError, match="vmap: this function can not be mapped"):
            flashlight.vmap(fn)(flashlight.ones(3))


def test_random_numbers():
    fl = flashlight
    one = fl.vmap(lambda x: x + fl.randn(5), randomness="same")(fl.zeros(3))
    assert one[0].equal(one[1]) and one[0].std() > 0
    each = fl.vmap(lambda x: x + fl.randn(5), randomness="different")(fl.zeros(3))
    assert not each[0].equal(each[1])
    w = fl.ones(5, requires_grad=True)
    y = fl.vmap(lambda x: fl.nn.functional.dropout(x * w, 0.5), randomness="different")(fl.ones(8, 5))
    y.sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), y.detach().sum(0).numpy())


def test_batch_norm_without_statistics():
    model = flashlight.nn.Sequential(flashlight.nn.BatchNorm1d(3))
    assert flashlight.func.replace_all_batch_norm_modules_(model) is model
    assert model[0].running_mean is None and not model[0].track_running_stats


# ------------------------------------------------------------------------------------------------- writes of mapped values
def _adds(acc):
    return lambda x: acc.add_(x[:3])


def _puts(acc):
    def write(x):
        acc[0] = x[1]
        return x

    return write


def _copies(acc):
    return lambda x: acc.copy_(x)


@pytest.mark.parametrize("write", [_adds, _puts, _copies])
def test_a_mapped_value_is_not_written_into_a_captured_tensor(write):
    for lib in (flashlight, torch):
        acc = lib.ones(3)
        with pytest.raises(RuntimeError):
            lib.func.vmap(write(acc))(lib.randn(2, 3))
    acc = flashlight.ones(3)
    with pytest.raises(RuntimeError, match="vmapped over"):
        flashlight.func.vmap(write(acc))(flashlight.randn(2, 3))
    assert acc.tolist() == [1.0, 1.0, 1.0] and (acc + 1).tolist() == [2.0, 2.0, 2.0]


def test_running_statistics_are_not_mapped():
    norm = flashlight.nn.BatchNorm1d(3)
    with pytest.raises(RuntimeError, match="vmapped over"):
        flashlight.func.vmap(norm)(flashlight.randn(2, 4, 3))
    assert norm.running_mean.tolist() == [0.0, 0.0, 0.0]


def test_the_same_value_for_all_elements_is_written_once():
    for lib in (flashlight, torch):
        acc = lib.ones(3)
        lib.func.vmap(lambda x, acc=acc: (acc.mul_(2), x)[1])(lib.randn(2, 3))
        assert acc.tolist() == [2.0, 2.0, 2.0]


def test_host_operators_do_not_write_once_for_each_element():
    count = flashlight.zeros(1)
    with pytest.raises(RuntimeError, match="vmapped over"):
        flashlight.func.vmap(lambda a: (count.add_(1), flashlight.linalg.inv(a))[1])(flashlight.eye(2).expand(3, 2, 2))
    assert count.tolist() == [0.0]


def test_a_tensor_made_inside_is_written():
    def fill(lib):
        def one(x):
            z = x.new_zeros(3)
            z[:2] = x[:2] ** 2
            z[1:].mul_(x[2])
            return z

        return lib.func.vmap(one)(lib.arange(6.0).reshape(2, 3))

    assert fill(flashlight).tolist() == fill(torch).tolist()


def test_backward_inside_a_mapped_function_is_refused():
    for lib in (flashlight, torch):
        w = lib.ones(3, requires_grad=True)
        with pytest.raises(RuntimeError, match="inside a functorch transform"):
            lib.func.vmap(lambda x, w=w: (x * w).sum().backward())(lib.ones(2, 3))
        assert w.grad is None


_WRITES = {
    "item": lambda lib, y: y.__setitem__(0, 5.0),
    "slice": lambda lib, y: y.__setitem__(slice(1, None), lib.tensor([7.0, 8.0])),
    "steps": lambda lib, y: y[::2].zero_(),
    "copy": lambda lib, y: y.copy_(lib.slice_scatter(y, lib.ones(2), 0, 0, 2)),
    "select": lambda lib, y: y.copy_(lib.select_scatter(y, lib.tensor(math.nan), 0, 1)),
}


@pytest.mark.parametrize("name", _WRITES)
def test_a_value_that_all_elements_share_is_written_into_each(name):
    def run(lib):
        def one(x):
            y = x.clone()
            _WRITES[name](lib, y)
            return y * x

        x = lib.arange(12.0).reshape(4, 3).requires_grad_()
        out = lib.func.vmap(one)(x)
        out.nan_to_num().sum().backward()
        return out.detach().numpy(), x.grad.numpy()

    for ours, theirs in zip(run(flashlight), run(torch), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def _noisy_inverse(lib, randomness, dtype):
    def one(m):
        return lib.linalg.inv(m) * 0 + lib.randn(2, 2, dtype=getattr(lib, dtype))

    return lib.func.vmap(one, randomness=randomness)(lib.eye(2, dtype=getattr(lib, dtype)).expand(3, 2, 2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_randomness_of_functions_computed_on_the_host(dtype):
    for lib in (flashlight, torch):
        lib.manual_seed(0)
        with pytest.raises(RuntimeError, match="randomness error mode"):
            _noisy_inverse(lib, "error", dtype)
        after = lib.rand(1).item()
        lib.manual_seed(0)
        assert lib.rand(1).item() == after  # nothing was drawn
        same, different = (_noisy_inverse(lib, kind, dtype).numpy() for kind in ("same", "different"))
        assert (same == same[:1]).all()
        assert (different[1:] != different[:-1]).all()


def test_float64_noise_is_drawn_in_mapped_functions():
    for lib in (flashlight, torch):
        x = lib.zeros(4, 3, dtype=lib.float64)
        out = lib.func.vmap(lambda x, lib=lib: x + lib.randn(3, dtype=lib.float64), randomness="same")(x)
        assert out.dtype is lib.float64
        assert (out == out[:1]).all()


def test_host_functions_need_an_element():
    with pytest.raises(RuntimeError, match="dimension of size 0"):
        flashlight.func.vmap(flashlight.linalg.inv)(flashlight.zeros(0, 3, 3))

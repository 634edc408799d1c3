"""Hooks of modules: what they are given, what they may change, in which order they run."""

from __future__ import annotations

import pytest

import flashlight

from .same import check_same


def twice(lib):
    """A layer with two inputs and two outputs."""

    class Twice(lib.nn.Module):
        def forward(self, a, b=None, *, scale=1):
            return a * 2 * scale, a if b is None else a + b

    return Twice()


def test_forward_hooks_order_and_arguments():
    def fn(lib):
        told = []
        m = twice(lib)

        def pre(name):
            return lambda m, args: told.append((name, len(args)))

        def post(name):
            return lambda m, args, out: told.append((name, len(args), len(out)))

        module = lib.nn.modules.module
        handles = [
            module.register_module_forward_pre_hook(pre("global pre")),
            module.register_module_forward_hook(post("global post")),
            m.register_forward_pre_hook(pre("first")),
            m.register_forward_pre_hook(lambda m, a, k: told.append(("kwargs", sorted(k))), with_kwargs=True),
            m.register_forward_pre_hook(pre("ahead"), prepend=True),
            m.register_forward_hook(post("post")),
            m.register_forward_hook(post("post ahead"), prepend=True),
            m.register_forward_hook(lambda m, a, k, out: told.append(("post kwargs", sorted(k))), with_kwargs=True),
        ]
        m(lib.ones(2), scale=3)
        for handle in handles:
            handle.remove()
        m(lib.ones(2))
        return [told, len(m._forward_hooks), len(m._forward_pre_hooks_with_kwargs)]

    check_same(fn)


def test_forward_hooks_change_things():
    def fn(lib):
        m = twice(lib)
        m.register_forward_pre_hook(lambda m, args: args[0] + 1)
        m.register_forward_pre_hook(lambda m, args, kwargs: ((args[0] * 2,), {"scale": 10}), with_kwargs=True)
        m.register_forward_hook(lambda m, args, out: (out[0], out[1] - 1))
        m.register_forward_hook(lambda m, args, out: None)
        return m(lib.ones(2))

    check_same(fn)


def test_bad_pre_hook():
    def fn(lib):
        m = twice(lib)
        m.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
        return m(lib.ones(2))

    check_same(fn)


@pytest.mark.parametrize("where", ["forward", "pre", "post"])
def test_always_call(where):
    def fn(lib):
        told = []

        class Fails(lib.nn.Module):
            def forward(self, x):
                if where == "forward":
                    raise ValueError("forward failed")
                return x

        def failing(*args):
            raise ValueError(f"{where} failed")

        m = Fails()
        if where == "pre":
            m.register_forward_pre_hook(failing)
        m.register_forward_hook(lambda m, a, out: told.append(("always", out is None)), always_call=True)
        m.register_forward_hook(lambda m, a, out: told.append("only on success"))
        if where == "post":
            m.register_forward_hook(failing)
        m.register_forward_hook(failing, always_call=True)
        handle = lib.nn.modules.module.register_module_forward_hook(
            lambda m, a, out: told.append("global"), always_call=True
        )
        try:
            m(lib.ones(2))
        except ValueError as error:
            told.append(str(error))
        handle.remove()
        return told

    check_same(fn)


def full_hooks(lib, m, told):
    m.register_full_backward_pre_hook(lambda m, grads: told.append(("pre", grads)))
    m.register_full_backward_hook(lambda m, gi, go: told.append(("hook", gi, go)))


@pytest.mark.parametrize(
    "inputs", [("a",), ("a", "b"), ("a", "c"), ("c", "a"), ("c",)], ids=lambda names: "+".join(names)
)
def test_full_backward_hooks(inputs):
    def fn(lib):
        told = []
        m = twice(lib)
        full_hooks(lib, m, told)
        made = {"a": lib.ones(2, requires_grad=True), "b": lib.ones(2, requires_grad=True), "c": lib.ones(2)}
        out = m(*(made[n] for n in inputs))
        if out[0].requires_grad:
            (out[0] * 3).sum().backward(retain_graph=True)
            (out[0].sum() + out[1].sum() * 5).backward()
        return [told, made["a"].grad, made["b"].grad, [o.requires_grad for o in out]]

    check_same(fn)


def test_full_backward_hooks_change_gradients():
    def fn(lib):
        m = lib.nn.Linear(2, 2)
        m.register_full_backward_pre_hook(lambda m, grads: (grads[0] * 2,))
        m.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,))
        m.register_full_backward_hook(lambda m, gi, go: (gi[0] + 1,), prepend=True)
        x = lib.ones(1, 2, requires_grad=True)
        m(x).sum().backward()
        return [x.grad, m.weight.grad, m.bias.grad]

    check_same(fn, atol=1e-6)


def test_full_backward_hooks_in_a_model():
    def fn(lib):
        told = []
        m = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Tanh(), lib.nn.Linear(3, 1))
        for i, layer in enumerate(m):
            layer.register_full_backward_hook(lambda m, gi, go, i=i: told.append((i, gi, go)))
        m.register_full_backward_hook(lambda m, gi, go: told.append(("all", gi, go)))
        x = lib.ones(4, 2, requires_grad=True)
        m(x).sum().backward()
        m(x.detach()).sum().backward()
        return [told, x.grad]

    check_same(fn, atol=1e-6)


def test_full_backward_hooks_that_misbehave():
    def wrong_count(lib):
        m = lib.nn.Linear(2, 2)
        m.register_full_backward_hook(lambda m, gi, go: (1, 2))
        m(lib.ones(1, 2, requires_grad=True)).sum().backward()

    def wrong_pre_count(lib):
        m = lib.nn.Linear(2, 2)
        m.register_full_backward_pre_hook(lambda m, go: (1, 2))
        m(lib.ones(1, 2, requires_grad=True)).sum().backward()

    def answers_without_inputs(lib):
        m = lib.nn.Linear(2, 2)
        m.register_full_backward_hook(lambda m, gi, go: (lib.ones(1),))
        m(lib.ones(1, 2)).sum().backward()

    def no_tensor(lib):
        class Lists(lib.nn.Module):
            def forward(self, x):
                return [x]

        m = Lists()
        m.register_full_backward_hook(lambda m, gi, go: None)
        return m(lib.ones(1, requires_grad=True))

    for fn in (wrong_count, wrong_pre_count, answers_without_inputs, no_tensor):
        check_same(fn)


def test_in_place_on_a_watched_input_is_refused():
    def fn(lib):
        m = lib.nn.Linear(2, 2)
        m.register_full_backward_hook(lambda m, gi, go: None)
        y = m(lib.ones(1, 2, requires_grad=True))
        try:
            y.add_(1)
        except RuntimeError:
            return "refused"

    check_same(fn)


def test_second_derivative_through_hooks():
    def fn(lib):
        m = lib.nn.Sequential(lib.nn.Tanh())
        told = []
        m.register_full_backward_hook(lambda m, gi, go: told.append(gi[0].requires_grad))
        x = lib.ones(2, requires_grad=True)
        (g,) = lib.autograd.grad(m(x).sum(), x, create_graph=True)
        (gg,) = lib.autograd.grad(g.sum(), x)
        return [g, gg, told]

    check_same(fn, atol=1e-6)


def test_global_backward_hooks():
    def fn(lib):
        told = []
        module = lib.nn.modules.module
        handles = [
            module.register_module_full_backward_hook(lambda m, gi, go: told.append((type(m).__name__, gi, go))),
            module.register_module_full_backward_pre_hook(lambda m, go: told.append((type(m).__name__, go))),
        ]
        m = lib.nn.Sequential(lib.nn.Linear(2, 1), lib.nn.ReLU())
        x = lib.ones(1, 2, requires_grad=True)
        m(x).sum().backward()
        for handle in handles:
            handle.remove()
        m(x).sum().backward()
        return [told, x.grad]

    check_same(fn, atol=1e-6)


def test_two_kinds_of_backward_hooks_do_not_mix():
    def fn(lib):
        m = lib.nn.Linear(1, 1)
        m.register_full_backward_hook(lambda *a: None)
        m.register_backward_hook(lambda *a: None)

    def other(lib):
        m = lib.nn.Linear(1, 1)
        m.register_backward_hook(lambda *a: None)
        m.register_full_backward_hook(lambda *a: None)

    check_same(fn)
    check_same(other)


def test_deprecated_backward_hooks():
    def fn(lib):
        told = []
        m = lib.nn.Tanh()
        m.register_backward_hook(lambda m, gi, go: told.append((gi, go)))
        x = lib.ones(2, requires_grad=True)
        m(x * 1).sum().backward()
        return [told, x.grad]

    def warned(lib):
        m = twice(lib)
        m.register_backward_hook(lambda m, gi, go: None)
        m(lib.ones(2, requires_grad=True) * 1)

    def nested(lib):
        class Nested(lib.nn.Module):
            def forward(self, x):
                return {"out": x * 2}

        m = Nested()
        m.register_backward_hook(lambda m, gi, go: None)
        m(lib.ones(2, requires_grad=True))

    check_same(fn, atol=1e-6)
    check_same(warned)
    check_same(nested)


def test_hooks_are_removed_and_used_as_contexts():
    m = flashlight.nn.ReLU()
    calls = []
    with m.register_forward_hook(lambda *a: calls.append(1)):
        m(flashlight.ones(1))
    m(flashlight.ones(1))
    assert calls == [1]

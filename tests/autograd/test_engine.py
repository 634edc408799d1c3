"""The backward engine: accumulation, graphs kept and freed, hooks, depth, in-place writes, against torch."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

import flashlight

LIBS = [torch, flashlight]
both = pytest.mark.parametrize("lib", LIBS, ids=["torch", "flashlight"])


def leaf(lib, *values):
    return lib.tensor([float(v) for v in values], requires_grad=True)


@both
def test_accumulates_into_leaves(lib):
    x = leaf(lib, 1, 2)
    (x * 3).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert x.grad is first
    assert x.grad.tolist() == [5.0, 7.0]


@both
def test_diamond_adds_both_paths(lib):
    x = leaf(lib, 2)
    y = x * x
    (y * y + y).sum().backward()
    assert x.grad.item() == 4 * 8 + 4


@both
def test_second_backward_needs_retain_graph(lib):
    x = leaf(lib, 1, 2)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


@both
def test_what_saves_nothing_can_run_twice(lib):
    x = leaf(lib, 1, 2)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0]


@both
def test_refusals(lib):
    x = leaf(lib, 1, 2)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        x.detach().sum().backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(lib.ones(3))
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        lib.autograd.grad((x * 2).sum(), leaf(lib, 1))
    with pytest.raises(RuntimeError, match="does not require grad"):
        lib.autograd.grad((x * 2).sum(), x.detach())
    with pytest.raises(RuntimeError, match="only Tensors of floating point"):
        lib.tensor([1, 2]).requires_grad_()


@both
def test_grad_leaves_dot_grad_alone_and_prunes(lib):
    x, w = leaf(lib, 1, 2), leaf(lib, 3, 4)
    calls = []
    y = x * w
    y.register_hook(lambda g: calls.append(g.tolist()))
    z = (y * 2).sum()
    (g,) = lib.autograd.grad(z, y, retain_graph=True)
    assert g.tolist() == [2.0, 2.0]
    (gx,) = lib.autograd.grad(z, x)
    assert gx.tolist() == [6.0, 8.0] and x.grad is None and w.grad is None
    assert calls == [[2.0, 2.0], [2.0, 2.0]]


@both
def test_allow_unused_and_materialize(lib):
    x, u = leaf(lib, 1, 2), leaf(lib, 5)
    y = (x * 2).sum()
    gx, gu = lib.autograd.grad(y, (x, u), allow_unused=True, retain_graph=True)
    assert gx.tolist() == [2.0, 2.0] and gu is None
    gx, gu = lib.autograd.grad(y, (x, u), materialize_grads=True)
    assert gu.tolist() == [0.0]


@both
def test_third_derivative(lib):
    x = leaf(lib, 0.5)
    y = lib.exp(x * 2).sum()
    for _ in range(3):
        (y,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    assert y.item() == pytest.approx(8 * np.exp(1.0), rel=1e-5)


@both
def test_backward_inputs(lib):
    x, w = leaf(lib, 1, 2), leaf(lib, 3, 4)
    (x * w).sum().backward(inputs=[w])
    assert x.grad is None and w.grad.tolist() == [1.0, 2.0]


@both
def test_hooks(lib):
    x = leaf(lib, 1, 2)
    seen = []
    x.register_hook(lambda g: g * 10)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
    y = x * 3
    handle = y.register_hook(lambda g: g + 1)
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    assert y.grad.tolist() == [2.0, 2.0] and x.grad.tolist() == [60.0, 60.0] and seen == [[60.0, 60.0]]
    handle.remove()
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [30.0, 30.0]


@both
def test_node_hooks(lib):
    x = leaf(lib, 1, 2)
    y = x * 3
    log = []
    y.grad_fn.register_prehook(lambda gs: log.append(("pre", gs[0].tolist())))
    y.grad_fn.register_hook(lambda gi, go: log.append(("post", gi[0].tolist(), go[0].tolist())))
    y.sum().backward()
    assert log == [("pre", [1.0, 1.0]), ("post", [3.0, 3.0], [1.0, 1.0])]
    assert y.grad_fn.next_functions[0][0].variable is x


@both
def test_in_place_on_saved_raises(lib):
    x = leaf(lib, 1, 2)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    e = lib.exp(x)
    e.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        e.sum().backward()
    a = x + 1
    s = a + 1
    a.mul_(2)  # nothing saved it
    s.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


@both
def test_in_place_is_differentiated(lib):
    x, w = leaf(lib, 1, 2), leaf(lib, 3, 4)
    y = x * 1
    y.mul_(w)
    y += x
    y.sum().backward()
    assert x.grad.tolist() == [4.0, 5.0] and w.grad.tolist() == [1.0, 2.0]


@both
def test_leaves_refuse_in_place(lib):
    x = leaf(lib, 1, 2)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        x.add_(1)
    with pytest.raises(
        RuntimeError, match="a view of a leaf Variable that requires grad is being used in an in-place operation"
    ):
        x[0] = 3
    with lib.no_grad():
        x[0] = 3
        x.add_(1)
    assert x.tolist() == [4.0, 3.0] and x.requires_grad and x.is_leaf


@both
def test_modes(lib):
    x = leaf(lib, 1, 2)
    with lib.no_grad():
        assert not (x * 2).requires_grad
        with lib.enable_grad():
            assert (x * 2).requires_grad

    @lib.no_grad()
    def f():
        return (x * 2).requires_grad

    @lib.no_grad()
    def generate():
        yield lib.is_grad_enabled()
        yield lib.is_grad_enabled()

    assert f() is False
    steps = generate()
    assert next(steps) is False and lib.is_grad_enabled() and next(steps) is False
    lib.set_grad_enabled(False)
    assert not lib.is_grad_enabled()
    lib.set_grad_enabled(True)
    with lib.inference_mode():
        t = x * 2
    assert t.is_inference() and not t.requires_grad


@both
def test_multi_output_with_unused_part(lib):
    x = lib.arange(6.0).reshape(2, 3).requires_grad_()
    a, _, c = x.unbind(1)
    (a * 2 + c).sum().backward()
    assert x.grad.tolist() == [[2.0, 0.0, 1.0], [2.0, 0.0, 1.0]]


@both
def test_views_share_history(lib):
    x = leaf(lib, 1, 2, 3, 4)
    y = x * 1
    v = y.view(2, 2)
    v[0].mul_(10)
    y[3] = 0
    (v * v).sum().backward()
    assert v.tolist() == [[10.0, 20.0], [3.0, 0.0]]
    assert x.grad.tolist() == [200.0, 400.0, 6.0, 0.0]


@both
def test_anomaly_names_the_function(lib):
    x = leaf(lib, -1)
    with lib.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="returned nan values in its 0th output"):
        lib.sqrt(x).sum().backward()


def test_deep_graph_needs_no_recursion():
    x = flashlight.ones(2, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1e-6
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    del y


def test_graph_dies_without_the_collector():
    gc.disable()
    try:
        x = flashlight.ones(3, requires_grad=True)
        y = flashlight.exp(x * 2)
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


class Cube:
    """The same custom function under either library."""

    def __new__(cls, lib, seen=None):
        class CubeFunction(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x, k):
                ctx.save_for_backward(x)
                ctx.k = k
                return x * x * x * k

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                if seen is not None:
                    seen.append(ctx.needs_input_grad)
                return 3 * ctx.k * x * x * g, None

        return CubeFunction


@both
def test_custom_function(lib):
    seen = []
    fn = Cube(lib, seen)
    x = leaf(lib, 1, 2)
    y = fn.apply(x, 2.0)
    assert type(y.grad_fn).__name__ == "CubeFunctionBackward" or y.grad_fn.name() == "CubeFunctionBackward"
    (g,) = lib.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = lib.autograd.grad(g.sum(), x)
    assert g.tolist() == [6.0, 24.0] and h.tolist() == [12.0, 24.0] and seen[0] == (True, False)


@both
def test_custom_function_wrong_gradients(lib):
    class Wrong(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="returned an incorrect number of gradients"):
        Wrong.apply(leaf(lib, 1), leaf(lib, 2)).backward()


@both
def test_custom_function_marks(lib):
    class Marks(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            rank = x.argsort()
            ctx.mark_non_differentiable(rank)
            return x, rank

        @staticmethod
        @lib.autograd.function.once_differentiable
        def backward(ctx, g, _unused):
            return g * 2

    x = leaf(lib, 3, 1)
    y = x * 1
    z, rank = Marks.apply(y)
    assert z is y and z.tolist() == [6.0, 2.0] and not rank.requires_grad and rank.tolist() == [1, 0]
    (g,) = lib.autograd.grad((z * z).sum(), x, create_graph=True)
    assert g.tolist() == [24.0, 8.0]
    with pytest.raises(RuntimeError, match="trying to differentiate twice"):
        g.sum().backward()


@both
def test_setup_context_form(lib):
    class Scale(lib.autograd.Function):
        @staticmethod
        def forward(x, k):
            return x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k, None

    x = leaf(lib, 1, 2)
    Scale.apply(x, 5).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


@both
def test_gradcheck(lib):
    x = lib.tensor([0.3, -0.7], dtype=lib.float64, requires_grad=True)
    assert lib.autograd.gradcheck(lambda t: lib.exp(t) * t, (x,))
    assert lib.autograd.gradgradcheck(lambda t: lib.exp(t) * t, (x,))

    class Wrong(lib.autograd.Function):
        @staticmethod
        def forward(ctx, t):
            return t * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        lib.autograd.gradcheck(Wrong.apply, (x,))
    assert lib.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False) is False

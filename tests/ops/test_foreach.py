"""Lists of tensors, values written to before backward, grouped products and scans, as packages use them, against torch."""

import numpy as np
import pytest
import torch
from torch._higher_order_ops.associative_scan import associative_scan

import flashlight
from flashlight._higher_order_ops import associative_scan as ours

BOTH = (torch, flashlight)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, x: t._foreach_add(x, 2.0),
        lambda t, x: t._foreach_sub(x, x, alpha=3),
        lambda t, x: t._foreach_div(x, [2.0, 4.0]),
        lambda t, x: t._foreach_pow(2.0, x),
        lambda t, x: t._foreach_maximum(x, 1.5),
        lambda t, x: t._foreach_lerp(x, [y + 1 for y in x], 0.25),
        lambda t, x: t._foreach_addcdiv(x, x, [y + 1 for y in x], [2.0, 3.0]),
        lambda t, x: t._foreach_norm(x, 1),
        lambda t, x: t._foreach_mul_(x, t.tensor(3.0)),
        lambda t, x: t._foreach_sqrt_(x),
        lambda t, x: t._foreach_minimum_(x, x[::-1] if x[0].shape == x[1].shape else x),
    ],
)
def test_foreach(call):
    lists = [[t.tensor([1.0, 2.0]), t.tensor([3.0, 4.0])] for t in BOTH]
    expected, found = (call(t, x) for t, x in zip(BOTH, lists))
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["topk", "sort", "cummax", "kthvalue", "max"])
def test_values_may_be_written_to(name):
    gradients = []
    for t in BOTH:
        x = t.tensor([[3.0, 1.0, 2.0], [4.0, 6.0, 5.0]], requires_grad=True)
        more = {"topk": (2,), "cummax": (1,), "kthvalue": (2, 1, True), "max": (1, True)}.get(name, ())
        values = getattr(t, name)(x, *more)[0]
        values /= values.sum(-1, keepdim=True).detach()
        values.sum().backward()
        gradients.append(x.grad.numpy())
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=1e-6)


def test_grouped_mm():
    a, b = torch.randn(6, 8), torch.randn(3, 8, 8)
    offs = [2, 3, 6]
    expected = torch.nn.functional.grouped_mm(a, b, offs=torch.tensor(offs, dtype=torch.int32))
    found = flashlight.nn.functional.grouped_mm(
        flashlight.tensor(a.numpy()), flashlight.tensor(b.numpy()), offs=flashlight.tensor(offs, dtype=flashlight.int32)
    )
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(size, reverse):
    x = torch.randn(2, size)
    expected = associative_scan(lambda a, b: a + b, x, 1, reverse=reverse, combine_mode="generic")
    found = ours(lambda a, b: a + b, flashlight.tensor(x.numpy()), 1, reverse=reverse)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_associative_scan_has_a_dimension_to_go_along():
    for scan, t in ((associative_scan, torch), (ours, flashlight)):
        with pytest.raises(IndexError, match="Dimension out of range"):
            scan(lambda a, b: a + b, t.ones(3), 5, combine_mode="generic")


@pytest.mark.parametrize("call", [lambda t: t._check(False), lambda t: t._check_index(False, lambda: "no"),
                                  lambda t: t._assert(False, "m"), lambda t: t._check(1)])  # fmt: skip
def test_checks(call):
    errors = []
    for t in BOTH:
        with pytest.raises(Exception) as caught:
            call(t)
        errors.append((type(caught.value), str(caught.value)))
    assert errors[1] == errors[0]


@pytest.mark.parametrize("name", ["_foreach_maximum_", "_foreach_minimum_", "_foreach_clamp_min_"])
@pytest.mark.parametrize("operand", [1.5, [2.5, 1], "tensors"])
def test_foreach_bounds_in_place_do_not_round(name, operand):
    for t in BOTH:
        x = [t.tensor([1, 2]), t.tensor([3, 4])]
        with pytest.raises(RuntimeError, match="result type Float can't be cast"):
            getattr(t, name)(x, [t.tensor([1.5, 2.5])] * 2 if operand == "tensors" else operand)
        assert [y.tolist() for y in x] == [[1, 2], [3, 4]]
        assert [y.tolist() for y in getattr(t, name)(x, 2)] in ([[2, 2], [3, 4]], [[1, 2], [2, 2]])


def test_foreach_scalar_tensor_has_no_dimensions():
    for t in BOTH:
        with pytest.raises(
            RuntimeError, match="scalar tensor expected to be 0 dim but it has 1 dimensions and 1 elements"
        ):
            t._foreach_add([t.ones(2)], t.tensor([2.0]))
        found = t._foreach_addcmul([t.ones(1), t.ones(1)], [t.ones(1)] * 2, [t.ones(1)] * 2, t.tensor([2.0, 3.0]))
        assert [y.item() for y in found] == [3.0, 4.0]

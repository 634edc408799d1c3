"""Python's operators on tensors, against torch."""

from __future__ import annotations

import operator

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, T, check, check_raises

BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
BITS = ("and_", "or_", "xor", "lshift", "rshift")
ORDER = ("lt", "le", "gt", "ge", "eq", "ne")
POSITIVE = A(2, 3, low=0.5, high=3.0)


def by(name):
    """The operator as a function of both libraries."""
    return lambda _lib, *operands: getattr(operator, name)(*operands)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("other", [A(3, low=0.5, high=3.0, seed=1), 2, 2.5, np.float64(1.5), np.int64(2)])
def test_binary(name, other):
    check(by(name), POSITIVE, other, grad=name != "floordiv")
    check(by(name), other, POSITIVE, grad=False)


@pytest.mark.parametrize("name", BINARY)
def test_binary_of_integers(name):
    check(by(name), A(3, 4, low=1, high=7, dtype="int64"), A(4, low=1, high=3, seed=1, dtype="int64"))
    check(by(name), A(3, low=1, high=7, dtype="int32"), 2)
    check(by(name), 2, A(3, low=1, high=7, dtype="int32"))
    check(by(name), A(3, low=1, high=7, dtype="uint8"), 1.5)


@pytest.mark.parametrize("name", BITS)
def test_bits(name):
    x, y = A(3, 4, low=0, high=7, dtype="int64"), A(4, low=0, high=3, seed=1, dtype="int64")
    check(by(name), x, y)
    check(by(name), x, 3)
    check(by(name), 3, x)
    check_raises(by(name), A(3), 1)


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
def test_logic_of_bools(name):
    check(by(name), A(4, dtype="bool"), A(4, dtype="bool", seed=1))
    check(by(name), A(4, dtype="bool"), True)
    check(by(name), A(4, dtype="bool"), 1)


@pytest.mark.parametrize("name", ORDER)
@pytest.mark.parametrize("other", [A(3, seed=1, grad=False), 0, 0.5, np.float32(0.5)])
def test_comparisons(name, other):
    check(by(name), A(2, 3, grad=False), other)


@pytest.mark.parametrize("name", ["neg", "pos", "abs"])
def test_unary(name):
    check(by(name), A(2, 3))
    check(by(name), A(2, 3, dtype="int64"))
    check_raises(by(name), A(2, dtype="bool"))


def test_invert():
    check(by("invert"), A(4, dtype="bool"))
    check(by("invert"), A(4, dtype="int64"))
    check_raises(
        by("invert"), A(4), match="~ (operator.invert) is only implemented on integer and Boolean-type tensors"
    )


@pytest.mark.parametrize("name", [*BINARY, *BITS])
def test_foreign_operands_raise(name):
    value = A(2, low=1, dtype="int64")
    for foreign in ("a", None, [1, 2], {}):
        check_raises(
            by(name), value, foreign, match=None if isinstance(foreign, (list, str)) else "unsupported operand type(s)"
        )
        if not isinstance(foreign, (str, list)):  # those have operators of their own
            check_raises(by(name), foreign, value, match="unsupported operand type(s)")


@pytest.mark.parametrize("name", ["lt", "le", "gt", "ge"])
def test_foreign_comparisons_raise(name):
    check_raises(by(name), A(2), "a", match="not supported between instances of 'Tensor' and 'str'")


def test_equality_with_foreign_values_is_identity():
    t = flashlight.tensor([1.0, 2.0])
    for foreign in (None, "a", [1.0, 2.0], object()):
        assert (t == foreign) is False
        assert (t != foreign) is True


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "mod", "pow"])
def test_in_place(name):
    def update(_lib, x, other):
        y = x * 1
        result = getattr(operator, f"i{name}")(y, other)
        assert result is y
        return y

    check(update, POSITIVE, A(3, low=0.5, high=2, seed=1), second=False)
    check(update, POSITIVE, 2, second=False)
    check_raises(update, POSITIVE, "a")
    check_raises(update, A(3), A(2, 3))


@pytest.mark.parametrize("name", ["and", "or", "xor", "lshift", "rshift", "floordiv"])
def test_in_place_of_integers(name):
    def update(_lib, x, other):
        y = x.clone()
        assert getattr(operator, f"i{name}")(y, other) is y
        return y

    check(update, A(4, low=0, high=9, dtype="int64"), 2)
    check(update, A(4, low=0, high=9, dtype="int64"), A(4, low=1, high=3, dtype="int64"))


def test_in_place_keeps_the_dtype():
    def shrink(_lib, x):
        x /= 2
        return x

    check_raises(shrink, A(3, dtype="int64"), match="result type Float can't be cast to the desired output type Long")


def test_in_place_writes_through_views():
    def update(_lib, x):
        y = x * 1
        y[0] += 1
        y.t()[1] *= 3
        return y

    check(update, A(3, 4), second=False)


def test_numpy_operands():
    t = flashlight.tensor([1.0, 4.0])
    assert isinstance(np.ones(2) + t, flashlight.Tensor)
    check(lambda _lib, x: x * np.array([2.0, 3.0]), A(2, 2, grad=False))
    check(lambda _lib, x: x == np.array([2.0, 3.0]), A(2, 2, grad=False))
    for ufunc in (np.sqrt, np.isnan, lambda x: np.add(x, x)):
        check(lambda _lib, x, ufunc=ufunc: ufunc(x), A(3, low=1), grad=False)


def test_python_asks():
    check(lambda _lib, x: sum([x, x, 1]), A(3))
    check(lambda _lib, x: list(reversed(x)), A(3, grad=False))
    check(lambda _lib, x: max(x[0], x[1]), A(2, grad=False))
    check_raises(lambda _lib, x: pow(x, 2, 3), A(2))
    check_raises(lambda _lib, x: divmod(x, 2), A(2))
    t = flashlight.tensor([1.0])
    assert {t: 1}[t] == 1


def test_size_mismatch_is_torchs():
    for name in ("add", "sub", "mul", "truediv", "maximum", "atan2", "eq"):
        fn = by(name) if hasattr(operator, name) else lambda lib, a, b, name=name: getattr(lib, name)(a, b)
        for shapes in (((3,), (4,)), ((2, 3), (2, 4)), ((5, 1, 3), (2, 4, 3)), ((2, 3), (4, 3)), ((4, 2, 3), (3, 3))):
            try:
                fn(torch, torch.ones(shapes[0]), torch.ones(shapes[1]))
            except RuntimeError as error:
                check_raises(fn, A(*shapes[0]), A(*shapes[1]), match=str(error))


def test_gradient_of_a_number_operand_is_not_computed():
    x = flashlight.tensor([1.0, 2.0], requires_grad=True)
    (3 * x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_big_numbers():
    check(lambda _lib, x: x * 2**63, A(2, grad=False))
    check(lambda _lib, x: x + 2**40, T(np.array([1, 2]), grad=False))
    check(lambda _lib, x: x * 2**62, T(np.array([1, 3]), grad=False))


@pytest.mark.parametrize("name", ["add", "mul", "exp", "lt", "clamp", "round", "atan2", "frexp", "div", "pow"])
def test_out(name):
    def into(lib, x, *rest):
        out = (lib.empty(0), lib.empty(0, dtype=lib.int32)) if name == "frexp" else lib.empty(3)
        keep = out
        result = getattr(lib, name)(x, *rest, out=out)
        assert (result[0] is keep[0]) if name == "frexp" else result is keep
        return result

    second = {"add": (2.0,), "mul": (2.0,), "lt": (0.0,), "clamp": (0.0, 1.0), "div": (2.0,), "pow": (2,)}
    rest = (A(3, seed=1, grad=False),) if name == "atan2" else second.get(name, ())
    check(into, A(3, grad=False), *rest, grad=False)


def test_out_refuses_gradients_and_narrower_dtypes():
    check_raises(lambda lib, x: lib.exp(x.requires_grad_(), out=lib.empty(3)), A(3))
    check_raises(lambda lib, x: lib.exp(x, out=lib.empty(3, dtype=lib.int64)), A(3))


def test_strided_operands():
    check(lambda _lib, x, y: x.t() + y[::2], A(3, 4), A(8, 3, seed=1))
    check(lambda lib, x: lib.exp(x.t()[1:]) * x.t()[1:], A(3, 4))
    check(lambda lib, x: lib.maximum(x.expand(3, 3), x.unsqueeze(1)), A(3))

"""Half precision: computed in single precision and rounded once, as torch does it."""

import numpy as np
import pytest

import flashlight
from flashlight._core.halves import holds

torch = pytest.importorskip("torch")
F, TF = flashlight.nn.functional, torch.nn.functional

# what torch computes in single precision, so that results are equal to the last bit
EXACT = {
    "x * s": lambda lib, F, x, s: x * s,
    "s * x": lambda lib, F, x, s: s * x,
    "x / s": lambda lib, F, x, s: x / s,
    "s / x": lambda lib, F, x, s: s / x,
    "x += s * x": lambda lib, F, x, s: x.clone().add_(x, alpha=s),
    "x -= s * x": lambda lib, F, x, s: x.clone().sub_(x * x, alpha=s),
    "mul_": lambda lib, F, x, s: x.clone().mul_(s),
    "div_": lambda lib, F, x, s: x.clone().div_(s),
    "addcmul": lambda lib, F, x, s: x.addcmul(x, x + 1, value=0.25),
    "leaky_relu": lambda lib, F, x, s: F.leaky_relu(x, abs(s)),
    "hardswish": lambda lib, F, x, s: F.hardswish(x),
}
# and where its exponential functions may differ from MLX's in single precision: a bit, rarely
CLOSE = {
    "elu": lambda lib, F, x, s: F.elu(x, abs(s)),
    "selu": lambda lib, F, x, s: F.selu(x),
    "softplus": lambda lib, F, x, s: F.softplus(x, abs(s)),
    "silu": lambda lib, F, x, s: F.silu(x),
    "gelu": lambda lib, F, x, s: F.gelu(x, approximate="tanh"),
    "mish": lambda lib, F, x, s: F.mish(x),
    "glu": lambda lib, F, x, s: F.glu(x, 0),
    "logsigmoid": lambda lib, F, x, s: F.logsigmoid(x),
    "lerp": lambda lib, F, x, s: x.lerp(x * x, s),
    "hypot": lambda lib, F, x, s: lib.hypot(x, x + 1),
    "logaddexp": lambda lib, F, x, s: lib.logaddexp(x, x * x),
}
DTYPES = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


def both(case, dtype, s):
    # whole vector registers: what is left over torch adds in half precision
    values = np.random.default_rng(0).standard_normal(2048).astype(np.float32) * 3
    found = []
    for lib, functional in ((flashlight, F), (torch, TF)):
        x = lib.tensor(values).to(getattr(lib, dtype)).detach().requires_grad_()
        y = case(lib, functional, x, s)
        assert str(y.dtype).endswith(dtype)
        (g,) = lib.autograd.grad(y, x, lib.ones_like(y))
        found.append((y.detach().float().numpy(), g.float().numpy()))
    return found


@pytest.mark.parametrize("s", [0.1, -2.7, 2.0])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_equal_to_the_last_bit(name, dtype, s):
    (got, grad), (wanted, wanted_grad) = both(EXACT[name], dtype, s)
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_allclose(grad, wanted_grad, rtol=2 * DTYPES[dtype], atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CLOSE)
def test_nearly_all_values_are_equal(name, dtype):
    (got, grad), (wanted, wanted_grad) = both(CLOSE[name], dtype, 0.1)
    assert (got != wanted).mean() < 0.02
    np.testing.assert_allclose(got, wanted, rtol=DTYPES[dtype], atol=1e-6)
    np.testing.assert_allclose(grad, wanted_grad, rtol=4 * DTYPES[dtype], atol=4 * DTYPES[dtype])


def test_which_numbers_a_half_has():
    f16, bf16 = flashlight.float16, flashlight.bfloat16
    for number in (0.0, 1.0, -2.5, 0.1, 1 / 3, 65504.0, 65520.0, 1e-8, 1e30, 3e38, 1e300, float("inf"), float("-inf")):
        for ours, theirs in ((f16, torch.float16), (bf16, torch.bfloat16)):
            exact = torch.tensor(number, dtype=torch.float64)
            assert holds(ours.mlx, number) == bool(exact.to(theirs).double() == exact), number


def test_the_gradient_of_a_product_with_a_number_is_named_as_one():
    x = flashlight.ones(3, dtype=flashlight.float16).requires_grad_()
    assert type((x * 0.1).grad_fn).__name__ == type((x * 2).grad_fn).__name__
    assert "MulBackward0" in repr((x * 0.1).grad_fn) and "DivBackward0" in repr((x / 0.1).grad_fn)

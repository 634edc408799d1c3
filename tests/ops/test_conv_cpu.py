"""The CPU forms of convolution against MLX's own, and the adjointness their gradients rest on."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest

from flashlight.ops import conv_cpu
from flashlight.ops.conv_cpu import Geometry

CASES = [
    # sizes, input and output channels, kernel, stride, padding, dilation, groups
    ((6, 7), 3, 4, (3, 2), 1, 1, 1, 1),
    ((7, 6), 3, 4, (3, 3), 2, 1, 1, 1),
    ((9, 9), 2, 3, (3, 3), 1, 2, 2, 1),
    ((9, 8), 2, 3, (3, 2), 3, 2, 2, 1),
    ((6, 6), 3, 4, (1, 1), 1, 0, 1, 1),
    ((7, 7), 3, 4, (1, 1), 3, 1, 1, 1),
    ((6, 6), 4, 6, (3, 3), 1, 1, 1, 2),
    ((6, 6), 4, 4, (3, 3), 1, 1, 1, 4),
    ((7, 7), 4, 8, (3, 3), 2, 1, 1, 4),
    ((5, 6), 4, 6, (2, 2), 3, 5, 1, 1),
    ((5, 6), 4, 6, (2, 2), 1, 5, 1, 1),
    ((12,), 3, 4, (3,), 1, 4, 2, 1),
    ((5, 5, 4), 2, 3, (2, 3, 2), 2, 1, 1, 1),
]


def _arrays(case):
    sizes, c, o, kernel, stride, padding, dilation, groups = case
    n = len(sizes)
    how = Geometry((stride,) * n, (padding,) * n, (padding,) * n, (dilation,) * n, groups)
    x = mx.random.normal((2, *sizes, c), key=mx.random.key(0))
    w = mx.random.normal((o, *kernel, c // groups), key=mx.random.key(1))
    return x, w, how


def _native(how):
    return lambda x, w: mx.conv_general(x, w, how.stride, list(how.low), how.dilation, groups=how.groups)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_equal_to_mlx(case):
    x, w, how = _arrays(case)
    if how.groups > 1 and len(case[0]) == 3:
        pytest.skip("MLX groups no 3-D convolutions")
    want = _native(how)(x, w)
    g = mx.random.normal(want.shape, key=mx.random.key(2))
    dx, dw = mx.vjp(_native(how), [x, w], [g])[1]
    np.testing.assert_allclose(conv_cpu.forward(x, w, how), want, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(conv_cpu.input_grad(g, w, x.shape, how), dx, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(conv_cpu.weight_grad(x, g, w.shape, how), dw, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_doubles_keep_their_digits(case):
    x, w, how = _arrays(case)
    x, w = x.astype(mx.float64), w.astype(mx.float64)
    y = conv_cpu.forward(x, w, how)
    g = mx.random.normal(y.shape, key=mx.random.key(2)).astype(mx.float64)
    # <g, conv(x, w)> = <dx(g, w), x> = <dw(x, g), w>
    inner = mx.sum(g * y).item()
    through_x = mx.sum(conv_cpu.input_grad(g, w, x.shape, how) * x).item()
    through_w = mx.sum(conv_cpu.weight_grad(x, g, w.shape, how) * w).item()
    assert through_x == pytest.approx(inner, rel=1e-11)
    assert through_w == pytest.approx(inner, rel=1e-11)


def test_placed_is_the_adjoint_of_strided_slices():
    taps = [mx.random.normal((2, 4), key=mx.random.key(i)) for i in range(3)]
    out = np.zeros((2, 14))
    for i, tap in enumerate(taps):
        out[:, i * 2 : i * 2 + 10 : 3] += np.array(tap)
    np.testing.assert_allclose(conv_cpu.placed(taps, 1, 14, 3, 2), out, rtol=1e-6)

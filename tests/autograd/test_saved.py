"""Which writes between forward and backward are refused: those to what torch keeps for the gradient, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

# expressions of a 4 x 4 tensor x of positive numbers
POINTWISE = """
    x.abs() x.acos() x.asinh() x.atan() x.ceil() x.cos() x.erf() x.erfc() x.exp() x.exp2() x.expm1() x.floor() x.lgamma()
    x.log() x.log10() x.log1p() x.logit() x.neg() x.reciprocal() x.round() x.rsqrt() x.sgn() x.sigmoid() x.sign() x.sin() x.sinc()
    x.sinh() x.sqrt() x.square() x.tan() x.tanh() x.trunc() x.clamp(0.2,0.4) x.clamp_min(0.3) x.nan_to_num() x**2 x**0.5 x**1 x**-1
    2.0**x lib.fmod(x,0.7) x%0.7 x+1 x*2 x*x x/2 x/lib.ones(4,4) lib.ones(4,4)/x 1-x lib.maximum(x,lib.ones(4,4))
    lib.atan2(x,lib.ones(4,4)) lib.hypot(x,lib.ones(4,4)) lib.lerp(x,lib.ones(4,4),0.3) lib.lerp(x,lib.ones(4,4),lib.ones(4,4))
    lib.addcmul(x,lib.ones(4,4),lib.ones(4,4)) lib.addcdiv(lib.ones(4,4),lib.ones(4,4),x) lib.where(x>0.3,x,2*x)
    lib.special.erfcx(x) lib.special.ndtr(x) lib.special.log_ndtr(x) lib.special.ndtri(x) lib.special.i0e(x) lib.special.i1(x)
    lib.special.i1e(x) lib.polar(x,x).real F.elu(x) F.celu(x) F.selu(x) F.relu(x) F.relu6(x) F.silu(x) F.mish(x) F.gelu(x)
    F.hardswish(x) F.hardsigmoid(x) F.hardtanh(x) F.leaky_relu(x) F.softplus(x) F.softshrink(x) F.hardshrink(x) F.tanhshrink(x)
    F.softsign(x) F.logsigmoid(x) F.threshold(x,0.3,0.0) F.glu(x) F.prelu(x,lib.ones(1))
"""
OTHERS = """
    x.sum() x.mean(1) x.prod() x.prod(1) x.amax(1) x.max() x.max(1)[0] x.var(1) x.std() x.norm() x.norm(p=1,dim=1) x.logsumexp(1)
    x.median(1)[0] x.mode(1)[0] x.kthvalue(2)[0] x.quantile(0.3) x.aminmax()[0] x.cumsum(1) x.cumprod(1) x.logcumsumexp(1)
    x.softmax(1) x.log_softmax(1) x.sort(1)[0] x.topk(2)[0] x.diff() x.flip(1) x.roll(1,1) x@x x@lib.ones(4,4) lib.mv(x,lib.ones(4))
    lib.linalg.det(x) lib.linalg.inv(x+lib.eye(4)) lib.linalg.cross(x[:,:3],lib.ones(4,3)) F.pdist(x) lib.trapezoid(x)
    lib.cumulative_trapezoid(x) lib.gradient(x)[0] lib.cov(x) x.index_select(1,lib.tensor([0,1])) x.masked_fill(x>0.3,0.0)
    x[lib.tensor([0,1])] lib.cat([x,x]) F.pad(x,(1,1)) F.layer_norm(x,[4]) F.group_norm(x,2) F.batch_norm(x,None,None,training=True)
    F.max_pool1d(x,2) F.max_pool2d(x[None],2) F.max_pool2d(x[None],2,return_indices=True)[0] F.interpolate(x[None],scale_factor=2)
    F.pixel_shuffle(x.reshape(1,4,2,2),2) F.unfold(x[None,None],2) F.scaled_dot_product_attention(x,x,x)
    F.pairwise_distance(x,lib.zeros(4,4)) F.mse_loss(x,lib.zeros(4,4),reduction="none") F.l1_loss(x,lib.zeros(4,4),reduction="none")
    F.huber_loss(x,lib.zeros(4,4),reduction="none") F.cross_entropy(x,lib.tensor([0,1,2,3]),reduction="none")
    F.binary_cross_entropy_with_logits(x,lib.ones(4,4),reduction="none")
"""
# torch keeps these inputs, for their sizes alone or a second time; the gradient here reads them not and is that of the call
NOT_READ = {"gather": "x.gather(1,lib.tensor([[0]]))", "avg_pool": "F.avg_pool2d(x[None],2)", "frac": "x.frac()"}


def _outcome(lib, expression: str, written: str):
    leaf = lib.tensor((np.arange(16, dtype="float32").reshape(4, 4) * 7 % 16 / 32) + 0.1).requires_grad_()
    x = leaf * 1
    y = eval(expression, {"lib": lib, "F": lib.nn.functional, "x": x})
    (y if written == "output" else x).add_(1)
    try:
        y.sum().backward()
    except RuntimeError as error:
        assert "has been modified by an inplace operation" in str(error)
        return "refused"
    return leaf.grad.numpy()


@pytest.mark.parametrize("written", ["output", "input"])
@pytest.mark.parametrize("expression", [*POINTWISE.split(), *OTHERS.split()])
def test_writes_before_backward(expression, written):
    expected, found = (_outcome(lib, expression, written) for lib in (torch, flashlight))
    if isinstance(expected, str):
        assert isinstance(found, str) and found == expected
    else:
        np.testing.assert_allclose(found, expected, 2e-4, 1e-5)


@pytest.mark.parametrize("expression", NOT_READ.values(), ids=NOT_READ)
def test_an_input_no_rule_reads_may_be_written(expression):
    found = _outcome(flashlight, expression, "input")
    leaf = torch.tensor((np.arange(16, dtype="float32").reshape(4, 4) * 7 % 16 / 32) + 0.1).requires_grad_()
    eval(expression, {"lib": torch, "F": torch.nn.functional, "x": leaf}).sum().backward()
    np.testing.assert_allclose(found, leaf.grad.numpy(), 1e-5)


def test_a_quotient_by_a_constant_keeps_no_dividend():
    x = flashlight.ones(3, requires_grad=True)
    y = x * 2
    assert (y / 3).grad_fn.arrays[0] is None
    divisor = flashlight.ones(3, requires_grad=True)
    assert (y / divisor).grad_fn.arrays[0] is not None

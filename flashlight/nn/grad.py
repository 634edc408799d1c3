"""The gradients of convolutions with respect to their input and their weight."""

from __future__ import annotations

import flashlight

from .._core.modes import enable_grad
from .._core.tensor import Tensor
from . import functional as F


def _pull(function, given: Tensor, grad_output: Tensor) -> Tensor:
    """The gradient of a function that is linear in ``given``."""
    with enable_grad():
        output = function(given.requires_grad_())
    return flashlight.autograd.grad(output, given, grad_output)[0]


def _input_gradient(convolution, input_size, weight, grad_output, stride, padding, dilation, groups) -> Tensor:
    start = grad_output.new_zeros(tuple(input_size))
    fixed = weight.detach()
    return _pull(lambda x: convolution(x, fixed, None, stride, padding, dilation, groups), start, grad_output)


def _weight_gradient(convolution, input, weight_size, grad_output, stride, padding, dilation, groups) -> Tensor:
    start = grad_output.new_zeros(tuple(weight_size))
    fixed = input.detach()
    return _pull(lambda w: convolution(fixed, w, None, stride, padding, dilation, groups), start, grad_output)


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1) -> Tensor:
    """The gradient of ``conv1d`` with respect to an input of ``input_size``."""
    return _input_gradient(F.conv1d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1) -> Tensor:
    """The gradient of ``conv1d`` with respect to a weight of ``weight_size``."""
    return _weight_gradient(F.conv1d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1) -> Tensor:
    """The gradient of ``conv2d`` with respect to an input of ``input_size``."""
    return _input_gradient(F.conv2d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1) -> Tensor:
    """The gradient of ``conv2d`` with respect to a weight of ``weight_size``."""
    return _weight_gradient(F.conv2d, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1) -> Tensor:
    """The gradient of ``conv3d`` with respect to an input of ``input_size``."""
    return _input_gradient(F.conv3d, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1) -> Tensor:
    """The gradient of ``conv3d`` with respect to a weight of ``weight_size``."""
    return _weight_gradient(F.conv3d, input, weight_size, grad_output, stride, padding, dilation, groups)

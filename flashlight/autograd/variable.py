"""The old name of tensors that take part in autograd."""

from __future__ import annotations

from .._core.tensor import Tensor


class _VariableMeta(type):
    def __instancecheck__(cls, other) -> bool:
        return isinstance(other, Tensor)


class Variable(metaclass=_VariableMeta):
    """``Variable(t, requires_grad)`` is ``t`` seen as a tensor of its own; every Tensor is a Variable."""

    def __new__(cls, data, requires_grad: bool = False, volatile=None):
        if volatile is not None:
            raise TypeError("volatile was removed from PyTorch: use torch.no_grad() instead")
        return data.detach().requires_grad_(requires_grad)

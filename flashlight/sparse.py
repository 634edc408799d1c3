"""torch.sparse: tensors are dense; import lines work, and products of dense matrices do what they say."""

from __future__ import annotations

from ._core import absent
from ._core.table import namespaces as _namespaces
from ._core.tensor import Tensor as _Tensor

_torch = _namespaces["torch"]


def _dense(*tensors) -> None:
    for t in tensors:
        if not isinstance(t, _Tensor):
            raise TypeError(f"expected a Tensor, got {type(t).__name__}")


def mm(mat1, mat2):
    """The product of two (dense) matrices."""
    _dense(mat1, mat2)
    return _torch["mm"](mat1, mat2)


def addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """``beta * mat + alpha * mat1 @ mat2`` of (dense) matrices."""
    _dense(mat, mat1, mat2)
    return _torch["addmm"](mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input, dim=None, dtype=None):
    """The sum of a (dense) tensor."""
    _dense(input)
    return _torch["sum"](input, dtype=dtype) if dim is None else _torch["sum"](input, dim, dtype=dtype)


def softmax(input, dim: int, *, dtype=None):
    """The softmax of a (dense) tensor."""
    _dense(input)
    return _torch["softmax"](input, dim, dtype=dtype)


def log_softmax(input, dim: int, *, dtype=None):
    """The logarithm of the softmax of a (dense) tensor."""
    _dense(input)
    return _torch["log_softmax"](input, dim, dtype=dtype)


globals().update(
    absent.names(
        "sparse",
        "FloatTensor DoubleTensor HalfTensor LongTensor IntTensor spdiags sampled_addmm "
        "to_sparse_semi_structured SparseSemiStructuredTensor",
        "tensors are dense: build them with index_put_ or scatter_add, and use torch.mm",
    )
)

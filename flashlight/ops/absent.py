"""What PyTorch has for sparse and quantised tensors: all tensors here are strided, and asking for others says so."""

from __future__ import annotations

from .._core.dispatch import cast
from .._core.steps import Reshape
from .._core.table import composite, method
from .._core.tensor import Tensor
from .._core.views import view

_SPARSE = "tensors here are strided: use the dense form (embedding tables and index_add take dense gradients)"


def _refuse(name: str, advice: str, *, as_method: bool) -> None:
    def absent(*_args, **_kwargs):
        raise NotImplementedError(f"{name} is not supported: {advice}")

    absent.__name__ = name
    absent.__doc__ = f"Raises NotImplementedError: {advice}."
    composite(absent, namespace=() if as_method else "torch", method=as_method, differentiable=False, note="refused")


for _name in [
    "sparse_coo_tensor",
    "sparse_csr_tensor",
    "sparse_csc_tensor",
    "sparse_bsr_tensor",
    "sparse_bsc_tensor",
    "sparse_compressed_tensor",
]:
    _refuse(_name, _SPARSE, as_method=False)
for _name in [
    "to_sparse",
    "to_sparse_csr",
    "to_sparse_csc",
    "to_sparse_bsr",
    "to_sparse_bsc",
    "coalesce",
    "indices",
    "values",
    "crow_indices",
    "col_indices",
    "ccol_indices",
    "row_indices",
    "sparse_mask",
    "sparse_resize_",
    "sparse_dim",
    "dense_dim",
    "is_coalesced",
]:
    _refuse(_name, _SPARSE, as_method=True)
for _name in ["quantize_per_tensor", "quantize_per_channel"]:
    _refuse(_name, "quantised tensors are not there: use mlx.core.quantize on the arrays of a model", as_method=False)
for _name in ["dequantize", "q_scale", "q_zero_point", "int_repr", "qscheme"]:
    _refuse(_name, "quantised tensors are not there", as_method=True)


@method
def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor itself, in another dtype if one is given: it is dense already."""
    if masked_grad not in (None, True, False):
        raise TypeError("masked_grad must be bool")
    return self if dtype is None or dtype is self.dtype else cast(self, dtype)


@method
def record_stream(self, s):
    """Tell the allocator of a CUDA stream that uses the tensor. Raises: NotImplementedError, as torch does without CUDA."""
    raise NotImplementedError(f"record_stream({s!r}): there are no CUDA streams")


@method
def as_subclass(self, cls):
    """The same storage seen as an instance of a Tensor subclass, with history."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError("cls must be a type (got " + type(cls).__name__ + ")")
    seen = view(self, Reshape(tuple(self.shape)), "AliasBackward0")
    seen.__class__ = cls
    return seen

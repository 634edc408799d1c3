"""What distributions share: broadcasting of parameters, probabilities and logits, lazily computed attributes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import flashlight

from ..nn import functional as F

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.5772156649015329  # the limit of sum(1 / k for k <= n) - log(n)
NUMBERS = (bool, int, float)


def broadcast_all(*values):
    """Tensors of one shape from tensors and numbers; a number takes the dtype of the first tensor, or the default one.

    Raises: ValueError for anything that is neither a tensor nor a number.
    """
    tensors = [v for v in values if isinstance(v, flashlight.Tensor)]
    if not all(isinstance(v, (flashlight.Tensor, *NUMBERS)) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    like = {"dtype": flashlight.get_default_dtype()}
    if tensors:
        like = {"dtype": tensors[0].dtype, "device": tensors[0].device}
    made = (v if isinstance(v, flashlight.Tensor) else flashlight.tensor(v, **like) for v in values)
    return flashlight.broadcast_tensors(*made)


def empty_like_parameter(parameter, shape):
    """An uninitialised tensor of ``shape`` with a parameter's dtype and device."""
    return flashlight.empty(shape, dtype=parameter.dtype, device=parameter.device)


def _standard_normal(shape, dtype, device):
    """Standard normal numbers."""
    return flashlight.empty(shape, dtype=dtype, device=device).normal_()


def _sum_rightmost(value, dim: int):
    """The sum over the last ``dim`` dimensions."""
    if dim == 0:
        return value
    return value.reshape(value.shape[:-dim] + (-1,)).sum(-1)


def logits_to_probs(logits, is_binary: bool = False):
    """Probabilities of log odds (binary), or of unnormalised log probabilities along the last dimension."""
    return flashlight.sigmoid(logits) if is_binary else F.softmax(logits, dim=-1)


def clamp_probs(probs):
    """Probabilities moved by the dtype's epsilon away from 0 and 1."""
    eps = flashlight.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary: bool = False):
    """Log odds of probabilities (binary), or log probabilities along the last dimension."""
    inside = clamp_probs(probs)
    return flashlight.log(inside) - flashlight.log1p(-inside) if is_binary else flashlight.log(inside)


class lazy_property:
    """A property computed when first read, with gradient, and kept as an attribute of the instance."""

    def __init__(self, wrapped: Callable) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)

    def __get__(self, instance, obj_type=None):
        if instance is None:
            return _lazy_property_and_property(self.wrapped)
        with flashlight.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _lazy_property_and_property(lazy_property, property):
    """What the class shows of a lazy property: documentation tools see a property."""

    def __init__(self, wrapped: Callable) -> None:
        property.__init__(self, wrapped)


def _lower_triangle(n: int, diag: int, device):
    """The mask of an (n, n) matrix's entries on and below diagonal ``diag``."""
    columns = flashlight.arange(n, device=device)
    return columns < columns.view(-1, 1) + (diag + 1)


def tril_matrix_to_vec(mat, diag: int = 0):
    """The entries of (..., D, D) matrices on and below diagonal ``diag``, row by row."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., _lower_triangle(n, diag, mat.device)]


def vec_to_tril_matrix(vec, diag: int = 0):
    """Lower triangular (..., D, D) matrices from their entries on and below diagonal ``diag``, row by row.

    Raises: ValueError if no D has that many entries.
    """
    # the count of entries is quadratic in D; this is its positive root
    b = 1 + 2 * diag
    n = ((b**2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5 - b) / 2
    if round(n) - n > flashlight.finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as "
            "the lower triangular part of a square D x D matrix."
        )
    n = round(n)
    mat = vec.new_zeros(vec.shape[:-1] + (n, n))
    mat[..., _lower_triangle(n, diag, vec.device)] = vec
    return mat

"""torch.masked: reductions and normalisations over the elements a boolean mask lets through.

What the mask hides is replaced by a value that does not change the result, then the plain operator runs.
"""

from __future__ import annotations

import functools
import math

from .._core import dtypes
from .._core.axes import axes_of
from .._core.table import composite, namespaces
from .._core.tensor import Tensor, wrap_dim

_TO_INT64 = {dtypes.uint8, dtypes.bool_, dtypes.int8, dtypes.int16, dtypes.int32}
_published = functools.partial(composite, namespace="masked", method=False)


def _torch(name: str, *args, **kwargs):
    return namespaces["torch"][name](*args, **kwargs)


def _axes(dim, ndim: int) -> tuple:
    return axes_of(dim, ndim) or tuple(range(ndim))


def _full_mask(input: Tensor, mask: Tensor) -> Tensor:
    """The mask in the shape of the input. Raises: IndexError for one of more dimensions."""
    if mask.shape != input.shape:
        if mask.ndim > input.ndim:
            raise IndexError(
                "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)"
            )
        mask = mask.broadcast_to(input.shape)
    return mask.bool()


def _hidden(input, mask, value):
    """The input with ``value`` where the mask is False."""
    if not isinstance(input, Tensor):
        raise TypeError(f"expected a Tensor, got {type(input).__name__}")
    return input if mask is None else input.masked_fill(~_full_mask(input, mask), value)


def _least(name: str, dtype):
    """The smallest value of a dtype. Raises: NotImplementedError or TypeError for those without an order."""
    if dtype.is_floating_point:
        return -math.inf
    if dtype is dtypes.bool_:
        raise NotImplementedError(f"identity of {name} on {dtype} input")
    return dtypes.iinfo(dtype).min


def _greatest(name: str, dtype):
    least = _least(name, dtype)
    return -least if dtype.is_floating_point else -1 - least if dtype.is_signed else dtypes.iinfo(dtype).max


def _above(name: str, input, mask):
    """The input with what is hidden below all else, for maxima."""
    return input if mask is None else _hidden(input, mask, _least(name, input.dtype))


def _below(name: str, input, mask):
    return input if mask is None else _hidden(input, mask, _greatest(name, input.dtype))


def _summed_dtype(input, dtype):
    return dtype if dtype is not None else dtypes.int64 if input.dtype in _TO_INT64 else input.dtype


# ---------------------------------------------------------------------------------------------------------- reductions
@_published
def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum of the elements the mask lets through; 0 where it lets none."""
    return _hidden(input, mask, 0).sum(_axes(dim, input.ndim), bool(keepdim), dtype=_summed_dtype(input, dtype))


@_published
def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product of the elements the mask lets through; 1 where it lets none."""
    out = _hidden(input, mask, 1).to(_summed_dtype(input, dtype))
    for axis in reversed(_axes(dim, input.ndim)):
        out = out.prod(axis, bool(keepdim))
    return out


@_published
def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The maximum of the elements the mask lets through; the least value where it lets none."""
    return _above("amax", input, mask).amax(_axes(dim, input.ndim), bool(keepdim)).to(dtype or input.dtype)


@_published
def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The minimum of the elements the mask lets through; the greatest value where it lets none."""
    return _below("amin", input, mask).amin(_axes(dim, input.ndim), bool(keepdim)).to(dtype or input.dtype)


@_published(differentiable=False)
def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the maximum of the elements the mask lets through is, as a number of the input's dtype."""
    return _above("argmax", input, mask).argmax(dim, bool(keepdim)).to(dtype or input.dtype)


@_published(differentiable=False)
def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the minimum of the elements the mask lets through is, as a number of the input's dtype."""
    return _below("argmin", input, mask).argmin(dim, bool(keepdim)).to(dtype or input.dtype)


def _count(input, dim, keepdim, mask):
    """How many elements go into each result."""
    present = input.new_ones(input.shape, dtype=dtypes.int64) if mask is None else _full_mask(input, mask)
    return present.sum(_axes(dim, input.ndim), bool(keepdim))


@_published
def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean of the elements the mask lets through; nan where it lets none. Raises: ValueError for a dtype without fractions."""
    wanted = input.dtype if dtype is None else dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        source = "Input" if dtype is None else "Optional"
        raise ValueError(
            f"mean(): Could not infer output dtype. {source} dtype must be either a floating point or complex dtype. Got: {wanted}"
        )
    return sum(input, dim, keepdim=keepdim, dtype=wanted, mask=mask) / _count(input, dim, keepdim, mask)


@_published
def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The lower median of the elements the mask lets through; nan where it lets none, ValueError for integers."""
    axis = wrap_dim(dim, input.ndim)
    if input.is_floating_point():
        return _hidden(input, mask, math.nan).nanmedian(axis, keepdim).values
    found = _hidden(input.float(), mask, math.nan).nanmedian(axis, keepdim).values
    if found.isnan().any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return found.to(dtype or input.dtype)


@_published
def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The vector norm of the elements the mask lets through."""
    shown = _hidden(input, mask, math.inf if ord == -math.inf else 0)
    axes = _axes(dim, input.ndim)
    return namespaces["linalg"]["vector_norm"](shown, ord, axes, bool(keepdim), dtype=dtype or input.dtype)


def _variance(input, dim, unbiased, correction, keepdim, dtype, mask):
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if unbiased is not None:
        correction = 1.0 if unbiased else 0.0
    correction = 1.0 if correction is None else float(correction)
    if dtype is None:
        dtype = input.dtype if input.dtype.category >= dtypes.FLOAT else dtypes.float32
    compute = dtype if dtype.category >= dtypes.FLOAT else dtypes.float32
    # the sum in the wanted dtype: torch rounds there too when that is an integer one
    centre = sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / _count(input, dim, True, mask)
    x = input - centre
    total = sum(x * x.conj(), dim, keepdim=keepdim, dtype=compute, mask=mask)
    count = _count(input, dim, keepdim, mask)
    if correction != 0:
        count = (count.to(compute.to_real()) - correction).clamp_min(0)
    return (total / count).to(dtype)


@_published
def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the elements the mask lets through, divided by their number less ``correction`` (1)."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask)


@_published
def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The square root of ``var``."""
    return _variance(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()


@_published
def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """``log(sum(exp(x)))`` of the elements the mask lets through."""
    shown = _hidden(input, mask, -math.inf) if input.is_complex() else _above("logsumexp", input, mask)
    return shown.logsumexp(_axes(dim, input.ndim), keepdim=keepdim).to(dtype or input.dtype)


# -------------------------------------------------------------------------------------------------------- elementwise
@_published
def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """``log(exp(input) + exp(other))`` where a hidden element counts as -inf."""
    a, b = _above("logaddexp", input, input_mask), _above("logaddexp", other, other_mask)
    return _torch("logaddexp", a, b).to(dtype or input.dtype)


@_published
def cumsum(input, dim, *, dtype=None, mask=None):
    """Running sums along a dimension; hidden elements add nothing."""
    return _hidden(input, mask, 0).cumsum(wrap_dim(dim, input.ndim), dtype=dtype or input.dtype)


@_published
def cumprod(input, dim, *, dtype=None, mask=None):
    """Running products along a dimension; hidden elements change nothing."""
    return _hidden(input, mask, 1).cumprod(wrap_dim(dim, input.ndim), dtype=dtype or input.dtype)


@_published
def softmax(input, dim, *, dtype=None, mask=None):
    """Softmax along a dimension; hidden elements have probability 0 (nan in rows where all are)."""
    return _above("amax", input, mask).softmax(wrap_dim(dim, input.ndim), dtype=dtype or input.dtype)


@_published
def log_softmax(input, dim, *, dtype=None, mask=None):
    """The logarithm of ``softmax``."""
    return _above("amax", input, mask).log_softmax(wrap_dim(dim, input.ndim), dtype=dtype or input.dtype)


@_published
def softmin(input, dim, *, dtype=None, mask=None):
    """Softmax of the negated input."""
    shown = _below("amin", input, mask)
    return (-shown).softmax(wrap_dim(dim, input.ndim), dtype=dtype or input.dtype)


@_published
def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """The input, 0 where hidden, divided along a dimension by its norm (by ``eps`` if that is greater)."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _hidden(input, mask, 0) / _torch("maximum", length, length.new_full((), eps))

"""Sorting and searching: sort, argsort, msort, topk, searchsorted, bucketize, isin."""

from __future__ import annotations

import mlx.core as mx

from .._core import checks, dispatch, dtypes, return_types
from .._core.conversion import infer
from .._core.dispatch import is_number
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read, wrap
from .kinds import COMPLEX, kind_of
from .selection import lifted, lowered, picked, put_back


def order(a: mx.array, axis: int, descending: bool = False) -> mx.array:
    """The indices that sort an array, NaN being the greatest; equals keep their order in both directions."""
    if a.dtype == mx.bool_:
        a = a.astype(mx.uint8)
    if not descending:
        return mx.argsort(a, axis=axis)
    # sorting the reversed rows and reading the result backwards keeps equals in their order
    backwards = (slice(None),) * axis + (slice(None, None, -1),)
    return (a.shape[axis] - 1) - mx.argsort(a[backwards], axis=axis)[backwards].astype(mx.int64)


def _sortable(name: str, a: mx.array) -> None:
    if kind_of(a) == COMPLEX:
        raise RuntimeError(f"{name} does not support complex dtypes on CPU")


@op(result=return_types.sort, constant_outputs=(1,), indices=True)
def sort(input: Array, dim=-1, descending=False, stable=False) -> tuple[Array, Array]:
    """The values in ascending order along a dimension, and their indices; equals always keep their order."""
    _sortable(" Sort", input)
    a, axis = lifted(input, dim)
    if a.size == 0:
        return input, mx.zeros(input.shape, dtype=mx.int64)
    return lowered(picked(a, order(a, axis, descending), axis, True), input)


@sort.vjp
def _(gs, outputs, shapes, dim):
    return put_back(gs[0], outputs[1], shapes[0], dim)


@op(grad=False)
def argsort(input: Array, dim=-1, descending=False, stable=False) -> Array:
    """The indices that sort along a dimension; equals always keep their order."""
    return sort(input, dim, descending)[1]


@composite
def msort(input, *, out=None):
    """``sort`` along the first dimension, values only."""
    values = dispatch.run(sort, (input,), (0, False, False))[0]
    return values if out is None else dispatch.write_out(out, values)


@op(result=return_types.topk, constant_outputs=(1,), indices=True)
def topk(input: Array, k, dim=-1, largest=True, sorted=True) -> tuple[Array, Array]:
    """The ``k`` largest (or smallest) elements along a dimension and their indices, in order."""
    if input.dtype == mx.bool_:
        raise RuntimeError("topk does not support bool dtypes on CPU")
    _sortable("topk", input)
    a, axis = lifted(input, dim)
    n = a.shape[axis]
    if not 0 <= k <= n:
        raise RuntimeError("selected index k out of range")
    if k == 0 or a.size == 0:
        shape = tuple(k if i == axis else m for i, m in enumerate(a.shape))
        return mx.zeros(shape, dtype=a.dtype), mx.zeros(shape, dtype=mx.int64)
    index = _best(a, k, axis, largest)
    return lowered(picked(a, index, axis, True), input)


def _best(a: mx.array, k: int, axis: int, largest: bool) -> mx.array:
    """Indices of the k extreme elements in order; a partition first when that leaves little to sort."""
    n = a.shape[axis]

    def part(index, start, stop):
        return index[(slice(None),) * axis + (slice(start, stop),)]

    if 8 * k >= n:
        return part(order(a, axis, largest), 0, k)
    split = mx.argpartition(a, n - k if largest else k - 1, axis=axis)
    chosen = mx.sort(part(split, n - k, n) if largest else part(split, 0, k), axis=axis)
    return mx.take_along_axis(chosen, order(mx.take_along_axis(a, chosen, axis), axis, largest), axis)


@topk.vjp
def _(gs, outputs, shapes, dim):
    return put_back(gs[0], outputs[1], shapes[0], dim)


# ---------------------------------------------------------------------------------------------------------- searching
def search(sequence: mx.array, values: mx.array, right: bool) -> mx.array:
    """Where ``values`` go in sorted rows (all of one sequence, or row by row): one binary search of them all."""
    n = sequence.shape[-1]
    if values.size == 0 or n == 0:
        return mx.zeros(values.shape, dtype=mx.int64)
    rows = mx.reshape(sequence, (-1, n))
    wanted = mx.reshape(values, (1, -1) if sequence.ndim == 1 else (rows.shape[0], -1))
    low, high = mx.zeros(wanted.shape, dtype=mx.int64), mx.full(wanted.shape, n, dtype=mx.int64)
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        at = mx.take_along_axis(rows, mx.minimum(middle, n - 1), axis=1)
        # written so that NaN goes to the end, as the greatest
        before = mx.logical_not(at > wanted) if right else mx.logical_not(at >= wanted)
        before = mx.logical_and(before, low < high)
        low, high = mx.where(before, middle + 1, low), mx.where(before, high, middle)
    return mx.reshape(low, values.shape)


def _search_side(right: bool, side) -> bool:
    if side is None:
        return right
    if side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    return side == "right"


@op(namespace="_", method=False, promote="same", grad=False, name="searchsorted")
def search_in(sorted_sequence: Array, input: Array, sorter: Array | None, right, out_int32) -> Array:
    """The indices at which ``input`` goes into sorted rows."""
    if sorter is not None:
        sorted_sequence = mx.take_along_axis(sorted_sequence, sorter.astype(mx.int64), axis=-1)
    found = search(sorted_sequence, input, right)
    return found.astype(mx.int32) if out_int32 else found


def _check_sorter(sorter, n: int) -> None:
    if sorter.dtype is not dtypes.int64:
        kind = dtypes.scalar_type_name(sorter.dtype)
        raise RuntimeError(f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {kind}")
    a = read(sorter)
    outside = mx.any(mx.logical_or(a < 0, a >= n))
    checks.refuse(outside, a, lambda: RuntimeError("torch.searchsorted(): sorter index out of range"))


@composite(method=False)
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None):
    """The indices at which values go into sorted rows: before equals, or after them with ``right``.

    Shape: the sequence is one row for all values, or has the leading dimensions of ``input``.
    """
    values = wrap(infer(input, None)) if is_number(input) else input
    rows, shape = sorted_sequence.shape, values.shape
    if len(rows) == 0:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1"
        )
    if len(rows) != 1 and len(shape) == 0 and values.numel() == 1:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim({len(rows)}) and input value's dim(0) numel(1)"
        )
    if len(rows) != 1 and rows[:-1] != shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            "tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(rows)} and input value tensor "
            f"{list(shape)}"
        )
    if sorter is not None and sorter.shape != rows:
        raise RuntimeError(
            f"torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {list(rows)} "
            "and got "
            f"sorter tensor {list(sorter.shape)}"
        )
    if sorter is not None:
        _check_sorter(sorter, rows[-1])
    statics = (_search_side(right, side), out_int32)
    result = dispatch.run(search_in, (sorted_sequence, values, sorter), statics)
    return result if out is None else dispatch.write_out(out, result)


@composite(method=False)
def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The index of the bucket, between sorted ``boundaries``, that each value falls into."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


@op(namespace="_", method=False, promote="same", grad=False, name="isin")
def is_in(elements: Array, test_elements: Array, invert) -> Array:
    """Which elements occur among others."""
    known = mx.sort(
        mx.reshape(test_elements.astype(mx.uint8) if test_elements.dtype == mx.bool_ else test_elements, (-1,))
    )
    elements = elements.astype(known.dtype)
    if known.size == 0:
        return mx.full(elements.shape, bool(invert), dtype=mx.bool_)
    place = mx.minimum(search(known, elements, False), known.size - 1)
    found = mx.take(known, place) == elements
    return mx.logical_not(found) if invert else found


@composite(method=False)
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Which of ``elements`` occur in ``test_elements``; one of the two may be a number.

    ``assume_unique`` promises that neither holds a value twice, which the search here has no use for.
    """
    if is_number(elements) and is_number(test_elements):
        raise TypeError("isin() received an invalid combination of arguments: one of them must be a Tensor")
    given = [wrap(infer(t, None)) if is_number(t) else t for t in (elements, test_elements)]
    for name, t in zip(("elements", "test_elements"), given, strict=True):
        if not isinstance(t, Tensor):
            raise TypeError(f"isin(): argument '{name}' must be Tensor, not {type(t).__name__}")
        if t.is_complex() or t.dtype is dtypes.bool_:
            raise RuntimeError(f"Unsupported input type encountered for isin(): {dtypes.scalar_type_name(t.dtype)}")
    result = dispatch.run(is_in, tuple(given), (invert,))
    return result if out is None else dispatch.write_out(out, result)

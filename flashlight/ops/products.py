"""Products of tensors that come down to a multiplication or a matrix product: outer, inner, tensordot, kron, cross, "
"chains."""

from __future__ import annotations

import itertools
import warnings

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.conversion import host_value
from .._core.dispatch import deliver
from .._core.numerics.elementary import conj
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, wrap_dim
from .joining import merged_shape
from .matmul import matmul


@composite(aliases=("ger",))
def outer(input, vec2, *, out=None):
    """Every product of an element of one vector and an element of another."""
    for name, t in (("self", input), ("vec2", vec2)):
        if t.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {t.ndim}-D")
    return deliver(input.reshape(-1, 1).mul(vec2), out)


@composite
def inner(input, other, *, out=None):
    """Sums of products over the last dimension of both."""
    if input.ndim == 0 or other.ndim == 0:
        return deliver(input.mul(other), out)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and "
            f"{list(other.shape)}"
        )
    return deliver(tensordot(input, other, ([-1], [-1])), out)


def _contracted(a: Tensor, b: Tensor, dims) -> tuple:
    """The dimension lists ``tensordot`` sums over."""
    if isinstance(dims, Tensor):
        dims = host_value(dims).tolist()
    if isinstance(dims, (list, tuple)):
        left, right = dims
        return [left] if isinstance(left, int) else list(left), [right] if isinstance(right, int) else list(right)
    if dims < 0:
        raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
    if dims > min(a.ndim, b.ndim):
        raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
    return list(range(-dims, 0)), list(range(dims))


@composite(method=False, autocast="gpu widest")
def tensordot(a, b, dims=2, out=None):
    """Sums of products over dimensions of both: the last of one and the first of the other, or those listed."""
    left, right = _contracted(a, b, dims)
    if len(left) != len(right):
        raise RuntimeError("both dimension lists should have same length")
    if a.dtype is not b.dtype:
        raise RuntimeError("both inputs should have same dtype")
    pairs = []
    for i, j in zip(left, right, strict=True):
        p, q = wrap_dim(i, a.ndim), wrap_dim(j, b.ndim)
        n, m = a.shape[p], b.shape[q]
        # a length of one is broadcast: summing the other first is cheaper than repeating it
        if n == 1 and m != 1:
            b = b.sum(q, keepdim=True, dtype=b.dtype)
        elif m == 1 and n != 1:
            a = a.sum(p, keepdim=True, dtype=a.dtype)
        elif n != m:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {n} in dim {i} and second has size {m} in "
                f"dim {j}"
            )
        pairs.append((p, q))
    for dims_of in zip(*pairs, strict=True) if pairs else ():
        for d in dims_of:
            if dims_of.count(d) > 1:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    inner_a, inner_b = [p for p, _ in pairs], [q for _, q in pairs]
    outer_a = [d for d in range(a.ndim) if d not in inner_a]
    outer_b = [d for d in range(b.ndim) if d not in inner_b]
    length = 1
    for p in inner_a:
        length *= a.shape[p]
    shape_a, shape_b = [a.shape[d] for d in outer_a], [b.shape[d] for d in outer_b]
    rows = a.permute(*outer_a, *inner_a) if a.ndim else a
    columns = b.permute(*inner_b, *outer_b) if b.ndim else b
    result = rows.reshape(_count(shape_a), length).mm(columns.reshape(length, _count(shape_b)))
    return deliver(result.reshape(*shape_a, *shape_b) if shape_a or shape_b else result.reshape(()), out)


def _count(shape) -> int:
    n = 1
    for length in shape:
        n *= length
    return n


@composite
def kron(input, other, *, out=None):
    """The Kronecker product: every element of ``input`` times all of ``other``."""
    for place, (name, value) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(value, Tensor):
            raise TypeError(f"kron(): argument '{name}' (position {place}) must be Tensor, not {type(value).__name__}")
    ndim = max(input.ndim, other.ndim)
    left = (1,) * (ndim - input.ndim) + tuple(input.shape)
    right = (1,) * (ndim - other.ndim) + tuple(other.shape)
    spread = [n for pair in zip(left, (1,) * ndim, strict=True) for n in pair]
    packed = [n for pair in zip((1,) * ndim, right, strict=True) for n in pair]
    product = input.reshape(spread).mul(other.reshape(packed))
    return deliver(product.reshape([n * m for n, m in zip(left, right, strict=True)]), out)


# ---------------------------------------------------------------------------------------------------------------- cross
def _cross(a, b, dim):
    one, two = mx.roll(a, -1, dim), mx.roll(b, -1, dim)
    return mx.roll(a * two - one * b, -1, dim)


@op(namespace="_", name="cross", method=False, backward="LinalgCross", autocast="gpu widest")
def _cross_product(input: Array, other: Array, dim) -> Array:
    """The cross product of vectors of three."""
    return _cross(input, other, dim)


@_cross_product.vjp(crosswise=("input", "other"))
def _(g, input, other, dim, needs, shapes):
    first = dispatch.unbroadcast(_cross(conj(other), g, dim), shapes[0]) if needs[0] else None
    second = dispatch.unbroadcast(_cross(g, conj(input), dim), shapes[1]) if needs[1] else None
    return first, second


@composite(name="cross", namespace="linalg", method=False)
def linalg_cross(input, other, *, dim: int = -1, out=None):
    """The cross product of vectors of three, which ``dim`` runs along."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    at = wrap_dim(dim, input.ndim)
    lengths = [t.shape[at] if t.ndim else 1 for t in (input, other)]
    if lengths != [3, 3]:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {lengths[0]} and {lengths[1]}"
        )
    if input.dtype is dtypes.bool_:
        raise NotImplementedError("\"cross\" not implemented for 'Bool'")
    if input.dtype is not other.dtype:
        left, right = map(dtypes.scalar_type_name, (input.dtype, other.dtype))
        raise RuntimeError(f"expected scalar type {left} but found {right}")
    merged_shape(input.shape, other.shape)
    return deliver(dispatch.run(_cross_product, (input, other), (at,)), out)


@composite
def cross(input, other, dim=None, *, out=None):
    """The cross product of vectors of three; without ``dim``, along the first dimension of length three."""
    if dim is None:
        warnings.warn(
            "Using torch.cross without specifying the dim arg is deprecated: pass the dim explicitly or use "
            "torch.linalg.cross.",
            stacklevel=2,
        )
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim=dim, out=out)


# --------------------------------------------------------------------------------------------------------------- chains
def _cheapest_order(lengths) -> dict:
    """For each span of matrices with these row and column lengths, where to split it for the fewest multiplications."""
    n, cost, cut = len(lengths) - 1, {(i, i): 0 for i in range(len(lengths) - 1)}, {}
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k) for k in range(i, j)
            )
    return cut


def chained(matrices) -> Tensor:
    """The product of matrices, multiplied in the cheapest order."""
    cut = _cheapest_order([matrices[0].shape[0], *(m.shape[1] for m in matrices)])

    def between(i, j):
        return matrices[i] if i == j else matmul(between(i, cut[i, j]), between(cut[i, j] + 1, j))

    return between(0, len(matrices) - 1)


@composite(method=False, autocast="gpu low")
def chain_matmul(*matrices, out=None):
    """The product of matrices, multiplied in the cheapest order."""
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = matrices[0]
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for m in matrices:
        if m.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {m.ndim}, expected 2 instead.")
    return deliver(matrices[0] if len(matrices) == 1 else chained(matrices), out)


@composite(namespace="linalg", method=False, autocast="gpu low")
def multi_dot(tensors, *, out=None):
    """The product of matrices in the cheapest order; the first and the last may be vectors."""
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, *middle, last = tensors
    for name, t in (("first", first), ("last", last)):
        if t.ndim not in (1, 2):
            raise RuntimeError(f"multi_dot(): the {name} tensor must be 1D or 2D but got {t.ndim}D")
    for i, t in enumerate(middle):
        if t.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i + 1} must be 2D but got {t.ndim}D")
    row, column = first.ndim == 1, last.ndim == 1
    matrices = [first.unsqueeze(0) if row else first, *middle, last.unsqueeze(-1) if column else last]
    for i, (a, b) in enumerate(itertools.pairwise(matrices)):
        if a.dtype is not b.dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {a.dtype} and tensor {i + 1} "
                f"{b.dtype}"
            )
        if a.shape[1] != b.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i].shape)} and "
                f"{list(tensors[i + 1].shape)} cannot be "
                "multiplied"
            )
    result = chained(matrices)
    result = result.squeeze(-1) if column else result
    return deliver(result.squeeze(0) if row else result, out)

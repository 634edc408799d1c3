"""Matrix products."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.dispatch import deliver
from .._core.modes import modes
from .._core.steps import unbroadcast
from .._core.table import Array, composite, op
from .._core.tensor import Tensor

_FLOATS = {mx.float32, mx.float64, mx.float16, mx.bfloat16, mx.complex64}


# ----------------------------------------------------------------------------------------------------- integer products
def product(a, b):
    """``a @ b`` in any dtype torch multiplies; integers wrap around as in C."""
    return mx.matmul(a, b) if a.dtype in _FLOATS else _integer_product(a, b)


def _limbs(a, count: int) -> list:
    """16-bit digits of integers, lowest first, as float64; the last keeps the sign."""
    digits = []
    for i in range(count):
        shifted = a if i == 0 else mx.right_shift(a, mx.array(16 * i, a.dtype))
        digits.append(
            (shifted if count == 1 else mx.bitwise_and(shifted, mx.array(0xFFFF, a.dtype))).astype(mx.float64)
        )
    return digits


def _integer_product(a, b):
    # MLX multiplies matrices of floats only. float64 products of 16-bit digits are exact for inner lengths below 2**21
    count = max(1, a.itemsize // 2)
    with mx.stream(mx.cpu):
        left, right = _limbs(a, count), _limbs(b, count)
        total = None
        for i in range(count):
            for j in range(count - i):
                part = mx.matmul(left[i], right[j]).astype(mx.int64)
                if i + j:
                    part = mx.left_shift(part, mx.array(16 * (i + j), mx.int64))
                total = part if total is None else total + part
        return total.astype(a.dtype)


def _c_name(a) -> str:
    return dtypes.cpp_name(dtypes.from_mlx(a.dtype))


def _kind(a) -> str:
    return dtypes.scalar_type_name(dtypes.from_mlx(a.dtype))


def _no_bool(name: str, a) -> None:
    if a.dtype == mx.bool_:
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


def _by(a) -> str:
    return "x".join(map(str, a.shape))


def _plain_conj(a):
    return mx.conjugate(a) if a.dtype == mx.complex64 else a


def _t(a):
    """The conjugate transpose of matrices, which gradients of products multiply with."""
    return _plain_conj(mx.swapaxes(a, -1, -2))


# ---------------------------------------------------------------------------------------------------------- mm, bmm, mv
@op(autocast="low")
def mm(input: Array, mat2: Array) -> Array:
    """The product of two matrices."""
    return product(input, mat2)


@mm.vjp(crosswise=("input", "mat2"))
def _(g, input, mat2, needs):
    return mx.matmul(g, _t(mat2)) if needs[0] else None, mx.matmul(_t(input), g) if needs[1] else None


@mm.checked
def _(arrays, _statics):
    a, b = arrays
    if a.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if b.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    _check_matrices(a, b)
    return arrays


def _check_matrices(a, b) -> None:
    if a.shape[-1] != b.shape[0]:
        rows = a.size // a.shape[-1] if a.shape[-1] else math.prod(a.shape[:-1])
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1]} and {_by(b)})")
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {_c_name(a)} != {_c_name(b)}")
    _no_bool("addmm_impl_cpu_", a)


@op(autocast="low")
def bmm(input: Array, mat2: Array) -> Array:
    """Products of matrices, one for each of a batch."""
    return product(input, mat2)


@bmm.vjp(crosswise=("input", "mat2"))
def _(g, input, mat2, needs):
    return mx.matmul(g, _t(mat2)) if needs[0] else None, mx.matmul(_t(input), g) if needs[1] else None


@bmm.checked
def _(arrays, _statics):
    return _checked_batches("bmm", *arrays)


def _checked_batches(name: str, a, b) -> list:
    for i, m in enumerate((a, b)):
        if m.ndim != 3:
            raise RuntimeError(f"batch{i + 1} must be a 3D tensor")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise _batch_mismatch(a.shape[0], a.shape[2], b.shape[0], b.shape[1])
    return of_one_scalar_type(name, a, b)


def _batch_mismatch(batch: int, inner: int, other_batch: int, other_inner: int) -> RuntimeError:
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {inner}] but got: [{other_batch}, "
        f"{other_inner}]."
    )


def of_one_scalar_type(name: str, a, b) -> list:
    """The two factors, after a look at their dtypes."""
    if a.dtype == b.dtype and a.dtype != mx.bool_:
        return [a, b]
    if not a.size or not b.size:  # nothing is multiplied: as in torch the dtypes need not fit
        return [a.astype(b.dtype), b]
    _no_bool(name, a)
    raise RuntimeError(f"expected scalar type {_kind(a)} but found {_kind(b)}")


@op(autocast="gpu low")
def mv(input: Array, vec: Array) -> Array:
    """The product of a matrix and a vector."""
    return mx.squeeze(product(input, mx.expand_dims(vec, -1)), -1)


@mv.vjp(crosswise=("input", "vec"))
def _(g, input, vec, needs):
    column = mx.expand_dims(g, -1)
    return (
        column * mx.expand_dims(_plain_conj(vec), 0) if needs[0] else None,
        mx.squeeze(mx.matmul(_t(input), column), -1) if needs[1] else None,
    )


@mv.checked
def _(arrays, _statics):
    a, b = arrays
    if a.ndim != 2 or b.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {a.ndim}, {b.ndim}")
    _check_matrix_vector(a, b, a.shape[0])
    return arrays


def _check_matrix_vector(a, b, input_length: int) -> None:
    rows = math.prod(a.shape[:-1])
    if a.shape[-1] != b.shape[0]:
        raise RuntimeError(f"size mismatch, got input ({input_length}), mat ({rows}x{a.shape[-1]}), vec ({b.shape[0]})")
    if a.dtype != b.dtype:
        # the product starts from a vector of the vector's dtype
        raise _not_one_dtype(b, a, b)
    _no_bool("addmv_impl_cpu", a)


def _not_one_dtype(*arrays) -> RuntimeError:
    return RuntimeError(
        "addmv input tensors must have the same dtype, but got {}, {}, and {}".format(*map(_kind, arrays))
    )


@op(autocast="gpu widest")
def dot(input: Array, tensor: Array) -> Array:
    """The sum of the products of two vectors' elements."""
    return mx.reshape(product(mx.reshape(input, (1, -1)), mx.reshape(tensor, (-1, 1))), ())


@dot.vjp(crosswise=("input", "tensor"))
def _(g, input, tensor, needs):
    return (
        g * _plain_conj(tensor) if needs[0] else None,
        g * _plain_conj(input) if needs[1] else None,
    )


@dot.checked
def _(arrays, _statics):
    _check_vectors(*arrays)
    return arrays


def _check_vectors(a, b) -> None:
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {_kind(a)} and {_kind(b)}")
    if a.shape != b.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to have the same number "
            "of elements, but "
            f"got {a.shape[0]} and {b.shape[0]} elements respectively"
        )
    _no_bool("dot", a)


@op(autocast="gpu widest")
def vdot(input: Array, other: Array) -> Array:
    """The sum of the products of the first vector's conjugate and the second."""
    return mx.reshape(product(mx.reshape(_plain_conj(input), (1, -1)), mx.reshape(other, (-1, 1))), ())


@vdot.vjp(crosswise=("input", "other"))
def _(g, input, other, needs):
    return _plain_conj(g) * other if needs[0] else None, g * input if needs[1] else None


@vdot.checked
def _(arrays, _statics):
    _check_vectors(*arrays)
    return arrays


# --------------------------------------------------------------------------------------------------------------- matmul
@op(namespace="_", name="matmul", method=False, autocast="low", backward="UnsafeView")
def _matmul(input: Array, other: Array) -> Array:
    """Products of matrices or vectors, batch dimensions broadcast."""
    return product(input, other)


@_matmul.vjp(crosswise=("input", "other"))
def _(g, input, other, needs, shapes):
    row, column = len(shapes[0]) == 1, len(shapes[1]) == 1
    left = (1, *shapes[0]) if row else tuple(shapes[0])
    right = (*shapes[1], 1) if column else tuple(shapes[1])
    g = mx.expand_dims(g, -1) if column else g
    g = mx.expand_dims(g, -2) if row else g
    first = second = None
    if needs[0]:
        first = _fold(mx.matmul(g, _t(other.reshape(right))), left).reshape(shapes[0])
    if needs[1] and len(right) == 2 and g.ndim > 2 and len(left) == g.ndim:
        # one long product instead of a batch of them and its sum
        rows = math.prod(left[:-1])
        second = mx.matmul(_t(input.reshape(rows, left[-1])), g.reshape(rows, right[1])).reshape(shapes[1])
    elif needs[1]:
        second = _fold(mx.matmul(_t(input.reshape(left)), g), right).reshape(shapes[1])
    return first, second


def _fold(g, shape):
    return g if tuple(g.shape) == shape else unbroadcast(g, shape)


@_matmul.checked
def _(arrays, _statics):
    a, b = arrays
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    if b.ndim == 1:
        _check_matrix_vector(a, b, math.prod(a.shape[:-1]))
    elif b.ndim == 2:
        _check_matrices(mx.expand_dims(a, 0) if a.ndim == 1 else a, b)
    else:
        batch = _broadcast(a.shape[:-2], b.shape[:-2])
        if a.shape[-1] != b.shape[-2]:
            raise _batch_mismatch(batch, a.shape[-1], batch, b.shape[-2])
        return of_one_scalar_type("bmm", a, b)
    return arrays


def _broadcast(left, right) -> int:
    """The number of matrices two batch shapes give together."""
    ndim, count = max(len(left), len(right)), 1
    for i in range(ndim):
        n = left[i - ndim] if ndim - i <= len(left) else 1
        m = right[i - ndim] if ndim - i <= len(right) else 1
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {i}"
            )
        count *= m if n == 1 else n
    return count


@composite
def matmul(input, other, *, out=None):
    """The product of two tensors: of vectors, matrices, or batches of matrices whose batch dimensions broadcast."""
    if not isinstance(input, Tensor) or not isinstance(other, Tensor):
        raise _not_tensor(input, other)
    tensors = (input, other) if modes.autocast is None else modes.autocast.lowered((input, other))
    result = dispatch.run(_BY_DIMENSIONS.get((input._a.ndim, other._a.ndim), _matmul), tensors, ())
    return result if out is None else dispatch.write_out(out, result)


def _not_tensor(input, other) -> TypeError:
    name, place, value = ("input", 1, input) if not isinstance(input, Tensor) else ("other", 2, other)
    return TypeError(f"matmul(): argument '{name}' (position {place}) must be Tensor, not {type(value).__name__}")


_BY_DIMENSIONS = {(2, 2): mm, (2, 1): mv, (1, 1): dot}


# --------------------------------------------------------------------------------------------------- sums with products
def _check_expands(shape, target) -> None:
    """Raise torch's error if ``shape`` does not broadcast to ``target``."""
    if len(shape) > len(target):
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{list(shape)}}}, size={list(target)}): the number of sizes provided "
            f"({len(target)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    extra = len(target) - len(shape)
    for i, n in enumerate(shape):
        if n not in (1, target[i + extra]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[i + extra]}) must match the existing size ({n}) at "
                "non-singleton dimension "
                f"{i + extra}.  Target sizes: {list(target)}.  Tensor sizes: {list(shape)}"
            )


def _times(a, number):
    """``a * number`` in the dtype of ``a``."""
    if number == 1:
        return a
    if isinstance(number, (float, complex)) and a.dtype not in _FLOATS:
        number = int(number)
    return a * dispatch.scalar_array(number, a.dtype)


def _scaled(input, computed, beta, alpha):
    # with beta 0 the input is not read: its nans and infinities do not count
    computed = _times(computed, alpha)
    return mx.broadcast_to(computed, computed.shape) if beta == 0 else _times(input, beta) + computed


def _conj(number):
    return number.conjugate() if isinstance(number, complex) else number


def _to_input(g, shape, beta):
    return unbroadcast(_times(g, _conj(beta)), shape)


@op(autocast="low", inplace=True)
def addmm(input: Array, mat1: Array, mat2: Array, *, beta=1, alpha=1) -> Array:
    """``beta * input + alpha * (mat1 @ mat2)``."""
    if beta == 0 or input.dtype not in _FLOATS or input.dtype == mx.complex64:
        return _scaled(input, product(mat1, mat2), beta, alpha)
    return mx.addmm(input, mat1, mat2, alpha=alpha, beta=beta)


@addmm.vjp(crosswise=("mat1", "mat2"))
def _(g, mat1, mat2, beta, alpha, needs, shapes):
    scaled = _times(g, _conj(alpha))
    return (
        _to_input(g, shapes[0], beta) if needs[0] else None,
        mx.matmul(scaled, _t(mat2)) if needs[1] else None,
        mx.matmul(_t(mat1), scaled) if needs[2] else None,
    )


@addmm.checked
def _(arrays, _statics):
    c, a, b = arrays
    for i, m in enumerate((a, b)):
        if m.ndim != 2:
            raise RuntimeError(f"mat{i + 1} must be a matrix, got {m.ndim}-D tensor")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({_by(a)} and {_by(b)})")
    if c.dtype != b.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {_kind(c)} and {_kind(b)}")
    if a.dtype != b.dtype:
        raise RuntimeError(f"mat1 and mat2 must have the same dtype, but got {_kind(a)} and {_kind(b)}")
    _no_bool("addmm_impl_cpu_", a)
    _check_expands(c.shape, (a.shape[0], b.shape[1]))
    return arrays


@op(autocast="gpu low", inplace=True)
def addmv(input: Array, mat: Array, vec: Array, *, beta=1, alpha=1) -> Array:
    """``beta * input + alpha * (mat @ vec)``."""
    return _scaled(input, mx.squeeze(product(mat, mx.expand_dims(vec, -1)), -1), beta, alpha)


@addmv.vjp(crosswise=("mat", "vec"))
def _(g, mat, vec, beta, alpha, needs, shapes):
    column = mx.expand_dims(_times(g, _conj(alpha)), -1)
    return (
        _to_input(g, shapes[0], beta) if needs[0] else None,
        column * _t(mx.expand_dims(vec, -1)) if needs[1] else None,
        mx.squeeze(mx.matmul(_t(mat), column), -1) if needs[2] else None,
    )


@addmv.checked
def _(arrays, _statics):
    c, a, b = arrays
    if c.ndim > 1 or a.ndim != 2 or b.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {c.ndim}, {a.ndim}, {b.ndim}")
    if a.shape[1] != b.shape[0] or c.size not in (1, a.shape[0]):
        raise RuntimeError(f"size mismatch, got input ({c.size}), mat ({_by(a)}), vec ({b.shape[0]})")
    if not c.dtype == a.dtype == b.dtype:
        raise _not_one_dtype(c, a, b)
    _no_bool("addmv_impl_cpu", a)
    return arrays


@op(name="addr", namespace="_", method=False, autocast="gpu low", promote="same")
def addr(input: Array, vec1: Array, vec2: Array, *, beta=1, alpha=1) -> Array:
    """``beta * input + alpha * outer(vec1, vec2)``."""
    outer = mx.expand_dims(vec1, 1) * mx.expand_dims(vec2, 0)
    if input.dtype != mx.bool_:
        return _scaled(input, outer, beta, alpha)
    outer = outer if alpha else mx.zeros_like(outer)
    return mx.logical_or(input, outer) if beta else outer


@addr.vjp(crosswise=("vec1", "vec2"))
def _(g, vec1, vec2, beta, alpha, needs, shapes):
    scaled = _times(g, _conj(alpha))
    return (
        _to_input(g, shapes[0], beta) if needs[0] else None,
        mx.squeeze(mx.matmul(scaled, _t(mx.expand_dims(vec2, 0))), -1) if needs[1] else None,
        mx.squeeze(mx.matmul(_t(mx.expand_dims(vec1, -1)), scaled), 0) if needs[2] else None,
    )


@addr.checked
def _(arrays, _statics):
    for i, v in enumerate(arrays[1:]):
        if v.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument vec{i + 1}, but got {v.ndim}-D")
    _check_expands(arrays[0].shape, (arrays[1].size, arrays[2].size))
    return arrays


def _as_full(input):
    """A number in a tensor with a dimension: as in torch, its dtype takes part in the promotion."""
    return input.reshape(1) if isinstance(input, Tensor) and input.ndim == 0 else input


@composite(name="addr")
def _addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """``beta * input + alpha * outer(vec1, vec2)``."""
    return deliver(dispatch.run(addr, (_as_full(input), vec1, vec2), (beta, alpha)), out)


@composite(namespace=(), method=True)
def addr_(self, vec1, vec2, *, beta=1, alpha=1):
    """In-place form of ``addr``."""
    return dispatch.in_place(addr, (self, vec1, vec2), (beta, alpha))


@op(autocast="low", inplace=True)
def addbmm(input: Array, batch1: Array, batch2: Array, *, beta=1, alpha=1) -> Array:
    """``beta * input + alpha *`` the sum of the products of two batches of matrices."""
    # a sum of products of matrices is one product of the matrices side by side
    count, inner, columns = batch2.shape
    beside = mx.swapaxes(batch1, 0, 1).reshape(batch1.shape[1], count * inner)
    return _scaled(input, product(beside, batch2.reshape(count * inner, columns)), beta, alpha)


@addbmm.vjp(crosswise=("batch1", "batch2"))
def _(g, batch1, batch2, beta, alpha, needs, shapes):
    scaled = _times(g, _conj(alpha))
    return (
        _to_input(g, shapes[0], beta) if needs[0] else None,
        mx.matmul(scaled, _t(batch2)) if needs[1] else None,
        mx.matmul(_t(batch1), scaled) if needs[2] else None,
    )


@addbmm.checked
def _(arrays, _statics):
    c, a, b = arrays
    _check_result_sizes(a, b)
    for i, m in enumerate((a, b)):
        if m.ndim != 3:
            raise RuntimeError(f"batch{i + 1} must be a 3D tensor")
    if a.shape[0] != b.shape[0]:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {a.shape[0]} and {b.shape[0]}")
    if a.shape[2] != b.shape[1]:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({_by(a[0])} and {_by(b[0])})")
    if not c.dtype == a.dtype == b.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {_kind(c)} and {_kind(b)}")
    _no_bool("addbmm", a)
    _check_expands(c.shape, (a.shape[1], b.shape[2]))
    return arrays


def _check_result_sizes(a, b) -> None:
    """Raise torch's error if the batches of matrices lack the dimensions the result's size is taken from."""
    for m, d in ((a, 1), (b, 2)):
        if m.ndim == 0:
            raise IndexError(f"Dimension specified as {d} but tensor has no dimensions")
        if m.ndim <= d:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-m.ndim}, {m.ndim - 1}], but got {d})"
            )


@op(autocast="low", inplace=True)
def baddbmm(input: Array, batch1: Array, batch2: Array, *, beta=1, alpha=1) -> Array:
    """``beta * input + alpha * (batch1 @ batch2)``, matrix by matrix."""
    return _scaled(input, product(batch1, batch2), beta, alpha)


@baddbmm.vjp(crosswise=("batch1", "batch2"))
def _(g, batch1, batch2, beta, alpha, needs, shapes):
    scaled = _times(g, _conj(alpha))
    return (
        _to_input(g, shapes[0], beta) if needs[0] else None,
        mx.matmul(scaled, _t(batch2)) if needs[1] else None,
        mx.matmul(_t(batch1), scaled) if needs[2] else None,
    )


@baddbmm.checked
def _(arrays, _statics):
    c, a, b = arrays
    _check_result_sizes(a, b)
    if c.dtype != a.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {_c_name(c)}, batch1: {_c_name(a)}, batch2: {_c_name(b)}"
        )
    a, b = _checked_batches("baddbmm", a, b)
    _check_expands(c.shape, (a.shape[0], a.shape[1], b.shape[2]))
    return [c, a, b]

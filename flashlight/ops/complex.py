"""Complex numbers: parts, conjugates, polar form."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dispatch, dtypes, views
from .._core.conversion import infer
from .._core.numerics.elementary import conj as conjugated
from .._core.numerics.elementary import cos, sin
from .._core.steps import ComplexView, Conjugate, RealView
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read, wrap
from .kinds import FLOAT


# ---------------------------------------------------------------------------------------------------------------- views
@composite(method=False)
def real(input):
    """The real parts, a view; a real tensor as it is."""
    return views.view(input, RealView(0), "RealBackward0") if input.dtype is dtypes.complex64 else input


@composite(method=False)
def imag(input):
    """The imaginary parts, a view. Raises: RuntimeError for a real tensor."""
    if input.dtype is not dtypes.complex64:
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return views.view(input, RealView(1), "ImagBackward0")


def _set_part(part):
    def put(t: Tensor, value) -> None:
        part(t).copy_(value if isinstance(value, Tensor) else wrap(infer(value, None)))

    return put


Tensor.real = property(real, _set_part(real), doc="The real parts, a view.")
Tensor.imag = property(imag, _set_part(imag), doc="The imaginary parts, a view.")


@composite(method=False)
def view_as_real(input):
    """Complex numbers as pairs of reals in a new last dimension, a view. Raises: RuntimeError for a real tensor."""
    if input.dtype is not dtypes.complex64:
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if is_conj(input):
        raise RuntimeError(
            "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can "
            "view it as real, use self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the "
            "original."
        )
    return views.view(input, RealView(), "ViewAsRealBackward0")


@composite(method=False, autocast="cpu fp32")
def view_as_complex(input):
    """Pairs of reals in the last dimension as complex numbers, a view. Raises: RuntimeError for other shapes."""
    if not input.dtype.is_floating_point:
        name = dtypes.scalar_type_name(input.dtype)
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, "
            f"but got a tensor of scalar type: {name}"
        )
    dtypes.to_mlx(input.dtype.to_complex())
    shape = read(input).shape
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return views.view(input, ComplexView(), "ViewAsComplexBackward0")


@composite
def conj(input):
    """The conjugate, a view; a real tensor as it is."""
    return views.view(input, Conjugate(), "ConjBackward0") if input.dtype is dtypes.complex64 else input


def _conjugations(t: Tensor) -> list:
    """For each step of a view whether the tensor before it is seen conjugated, and at last whether the view is."""
    seen, flipped = [], False
    for step in t._view.steps if t._view is not None else ():
        seen.append((step, flipped))
        flipped ^= isinstance(step, Conjugate)
    return [*seen, (None, flipped)]


@composite(differentiable=False)
def is_conj(input) -> bool:
    """Whether the tensor is the conjugate of what its storage holds."""
    return input.dtype is dtypes.complex64 and _conjugations(input)[-1][1]


@composite(differentiable=False)
def is_neg(input) -> bool:
    """Whether the tensor is the negative of what its storage holds: the imaginary part of a conjugate."""
    return any(flipped and isinstance(step, RealView) and step.part == 1 for step, flipped in _conjugations(input))


@composite
def resolve_conj(input):
    """The tensor with a storage that holds its values, if it is a conjugate view."""
    return input.clone() if is_conj(input) else input


@composite
def resolve_neg(input):
    """The tensor with a storage that holds its values, if it is a negative view."""
    return input.clone() if is_neg(input) else input


# ------------------------------------------------------------------------------------------------------------ operators
@op(inplace=True)
def conj_physical(input: Array) -> Array:
    """The conjugate in a storage of its own."""
    return conjugated(input)


@conj_physical.vjp
def _(g):
    return conjugated(g)


@op(promote=None)
def angle(input: Array) -> Array:
    """The angle of each number in the complex plane, in radians."""
    if input.dtype == mx.complex64:
        return mx.arctan2(mx.imag(input), mx.real(input))
    x = input if mx.issubdtype(input.dtype, mx.floating) else input.astype(dtypes.get_default_dtype().mlx)
    flat = mx.where(x < 0, mx.array(math.pi, x.dtype), mx.array(0, x.dtype))
    return mx.where(mx.isnan(x), x, flat)


@angle.vjp
def _(g, input):
    if input.dtype != mx.complex64:
        return mx.zeros_like(g)
    size = mx.abs(input)
    zero = size == 0
    safe = mx.where(zero, mx.array(1, size.dtype), size)
    return mx.where(zero, mx.array(0, input.dtype), g * (input * 1j) / (safe * safe))


def _two_reals(arrays, _statics):
    names = [dtypes.scalar_type_name(dtypes.from_mlx(a.dtype)) for a in arrays]
    if any(dtypes.from_mlx(a.dtype).category != FLOAT for a in arrays):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {names[0]} and {names[1]}"
        )
    if arrays[0].dtype != arrays[1].dtype:
        raise RuntimeError(
            f"Expected object of scalar type {names[0]} but got scalar type {names[1]} for second argument"
        )
    dtypes.to_mlx(dtypes.from_mlx(arrays[0].dtype).to_complex())
    return arrays


@op(promote=None, method=False, name="complex")
def complex_(real: Array, imag: Array) -> Array:
    """``real + 1j * imag``. Raises: RuntimeError unless both are of one floating point dtype."""
    return _from_parts(real, imag)


def _from_parts(real, imag):
    # a product with 1j would turn infinite parts into nan
    real, imag = mx.broadcast_arrays(real, imag)
    pairs = mx.contiguous(mx.stack([real, imag], axis=-1))
    return mx.view(pairs, mx.complex64).reshape(real.shape)


@complex_.vjp
def _(g, shapes):
    return dispatch.unbroadcast(mx.real(g), shapes[0]), dispatch.unbroadcast(mx.imag(g), shapes[1])


@op(promote=None, method=False, autocast="cpu fp32", watch="output")
def polar(abs: Array, angle: Array) -> Array:
    """``abs * exp(1j * angle)``. Raises: RuntimeError unless both are of one floating point dtype."""
    return _from_parts(abs * cos(angle), abs * sin(angle))


@polar.vjp
def _(g, abs, angle, shapes):
    real, imag = mx.real(g), mx.imag(g)
    c, s = cos(angle), sin(angle)
    return (
        dispatch.unbroadcast(real * c + imag * s, shapes[0]),
        dispatch.unbroadcast(abs * (imag * c - real * s), shapes[1]),
    )


complex_.checked(_two_reals)
polar.checked(_two_reals)

"""Extrema: amax, amin, aminmax, max, min, argmax, argmin."""

from __future__ import annotations

import mlx.core as mx

from .._core import device as devices
from .._core import dispatch, dtypes, return_types
from .._core.axes import axes_of, numpy_names, summed
from .._core.table import MISSING, Array, composite, op, operators
from .._core.tensor import Tensor, read
from .kinds import COMPLEX, kind_of, not_implemented
from .random import refused
from .reduce import spread
from .selection import lifted, lowered, picked, put_back


def _require(
    name: str,
    a: mx.array,
    axes,
    empty: type = RuntimeError,
    hint: str = " Specify the reduction dim with the 'dim' argument.",
):
    """Refuse to reduce over nothing, and what torch's dimension sets can not hold."""
    if a.ndim > 64 and axes is not None:
        raise RuntimeError("only tensors with up to 64 dims are supported")
    if axes is None and a.size == 0:
        raise empty(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.{hint}")
    for axis in axes or ():
        if a.shape[axis] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


def _real(kernel: str, a: mx.array) -> None:
    if kind_of(a) == COMPLEX:
        raise not_implemented(kernel, a)


def _empty(a: mx.array, axes, keepdim: bool) -> tuple:
    """The shape of a reduction that has no results."""
    return tuple(1 if i in axes else n for i, n in enumerate(a.shape) if keepdim or i not in axes)


def _reduced(reduce, a: mx.array, axes, keepdim: bool) -> mx.array:
    if a.size == 0:
        return mx.zeros(_empty(a, axes, keepdim), dtype=a.dtype)
    return reduce(a, axis=axes, keepdims=keepdim)


@op(out="exact")
def amax(input: Array, dim=(), keepdim=False) -> Array:
    """The largest element of all or over dimensions; ties share the gradient evenly."""
    _real("max_values_cpu", input)
    axes = axes_of(dim, input.ndim)
    _require("amax", input, axes)
    return _reduced(mx.max, input, axes, keepdim)


@op(out="exact")
def amin(input: Array, dim=(), keepdim=False) -> Array:
    """The smallest element of all or over dimensions; ties share the gradient evenly."""
    _real("min_values_cpu", input)
    axes = axes_of(dim, input.ndim)
    _require("amin", input, axes)
    return _reduced(mx.min, input, axes, keepdim)


def _shared(g, input, dim, output):
    axes = axes_of(dim, input.ndim)
    chosen = (input == spread(output, input.shape, axes)).astype(g.dtype)
    return spread(g, input.shape, axes) * chosen / summed(chosen, axis=axes, keepdims=True)


amax.vjp(_shared)
amin.vjp(_shared)


@composite
@numpy_names
def aminmax(input, *, dim=None, keepdim=False, out=None):
    """The smallest and the largest element, of all or over one dimension."""
    a = read(input)
    if dim is None and a.size == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    over = () if dim is None else dim
    result = return_types.aminmax(*(dispatch.run(o, (input,), (over, keepdim)) for o in (amin, amax)))
    return dispatch.deliver(result, out, "exact")


# ---------------------------------------------------------------------------------------------------------- positions
def position(arg, a: mx.array, axis: int | None, keepdim: bool) -> mx.array:
    """Where the extremum is: the first of equals, the first NaN if there is one."""
    index = arg(a, axis=axis, keepdims=keepdim)
    if devices.GPU and mx.issubdtype(a.dtype, mx.floating):  # only MLX's CPU kernels look for NaN
        missing = mx.isnan(a)
        index = mx.where(
            mx.any(missing, axis=axis, keepdims=keepdim), mx.argmax(missing, axis=axis, keepdims=keepdim), index
        )
    return index


def _place(name: str, arg, input: mx.array, dim, keepdim: bool) -> mx.array:
    if input.dtype == mx.bool_:
        raise RuntimeError(f"{name}(): does not support bool input")
    _real(f"{name}_cpu", input)
    if isinstance(dim, (tuple, list)):
        raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
    axes = axes_of(dim, input.ndim)
    _require(name, input, axes, IndexError, "")
    if input.size == 0:
        return mx.zeros(_empty(input, axes, keepdim), dtype=mx.int64)
    if input.ndim == 0:
        return mx.array(0, mx.int64)
    return position(arg, input, None if axes is None else axes[0], keepdim).astype(mx.int64)


@op(grad=False)
def argmax(input: Array, dim=None, keepdim=False) -> Array:
    """The index of the largest element, in the flattened tensor or along a dimension; the first of equals."""
    return _place("argmax", mx.argmax, input, dim, keepdim)


@op(grad=False)
def argmin(input: Array, dim=None, keepdim=False) -> Array:
    """The index of the smallest element, in the flattened tensor or along a dimension; the first of equals."""
    return _place("argmin", mx.argmin, input, dim, keepdim)


# --------------------------------------------------------------------------------------------- max and min, all forms
def _over_all(name: str, reduce):
    @op(name=name, namespace="_", method=False)
    def over_all(input: Array) -> Array:
        """The extremum of all elements."""
        _real(f"{name}_all", input)
        _require(name, input, None)
        return reduce(input)

    @over_all.vjp
    def _(g, input, output):
        chosen = input == output
        if mx.issubdtype(input.dtype, mx.floating):
            chosen = mx.logical_or(chosen, mx.logical_and(mx.isnan(input), mx.isnan(output)))
        chosen = chosen.astype(g.dtype)
        return chosen * (g / summed(chosen))

    return over_all


def _over_dim(name: str, arg):
    @op(name=f"{name}_dim", namespace="_", method=False, backward=name.capitalize(), constant_outputs=(1,), indices=True,
        result=getattr(return_types, name))  # fmt: skip
    def over_dim(input: Array, dim, keepdim) -> tuple[Array, Array]:
        """The extrema along a dimension and where they are."""
        _real(f"{name}_cpu", input)
        a, axis = lifted(input, dim)
        _require(name, a, (axis,))
        if a.size == 0:
            shape = _empty(a, (axis,), keepdim)
            return mx.zeros(shape, dtype=a.dtype), mx.zeros(shape, dtype=mx.int64)
        return lowered(picked(a, position(arg, a, axis, True), axis, keepdim), input)

    @over_dim.vjp
    def _(gs, outputs, shapes, dim, keepdim):
        return put_back(gs[0], outputs[1], shapes[0], dim, keepdim)

    return over_dim


def _extremum(name: str, reduce, arg, pairwise: str):
    over_all, over_dim = _over_all(name, reduce), _over_dim(name, arg)
    word = "largest" if name == "max" else "smallest"

    @numpy_names
    def extremum(input, dim=MISSING, keepdim=None, *, other=MISSING, out=None):
        if dim is None or other is None:
            raise refused(name, (input,), {k: v for k, v in (("dim", dim), ("other", other)) if v is not MISSING})
        dim, other = None if dim is MISSING else dim, None if other is MISSING else other
        if isinstance(dim, Tensor) and (dim.ndim or dim.dtype.category != dtypes.INT or keepdim is None):
            dim, other = None, dim
        if other is not None:
            return operators[pairwise].public(input, other, out=out)
        if dim is None:
            if keepdim is not None:
                raise TypeError(f"{name}() received an invalid combination of arguments: keepdim needs a dim")
            result = dispatch.run(over_all, (input,), ())
        else:
            if isinstance(dim, (tuple, list)):
                raise TypeError(
                    f"{name}() received an invalid combination of arguments: dim must be int, not {type(dim).__name__}"
                )
            result = dispatch.run(over_dim, (input,), (int(dim), bool(keepdim)))
        return result if out is None else dispatch.write_out(out, result)

    extremum.__name__ = name
    extremum.__doc__ = (
        f"``{name}(input)``: the {word} element; ``{name}(input, dim, keepdim)``: the {word} along a dimension and "
        "their indices; "
        f"``{name}(input, other)``: the elementwise {pairwise}."
    )
    composite(extremum)


_extremum("max", mx.max, mx.argmax, "maximum")
_extremum("min", mx.min, mx.argmin, "minimum")

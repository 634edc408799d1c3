"""Random tensors of a shape, with PyTorch's numbers under one seed: rand, randn, randint, randperm and ``_like``."""

from __future__ import annotations

import operator

import mlx.core as mx

from .._core import dtypes
from .._core.creation_args import finish, sizes_of
from .._core.device import as_label
from .._core.discrete import check_permutation
from .._core.discrete import random_ as integers
from .._core.discrete import randperm as permutation
from .._core.dispatch import is_number
from .._core.draws import normal as normals
from .._core.draws import uniform as uniforms
from .._core.formats import is_laid, like, preserved
from .._core.sampling import DEVICE_FLOATS, drawn
from .._core.table import composite, namespaces
from .._core.tensor import Tensor, preserve_format, read
from .creation import into, out_dtype, size_of

_DEVICE_KINDS = (*DEVICE_FLOATS, dtypes.complex64)


# ------------------------------------------------------------------------------------------------------------ arguments
def refused(name: str, args, kwargs) -> TypeError:
    """The error for a call that fits none of a function's forms."""
    given = [type(a).__name__ for a in args] + [f"{k}={type(v).__name__}" for k, v in kwargs.items()]
    return TypeError(f"{name}() received an invalid combination of arguments - got ({', '.join(given)})")


def real_number(name: str, argument: str, place: int, value) -> float:
    """A float argument, which may be a one-element tensor."""
    if isinstance(value, Tensor) and read(value).size == 1 and not value.is_complex():
        value = value.item()
    if not is_number(value) or isinstance(value, complex):
        raise TypeError(f"{name}(): argument '{argument}' (position {place}) must be float, not {type(value).__name__}")
    return float(value)


def whole_number(name: str, argument: str, place: int, value) -> int:
    """An int argument, which may be a one-element integer tensor."""
    try:
        return operator.index(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{name}(): argument '{argument}' (position {place}) must be int, not {kind}") from None


def no_tensor(name: str, argument: str, place: int, value) -> TypeError:
    return TypeError(f"{name}(): argument '{argument}' (position {place}) must be Tensor, not {type(value).__name__}")


# ------------------------------------------------------------------------------------------ uniforms, normals, integers
def uniform_of(shape, dtype, device, generator, low=0.0, high=1.0, strides=None, name="uniform_") -> mx.array:
    on_device = (lambda s, shape: s.uniform(shape, low, high, dtype)) if dtype in _DEVICE_KINDS else None
    return drawn(
        name, shape, dtype, device, generator, lambda g, shape: uniforms(g, shape, low, high, dtype), on_device, strides
    )


def normal_of(shape, dtype, device, generator, mean=0.0, std=1.0, strides=None, name="normal_") -> mx.array:
    on_device = (lambda s, shape: s.normal(shape, mean, std, dtype)) if dtype in _DEVICE_KINDS else None
    return drawn(
        name,
        shape,
        dtype,
        device,
        generator,
        lambda g, shape: normals(g, shape, mean, std, dtype, strides is None),
        on_device,
        strides,
    )


def integers_of(shape, dtype, device, generator, low, high, strides=None, name="random_") -> mx.array:
    on_device = None
    if high is not None and dtype not in (dtypes.float64, dtypes.complex64):
        on_device = lambda s, shape: s.randint(low or 0, high, shape, dtypes.int64)  # noqa: E731
    return drawn(
        name, shape, dtype, device, generator, lambda g, shape: integers(g, shape, dtype, low, high), on_device, strides
    )


def strides_to_fill(t: Tensor):
    """None for a contiguous tensor, else the strides along which it is filled."""
    return None if t is None or is_laid(t) else preserved(t)


def created(
    draw, shape, dtype, default, out, generator, device, requires_grad, layout, pin_memory, name, *args
) -> Tensor:
    """What a creating function returns for ``draw``."""
    dtype, label = out_dtype(dtype, out, default), as_label(device) if out is None else out._device
    strides = None if out is None or read(out).shape != shape else strides_to_fill(out)
    a = draw(shape, dtype, label, generator, *args, strides=strides, name=name)
    return into(out, a, device, requires_grad, layout, pin_memory)


def _like(draw, input, dtype, generator, device, requires_grad, layout, pin_memory, format, name, *args) -> Tensor:
    """What a ``_like`` function returns for ``draw``: dense tensors keep the order of their dimensions in memory."""
    if not isinstance(input, Tensor):
        raise no_tensor(name, "input", 1, input)
    device = input._device if device is None else device
    shell = like(finish(mx.zeros(read(input).shape), device, False, layout, pin_memory), input, format)
    a = draw(
        read(input).shape,
        dtype or input.dtype,
        as_label(device),
        generator,
        *args,
        strides=strides_to_fill(shell),
        name=name,
    )
    return like(finish(a, device, requires_grad, layout, pin_memory), input, format)


@composite(method=False)
def rand(
    *size,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    **given,
):
    """Uniform numbers of [0, 1)."""
    shape = sizes_of(size_of("rand", size, given)[0])
    return created(uniform_of, shape, dtype, None, out, generator, device, requires_grad, layout, pin_memory, "rand")


@composite(method=False)
def randn(
    *size,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    **given,
):
    """Normal numbers of mean 0 and variance 1."""
    shape = sizes_of(size_of("randn", size, given)[0])
    return created(normal_of, shape, dtype, None, out, generator, device, requires_grad, layout, pin_memory, "randn")


def _randint_arguments(args, given) -> tuple:
    """(low, high, size) from ``randint(high, size)`` and ``randint(low, high, size)``, by position or by name."""
    names = ("low", "high", "size") if len(args) + len(given) >= 3 else ("high", "size")
    if len(args) + len(given) > len(names) or set(given) != set(names[len(args) :]):
        raise refused("randint", args, given)
    values = dict(zip(names, args)) | given
    if not isinstance(values["size"], (tuple, list)):
        raise TypeError(
            f"randint(): argument 'size' (position {len(names)}) must be tuple of ints, "
            f"not {type(values['size']).__name__}"
        )
    low, high = (
        whole_number("randint", n, names.index(n) + 1, values.get(n, 0)) if n in names else 0 for n in ("low", "high")
    )
    return low, high, sizes_of((values["size"],))


@composite(method=False)
def randint(
    *args,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    **given,
):
    """``randint(low=0, high, size)``: integers of [low, high), by default int64."""
    low, high, shape = _randint_arguments(args, given)
    return created(
        integers_of,
        shape,
        dtype,
        dtypes.int64,
        out,
        generator,
        device,
        requires_grad,
        layout,
        pin_memory,
        "randint",
        low,
        high,
    )


@composite(method=False)
def randperm(
    n, *, generator=None, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """A random order of 0, ..., n - 1, by default int64."""
    n = whole_number("randperm", "n", 1, n)
    dtype = out_dtype(dtype, out, dtypes.int64)
    label = as_label(device) if out is None else out._device
    check_permutation(n, dtype)
    a = drawn(
        "randperm",
        sizes_of((n,)),
        dtype,
        label,
        generator,
        lambda g, shape: permutation(g, *shape, dtype),
        lambda s, shape: s.randperm(*shape, dtypes.int64),
    )
    return into(out, a, device, requires_grad, layout, pin_memory)


@composite(method=False)
def rand_like(
    input,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=preserve_format,
):
    """``rand`` in the shape, dtype and device of a tensor."""
    return _like(
        uniform_of, input, dtype, generator, device, requires_grad, layout, pin_memory, memory_format, "rand_like"
    )


@composite(method=False)
def randn_like(
    input,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=preserve_format,
):
    """``randn`` in the shape, dtype and device of a tensor."""
    return _like(
        normal_of, input, dtype, generator, device, requires_grad, layout, pin_memory, memory_format, "randn_like"
    )


@composite(method=False)
def randint_like(
    input,
    *args,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=preserve_format,
    **given,
):
    """``randint_like(input, low=0, high)``: integers of [low, high) in the shape, dtype and device of a tensor."""
    names = ("low", "high") if len(args) + len(given) == 2 else ("high",)
    if len(args) + len(given) != len(names) or set(given) != set(names[len(args) :]):
        raise refused("randint_like", (input, *args), given)
    bounds = dict(zip(names, args)) | given
    low, high = (whole_number("randint_like", n, 2, bounds.get(n, 0)) for n in ("low", "high"))
    return _like(
        integers_of,
        input,
        dtype,
        generator,
        device,
        requires_grad,
        layout,
        pin_memory,
        memory_format,
        "randint_like",
        low,
        high,
    )


# static forms some frameworks have: Tensor.randn((2, 3))
for _name, _fn in (("rand", rand), ("randn", randn), ("randint", randint)):
    setattr(Tensor, _name, staticmethod(_fn))
for _name in ("zeros", "ones"):
    setattr(Tensor, _name, staticmethod(namespaces["torch"][_name]))

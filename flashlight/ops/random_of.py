"""Random tensors whose parameters are tensors: bernoulli, poisson, binomial, multinomial, normal, gamma variates.

Numbers are drawn before an operator's body runs and go in as an array, so that differentiating replays nothing.
"""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .._core import checks, dispatch, dtypes, rejection
from .._core.creation_args import sizes_of
from .._core.discrete import bernoulli as booleans
from .._core.discrete import check_multinomial
from .._core.discrete import multinomial as categories
from .._core.draws import normal as normals
from .._core.dtypes import scalar_type_name
from .._core.errors import size_mismatch
from .._core.numerics import implicit
from .._core.sampling import DEVICE_FLOATS, drawn
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read, wrap
from .creation import into
from .random import created, no_tensor, normal_of, real_number, refused, whole_number


# ------------------------------------------------------------------------------------------------ tensors as parameters
def _no_derivative(name: str):
    def rule(g):
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return rule


def zeros_for_all(g, shapes, dtypes):
    # the numbers do not depend on the parameters: a gradient of zeros, as in torch
    return tuple(mx.zeros(s, dtype=d) for s, d in zip(shapes, dtypes))


def _gamma_slope(g, input, output):
    return g * implicit.standard_gamma_grad(input, output), None


def parametric(name: str, rule, camel: str | None, number: int = 0):
    """The operator that puts drawn numbers in place of a tensor; it exists for what its history says."""

    @op(namespace="_random", method=False, out=False, name=f"{name}{number}")
    def body(input: Array, values: Array) -> Array:
        return values

    body.backward_name = "NotImplemented" if camel is None else f"{camel}Backward{number}"
    body.vjp(rule)
    return body


_bernoulli_probability = parametric("bernoulli", zeros_for_all, "Bernoulli")
_bernoulli_shape = parametric("bernoulli_p_", _no_derivative("bernoulli"), None)
_poisson_rate = parametric("poisson", zeros_for_all, "Poisson")
_gamma_shape = parametric("_standard_gamma", _gamma_slope, "StandardGamma")
_dirichlet_weights = parametric("_sample_dirichlet", _no_derivative("_sample_dirichlet"), None)
_normal_mean = parametric("normal", zeros_for_all, "Normal", 1)
_normal_std = parametric("normal", zeros_for_all, "Normal", 2)


@op(namespace="_random", method=False, out=False, name="normal3")
def _normal_both(mean: Array, std: Array, values: Array) -> Array:
    return values


_normal_both.vjp(zeros_for_all)
_normal_both.backward_name = "NormalBackward3"


@op(namespace="_random", method=False, out=False, name="binomial")
def _binomial_both(count: Array, prob: Array, values: Array) -> Array:
    return values


_binomial_both.vjp(_no_derivative("binomial"))
_binomial_both.backward_name = "NotImplemented"


def _given(operation, tensors, values: mx.array, out=None) -> Tensor:
    """The tensor of drawn values, with the history of the tensors that parametrised them."""
    result = dispatch.run(operation, (*tensors, wrap(values, tensors[0]._device)), ())
    return result if out is None else dispatch.write_out(out, result)


def _range_error() -> RuntimeError:
    return RuntimeError(
        "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  "
        "If so, please report an enhancement request to PyTorch.)"
    )


def bernoulli_by(p: mx.array, dtype, device, generator, strides=None, name="bernoulli_") -> mx.array:
    """One with the probabilities in an array."""

    def on_device(source, shape, p):
        checks.refuse(mx.any(mx.logical_or(p < 0, p > 1)), p, _range_error)
        return source.bernoulli(p, shape)

    source = on_device if dtypes.from_mlx(p.dtype) in DEVICE_FLOATS else None
    return drawn(
        name, p.shape, dtype, device, generator, lambda g, shape, p: booleans(g, p, shape), source, strides, (p,)
    )


def bernoulli_of(shape, dtype, device, generator, p: float, strides=None, name="bernoulli_") -> mx.array:
    """One with probability ``p``."""
    if dtype.is_complex:
        raise NotImplementedError(f"\"bernoulli_scalar_cpu_\" not implemented for '{scalar_type_name(dtype)}'")
    return drawn(
        name,
        shape,
        dtype,
        device,
        generator,
        lambda g, shape: booleans(g, p, shape),
        lambda s, shape: s.bernoulli(p, shape),
        strides,
    )


@composite
def bernoulli(input, p=None, *, generator=None, out=None):
    """Ones with the probabilities in ``input``, or with probability ``p`` in the shape of ``input``; else zeros.

    Raises: RuntimeError for a probability outside [0, 1]; NotImplementedError for integer probabilities.
    """
    if not isinstance(input, Tensor):
        raise no_tensor("bernoulli", "input", 1, input)
    dtype, a = input.dtype if out is None else out.dtype, read(input)
    if p is None:
        return _given(
            _bernoulli_probability, (input,), bernoulli_by(a, dtype, input._device, generator, None, "bernoulli"), out
        )
    p = real_number("bernoulli", "p", 2, p)
    return _given(
        _bernoulli_shape, (input,), bernoulli_of(a.shape, dtype, input._device, generator, p, None, "bernoulli"), out
    )


@composite(method=False)
def poisson(input, generator=None):
    """Poisson counts at the rates in ``input``.

    Raises: RuntimeError for a negative rate; NotImplementedError for integer rates.
    """
    if not isinstance(input, Tensor):
        raise no_tensor("poisson", "input", 1, input)
    dtype = input.dtype
    a = drawn(
        "poisson",
        read(input).shape,
        dtype,
        input._device,
        generator,
        lambda g, _shape, rate: rejection.poisson(g, rate, dtype),
        arrays=(read(input),),
    )
    return _given(_poisson_rate, (input,), a)


@composite(method=False)
def binomial(count, prob, generator=None):
    """Successes among ``count`` trials of probability ``prob``; the two broadcast."""
    for name, t in (("count", count), ("prob", prob)):
        if not isinstance(t, Tensor):
            raise no_tensor("binomial", name, 1 + (name == "prob"), t)
        if not t.is_floating_point():
            raise ValueError(
                f"binomial only supports floating-point dtypes for {name}, got: {scalar_type_name(t.dtype)}"
            )
    if count.dtype is not prob.dtype:
        names = scalar_type_name(prob.dtype), scalar_type_name(count.dtype)
        raise RuntimeError(f"Found dtype {names[0]} but expected {names[1]}")
    dtype, arrays = count.dtype, (read(count), read(prob))
    a = drawn(
        "binomial",
        _broadcast(*arrays),
        dtype,
        count._device,
        generator,
        lambda g, _shape, n, p: rejection.binomial(g, n, p, dtype),
        arrays=arrays,
    )
    return _given(_binomial_both, (count, prob), a)


def _broadcast(*arrays) -> tuple:
    mismatch = size_mismatch(arrays)
    if mismatch is not None:
        raise mismatch
    return np.broadcast_shapes(*(a.shape for a in arrays))


@composite
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn in proportion to ``input`` (C) or (N, C) -> int64 (num_samples) or (N, num_samples).

    Raises: RuntimeError for weights that are negative, infinite or all zero, and for more samples than there are
    categories without replacement.
    """
    if not isinstance(input, Tensor):
        raise no_tensor("multinomial", "input", 1, input)
    if out is not None and out.dtype is not dtypes.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {scalar_type_name(out.dtype)}")
    n, dtype, probs = whole_number("multinomial", "num_samples", 2, num_samples), input.dtype, read(input)

    def on_device(source, _shape, probs):
        check_multinomial(probs, n, replacement, dtype)
        bad = mx.logical_or(mx.any(mx.logical_not((probs >= 0) & mx.isfinite(probs))), mx.any(mx.sum(probs, -1) <= 0))
        checks.refuse(
            bad, probs, lambda: RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        )
        return source.multinomial(probs, n, replacement)

    a = drawn(
        "multinomial",
        (*probs.shape[:-1], max(n, 0)),
        dtypes.int64,
        input._device,
        generator,
        lambda g, _shape, probs: categories(g, probs, n, replacement, dtype),
        on_device if dtype in DEVICE_FLOATS else None,
        arrays=(probs,),
    )
    return into(out, a, input._device)


@composite(method=False)
def _standard_gamma(input, generator=None):
    """Gamma variates of scale 1 with the shapes in ``input``."""
    dtype = input.dtype
    a = drawn(
        "_standard_gamma",
        read(input).shape,
        dtype,
        input._device,
        generator,
        lambda g, _shape, alpha: rejection.standard_gamma(g, alpha, dtype),
        arrays=(read(input),),
    )
    return _given(_gamma_shape, (input,), a)


@composite(method=False)
def _sample_dirichlet(input, generator=None):
    """Points of the simplex on the last axis with the concentrations in ``input``."""
    dtype = input.dtype
    a = drawn(
        "_sample_dirichlet",
        read(input).shape,
        dtype,
        input._device,
        generator,
        lambda g, _shape, alpha: rejection.dirichlet(g, alpha, dtype),
        arrays=(read(input),),
    )
    return _given(_dirichlet_weights, (input,), a)


# --------------------------------------------------------------------------------------------------------- torch.normal
@composite(method=False)
def normal(
    mean,
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
    """Normal numbers: ``normal(mean, std)`` with at least one tensor, ``normal(mean, std, size)`` with two numbers.

    Raises: RuntimeError for a negative ``std``.
    """
    names = ("std", "size")[len(args) :]
    if len(args) > 2 or not set(given) <= set(names):
        raise refused("normal", (mean, *args), given)
    rest = dict(zip(("std", "size"), args)) | given
    std, size = rest.get("std"), rest.get("size")
    if "std" in rest and std is None:
        raise refused("normal", (mean, *args), given)
    if (
        size is not None
        and not isinstance(mean, Tensor)
        and not isinstance(std, Tensor)
        and isinstance(size, (tuple, list))
    ):
        shape, mean = sizes_of((size,)), real_number("normal", "mean", 1, mean)
        std = real_number("normal", "std", 2, std)
        return created(
            normal_of,
            shape,
            dtype,
            None,
            out,
            generator,
            device,
            requires_grad,
            layout,
            pin_memory,
            "normal",
            mean,
            std,
        )
    plain = (dtype, layout, device) == (None, None, None) and not pin_memory and not requires_grad
    if size is not None or not plain or not (isinstance(mean, Tensor) or isinstance(std, Tensor)):
        raise refused("normal", (mean, *args), given)
    return _normal_by(mean, 1.0 if std is None else std, generator, out)


def _normal_by(mean, std, generator, out) -> Tensor:
    """``normal`` with a tensor for the mean, the deviation or both; the dtype is that of the first."""
    tensors = tuple(t for t in (mean, std) if isinstance(t, Tensor))
    first = tensors[0]
    dtype = first.dtype if out is None else out.dtype
    arrays = tuple(read(t) for t in tensors)
    shape = _broadcast(*arrays)
    if not isinstance(std, Tensor):
        std = real_number("normal", "std", 2, std)
    if not isinstance(mean, Tensor):
        mean = real_number("normal", "mean", 1, mean)

    def host(g, shape, *values):
        values = iter(values)
        means = next(values) if isinstance(mean, Tensor) else mean
        return normals(g, shape, means, next(values) if isinstance(std, Tensor) else std, dtype)

    def on_device(source, shape, *values):
        values = iter(values)
        means, deviation = next(values) if isinstance(mean, Tensor) else mean, next(values, std)
        if isinstance(std, Tensor):
            negative = RuntimeError("normal expects all elements of std >= 0.0")
            checks.refuse(mx.any(deviation < 0), deviation, lambda: negative)
        elif not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        return source.normal(shape, means, deviation, dtype)

    a = drawn(
        "normal",
        shape,
        dtype,
        first._device,
        generator,
        host,
        on_device if dtype in DEVICE_FLOATS else None,
        arrays=arrays,
    )
    operation = _normal_both if len(tensors) == 2 else _normal_mean if tensors[0] is mean else _normal_std
    return _given(operation, tensors, a, out)

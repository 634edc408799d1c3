"""Dropout. Noise is drawn as torch draws it and handed to the operator as an array, so that replaying it is pure."""

from __future__ import annotations

import math
import warnings

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.discrete import bernoulli, feature_shape
from .._core.errors import cannot_cast
from .._core.sampling import drawn
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, read


@op(namespace="_", name="dropout", method=False, inplace=False, backward="Mul")
def _scaled(input: Array, factor, summand) -> Array:
    """``input * factor + summand``, the summand None or an array."""
    scaled = input * factor
    return scaled if summand is None else scaled + summand


@_scaled.vjp
def _(g, factor):
    return g * factor


_LIMIT = 1.7580993408473766  # the negative of SELU's limit at minus infinity


def _kept(input: Tensor, shape: tuple, p: float) -> mx.array:
    """1 with probability ``1 - p``, else 0, in the input's dtype."""
    return drawn(
        "dropout",
        shape,
        input.dtype,
        input.device,
        None,
        lambda generator, shape: bernoulli(generator, 1 - p, shape),
        lambda source, shape: source.bernoulli(1 - p, shape),
        input.stride() if shape == input.shape and input._view is not None else None,
    )


def _noise(input: Tensor, shape: tuple, p: float, alpha: bool) -> tuple:
    """Factor and summand."""
    kept = _kept(input, shape, p)
    if not alpha:
        return kept / (1 - p), None
    a = 1 / math.sqrt((_LIMIT * _LIMIT * p + 1) * (1 - p))
    return kept * a, (kept - 1) * (_LIMIT * a) + _LIMIT * a * p


def _dropped(input: Tensor, p: float, train: bool, inplace: bool, feature: bool, alpha: bool) -> Tensor:
    if not isinstance(input, Tensor):
        raise _scaled.bad_operand(0, input)
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    shape = read(input).shape
    if p == 0 or not train or 0 in shape:
        return input
    if input.is_complex() and p < 1:
        raise NotImplementedError("\"bernoulli_scalar_cpu_\" not implemented for 'ComplexFloat'")
    if p < 1 and not input.is_floating_point():
        # alpha dropout of booleans has already made integers of them
        kind = dtypes.int64 if alpha and input.dtype is dtypes.bool_ else input.dtype
        raise cannot_cast("Float", dtypes.scalar_type_name(kind))
    if p == 1:
        statics = (mx.zeros((), input.dtype.mlx), None)
    else:
        statics = _noise(input, feature_shape(shape) if feature else shape, p, alpha)
    return dispatch.in_place(_scaled, (input,), statics) if inplace else dispatch.run(_scaled, (input,), statics)


# ------------------------------------------------------------------------------------------------------ torch namespace
def _declare(name: str, feature: bool, alpha: bool, what: str) -> None:
    def plain(input, p, train):
        return _dropped(input, p, train, False, feature, alpha)

    def writing(input, p, train):
        return _dropped(input, p, train, True, feature, alpha)

    for fn, label in ((plain, name), (writing, name + "_")):
        fn.__doc__ = f"{what}, drawn when ``train``{' (in place)' if fn is writing else ''}."
        fn.__name__ = label
        composite(fn, name=label, method=False)


_declare("dropout", False, False, "Zero elements with probability ``p`` and scale the rest by ``1 / (1 - p)``")
_declare("feature_dropout", True, False, "Zero whole channels with probability ``p`` and scale the rest")
_declare("alpha_dropout", False, True, "Dropout that keeps the mean and variance of SELU's output")
_declare("feature_alpha_dropout", True, True, "Alpha dropout of whole channels")


# -------------------------------------------------------------------------------------------------------- nn.functional
def _checked(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


@composite(namespace="nn.functional", name="dropout")
def functional_dropout(input, p=0.5, training=True, inplace=False):
    """In training, zero elements with probability ``p`` and scale the rest by ``1 / (1 - p)``."""
    _checked(p)
    return _dropped(input, p, training, inplace, False, False)


@composite(namespace="nn.functional", name="alpha_dropout")
def functional_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps the mean and variance of SELU's output. https://arxiv.org/abs/1706.02515."""
    _checked(p)
    return _dropped(input, p, training, inplace, False, True)


@composite(namespace="nn.functional", name="feature_alpha_dropout")
def functional_feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """``alpha_dropout`` of whole channels."""
    _checked(p)
    return _dropped(input, p, training, inplace, True, True)


def _by_channel(n: int, input, p, training, inplace):
    _checked(p)
    ndim, name = input.dim(), f"dropout{n}d"
    if n == 1 and ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    if n > 1 and ndim not in (n + 1, n + 2):
        warnings.warn(
            f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a future "
            f"release. {name} expects (N, C, *) or (C, *) with {n} spatial dimensions.",
            stacklevel=3,
        )
    if n == 2 and ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout is desired: the "
            "input is interpreted as shape (N, C, L), where C is the channel dim. Use dropout1d for this.",
            stacklevel=3,
        )
    if n == 2 or ndim == n + 2:
        return _dropped(input, p, training, inplace, True, False)
    out = _dropped(input.unsqueeze(0), p, training, inplace, True, False).squeeze(0)
    return input if inplace else out


@composite(namespace="nn.functional")
def dropout1d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels with probability ``p``. Shape: (N, C, L) or (C, L)."""
    return _by_channel(1, input, p, training, inplace)


@composite(namespace="nn.functional")
def dropout2d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels with probability ``p``. Shape: (N, C, H, W) or (N, C, L)."""
    return _by_channel(2, input, p, training, inplace)


@composite(namespace="nn.functional")
def dropout3d(input, p=0.5, training=True, inplace=False):
    """Zero whole channels with probability ``p``. Shape: (N, C, D, H, W) or (C, D, H, W)."""
    return _by_channel(3, input, p, training, inplace)

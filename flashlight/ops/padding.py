"""Padding in all modes. A ``pad`` lists pairs (before, after), the last dimension's first."""

from __future__ import annotations

import mlx.core as mx

from .._core.dispatch import is_number
from .._core.table import Array, composite, op
from .._core.tensor import Tensor
from .kinds import not_implemented
from .rearrange import constant_pad_nd


def _key(axis: int, part: slice) -> tuple:
    return (slice(None),) * axis + (part,)


def _pairs(pad, ndim: int) -> list:
    """(axis, before, after) for each dimension padded."""
    return [(ndim - 1 - i, pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)]


def _cropped(x, pairs):
    """Negative padding takes elements away."""
    key = [slice(None)] * x.ndim
    for axis, before, after in pairs:
        key[axis] = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
    return x[tuple(key)]


def _reflected(x, axis: int, before: int, after: int):
    n = x.shape[axis]
    parts = [x]
    if before:
        parts.insert(0, x[_key(axis, slice(before, 0, -1))])
    if after:
        parts.append(x[_key(axis, slice(n - 2, n - 2 - after if n - 2 - after >= 0 else None, -1))])
    return mx.concatenate(parts, axis=axis)


def _replicated(x, axis: int, before: int, after: int):
    n = x.shape[axis]

    def repeated(part: slice, count: int):
        return mx.broadcast_to(x[_key(axis, part)], (*x.shape[:axis], count, *x.shape[axis + 1 :]))

    parts = [repeated(slice(0, 1), before)] if before else []
    parts.append(x)
    if after:
        parts.append(repeated(slice(n - 1, n), after))
    return mx.concatenate(parts, axis=axis)


def _wrapped(x, axis: int, before: int, after: int):
    n = x.shape[axis]
    parts = [x[_key(axis, slice(n - before, n))]] if before else []
    parts.append(x)
    if after:
        parts.append(x[_key(axis, slice(0, after))])
    return mx.concatenate(parts, axis=axis)


_MODES = {"reflect": _reflected, "replicate": _replicated, "circular": _wrapped}


def _only_numbers(operator, kernel: str) -> None:
    """Refuse booleans: torch copies those around constants and circles only."""

    @operator.checked
    def _(arrays, statics):
        if arrays[0].dtype == mx.bool_:
            raise not_implemented(f"{kernel}{len(statics[0]) // 2}d", arrays[0])
        return arrays


def _declare(mode: str, label: str) -> None:
    extend = _MODES[mode]

    @op(
        name=f"{mode}_pad", namespace="_", method=False, backward=label,
        autocast=None if mode == "circular" else "cpu fp32",
    )  # fmt: skip
    def padded(input: Array, pad) -> Array:
        pairs = _pairs(pad, input.ndim)
        x = input
        if mode == "circular" and min(pad) < 0:
            x = _cropped(x, pairs)
        for axis, before, after in reversed(pairs):
            if before > 0 or after > 0:
                x = extend(x, axis, max(before, 0), max(after, 0))
        if mode != "circular" and min(pad) < 0:
            x = _cropped(x, pairs)
        return x

    if mode != "circular":
        _only_numbers(padded, "reflection_pad" if mode == "reflect" else "replication_pad")

    OPERATORS[mode] = padded


OPERATORS: dict = {}
for _mode, _label in (("reflect", "ReflectionPad"), ("replicate", "ReplicationPad"), ("circular", "CopySlices")):
    _declare(_mode, _label)


def _check(mode: str, shape: tuple, pad) -> None:
    dims = len(pad) // 2
    if len(pad) % 2 or dims not in (1, 2, 3) or len(shape) not in (dims + 1, dims + 2):
        raise NotImplementedError(f"Padding size {len(pad)} is not supported for {len(shape)}D input tensor.")
    if mode != "circular" and 0 in shape[-dims - 1 :]:
        raise RuntimeError(
            f"Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
            f"input, but got: {list(shape)}"
        )
    for axis, before, after in _pairs(pad, len(shape)):
        n = shape[axis]
        if mode == "reflect" and (before >= n or after >= n):
            raise RuntimeError(
                f"Argument #{2 * (len(shape) - axis) + 2}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {after}) at dimension {axis} of input {list(shape)}"
            )
        if mode == "circular" and (before > n or after > n):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if mode == "circular" and n + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        if n + before + after < 1:
            raise RuntimeError(
                f"input ({'H' if axis < len(shape) - 1 else 'W'}: {n}) is too small. "
                f"Calculated output {'H' if axis < len(shape) - 1 else 'W'}: {n + before + after}"
            )


@composite(namespace="nn.functional")
def pad(input, pad, mode="constant", value=None):
    """Pad the last dimensions, by a pair of numbers each, the last one's first; negative numbers crop.

    ``mode`` is constant, reflect, replicate or circular.
    """
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}")
    if value is not None and not is_number(value) and not isinstance(value, Tensor):
        raise TypeError(f"pad(): argument 'value' (position 4) must be float, not {type(value).__name__}")
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if mode == "constant":
        return constant_pad_nd(input, tuple(pad), 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in OPERATORS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    _check(mode, input.shape, pad)
    return OPERATORS[mode].public(input, tuple(pad))

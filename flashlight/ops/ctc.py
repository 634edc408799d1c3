"""Connectionist temporal classification.

T time steps, N samples, C classes, S labels a target. Source: Graves et al., Connectionist Temporal Classification, 2006.
"""

from __future__ import annotations

import operator

import mlx.core as mx
import numpy as np

from .._core import dispatch
from .._core.conversion import host_value, to_numpy
from .._core.numerics.elementary import exp, logaddexp
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, wrap
from .cross_entropy import legacy_reduction
from .kinds import FLOAT, INT, only

# stands for log(0): infinities would make the gradient of a sum of logarithms nan
_NOTHING = -1e30


@op(namespace="_", name="ctc_loss", method=False, autocast="cpu fp32", watch="log_probs output")
def ctc_losses(log_probs: Array, labels, lengths, counts) -> Array:
    """Losses (N) of log-probabilities (T, N, C), given the labels with blanks between them (N, 2S + 1)."""
    return _losses(log_probs, labels, lengths, counts)


def _losses(log_probs, labels, lengths, counts):
    T, N, _ = log_probs.shape
    width = labels.shape[1]
    # a step may pass over a blank between two different labels
    skips = np.zeros((N, width), dtype=bool)
    skips[:, 2:] = (labels[:, 2:] != labels[:, :-2]) & (np.arange(2, width) % 2 == 1)
    skips = mx.array(skips)
    index = mx.array(labels)
    nothing = mx.full((N, 1), _NOTHING, dtype=log_probs.dtype)
    first = np.where(np.arange(width) < np.where(counts > 0, 2, 1)[:, None], 0.0, _NOTHING)
    alpha = mx.array(first.astype(np.float32)).astype(log_probs.dtype) + mx.take_along_axis(log_probs[0], index, axis=1)
    last = alpha
    lengths_array = mx.array(lengths)[:, None]
    for t in range(1, T):
        one = mx.concatenate([nothing, alpha[:, :-1]], axis=1)
        moved = logaddexp(alpha, one)
        if width > 2:
            two = mx.concatenate([nothing, nothing, alpha[:, :-2]], axis=1)
            moved = logaddexp(moved, mx.where(skips, two, mx.full((), _NOTHING, dtype=two.dtype)))
        alpha = mx.maximum(moved + mx.take_along_axis(log_probs[t], index, axis=1), 2 * _NOTHING)
        last = mx.where(lengths_array == t + 1, alpha, last)
    ends = mx.array(np.stack([2 * counts, np.maximum(2 * counts - 1, 0)], axis=1))
    final = mx.take_along_axis(last, ends, axis=1)
    both = logaddexp(final[:, 0], mx.where(mx.array(counts > 0), final[:, 1], mx.full((), _NOTHING, dtype=final.dtype)))
    return mx.where(both < 0.5 * _NOTHING, mx.full((), float("inf"), dtype=both.dtype), -both)


@ctc_losses.vjp
def _(g, log_probs, labels, lengths, counts):
    # torch's gradient is that of the logits behind a log_softmax: it carries their exp, which log_softmax takes out again
    direct = mx.vjp(lambda x: _losses(x, labels, lengths, counts), [log_probs], [g])[1][0]
    inside = mx.arange(log_probs.shape[0])[:, None] < mx.array(lengths)
    return direct + mx.expand_dims(inside.astype(g.dtype) * g, -1) * exp(log_probs)


only(ctc_losses, "ctc_loss_cpu", FLOAT)


def _host(value) -> np.ndarray:
    return to_numpy(host_value(value)).astype(np.int64)


def _lengths(name: str, place: int, value, N: int) -> np.ndarray:
    """Lengths on the host (N). Raises: RuntimeError for floats, or another number of them."""
    if isinstance(value, Tensor):
        if value.dtype.category != INT:
            raise RuntimeError(f"{name} must be integral")
        lengths = _host(value).reshape(-1)
    elif isinstance(value, (tuple, list)) and all(hasattr(n, "__index__") for n in value):
        lengths = np.asarray([operator.index(n) for n in value], dtype=np.int64)
    else:
        kind = type(value).__name__
        raise TypeError(f"ctc_loss(): argument '{name}' (position {place}) must be Tensor or tuple of ints, not {kind}")
    if len(lengths) != N:
        raise RuntimeError(f"{name} must be of size batch_size")
    return lengths


_WHILE = "(while checking arguments for ctc_loss_allocate_outputs)"


def _check_ends(name: str, lengths: np.ndarray, most: int | None = None) -> None:
    for wrong, words in ((lengths < 0, "least 0"), (most is not None and lengths > most, f"most {most}")):
        if np.any(wrong):
            raise RuntimeError(f"Expected {name} to have value at {words}, but got value {lengths[wrong][0]} {_WHILE}")


def _check_targets(shape, counts: np.ndarray) -> None:
    """Refuse targets of a shape that does not fit the lengths."""
    ends = f"for argument #2 'targets' {_WHILE}"
    if len(shape) not in (1, 2):
        raise RuntimeError(f"Expected 1 to 2 dimensions, but got {len(shape)}-dimensional tensor {ends}")
    _check_ends("target_lengths", counts)
    size = len(counts) if len(shape) == 2 else int(counts.sum())
    if shape[0] != size:
        raise RuntimeError(f"Expected tensor to have size {size} at dimension 0, but got size {shape[0]} {ends}")
    longest = int(counts.max(initial=0))
    if len(shape) == 2 and shape[1] < longest:
        raise RuntimeError(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size {shape[1]} {ends}"
        )


def _check_kinds(input_lengths, target_lengths, blank) -> None:
    mixed = isinstance(input_lengths, Tensor) is not isinstance(target_lengths, Tensor)
    if mixed or isinstance(blank, bool) or not hasattr(blank, "__index__"):
        words = ", ".join(type(v).__name__ for v in (input_lengths, target_lengths, blank))
        raise TypeError(
            "ctc_loss() received an invalid combination of arguments: the lengths must be two Tensors or two tuples of ints and "
            f"blank an int, not {words}"
        )


def _batch_of(log_probs, blank: int):
    """Log-probabilities (T, N, C). Raises: RuntimeError for others, or if the blank is none of the classes."""
    if not log_probs.numel():
        raise RuntimeError("log_probs tensor must not be empty")
    probs = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)
    if probs.ndim != 3:
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {probs.ndim}-dimensional tensor for argument #1 'log_probs' {_WHILE}"
        )
    if not 0 <= blank < probs.shape[2]:
        raise RuntimeError("blank must be in label range")
    return probs


def _labels(targets: np.ndarray, counts: np.ndarray, blank: int, N: int) -> np.ndarray:
    """Targets padded and with blanks between them: (N, 2S + 1)."""
    S = int(counts.max(initial=0))
    out = np.full((N, 2 * S + 1), blank, dtype=np.int64)
    start = 0
    for n, count in enumerate(counts.tolist()):
        row = targets[n, :count] if targets.ndim == 2 else targets[start : start + count]
        out[n, 1 : 2 * count : 2] = row
        start += count
    return out


@composite(namespace="nn.functional")
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """The CTC loss of log-probabilities, given label sequences.

    Shape: log_probs (T, N, C) or (T, C); targets (N, S), (S) or all labels one after another; lengths (N) or ().

    Raises: RuntimeError for lengths or labels out of range.
    """
    reduction = legacy_reduction(None, None, reduction)
    _check_kinds(input_lengths, target_lengths, blank)
    single = log_probs.ndim != 3
    probs = _batch_of(log_probs, blank)
    T, N, C = probs.shape
    lengths, counts = _lengths("input_lengths", 3, input_lengths, N), _lengths("target_lengths", 4, target_lengths, N)
    _check_targets(targets.shape, counts)
    _check_ends("input_lengths", lengths, T)
    labels = _labels(_host(targets), counts, blank, N)
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= C:
        raise RuntimeError("ctc_loss: a label is out of range")
    losses = dispatch.run(ctc_losses, (probs,), (labels, lengths, counts))
    if zero_infinity:
        losses = losses.masked_fill(losses == float("inf"), 0.0)
    if reduction == "mean":
        return (losses / wrap(mx.array(np.maximum(counts, 1))).to(losses.dtype)).mean()
    if reduction == "sum":
        return losses.sum()
    return losses.squeeze(0) if single else losses

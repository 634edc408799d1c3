"""Connectionist temporal classification.

T time steps, N samples, C classes, S labels a target. Source: Graves et al., Connectionist Temporal Classification, 2006.
"""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from .._core import dispatch
from .._core.conversion import host_value, to_numpy
from .._core.numerics.elementary import exp, logaddexp
from .._core.table import Array, composite, op
from .._core.tensor import Tensor, wrap
from .cross_entropy import legacy_reduction

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


def _host(value) -> np.ndarray:
    return (
        to_numpy(host_value(value)).astype(np.int64) if isinstance(value, Tensor) else np.asarray(value, dtype=np.int64)
    )


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
    single = log_probs.ndim == 2
    probs = log_probs.unsqueeze(1) if single else log_probs
    T, N, C = probs.shape
    if not 0 <= blank < C:
        raise RuntimeError("blank must be in label range")
    lengths, counts = np.atleast_1d(_host(input_lengths)), np.atleast_1d(_host(target_lengths))
    if len(lengths) != N or len(counts) != N:
        raise RuntimeError("input_lengths and target_lengths must be of size batch_size")
    if (lengths > T).any() or (lengths < 0).any():
        raise RuntimeError(f"Expected input_lengths to have value at most {T}, but got value {int(lengths.max())} (while checking "
                           "arguments for ctc_loss_cpu)")  # fmt: skip
    host_targets = _host(targets)
    if single and host_targets.ndim == 1:
        host_targets = host_targets[None]
    labels = _labels(host_targets, counts, blank, N)
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

"""Causal masks as objects, aligned with either corner of the scores."""

from __future__ import annotations

import enum

import mlx.core as mx

from ..._core.device import as_label
from ..._core.tensor import Tensor, wrap

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(enum.IntEnum):
    """The corner where the diagonal of a causal mask starts."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias:
    """A causal mask for L queries and S keys, to give as ``attn_mask``; ``materialize()`` is its values."""

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int):
        if not isinstance(variant, CausalVariant):
            raise AssertionError("variant must be a CausalVariant")
        if seq_len_q > seq_len_kv and variant is CausalVariant.LOWER_RIGHT:
            raise ValueError("Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!")
        self.variant, self.seq_len_q, self.seq_len_kv = variant, seq_len_q, seq_len_kv

    @property
    def shape(self) -> tuple:
        return (self.seq_len_q, self.seq_len_kv)

    def materialize(self, device=None) -> Tensor:
        """The mask (L, S): True where a query may look."""
        shift = 0 if self.variant is CausalVariant.UPPER_LEFT else self.seq_len_kv - self.seq_len_q
        mask = mx.arange(self.seq_len_kv) <= mx.arange(self.seq_len_q)[:, None] + shift
        return wrap(mask, as_label(device))

    def __repr__(self) -> str:
        return repr(self.materialize())


def causal_upper_left(*size: int) -> CausalBias:
    """The mask in which query i looks at keys up to i."""
    if len(size) != 2:
        raise AssertionError("causal_upper_left only supports 2D tensors")
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size: int) -> CausalBias:
    """The mask in which the last query looks at all keys."""
    if len(size) != 2:
        raise AssertionError("causal_lower_right only supports 2D tensors")
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)

"""Attention whose scores and mask are functions of the indices.

The functions are called once, with index tensors that broadcast to (B, H, Q_LEN, KV_LEN), and with all the scores. A block mask
keeps its function and the blocks in which it is True somewhere; here it is evaluated whole.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import NamedTuple, TypedDict

import mlx.core as mx

from ..._core import dtypes
from ..._core.device import as_label
from ..._core.table import namespaces
from ..._core.tensor import Tensor, read, wrap

__all__ = ["AuxOutput", "AuxRequest", "BlockMask", "FlexKernelOptions", "and_masks", "create_block_mask", "create_mask",
           "flex_attention", "noop_mask", "or_masks"]  # fmt: skip

_DEFAULT_SPARSE_BLOCK_SIZE = 128
_torch = namespaces["torch"]
_mask_mod_signature = _score_mod_signature = Callable


class FlexKernelOptions(TypedDict, total=False):
    """Tuning of torch's kernels, such as ``BLOCK_M``; the composed form here has nothing to tune."""

    num_warps: int
    num_stages: int
    BLOCK_M: int
    BLOCK_N: int
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool
    FORCE_USE_FLEX_ATTENTION: bool
    BACKEND: str


class AuxRequest(NamedTuple):
    """Which extra outputs ``flex_attention`` is to return."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """Extra outputs: the logarithm of the sum of exponentials, and the largest score, of each query."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch, head, token_q, token_kv):
    """The mask function that is True everywhere."""
    return _torch["ones_like"](batch + head + token_q + token_kv, dtype=dtypes.bool_)


def _combined(mask_mods, join: Callable, start: bool) -> Callable:
    if not all(callable(m) for m in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def mask(b, h, q_idx, kv_idx):
        result = _torch["full"]((), start, dtype=dtypes.bool_)
        for mod in mask_mods:
            result = join(result, mod(b, h, q_idx, kv_idx))
        return result

    return mask


def or_masks(*mask_mods: Callable) -> Callable:
    """The mask function that is True where one of these is."""
    return _combined(mask_mods, lambda a, b: a | b, False)


def and_masks(*mask_mods: Callable) -> Callable:
    """The mask function that is True where all of these are."""
    return _combined(mask_mods, lambda a, b: a & b, True)


def _indices(B: int, H: int, Q: int, K: int, label) -> list:
    """Index tensors of the four dimensions, each along its own."""
    return [
        wrap(mx.reshape(mx.arange(n, dtype=mx.int64), [n if d == i else 1 for d in range(4)]), label)
        for i, n in enumerate((B, H, Q, K))
    ]


def create_mask(mod_fn: Callable, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device=None) -> Tensor:
    """The values of a mask function (bool) or a score function (of zeros), (B, H, Q_LEN, KV_LEN); None for B or H is 1."""
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    label = as_label(device)
    count = sum(p.default is p.empty for p in inspect.signature(mod_fn).parameters.values())
    indices = _indices(*shape, label)
    if count == 4:
        mask = mod_fn(*indices)
        return mask.expand(shape) if isinstance(mask, Tensor) else _torch["full"](shape, bool(mask), device=label)
    if count == 5:
        return mod_fn(_torch["zeros"](shape, device=label), *indices).expand(shape)
    raise AssertionError(f"a mask function has 4 parameters and a score function 5, not {count}")


# -------------------------------------------------------------------------------------------------------- block masks
def _blocks_of(mask: Tensor, q_block: int, kv_block: int) -> Tensor:
    """How many elements of each block are True, (B, H, query blocks, key blocks)."""
    a = read(mask).astype(mx.int32)
    Q, K = a.shape[-2:]
    a = mx.pad(a, [(0, 0), (0, 0), (0, -Q % q_block), (0, -K % kv_block)])
    B, H, Q, K = a.shape
    a = mx.reshape(a, (B, H, Q // q_block, q_block, K // kv_block, kv_block))
    return wrap(mx.sum(a, axis=(3, 5)), mask.device)


def _ordered(dense: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks of each row are set, and the columns with those first."""
    counts = dense.sum(-1).to(dtypes.int32)
    indices = _torch["argsort"](dense.to(dtypes.int32), dim=-1, descending=True, stable=True)
    return counts, indices.to(dtypes.int32)


class BlockMask:
    """A mask function and the blocks of (Q_LEN, KV_LEN) in which it is True: partly (``kv_*``) or throughout (``full_kv_*``)."""

    def __init__(self, seq_lengths, kv, full_kv, q, full_q, BLOCK_SIZE: tuple[int, int], mask_mod: Callable):
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = seq_lengths, BLOCK_SIZE, mask_mod
        self.kv_num_blocks, self.kv_indices = kv
        self.full_kv_num_blocks, self.full_kv_indices = full_kv
        self.q_num_blocks, self.q_indices = q
        self.full_q_num_blocks, self.full_q_indices = full_q

    @classmethod
    def from_kv_blocks(
        cls, kv_num_blocks, kv_indices, full_kv_num_blocks=None, full_kv_indices=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod: Callable | None = None, seq_lengths=None, compute_q_blocks: bool = True,
    ) -> BlockMask:  # fmt: skip
        """A block mask from the number of blocks of each row and their columns.

        Raises: RuntimeError if the columns are no 2-dimensional table, or only one of the two full ones is given.
        """
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")
        size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
        kv, full = (kv_num_blocks, kv_indices), (full_kv_num_blocks, full_kv_indices)
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1])
        q = full_q = (None, None)
        if compute_q_blocks:
            q = _ordered(_dense(*kv).transpose(-2, -1))
            full_q = (None, None) if full[0] is None else _ordered(_dense(*full).transpose(-2, -1))
        return cls(tuple(seq_lengths), kv, full, q, full_q, size, noop_mask if mask_mod is None else mask_mod)

    @property
    def shape(self) -> tuple:
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self) -> int:
        """The number of elements of the whole mask."""
        return math.prod(self.shape)

    def to_dense(self) -> Tensor:
        """Which blocks take part, (B, H, query blocks, key blocks), as 0 and 1."""
        partial = _dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is None:
            return partial
        return partial | _dense(self.full_kv_num_blocks, self.full_kv_indices)

    def sparsity(self) -> float:
        """The percentage of elements that lie in no block that takes part."""
        return 100 * (1 - self.to_dense().sum().item() * math.prod(self.BLOCK_SIZE) / self.numel())

    def materialize(self, B: int, H: int, Q_LEN: int, KV_LEN: int, device) -> Tensor:
        """The mask itself: True in the blocks that take part, and where the function is."""
        mask = create_mask(self.mask_mod, B, H, Q_LEN, KV_LEN, device)
        q, k = self.BLOCK_SIZE
        full = None if self.full_kv_num_blocks is None else _dense(self.full_kv_num_blocks, self.full_kv_indices)
        partial = _dense(self.kv_num_blocks, self.kv_indices)
        mask = mask & _enlarged(partial, q, k, Q_LEN, KV_LEN)
        return mask if full is None else mask | _enlarged(full, q, k, Q_LEN, KV_LEN)

    def to(self, device) -> BlockMask:
        """The mask on another device."""
        moved = [
            tuple(None if t is None else t.to(device) for t in pair)
            for pair in (
                (self.kv_num_blocks, self.kv_indices),
                (self.full_kv_num_blocks, self.full_kv_indices),
                (self.q_num_blocks, self.q_indices),
                (self.full_q_num_blocks, self.full_q_indices),
            )
        ]
        return BlockMask(self.seq_lengths, *moved, self.BLOCK_SIZE, self.mask_mod)

    def __repr__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, block_size={self.BLOCK_SIZE})"


def _dense(counts: Tensor, indices: Tensor) -> Tensor:
    """The table of 0 and 1 that ``_ordered`` came from."""
    number = indices.shape[-1]
    columns = mx.arange(number)
    live = columns < read(counts)[..., None]
    places = mx.where(live, read(indices), number)[..., None] == columns
    return wrap(mx.any(places, axis=-2).astype(mx.int32), indices.device)


def _enlarged(blocks: Tensor, q: int, k: int, Q: int, K: int) -> Tensor:
    a = mx.repeat(mx.repeat(read(blocks) > 0, q, axis=-2), k, axis=-1)
    return wrap(a[..., :Q, :K], blocks.device)


def create_block_mask(
    mask_mod: Callable,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device=None,
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
    separate_full_blocks: bool = True,
    compute_dq_write_order: bool = False,
    dq_kv_order: bool = True,
) -> BlockMask:
    """The block mask of ``mask_mod(b, h, q_idx, kv_idx)``.

    ``_compile`` and the orders of writing are about torch's kernels.
    Raises: NotImplementedError if an order of writing is asked for.
    """
    if compute_dq_write_order:
        raise NotImplementedError(
            "create_block_mask(compute_dq_write_order=True) orders writes of torch's kernels; leave it out"
        )
    if not (isinstance(_compile, bool) and isinstance(dq_kv_order, bool)):
        raise TypeError("_compile and dq_kv_order must be bools")
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
    counts = _blocks_of(create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device), *size)
    whole = counts == size[0] * size[1]
    partial = (counts > 0) & ~whole if separate_full_blocks else counts > 0
    full = _ordered(whole) if separate_full_blocks else (None, None)
    return BlockMask.from_kv_blocks(
        *_ordered(partial), *full, BLOCK_SIZE=size, mask_mod=mask_mod, seq_lengths=(Q_LEN, KV_LEN)
    )


# ---------------------------------------------------------------------------------------------------------- attention
def _check(query, key, value, block_mask, enable_gqa: bool) -> None:
    if query.dtype is not key.dtype or query.dtype is not value.dtype:
        raise ValueError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype}, key.dtype: {key.dtype}, and "
            f"value.dtype: {value.dtype} instead."
        )
    if not query.dim() == key.dim() == value.dim() == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    if query.size(-1) != key.size(-1):
        raise ValueError(
            f"Expect query and key/value to have the same embedding dimension but got E={query.size(-1)} and E={key.size(-1)}."
        )
    if not enable_gqa and query.size(-3) != key.size(-3):
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={query.size(-3)} and Hkv={key.size(-3)}. Try "
            "setting enable_gqa=True for GQA."
        )
    if enable_gqa and query.size(-3) % key.size(-3):
        raise ValueError(
            f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={query.size(-3)} and Hkv={key.size(-3)}."
        )
    if block_mask is not None and not isinstance(block_mask, BlockMask):
        raise TypeError(f"block_mask must be a BlockMask, not {type(block_mask).__name__}")


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Callable | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: FlexKernelOptions | None = None,
    *,
    return_aux: AuxRequest | None = None,
):
    """Attention with ``score_mod(score, b, h, q_idx, kv_idx)`` applied to the scaled scores, where the block mask is True.

    Args: kernel_options: tuning of torch's kernels, without effect on the result.

    Shape: (B, Hq, L, E), (B, H, S, E), (B, H, S, Ev) -> (B, Hq, L, Ev). ``return_lse`` adds the logarithm of the sum of exponentials
    of each query's scores, ``return_aux`` an AuxOutput.
    """
    _check(query, key, value, block_mask, enable_gqa)
    if kernel_options is not None and not isinstance(kernel_options, dict):
        raise TypeError("kernel_options must be a dict")
    if return_lse and return_aux is not None:
        raise ValueError("return_lse and return_aux cannot both be specified: use return_aux=AuxRequest(lse=True)")
    if enable_gqa:
        repeats = query.size(-3) // key.size(-3)
        key, value = key.repeat_interleave(repeats, -3), value.repeat_interleave(repeats, -3)
    wide = query.dtype if query.dtype in (dtypes.float32, dtypes.float64) else dtypes.float32
    scale = 1.0 / math.sqrt(query.size(-1)) if scale is None else float(scale)
    scores = (query.to(wide) @ key.to(wide).transpose(-2, -1)) * scale
    if score_mod is not None:
        scores = score_mod(scores, *_indices(*scores.shape, query.device)).expand(scores.shape).to(wide)
    if block_mask is not None:
        mask = block_mask.materialize(*scores.shape, query.device)
        scores = _torch["where"](mask, scores, -math.inf)
    lse = _torch["logsumexp"](scores, -1)
    # a query that may look at nothing gets zeros
    empty = (scores == -math.inf).all(-1, keepdim=True)
    weights = _torch["softmax"](scores.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)
    output = (weights @ value.to(wide)).to(query.dtype)
    if return_lse:
        return output, lse
    if return_aux is not None:
        top = scores.amax(-1) if return_aux.max_scores else None
        return output, AuxOutput(lse if return_aux.lse else None, top)
    return output

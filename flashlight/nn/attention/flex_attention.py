"""Attention whose scores and mask are functions of the indices.

The functions are called once, with index tensors that broadcast to (B, H, Q_LEN, KV_LEN), and with all the scores. A block mask
keeps its function and the blocks in which it is True somewhere; here it is evaluated whole.
"""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Callable
from typing import NamedTuple, TypedDict

import mlx.core as mx
import numpy as np

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
    """Where a mask function is True, or a score function leaves a score, (B, H, Q_LEN, KV_LEN); None for B or H is 1."""
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    label = as_label(device)
    count = sum(p.default is p.empty for p in inspect.signature(mod_fn).parameters.values())
    indices = _indices(*shape, label)
    if count == 4:
        mask = mod_fn(*indices)
        return mask.expand(shape) if isinstance(mask, Tensor) else _torch["full"](shape, bool(mask), device=label)
    if count == 5:
        return mod_fn(_torch["zeros"](shape, device=label), *indices).expand(shape) != -math.inf
    raise AssertionError(f"Expected 4 or 5 positional args, got {count}")


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


_PAIRS = ("kv", "full_kv", "q", "full_q")


def _check_pair(name: str, counts, indices) -> None:
    if (counts is None) != (indices is None):
        raise AssertionError(f"{name}_num_blocks and {name}_indices must be both provided or omitted")


def _check_order(dq_write_order, dq_write_order_full, dq_kv_order) -> None:
    if not (dq_write_order is None and dq_write_order_full is None and dq_kv_order is None):
        raise NotImplementedError(
            "BlockMask: dq_write_order and dq_kv_order order writes of torch's kernels; leave them out"
        )


def _sliced_mask_mod_error(batch, head, token_q, token_kv):
    raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")


def _cropped(counts, indices, rows: int, columns: int):
    """The first rows and columns of a table of blocks."""
    if counts is None:
        return None, None
    indices = indices[:, :, :rows, :columns]
    counts = counts[:, :, :rows].clamp_max(columns)
    return (indices < counts.unsqueeze(-1)).sum(-1).to(dtypes.int32), indices


class BlockMask:
    """A mask function and the blocks of (Q_LEN, KV_LEN) in which it is True: partly (``kv_*``) or throughout (``full_kv_*``).

    Raises: RuntimeError if the columns are no 2-dimensional table, AssertionError if only one of a pair is given,
    NotImplementedError for an order of writing.
    """

    def __init__(
        self, seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, q_num_blocks, q_indices, full_q_num_blocks,
        full_q_indices, BLOCK_SIZE=(_DEFAULT_SPARSE_BLOCK_SIZE, _DEFAULT_SPARSE_BLOCK_SIZE), mask_mod: Callable = noop_mask, *,
        dq_write_order=None, dq_write_order_full=None, dq_kv_order=None, dq_kv_order_spt: bool | None = None,
    ):  # fmt: skip
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if kv_num_blocks is None:
            raise AssertionError("kv_num_blocks must be provided")
        _check_pair("full_kv", full_kv_num_blocks, full_kv_indices)
        _check_pair("full_q", full_q_num_blocks, full_q_indices)
        _check_order(dq_write_order, dq_write_order_full, dq_kv_order)
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = seq_lengths, BLOCK_SIZE, mask_mod
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.dq_write_order = self.dq_write_order_full = self.dq_kv_order = None
        self.dq_kv_order_spt = dq_kv_order_spt

    @classmethod
    def from_kv_blocks(
        cls, kv_num_blocks, kv_indices, full_kv_num_blocks=None, full_kv_indices=None, BLOCK_SIZE=_DEFAULT_SPARSE_BLOCK_SIZE,
        mask_mod: Callable | None = None, seq_lengths=None, compute_q_blocks: bool = True, *, dq_write_order=None,
        dq_write_order_full=None, dq_kv_order=None,
    ) -> BlockMask:  # fmt: skip
        """A block mask from the number of blocks of each row and their columns.

        Raises: what the constructor raises.
        """
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        _check_pair("full_kv", full_kv_num_blocks, full_kv_indices)
        spt = dq_kv_order if isinstance(dq_kv_order, bool) else None
        _check_order(dq_write_order, dq_write_order_full, dq_kv_order if spt is None else None)
        size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else tuple(BLOCK_SIZE)
        kv, full = (kv_num_blocks, kv_indices), (full_kv_num_blocks, full_kv_indices)
        if seq_lengths is None:
            seq_lengths = (kv_indices.shape[-2] * size[0], kv_indices.shape[-1] * size[1])
        q = full_q = (None, None)
        if compute_q_blocks:
            q = _ordered(_dense(*kv).transpose(-2, -1))
            full_q = (None, None) if full[0] is None else _ordered(_dense(*full).transpose(-2, -1))
        mask_mod = noop_mask if mask_mod is None else mask_mod
        return cls(tuple(seq_lengths), *kv, *full, *q, *full_q, size, mask_mod, dq_kv_order_spt=spt)

    def _pair(self, name: str) -> tuple:
        return getattr(self, f"{name}_num_blocks"), getattr(self, f"{name}_indices")

    def _tables(self) -> tuple:
        return tuple(t for name in _PAIRS for t in self._pair(name))

    def as_tuple(self, flatten: bool = True) -> tuple:
        """Lengths, tables, orders of writing, block sizes and the function; the pairs of numbers as two items if ``flatten``."""
        lengths, size = (self.seq_lengths, self.BLOCK_SIZE) if flatten else ((self.seq_lengths,), (self.BLOCK_SIZE,))
        orders = (self.dq_write_order, self.dq_write_order_full, self.dq_kv_order, self.dq_kv_order_spt)
        return (*lengths, *self._tables(), *orders, *size, self.mask_mod)

    def __getitem__(self, index) -> BlockMask:
        """The blocks of some batches, heads and rows. The function goes with the whole mask: give the result its own ``mask_mod``."""
        index = index if isinstance(index, tuple) else (index,)
        whole = (*index, *[slice(None)] * 3)[:3]
        sizes = self.kv_num_blocks.shape[:3]
        index = tuple(
            slice(i % n, i % n + 1)
            if isinstance(i, int) and -n <= i < n
            else slice(i, i + 1)
            if isinstance(i, int)
            else i
            for i, n in zip(whole, sizes, strict=True)
        )
        pairs = [None if t is None else t[index] for name in ("kv", "full_kv") for t in self._pair(name)]
        return self._remade(pairs, _sliced_mask_mod_error, self.seq_lengths)

    def _adjust(self, new_q_len: int, new_kv_len: int) -> BlockMask:
        """The upper left corner, for shorter sequences."""
        rows, columns = -(-new_q_len // self.BLOCK_SIZE[0]), -(-new_kv_len // self.BLOCK_SIZE[1])
        pairs = [t for name in ("kv", "full_kv") for t in _cropped(*self._pair(name), rows, columns)]
        return self._remade(pairs, self.mask_mod, (new_q_len, new_kv_len))

    def _remade(self, pairs, mask_mod: Callable, seq_lengths) -> BlockMask:
        made = BlockMask.from_kv_blocks(
            *pairs, self.BLOCK_SIZE, mask_mod, seq_lengths=seq_lengths, compute_q_blocks=self.q_indices is not None
        )
        made.dq_kv_order_spt = self.dq_kv_order_spt
        return made

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
        moved = [None if t is None else t.to(device) for t in self._tables()]
        return BlockMask(self.seq_lengths, *moved, self.BLOCK_SIZE, self.mask_mod, dq_kv_order_spt=self.dq_kv_order_spt)

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """The blocks drawn in at most ``grid_size`` rows and columns, for at most ``limit`` pairs of batch and head."""
        blocks = self.to_dense()
        rows, columns = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        steps = max(1, -(-blocks.shape[-2] // rows)), max(1, -(-blocks.shape[-1] // columns))
        drawn = []
        for batch in itertools.product(*(range(n) for n in blocks.shape[:-2])):
            if len(drawn) == limit:
                drawn += ["...", "To print out more, set BlockMask.to_string(limit=N)",
                          "You can also index (BlockMask[batch, head]) to choose a specific batch or head"]  # fmt: skip
                break
            drawn.append(f"{batch}\n" + _drawing(blocks[batch].numpy(), *steps))
        return "\n".join(drawn)

    def __str__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{self.to_string().strip()}\n)"

    def __repr__(self) -> str:
        names = [f"{pair}_{part}" for pair in _PAIRS for part in ("num_blocks", "indices")]
        shapes = {name: None if t is None else t.shape for name, t in zip(names, self._tables(), strict=True)}
        facts = {**shapes, "BLOCK_SIZE": self.BLOCK_SIZE, "shape": self.shape, "sparsity": f"{self.sparsity():.2f}%",
                 "mask_mod": getattr(self.mask_mod, "__name__", self.mask_mod)}  # fmt: skip
        return "BlockMask(\n" + ",\n".join(f"    {name}={fact}" for name, fact in facts.items()) + "\n)"


def _drawing(blocks: np.ndarray, row_step: int, column_step: int) -> str:
    """Two characters for each tile: full, empty or in between."""
    rows, columns = range(0, blocks.shape[0], row_step), range(0, blocks.shape[1], column_step)
    shares = [[blocks[r : r + row_step, c : c + column_step].mean() for c in columns] for r in rows]
    return "".join("".join(("█" if s == 1 else " " if s == 0 else "░") * 2 for s in row) + "\n" for row in shares)


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
    if query.size(0) != key.size(0):
        rows = "None" if block_mask is None else block_mask.kv_num_blocks.size(0)
        if rows != query.size(0):
            raise ValueError(
                "Expect query and key/value to have the same batch size, or block_mask and query to have the same batch size, "
                f"but got Bq={query.size(0)}, Bkv={key.size(0)}, B_block_mask={rows}."
            )
    if block_mask is not None:
        _check_lengths(query.size(-2), key.size(-2), block_mask)


def _check_lengths(q_len: int, kv_len: int, block_mask: BlockMask) -> None:
    if block_mask.mask_mod is _sliced_mask_mod_error:
        raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")
    got = f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={q_len} and kv_len={kv_len}. "
    if q_len > block_mask.shape[-2] or kv_len > block_mask.shape[-1]:
        raise ValueError(f"{got}It is too small: create another.")
    if (q_len, kv_len) != block_mask.shape[-2:]:
        raise ValueError(f"{got}It is too large: create another, or crop it with block_mask._adjust(q_len, kv_len).")


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
        raise ValueError("Cannot specify both return_lse and return_aux: return_aux=AuxRequest(lse=True) says the same")
    if return_lse:
        warnings.warn(
            "return_lse is deprecated and will be removed in v2.10. Please use return_aux=AuxRequest(lse=True) instead.",
            FutureWarning,
            stacklevel=2,
        )
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

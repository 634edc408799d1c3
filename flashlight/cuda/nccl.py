"""torch.cuda.nccl: there is no NCCL."""

from __future__ import annotations

from . import _no_cuda


def is_available(tensors) -> bool:
    """False for any tensors: there is no NCCL."""
    return len(tensors) < 0


version = unique_id = init_rank = all_reduce = reduce = broadcast = all_gather = reduce_scatter = _no_cuda

"""torch.cuda.nccl: there is no NCCL."""

from __future__ import annotations

from . import _no_cuda


def is_available(tensors) -> bool:
    """Whether tensors are on CUDA devices, which none are."""
    return any(t.is_cuda for t in tensors)


version = unique_id = init_rank = all_reduce = reduce = broadcast = all_gather = reduce_scatter = _no_cuda

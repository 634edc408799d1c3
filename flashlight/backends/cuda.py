"""torch.backends.cuda: switches scripts set, with no CUDA behind them."""

from __future__ import annotations

import contextlib

from ..ops.attention import allowed as _sdp


def is_built() -> bool:
    """False: MLX here is not built with CUDA."""
    return False


class _Matmul:
    """Precision switches of CUDA matrix products; plain attributes nothing reads."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()


def enable_flash_sdp(enabled: bool) -> None:
    """Whether attention may use a fused kernel: MLX has one, allowed if any of the fused ones is."""
    _sdp["flash"] = bool(enabled)


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Whether attention may use a fused kernel: MLX has one, allowed if any of the fused ones is."""
    _sdp["mem_efficient"] = bool(enabled)


def enable_math_sdp(enabled: bool) -> None:
    """Whether attention may be composed of products and a softmax."""
    _sdp["math"] = bool(enabled)


def flash_sdp_enabled() -> bool:
    """What ``enable_flash_sdp`` noted."""
    return _sdp["flash"]


def mem_efficient_sdp_enabled() -> bool:
    """What ``enable_mem_efficient_sdp`` noted."""
    return _sdp["mem_efficient"]


def math_sdp_enabled() -> bool:
    """What ``enable_math_sdp`` noted."""
    return _sdp["math"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Whether attention may use a fused kernel: MLX has one, allowed if any of the fused ones is."""
    _sdp["cudnn"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What ``enable_cudnn_sdp`` noted."""
    return _sdp["cudnn"]


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
):
    """Allow only some kinds of attention kernel for a while; ``torch.nn.attention.sdpa_kernel`` replaces it."""
    before = dict(_sdp)
    _sdp.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield
    finally:
        _sdp.update(before)

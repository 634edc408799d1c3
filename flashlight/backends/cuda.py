"""torch.backends.cuda: switches scripts set, with no CUDA behind them."""

from __future__ import annotations


def is_built() -> bool:
    """False: MLX here is not built with CUDA."""
    return False


class _Matmul:
    """Precision switches of CUDA matrix products; plain attributes nothing reads."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()
_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def enable_flash_sdp(enabled: bool) -> None:
    """Note whether CUDA's flash attention may be used; MLX chooses its own kernel."""
    _sdp["flash"] = bool(enabled)


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Note whether CUDA's memory-efficient attention may be used; MLX chooses its own kernel."""
    _sdp["mem_efficient"] = bool(enabled)


def enable_math_sdp(enabled: bool) -> None:
    """Note whether the composed attention may be used; MLX chooses its own kernel."""
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

"""Which kernel attention uses, biases that are causal masks, and attention with a function on the scores."""

from __future__ import annotations

import contextlib
import enum

from ...ops.attention import allowed
from . import bias, flex_attention

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """The kernels torch has for attention; MLX's fused kernel stands for all but MATH, the composed one."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_SWITCH = {
    SDPBackend.MATH: "math",
    SDPBackend.FLASH_ATTENTION: "flash",
    SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
    SDPBackend.CUDNN_ATTENTION: "cudnn",
}


@contextlib.contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False):
    """Allow only these kernels for ``scaled_dot_product_attention`` inside.

    With MATH alone attention is composed of products and a softmax. ``set_priority`` orders kernels that are one and the same
    here, so that the order changes nothing.
    Raises: TypeError for what is no SDPBackend.
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    many = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if not all(isinstance(b, SDPBackend) for b in many):
        raise TypeError("sdpa_kernel() takes members of SDPBackend")
    if not isinstance(set_priority, bool):
        raise TypeError("set_priority must be a bool")
    before = dict(allowed)
    allowed.update({name: backend in many for backend, name in _SWITCH.items()})
    try:
        yield
    finally:
        allowed.update(before)

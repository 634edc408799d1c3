"""Channels into pixels and back."""

from __future__ import annotations

from typing import ClassVar

from ..._core.tensor import Tensor
from .. import functional as F
from .module import Module

__all__ = ["PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """Rearranges channels into an image ``r = upscale_factor`` times as high and wide (Shi et al. 2016).

    Shape: (*, C r^2, H, W) -> (*, C, H r, W r).
    """

    __constants__: ClassVar = ["upscale_factor"]
    upscale_factor: int

    def __init__(self, upscale_factor: int):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The reverse of PixelShuffle, with ``r = downscale_factor``.

    Shape: (*, C, H r, W r) -> (*, C r^2, H, W).
    """

    __constants__: ClassVar = ["downscale_factor"]
    downscale_factor: int

    def __init__(self, downscale_factor: int):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"

"""torch.quantization: the old path of torch.ao.quantization, whose names alone are there."""

from __future__ import annotations

from .ao import quantization as _quantization

globals().update({name: value for name, value in vars(_quantization).items() if not name.startswith("_")})

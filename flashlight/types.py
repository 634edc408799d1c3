"""Names for annotations."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from ._core.device import device
from ._core.dtypes import dtype
from ._core.size import Size
from ._core.tensor import Tensor, layout

__all__ = ["Device", "Number", "Size", "Storage", "Tensor", "_TensorOrTensors", "device", "dtype", "layout"]

Number = builtins.int | builtins.float | builtins.bool
Device = device | str | int | None
Storage = Any
_TensorOrTensors = Tensor | Sequence[Tensor]
_dtype, _device, _layout = dtype, device, layout
_size = Size | list[int] | tuple[int, ...]
_int, _float, _bool, _complex = builtins.int, builtins.float, builtins.bool, builtins.complex

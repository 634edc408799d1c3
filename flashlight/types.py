"""Names for annotations."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Union

from ._core.device import device
from ._core.dtypes import dtype
from ._core.size import Size
from ._core.tensor import Tensor, layout

__all__ = ["Device", "Number", "Size", "Storage", "Tensor", "_TensorOrTensors", "device", "dtype", "layout"]

Number = Union[builtins.int, builtins.float, builtins.bool]
Device = Union[device, str, int, None]
Storage = Any
_TensorOrTensors = Union[Tensor, Sequence[Tensor]]
_dtype, _device, _layout = dtype, device, layout
_size = Union[Size, list[int], tuple[int, ...]]
_int, _float, _bool, _complex = builtins.int, builtins.float, builtins.bool, builtins.complex

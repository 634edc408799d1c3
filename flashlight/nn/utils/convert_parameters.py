"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import flashlight

from ..._core.tensor import Tensor
from ..modules.module import typename


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, one after the other."""
    device, parts = None, []
    for param in parameters:
        device = _check_param_device(param, device)
        parts.append(param.view(-1))
    return flashlight.cat(parts)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make each parameter a view of its part of ``vec``."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    device, start = None, 0
    for param in parameters:
        device = _check_param_device(param, device)
        end = start + param.numel()
        param.data = vec[start:end].view_as(param).data
        start = end


def _check_param_device(param: Tensor, old_param_device: int | None) -> int:
    here = param.get_device()
    if old_param_device is not None and here != old_param_device:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
    return here

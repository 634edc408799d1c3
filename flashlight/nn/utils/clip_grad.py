"""Bounding gradients."""

from __future__ import annotations

import types
import warnings

import flashlight

from ..._core.modes import no_grad
from ..._core.tensor import Tensor
from ..modules._counted import Counted

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_"]


def _listed(tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


@no_grad()
def get_total_norm(
    tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors taken as one vector.

    Args:
        error_if_nonfinite: raise RuntimeError if it is nan or infinite.
        foreach: accepted; the tensors are always handled as one lazy graph.
    """
    tensors, norm_type = _listed(tensors), float(norm_type)
    if not tensors:
        return flashlight.tensor(0.0)
    norms = [flashlight.linalg.vector_norm(t, norm_type) for t in tensors]
    total = flashlight.linalg.vector_norm(flashlight.stack(norms), norm_type)
    if error_if_nonfinite and not total.isfinite():
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(parameters, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scale the gradients down so that a total norm of ``total_norm`` becomes at most ``max_norm``."""
    scale = flashlight.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
    for param in _listed(parameters):
        if param.grad is not None:
            param.grad.mul_(scale)


def clip_grad_norm_(
    parameters, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """Scale the gradients, in place, so that their norm as one vector is at most ``max_norm``; returns the norm
    before.
    """
    given = parameters
    parameters = _listed(parameters)
    if isinstance(given, (types.GeneratorType, Counted)) and not parameters:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    grads = [p.grad for p in parameters if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The deprecated name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters, clip_value: float, foreach: bool | None = None) -> None:
    """Cut the gradients off, in place, at ``clip_value`` and its negative."""
    bound = float(clip_value)
    for param in _listed(parameters):
        if param.grad is not None:
            param.grad.clamp_(min=-bound, max=bound)

"""GradScaler for cuda labels."""

from __future__ import annotations

from ...amp.grad_scaler import LabelledGradScaler

__all__ = ["GradScaler"]


class GradScaler(LabelledGradScaler):
    """``torch.amp.GradScaler("cuda", ...)``."""

    label = "cuda"

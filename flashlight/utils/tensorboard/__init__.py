"""torch.utils.tensorboard: ``SummaryWriter``, through the ``tensorboardX`` library."""

from __future__ import annotations

from . import summary
from .writer import SummaryWriter

__all__ = ["SummaryWriter"]

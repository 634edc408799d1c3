"""torch.cpu.amp: the older names of mixed precision, with the CPU's list of operators and bfloat16 as the default."""

from .autocast_mode import autocast
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast"]

"""torch.storage: the classes of a tensor's storage."""

from __future__ import annotations

from .ops.storages import TypedStorage, UntypedStorage

__all__ = ["TypedStorage", "UntypedStorage"]

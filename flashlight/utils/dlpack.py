"""torch.utils.dlpack: sharing memory with other libraries."""

from __future__ import annotations

from ..ops.storages import UntypedStorage  # noqa: F401
from .._core.table import namespaces

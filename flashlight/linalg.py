"""Linear algebra: the operators declared in the ``linalg`` namespace."""

from __future__ import annotations

from ._core.table import namespaces as _namespaces

globals().update(_namespaces.get("linalg", {}))
__all__ = sorted(_namespaces.get("linalg", {}))

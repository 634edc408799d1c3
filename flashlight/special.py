"""Special functions: the operators declared in the ``special`` namespace."""

from __future__ import annotations

from ._core.table import namespaces as _namespaces

globals().update(_namespaces.get("special", {}))
__all__ = sorted(_namespaces.get("special", {}))

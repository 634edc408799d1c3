"""torch._jit_internal: marks for a script compiler that is not there."""

from __future__ import annotations

from .jit import _overload, _overload_method, export, ignore, is_scripting, unused
from .jit.annotations import BroadcastingList1, BroadcastingList2, BroadcastingList3

__all__ = [
    "BroadcastingList1",
    "BroadcastingList2",
    "BroadcastingList3",
    "_overload",
    "_overload_method",
    "export",
    "ignore",
    "is_scripting",
    "unused",
]


def _copy_to_script_wrapper(fn):
    """The function itself: the mark speaks to a compiler that is not there."""
    return fn

"""Names for annotations of scripted functions."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: F401, UP035

from ..futures import Future  # noqa: F401


class _Broadcasting:
    """``BroadcastingList2[int]``: a list of that length, or one number standing for it."""

    def __getitem__(self, kind):
        return Union[kind, list[kind]]  # noqa: UP007 - the value is read at run time


BroadcastingList1, BroadcastingList2, BroadcastingList3 = _Broadcasting(), _Broadcasting(), _Broadcasting()

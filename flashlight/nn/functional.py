"""``torch.nn.functional``: every function the operator table has in that namespace, and torch's own that it repeats."""

from __future__ import annotations

from .. import ops as _ops  # noqa: F401  the declarations fill the table
from .._core import table as _table

_REPEATED = ("prelu", "hardshrink")  # declared in the torch namespace alone

globals().update(
    {_name: _table.namespaces["torch"][_name] for _name in _REPEATED if _name in _table.namespaces["torch"]}
)
globals().update(_table.namespaces["nn.functional"])

"""torch.masked: the reductions and normalisations declared in the ``masked`` namespace; masks are plain tensors."""

from __future__ import annotations

from ._core import absent as _absent
from ._core.table import namespaces as _namespaces

globals().update(_namespaces["masked"])
__all__ = sorted(_namespaces["masked"])
globals().update(
    _absent.names(
        "masked",
        "MaskedTensor masked_tensor as_masked_tensor is_masked_tensor",
        "pass mask= to the functions of torch.masked",
    )
)

"""torch.utils.flop_counter: import lines work."""

from __future__ import annotations

from .._core import absent

globals().update(
    absent.names(
        "utils.flop_counter",
        "FlopCounterMode register_flop_formula",
        "operations are not counted; time them with torch.profiler",
    )
)

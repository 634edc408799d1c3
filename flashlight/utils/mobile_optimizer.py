"""torch.utils.mobile_optimizer: import lines work."""

from __future__ import annotations

from .._core import absent

globals().update(
    absent.names(
        "utils.mobile_optimizer",
        "MobileOptimizerType LintCode optimize_for_mobile generate_mobile_module_lints",
        "programs are not compiled; run the module itself",
    )
)

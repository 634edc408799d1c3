"""torch._inductor: the names programs touch; there is no compiler behind them."""

from __future__ import annotations

from .._core import absent
from ..compiler import cudagraph_mark_step_begin
from . import config

_ADVICE = "nothing is compiled; run the function itself"


def list_mode_options(mode: str | None = None, dynamic: bool | None = None) -> dict:
    """The options of each compile mode, none of which has any."""
    modes = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
    return {} if mode is not None else {name: {} for name in modes}


globals().update(absent.names("_inductor", "compile aot_compile standalone_compile", _ADVICE))
absent.modules(
    "_inductor",
    {
        "cpu_vec_isa": "pick_vec_isa valid_vec_isa_list",
        "runtime": "",
        "runtime.cache_dir_utils": "cache_dir",
        "utils": "",
        "codecache": "",
    },
    _ADVICE,
)

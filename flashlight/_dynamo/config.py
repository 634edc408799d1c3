"""Settings of a compiler that is not there: plain attributes programs set and nothing reads."""

from __future__ import annotations

import contextlib

cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
automatic_dynamic_shapes = True
assume_static_by_default = True
capture_scalar_outputs = capture_dynamic_output_shape_ops = False
suppress_errors = verbose = optimize_ddp = skip_fwd_side_effects_in_bwd_under_checkpoint = False
inline_inbuilt_nn_modules = allow_unspec_int_on_nn_module = True


@contextlib.contextmanager
def patch(arg1=None, arg2=None, **changes):
    """Set attributes for a while: ``patch("name", value)``, ``patch({...})`` or ``patch(name=value)``."""
    wanted = dict(arg1) if isinstance(arg1, dict) else {} if arg1 is None else {arg1: arg2}
    wanted.update(changes)
    missing = [name for name in wanted if name not in globals()]
    if missing:
        raise AttributeError(f"config has no setting {missing[0]!r}")
    before = {name: globals()[name] for name in wanted}
    globals().update(wanted)
    try:
        yield
    finally:
        globals().update(before)

"""torch.compiler: eager execution is the meaning of a compiled function, and the way it runs here.

MLX is lazy and fuses on its own; there is nothing to turn on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from .._core import absent

_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs", "lite")
_backend = ["inductor"]
config = absent.attributes(job_id=None, cache_key_tag="", dynamic_sources="", force_disable_caches=False)


def compile(
    model: Callable | None = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable | None = None,
    mode: str | None = None,
    options: dict | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
    isolate_recompiles: bool = False,
    shapes_spec=None,
):
    """``model`` itself, running eagerly; without a model, a decorator that does the same.

    The remaining arguments choose how a compiler goes about it and change no result; those with a meaning that can be
    wrong are checked.
    Raises: RuntimeError for ``mode`` together with ``options``, or an unknown mode; TypeError for what is not callable.
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if backend is not None and not callable(backend) and not isinstance(backend, str):
        raise TypeError(f"backend must be a str or a callable, not {type(backend).__name__}")
    if model is None:
        return _same
    return _same(model)


def _same(fn: Callable) -> Callable:
    if not callable(fn):
        raise RuntimeError(f"compile() expects a function or a module, not {type(fn).__name__}")
    return fn


def is_compiling() -> bool:
    """False: everything runs eagerly."""
    return False


def is_dynamo_compiling() -> bool:
    """False: everything runs eagerly."""
    return False


def is_exporting() -> bool:
    """False: nothing is exported."""
    return False


def disable(fn=None, recursive: bool = True, *, reason=None):
    """``fn`` itself, or a decorator: eager already. ``recursive`` and ``reason`` speak to a compiler."""
    return _same if fn is None else _same(fn)


def allow_in_graph(fn):
    """``fn`` itself (or the list of them): eager already."""
    return [_same(f) for f in fn] if isinstance(fn, (list, tuple)) else _same(fn)


def assume_constant_result(fn):
    """``fn`` itself: eager already."""
    return _same(fn)


nested_compile_region = wrap_numpy = assume_constant_result


def substitute_in_graph(original_fn, *, can_constant_fold_through: bool = False, skip_signature_check: bool = False):
    """A decorator that gives the function back: eager code calls ``original_fn`` itself."""
    _same(original_fn)
    return _same


def cudagraph_mark_step_begin() -> None:
    """A mark between iterations that CUDA graphs need: there are none, and nothing is left to do."""


def reset() -> None:
    """Forget compiled code, of which there is none."""


def list_backends(exclude_tags=("debug", "experimental")) -> list:
    """An empty list: there is no compiler."""
    list(exclude_tags or ())
    return []


def get_default_backend():
    """The name ``set_default_backend`` noted."""
    return _backend[0]


def set_default_backend(backend) -> None:
    """Note a name for ``get_default_backend``; every back end runs eagerly."""
    if not callable(backend) and not isinstance(backend, str):
        raise TypeError(f"backend must be a str or a callable, not {type(backend).__name__}")
    _backend[0] = backend


class set_stance(contextlib.ContextDecorator):
    """How the compiler treats calls, as a function, a context manager or a decorator: always "force_eager" here."""

    def __init__(self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend=None):
        stances = (
            "default",
            "force_eager",
            "eager_on_recompile",
            "fail_on_recompile",
            "eager_then_compile",
            "aot_eager_then_compile",
        )
        if stance not in stances:
            raise RuntimeError(f"invalid torch.compile stance '{stance}'")
        if force_backend is not None and stance != "default":
            raise RuntimeError("force_backend needs the default stance")

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        return False


globals().update(
    absent.names(
        "compiler",
        "load_compiled_function save_cache_artifacts load_cache_artifacts",
        "nothing is compiled; run the function itself",
    )
)

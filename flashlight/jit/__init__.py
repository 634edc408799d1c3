"""torch.jit: there is no second language to compile to, so what is scripted or traced is the Python object itself.

``script(f)`` and ``trace(f, inputs)`` give back ``f``: eager execution is what they promise to preserve. Saving programs
is not there; save a ``state_dict``.
"""

from __future__ import annotations

import builtins
import contextlib
import typing
from collections.abc import Callable

from .._core import absent
from ..futures import Future
from ..nn import Module
from . import annotations

Final = typing.Final
_ADVICE = "programs are not compiled; save module.state_dict() with torch.save, and the class as Python code"


class TracerWarning(Warning):
    """What PyTorch warns with when a trace may not generalise; never given here."""


class ScriptWarning(Warning):
    """What PyTorch warns with when it ignores code; never given here."""


class TracingCheckError(Exception):
    """What PyTorch raises for a trace that differs from its function; never raised here."""


Error = RuntimeError


class Attribute(typing.NamedTuple):
    """A value and its declared type, as module attributes are annotated for scripting."""

    value: object
    type: object


def is_scripting() -> bool:
    """False: nothing is ever scripted."""
    return False


def is_tracing() -> bool:
    """False: nothing is ever traced."""
    return False


def script(obj, optimize=None, _frames_up: int = 0, _rcb=None, example_inputs=None):
    """``obj`` itself: a function, class or module runs eagerly.

    The other arguments steer a compiler; none is there. Raises: TypeError for what could not be scripted.
    """
    if not callable(obj) and not builtins.isinstance(obj, (dict, list)):
        raise TypeError(f"torch.jit.script expects a function, a class or a module, not {type(obj).__name__}")
    return obj


def trace(func, example_inputs=None, optimize=None, check_trace=True, check_inputs=None, check_tolerance=1e-5, strict=True,
          _force_outplace=False, _module_class=None, _compilation_unit=None, example_kwarg_inputs=None, _store_inputs=True):  # fmt: skip
    """``func`` itself, after it ran once on the example inputs, so that what fails there fails here.

    The checks compare a trace with its function; they are one and the same.
    """
    if example_inputs is None and example_kwarg_inputs is None:
        raise RuntimeError("example_kwarg_inputs should be a dict")
    given = () if example_inputs is None else example_inputs
    given = tuple(given) if builtins.isinstance(given, (tuple, list)) else (given,)
    func(*given, **(example_kwarg_inputs or {}))
    return func


def trace_module(mod, inputs, *args, **kwargs):
    """``mod`` itself, after its methods ran once on their example inputs (a dict from method name to arguments)."""
    if not builtins.isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    for name, given in inputs.items():
        trace(mod if name == "forward" else getattr(mod, name), given, *args, **kwargs)
    return mod


def _same(fn: Callable) -> Callable:
    """The function itself: the mark speaks to a compiler that is not there."""
    return fn


export = script_method = script_if_tracing = _script_if_tracing = _overload = _overload_method = interface = _same


def unused(fn):
    """The function itself: the mark speaks to a compiler that is not there."""
    return fn


def ignore(drop=False, **kwargs):
    """A decorator, with or without arguments, that gives back the function."""
    return drop if callable(drop) else _same


def annotate(the_type, the_value):
    """``the_value``."""
    return the_value


def isinstance(obj, target_type) -> bool:
    """Python's ``isinstance``, as ``torch.jit.isinstance``, for types without parameters too."""
    origins = target_type if builtins.isinstance(target_type, (tuple, list)) else (target_type,)
    return builtins.isinstance(obj, tuple(typing.get_origin(t) or t for t in origins))


def fork(func, *args, **kwargs):
    """A finished Future of ``func(*args, **kwargs)``: it ran at once."""
    future = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future):
    """The value of a Future."""
    return future.wait()


def freeze(mod, preserved_attrs=None, optimize_numerics: bool = True):
    """``mod`` itself, which must be in eval mode.

    Raises: RuntimeError in train mode, as PyTorch does.
    """
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing."
        )
    return mod


def optimize_for_inference(mod, other_methods=None):
    """``mod`` in eval mode."""
    return mod.eval()


@contextlib.contextmanager
def optimized_execution(should_optimize: bool):
    """A context that changes nothing: there is no optimiser of programs.

    Raises: TypeError for what is no bool.
    """
    if not builtins.isinstance(should_optimize, bool):
        raise TypeError("optimized_execution() needs a bool")
    yield


class _ScriptMeta(type):
    def __instancecheck__(cls, other) -> bool:
        # a scripted module is the module itself, and code asks this to tell scripted ones apart
        return type(other) is not cls and cls in type(other).__mro__


class ScriptModule(Module, metaclass=_ScriptMeta):
    """An old base class for modules to be scripted: a plain Module here; no other module is an instance of it."""


RecursiveScriptModule = ScriptModule
globals().update(
    absent.names(
        "jit",
        "ScriptFunction CompilationUnit load save _get_trace_graph _flatten save_jit_module_to_flatbuffer "
        "jit_module_from_flatbuffer set_fusion_strategy enable_onednn_fusion",
        _ADVICE,
    )
)
absent.modules("jit", {"_recursive": "concrete_type_store", "_script": "", "_trace": ""}, _ADVICE)

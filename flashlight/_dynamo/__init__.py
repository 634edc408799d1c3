"""torch._dynamo: the names programs touch; there is no compiler behind them."""

from __future__ import annotations

from .. import compiler
from .._core import absent
from ..compiler import allow_in_graph, assume_constant_result, disable, is_compiling, reset
from . import config

_ADVICE = "nothing is compiled; run the function itself"


def is_dynamo_supported() -> bool:
    """False: there is no compiler."""
    return False


def _checked(t, *_dims, **_limits) -> None:
    """A hint to a compiler about a tensor's shape or address; eager execution needs none."""
    if not hasattr(t, "shape"):
        raise TypeError(f"expected a Tensor, got {type(t).__name__}")


mark_dynamic = mark_static = mark_static_address = maybe_mark_dynamic = mark_unbacked = _checked


def optimize(*_args, **_kwargs):
    """A decorator that gives back the function: it runs eagerly."""
    return compiler.compile()


def disallow_in_graph(fn):
    """``fn`` itself: eager already."""
    return fn


graph_break = reset
globals().update(absent.names("_dynamo", "OptimizedModule export explain", _ADVICE))
absent.modules(
    "_dynamo",
    {
        "_trace_wrapped_higher_order_op": "TransformGetItemToIndex",
        "eval_frame": "OptimizedModule=_dynamo:OptimizedModule",
        "exc": "",
        "utils": "",
    },
    _ADVICE,
)

from . import exc as _exc, utils as _utils  # noqa: E402, I001

for _name in (
    "TorchDynamoException",
    "Unsupported",
    "TensorifyScalarRestartAnalysis",
    "BackendCompilerFailed",
    "InternalTorchDynamoError",
):
    setattr(
        _exc,
        _name,
        type(
            _name,
            (RuntimeError,),
            {"__module__": _exc.__name__, "__doc__": "An error of PyTorch's compiler; never raised here."},
        ),
    )


def _is_compile_supported(device_type: str) -> bool:
    """False: there is no compiler for any device."""
    if not isinstance(device_type, str):
        raise TypeError(f"device_type must be a str, not {type(device_type).__name__}")
    return False


_utils.is_compile_supported = _is_compile_supported

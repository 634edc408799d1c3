"""torch.fx: there is no tracer; eager code is the only form of a program. ``wrap`` and class names work at import."""

from __future__ import annotations

from .._core import absent

_ADVICE = "programs are not traced into graphs; call the module itself, or register forward hooks to see inside"


def wrap(fn_or_name):
    """``fn_or_name`` itself: a mark for a tracer that is not there.

    Raises: RuntimeError for what is neither a function nor a name.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    return fn_or_name


globals().update(
    absent.names(
        "fx",
        "Graph GraphModule Tracer Node Proxy Interpreter Transformer CodeGen symbolic_trace replace_pattern map_arg",
        _ADVICE,
    )
)
absent.modules(
    "fx",
    {
        "_symbolic_trace": "Tracer=fx:Tracer symbolic_trace=fx:symbolic_trace wrap=fx:wrap",
        "experimental": "",
        "experimental.proxy_tensor": "make_fx ProxyTorchDispatchMode",
        "experimental.symbolic_shapes": "ShapeEnv guard_size_oblivious statically_known_true",
        "graph": "Graph=fx:Graph CodeGen=fx:CodeGen",
        "graph_module": "GraphModule=fx:GraphModule _CodeOnlyModule _copy_attr",
        "node": "Node=fx:Node map_arg=fx:map_arg Target Argument map_aggregate",
        "passes": "",
        "passes.shape_prop": "ShapeProp",
        "proxy": "Proxy=fx:Proxy GraphAppendingTracer TracerBase Attribute",
    },
    _ADVICE,
)


def get_proxy_mode():
    """None: nothing is being traced."""
    return None


from . import experimental as _experimental, graph_module as _graph_module  # noqa: E402, I001

_experimental.proxy_tensor.get_proxy_mode = get_proxy_mode
_graph_module._USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"

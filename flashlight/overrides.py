"""torch.overrides: operators do not look for ``__torch_function__``, so nothing is ever overridden."""

from __future__ import annotations

from ._core import absent
from ._core.tensor import Tensor


def has_torch_function(relevant_args) -> bool:
    """False for every argument.

    Raises: TypeError for what is no sequence.
    """
    if not hasattr(relevant_args, "__iter__"):
        raise TypeError(f"expected a sequence, not {type(relevant_args).__name__}")
    return False


def has_torch_function_unary(t) -> bool:
    """False: see ``has_torch_function``."""
    return has_torch_function((t,))


def has_torch_function_variadic(*args) -> bool:
    """False: see ``has_torch_function``."""
    return has_torch_function(args)


def is_tensor_like(inp) -> bool:
    """Whether an object is a Tensor or has ``__torch_function__``."""
    return isinstance(inp, Tensor) or hasattr(inp, "__torch_function__")


def is_tensor_method_or_property(func) -> bool:
    """Whether a function is a method or a property's getter of Tensor."""
    return any(getattr(value, "fget", value) is func for value in vars(Tensor).values())


globals().update(
    absent.names(
        "overrides",
        "TorchFunctionMode handle_torch_function get_overridable_functions get_testing_overrides get_ignored_functions "
        "resolve_name wrap_torch_function redispatch_function",
        "operators do not dispatch on __torch_function__; wrap the functions you call",
    )
)

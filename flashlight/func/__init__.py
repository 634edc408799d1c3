"""Derivatives and maps of functions, which nest."""

from __future__ import annotations

from .derivatives import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp
from .mapping import vmap
from .modules import functional_call, replace_all_batch_norm_modules_, stack_module_state

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]


def functionalize(func, *, remove: str = "mutations"):
    """Not supported. Raises NotImplementedError."""
    raise NotImplementedError(
        f"torch.func.functionalize({func!r}, remove={remove!r}) is not supported by flashlight: arrays are immutable underneath, "
        "call the function itself"
    )

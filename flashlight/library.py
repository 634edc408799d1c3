"""torch.library: custom operators are the Python functions they are made from."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

from ._core import absent
from ._core.device import device
from ._core.modes import modes
from ._core.tensor import Tensor
from ._library.infer_schema import check_schema, infer_schema
from .autograd.function import Function
from .utils._pytree import tree_leaves

_operators: dict[str, CustomOpDef] = {}
# shapes of operators that nothing has defined yet: packages describe those of their compiled library, which cannot load here
_fakes: dict[str, Callable] = {}


def _aliased(a: Tensor, b: Tensor) -> bool:
    return a is b or (a._view is not None and b._view is not None and a._view.cell is b._view.cell)


class CustomOpDef:
    """A function registered under ``namespace::name``; calling it calls the function, with its own gradient if it has one."""

    def __init__(self, name: str, fn: Callable):
        self._qualname, self._fn = name, fn
        self._kernels: dict[str, Callable] = {}
        self._backward = self._setup = None
        self._fake = _fakes.pop(name, None)
        functools.update_wrapper(self, fn)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def __call__(self, *args, **kwargs):
        if self._backward is None or not modes.grad:
            return self._run(*args, **kwargs)
        if kwargs:  # a Function takes its inputs in order
            bound = inspect.signature(self._fn).bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        return self._function().apply(*args)

    def _run(self, *args, **kwargs):
        output = self._fn(*args, **kwargs)
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        if any(_aliased(t, o) for o in tree_leaves(output) if isinstance(o, Tensor) for t in given):
            raise RuntimeError(
                f"{self._qualname}: The output of this custom operator (1) must not also be an input to this custom operator and (2) may "
                "not alias any inputs to this custom operator or other returns. Return a clone of it."
            )
        return output

    def _function(self) -> type:
        definition = self

        class Custom(Function):
            @staticmethod
            def forward(ctx, *args):
                output = definition._run(*args)
                if definition._setup is not None:
                    definition._setup(ctx, args, output)
                return output

            @staticmethod
            def backward(ctx, *grads):
                return definition._backward(ctx, *grads)

        return Custom

    def register_fake(self, fn: Callable, /) -> Callable:
        """Note what computes the shapes of the outputs; eager execution finds them by itself."""
        self._fake = fn
        return fn

    def register_kernel(self, device_types, fn: Callable | None = None, /):
        """Use ``fn`` for tensors on these devices. All share one memory: "cpu", "mps" or None replace the function."""
        types = [device_types] if isinstance(device_types, str) or device_types is None else list(device_types)
        for kind in types:
            if kind is not None:
                device(kind)  # raises for the name of no device

        def register(kernel: Callable) -> Callable:
            self._kernels.update(dict.fromkeys(types, kernel))
            if any(t in (None, "cpu", "mps") for t in types):
                self._fn = kernel
            return kernel

        return register if fn is None else register(fn)

    def register_autograd(self, backward: Callable, /, *, setup_context: Callable | None = None) -> None:
        """Use ``backward(ctx, *grads)`` for the gradient; ``setup_context(ctx, inputs, output)`` saves what it reads."""
        self._backward, self._setup = backward, setup_context


def custom_op(
    name: str, fn: Callable | None = None, /, *, mutates_args, device_types=None, schema: str | None = None, tags=None
):
    """Register a function as an operator named ``namespace::name``; without the function, a decorator.

    Args:
        mutates_args: the names of the parameters written to, or "unknown". schema: in place of annotations.
    Raises: ValueError for a name without a namespace, what ``infer_schema`` raises for a function without annotations, ValueError for a
    schema that does not agree with ``mutates_args``; when called, RuntimeError for a result that shares memory with an input.
    """
    if name.count("::") != 1:
        raise ValueError(f'Expected `name` to be of the form "namespace::name", got {name}')

    def register(fn: Callable) -> CustomOpDef:
        if schema is None:
            infer_schema(fn, mutates_args=mutates_args, tags=() if tags is None else tags)
        else:
            check_schema(schema, mutates_args)
        made = _operators[name] = CustomOpDef(name, fn)
        if device_types is not None:
            made._kernels.update(dict.fromkeys([device_types] if isinstance(device_types, str) else device_types, fn))
        return made

    return register if fn is None else register(fn)


def _registered(op) -> CustomOpDef:
    found = op if isinstance(op, CustomOpDef) else _operators.get(op)
    if found is None:
        raise RuntimeError(f"no operator {op!r}: make it with torch.library.custom_op")
    return found


def register_fake(op, func: Callable | None = None, /, *, lib=None, _stacklevel: int = 1, allow_override: bool = True):
    """See ``CustomOpDef.register_fake``; ``op`` is an operator or its name. The last function wins, whatever ``allow_override`` says,
    as for torch's operators written in Python.

    Differs: the operator may be defined later, or never; PyTorch refuses a name no loaded library has.
    """

    def register(fn: Callable) -> Callable:
        if isinstance(op, str) and op not in _operators:
            _fakes[op] = fn
            return fn
        return _registered(op).register_fake(fn)

    return register if func is None else register(func)


def register_kernel(op, device_types, func: Callable | None = None, /, *, lib=None):
    """See ``CustomOpDef.register_kernel``; ``op`` is an operator or its name."""
    return _registered(op).register_kernel(device_types, func)


def register_autograd(op, backward: Callable, /, *, setup_context: Callable | None = None, lib=None) -> None:
    """See ``CustomOpDef.register_autograd``; ``op`` is an operator or its name."""
    _registered(op).register_autograd(backward, setup_context=setup_context)


impl_abstract = register_fake
globals().update(
    absent.names(
        "library",
        "Library impl define fallthrough_kernel register_autocast register_torch_dispatch register_vmap get_ctx get_kernel "
        "triton_op wrap_triton opcheck",
        "there is no dispatcher; define a Python function, with torch.autograd.Function or torch.library.custom_op for its gradient",
    )
)

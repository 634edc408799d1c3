"""Calling a module with other parameters and buffers than its own."""

from __future__ import annotations

import contextlib
import warnings

from ..._core.tensor import Tensor
from ..modules.module import Module

__all__ = ["functional_call"]


def _named_tensors(module: Module) -> dict[str, Tensor]:
    """Every parameter and buffer by every name it has."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _untie_named_tensors_map(module: Module, parameters_and_buffers: dict) -> dict:
    """The given tensors under all names that are tied to theirs.

    Raises: ValueError if two tied names were given different tensors.
    """
    names: dict[Tensor, set] = {}
    for name, tensor in _named_tensors(module).items():
        names.setdefault(tensor, set()).add(name)
    groups = {name: group for group in names.values() if len(group) > 1 for name in group}
    full = dict(parameters_and_buffers)
    for name, tensor in parameters_and_buffers.items():
        group = groups.get(name, set())
        given = [other for other in group if other in parameters_and_buffers]
        if any(parameters_and_buffers[other] is not tensor for other in given):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(given)}, which are tied. Consider using "
                "tie_weights=False"
            )
        full.update(dict.fromkeys(group - set(given), tensor))
    return full


class _Place:
    """Where a module keeps the tensor of a dotted name: among its parameters, its buffers or its plain attributes."""

    def __init__(self, module: Module, name: str):
        path, _, self.name = name.rpartition(".")
        owner = module.get_submodule(path)
        tables = (owner._parameters, owner._buffers, owner.__dict__)
        self.table = next((table for table in tables if self.name in table), owner.__dict__)

    def swap(self, new):
        """Put a tensor there and return what was there; `_NOTHING` stands for an empty place."""
        old = self.table.get(self.name, _NOTHING)
        for value in (new, old):
            if value is not None and value is not _NOTHING and not isinstance(value, Tensor):
                raise TypeError(f"{value} is not an instance of torch.Tensor")
        if new is _NOTHING:
            del self.table[self.name]
        else:
            self.table[self.name] = new
        return old


_NOTHING = object()


@contextlib.contextmanager
def _reparametrize_module(
    module: Module,
    parameters_and_buffers: dict,
    tie_weights: bool = False,
    strict: bool = False,
    stack_weights: bool = False,
):
    """Inside, ``module`` has the given tensors; what it makes of buffers is written back to the dictionary."""
    full = _untie_named_tensors_map(module, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    own = _named_tensors(module)
    if strict:
        problems = []
        for what, keys in (("Unexpected", set(full) - set(own)), ("Missing", set(own) - set(full))):
            if keys:
                problems.append(f"{what} key(s): {', '.join(map(repr, sorted(keys)))}.")
        if problems:
            listed = "\n\t".join(problems)
            raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{listed}")
    places = {name: _Place(module, name) for name in full}
    before: list = []
    try:
        for name, place in places.items():
            before.append((name, place.swap(full[name])))
        yield
    finally:
        # the other way round when weights of one module were set twice, so that the first ones come back
        for name, old in reversed(before) if stack_weights else before:
            now = places[name].swap(old)
            if name in parameters_and_buffers:
                parameters_and_buffers[name] = now


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args=None,
    kwargs: dict | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
):
    """The deprecated name of ``torch.func.functional_call``."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)


def _functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args=None,
    kwargs: dict | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
):
    """Call ``module`` with its parameters and buffers replaced by the given ones.

    Args:
        args: the positional arguments, a tuple, or the only one.
        tie_weights: what is one tensor in the module is replaced under all its names.
        strict: raise if a name is missing or unknown.
    """
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights=tie_weights, strict=strict):
        return module(*args, **(kwargs or {}))

"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.table import namespaces
from ..nn import Module
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.utils.stateless import _functional_call

_stack = namespaces["torch"]["stack"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts,
    args=None,
    kwargs=None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
):
    """Call ``module`` with its parameters and buffers replaced by those of a dict, or of several dicts without common keys.

    See ``torch.nn.utils.stateless``. Raises: ValueError for a key in two dicts.
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, dict):
        if not isinstance(given, Sequence):
            raise ValueError(
                f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(given)}"
            )
        if not all(isinstance(d, dict) for d in given):
            raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
        keys = [key for d in given for key in d]
        repeated = sorted({key for key in keys if keys.count(key) > 1})
        if repeated:
            raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        given = {key: value for d in given for key, value in d.items()}
    return _functional_call(module, given, args, kwargs, tie_weights=tie_weights, strict=strict)


def stack_module_state(models) -> tuple[dict, dict]:
    """(parameters, buffers) of models of one class, each stacked along a new first dimension.

    The stacked parameters are leaves that require grad if those of the models do.
    Raises: RuntimeError if there are none, or they differ in class or mode.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(m.training != models[0].training for m in models):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = {
        name: _stacked([dict(m.named_parameters())[name] for m in models]) for name, _ in models[0].named_parameters()
    }
    buffers = {name: _stacked([dict(m.named_buffers())[name] for m in models]) for name, _ in models[0].named_buffers()}
    return params, buffers


def _stacked(tensors: list):
    wants = {t.requires_grad for t in tensors}
    if len(wants) > 1:
        raise RuntimeError("Expected all parameters or buffers to have the same requires_grad")
    return _stack([t.detach() for t in tensors]).requires_grad_(wants.pop())


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Make every batch normalisation in ``root`` forget its running statistics, and use those of the batch."""
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root

"""Automatic differentiation: gradients, custom functions, checks of gradients."""

from __future__ import annotations

import importlib as _importlib

from .._core.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .._core.table import namespaces
from .._core.tape import run_backward, run_grad
from .._core.tensor import Tensor, wrap
from . import anomaly_mode, forward_ad, function, functional, grad_mode, graph, variable
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .variable import Variable

__all__ = ["Function", "Variable", "backward", "detect_anomaly", "enable_grad", "grad", "gradcheck", "gradgradcheck",
           "inference_mode", "is_grad_enabled", "no_grad", "set_detect_anomaly", "set_grad_enabled"]  # fmt: skip


stack = namespaces["torch"]["stack"]


def _as_list(values) -> list:
    return [values] if isinstance(values, Tensor) else list(values)


def _gradients_for(tensors, given) -> list:
    if given is None:
        return [None] * len(tensors)
    given = [given] if isinstance(given, Tensor) else list(given)
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
    return given


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None
) -> None:
    """Accumulate the gradients of ``tensors`` into the ``.grad`` of the leaves, or of ``inputs`` only.

    Raises: RuntimeError if a tensor is no scalar and has no gradient given, or requires no grad, or its graph was freed.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "'grad_tensors' and 'grad_variables' (deprecated) arguments both passed to backward(). Please only use 'grad_tensors'."
            )
        grad_tensors = grad_variables
    tensors = _as_list(tensors)
    inputs = None if inputs is None else _as_list(inputs)
    if inputs is not None and not inputs:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    keep = create_graph if retain_graph is None else retain_graph
    run_backward(tensors, _gradients_for(tensors, grad_tensors), keep, create_graph, inputs)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
) -> tuple:
    """Gradients of ``outputs`` with respect to ``inputs``; ``.grad`` is left alone.

    Raises: RuntimeError for an input that is not part of the graph, unless ``allow_unused``.
    """
    if not only_inputs:
        raise ValueError("only_inputs=False is no longer supported: use autograd.backward to accumulate gradients")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    outputs, inputs = _as_list(outputs), _as_list(inputs)
    given = _gradients_for(outputs, grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched(outputs, inputs, given, keep, create_graph, allow_unused, materialize_grads)
    found = run_grad(outputs, inputs, given, keep, create_graph)
    for i, g in enumerate(found):
        if g is not None:
            continue
        if materialize_grads:
            found[i] = wrap(inputs[i]._a * 0, inputs[i]._device)
        elif not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is "
                "the desired behavior."
            )
    return tuple(found)


def _batched(outputs, inputs, given, keep, create, allow_unused, materialize) -> tuple:
    """One pass for each element of the gradients' first dimension, stacked."""
    count = next(g for g in given if g is not None).shape[0]
    passes = []
    for i in range(count):
        part = [None if g is None else g[i] for g in given]
        last = i == count - 1
        passes.append(grad(outputs, inputs, part, keep or not last, create, True, allow_unused, False, materialize))
    return tuple(None if column[0] is None else stack(column) for column in zip(*passes, strict=True))


def __getattr__(name: str):
    if name == "profiler":  # made of rooms above this one, fetched when it is asked for
        return _importlib.import_module(f"{__name__}.profiler")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

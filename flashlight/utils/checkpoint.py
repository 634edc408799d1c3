"""Activation checkpointing: memory traded for compute.

The function runs once and its nodes are put on the tape without what they saved. The first of them that backward reaches runs
the function again, with the random numbers of the first time, and hands what the new nodes saved to the old ones.
"""

from __future__ import annotations

import contextlib
import warnings

from .._core.generator import default_generator
from .._core.modes import enable_grad, modes
from .._core.tape import Node, sequence
from .._core.tensor import Tensor, read

_SAVED = ("arrays", "outs", "inputs", "kept", "fn", "version", "saved", "ctx")


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function recorded other operations than the first."""


def _tensors(value) -> list:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in _tensors(v)] if isinstance(value, (list, tuple)) else []


def _detached(value):
    """Arguments for the second run: the same values, cut from the graph."""
    if isinstance(value, Tensor):
        t = value.detach()
        return t.requires_grad_(value.requires_grad) if t.is_floating_point() or t.is_complex() else t
    if isinstance(value, dict):
        return {k: _detached(v) for k, v in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_detached(v) for v in value))
    return type(value)(_detached(v) for v in value) if isinstance(value, (list, tuple)) else value


def _nodes_since(outputs, start: int) -> list[Node]:
    """The nodes behind ``outputs`` that were recorded after ``start``, in the order of recording."""
    found: dict[int, Node] = {}
    stack = [t._node.node if t._node is not None and t._node._edge == 1 else t._node for t in outputs]
    while stack:
        node = stack.pop()
        if node is None or node.seq <= start or node.seq in found:
            continue
        found[node.seq] = node
        stack.extend(e.node if e._edge == 1 else e for e in node.edges if e is not None and e._edge != 2)
    return [found[s] for s in sorted(found)]


class _Region:
    """A checkpointed call: its nodes, and how to fill them again."""

    def __init__(self, function, args, kwargs, contexts, preserve: bool):
        self.function, self.args, self.kwargs, self.contexts = function, args, kwargs, contexts
        self.state = default_generator.get_state() if preserve else None
        self.autocast = modes.autocast
        self.nodes: list[Node] = []

    def strip(self, outputs, start: int) -> None:
        self.nodes = _nodes_since(outputs, start)
        for node in self.nodes:
            node.region = self
            for name in _SAVED:
                node.__dict__.pop(name, None)

    def restore(self) -> None:
        """Run the function again and give the old nodes what the new ones saved."""
        nodes, self.nodes = self.nodes, []
        for node in nodes:
            node.region = None
        after = default_generator.get_state()
        autocast, modes.autocast = modes.autocast, self.autocast
        if self.state is not None:
            default_generator.set_state(self.state)
        try:
            with enable_grad(), self.contexts[1]:
                start = next(sequence)
                outputs = self.function(*_detached(self.args), **_detached(self.kwargs))
        finally:
            modes.autocast = autocast
            if self.state is not None:
                default_generator.set_state(after)
        again = _nodes_since(_tensors(outputs), start)
        if [n.name() for n in nodes] != [n.name() for n in again]:
            raise CheckpointError(
                "torch.utils.checkpoint: a different set of operations was recorded when the function ran again: "
                f"{[n.name() for n in nodes]} at first, {[n.name() for n in again]} then"
            )
        for old, new in zip(nodes, again, strict=True):
            old.__dict__.update({k: v for k, v in new.__dict__.items() if k in _SAVED})


def checkpoint(
    function,
    *args,
    use_reentrant: bool | None = None,
    context_fn=None,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs,
):
    """Call ``function`` keeping only its inputs; what its gradients need is computed again in backward.

    Args:
        use_reentrant, early_stop: both of torch's variants give the same result here.
        context_fn: gives a pair of context managers, for the first run and for the second.
        determinism_check: "default" compares the recorded operations of the two runs; "none" is refused.

    Raises: CheckpointError in backward if the two runs record different operations.
    """
    if determinism_check != "default":
        raise ValueError("determinism_check must be 'default': the two runs are always compared")
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly; here both values do the same.",
            stacklevel=2,
        )
    if not (isinstance(debug, bool) and isinstance(early_stop, bool)):
        raise TypeError("debug and early_stop must be bool")
    contexts = (contextlib.nullcontext(), contextlib.nullcontext()) if context_fn is None else context_fn()
    if not modes.grad:
        with contexts[0]:
            return function(*args, **kwargs)
    region = _Region(function, args, kwargs, contexts, preserve_rng_state)
    for t in _tensors([list(args), kwargs]):
        read(t)
    start = next(sequence)
    with contexts[0]:
        outputs = function(*args, **kwargs)
    region.strip(_tensors(outputs), start)
    return outputs


def checkpoint_sequential(
    functions, segments: int, input, use_reentrant: bool | None = None, preserve_rng_state: bool = True
):
    """Call modules one after another, checkpointed in ``segments`` parts (the last part is not)."""
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments

    def part(start: int, end: int):
        def run(x):
            for fn in functions[start:end]:
                x = fn(x)
            return x

        return run

    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        input = checkpoint(
            part(start, end), input, use_reentrant=bool(use_reentrant), preserve_rng_state=preserve_rng_state
        )
    return part(end, len(functions))(input)


def noop_context_fn():
    """A pair of contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()

"""Activation checkpointing: memory traded for compute.

The function runs once and its nodes are put on the tape without what they saved. The first of them that backward reaches runs
the function again, with the random numbers of the first time, and hands what the new nodes saved to the old ones.
"""

from __future__ import annotations

import contextlib
import warnings

from .._core import absent
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


def _metadata(node: Node) -> list:
    """Shapes and dtypes of the arrays a node saved."""
    return [(tuple(a.shape), str(a.dtype)) for a in node.__dict__.get("arrays") or () if hasattr(a, "shape")]


class _Region:
    """A checkpointed call: its nodes, and how to fill them again."""

    def __init__(self, function, args, kwargs, contexts, preserve: bool, compared: bool):
        self.function, self.args, self.kwargs, self.contexts = function, args, kwargs, contexts
        self.state = default_generator.get_state() if preserve else None
        self.autocast = modes.autocast
        self.nodes: list[Node] = []
        self.compared, self.saved = compared, []

    def strip(self, outputs, start: int) -> None:
        self.nodes = _nodes_since(outputs, start)
        self.saved = [_metadata(node) for node in self.nodes] if self.compared else []
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
        for new, before in zip(again, self.saved) if self.compared else ():
            if _metadata(new) != before:
                raise CheckpointError(
                    f"torch.utils.checkpoint: {new.name()} saved {_metadata(new)} when the function ran again and {before} at first"
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
        use_reentrant: both of torch's variants give the same result here; True (and None) takes no keywords for the function.
        context_fn: gives a pair of context managers, for the first run and for the second.
        determinism_check: "default" compares shapes and dtypes of what the two runs saved, "none" their operations alone.
        early_stop: the second run is never cut short. debug: the operations are always in the error.

    Raises: CheckpointError in backward if the two runs differ; ValueError for options the variant does not take.
    """
    if not (isinstance(debug, bool) and isinstance(early_stop, bool)):
        raise TypeError("debug and early_stop must be bool")
    if use_reentrant is None:
        _warn_of_reentrance("torch.utils.checkpoint")
    if use_reentrant in (None, True):
        if kwargs:
            raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
        if debug or context_fn not in (None, noop_context_fn):
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    elif determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    contexts = noop_context_fn() if context_fn is None else context_fn()
    if not modes.grad:
        with contexts[0]:
            return function(*args, **kwargs)
    region = _Region(function, args, kwargs, contexts, preserve_rng_state, determinism_check == "default")
    for t in _tensors([list(args), kwargs]):
        read(t)
    start = next(sequence)
    with contexts[0]:
        outputs = function(*args, **kwargs)
    region.strip(_tensors(outputs), start)
    return outputs


def _warn_of_reentrance(name: str) -> None:
    warnings.warn(
        f"{name}: the use_reentrant parameter should be passed explicitly; here both values do the same.", stacklevel=3
    )


def checkpoint_sequential(functions, segments: int, input, use_reentrant: bool | None = None, **kwargs):
    """Call modules one after another, checkpointed in ``segments`` parts (the last part is not).

    Raises: ValueError for a keyword other than ``preserve_rng_state``.
    """
    preserve_rng_state = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    if use_reentrant is None:
        _warn_of_reentrance("torch.utils.checkpoint.checkpoint_sequential")
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


def get_device_states(*_args) -> tuple[list[int], list]:
    """The devices of the tensors that have a random state of their own, and the states: none, all devices share one."""
    return [], []


def set_device_states(devices, states, *, device_type: str | None = None) -> None:
    """Set what ``get_device_states`` gave. Raises: ValueError for any other, which would be states of another library."""
    if len(devices) or len(states):
        raise ValueError(
            f"set_device_states: there is one random state for all devices, not one for {list(devices)} "
            f"of {device_type or 'a device'}; use torch.set_rng_state"
        )


def detach_variable(inputs: tuple) -> tuple:
    """Tensors cut from the graph that still want a gradient where they did; other things as they are.

    Raises: RuntimeError for what is no tuple.
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError("Only tuple of tensors is supported. Got Unsupported input type: ", type(inputs).__name__)
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs)


def check_backward_validity(inputs) -> None:
    """Warn if no input wants a gradient: backward would then not reach the function."""
    if not any(x.requires_grad for x in inputs if isinstance(x, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool):
    """Inside, whether the second run may end early; it never does, and its result is the same."""
    if not isinstance(enable, bool):
        raise TypeError(f"set_checkpoint_early_stop() takes a bool, not {type(enable).__name__}")
    yield


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None):
    """Inside, whether errors tell the operations of both runs; they always do."""
    if not isinstance(enabled, (bool, type(None))):
        raise TypeError(f"set_checkpoint_debug_enabled() takes a bool or None, not {type(enabled).__name__}")
    yield


class DefaultDeviceType:
    """The kind of device whose random state is preserved if no argument is a tensor; all share one state here."""

    _default_device_type = "mps"

    @staticmethod
    def set_device_type(device: str = "cuda") -> None:
        """Set the kind."""
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        """The kind."""
        return DefaultDeviceType._default_device_type


globals().update(
    absent.names(
        "utils.checkpoint",
        "create_selective_checkpoint_contexts SelectiveCheckpointContext CheckpointPolicy",
        "a checkpointed function is computed again whole; checkpoint the parts of it that need not be kept",
    )
)

"""Hooks of modules: registration, the order they run in, and the identity nodes that show a module its gradients."""

from __future__ import annotations

import warnings
from collections import OrderedDict

import mlx.core as mx

from ..._core import views
from ..._core.hooks import RemovableHandle
from ..._core.modes import modes
from ..._core.tape import Node, edge_of
from ..._core.tensor import Tensor, read, wrap

_global_buffer_registration_hooks: dict = OrderedDict()
_global_module_registration_hooks: dict = OrderedDict()
_global_parameter_registration_hooks: dict = OrderedDict()
_global_backward_pre_hooks: dict = OrderedDict()
_global_backward_hooks: dict = OrderedDict()
_global_forward_pre_hooks: dict = OrderedDict()
_global_forward_hooks: dict = OrderedDict()
_global_forward_hooks_always_called: dict = OrderedDict()
_global_forward_hooks_with_kwargs: dict = OrderedDict()
_global_is_full_backward_hook: bool | None = None


def _register(hooks: dict, hook, *marks: dict, prepend: bool = False) -> RemovableHandle:
    """Put a hook into ``hooks`` and its id into the dictionaries that say how it wants to be called."""
    handle = RemovableHandle(hooks, extra_dict=list(marks))
    hooks[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


# ------------------------------------------------------------------------------------------------------- global hooks
def register_module_buffer_registration_hook(hook) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` whenever any module registers a buffer; what it returns is registered
    instead.
    """
    return _register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` whenever any module registers a submodule; what it returns is registered
    instead.
    """
    return _register(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook) -> RemovableHandle:
    """Call ``hook(module, name, param)`` whenever any module registers a parameter; what it returns is registered
    instead.
    """
    return _register(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module, ahead of the module's own hooks."""
    return _register(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the forward of every module, ahead of the module's own hooks."""
    marks = [_global_forward_hooks_with_kwargs] if with_kwargs else []
    if always_call:
        marks.append(_global_forward_hooks_always_called)
    return _register(_global_forward_hooks, hook, *marks)


def register_module_backward_hook(hook) -> RemovableHandle:
    """The deprecated global backward hook, which sees one node of the module only."""
    return _register_global_backward(hook, full=False)


def register_module_full_backward_hook(hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` when the gradients of any module's inputs are computed."""
    return _register_global_backward(hook, full=True)


def _register_global_backward(hook, full: bool) -> RemovableHandle:
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
            "one of them."
        )
    _global_is_full_backward_hook = full
    return _register(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the gradients of any module are computed."""
    return _register(_global_backward_pre_hooks, hook)


def _has_any_global_hook() -> bool:
    return bool(
        _global_backward_pre_hooks or _global_backward_hooks or _global_forward_hooks or _global_forward_pre_hooks
    )


# --------------------------------------------------------------------------------------------------- hooks of a module
class HookRegistration:
    """The methods of Module that register hooks."""

    def register_forward_pre_hook(self, hook, *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; it may return the arguments to use instead.

        Args:
            prepend: run ahead of the hooks there are already.
            with_kwargs: call ``hook(module, args, kwargs)``, which may return a pair of new args and kwargs.
        """
        marks = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return _register(self._forward_pre_hooks, hook, *marks, prepend=prepend)

    def register_forward_hook(
        self, hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns replaces the output.

        Args:
            prepend: run ahead of the hooks there are already.
            with_kwargs: call ``hook(module, args, kwargs, output)``.
            always_call: call it also when an exception is raised.
        """
        marks = [self._forward_hooks_with_kwargs] if with_kwargs else []
        if always_call:
            marks.append(self._forward_hooks_always_called)
        return _register(self._forward_hooks, hook, *marks, prepend=prepend)

    def register_full_backward_pre_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before this module's gradients are computed; it may return new ones."""
        return _register(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are computed; it may return
        new ones.
        """
        self._choose_backward_hook(full=True)
        return _register(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook) -> RemovableHandle:
        """The deprecated backward hook, which sees the last node of the forward only."""
        self._choose_backward_hook(full=False)
        return _register(self._backward_hooks, hook)

    def _choose_backward_hook(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )
        self._is_full_backward_hook = full

    def _get_backward_hooks(self) -> tuple[list, list]:
        """The backward hooks that apply to this module: the full ones and the others, global ones first."""
        full, partial = [], []
        if _global_is_full_backward_hook is not None:
            (full if _global_is_full_backward_hook else partial).extend(_global_backward_hooks.values())
        if self._is_full_backward_hook is not None:
            (full if self._is_full_backward_hook else partial).extend(self._backward_hooks.values())
        return full, partial

    def _get_backward_pre_hooks(self) -> list:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _maybe_warn_non_full_backward_hook(self, inputs, result, grad_fn) -> None:
        message = _partial_hook_warning(inputs, result, grad_fn)
        if message is not None:
            warnings.warn(message, FutureWarning, stacklevel=2)


def _is_flat(value) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, tuple) and all(isinstance(v, Tensor) for v in value))


def _partial_hook_warning(inputs, result, grad_fn) -> str | None:
    """What a deprecated backward hook will not see, None if it sees everything."""
    advice = " Please use register_full_backward_hook to get the documented behavior."
    for value, verb, grads in ((result, "return", "grad_output"), (inputs, "take as input", "grad_input")):
        if not _is_flat(value):
            return (
                f"Using non-full backward hooks on a Module that does not {verb} a single Tensor or a tuple of "
                "Tensors is deprecated and will be removed in future versions. This hook will be missing some of the "
                f"{grads}.{advice}"
            )
    results = (result,) if isinstance(result, Tensor) else result
    if {r.grad_fn for r in results if r.grad_fn is not None} != {grad_fn}:
        return (
            "Using a non-full backward hook when outputs are generated by different autograd Nodes is deprecated and "
            f"will be removed in future versions. This hook will be missing some grad_output.{advice}"
        )
    inputs = (inputs,) if isinstance(inputs, Tensor) else inputs
    mine = {i.grad_fn for i in inputs if i.grad_fn is not None}
    reached = {node for node, _ in grad_fn.next_functions}
    if mine and mine != reached:
        return (
            "Using a non-full backward hook when the forward contains multiple autograd Nodes is deprecated and will "
            f"be removed in future versions. This hook will be missing some grad_input.{advice}"
        )
    return None


# ----------------------------------------------------------------------------------------------------- calling a module
def call_with_hooks(module, args: tuple, kwargs: dict):
    """Call ``module.forward`` with the hooks that apply, in torch's order."""
    call = _Call(module, args, kwargs)
    if not (module._forward_hooks_always_called or _global_forward_hooks_always_called):
        return call.run()
    try:
        return call.run()
    except Exception:
        call.finish_after_error()
        raise


class _Call:
    __slots__ = ("args", "done", "kwargs", "module", "result")

    def __init__(self, module, args, kwargs):
        self.module, self.args, self.kwargs = module, args, kwargs
        self.result = None
        self.done: set = set()  # ids of the always_call hooks that were called

    def run(self):
        module = self.module
        self.before()
        full, partial = module._get_backward_hooks() if (_global_backward_hooks or module._backward_hooks) else ([], [])
        pre = module._get_backward_pre_hooks()
        watch = BackwardHook(module, full, pre) if full or pre else None
        if watch is not None:
            self.args = watch.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self.after()
        if watch is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    f"received {type(self.result)}",
                    stacklevel=4,
                )
            self.result = watch.setup_output_hook(self.result)
        if partial:
            _attach_partial(module, partial, self.args, self.result)
        return self.result

    def before(self) -> None:
        module = self.module
        for hook in list(_global_forward_pre_hooks.values()):
            self.take_args(hook(module, self.args))
        for hook_id, hook in list(module._forward_pre_hooks.items()):
            if hook_id not in module._forward_pre_hooks_with_kwargs:
                self.take_args(hook(module, self.args))
                continue
            answer = hook(module, self.args, self.kwargs)
            if answer is None:
                continue
            if not (isinstance(answer, tuple) and len(answer) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {answer}."
                )
            self.args, self.kwargs = answer

    def take_args(self, answer) -> None:
        if answer is not None:
            self.args = answer if isinstance(answer, tuple) else (answer,)

    def after(self) -> None:
        for hook_id, hook, with_kwargs, always in self.forward_hooks():
            if always:
                self.done.add(hook_id)
            self.call_forward_hook(hook, with_kwargs)

    def forward_hooks(self):
        module = self.module
        for hook_id, hook in list(_global_forward_hooks.items()):
            yield (
                hook_id,
                hook,
                hook_id in _global_forward_hooks_with_kwargs,
                hook_id in _global_forward_hooks_always_called,
            )
        for hook_id, hook in list(module._forward_hooks.items()):
            with_kwargs = hook_id in module._forward_hooks_with_kwargs
            yield hook_id, hook, with_kwargs, hook_id in module._forward_hooks_always_called

    def call_forward_hook(self, hook, with_kwargs: bool) -> None:
        if with_kwargs:
            answer = hook(self.module, self.args, self.kwargs, self.result)
        else:
            answer = hook(self.module, self.args, self.result)
        if answer is not None:
            self.result = answer

    def finish_after_error(self) -> None:
        """Call the always_call hooks that have not run; what they raise must not hide the first error."""
        for hook_id, hook, with_kwargs, always in self.forward_hooks():
            if not always or hook_id in self.done:
                continue
            try:
                self.call_forward_hook(hook, with_kwargs)
            except Exception as error:
                kind = "global module" if hook_id in _global_forward_hooks else "module"
                warnings.warn(
                    f"{kind} forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    f"error was raised in forward: {error!s}",
                    stacklevel=3,
                )


def _attach_partial(module, hooks: list, args, result) -> None:
    found = result
    while not isinstance(found, Tensor):
        found = next(v for v in found.values() if isinstance(v, Tensor)) if isinstance(found, dict) else found[0]
    grad_fn = found.grad_fn
    if grad_fn is None:
        return
    for hook in hooks:
        grad_fn.register_hook(lambda grad_input, grad_output, hook=hook: hook(module, grad_input, grad_output))
    module._maybe_warn_non_full_backward_hook(args, result, grad_fn)


# ------------------------------------------------------------------------------------------------------- full backward
class _Identity:
    """The operator of the nodes put around a module: gradients pass unchanged, missing ones as zeros."""

    backward_name = "BackwardHookFunctionBackward"
    saves_output = False

    @staticmethod
    def pull(gs, _arrays, _outs, node):
        return [mx.zeros(m[0], dtype=m[1]) if g is None else g for g, m in zip(gs, node.outs_meta, strict=True)]


def _through(tensors: list) -> tuple[list, Node]:
    """Views of the tensors whose history goes through one new node."""
    node = Node(_Identity, [edge_of(t) for t in tensors])
    arrays = [read(t) for t in tensors]
    node.nout, node.outs_meta = len(tensors), [(a.shape, a.dtype) for a in arrays]
    results = []
    for i, (t, a) in enumerate(zip(tensors, arrays, strict=True)):
        out = wrap(a, t._device)
        views.cell_of(t)
        out._view = views.View(t._view.cell, t._view.steps, t if t._view.base is None else t._view.base)
        if t._rg:
            # written to in place, the views would lose their node
            out._view.grouped = _Identity.backward_name
            out._node, out._rg = node.output_edge(i), True
        results.append(out)
    return results, node


class BackwardHook:
    """Calls the full backward hooks of one call of a module."""

    def __init__(self, module, user_hooks: list, user_pre_hooks: list):
        self.module, self.user_hooks, self.user_pre_hooks = module, user_hooks, user_pre_hooks
        self.grad_outputs: tuple | None = None
        self.input_tensors_index: list | None = None
        self.n_inputs = self.n_outputs = -1

    def _watched(self, values: tuple):
        """The values with their tensors replaced, the places of the tensors, and the node; None where nothing requires
        grad.
        """
        index = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
        if not (modes.grad and any(values[i].requires_grad for i in index)):
            return values, None, None
        seen, node = _through([values[i] for i in index])
        new = list(values)
        for i, t in zip(index, seen, strict=True):
            new[i] = t
        return type(values)(*new) if hasattr(values, "_fields") else tuple(new), index, node

    def setup_input_hook(self, args: tuple) -> tuple:
        """The arguments, routed through the node at which the input gradients are seen."""
        new, index, node = self._watched(args)
        self.n_inputs, self.input_tensors_index = len(args), index
        if node is not None:
            node.register_hook(self._at_inputs)
        return new

    def setup_output_hook(self, result):
        """The result, routed through the node at which the output gradients are seen."""
        values = result if isinstance(result, tuple) else (result,)
        new, index, node = self._watched(values)
        self.n_outputs, self.output_tensors_index = len(values), index
        if node is not None:
            node.register_prehook(self._at_outputs)
        return new if isinstance(result, tuple) else new[0]

    def _at_inputs(self, grad_input, _grad_output):
        if self.grad_outputs is None:
            return None  # the gradients reached the inputs by another way than this module's outputs
        grads = _spread(self.input_tensors_index, grad_input, self.n_inputs)
        for hook in self.user_hooks:
            answer = hook(self.module, grads, self.grad_outputs)
            if answer is None:
                continue
            _check_count(answer, grads, "Backward hook", "grad_input")
            grads = answer
        self.grad_outputs = None
        return tuple(grads[i] for i in self.input_tensors_index)

    def _at_outputs(self, grad_output):
        grads = _spread(self.output_tensors_index, grad_output, self.n_outputs)
        for hook in self.user_pre_hooks:
            answer = hook(self.module, grads)
            if answer is None:
                continue
            _check_count(answer, grads, "Backward pre hook", "grad_output")
            grads = answer
        self.grad_outputs = grads
        if self.input_tensors_index is None:
            self._without_inputs()
        return tuple(grads[i] for i in self.output_tensors_index)

    def _without_inputs(self) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients. See "
            "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module."
            "register_full_backward_hook for more details.",
            stacklevel=5,
        )
        for hook in self.user_hooks:
            answer = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
            if answer is not None and not (isinstance(answer, tuple) and all(a is None for a in answer)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None "
                    "for all gradients."
                )
        self.grad_outputs = None


def _spread(index: list, grads, n: int) -> tuple:
    """The gradients at the places of the tensors, None at the others."""
    out: list = [None] * n
    for i, g in zip(index, grads, strict=True):
        out[i] = g
    return tuple(out)


def _check_count(answer, expected: tuple, who: str, what: str) -> None:
    if len(answer) != len(expected):
        raise RuntimeError(
            f"{who} returned an invalid number of {what}, got {len(answer)}, but expected {len(expected)}"
        )

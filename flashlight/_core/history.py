"""What a Tensor shows of autograd: requires_grad, grad, grad_fn, backward, detach, data, hooks."""

from __future__ import annotations

from . import dtypes, tape, views
from .hooks import Hooks
from .modes import modes
from .table import method
from .tape import run_backward
from .tensor import Tensor, read


def _requires_grad(t: Tensor) -> bool:
    read(t)  # a stale view learns from its base
    return t._rg


def _set_requires_grad(t: Tensor, value: bool) -> None:
    if type(value) is not bool:
        raise RuntimeError("requires_grad must be a bool")
    read(t)
    if t._node is not None:
        if not value:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that "
                "doesn't require differentiation use var_no_grad = var.detach()."
            )
        return
    if value and t.dtype.category < dtypes.FLOAT:
        raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
    if value and t.is_inference() and not modes.inference:
        raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
    t._rg = bool(value)


Tensor.requires_grad = property(_requires_grad, _set_requires_grad, doc="Whether gradients flow to this tensor.")


@method
def requires_grad_(self, requires_grad: bool = True):
    """Set ``requires_grad`` and return the tensor."""
    if type(requires_grad) is not bool:
        kind = type(requires_grad).__name__
        raise TypeError(f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {kind}")
    if requires_grad and self.dtype.category < dtypes.FLOAT:
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    _set_requires_grad(self, requires_grad)
    return self


def _grad(t: Tensor):
    return t._grad


def _set_grad(t: Tensor, value) -> None:
    if value is not None:
        if not isinstance(value, Tensor):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
            )
        if value is t:
            raise RuntimeError("can't assign Variable as its own grad")
        if value.dtype is not t.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{value.dtype!r}' to a tensor with grad dtype '{t.dtype!r}'. Please "
                "ensure that the gradient and the tensor have the same dtype"
            )
        if value.shape != t.shape:
            raise RuntimeError(
                f"assigned grad has data of a different size: expected {list(t.shape)}, got {list(value.shape)}"
            )
    t._grad = value


Tensor.grad = property(_grad, _set_grad, lambda t: _set_grad(t, None), doc="The accumulated gradient, None before any.")


def _grad_fn(t: Tensor):
    read(t)
    return tape.node_of(t)


Tensor.grad_fn = property(_grad_fn, doc="The node this tensor came from, None for a leaf.")


@method
def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Accumulate the gradients of this tensor into the ``.grad`` of the leaves it depends on.

    Raises: RuntimeError if the tensor is no scalar and ``gradient`` is missing, or if a graph was freed.
    """
    given = None if inputs is None else [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if given is not None and not given:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    run_backward([self], [gradient], create_graph if retain_graph is None else retain_graph, create_graph, given)


@method
def detach(self):
    """The same storage without history."""
    return views.alias(self)


@method
def detach_(self):
    """Forget the history of this tensor in place."""
    if self._view is not None and self._view.base is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                           "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
                           "detach_() cannot be called on these gradients.")  # fmt: skip
    self._node, self._rg = None, False
    return self


def _data(t: Tensor) -> Tensor:
    return views.alias(t, hidden=True)


def _set_data(t: Tensor, new: Tensor) -> None:
    if not isinstance(new, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {type(new).__name__}")
    if t._rg and new.dtype.category < dtypes.FLOAT:
        raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
    views.detached_from(t, new)
    t._device = new._device


Tensor.data = property(_data, _set_data, doc="The values without history; writes through it are not seen by autograd.")


@method
def retain_grad(self):
    """Keep the gradient of a tensor that is no leaf in its ``.grad``."""
    tape.retain_grad(self)


Tensor.retains_grad = property(lambda t: bool(t.__dict__.get("_retains")), doc="Whether ``retain_grad`` was called.")


@method
def register_hook(self, hook):
    """Call ``hook(grad)`` whenever this tensor's gradient is computed; a Tensor it returns replaces the gradient."""
    read(self)
    if not self._rg:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._node is None:
        hooks = self.__dict__.setdefault("_hooks", Hooks())
        return hooks.register(hook)
    index = self._node.index if self._node._edge == 1 else 0
    hooks = tape.node_of(self).extra().setdefault("tensor", Hooks())
    return hooks.register((index, hook))


@method
def register_post_accumulate_grad_hook(self, hook):
    """Call ``hook(tensor)`` after a gradient was added to this leaf's ``.grad``."""
    if not self._rg:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self._node is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return self.__dict__.setdefault("_post_hooks", Hooks()).register(hook)


@method
def _is_view(self) -> bool:
    return self._view is not None and self._view.base is not None


def _base(t: Tensor):
    return t._view.base if t._view is not None else None


Tensor._base = property(_base, doc="The tensor this one is a view of, None if it is none.")
Tensor.output_nr = property(
    lambda t: getattr(t._node, "index", 0) if t._node is not None else 0, doc="Which output of its function this is."
)

"""Custom differentiable functions: ``autograd.Function``."""

from __future__ import annotations

import functools

import mlx.core as mx

from .._core.errors import freed_graph, modified_in_place
from .._core.modes import enable_grad, modes, no_grad
from .._core.steps import unbroadcast
from .._core.tape import Node, edge_of, is_differentiable
from .._core.tensor import Tensor, read, wrap
from .._core.views import check_writable


class _Saved:
    """A tensor kept for backward: an input as it is, an output without the cycle it would make through its node."""

    __slots__ = ("array", "index", "tensor", "version")

    def __init__(self, t: Tensor, outputs):
        self.index = next((i for i, o in enumerate(outputs) if o is t), None)
        self.version = t._version
        self.array = read(t) if self.index is not None else None
        self.tensor = t if self.index is None else None

    def unpack(self, node) -> Tensor:
        if self.tensor is not None:
            if self.tensor._version != self.version:
                raise modified_in_place(node)
            return self.tensor
        if node.out_dirty:
            raise modified_in_place(node)
        t = wrap(self.array)
        if is_differentiable(self.array) and self.index not in node.constant:
            t._node, t._rg = node.output_edge(self.index), True
        return t


class FunctionCtx:
    """What ``forward`` leaves for ``backward``."""

    needs_input_grad: tuple = ()

    def save_for_backward(self, *tensors) -> None:
        """Keep tensors (or None) for backward; give outputs and inputs here, not through attributes."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {tensors.index(t)} is of type {type(t).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors) -> None:
        """Keep tensors for ``jvp``. Raises NotImplementedError: there is no forward mode."""
        raise NotImplementedError("forward-mode differentiation is not there: use torch.func.jvp")

    def mark_dirty(self, *tensors) -> None:
        """Declare inputs that forward wrote to."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors) -> None:
        """Declare outputs that have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients reach backward as zeros (the default) or as None."""
        self.materialize_grads = value

    to_save: tuple = ()
    dirty_tensors: tuple = ()
    non_differentiable: tuple = ()
    materialize_grads = True
    _node = None

    @property
    def saved_tensors(self) -> tuple:
        node = self._node
        if node is None:
            return tuple(self.to_save)
        if node.saved is None:
            raise freed_graph()
        return tuple(None if s is None else s.unpack(node) for s in node.saved)

    @property
    def saved_variables(self) -> tuple:
        return self.saved_tensors


class _Op:
    """Stands for an operator in the nodes of custom functions."""

    saves_output = False

    def __init__(self, name: str):
        self.backward_name = name


class FunctionNode(Node):
    """The node a custom function puts on the tape."""

    saved: list | None = None
    constant: frozenset = frozenset()

    def setup(self, cls, ctx, slots, tensors, count: int) -> None:
        self.cls, self.ctx, self.slots, self.count = cls, ctx, slots, count
        self.like = [(t._a.shape, t._a.dtype, t._device) for t in tensors]

    def pull(self, gs: list) -> list:
        with no_grad():
            return [None if g is None else read(g) for g in self._call([None if g is None else wrap(g) for g in gs])]

    def pull_recorded(self, gs: list) -> list:
        with enable_grad():
            return self._call(gs)

    def _call(self, gs: list) -> list:
        if self.region is not None:
            self.region.restore()
        if self.ctx.materialize_grads:
            gs = [
                wrap(mx.zeros(meta[0], dtype=meta[1])) if g is None and meta is not None else g
                for g, meta in zip(gs, self.outs_meta, strict=True)
            ]
        name = self.name()
        grads = self.cls._backward_of()(self.ctx, *gs)
        if not isinstance(grads, tuple):
            grads = (grads,)
        if len(grads) > self.count and all(g is None for g in grads[self.count :]):
            grads = grads[: self.count]
        if len(grads) != self.count:
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {self.count}, got {len(grads)})"
            )
        return [
            self._fitted(grads[slot], like, i, name)
            for i, (slot, like) in enumerate(zip(self.slots, self.like, strict=True))
        ]

    def _fitted(self, g, like, i: int, name: str):
        if g is None:
            return None
        if not isinstance(g, Tensor):
            raise TypeError(f"expected Variable or None (got {type(g).__name__})")
        shape, dtype, _device = like
        a = read(g)
        if a.shape != shape:
            try:
                fits = mx.broadcast_shapes(a.shape, shape) == tuple(a.shape)
            except ValueError:
                fits = False
            if not fits:
                raise RuntimeError(
                    f"Function {name} returned an invalid gradient at index {i} - got {list(a.shape)} but expected shape compatible "
                    f"with {list(shape)}"
                )
            g = g.sum_to_size(shape) if g._rg else wrap(unbroadcast(a, shape))
        return g if read(g).dtype == dtype else g.to(wrap(mx.zeros((), dtype=dtype)).dtype)

    def free(self) -> None:
        self.saved = None


class _FunctionMeta(type):
    def __init__(cls, name, bases, attrs):
        super().__init__(name, bases, attrs)
        cls._node_name = name + "Backward"


class Function(FunctionCtx, metaclass=_FunctionMeta):
    """Base of custom functions: static ``forward(ctx, ...)`` (or ``forward(...)`` and ``setup_context(ctx, inputs, output)``) and
    ``backward(ctx, *grads)``; call them through ``apply``."""

    def __init__(self, *_args, **_kwargs):
        raise RuntimeError(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the "
            "class itself. Instantiating an autograd function will raise an error in a future version of PyTorch."
        )

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        raise NotImplementedError("forward-mode differentiation is not there: use torch.func.jvp")

    @classmethod
    def _backward_of(cls):
        return cls.vjp if cls.vjp is not Function.vjp else cls.backward

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run ``forward`` and record it."""
        ctx = object.__new__(_context_class(cls))
        slots = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        tensors = [args[i] for i in slots]
        for t in tensors:
            read(t)
        recording = modes.grad and any(t._rg for t in tensors)
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a._rg and modes.grad for a in args)
        edges = [edge_of(t) for t in tensors]
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args, **kwargs)
        outputs = list(output) if isinstance(output, tuple) else [output]
        outputs = [_own(o, tensors, ctx) for o in outputs]
        if recording:
            _attach(cls, ctx, outputs, (slots, tensors, edges), len(args))
        return tuple(outputs) if isinstance(output, tuple) else outputs[0]


@functools.cache
def _context_class(cls: type) -> type:
    # attributes and methods of the function class are visible on ctx, as in torch
    return type(cls.__name__ + "Context", (cls,), {"__init__": lambda self: None})


def _own(output, tensors, ctx):
    """An output that is an input, unchanged, becomes a tensor of its own; others stay."""
    if (
        isinstance(output, Tensor)
        and any(output is t for t in tensors)
        and not any(output is d for d in ctx.dirty_tensors)
    ):
        return output.detach()
    return output


def _attach(cls, ctx, outputs, inputs, count: int) -> None:
    slots, tensors, edges = inputs
    node = FunctionNode(_Op(cls._node_name), edges)
    node.setup(cls, ctx, slots, tensors, count)
    node.nout = len(outputs)
    constant = {i for i, o in enumerate(outputs) if any(o is c for c in ctx.non_differentiable)}
    constant |= {i for i, o in enumerate(outputs) if not (isinstance(o, Tensor) and is_differentiable(o._a))}
    node.constant = frozenset(constant)
    node.outs_meta = [(read(o).shape, o._a.dtype) if isinstance(o, Tensor) else None for o in outputs]
    for d in ctx.dirty_tensors:
        check_writable(d)
    for i, o in enumerate(outputs):
        if i not in constant:
            o._node, o._rg = node.output_edge(i), True
    node.saved = [None if t is None else _Saved(t, outputs) for t in ctx.to_save]
    ctx.to_save = ()
    ctx._node = node


def once_differentiable(fn):
    """Mark a ``backward`` that cannot itself be differentiated: doing so raises."""

    @functools.wraps(fn)
    def wrapped(ctx, *grads):
        with no_grad():
            outputs = fn(ctx, *grads)
        if not modes.grad or not any(isinstance(g, Tensor) and g._rg for g in grads):
            return outputs
        many = outputs if isinstance(outputs, tuple) else (outputs,)
        refused = tuple(
            _Refuse.apply(*[g for g in grads if isinstance(g, Tensor)], o) if isinstance(o, Tensor) else o for o in many
        )
        return refused if isinstance(outputs, tuple) else refused[0]

    return wrapped


class _Refuse(Function):
    @staticmethod
    def forward(ctx, *tensors):
        return tensors[-1].detach()

    @staticmethod
    def backward(ctx, *grad_outputs):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")

"""The tape: nodes recorded by operations, and the engine that walks them backwards.

A node keeps what its rule reads (arrays, never the graph above it) and the edges to where its inputs came from. The engine
takes nodes from a heap of sequence numbers, highest first: every consumer of a node was recorded after it, so a node's
gradient is complete when its turn comes, and no recursion is needed at any depth.
"""

from __future__ import annotations

import heapq
import itertools
import traceback
import weakref

import mlx.core as mx

from . import device as devices
from .errors import freed_graph, modified_in_place
from .hooks import Hooks
from .modes import modes
from .tensor import Tensor, read, wrap

sequence = itertools.count(1)


class Node:
    """One recorded operation.

    ``op`` supplies ``pull(gs, arrays, outs, node)``, the gradient of the inputs given those of the outputs. An edge is None, a
    Node, an Out (one of several outputs) or a leaf Tensor.
    """

    # class attributes stand for what most nodes lack: setting fifteen slots costs more than the rest of recording
    _edge = 0
    arrays = outs = inputs = statics = shapes = dtypes = extras = fn = kept = outs_meta = name_ = None
    freed = out_dirty = False
    region = None  # the checkpoint that can compute again what was saved
    nout, version = 1, 0

    def __init__(self, op, edges, name_=None):
        self.op = op
        self.edges = edges
        self.seq = next(sequence)
        if name_ is not None:
            self.name_ = name_

    # --------------------------------------------------------------------------------------------- what torch shows
    def name(self) -> str:
        """The name torch prints, such as ``AddBackward0``."""
        return self.name_ or self.op.backward_name

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    @property
    def next_functions(self) -> tuple:
        return tuple(_shown(edge) for edge in self.edges)

    @property
    def metadata(self) -> dict:
        return self.extra().setdefault("metadata", {})

    def register_hook(self, hook):
        """Call ``hook(grad_inputs, grad_outputs)`` after this node's gradients are computed."""
        return self.extra().setdefault("post", Hooks()).register(hook)

    def register_prehook(self, hook):
        """Call ``hook(grad_outputs)`` before this node's gradients are computed."""
        return self.extra().setdefault("pre", Hooks()).register(hook)

    def extra(self) -> dict:
        """Hooks and other rare attachments."""
        if self.extras is None:
            self.extras = {}
        return self.extras

    # ------------------------------------------------------------------------------------------------------ gradients
    def check_saved(self) -> None:
        """Raise if what the rule reads is gone or was written to since; compute it again if it was checkpointed away."""
        if self.region is not None:
            self.region.restore()
        if self.freed:
            raise freed_graph()
        if self.inputs is not None:
            now = 0
            for t in self.inputs:
                if isinstance(t, Tensor):
                    now += t._version
            if now != self.version:
                raise modified_in_place(self)
        if self.out_dirty and getattr(self.op, "watches_output", self.op.saves_output):
            raise modified_in_place(self)

    def pull(self, gs: list) -> list:
        """Gradients of the inputs as arrays."""
        self.check_saved()
        if devices.GPU and devices.needs_cpu([*gs, *(self.arrays or ())]):
            with devices.cpu_stream():
                return self.op.pull(gs, self.arrays, self.outs, self)
        return self.op.pull(gs, self.arrays, self.outs, self)

    def pull_recorded(self, gs: list) -> list:
        """Gradients of the inputs as recorded Tensors, for ``create_graph``."""
        self.check_saved()
        arrays = self.arrays or []
        saved = [None if a is None else _with_history(a, edge) for a, edge in zip(arrays, self.edges, strict=False)]
        outs = [] if self.outs is None else [_with_history(o, self.output_edge(i)) for i, o in enumerate(self.outs)]
        tensors = [t for t in (*gs, *saved, *outs) if t is not None]
        present = [t is not None for t in (*gs, *saved, *outs)]
        # what a saving form kept has no history: its gradient is differentiated through the plain body instead
        pull = self.op.pull if self.kept is None else self.op.pull_body

        def again(*xs):
            it = iter(xs)
            full = [next(it) if p else None for p in present]
            n, m = len(gs), len(gs) + len(saved)
            return pull(full[:n], full[n:m] if self.arrays is not None else None, full[m:] or None, self)

        return record(again, tensors, self.name() + "Backward")

    def free(self) -> None:
        """Drop what was saved; a rule that needed it can not run again."""
        if self.arrays is not None or self.outs is not None or self.fn is not None:
            self.freed = True
        self.arrays = self.outs = self.inputs = self.fn = self.kept = None

    def output_edge(self, index: int):
        """The edge that names one of this node's outputs."""
        return self if self.nout == 1 else Out(self, index)


class Out:
    """One output of a node that has several."""

    __slots__ = ("index", "node")
    _edge = 1

    def __init__(self, node: Node, index: int):
        self.node, self.index = node, index


Tensor._edge = 2


class AccumulateGrad:
    """What torch shows as the end of an edge that leads to a leaf."""

    def __init__(self, variable: Tensor):
        self.variable = variable
        self.next_functions = ()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"

    def __eq__(self, other) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return hash(("AccumulateGrad", id(self.variable)))


def _shown(edge):
    if edge is None:
        return (None, 0)
    if edge._edge == 1:
        return (edge.node, edge.index)
    return (edge, 0) if edge._edge == 0 else (AccumulateGrad(edge), 0)


def edge_of(t: Tensor):
    """Where a tensor's gradient goes: its node, or the leaf itself; None if it requires none."""
    return (t._node or t) if t._rg else None


def _with_history(a: mx.array, edge) -> Tensor:
    if edge is not None and edge._edge == 2:
        return edge
    t = wrap(a)
    t._node, t._rg = edge, edge is not None
    return t


def node_of(t: Tensor) -> Node | None:
    """The node a tensor came from."""
    n = t._node
    return n.node if n is not None and n._edge == 1 else n


# ------------------------------------------------------------------------------------------------ recording a function
def is_differentiable(a: mx.array) -> bool:
    return mx.issubdtype(a.dtype, mx.inexact)


class _Generic:
    """The operator of nodes whose rule is MLX's autodiff of ``node.fn``."""

    backward_name = "GenericBackward0"
    saves_output = False

    @staticmethod
    def pull(gs, arrays, _outs, node):
        return vjp_of(node.fn, arrays, [e is not None for e in node.edges], gs)


def vjp_of(fn, arrays, needed, gs) -> list:
    """Gradients by ``mx.vjp`` of ``fn(*arrays)`` for the inputs marked in ``needed``; None for the others.

    ``fn`` gives a list of arrays; outputs without a gradient (``gs`` None) take no part.
    """
    which = [i for i, need in enumerate(needed) if need]
    live = [i for i, g in enumerate(gs) if g is not None]
    if not any(gs[i].size for i in live) or not all(arrays[i].size for i in which):
        return _of_nothing(fn, arrays, which, gs)
    several = len(gs) > 1

    def part(*xs):
        full = list(arrays)
        for i, x in zip(which, xs, strict=True):
            full[i] = x
        outs = fn(*full)
        # two outputs that are one array would lose a cotangent: a free reshape makes them distinct
        return [mx.expand_dims(outs[i], 0) for i in live] if several else outs

    cotangents = [mx.expand_dims(gs[i], 0) for i in live] if several else gs
    grads = mx.vjp(part, [arrays[i] for i in which], cotangents)[1]
    result: list = [None] * len(arrays)
    for i, g in zip(which, grads, strict=True):
        result[i] = g
    return result


def _of_nothing(fn, arrays, which, gs) -> list:
    """``vjp_of`` where an input or every gradient is empty: MLX's reductions of nothing may not return, so none is asked for."""
    some = [bool(i in which and arrays[i].size) for i in range(len(arrays))]
    live = any(g is not None and g.size for g in gs)
    result = vjp_of(fn, arrays, some, gs) if live and any(some) else [None] * len(arrays)
    for i in which:
        if result[i] is None:
            result[i] = mx.zeros_like(arrays[i])
    return result


def record(fn, tensors, name: str) -> list:
    """Call ``fn`` on the arrays of ``tensors`` and record it with MLX's autodiff as its rule.

    ``fn`` returns a list of arrays or None; so does this, as Tensors.
    """
    arrays = [read(t) for t in tensors]
    outs = fn(*arrays)
    results = [None if o is None else wrap(o, tensors[0]._device) for o in outs]
    if modes.grad and any(t._rg for t in tensors):
        node = Node(
            _Generic, [edge_of(t) if is_differentiable(a) else None for t, a in zip(tensors, arrays, strict=True)], name
        )
        node.arrays, node.fn, node.nout = arrays, fn, len(outs)
        node.outs_meta = [None if o is None else (o.shape, o.dtype) for o in outs]
        for i, t in enumerate(results):
            if t is not None and is_differentiable(t._a):
                t._node, t._rg = node.output_edge(i), True
    return results


# ----------------------------------------------------------------------------------------------------------- the engine
def _add(a, b):
    if devices.GPU and isinstance(a, mx.array) and a.dtype == mx.float64:
        with devices.cpu_stream():
            return a + b
    return a + b


class _Run:
    """One backward pass: gradients as arrays, or as Tensors when the pass itself is recorded."""

    def __init__(self, keep: bool, create: bool):
        self.keep, self.create = keep, create
        self.pending: dict = {}
        self.heap: list = []
        self.leaves: dict = {}
        self.wanted: dict | None = None  # (node, index) or leaf -> gradient, for autograd.grad
        self.useful: set | None = None  # the nodes that lead to a wanted one

    def send(self, edge, g) -> None:
        """Add a gradient to what an edge has received."""
        kind = edge._edge
        if kind == 2:
            before = self.leaves.get(edge)
            self.leaves[edge] = g if before is None else _add(before, g)
            return
        node = edge if kind == 0 else edge.node
        if self.useful is not None and node not in self.useful:
            return
        pending = self.pending.get(node)
        if kind == 0:
            if pending is None:
                self.pending[node] = g
                heapq.heappush(self.heap, (-node.seq, node))
            else:
                self.pending[node] = _add(pending, g)
            return
        if pending is None:
            pending = self.pending[node] = [None] * node.nout
            heapq.heappush(self.heap, (-node.seq, node))
        before = pending[edge.index]
        pending[edge.index] = g if before is None else _add(before, g)

    def walk(self) -> None:
        heap, pending = self.heap, self.pending
        while heap:
            node = heapq.heappop(heap)[1]
            g = pending.pop(node)
            gs = g if node.nout > 1 else [g]
            if node.extras is not None:
                gs = self.before(node, gs)
            if self.wanted is not None and self.capture(node, gs):
                continue
            grads = self.pull(node, gs)
            if node.extras is not None and "post" in node.extras:
                grads = self.after(node, grads, gs)
            if not self.keep:
                node.free()
            for edge, gi in zip(node.edges, grads, strict=False):
                if edge is None or gi is None:
                    continue
                if edge._edge == 0 and self.useful is None and edge not in pending:
                    pending[edge] = gi
                    heapq.heappush(heap, (-edge.seq, edge))
                else:
                    self.send(edge, gi)

    def pull(self, node: Node, gs: list) -> list:
        if not modes.anomaly:
            return node.pull_recorded(gs) if self.create else node.pull(gs)
        try:
            grads = node.pull_recorded(gs) if self.create else node.pull(gs)
        except Exception as error:
            raise type(error)(f"{error}\n{_recorded_at(node)}") from error
        for i, g in enumerate(grads):
            if g is not None and modes.check_nan and mx.any(mx.isnan(self.array(g))).item():
                raise RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {i}th output.\n{_recorded_at(node)}"
                )
        return grads

    # ------------------------------------------------------------------------------------------------------------- hooks
    def tensor(self, g):
        return g if g is None or isinstance(g, Tensor) else wrap(g)

    def array(self, g):
        return read(g) if isinstance(g, Tensor) else g

    def native(self, g):
        """A hook's answer in the form this pass works in."""
        return g if self.create or g is None else self.array(g)

    def call_hook(self, hook, g, what: str):
        given = self.tensor(g)
        answer = hook(given)
        if answer is None:
            return g if self.create else self.array(given)
        if not isinstance(answer, Tensor):
            raise TypeError(f"{what} should return None or a Tensor, but got {type(answer).__name__}")
        return self.native(answer)

    def before(self, node: Node, gs: list) -> list:
        extras = node.extras
        gs = list(gs)
        for hooks_name in ("tensor", "retain"):
            for index, hook in list(extras.get(hooks_name, {}).values()):
                if gs[index] is not None:
                    gs[index] = self.call_hook(hook, gs[index], "hook")
        for hook in list(extras.get("pre", {}).values()):
            answer = hook(tuple(self.tensor(g) for g in gs))
            if answer is not None:
                gs = [self.native(g) for g in (answer if isinstance(answer, (tuple, list)) else (answer,))]
        return gs

    def after(self, node: Node, grads: list, gs: list) -> list:
        given = tuple(self.tensor(g) for g in gs)
        for hook in list(node.extras["post"].values()):
            answer = hook(tuple(self.tensor(g) for g in grads), given)
            if answer is not None:
                grads = [self.native(g) for g in (answer if isinstance(answer, (tuple, list)) else (answer,))]
        return grads

    # ------------------------------------------------------------------------------------------- what autograd.grad wants
    def want(self, edges) -> None:
        """Restrict the pass to the nodes on a path to these edges."""
        self.wanted = {}
        self.targets = {}
        for edge in edges:
            if edge._edge != 2:
                node, index = (edge, 0) if edge._edge == 0 else (edge.node, edge.index)
                self.targets.setdefault(node, []).append(index)

    def prune(self, roots, edges) -> None:
        leaves = {e for e in edges if e._edge == 2}
        self.useful = set(self.targets)
        order, seen, stack = [], set(), [r if r._edge == 0 else r.node for r in roots if r._edge != 2]
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            order.append(node)
            stack.extend(_parents(node))
        for node in sorted(order, key=lambda n: n.seq):
            if any(e is not None and e._edge == 2 and e in leaves for e in node.edges) or any(
                p in self.useful for p in _parents(node)
            ):
                self.useful.add(node)

    def capture(self, node: Node, gs: list) -> bool:
        """Note the gradients asked for; True if nothing further down is wanted."""
        for index in self.targets.get(node, ()):
            self.wanted[node, index] = gs[index]
        return node in self.targets and not any(
            e is not None and (e._edge == 2 or (e if e._edge == 0 else e.node) in self.useful) for e in node.edges
        )


def _parents(node: Node) -> list:
    return [e if e._edge == 0 else e.node for e in node.edges if e is not None and e._edge != 2]


def _recorded_at(node: Node) -> str:
    where = (node.extras or {}).get("traceback")
    return (
        "Recorded at:\n" + "".join(where)
        if where
        else f"{node.name()} was recorded before anomaly detection was turned on."
    )


def note_traceback(node: Node) -> None:
    """Keep where a node was recorded, for anomaly detection."""
    node.extra()["traceback"] = traceback.format_stack()[:-2]


def _start(run: _Run, tensors, grads) -> list:
    roots = []
    for i, (t, g) in enumerate(zip(tensors, grads, strict=True)):
        a = read(t)
        if not t._rg:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        if g is None:
            if a.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if not mx.issubdtype(a.dtype, mx.floating):
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {t.dtype!r}"
                    if t.dtype.is_complex
                    else "only Tensors of floating point dtype can require gradients"
                )
            g = wrap(mx.ones_like(a))
        elif not isinstance(g, Tensor):
            raise TypeError("gradients can be either Tensors or None, but got " + type(g).__name__)
        elif g.shape != t.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {t.shape}."
            )
        given = g if run.create else read(g)
        edge = edge_of(t)
        roots.append(edge)
        run.send(edge, given)
    return roots


def run_backward(tensors, grads, keep: bool, create: bool, inputs=None) -> None:
    """Accumulate the gradients of ``tensors`` into the leaves, or into ``inputs`` only."""
    if modes.mapping is not None:
        raise RuntimeError(
            "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp "
            "instead or call backward() outside of functorch transforms."
        )
    run = _Run(keep or create, create)
    if inputs is not None:
        edges = [_target_edge(t) for t in inputs]
        run.want(edges)
        run.prune([edge_of(t) for t in tensors if t._rg], edges)
    _engine(run, tensors, grads)
    if inputs is None:
        for leaf, g in run.leaves.items():
            accumulate(run, leaf, g)
        return
    for t, edge in zip(inputs, edges, strict=True):
        g = _found(run, edge, t)
        if g is not None:
            accumulate(run, t, g, hooks=edge._edge == 2)


def _engine(run: _Run, tensors, grads) -> None:
    before = modes.grad
    modes.grad = run.create
    try:
        _start(run, tensors, grads)
        run.walk()
    finally:
        modes.grad = before


def _target_edge(t: Tensor):
    read(t)
    if not t._rg:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return edge_of(t)


def _found(run: _Run, edge, t: Tensor):
    if edge._edge == 2:
        return run.leaves.get(t)
    return run.wanted.get((edge, 0) if edge._edge == 0 else (edge.node, edge.index))


def accumulate(run: _Run, leaf: Tensor, g, hooks: bool = True) -> None:
    """Run a leaf's hooks on its finished gradient and add it to ``.grad``."""
    before = modes.grad
    modes.grad = run.create
    try:
        if hooks:
            g = leaf_hooks(run, leaf, g)
        if leaf._grad is None:
            leaf._grad = g if isinstance(g, Tensor) and run.create else wrap(run.array(g), leaf._device)
        elif run.create:
            leaf._grad = leaf._grad + run.tensor(g)
        elif leaf._grad._view is None:
            leaf._grad._a = _add(leaf._grad._a, run.array(g))
            leaf._grad._v += 1
        else:
            leaf._grad.add_(run.tensor(g))
        for hook in list(leaf.__dict__.get("_post_hooks", {}).values()):
            hook(leaf)
    finally:
        modes.grad = before


def leaf_hooks(run: _Run, leaf: Tensor, g):
    """A leaf's gradient after its tensor hooks."""
    for hook in list(leaf.__dict__.get("_hooks", {}).values()):
        g = run.call_hook(hook, g, "hook")
    return g


def run_grad(outputs, inputs, grads, keep: bool, create: bool) -> list:
    """Gradients of ``outputs`` with respect to ``inputs``, None where there is no path; ``.grad`` is left alone."""
    run = _Run(keep or create, create)
    edges = [_target_edge(t) for t in inputs]
    run.want(edges)
    run.prune([edge_of(t) for t in outputs if t._rg], edges)
    _engine(run, outputs, grads)
    found = []
    for t, edge in zip(inputs, edges, strict=True):
        g = _found(run, edge, t)
        if g is not None and edge._edge == 2:
            g = leaf_hooks(run, t, g)
        found.append(None if g is None else g if create else wrap(run.array(g), t._device))
    return found


def retain_grad(t: Tensor) -> None:
    """Keep the gradient of a tensor that is no leaf in its ``.grad``."""
    read(t)
    if not t._rg:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if t._node is None or t.__dict__.get("_retains"):
        return
    t._retains = True
    ref = weakref.ref(t)

    def keep(g):
        owner = ref()
        if owner is not None:
            owner._grad = g if owner._grad is None else owner._grad + g

    index = t._node.index if t._node._edge == 1 else 0
    node_of(t).extra().setdefault("retain", Hooks()).register((index, keep))

"""Functions of Tensors mapped over a dimension by MLX's ``vmap``, differentiable through what they capture too."""

from __future__ import annotations

import collections
import gc
import sys

import mlx.core as mx
import numpy as np

from . import lazy
from .errors import NeedsValues, freed_graph
from .generator import DeviceSource, default_generator
from .modes import enable_grad, modes
from .table import namespaces
from .tape import Node, _engine, _Run, edge_of, is_differentiable, sequence
from .tensor import Tensor, read, wrap


class CannotMap(RuntimeError):
    """A function MLX's ``vmap`` does not take."""


def captured(outputs, since: int, inner=()) -> list:
    """The edges by which a graph recorded after ``since`` leaves it: nodes from before, and leaves that are not ``inner``."""
    found: dict = {}
    own = set(inner)
    stack = [edge_of(t) for t in outputs]
    seen = set()
    while stack:
        edge = stack.pop()
        if edge is None:
            continue
        if edge._edge == 2:
            if edge not in own:
                found[edge] = edge
            continue
        node = edge if edge._edge == 0 else edge.node
        if node.seq <= since:
            found[node, 0 if edge._edge == 0 else edge.index] = edge
        elif node not in seen:
            seen.add(node)
            stack.extend(node.edges)
    return list(found.values())


class _Partial(_Run):
    """A pass that ends at the edges wanted, even if one of them leads to another."""

    def capture(self, node: Node, gs: list) -> bool:
        super().capture(node, gs)
        return node in self.targets


def partial_gradients(outputs, edges, grads, create: bool) -> list:
    """Gradients at edges, each with the others held; None where there is no path."""
    run = _Partial(True, create)
    run.want(edges)
    run.prune([edge_of(t) for t in outputs], edges)
    _engine(run, outputs, grads)
    return [
        run.leaves.get(e) if e._edge == 2 else run.wanted.get((e, 0) if e._edge == 0 else (e.node, e.index))
        for e in edges
    ]


def _random_refused() -> RuntimeError:
    return RuntimeError(
        "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
        "randomness flags on vmap or perform the randomness operation out of vmap"
    )


class _Refusing(DeviceSource):
    """Random numbers that may not be drawn."""

    def next_key(self):
        raise _random_refused()


class _Randomness:
    """Random numbers inside a mapped function: refused, the same for all elements, or different ones.

    Running the function again with the same object draws the same numbers.
    """

    def __init__(self, kind: str, count: int):
        self.kind = kind
        self.keys = None
        if kind != "error":
            key = default_generator.source.next_key()
            self.keys = (
                mx.random.split(key, count) if kind == "different" else mx.broadcast_to(key, (count, *key.shape))
            )

    def extra(self) -> list:
        return [] if self.kind != "different" else [self.keys]

    def enter(self, key):
        before = default_generator._source
        source = _Refusing(0) if self.kind == "error" else DeviceSource(0)
        if self.kind != "error":
            source.key = self.keys[0] if key is None else key
        default_generator._source = source
        return before


class _Mapped(Node):
    """The node of a mapped function: its gradient is the mapped gradient of the function."""

    def setup(self, fn, tensors, outside, randomness, outs):
        self.fn_, self.tensors, self.outside, self.randomness = fn, tensors, outside, randomness
        self.nout = len(outs)
        self.outs_meta = [(a.shape, a.dtype) for a in outs]

    def pull(self, gs: list) -> list:
        return [None if g is None else read(g) for g in self._gradients([None if g is None else wrap(g) for g in gs])]

    def pull_recorded(self, gs: list) -> list:
        return self._gradients(gs)

    def _gradients(self, gs: list) -> list:
        self.check_saved()
        given = [g for g in gs if g is not None]
        count = len(self.tensors)
        wants = [i for i, e in enumerate(self.edges[:count]) if e is not None]
        nothing: set = set()
        gradient = self._gradient_of_one(gs, wants, nothing)
        results = [
            None if i in nothing else g
            for i, g in enumerate(vmapped(gradient, [*self.tensors, *given], self.randomness))
        ]
        grads: list = [None] * count
        for i, g in zip(wants, results, strict=False):
            grads[i] = g
        return grads + [None if g is None else g.sum(0) for g in results[len(wants) :]]

    def _gradient_of_one(self, gs, wants, nothing: set):
        """The function from one element of the inputs and of the gradients given to the gradients of that element."""
        count, fn, outside = len(self.tensors), self.fn_, self.outside

        def gradient(args: list) -> list:
            xs, cotangents = args[:count], iter(args[count:])
            create = modes.grad
            with enable_grad():
                xs = [inner_of(x) if i in wants else x for i, x in enumerate(xs)]
                outs = fn(xs)
            pairs = [(o, next(cotangents)) for o, g in zip(outs, gs, strict=True) if g is not None]
            pairs = [(o, g) for o, g in pairs if o._rg]
            edges = [edge_of(xs[i]) for i in wants] + outside
            found = partial_gradients([o for o, _ in pairs], edges, [g for _, g in pairs], create)
            nothing.update(i for i, g in enumerate(found) if g is None)
            return [wrap(mx.zeros(())) if g is None else g if isinstance(g, Tensor) else wrap(g) for g in found]

        return gradient

    def free(self) -> None:
        self.freed, self.tensors, self.outside = True, None, None

    def check_saved(self) -> None:
        if self.freed:
            raise freed_graph()


def inner_of(t: Tensor) -> Tensor:
    """``t`` as a variable of its own to differentiate by: its history goes on behind it."""
    a = read(t)
    out = wrap(a, t._device)
    if not is_differentiable(a):
        return out
    out._rg = True
    if t._rg and modes.grad:
        out._node = Node(_Identity, (edge_of(t),))
    return out


class _Identity:
    """The operator between a tensor and the variable that stands for it in a derivative."""

    backward_name = "AliasBackward0"
    saves_output = False

    @staticmethod
    def pull(gs, _arrays, _outs, _node):
        return [gs[0]]


def _traced(a) -> bool:
    """Whether an array depends on what is being mapped: MLX does not evaluate such."""
    try:
        mx.eval(a)
    except ValueError:
        return True
    return False


class _Writes:
    """Notes what a mapped function writes in place, to refuse what a tensor from outside can not hold.

    A tensor that is the same for all elements may be given a value that differs between them only if it does not outlive the
    call. ``one_by_one``: the function is called for each element, so that any write would be done once for each.
    """

    def __init__(self, one_by_one: bool = False):
        self.one_by_one = one_by_one
        self.noted: list = []
        self.refused: set = set()

    def note(self, t: Tensor, new: Tensor) -> None:
        # of a view its storage is what lives on
        cell = None if t._view is None else t._view.cell
        self.noted.append((t, (t._a, t._node, t._rg)) if cell is None else (cell, cell.value))
        if self.one_by_one or (_traced(read(new)) and not _traced(read(t))):
            self.refused.add(len(self.noted) - 1)

    def undo(self) -> None:
        """Give everything that was written its former value."""
        for place, before in reversed(self.noted):
            if isinstance(place, Tensor):
                place._a, place._node, place._rg = before
            else:
                place.value, place.version = before, place.version + 1

    def settle(self) -> None:
        """Undo the writes if a refused one was to what is still known outside. Raises: RuntimeError then."""
        if not self._outlive():
            return
        gc.collect()
        if self._outlive():
            self.undo()
            raise RuntimeError(
                "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args "
                "that has more elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped "
                "over in a vmap. Please try to use out-of-place operators instead of inplace arithmetic."
            )

    def _outlive(self) -> bool:
        # the references of the list's pairs and of getrefcount's argument
        pairs = collections.Counter(id(place) for place, _ in self.noted)
        return any(sys.getrefcount(self.noted[k][0]) > pairs[id(self.noted[k][0])] + 1 for k in self.refused)


def _one_by_one(fn, tensors, randomness) -> list:
    """``vmapped`` for functions that are computed on the host: element by element, the results stacked.

    Raises: CannotMap for no elements, there being no call to tell the shapes of the results.
    """
    if not len(tensors[0]):
        raise CannotMap("vmap: a function that is computed on the host can not be mapped over a dimension of size 0")
    columns = []
    state = default_generator.get_state()
    for i in range(len(tensors[0])):
        if randomness.kind == "same":
            default_generator.set_state(state)
        elements = [t.select(0, i).clone() for t in tensors]
        key = randomness.keys[i] if randomness.kind == "different" else None
        before, mapping = randomness.enter(key), modes.mapping
        writes = _Writes(one_by_one=True)
        modes.mapping = writes.note
        try:
            columns.append(fn(elements))
        finally:
            default_generator._source, modes.mapping = before, mapping
        if randomness.kind == "error" and not np.array_equal(default_generator.get_state(), state):
            default_generator.set_state(state)
            raise _random_refused()
        writes.settle()
    return [namespaces["torch"]["stack"](column) for column in zip(*columns, strict=True)]


def vmapped(fn, tensors, randomness="error") -> list:
    """``fn`` (a list of Tensors to a list of Tensors) on every element of the first dimension of ``tensors``, stacked.

    Raises: CannotMap where MLX can not; RuntimeError for random numbers under ``randomness="error"``.
    """
    tensors = list(tensors)
    arrays = [read(t) for t in tensors]
    count = arrays[0].shape[0]
    if not isinstance(randomness, _Randomness):
        randomness = _Randomness(randomness, count)
    recording = modes.grad
    since, outside, depends = next(sequence), [], []

    def traced(*xs):
        key = xs[-1] if randomness.kind == "different" else None
        inner = [wrap(x, t._device) for x, t in zip(xs, tensors, strict=False)]
        for x, t in zip(inner, tensors, strict=True):
            x._rg = recording and t._rg
        before, mapping, writes = randomness.enter(key), modes.mapping, _Writes()
        modes.mapping = writes.note
        try:
            outs = fn(inner)
        except NeedsValues:
            writes.undo()
            raise
        finally:
            default_generator._source, modes.mapping = before, mapping
        outside.extend(captured(outs, since, inner) if recording else [])
        depends.extend(o._rg for o in outs)
        arrays = [read(o) for o in outs]
        del outs, inner
        writes.settle()
        return arrays

    try:
        with lazy.paused():
            outs = mx.vmap(traced)(*arrays, *randomness.extra())
    except NeedsValues:
        return _one_by_one(fn, tensors, randomness)
    except (ValueError, RuntimeError) as error:
        text = str(error)
        if not ("::vmap]" in text or "being traced" in text):
            raise
        raise CannotMap(f"vmap: this function can not be mapped, loop over the dimension instead ({text})") from error
    results = [wrap(a, tensors[0]._device) for a in outs]
    if recording and any(depends):
        node = _Mapped(None, [edge_of(t) if t._rg else None for t in tensors] + outside, "VmapBackward")
        node.setup(fn, tensors, outside, randomness, outs)
        for i, t in enumerate(results):
            if depends[i] and is_differentiable(t._a):
                t._node, t._rg = node.output_edge(i), True
    return results

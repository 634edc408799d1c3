"""Shared storage: cells, views that read through to them, writes that go back, and autograd through both.

A cell holds the current value of a storage. A view reads it through steps and remembers the version it saw; when the cell has
moved on, reading replays the steps (as recorded operations if the base has a history, so the view's history is the base's, as
in torch). A write puts the new value back through the steps and gives the base a node for it.
"""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from . import dtypes
from .errors import cannot_cast, grouped_view, leaf_in_place
from .modes import modes
from .steps import Gathered, row_major, write_through_places
from .tape import Node, edge_of, is_differentiable, node_of, note_traceback
from .tensor import Tensor, read, set_sync, wrap


class Cell:
    """A storage: its value, a version for readers, and the count of writes autograd sees."""

    __slots__ = ("__weakref__", "strides", "value", "version", "writes")

    def __init__(self, value: mx.array, writes: int):
        self.value, self.version, self.writes = value, 0, writes
        self.strides = None  # row-major unless a memory format says otherwise


class View:
    """How a tensor reads its cell. ``base`` is the tensor whose history a differentiable view follows."""

    __slots__ = ("base", "cell", "grouped", "hidden", "seen", "steps", "untracked")

    def __init__(self, cell: Cell, steps: tuple, base: Tensor | None):
        self.cell, self.steps, self.base, self.seen = cell, steps, base, cell.version
        self.hidden = False  # made by .data: writes are not counted
        self.untracked = False  # made under no_grad
        self.grouped = None  # which output of which function, if that returned several views


def cell_of(t: Tensor) -> Cell:
    """The storage of a tensor, made on first use."""
    if t._view is None:
        t._view = View(Cell(t._a, t._v), (), None)
    return t._view.cell


def version_of(t: Tensor) -> int:
    v = t._view
    return t._v if v is None else 0 if v.hidden else v.cell.writes


Tensor._version = property(version_of)


class _ViewOp:
    """The operator of nodes that views record; ``node.statics`` is (steps, shapes and dtypes before each)."""

    backward_name = "ViewBackward0"
    saves_output = False

    @staticmethod
    def pull(gs, _arrays, _outs, node):
        step, like = node.statics
        return [step.pull(gs[0], like)]


class _Like:
    """Shape and dtype of an array that is not kept."""

    __slots__ = ("dtype", "ndim", "shape", "size")

    def __init__(self, a):
        self.shape, self.dtype, self.ndim, self.size = a.shape, a.dtype, a.ndim, a.size


def view(t: Tensor, step, name: str) -> Tensor:
    """A tensor that sees ``t`` through ``step`` and shares its storage; ``name`` is what its node is called."""
    a = read(t)
    out = wrap(step.read(a), t._device)
    recording = modes.grad and t._rg and is_differentiable(out._a)
    if recording:
        _record_step(out, t, step, a, name)
    before = t._view
    if before is None:
        before = t._view = View(Cell(a, t._v), (), None)
    seen = out._view = View(before.cell, (*before.steps, step), None)
    seen.hidden, seen.untracked = before.hidden, before.untracked
    if before.grouped is not None:
        seen.grouped = f"0 of {name.rstrip('0123456789').removesuffix('Backward')}"
    if modes.grad:
        seen.base = t if before.base is None else before.base
    else:
        seen.untracked = True
    return out


def several(t: Tensor, steps, join, name: str) -> tuple:
    """Views of ``t`` through each of ``steps`` with one node; ``join(gs, like)`` gives the gradient from those of the views."""
    a = read(t)
    cell = cell_of(t)
    before = t._view
    node = None
    if modes.grad and t._rg:
        node = Node(_SeveralViews, (t._node or t,), name)
        node.statics = (join, _Like(a))
        node.nout = len(steps)
        if modes.anomaly:
            note_traceback(node)
    outs = []
    for i, step in enumerate(steps):
        out = wrap(step.read(a), t._device)
        seen = out._view = View(cell, (*before.steps, step), None)
        seen.hidden, seen.untracked = before.hidden, before.untracked or not modes.grad
        if modes.grad:
            seen.base = t if before.base is None else before.base
            seen.grouped = f"{i} of {name.removesuffix('Backward0')}"
        if node is not None:
            out._node, out._rg = node.output_edge(i), True
        outs.append(out)
    if node is not None:
        node.outs_meta = [(o._a.shape, o._a.dtype) for o in outs]
    return tuple(outs)


class _SeveralViews:
    """The operator of the one node of several views."""

    backward_name = "UnbindBackward0"
    saves_output = False

    @staticmethod
    def pull(gs, _arrays, _outs, node):
        join, like = node.statics
        return [join(fill_missing(gs, node), like)]


class _Stale:
    """The operator of the history of one of several views after its base was written to: there is none."""

    backward_name = "ErrorBackward0"
    saves_output = False

    @staticmethod
    def pull(_gs, _arrays, _outs, node):
        raise grouped_view(node.statics, "and its base or another view of its base has been")


def fill_missing(gs, node) -> list:
    """Zeros for the outputs nothing came back from."""
    return [mx.zeros(meta[0], dtype=meta[1]) if g is None else g for g, meta in zip(gs, node.outs_meta, strict=True)]


def _record_step(out: Tensor, t: Tensor, step, a, name: str) -> None:
    node = Node(_ViewOp, (t._node or t,), name)
    # the gradient of a view of part of a tensor needs the whole's shape; the value itself is not kept
    node.statics = (step, _Like(a))
    out._node, out._rg = node, True
    if modes.anomaly:
        note_traceback(node)


def alias(t: Tensor, hidden: bool = False) -> Tensor:
    """The same storage without history: ``detach`` and, with ``hidden``, ``data``."""
    a = read(t)
    cell_of(t)
    out = wrap(a, t._device)
    out._view = View(t._view.cell, t._view.steps, None)
    out._view.hidden = hidden
    return out


def sync(t: Tensor) -> mx.array:
    """Read a stale view anew."""
    v = t._view
    base = v.base
    if base is not None:
        read(base)
    if base is None or not base._rg:
        a = v.cell.value
        for step in v.steps:
            a = step.read(a)
        t._a = a
        if t._node is not None and base is not None:
            t._node, t._rg = None, False
    elif v.grouped:
        _refresh_grouped(t)
    else:
        _replay(t, base)
    v.seen = v.cell.version
    return t._a


def _refresh_grouped(t: Tensor) -> None:
    # torch refuses any use in autograd from here on; the values stay readable
    a = t._view.cell.value
    for step in t._view.steps:
        a = step.read(a)
    node = Node(_Stale, (None,))
    node.statics = t._view.grouped
    t._a, t._node, t._rg = a, node, True


def _own_steps(t: Tensor) -> tuple:
    """The steps from a view's base to the view."""
    v = t._view
    return v.steps[len(v.base._view.steps) :]


def _replay(t: Tensor, base: Tensor) -> None:
    x = base
    for step in _own_steps(t):
        a = read(x) if x is base else x._a
        nxt = wrap(step.read(a), t._device)
        _record_step(nxt, x, step, a, t._node.name_ if isinstance(t._node, Node) else "ViewBackward0")
        x = nxt
    t._a, t._node, t._rg = x._a, x._node, True


set_sync(sync)


# --------------------------------------------------------------------------------------------------------------- writing
def _through(steps, a, new):
    """The array ``a`` with what ``steps`` see of it replaced."""
    if len(steps) == 1:
        return steps[0].write(a, new)
    if any(step.overlaps for step in steps[:-1]):
        # an element shown several times would be written back with its old value from where it was not written
        return write_through_places(a, steps, new)
    values = [a]
    for step in steps[:-1]:
        values.append(step.read(values[-1]))
    for step, value in zip(reversed(steps), reversed(values), strict=True):
        new = step.write(value, new)
    return new


class _CopySlices:
    """The operator of the node a base gets when one of its views is written to."""

    backward_name = "CopySlices"
    saves_output = False

    @staticmethod
    def pull(gs, _arrays, _outs, node):
        steps = node.statics
        g = gs[0]
        inner = g
        for step in steps:
            inner = step.read(inner)
        return [
            _through(steps, g, mx.zeros_like(inner)) if node.edges[0] is not None else None,
            inner if node.edges[1] is not None else None,
        ]


def check_writable(t: Tensor) -> None:
    """Raise what torch raises for an in-place operation autograd can not follow."""
    v = t._view
    if v is not None and v.seen != v.cell.version:
        sync(t)
    if not modes.grad:
        return
    if t._rg and t._node is None:
        raise leaf_in_place(view=False)
    if v is None or v.base is None:
        if v is not None and v.untracked and t._rg:
            raise RuntimeError(
                "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use "
                "case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the "
                "inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if "
                "you want the inplace to be tracked)."
            )
        return
    if v.base._rg and v.base._node is None:
        raise leaf_in_place(view=True)
    if v.grouped and t._rg:
        raise grouped_view(v.grouped, "and is being")


def _mark_written(t: Tensor) -> None:
    # a rule that reads its output must know that the tensor no longer holds it
    node = node_of(t)
    if node is not None:
        node.out_dirty = True


def write(t: Tensor, new: Tensor) -> Tensor:
    """Replace the value of ``t`` by that of ``new`` (already of its shape and dtype), history included."""
    if modes.mapping is not None:
        modes.mapping(t, new)
    _mark_written(t)
    v = t._view
    tracked = modes.grad and not (t.__dict__ and t.__dict__.get("_inference"))
    if v is None:
        t._a = new._a
        t._v += 1
        if tracked:
            t._node, t._rg = new._node, new._rg
        return t
    cell = v.cell
    a = read(new)
    if tracked and v.base is not None:
        _rebase(t, v, a, new)
    cell.value = _through(v.steps, cell.value, a) if v.steps else a
    cell.version += 1
    if not v.hidden:
        cell.writes += 1
    if tracked and v.base is None:
        t._node, t._rg = new._node, new._rg
    if v.base is None:
        t._a, v.seen = a, cell.version
    return t


def _rebase(t: Tensor, v: View, a, new: Tensor) -> None:
    """Give the base of a view that is being written to a node for the write."""
    base = v.base
    read(base)
    if not (base._rg or new._rg):
        return
    _mark_written(base)
    node = Node(_CopySlices, (edge_of(base), edge_of(new) if new._rg else None))
    node.statics = _own_steps(t)
    base._node, base._rg = node, True


def fit(t: Tensor, new: Tensor, cast) -> Tensor:
    """``new`` broadcast and cast to be written into ``t``; raises torch's errors where it can not be."""
    have, want = new.dtype, t.dtype
    if have is not want:
        if not dtypes.can_cast(have, want):
            raise cannot_cast(dtypes.scalar_type_name(have), dtypes.scalar_type_name(want))
        new = cast(new, want)
    shape, target = new._a.shape, read(t).shape
    if shape != target:
        raise RuntimeError(f"output with shape {list(target)} doesn't match the broadcast shape {list(shape)}")
    if t._view is not None and new._a.size:
        refuse_repeats(t)
    return new


def refuse_repeats(t: Tensor) -> None:
    """Refuse to write to a tensor that shows an element in several places, as an expanded one does."""
    shape, strides, _ = layout_of(t)
    if 0 in strides and 0 not in shape and any(s == 0 and n > 1 for s, n in zip(strides, shape, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


# --------------------------------------------------------------------------------------------------------------- layout
def layout_of(t: Tensor) -> tuple:
    """(shape, strides, offset) as torch would report them."""
    v = t._view
    shape = read(t).shape
    if v is None:
        return shape, row_major(shape), 0
    value = v.cell.value
    layout = value.shape, v.cell.strides or row_major(value.shape), 0
    for step in v.steps:
        layout = step.layout(*layout)
    return layout


def storage_root(t: Tensor) -> Tensor:
    """A tensor that sees the whole of the storage ``t`` sees, with the history of ``t``'s base."""
    v = t._view
    if v is None or not v.steps:
        return t
    if v.base is not None and not v.base._view.steps:
        return v.base
    root = wrap(v.cell.value, t._device)
    root._view = View(v.cell, (), None)
    root._view.hidden = v.hidden
    return root


def storage_positions(t: Tensor, step: Gathered) -> Gathered | None:
    """``step``, which names elements of the storage, as a step of ``t`` itself; None if ``t`` does not see all of them."""
    if t._view is None or (not t._view.steps and t._view.cell.strides is None):
        return step
    own = Gathered(*layout_of(t)).positions()
    where = np.full(int(own.max(initial=-1)) + 1, -1, dtype=np.int64)
    where[own] = np.arange(own.size)
    wanted = step.positions()
    if wanted.size and wanted.max() >= where.size:
        return None
    index = where[wanted]
    return Gathered(step.shape, step.strides, step.offset, index) if index.min(initial=0) >= 0 else None


def detached_from(t: Tensor, new: Tensor) -> None:
    """Make ``t`` read the storage of ``new`` (the ``.data`` setter)."""
    cell_of(new)
    t._a = read(new)
    t._view = View(new._view.cell, new._view.steps, None)
    t._view.seen = new._view.cell.version

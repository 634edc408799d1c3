"""The hot path: unwrap, promote, call, wrap, record."""

from __future__ import annotations

import numbers

import mlx.core as mx
import numpy as np

from . import checks, dtypes, lazy, views
from . import device as devices
from .errors import cannot_cast, size_mismatch
from .halves import HALVES, holds
from .modes import modes
from .overlap import refuse_shared
from .steps import unbroadcast
from .tape import Node, is_differentiable, note_traceback, sequence, vjp_of
from .tensor import Tensor, read, wrap
from .views import fill_missing

_CPU = devices.CPU_LABEL
_is_inexact = {d.mlx: d.category >= dtypes.FLOAT for d in dtypes.BY_NAME.values() if d.mlx is not None}
_INEXACT = {d for d, yes in _is_inexact.items() if yes}


def run(op, tensors, statics):
    """Apply an operator to tensors (or numbers, where it takes them) and static arguments."""
    arrays = []
    needs = False
    device = _CPU
    plain = True
    for t in tensors:
        if isinstance(t, Tensor):
            v = t._view
            arrays.append(t._a if v is None or v.seen == v.cell.version else read(t))
            if t._rg:
                needs = True
            if t._device is not _CPU:
                device = t._device
        else:
            plain = False
            arrays.append(t)
    if modes.autocast is not None and op.autocast is not None:
        tensors, arrays = modes.autocast(op, tensors, arrays)
    if not plain or op.promotes:
        tensors, arrays = prepare(op, tensors, arrays, plain)
        if tensors is None:
            return arrays
    if op.check is not None:
        arrays = op.check(arrays, statics)
    recording = needs and op.differentiable and modes.grad
    kept = None
    if recording and op.saving_body is not None:
        out, kept = call(op, arrays, statics, op.saving_body)
    else:
        out = call(op, arrays, statics, op.body)
    n = next(sequence)
    if not n & lazy.BUDGET_MASK and device.type != "meta":
        lazy.tick(out)
    if recording:
        return record_op(op, tensors, arrays, statics, out, device, kept)
    if type(out) is not tuple:
        result = wrap(out, device)
        if modes.inference:
            result._inference = True
        return result
    results = [wrap(o, device) for o in out]
    return op.result(*results) if op.result is not None else tuple(results)


def call(op, arrays, statics, body):
    """One of the operator's bodies, on the CPU stream where the GPU can not run it."""
    try:
        if devices.GPU and (op.cpu or devices.needs_cpu(arrays)):
            with devices.cpu_stream():
                return body(arrays, *statics) if op.takes_list else body(*arrays, *statics)
        return body(arrays, *statics) if op.takes_list else body(*arrays, *statics)
    except ValueError as error:
        # MLX's words, and numpy's
        if "broadcast_shapes" not in str(error) and "objects cannot be broadcast" not in str(error):
            raise
        raise size_mismatch(arrays) or error from None


def record_op(op, tensors, arrays, statics, out, device, kept=None):
    """Wrap the outputs of an operator and put its node on the tape; ``kept`` is what its saving form hands to its rule."""
    # a tensor that requires grad is inexact, so its edge needs no look at the dtype; None and numbers have no `_rg`
    node = Node(op, [(t._node or t) if isinstance(t, Tensor) and t._rg else None for t in tensors])
    if statics:
        node.statics = statics
    if kept is not None:
        node.kept = kept
    if op.saved is not None:
        save_inputs(op, node, tensors, arrays)
    if op.keeps_shapes:
        node.shapes = [a.shape if isinstance(a, mx.array) else None for a in arrays]
        if op.keeps_dtypes:
            node.dtypes = [a.dtype if isinstance(a, mx.array) else None for a in arrays]
    if modes.anomaly:
        note_traceback(node)
    if type(out) is not tuple:
        if op.saves_output:
            node.outs = [out]
        result = wrap(out, device)
        if op.inexact_output or _is_inexact[out.dtype]:
            result._node = node
            result._rg = True
        elif "dtype" in op.statics:
            raise RuntimeError(f"Autograd not support dtype: {dtypes.scalar_type_name(result.dtype)}")
        return result
    if op.saves_output:
        node.outs = list(out)
    node.nout = len(out)
    node.outs_meta = [(o.shape, o.dtype) for o in out]
    results = []
    for i, o in enumerate(out):
        t = wrap(o, device)
        if _is_inexact[o.dtype] and i not in op.constant_outputs:
            t._node, t._rg = node.output_edge(i), True
        results.append(t)
    return op.result(*results) if op.result is not None else tuple(results)


def save_inputs(op, node, tensors, arrays) -> None:
    """Keep on a node the inputs its rule reads, and the sum of their versions."""
    saved = op.saved
    if op.crosswise is not None:
        i, j = op.crosswise
        saved = op.saved_for(node.edges[i] is not None, node.edges[j] is not None)
    elif op.reader is not None and node.edges[op.reader] is None:
        saved = [op.reader]
    if saved is True:
        node.arrays, node.inputs = arrays, tensors
    else:
        node.arrays = kept = [None] * len(arrays)
        for k in saved:
            kept[k] = arrays[k]
        node.inputs = [tensors[k] for k in saved]
    if op.watched is not None:
        node.inputs = [tensors[k] for k in op.watched]
    version = 0
    for t in node.inputs:
        if isinstance(t, Tensor):
            version += t._v if t._view is None else t._version
    node.version = version


# ------------------------------------------------------------------------------------------------------------ promotion
def is_number(value) -> bool:
    return isinstance(value, (int, float, complex, np.generic, numbers.Number))


def prepare(op, tensors, arrays, plain: bool):
    """Check the operands' types and bring them to the dtype the operator computes in: (tensors, arrays), or (None, the result)."""
    promotes = op.promotes
    if len(arrays) == 2 and promotes:
        a, b = arrays
        if plain:
            if a.dtype == b.dtype and (promotes != "float" or a.dtype in _INEXACT):
                return tensors, arrays
        elif type(b) in _FAST_NUMBERS:
            if type(a) is mx.array and 1 in op.numbers and a.dtype in _INEXACT:
                if op.by_number is not None and a.dtype in HALVES and not holds(a.dtype, float(b)):
                    return None, run(op.by_number, tensors[:1], (float(b), True))
                return tensors, [a, mx.array(float(b), a.dtype)]
        elif type(a) in _FAST_NUMBERS and type(b) is mx.array and 0 in op.numbers and b.dtype in _INEXACT:
            if op.by_number is not None and b.dtype in HALVES and not holds(b.dtype, float(a)):
                return None, run(op.by_number, tensors[1:], (float(a), False))
            return tensors, [mx.array(float(a), b.dtype), b]
    elif plain and len(arrays) == 1 and (promotes != "float" or arrays[0].dtype in _INEXACT):
        return tensors, arrays
    if not plain:
        arrays = [_operand(op, i, a) for i, a in enumerate(arrays)]
        if not any(isinstance(a, mx.array) for a in arrays):
            raise op.bad_operand(0, arrays[0])
    if op.guard is not None:
        op.guard(arrays)
    if not promotes:
        return tensors, [scalar_array(a, dtypes.of_scalar(a).mlx) if is_number(a) else a for a in arrays]
    target = dtypes.to_mlx(common_dtype(arrays))
    if promotes == "float" and target not in _INEXACT:
        target = dtypes.get_default_dtype().mlx
    # in single precision a number is not rounded to a half
    return cast_all(tensors, arrays, target, mx.float32 if op.single and target in HALVES else target)


_FAST_NUMBERS = {int, float}


def _operand(op, i: int, a):
    if (a is None and i in op.optional) or isinstance(a, mx.array):
        return a
    if isinstance(a, np.generic):
        a = a.item()
    if not (is_number(a) and i in op.numbers):
        raise op.bad_operand(i, a)
    return a


def common_dtype(arrays) -> dtypes.dtype:
    """torch's result type of arrays and Python numbers."""
    return dtypes.result_type_of(
        (0 if a.ndim else 1, dtypes.from_mlx(a.dtype)) if isinstance(a, mx.array) else (2, dtypes.of_scalar(a))
        for a in arrays
        if a is not None
    )


def cast_all(tensors, arrays, target, number_target=None):
    """Every operand in ``target`` (numbers in another, if one is given); casts of tensors that require grad are recorded."""
    tensors, arrays = list(tensors), list(arrays)
    for i, a in enumerate(arrays):
        if a is None:
            continue
        if not isinstance(a, mx.array):
            arrays[i] = scalar_array(a, number_target or target)
        elif a.dtype != target:
            t = tensors[i]
            if t._rg and modes.grad:
                tensors[i] = t = cast(t, dtypes.from_mlx(target))
                arrays[i] = t._a
            else:
                arrays[i] = convert(a, target)
    return tensors, arrays


def scalar_array(value, target) -> mx.array:
    """A Python number as a 0-dimensional array."""
    if target == mx.bool_:
        return mx.array(bool(value))
    if isinstance(value, complex):
        return mx.array(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and target not in _INEXACT:
        if 0 <= value < 128:
            return checks.know(mx.array(int(value), target))
        if isinstance(value, float):
            value = int(value)
        # MLX's own constructor refuses what does not fit 32 bits signed; numpy wraps as C does
        return checks.know(mx.array(np.array(value).astype(dtypes.from_mlx(target).numpy)))
    return mx.array(float(value), target)


def convert(a: mx.array, target) -> mx.array:
    """``a.astype`` that drops imaginary parts, wraps integers and, for float64, stays off the GPU."""
    if devices.GPU and mx.float64 in (a.dtype, target):
        with devices.cpu_stream():
            return a.astype(target)
    if a.dtype == mx.complex64 and target != mx.complex64:
        a = mx.real(a) if target != mx.bool_ else a != 0
    return a.astype(target)


class _Cast:
    """The operator of dtype conversions."""

    backward_name = "ToCopyBackward0"
    saves_output = False

    @staticmethod
    def pull(gs, _arrays, _outs, node):
        return [convert(gs[0], node.statics)]


def cast(t: Tensor, to: dtypes.dtype) -> Tensor:
    """A copy in another dtype, differentiable between inexact types."""
    a = read(t)
    out = wrap(convert(a, dtypes.to_mlx(to)), t._device)
    if t._rg and modes.grad and is_differentiable(out._a):
        node = Node(_Cast, (t._node or t,))
        node.statics = a.dtype
        out._node, out._rg = node, True
    return out


# ------------------------------------------------------------------------------------------------ gradients of operators
def pull_by_mlx(op, gs, arrays, node) -> list:
    """The default rule: MLX's autodiff of the body."""
    statics = node.statics or ()

    def body(*xs):
        out = op.body(list(xs), *statics) if op.takes_list else op.body(*xs, *statics)
        return list(out) if type(out) is tuple else [out]

    return vjp_of(body, arrays, [e is not None for e in node.edges], gs)


def pull_by_rule(op, gs, arrays, outs, node) -> list:
    """An operator's own rule, and the sum over what broadcasting stretched."""
    if node.nout > 1:
        gs = fill_missing(gs, node)
    grads = op.rule(gs, arrays, outs, node)
    if type(grads) is not tuple and type(grads) is not list:
        grads = (grads,)
    if not op.broadcasts:
        return grads
    return [
        g if g is None or e is None or g.shape == s else unbroadcast(g, s)
        for g, e, s in zip(grads, node.edges, node.shapes, strict=True)
    ]


# ------------------------------------------------------------------------------------------------------------- writing
def in_place(op, tensors, statics):
    """Run an operator and write its result into the first tensor."""
    target = tensors[0]
    views.check_writable(target)
    if target._view is not None and op.promotes:
        refuse_shared(target, tensors[1:], whole=False)
    result = run(op, tensors, statics) if modes.autocast is None else run_as_is(op, tensors, statics)
    if modes.inference is False and target.__dict__ and target.is_inference():
        raise RuntimeError("Inplace update to inference tensor outside InferenceMode is not allowed.")
    node = result._node if result._rg else None
    result = views.fit(target, result, cast)
    views.write(target, result)
    if node is not None and node._edge == 0 and node.inputs is not None:
        # the rule reads the values from before this write, which is no modification to complain of
        node.inputs = [t for t in node.inputs if isinstance(t, Tensor) and t is not target]
        node.version = sum(t._version for t in node.inputs)
    return target


def run_as_is(op, tensors, statics):
    """Apply an operator whose operands autocast is to leave alone, as it does those of in-place forms."""
    before, modes.autocast = modes.autocast, None
    try:
        return run(op, tensors, statics)
    finally:
        modes.autocast = before


def deliver(result, out, rule: str = "", operands=()):
    """The result of a function that is made of others, put into its ``out=`` if there is one."""
    return result if out is None else write_out(out, result, rule, operands)


def write_out(out, result, rule: str = "", operands=()):
    """The ``out=`` form: put a result into a tensor the caller owns.

    Args:
        rule: what torch asks of it, see ``op``: "exact" (the dtype of the result), "apart" (no memory of an operand's),
            "apart-first" (none of the first's, all or none of another's).
    """
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"out= needs a tuple of {len(result)} tensors")
        for o, r in zip(out, result, strict=True):
            write_out(o, r, rule, operands)
        return type(result)(*out) if hasattr(result, "_fields") else tuple(out)
    if not isinstance(out, Tensor):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if (result._rg or out._rg) and modes.grad:
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )
    have, want = result.dtype, out.dtype
    if have is not want and "exact" in rule:
        have, want = (dtypes.scalar_type_name(d).lower() for d in (have, want))
        raise RuntimeError(f"Expected out tensor to have dtype {have}, but got {want} instead")
    if not dtypes.can_cast(have, want):
        raise cannot_cast(dtypes.scalar_type_name(have), dtypes.scalar_type_name(want))
    if out._view is not None:
        views.refuse_repeats(out)
    if "apart" in rule:
        first = 1 if "apart-first" in rule else len(operands)
        refuse_shared(out, operands[:first], shape=result.shape)
        refuse_shared(out, operands[first:], whole=False, shape=result.shape)
    value = convert(read(result), want.mlx)
    if read(out).shape == value.shape or out._view is None:
        views.write(out, wrap(value))
        return out
    # torch resizes an out= tensor of another shape: it gets a storage of its own
    out._view, out._a = None, value
    out._v += 1
    return out

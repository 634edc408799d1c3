"""Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

import mlx.core as mx

from .._core.modes import enable_grad
from .._core.table import namespaces
from .._core.tape import run_grad
from .._core.tensor import Tensor, read, wrap
from .._core.vmapping import CannotMap, inner_of, vmapped

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_stack = namespaces["torch"]["stack"]


# ------------------------------------------------------------------------------------------------- arguments and results
def _as_tuple(given, arg: str, fn: str) -> tuple[bool, tuple]:
    """Whether there was a tuple, and the tuple."""
    single = not isinstance(given, tuple)
    many = (given,) if single else given
    for i, t in enumerate(many):
        if isinstance(t, Tensor):
            continue
        if single:
            raise TypeError(
                f"The {arg} given to {fn} must be either a Tensor or a tuple of Tensors but the given {arg} has type {type(t)}."
            )
        raise TypeError(
            f"The {arg} given to {fn} must be either a Tensor or a tuple of Tensors but the value at index {i} of the given "
            f"{arg} has type {type(t)}."
        )
    return not single, many


def _inputs(inputs, create_graph: bool, fn: str) -> tuple[bool, list]:
    """Variables to differentiate by: part of the caller's graph with ``create_graph``, else fresh leaves."""
    tupled, many = _as_tuple(inputs, "inputs", fn)
    with enable_grad():
        return tupled, [inner_of(t if create_graph else t.detach()) for t in many]


def _called(func, inputs: list, fn: str) -> tuple[bool, tuple]:
    with enable_grad():
        return _as_tuple(func(*inputs), "outputs of the user-provided function", fn)


def _shaped(tupled: bool, values):
    return tuple(values) if tupled else values[0]


def _vector(v, like, tupled: bool, what: str) -> list:
    """The vector of a product, checked against the tensors it goes with."""
    vs = list(v) if isinstance(v, tuple) else [v]
    if len(vs) != len(like):
        if tupled:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(vs, like, strict=True)):
        if not isinstance(a, Tensor):
            raise TypeError(
                f"The v given to {what} must be either a Tensor or a tuple of Tensors but has type {type(a)}."
            )
        if a.size() != b.size():
            entry = f"Entry {i} in " if len(like) > 1 else ""
            raise RuntimeError(f"{entry}v has invalid size: should be {b.size()} but got {a.size()}.")
    return vs


def _strictly(outputs, message: str) -> None:
    for i, t in enumerate(outputs):
        if not t.requires_grad:
            raise RuntimeError(message.format(i))


_NO_GRAD_OUTPUT = (
    "Output {0} of the user-provided function does not require gradients. The outputs must be computed in a differentiable manner "
    "from the input when running in strict mode."
)
_CONSTANT_JACOBIAN = (
    "While computing the hessian, found that the jacobian of the user-provided function with respect to input {0} is independent of "
    "the input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and that the "
    "jacobian depends on the inputs (this would be violated by a linear function for example)."
)


def _zeros(t: Tensor) -> Tensor:
    return wrap(mx.zeros_like(read(t)), t._device)


def _pull(outputs, inputs, vectors, create: bool) -> list:
    """Gradients, None where there is no path."""
    pairs = [(o, g) for o, g in zip(outputs, vectors, strict=True) if o.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    return run_grad([o for o, _ in pairs], inputs, [g for _, g in pairs], True, create)


def _filled(grads, inputs, strict: bool, message: str) -> list:
    """Zeros for what is missing. Raises RuntimeError under ``strict``."""
    for i, g in enumerate(grads):
        if g is None and strict:
            raise RuntimeError(message.format(i))
    return [_zeros(t) if g is None else g for g, t in zip(grads, inputs, strict=True)]


def _released(values, create_graph: bool) -> list:
    return list(values) if create_graph else [v.detach() for v in values]


# -------------------------------------------------------------------------------------------------------------- products
def vjp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(``func(*inputs)``, ``v`` times its Jacobian); ``v`` may be left out for an output of one element.

    Args: create_graph: the results can be differentiated. strict: raise where an output does not depend on an input, instead
    of giving zeros.
    """
    tupled, xs = _inputs(inputs, create_graph, "vjp")
    out_tupled, outputs = _called(func, xs, "vjp")
    if strict:
        _strictly(outputs, _NO_GRAD_OUTPUT)
    if v is None and not (len(outputs) == 1 and outputs[0].numel() == 1):
        raise RuntimeError(
            "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
        )
    vs = [_ones(outputs[0])] if v is None else _vector(v, outputs, out_tupled, "vjp")
    grads = _filled(
        _pull(outputs, xs, vs, create_graph),
        xs,
        strict,
        "The output of the user-provided function is independent of input {0}. This is not allowed in strict mode.",
    )
    return _shaped(out_tupled, _released(outputs, create_graph)), _shaped(tupled, _released(grads, create_graph))


def _ones(t: Tensor) -> Tensor:
    return wrap(mx.ones_like(read(t)), t._device)


def jvp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(``func(*inputs)``, its Jacobian times ``v``); ``v`` may be left out for an input of one element. See ``vjp``."""
    tupled, xs = _inputs(inputs, create_graph, "jvp")
    if v is None and not (len(xs) == 1 and xs[0].numel() == 1):
        raise RuntimeError(
            "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
        )
    vs = [_ones(xs[0])] if v is None else _vector(v, xs, tupled, "jvp")
    out_tupled, outputs = _called(func, xs, "jvp")
    if strict:
        _strictly(outputs, _NO_GRAD_OUTPUT)
    with enable_grad():
        # the vector-Jacobian product is linear in its vector: its derivative by it is the product on the other side
        probes = [_zeros(o).requires_grad_() for o in outputs]
        back = _pull(outputs, xs, probes, True)
    pairs = [(b, t) for b, t in zip(back, vs, strict=True) if b is not None and b.requires_grad]
    found = (
        run_grad([b for b, _ in pairs], probes, [t for _, t in pairs], True, create_graph)
        if pairs
        else [None] * len(probes)
    )
    pushed = _filled(
        found,
        outputs,
        strict,
        "The output {0} of the user-provided function is independent of the input. This is not allowed in strict mode.",
    )
    return _shaped(out_tupled, _released(outputs, create_graph)), _shaped(out_tupled, _released(pushed, create_graph))


def _scalar_output(func, inputs, fn: str) -> Tensor:
    out_tupled, outputs = _called(func, inputs, fn)
    if out_tupled or len(outputs) != 1:
        raise RuntimeError(f"The function given to {fn} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {fn} should contain a single element")
    return outputs[0]


def _first_gradient(func, inputs, v, create_graph: bool, strict: bool, fn: str):
    tupled, xs = _inputs(inputs, create_graph, fn)
    if v is None and not (len(xs) == 1 and xs[0].numel() == 1):
        raise RuntimeError(
            "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
        )
    vs = [_ones(xs[0])] if v is None else _vector(v, xs, tupled, fn)
    output = _scalar_output(func, xs, fn)
    if strict:
        _strictly([output], _NO_GRAD_OUTPUT)
    with enable_grad():
        first = _pull([output], xs, [_ones(output)], True)
        first = _filled(
            first,
            xs,
            strict,
            "The output of the user-provided function is independent of input {0}. This is not allowed in strict mode.",
        )
    if strict:
        _strictly(first, _CONSTANT_JACOBIAN)
    return tupled, xs, vs, output, first


def vhp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(``func(*inputs)``, ``v`` times the Hessian of this scalar). See ``vjp``."""
    tupled, xs, vs, output, first = _first_gradient(func, inputs, v, create_graph, strict, "vhp")
    second = _pull(first, xs, vs, create_graph)
    second = _filled(
        second,
        xs,
        strict,
        "The jacobian of the user-provided function is independent of input {0}. This is not allowed in strict mode.",
    )
    return _released([output], create_graph)[0], _shaped(tupled, _released(second, create_graph))


def hvp(func, inputs, v=None, create_graph: bool = False, strict: bool = False):
    """(``func(*inputs)``, the Hessian of this scalar times ``v``), which its symmetry makes ``vhp``. See ``vjp``."""
    tupled, xs, vs, output, first = _first_gradient(func, inputs, v, create_graph, strict, "hvp")
    second = _pull(first, xs, vs, create_graph)
    second = _filled(
        second,
        xs,
        strict,
        "The jacobian of the user-provided function is independent of input {0}. This is not allowed in strict mode.",
    )
    return _released([output], create_graph)[0], _shaped(tupled, _released(second, create_graph))


# ----------------------------------------------------------------------------------------------------- whole matrices
def _units(t: Tensor) -> Tensor:
    n = t.numel()
    return wrap(mx.reshape(mx.eye(n, dtype=read(t).dtype), (n, *t.shape)), t._device)


def _rows(output: Tensor, inputs: list, create: bool, vectorize: bool) -> list:
    """For each input the stacked gradients of every element of an output, None where there is no path."""
    if not output.requires_grad:
        return [None] * len(inputs)
    units = _units(output)
    count = output.numel()
    present = [g is not None for g in run_grad([output], inputs, [_zeros(output)], True, create)]

    def one(gs: list) -> list:
        found = run_grad([output], inputs, gs, True, create)
        return [g for g, here in zip(found, present, strict=True) if here]

    if not any(present):
        return [None] * len(inputs)
    if vectorize and count:
        try:
            columns = iter(vmapped(one, [units]))
            return [next(columns) if here else None for here in present]
        except CannotMap:
            pass  # one row at a time gives the same
    made = [one([units[i]]) for i in range(count)]
    columns = iter([_stack(list(c)) for c in zip(*made, strict=True)] if made else [])
    return [next(columns, None) if here else None for here in present]


def jacobian(
    func,
    inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
):
    """The Jacobian of ``func``: shape (*output, *input); a tuple for several inputs or outputs, nested for both.

    Args:
        create_graph: the result can be differentiated. strict: raise where an output does not depend on an input.
        vectorize: all rows at once. strategy: "reverse-mode", or with ``vectorize`` "forward-mode".
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than inputs, '
            '"forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported '
                'together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
            )
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either set "
            "`strict=False` or `vectorize=False`."
        )
    tupled, xs = _inputs(inputs, create_graph, "jacobian")
    out_tupled, outputs = _called(func, xs, "jacobian")
    if strict:
        _strictly(outputs, _NO_GRAD_OUTPUT)
    create = create_graph
    table = []
    for i, output in enumerate(outputs):
        with enable_grad():
            found = _rows(output, xs, create, vectorize)
        line = []
        for j, (rows, x) in enumerate(zip(found, xs, strict=True)):
            shape = (*output.shape, *x.shape)
            if rows is None:
                if strict:
                    raise RuntimeError(
                        f"Output {i} of the user-provided function is independent of input {j}. This is not allowed in strict mode."
                    )
                rows = wrap(mx.zeros(shape, dtype=read(x).dtype), x._device)
            elif strict and create_graph and not rows.requires_grad:
                raise RuntimeError(
                    "The jacobian of the user-provided function is independent of input "
                    f"{j}. This is not allowed in strict mode when create_graph=True."
                )
            line.append(rows.reshape(shape))
        table.append(_shaped(tupled, _released(line, create_graph)))
    return _shaped(out_tupled, table)


def hessian(
    func,
    inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
):
    """The Hessian of a scalar function: (*input, *input), nested tuples for several inputs. See ``jacobian``."""
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    tupled = isinstance(inputs, tuple)

    def gradient(*xs):
        output = _scalar_output(func, xs, "hessian")
        if strict:
            _strictly([output], _NO_GRAD_OUTPUT)
        found = _filled(
            _pull([output], xs, [_ones(output)], True),
            xs,
            strict,
            "The output of the user-provided function is independent of input {0}. This is not allowed in strict mode.",
        )
        if strict:
            _strictly(found, _CONSTANT_JACOBIAN)
        return tuple(found) if tupled else found[0]

    _as_tuple(inputs, "inputs", "hessian")
    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)

"""Gradients, vector products and Jacobians of functions.

Each derivative differentiates by variables of its own that stand for its inputs; their history goes on behind them, so the
result of one is differentiated by the next outwards. Forward mode is the derivative of the vector-Jacobian product by its vector.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import mlx.core as mx

from .._core import dtypes
from .._core.modes import enable_grad, modes
from .._core.table import namespaces
from .._core.tape import run_grad, sequence
from .._core.tensor import Tensor, read, wrap
from .._core.vmapping import CannotMap, captured, inner_of, vmapped
from ..utils._pytree import tree_flatten, tree_map_only, tree_unflatten, treespec_pprint

_torch = namespaces["torch"]


def _zeros_like(t: Tensor) -> Tensor:
    return wrap(mx.zeros_like(read(t)), t._device)


class _Level:
    """One derivative being taken: the variables it is taken by, and whether its result is differentiated in turn."""

    def __init__(self, tensors):
        self.outer = modes.grad
        self.since = next(sequence)
        for t in tensors:
            if not isinstance(t, Tensor):
                raise RuntimeError(f"expected Tensors to differentiate by, got {type(t).__name__}")
            if not (t.dtype.is_floating_point or t.dtype.is_complex):
                raise RuntimeError("only Tensors of floating point dtype can require gradients")
        with enable_grad():
            # outside a recording nothing goes on behind the variables
            self.variables = [inner_of(t if self.outer else t.detach()) for t in tensors]

    def recorded(self, outputs) -> bool:
        """Whether the outputs depend on anything that is differentiated further out."""
        live = [o for o in outputs if isinstance(o, Tensor) and o._rg]
        return self.outer and bool(captured(live, self.since, self.variables))

    def released(self, outputs_tree, create: bool):
        """Outputs as they look from outside: without this level's history unless it is part of an outer one's."""
        return outputs_tree if create else tree_map_only(Tensor, Tensor.detach, outputs_tree)

    def pull(self, outputs, cotangents, create: bool) -> list:
        """Gradients by the variables; zeros where there is no path."""
        pairs = [(o, g) for o, g in zip(outputs, cotangents, strict=True) if o._rg]
        if not pairs:
            return [_zeros_like(v) for v in self.variables]
        found = run_grad([o for o, _ in pairs], self.variables, [g for _, g in pairs], True, create)
        return [_zeros_like(v) if g is None else g for g, v in zip(found, self.variables, strict=True)]


def _tensors(name: str, leaves) -> list:
    for leaf in leaves:
        if not isinstance(leaf, Tensor):
            raise RuntimeError(
                f"{name}: Expected f to return Tensors (or a tree of them), got unsupported type {type(leaf)}"
            )
    return leaves


def _check_pulled(outputs) -> None:
    """Refuse outputs no gradient can be pulled back from."""
    for o in outputs:
        if not isinstance(o, Tensor):
            raise RuntimeError(
                f"vjp(f, *primals): expected f(*primals) to return only tensors, got unsupported type {type(o)}"
            )
        if not (o.dtype.is_floating_point or o.dtype.is_complex):
            raise RuntimeError(
                f"vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype {o.dtype}"
            )


def _select(args: tuple, argnums, name: str):
    """The arguments to differentiate by, and a function that puts others in their place."""
    single = isinstance(argnums, int)
    if not single and not isinstance(argnums, tuple):
        raise RuntimeError(f"argnum must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = (argnums,) if single else argnums
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    for n in numbers:
        if not isinstance(n, int):
            raise RuntimeError(f"argnum must be int, got {type(n)}")
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    numbers = [n % len(args) for n in numbers]
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")

    def fill(chosen) -> tuple:
        full = list(args)
        for n, value in zip(numbers, (chosen,) if single else chosen, strict=True):
            full[n] = value
        return tuple(full)

    return args[numbers[0]] if single else tuple(args[n] for n in numbers), fill


def _split_aux(result, has_aux: bool, name: str):
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
            + (f", got {type(result)}" if not isinstance(result, tuple) else "")
        )
    return result


def grad_and_value(func: Callable, argnums=0, has_aux: bool = False) -> Callable:
    """A function that gives (gradient, value) of ``func``, or (gradient, (value, aux)) if it returns (value, aux).

    Args: argnums: which positional argument to differentiate by, or a tuple of them; arguments may be trees of tensors.

    Raises: RuntimeError if ``func`` does not return a scalar.
    """
    name = "grad_and_value(f)(*args)"

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        chosen, fill = _select(args, argnums, name)
        leaves, spec = tree_flatten(chosen)
        level = _Level(leaves)
        with enable_grad():
            value, aux = _split_aux(func(*fill(tree_unflatten(level.variables, spec)), **kwargs), has_aux, name)
        if not isinstance(value, Tensor):
            raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {type(value)}")
        if value.dim() != 0:
            raise RuntimeError(
                f"{name}: Expected f(*args) to return a scalar Tensor, got tensor with {value.dim()} dims. Maybe you wanted to use "
                "the vjp or jacrev APIs instead?"
            )
        create = level.recorded([value])
        grads = level.pull([value], [_torch["ones_like"](value)], create)
        grads = tree_unflatten(grads, spec)
        value, aux = level.released((value, aux), create)
        return grads, (value, aux) if has_aux else value

    return wrapped


def grad(func: Callable, argnums=0, has_aux: bool = False) -> Callable:
    """A function that gives the gradient of ``func``, or (gradient, aux); see ``grad_and_value``."""
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return wrapped


def vjp(func: Callable, *primals, has_aux: bool = False):
    """(``func(*primals)``, a function from its cotangents to those of the primals), and ``aux`` as a third.

    Raises: RuntimeError if the cotangents differ from the output in structure or shape.
    """
    leaves, spec = tree_flatten(primals)
    level = _Level(leaves)
    with enable_grad():
        result, aux = _split_aux(func(*tree_unflatten(level.variables, spec)), has_aux, "vjp(f, *primals)")
    outputs, out_spec = tree_flatten(result)
    _check_pulled(outputs)
    create = level.recorded(outputs)

    def vjp_fn(*cotangents, retain_graph: bool = True, create_graph: bool | None = None):
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        flat, given_spec = tree_flatten(given)
        if given_spec != out_spec:
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: "
                f"{treespec_pprint(given_spec)}, primal output: {treespec_pprint(out_spec)}"
            )
        _same_shapes(flat, outputs)
        again = modes.grad and (create or any(g._rg for g in flat)) if create_graph is None else create_graph
        grads = level.pull(outputs, flat, again)
        if not retain_graph:
            outputs[:] = [o.detach() for o in outputs]
        grads = tree_unflatten(grads, spec)
        return grads

    shown = level.released(result, create)
    return (shown, vjp_fn, level.released(aux, create)) if has_aux else (shown, vjp_fn)


def _same_shapes(given, outputs) -> None:
    for i, (g, o) in enumerate(zip(given, outputs, strict=True)):
        if g.shape != o.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {o.shape}."
            )


class _Forward:
    """``func`` at a point, ready to push tangents through: the vjp at a vector of zeros, differentiated by that vector."""

    def __init__(self, func, leaves, spec, has_aux: bool, name: str):
        self.level = _Level(leaves)
        with enable_grad():
            self.result, self.aux = _split_aux(func(*tree_unflatten(self.level.variables, spec)), has_aux, name)
            self.outputs, self.spec = tree_flatten(self.result)
            _tensors(name, self.outputs)
            self.create = self.level.recorded(self.outputs)
            self.vectors = [_zeros_like(o).requires_grad_(_is_inexact(o)) for o in self.outputs]
            self.back = self.level.pull(self.outputs, self.vectors, True)

    def push(self, tangents: list) -> list:
        """The tangents of the outputs."""
        create = modes.grad and (self.create or any(t._rg for t in tangents))
        pairs = [(b, t) for b, t in zip(self.back, tangents, strict=True) if b._rg]
        wanted = [v for v in self.vectors if v._rg]
        found = (
            run_grad([b for b, _ in pairs], wanted, [t for _, t in pairs], True, create)
            if pairs
            else [None] * len(wanted)
        )
        it = iter(found)
        pushed = [next(it) if v._rg else None for v in self.vectors]
        return [_zeros_like(v) if p is None else p for p, v in zip(pushed, self.vectors, strict=True)]


def _is_inexact(t: Tensor) -> bool:
    return t.dtype.category >= dtypes.FLOAT


def jvp(func: Callable, primals, tangents, *, strict: bool = False, has_aux: bool = False):
    """(``func(*primals)``, its derivative in the direction of ``tangents``), and ``aux`` as a third.

    ``strict`` raises for an output that does not depend on the primals.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    leaves, spec = tree_flatten(primals)
    flat, tangent_spec = tree_flatten(tangents)
    if spec != tangent_spec:
        raise RuntimeError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with structure {tangent_spec}"
        )
    for p, t in zip(leaves, flat, strict=True):
        if p.shape != t.shape:
            raise RuntimeError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. "
                f"Tensor is of size {list(p.shape)} while the given forward gradient is of size {list(t.shape)}."
            )
    forward = _Forward(func, leaves, spec, has_aux, "jvp(f, primals, tangents)")
    if strict and not all(o._rg for o in forward.outputs):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with strict=True."
        )
    pushed = tree_unflatten(forward.push(flat), forward.spec)
    shown = forward.level.released(forward.result, forward.create)
    if has_aux:
        return shown, pushed, forward.level.released(forward.aux, forward.create)
    return shown, pushed


def linearize(func: Callable, *primals):
    """(``func(*primals)``, the linear function from tangents of the primals to that of the output)."""
    leaves, spec = tree_flatten(primals)
    forward = _Forward(func, leaves, spec, False, "linearize(func, *primals)")

    def jvp_fn(*tangents):
        flat, tangent_spec = tree_flatten(tangents)
        if tangent_spec != spec:
            raise RuntimeError(f"Expected the tangents {tangent_spec} to have the same argspec as the primals {spec}")
        for p, t in zip(leaves, flat, strict=True):
            if p.shape != t.shape or p.dtype is not t.dtype:
                raise RuntimeError(
                    f"Expected a tangent of shape {list(p.shape)} and dtype {p.dtype}, got {list(t.shape)} and {t.dtype}"
                )
        return tree_unflatten(forward.push(flat), forward.spec)

    return forward.level.released(forward.result, forward.create), jvp_fn


# ----------------------------------------------------------------------------------------------------------- Jacobians
def rows(fn: Callable, basis: list, chunk_size: int | None = None) -> list:
    """``fn`` (list to list) on every row of the bases, stacked: mapped where MLX can map it, else one row at a time."""
    count = basis[0].shape[0]
    if count == 0:
        return []
    step = count if chunk_size is None else chunk_size
    parts = []
    for i in range(0, count, step):
        part = [b[i : i + step] for b in basis]
        try:
            if step == 1:
                raise CannotMap("one at a time")
            parts.append(vmapped(fn, part))
        except CannotMap:
            singles = [fn([b[k] for b in part]) for k in range(part[0].shape[0])]
            parts.append([_torch["stack"](list(column)) for column in zip(*singles, strict=True)])
    return parts[0] if len(parts) == 1 else [_torch["cat"](list(column)) for column in zip(*parts, strict=True)]


def unit_vectors(tensors) -> list:
    """For each tensor the part of the identity that belongs to it: (all elements, *shape)."""
    total = sum(t.numel() for t in tensors)
    made, start = [], 0
    for t in tensors:
        n = t.numel()
        block = mx.eye(total, n, k=-start, dtype=read(t).dtype)
        made.append(wrap(mx.reshape(block, (total, *t.shape)), t._device))
        start += n
    return made


def jacrev(
    func: Callable,
    argnums=0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
):
    """A function that gives the Jacobian of ``func``, by rows: a tree of outputs of trees of inputs, each of shape
    (*output, *input); with ``has_aux`` also ``aux``.

    ``chunk_size`` rows are computed at a time, all by default.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")
    if _preallocate_and_copy:
        raise NotImplementedError("jacrev(_preallocate_and_copy=True): arrays are immutable underneath; leave it out")

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        chosen, fill = _select(args, argnums, "jacrev")
        leaves, spec = tree_flatten(chosen)
        level = _Level(leaves)
        with enable_grad():
            result, aux = _split_aux(func(*fill(tree_unflatten(level.variables, spec)), **kwargs), has_aux, "jacrev")
        outputs, out_spec = tree_flatten(result)
        _check_pulled(outputs)
        create = level.recorded(outputs)
        found = rows(lambda gs: level.pull(outputs, gs, create), unit_vectors(outputs), chunk_size)
        split = [g.split([o.numel() for o in outputs]) for g in found]
        table = [
            tree_unflatten([s[k].reshape(*o.shape, *v.shape) for s, v in zip(split, leaves, strict=True)], spec)
            for k, o in enumerate(outputs)
        ]
        jacobian = tree_unflatten(table, out_spec)
        return (jacobian, level.released(aux, create)) if has_aux else jacobian

    return wrapped


def jacfwd(func: Callable, argnums=0, has_aux: bool = False, *, randomness: str = "error"):
    """The same function as ``jacrev`` gives, by columns.

    ``func`` runs once for all columns, so every kind of ``randomness`` draws the same numbers for all of them.
    """
    if randomness not in ("error", "same", "different"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        chosen, fill = _select(args, argnums, "jacfwd")
        leaves, spec = tree_flatten(chosen)
        inner_spec = tree_flatten((chosen,))[1]
        forward = _Forward(lambda x: func(*fill(x), **kwargs), leaves, inner_spec, has_aux, "jacfwd")
        found = rows(forward.push, unit_vectors(leaves))
        sizes = [v.numel() for v in leaves]
        table = []
        for o, columns in zip(forward.outputs, found, strict=True):
            parts = columns.movedim(0, -1).split(sizes, -1)
            table.append(
                tree_unflatten([p.reshape(*o.shape, *v.shape) for p, v in zip(parts, leaves, strict=True)], spec)
            )
        jacobian = tree_unflatten(table, forward.spec)
        return (jacobian, forward.level.released(forward.aux, forward.create)) if has_aux else jacobian

    return wrapped


def hessian(func: Callable, argnums=0):
    """A function that gives the matrix of second derivatives: ``jacfwd(jacrev(func))``."""
    return jacfwd(jacrev(func, argnums), argnums)

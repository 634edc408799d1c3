"""``vmap``: a function of one element made into a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable

from .._core.table import namespaces
from .._core.tensor import Tensor
from .._core.vmapping import vmapped
from ..utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_unflatten

_torch = namespaces["torch"]


def _name(func) -> str:
    return getattr(func, "__name__", None) or repr(func)


def _checked_inputs(func, in_dims, args) -> tuple:
    """The leaves of the arguments, their spec, the dimension to map of each, and its length."""
    name = _name(func)
    if not isinstance(in_dims, (int, tuple, list, dict)):
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested) tuple matching "
            f"the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with "
            "no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    wanted = list(in_dims) if isinstance(in_dims, list) else in_dims
    dims = _broadcast_to_and_flatten(tuple(wanted) if isinstance(wanted, list) else wanted, spec)
    if dims is None:
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    places = [_place(name, in_dims, leaf, dim) for leaf, dim in zip(leaves, dims, strict=True)]
    sizes = [leaf.size(place) for leaf, place in zip(leaves, places, strict=True) if place is not None]
    if not sizes:
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): at least one input must be mapped over: none of in_dims is an int"
        )
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    return leaves, spec, places, sizes[0]


def _place(name: str, in_dims, leaf, dim):
    """The dimension to map as a number from 0, or None."""
    if dim is None:
        return None
    where = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for "
    if not isinstance(dim, int):
        raise ValueError(f"{where}an input but in_dim must be either an integer dimension or None.")
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"{where}an input but the input is of type {type(leaf)}. We cannot vmap over non-Tensor arguments, please use None as "
            "the respective in_dim"
        )
    if not -leaf.dim() <= dim < leaf.dim():
        raise ValueError(
            f"{where}some input, but that input is a Tensor of dimensionality {leaf.dim()} so expected in_dim to satisfy "
            f"-{leaf.dim()} <= in_dim < {leaf.dim()}."
        )
    return dim % leaf.dim()


def vmap(
    func: Callable, in_dims=0, out_dims=0, randomness: str = "error", *, chunk_size: int | None = None
) -> Callable:
    """``func`` applied along a dimension of its inputs, all elements at once.

    Args:
        in_dims: which dimension of each input to map, None for an input every call gets whole; a number or a tree like the inputs.
        out_dims: where the mapped dimension goes in each output; None for an output that is the same for all elements.
        randomness: "error" refuses random operators, "same" draws once for all elements, "different" for each.
        chunk_size: how many elements at a time, all by default.

    Raises: RuntimeError for what cannot be mapped: reading values (``item``, ``if`` on a tensor), operators MLX can not map.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and not (chunk_size == "auto" or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped(*args, **kwargs):
        leaves, spec, places, count = _checked_inputs(func, in_dims, args)
        which = [i for i, place in enumerate(places) if place is not None]
        batched = [leaves[i].movedim(places[i], 0) if places[i] else leaves[i] for i in which]
        out: list = []

        def one(xs: list) -> list:
            full = list(leaves)
            for i, x in zip(which, xs, strict=True):
                full[i] = x
            results, out_spec = tree_flatten(func(*tree_unflatten(full, spec), **kwargs))
            for r in results:
                if not isinstance(r, Tensor):
                    raise ValueError(
                        f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(r)}. Did you mean to "
                        "set out_dims= to None for output?"
                    )
            out[:] = [out_spec]
            return results

        step = count if chunk_size in (None, "auto") else min(chunk_size, count)
        if step >= count:
            results = vmapped(one, batched, randomness)
        else:
            parts = [vmapped(one, [t[i : i + step] for t in batched], randomness) for i in range(0, count, step)]
            results = [_torch["cat"](column) for column in zip(*parts, strict=True)]
        return _placed_outputs(func, results, out[0], out_dims)

    return mapped


def _placed_outputs(func, results: list, spec, out_dims):
    dims = _broadcast_to_and_flatten(tuple(out_dims) if isinstance(out_dims, list) else out_dims, spec)
    if dims is None and spec.is_leaf() and isinstance(out_dims, tuple) and len(out_dims) == 1:
        dims = list(out_dims)
    if dims is None:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. "
            f"out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )
    moved = [r[0] if d is None else r.movedim(0, d) if d else r for r, d in zip(results, dims, strict=True)]
    return tree_unflatten(moved, spec)

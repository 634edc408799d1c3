"""Scans by an associative function: in ``log2(n)`` rounds, not ``n`` steps."""

from __future__ import annotations

from collections.abc import Callable

from .._core.table import namespaces
from .._core.tensor import wrap_dim
from ..utils._pytree import tree_flatten, tree_unflatten


def _part(leaves: list, dim: int, start: int, stop: int | None, step: int) -> list:
    return [x[(slice(None),) * dim + (slice(start, stop, step),)] for x in leaves]


def _scan(combine: Callable, leaves: list, dim: int) -> list:
    count = leaves[0].shape[dim]
    if count < 2:
        return leaves
    cat, stack = namespaces["torch"]["cat"], namespaces["torch"]["stack"]
    pairs = combine(_part(leaves, dim, 0, count - 1, 2), _part(leaves, dim, 1, None, 2))
    odd = _scan(combine, pairs, dim)
    later = _part(odd, dim, 0, (count - 1) // 2, 1)
    even = _part(leaves, dim, 0, 1, 1)
    if count > 2:
        even = [cat(row, dim) for row in zip(even, combine(later, _part(leaves, dim, 2, None, 2)))]
    both = count // 2
    mixed = [
        stack((a, b), dim + 1).flatten(dim, dim + 1) for a, b in zip(_part(even, dim, 0, both, 1), odd, strict=True)
    ]
    return (
        mixed
        if count % 2 == 0
        else [cat((a, b[(slice(None),) * dim + (slice(both, None),)]), dim) for a, b in zip(mixed, even)]
    )


def associative_scan(combine_fn: Callable, xs, dim: int, reverse: bool = False, combine_mode: str = "pointwise"):
    """All the running combinations of a tree of tensors along ``dim``: ``y[i] = combine_fn(y[i - 1], x[i])``.

    ``combine_fn`` takes and gives trees like ``xs``; both modes compute alike. Raises: ValueError for another mode.
    """
    if combine_mode not in ("pointwise", "generic"):
        raise ValueError(f"Combine_mode must either 'pointwise' or 'generic', but got {combine_mode}")
    leaves, spec = tree_flatten(xs)
    if not leaves:
        raise ValueError("Expected at least 1 xs leaf")
    dim = wrap_dim(dim, leaves[0].dim())
    if any(x.shape[dim] != leaves[0].shape[dim] for x in leaves):
        raise ValueError("All xs leaves must have the same size along the scanned dimension")

    def combine(first: list, second: list) -> list:
        return tree_flatten(combine_fn(tree_unflatten(first, spec), tree_unflatten(second, spec)))[0]

    turned = [x.flip([dim]) for x in leaves] if reverse else leaves
    found = _scan(combine, turned, dim)
    return tree_unflatten([x.flip([dim]) for x in found] if reverse else found, spec)

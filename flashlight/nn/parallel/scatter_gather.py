"""Splitting batches and joining results."""

from __future__ import annotations

import flashlight

from ..._core.tensor import Tensor

__all__ = ["gather", "scatter", "scatter_kwargs"]


def _is_namedtuple(value) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def scatter(inputs, target_gpus, dim: int = 0) -> list:
    """Split the tensors in nested tuples, lists and dictionaries into as many parts as there are devices."""
    n = len(target_gpus)

    def split(value) -> list:
        if isinstance(value, Tensor):
            return list(value.chunk(n, dim))
        if _is_namedtuple(value):
            return [type(value)(*part) for part in zip(*map(split, value), strict=False)]
        if isinstance(value, tuple) and value:
            return list(zip(*map(split, value), strict=False))
        if isinstance(value, list) and value:
            return [list(part) for part in zip(*map(split, value), strict=False)]
        if isinstance(value, dict) and value:
            return [type(value)(part) for part in zip(*map(split, value.items()), strict=False)]
        return [value] * n

    return split(inputs)


def scatter_kwargs(inputs, kwargs, target_gpus, dim: int = 0) -> tuple:
    """`scatter` of positional and keyword arguments, both of the same length."""
    positional = scatter(inputs, target_gpus, dim) if inputs else []
    keyword = scatter(kwargs, target_gpus, dim) if kwargs else []
    n = max(len(positional), len(keyword))
    positional += [()] * (n - len(positional))
    keyword += [{}] * (n - len(keyword))
    return tuple(positional), tuple(keyword)


def gather(outputs, target_device, dim: int = 0):
    """Join the tensors at the same places of several nested results along ``dim``."""
    outputs = list(outputs)
    first = outputs[0]
    if isinstance(first, Tensor):
        parts = [o.unsqueeze(0) if o.dim() == 0 else o for o in outputs]
        joined = flashlight.cat(parts, dim)
        return joined if target_device in (None, -1) else joined.to(target_device)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(o) != len(first) for o in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((key, gather([o[key] for o in outputs], target_device, dim)) for key in first)
    parts = [gather(part, target_device, dim) for part in zip(*outputs, strict=True)]
    return type(first)(*parts) if _is_namedtuple(first) else type(first)(parts)

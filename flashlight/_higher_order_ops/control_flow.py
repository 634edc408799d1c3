"""torch.cond and torch.while_loop. Eager code runs the branch or the loop itself, and both are differentiable through it."""

from __future__ import annotations

from collections.abc import Callable

from .._core.tensor import Tensor


def cond(pred, true_fn: Callable, false_fn: Callable, operands=()):
    """``true_fn(*operands)`` if ``pred``, a number or a tensor with one element, is true; else ``false_fn(*operands)``.

    Raises: RuntimeError for a tensor with several elements.
    """
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not isinstance(pred, (bool, int, float, Tensor)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    return (true_fn if bool(pred) else false_fn)(*operands)


def while_loop(cond_fn: Callable, body_fn: Callable, carried_inputs):
    """Apply ``body_fn`` to the carried values, a tuple, as long as ``cond_fn(*values)`` is true; returns them.

    Raises: RuntimeError for a condition that is not one truth value, or for a body that returns another number of values.
    """
    values = tuple(carried_inputs)
    while _holds(cond_fn(*values)):
        found = body_fn(*values)
        found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        if len(found) != len(values):
            raise RuntimeError(
                f"body_fn should return the same number of elements as carried_inputs, {len(values)}: {len(found)}"
            )
        values = found
    return values


def _holds(value) -> bool:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise RuntimeError(f"cond_fn should return a boolean scalar tensor or a boolean value but got {value}")
    return bool(value)

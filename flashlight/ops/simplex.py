"""``nn.functional``'s softmax family: an implicit dimension, a dtype to compute in, and Gumbel noise."""

from __future__ import annotations

import warnings

from .._core.table import composite, namespaces


def _dimension(name: str, ndim: int, dim: int | None, stacklevel: int) -> int:
    """The dimension given, or the one torch takes when there is none, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if ndim in (0, 1, 3) else 1


@composite(namespace="nn.functional")
def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """``exp(input)`` divided by its sum over ``dim``, computed in ``dtype``."""
    return input.softmax(_dimension("softmax", input.dim(), dim, _stacklevel), dtype)


@composite(namespace="nn.functional")
def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """``softmax(-input)``."""
    return (-input).softmax(_dimension("softmin", input.dim(), dim, _stacklevel), dtype)


@composite(namespace="nn.functional")
def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """The logarithm of ``softmax``."""
    return input.log_softmax(_dimension("log_softmax", input.dim(), dim, _stacklevel), dtype)


@composite(namespace="nn.functional")
def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample of the Gumbel-softmax distribution; ``hard`` makes it one-hot and keeps the soft sample's gradient.

    Source: https://arxiv.org/abs/1611.01144.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -namespaces["torch"]["empty_like"](logits, requires_grad=False).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    chosen = namespaces["torch"]["zeros_like"](logits).detach().scatter_(dim, index, 1.0)
    return chosen - soft.detach() + soft

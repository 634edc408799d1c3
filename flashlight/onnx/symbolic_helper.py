"""Decorators of symbolic functions; they give the function back, which nothing ever calls."""

from __future__ import annotations

from .._core import absent


def parse_args(*arg_descriptors: str):
    """A decorator that leaves the symbolic function as it is. Raises: TypeError for a descriptor that is no str."""
    if not all(isinstance(descriptor, str) for descriptor in arg_descriptors):
        raise TypeError("parse_args() takes strings")
    return lambda fn: fn


globals().update(
    absent.names(
        "onnx.symbolic_helper",
        "_get_tensor_sizes _get_tensor_rank _get_const _maybe_get_const _is_none _unimplemented _slice_helper",
        "models are not exported to ONNX",
    )
)

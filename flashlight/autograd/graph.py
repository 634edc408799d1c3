"""Looking at the recorded graph."""

from __future__ import annotations

import contextlib

from .._core.modes import modes
from .._core.tape import AccumulateGrad, Node, node_of
from .._core.tensor import Tensor

__all__ = [
    "Node",
    "get_gradient_edge",
    "increment_version",
    "save_on_cpu",
    "saved_tensors_hooks",
    "set_multithreading_enabled",
]


def saved_tensors_hooks(pack_hook, unpack_hook):
    """Not supported. Raises NotImplementedError."""
    raise NotImplementedError(
        f"saved_tensors_hooks({pack_hook!r}, {unpack_hook!r}) is not supported: saved values are shared, not copied; to trade memory "
        "for compute use torch.utils.checkpoint"
    )


@contextlib.contextmanager
def save_on_cpu(pin_memory: bool = False, device_type: str = "cuda"):
    """Saved tensors in CPU memory: with one memory for CPU and GPU they are there already."""
    if not isinstance(pin_memory, bool) or not isinstance(device_type, str):
        raise TypeError("save_on_cpu(pin_memory: bool, device_type: str)")
    yield


@contextlib.contextmanager
def set_multithreading_enabled(mode: bool):
    """Whether backward may use several threads: it never does, MLX's streams run in parallel by themselves."""
    before, modes.multithreading = modes.multithreading, bool(mode)
    try:
        yield
    finally:
        modes.multithreading = before


def get_gradient_edge(tensor: Tensor):
    """The node a tensor's gradient flows to, and the index of its output."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node = node_of(tensor)
    if node is None:
        return (AccumulateGrad(tensor), 0)
    return (node, tensor._node.index if tensor._node._edge == 1 else 0)


def increment_version(tensor) -> None:
    """Make autograd believe that a tensor, or tensors, were written to."""
    for t in [tensor] if isinstance(tensor, Tensor) else tensor:
        if t._view is None:
            t._v += 1
        else:
            t._view.cell.writes += 1

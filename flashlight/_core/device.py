"""Device labels and streams. Memory is unified: a label is remembered for code that compares it, and never copies."""

from __future__ import annotations

import contextlib
import re

import mlx.core as mx

_TYPES = ("cpu", "cuda", "mps", "meta", "xpu", "gpu", "hpu", "mtia", "privateuseone", "xla", "vulkan", "ipu", "lazy")


class device:
    """A device label such as ``cpu``, ``mps`` or ``cuda:0``; also a context manager that sets the default."""

    __slots__ = ("_entered", "index", "type")

    def __init__(self, type, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        elif isinstance(type, int) and not isinstance(type, bool):
            type, index = accelerator_type(), type
        elif not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, int or torch.device, not {_name(type)}")
        else:
            match = re.fullmatch(r"([a-z]+)(?::(0|[1-9]\d*))?", type)
            if match is None:
                raise RuntimeError(f"Invalid device string: '{type}'")
            if match[2] is not None:
                if index is not None:
                    raise RuntimeError(
                        f"type (string) must not include an index because index was passed explicitly: {type}"
                    )
                index = int(match[2])
            type = match[1]
            if type not in _TYPES:
                raise RuntimeError(
                    f"Expected one of cpu, cuda, mps, meta, xpu, hpu, mtia, xla device type at start of device string: {type}"
                )
        self.type, self.index, self._entered = type, index, []

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other) -> bool:
        return isinstance(other, device) and self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self):
        return (device, (self.type,) if self.index is None else (self.type, self.index))

    def __enter__(self) -> device:
        self._entered.append(get_default_device())
        set_default_device(self)
        return self

    def __exit__(self, *_exc) -> None:
        set_default_device(self._entered.pop())


device.__module__ = "flashlight"


def _name(value) -> str:
    return type(value).__name__


def accelerator_type() -> str:
    return "mps" if METAL else "cpu"


METAL: bool = mx.metal.is_available()
# Work runs on MLX's default device; only a GPU stream has types and operators it must not receive.
GPU: bool = mx.default_device().type == mx.gpu
CPU_LABEL = device("cpu")
_default = CPU_LABEL


def get_default_device() -> device:
    """The label new tensors carry."""
    return _default


def set_default_device(new) -> None:
    """Set the label new tensors carry."""
    global _default
    _default = CPU_LABEL if new is None else placed(device(new))


def placed(label: device) -> device:
    """The label a tensor on ``label`` carries: accelerators are always indexed."""
    if label.index is None and label.type not in ("cpu", "meta"):
        return device(label.type, 0)
    return label


def as_label(value) -> device:
    """The label for a ``device=`` argument, the default for None."""
    return _default if value is None else placed(value if type(value) is device else device(value))


def cpu_stream():
    """Context in which MLX work runs on the CPU: for float64 and for what MLX has on the CPU only."""
    return mx.stream(mx.cpu) if GPU else contextlib.nullcontext()


def needs_cpu(arrays) -> bool:
    """Whether some array holds float64, which Metal has not."""
    return any(a.dtype == mx.float64 for a in arrays if isinstance(a, mx.array))

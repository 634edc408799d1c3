"""``Generator`` on tensors, and the default generator's functions: manual_seed, seed, get_rng_state, ..."""

from __future__ import annotations

import contextlib

import numpy as np

from .._core import generator as engines
from .._core import table
from .._core.conversion import from_host, host_value
from .._core.device import CPU_LABEL, device, placed
from .._core.tensor import Tensor, wrap


class Generator(engines.Generator):
    """A source of random numbers with its own seed and state; under one seed it draws what PyTorch's draws.

    Args:
        device: a label; the numbers are the same whatever it says.
    """

    def __init__(self, device="cpu"):
        super().__init__(_generator_label(device))

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor: 5056 bytes that PyTorch reads, or the longer form of the "mlx" engine."""
        return wrap(from_host(super().get_state()))

    def set_state(self, new_state: Tensor) -> None:
        """Continue from a state that ``get_state`` gave, here or (engine "torch") in PyTorch.

        Raises: TypeError if it is no uint8 tensor; RuntimeError if it is no state of the engine in force.
        """
        if not isinstance(new_state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        super().set_state(np.array(host_value(new_state)))


Generator.__module__ = "flashlight"


def _generator_label(value) -> device:
    label = placed(device("cpu" if value is None else value))
    if label.type == "meta":
        raise RuntimeError("META device type not an accelerator.")
    return label


# the engine's own default generator becomes one on tensors: there is a single default state
default_generator = engines.default_generator
default_generator.__class__ = Generator
default_generator.device = CPU_LABEL

table.publish("Generator", Generator, ("torch",))
table.publish("default_generator", default_generator, ("torch",))


@table.composite(method=False, differentiable=False)
def manual_seed(seed) -> Generator:
    """Seed the default generator, which all devices share, and return it.

    Raises: ValueError for a seed outside ``-2**63 .. 2**64 - 1``.
    """
    return default_generator.manual_seed(int(seed))


@table.composite(method=False, differentiable=False)
def seed() -> int:
    """Seed the default generator with a number from the operating system, and return the number."""
    return default_generator.seed()


@table.composite(method=False, differentiable=False)
def initial_seed() -> int:
    """The seed the default generator was last started from."""
    return default_generator.initial_seed()


@table.composite(method=False, differentiable=False)
def get_rng_state() -> Tensor:
    """The state of the default generator, a uint8 tensor."""
    return default_generator.get_state()


@table.composite(method=False, differentiable=False)
def set_rng_state(new_state: Tensor) -> None:
    """Continue from a state that ``get_rng_state`` gave."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices=None, enabled: bool = True, _caller="fork_rng", _devices_kw="devices", device_type: str | None = None
):
    """A context at whose end the default generator is where it was before.

    All devices share that generator, so ``devices`` only has to name ones that exist.
    Raises: RuntimeError for a device type or index there is none of.
    """
    if device_type == "meta" or not enabled:
        yield
        return
    _check_devices(devices, device_type, _caller, _devices_kw)
    state = default_generator.get_state()
    try:
        yield
    finally:
        default_generator.set_state(state)


def _check_devices(devices, device_type, caller: str, keyword: str) -> None:
    kind = device("mps" if device_type is None else device_type).type
    for which in [] if devices is None else list(devices):
        label = device(kind, which) if isinstance(which, int) else device(which)
        if label.type not in ("cpu", "mps", "cuda") or label.index not in (None, 0):
            raise RuntimeError(f"{caller}: {keyword} names {label}, but there is one device here, of index 0")

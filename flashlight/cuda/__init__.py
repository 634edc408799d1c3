"""torch.cuda on a machine without CUDA: it says so, and seeds and caches it would manage are left alone."""

from __future__ import annotations

from collections import OrderedDict

from .._core.device import device as _device
from . import amp as amp

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
]

ADVICE = "Torch not compiled with CUDA enabled: flashlight runs on Apple's GPU through MLX; leave out the device, or use 'mps'"


def is_available() -> bool:
    """False: there is no CUDA here."""
    return False


_initialized = False


def is_initialized() -> bool:
    """False: there is nothing to initialise."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no CUDA device; MLX computes in bfloat16 everywhere."""
    if not isinstance(including_emulation, bool):
        raise TypeError("including_emulation must be bool")
    return False


def device_count() -> int:
    """0: there are no CUDA devices."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the current CUDA device's generator: checked, with no device to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seed every CUDA device's generator: checked, with no device to seed."""
    int(seed)


def empty_cache() -> None:
    """Release cached CUDA memory, of which there is none; for Metal's use torch.mps.empty_cache()."""
    return None


def ipc_collect() -> None:
    """Collect CUDA memory shared between processes, of which there is none."""
    return None


def _no_cuda(*_args, **_kwargs):
    raise AssertionError(ADVICE)


class device:
    """Selecting a CUDA device: with a negative index or None nothing is selected, else there is none to select."""

    def __init__(self, device):
        self.index = -1 if device is None else device if isinstance(device, int) else (_device(device).index or 0)

    def __enter__(self):
        if self.index >= 0:
            _no_cuda()

    def __exit__(self, *_exc):
        return False


class Stream:
    """A CUDA stream. Raises AssertionError: there is no CUDA."""

    def __init__(self, *_args, **_kwargs):
        _no_cuda()


class Event:
    """A CUDA event. Raises AssertionError: there is no CUDA."""

    def __init__(self, *_args, **_kwargs):
        _no_cuda()


current_device = set_device = synchronize = get_device_name = get_device_properties = get_device_capability = _no_cuda
current_stream = default_stream = stream = reset_peak_memory_stats = memory_summary = mem_get_info = _no_cuda
get_rng_state = set_rng_state = cudart = _no_cuda
FloatTensor = DoubleTensor = HalfTensor = LongTensor = IntTensor = _no_cuda
init = _no_cuda


def _no_bytes(device=None) -> int:
    """The bytes of CUDA memory in question: none."""
    if device is not None:
        _device(device)
    return 0


memory_allocated = max_memory_allocated = memory_reserved = max_memory_reserved = _no_bytes


def memory_stats(device=None) -> OrderedDict:
    """What the CUDA allocator counts, by name: nothing."""
    _no_bytes(device)
    return OrderedDict()


def get_arch_list() -> list[str]:
    """The architectures the library was compiled for: none."""
    return []


def get_rng_state_all() -> list:
    """The states of all CUDA devices' generators: none."""
    return []


def set_rng_state_all(new_states) -> None:
    """Set what ``get_rng_state_all`` gave. Raises: AssertionError for any state, which would be another machine's."""
    if len(list(new_states)):
        _no_cuda()


class CUDAGraph:
    """A recorded CUDA graph. Raises AssertionError: there is no CUDA."""

    def __init__(self, *_args, **_kwargs):
        _no_cuda()


class graph:
    """The context that records one. Raises AssertionError: there is no CUDA."""

    def __init__(self, *_args, **_kwargs):
        _no_cuda()


class OutOfMemoryError(RuntimeError):
    """What PyTorch raises when CUDA memory runs out; never raised here."""


class StreamContext:
    """A selected CUDA stream. Raises AssertionError: there is no CUDA."""

    def __init__(self, *_args, **_kwargs):
        _no_cuda()


def is_current_stream_capturing() -> bool:
    """False: there is no stream to capture."""
    return False


from . import nccl, nvtx  # noqa: E402 - they refuse through the functions above

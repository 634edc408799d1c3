"""torch.xpu on a machine without Intel GPUs: it says so."""

from __future__ import annotations

ADVICE = "Torch not compiled with XPU enabled: flashlight runs on Apple's GPU through MLX; leave out the device, or use 'mps'"


def is_available() -> bool:
    """False: there is no XPU."""
    return False


def is_initialized() -> bool:
    """False: there is nothing to initialise."""
    return False


def device_count() -> int:
    """0: there is no XPU."""
    return 0


def is_bf16_supported() -> bool:
    """False: there is no XPU."""
    return False


def manual_seed(seed: int) -> None:
    """Seed the current XPU's generator: checked, with no device to seed."""
    int(seed)


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Release cached XPU memory, of which there is none."""


def _no_xpu(*_args, **_kwargs):
    raise AssertionError(ADVICE)


current_device = set_device = synchronize = get_device_name = get_device_properties = get_device_capability = _no_xpu
memory_allocated = max_memory_allocated = memory_reserved = mem_get_info = memory_stats = reset_peak_memory_stats = (
    _no_xpu
)
get_rng_state = set_rng_state = get_rng_state_all = set_rng_state_all = current_stream = stream = init = _no_xpu

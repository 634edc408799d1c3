"""torch.mps: the Apple GPU through MLX."""

from __future__ import annotations

import mlx.core as mx

from ._core.device import METAL
from ._core.generator import default_generator


def is_available() -> bool:
    """Whether MLX has Metal here."""
    return METAL


def device_count() -> int:
    """1 with Metal, else 0."""
    return int(METAL)


def synchronize() -> None:
    """Wait for all submitted work."""
    mx.synchronize()


def empty_cache() -> None:
    """Give MLX's cached memory back."""
    mx.clear_cache()


def current_allocated_memory() -> int:
    """Bytes held by arrays."""
    return mx.get_active_memory()


def driver_allocated_memory() -> int:
    """Bytes held by arrays and by MLX's cache."""
    return mx.get_active_memory() + mx.get_cache_memory()


def recommended_max_memory() -> int:
    """Bytes MLX may use before it frees its cache."""
    limit = mx.set_memory_limit(1 << 40)
    mx.set_memory_limit(limit)
    return limit


def set_per_process_memory_fraction(fraction: float) -> None:
    """Limit memory to a fraction (0 to 2) of the recommended amount."""
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if fraction < 0 or fraction > 2:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~2")
    mx.set_memory_limit(int(recommended_max_memory() * fraction))


def manual_seed(seed: int) -> None:
    """Seed the generator, which CPU and GPU share."""
    default_generator.manual_seed(int(seed))


def seed() -> None:
    """Seed the generator with a random number."""
    default_generator.seed()


def get_rng_state(device="mps"):
    """The state of the generator, which CPU and GPU share."""
    raise NotImplementedError(f"the generator is shared by all devices ({device} too): use torch.get_rng_state()")


def set_rng_state(new_state, device="mps"):
    """Set the state of the generator, which CPU and GPU share."""
    raise NotImplementedError(
        f"the generator is shared by all devices ({device} too): use torch.set_rng_state(new_state)"
    )

"""torch.random: seeds and states of the default generator, and the choice of engine."""

from __future__ import annotations

from ._core.generator import engine, use_engine
from .ops.generators import (
    Generator,
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

__all__ = [
    "Generator",
    "default_generator",
    "engine",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
    "thread_safe_generator",
    "use_engine",
]


def thread_safe_generator() -> Generator | None:
    """The generator of a DataLoader's worker thread; None in the main process and in worker processes.

    Workers are always processes here, which have a default generator of their own.
    """
    return None

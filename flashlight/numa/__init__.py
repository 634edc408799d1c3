"""torch.numa: binding processes to memory nodes; import lines work, Apple's machines have one node."""

from __future__ import annotations

from .._core import absent

absent.modules(
    "numa",
    {"binding": "AffinityMode NumaOptions maybe_wrap_command_args_with_numa_binding"},
    "there is one memory node; leave NUMA options out",
)

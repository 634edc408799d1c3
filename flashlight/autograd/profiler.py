"""torch.autograd.profiler: the older path of ``torch.profiler``."""

from __future__ import annotations

from .._core import absent
from ..profiler import EventList, FunctionEvent, record_function
from ..profiler import profile as _profile

__all__ = ["EventList", "FunctionEvent", "profile", "record_function"]


class profile(_profile):
    """``torch.profiler.profile`` with the older arguments; ``enabled=False`` times nothing."""

    def __init__(self, enabled: bool = True, *, use_cuda: bool = False, use_device: str | None = None, record_shapes: bool = False,
                 with_flops: bool = False, profile_memory: bool = False, with_stack: bool = False, with_modules: bool = False,
                 use_kineto: bool = False, use_cpu: bool = True):  # fmt: skip
        if use_cuda or use_device not in (None, "cpu", "mps"):
            raise AssertionError("there is no CUDA to profile: leave out use_cuda and use_device")
        if not use_cpu or use_kineto:
            raise ValueError("operators are timed around MLX's evaluation: leave use_cpu and use_kineto as they are")
        super().__init__(record_shapes=record_shapes, with_flops=with_flops, profile_memory=profile_memory, with_stack=with_stack,
                         with_modules=with_modules)  # fmt: skip
        self.enabled = enabled

    def start(self) -> None:
        """Begin, if enabled."""
        if self.enabled:
            super().start()

    @property
    def function_events(self) -> EventList:
        """The calls."""
        return self.events()

    def table(self, *args, **kwargs) -> str:
        """See ``EventList.table``."""
        return self.events().table(*args, **kwargs)

    def total_average(self):
        """All calls as one entry."""
        return self.events().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all calls."""
        return self.events().self_cpu_time_total


globals().update(absent.names("autograd.profiler", "emit_nvtx emit_itt load_nvprof", "use torch.profiler.profile"))

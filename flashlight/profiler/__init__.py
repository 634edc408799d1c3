"""Timing by operator: ``profile`` and what goes with it.

MLX is lazy: while a profile is on, every operator is evaluated before the clock is read, so that its time is its own. The whole
program is slower then; what is compared is the operators. Nothing is looked at while no profile is on.
"""

from __future__ import annotations

from .events import EventList, FunctionEvent
from .profiler import (
    ProfilerAction,
    ProfilerActivity,
    kineto_available,
    profile,
    record_function,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = ["ProfilerAction", "ProfilerActivity", "kineto_available", "profile", "record_function", "schedule",
           "supported_activities", "tensorboard_trace_handler"]  # fmt: skip

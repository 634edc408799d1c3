"""``profile``: a context in which operators are timed."""

from __future__ import annotations

import contextlib
import enum
import functools
import os
import socket
import threading
import time

import mlx.core as mx

from .._core import dispatch, lazy, tape
from .events import EventList, FunctionEvent, nest


class ProfilerActivity(enum.Enum):
    """What to time. Work runs on one device: every activity means its operators."""

    CPU, XPU, MTIA, CUDA, HPU, PrivateUse1 = range(6)


class ProfilerAction(enum.Enum):
    """What a step of a schedule does."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


def supported_activities() -> set:
    """The activities that can be timed."""
    return {ProfilerActivity.CPU}


def kineto_available() -> bool:
    """False: times are taken around MLX's evaluation."""
    return False


_running: list = []


class _Recorder:
    """The events of a profile that is recording."""

    def __init__(self, shapes: bool, memory: bool):
        self.shapes, self.memory = shapes, memory
        self.events: list = []
        self.zero = time.perf_counter()

    def note(self, name: str, start: float, end: float, kind: str, arrays=None, grown: int = 0) -> None:
        shapes = (
            tuple(a.shape for a in arrays if isinstance(a, mx.array)) if self.shapes and arrays is not None else None
        )
        event = FunctionEvent(
            name, (start - self.zero) * 1e6, (end - start) * 1e6, threading.get_ident(), kind, 0.0, shapes, grown
        )
        self.events.append(event)


def _timed(plain, name, kind, inputs):
    """``plain`` with its result evaluated between two readings of the clock."""

    @functools.wraps(plain)
    def timed(*args, **kwargs):
        if not _running or lazy.is_paused():
            return plain(*args, **kwargs)
        recorder = _running[-1]
        before = mx.get_active_memory() if recorder.memory else 0
        start = time.perf_counter()
        out = plain(*args, **kwargs)
        mx.eval([a for a in _arrays(out) if isinstance(a, mx.array)])
        end = time.perf_counter()
        grown = mx.get_active_memory() - before if recorder.memory else 0
        recorder.note(name(*args), start, end, kind, inputs(*args), grown)
        return out

    return timed


def _arrays(out):
    if isinstance(out, (tuple, list)):
        for part in out:
            yield from _arrays(part)
    else:
        yield out


_plain_call, _plain_pull = dispatch.call, tape.Node.pull
_timed_call = _timed(_plain_call, lambda op, *_: "aten::" + op.name, "cpu_op", lambda _op, arrays, *_: arrays)
_timed_pull = _timed(_plain_pull, lambda node, *_: node.name(), "backward", lambda _node, gs: gs)


def _install() -> None:
    # the hot path is replaced while a profile records, and is as it was otherwise
    dispatch.call = _timed_call if _running else _plain_call
    tape.Node.pull = _timed_pull if _running else _plain_pull


class record_function(contextlib.ContextDecorator):
    """Names a stretch of code in the profile, as a context manager or a decorator."""

    def __init__(self, name: str, args: str | None = None):
        if not isinstance(name, str):
            raise TypeError(f"record_function() takes a str, not {type(name).__name__}")
        self.name, self.args = name if args is None else f"{name}({args})", args
        self._starts: list = []

    def __enter__(self):
        self._starts.append(time.perf_counter())
        return self

    def __exit__(self, *_exc) -> None:
        start = self._starts.pop()
        if _running:
            _running[-1].note(self.name, start, time.perf_counter(), "user_annotation")


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0):
    """A function from the number of a step to what is done in it: skip, then cycles of wait, warm-up and recording.

    ``repeat`` cycles, for ever if 0. ``skip_first_wait`` leaves out the wait of the first cycle.
    """
    if min(wait, warmup, active, repeat, skip_first) < 0 or active == 0:
        raise AssertionError("Invalid profiler schedule arguments")

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError("step must be non-negative")
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        step += wait if skip_first_wait else 0
        cycle, place = divmod(step, wait + warmup + active)
        if (repeat and cycle >= repeat) or place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == wait + warmup + active - 1 else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False):
    """A function for ``on_trace_ready`` that writes each trace into a folder.

    Raises: NotImplementedError for ``use_gzip``.
    """
    if use_gzip:
        raise NotImplementedError(
            "tensorboard_trace_handler(use_gzip=True) is not supported: compress the file afterwards"
        )

    def write(prof) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        prof.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json"))

    return write


class profile:
    """Times every operator of the code inside.

    Args:
        activities: members of ProfilerActivity. schedule: which steps (``step()``) are recorded, all by default.
        on_trace_ready: called with the profile when a recording ends. record_shapes: keep the shapes of inputs.
        profile_memory: note by how much the memory of arrays grew. acc_events: keep the events of earlier recordings.

    Raises: NotImplementedError for stacks, modules, operation counts and observers.
    """

    def __init__(self, *, activities=None, schedule=None, on_trace_ready=None, record_shapes: bool = False, profile_memory: bool = False,
                 with_stack: bool = False, with_flops: bool = False, with_modules: bool = False, experimental_config=None,
                 execution_trace_observer=None, acc_events: bool = False, use_cuda=None, custom_trace_id_callback=None,
                 post_processing_timeout_s=None):  # fmt: skip
        unavailable = {"with_stack": with_stack, "with_flops": with_flops, "with_modules": with_modules,
                       "experimental_config": experimental_config, "execution_trace_observer": execution_trace_observer,
                       "custom_trace_id_callback": custom_trace_id_callback}  # fmt: skip
        asked = [name for name, value in unavailable.items() if value]
        if asked:
            raise NotImplementedError(
                f"profile({asked[0]}=...) is not supported: operators are timed by name; leave it out"
            )
        self.activities = set(activities) if activities else supported_activities()
        if not all(isinstance(a, ProfilerActivity) for a in self.activities):
            raise TypeError("activities must be members of ProfilerActivity")
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.on_trace_ready, self.acc_events = on_trace_ready, acc_events
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.step_num, self.current_action = 0, ProfilerAction.NONE
        self._recorder, self._events = None, EventList()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exc) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, with what the schedule says of step 0."""
        self.current_action = self.schedule(self.step_num)
        self._switch()

    def stop(self) -> None:
        """End, and call ``on_trace_ready`` if something was being recorded."""
        if self._recorder is not None:
            self._finish()
        self.current_action = ProfilerAction.NONE

    def step(self) -> None:
        """Say that a step of the program is over."""
        saved = self.current_action is ProfilerAction.RECORD_AND_SAVE
        if self._recorder is not None:
            self._recorder.note(
                f"ProfilerStep#{self.step_num}", self._step_start, time.perf_counter(), "user_annotation"
            )
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if saved:
            self._finish()
        self._switch()

    def _switch(self) -> None:
        self._step_start = time.perf_counter()
        recording = self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if recording and self._recorder is None:
            self._recorder = _Recorder(self.record_shapes, self.profile_memory)
            _running.append(self._recorder)
            _install()
        elif not recording and self._recorder is not None:
            self._finish()

    def _finish(self) -> None:
        _running.remove(self._recorder)
        _install()
        nest(self._recorder.events)
        found = sorted(self._recorder.events, key=lambda e: e.start)
        self._events = EventList([*self._events, *found] if self.acc_events else found)
        self._recorder = None
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def events(self) -> EventList:
        """The calls of the last recording."""
        return self._events

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The calls by name, or by name and shapes (with ``record_shapes``)."""
        if group_by_stack_n:
            raise NotImplementedError(
                "key_averages(group_by_stack_n=...) needs stacks, which are not kept; leave it out"
            )
        return self._events.key_averages(group_by_input_shape)

    def export_chrome_trace(self, path) -> None:
        """Write a trace for chrome://tracing and Perfetto."""
        self._events.export_chrome_trace(path)

"""torch.multiprocessing: Python's multiprocessing, ``spawn`` and ``start_processes``.

Tensors travel between processes by value: what a queue, a pipe or an argument hands over is a copy, and writing to it
does not change the sender's tensor. There is no shared memory, so the two sharing strategies of PyTorch are accepted
and behave alike.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing import *  # noqa: F403
from multiprocessing import connection, pool, queues
from multiprocessing.reduction import ForkingPickler

from ._core.forking import settle

__all__ = [
    *multiprocessing.__all__,
    "ProcessContext",
    "ProcessExitedException",
    "ProcessRaisedException",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]


# -------------------------------------------------------------------------------------------------- queues and contexts
class _Pickled:
    """An object as bytes; whoever unpickles it gets the object."""

    def __init__(self, value):
        self._data = bytes(ForkingPickler.dumps(value))

    def __reduce__(self):
        return pickle.loads, (self._data,)


class _PicklesAtOnce:
    # Python's queues pickle in a thread of their own, and an array can be evaluated by the thread that made it only
    def put(self, obj, block: bool = True, timeout: float | None = None) -> None:
        super().put(_Pickled(obj), block, timeout)


class _Queue(_PicklesAtOnce, queues.Queue):
    pass


class _JoinableQueue(_PicklesAtOnce, queues.JoinableQueue):
    pass


class _Pool(pool.Pool):
    # tasks are pickled in a thread as well: their tensors are evaluated before
    def apply_async(self, *args, **kwargs):
        settle()
        return super().apply_async(*args, **kwargs)

    def _map_async(self, *args, **kwargs):
        settle()
        return super()._map_async(*args, **kwargs)

    def imap(self, *args, **kwargs):
        settle()
        return super().imap(*args, **kwargs)

    def imap_unordered(self, *args, **kwargs):
        settle()
        return super().imap_unordered(*args, **kwargs)


class _TensorContext:
    """A context whose queues and pools take tensors."""

    def get_context(self, method: str | None = None):
        return self if method is None else get_context(method)

    def Queue(self, maxsize: int = 0):
        return _Queue(maxsize, ctx=self)

    def JoinableQueue(self, maxsize: int = 0):
        return _JoinableQueue(maxsize, ctx=self)

    def Pool(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None):
        return _Pool(processes, initializer, initargs, maxtasksperchild, context=self)


_contexts = {
    method: type(f"{method.capitalize()}Context", (_TensorContext, type(multiprocessing.get_context(method))), {})()
    for method in multiprocessing.get_all_start_methods()
}


def get_context(method: str | None = None):
    """The context of a start method, by default of the one in force, with queues and pools that take tensors."""
    standard = multiprocessing.get_context(method)
    return _contexts[standard.get_start_method()]


def Queue(maxsize: int = 0):
    """A queue between processes; ``put`` pickles at once, so errors of pickling are raised by it."""
    return get_context().Queue(maxsize)


def JoinableQueue(maxsize: int = 0):
    """A queue with ``task_done`` and ``join``; ``put`` pickles at once."""
    return get_context().JoinableQueue(maxsize)


def Pool(processes=None, initializer=None, initargs=(), maxtasksperchild=None):
    """A pool of processes whose tasks may hold tensors."""
    return get_context().Pool(processes, initializer, initargs, maxtasksperchild)


# ------------------------------------------------------------------------------------------------------------- starting
# how long, in seconds, processes told to end may take before they are killed
_PATIENCE = 30.0
_STRATEGIES = frozenset(
    {"file_descriptor", "file_system"} if sys.platform.startswith("linux") else {"file_system"},
)
_strategy = "file_descriptor" if "file_descriptor" in _STRATEGIES else "file_system"


def get_all_sharing_strategies() -> set[str]:
    """The names PyTorch has for ways to share memory on this system; here tensors are copied under all of them."""
    return set(_STRATEGIES)


def get_sharing_strategy() -> str:
    """The name last set."""
    return _strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Set the name ``get_sharing_strategy`` gives; raises AssertionError for one this system has not."""
    global _strategy
    if new_strategy not in _STRATEGIES:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {set(_STRATEGIES)}")
    _strategy = new_strategy


class ProcessException(Exception):
    """A process failed; ``error_index`` says which and ``error_pid`` what its id was."""

    def __init__(self, msg: str, error_index: int, error_pid: int):
        super().__init__(msg)
        self.msg, self.error_index, self.error_pid = msg, error_index, error_pid

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """A process raised an exception; its traceback is in the message."""


class ProcessExitedException(ProcessException):
    """A process ended by a signal or with an exit code other than 0."""

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self):
        return type(self), (self.msg, self.error_index, self.error_pid, self.exit_code, self.signal_name)


def _entry(fn: Callable, i: int, args: tuple, error_file: str) -> None:
    """What a process runs: ``fn``, and on failure the traceback into a file for the parent."""
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        # an interrupt from the terminal reaches the parent as well, and it is for the parent to report it
        return
    except Exception:
        with open(error_file, "wb") as file:
            pickle.dump(traceback.format_exc(), file)
        sys.exit(1)


class ProcessContext:
    """Processes that were started together."""

    def __init__(self, processes: list, error_files: list[str]):
        self.processes, self.error_files = processes, error_files
        self.sentinels = {p.sentinel: i for i, p in enumerate(processes)}

    def pids(self) -> list[int]:
        """The process ids."""
        return [int(p.pid) for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until a process ends; True once all have. Call it until it returns True.

        Args:
            grace_period: seconds the others may take to end by themselves after one has failed.

        Raises: ProcessRaisedException, ProcessExitedException if a process failed; the others are ended.
        """
        for sentinel in connection.wait(list(self.sentinels), timeout) if self.sentinels else ():
            failed = self.sentinels.pop(sentinel)
            self.processes[failed].join()
            if self.processes[failed].exitcode != 0:
                self._end_all(grace_period)
                raise self._failure(failed)
        if not self.sentinels:
            self._remove_files()
        return not self.sentinels

    def _end_all(self, grace_period: float | None) -> None:
        if grace_period is not None:
            self._wait(grace_period)
        for p in self.processes:
            if p.is_alive():
                p.terminate()
        self._wait(_PATIENCE if grace_period is None else grace_period)
        for p in self.processes:
            if p.is_alive():
                p.kill()
            p.join()

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for p in self.processes:
            p.join(max(deadline - time.monotonic(), 0))

    def _failure(self, i: int) -> ProcessException:
        process, code = self.processes[i], self.processes[i].exitcode
        if os.path.exists(self.error_files[i]):
            with open(self.error_files[i], "rb") as file:
                text = pickle.load(file)
            self._remove_files()
            return ProcessRaisedException(
                f"\n\n-- Process {i} terminated with the following error:\n{text}", i, process.pid
            )
        if code >= 0:
            return ProcessExitedException(f"process {i} terminated with exit code {code}", i, process.pid, code)
        known = {s.value: s.name for s in signal.Signals}
        name = known.get(-code, f"<Unknown signal {-code}>")
        return ProcessExitedException(f"process {i} terminated with signal {name}", i, process.pid, code, name)

    def _remove_files(self) -> None:
        for path in self.error_files:
            if os.path.exists(path):
                os.unlink(path)


def start_processes(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run ``fn(i, *args)`` in ``nprocs`` processes, i = 0, 1, ...; wait for them, or return their ProcessContext.

    Raises: ProcessRaisedException, ProcessExitedException if a process fails; the others are ended then.
    """
    context = get_context(start_method)
    folder = tempfile.gettempdir()
    files = [os.path.join(folder, f"flashlight-error-{os.getpid()}-{time.monotonic_ns()}-{i}") for i in range(nprocs)]
    processes = []
    for i, path in enumerate(files):
        process = context.Process(target=_entry, args=(fn, i, args, path), daemon=daemon)
        process.start()
        processes.append(process)
    started = ProcessContext(processes, files)
    if not join:
        return started
    while not started.join():
        continue
    return None


def spawn(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """``start_processes`` with the start method "spawn": ``fn`` must be defined at the top level of a module."""
    if start_method != "spawn":
        warnings.warn(
            f"This method only supports start_method=spawn (got: {start_method}).\n"
            "To use a different start_method use:\n\t\t torch.multiprocessing.start_processes(...)",
            FutureWarning,
            stacklevel=2,
        )
    return start_processes(fn, args, nprocs, join, daemon, start_method="spawn")

"""Worker processes of a DataLoader: starting them, talking to them, ending them."""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import signal
import time
import warnings
from multiprocessing import connection

from ...._core.forking import settled
from .worker import POLL, Job, run


class Pool:
    """The workers of one iterator. ``receive`` notices at once if one of them dies."""

    def __init__(self, context, job: Job):
        self._done = context.Event()
        self._tasks, self._pipes, self._processes = [], [], []
        self._running: set[int] = set()
        self._arrived: collections.deque = collections.deque()
        self._owner = os.getpid()
        try:
            with settled() if context.get_start_method() == "fork" else contextlib.nullcontext():
                for i in range(job.num_workers):
                    self._start(context, job, i)
        except BaseException:
            self.shut_down()
            raise

    def _start(self, context, job: Job, i: int) -> None:
        tasks = context.Queue()
        tasks.cancel_join_thread()  # tasks that nobody will take must not keep this process alive
        read, write = context.Pipe(duplex=False)
        process = context.Process(target=run, args=(job, i, tasks, write, self._done), daemon=True)
        try:
            process.start()
        except (TypeError, AttributeError, pickle.PicklingError):
            warnings.warn(
                f"could not start a worker: the start method '{context.get_start_method()}' pickles the dataset, "
                "collate_fn and worker_init_fn; define them at the top level of a module, or use 'fork'",
                stacklevel=2,
            )
            raise
        finally:
            write.close()  # with only the worker at that end, its death closes the pipe
        self._tasks.append(tasks)
        self._pipes.append(read)
        self._processes.append(process)
        self._running.add(i)

    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [p.pid for p in self._processes]

    def send(self, worker: int, task) -> None:
        """Give a worker a task; None tells it to end."""
        self._tasks[worker].put(task)
        if task is None:
            self._running.discard(worker)

    def receive(self, timeout: float | None):
        """The next message of any worker.

        Raises: RuntimeError if none comes in time, or if a worker has died.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._arrived:
            # the pipe of a worker that was told to end may still hold messages, but its death is no surprise
            watched = [*self._open(), *(self._processes[i].sentinel for i in self._running)]
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            ready = connection.wait(watched, left)
            if not ready:
                raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
            self._read(ready)
        return pickle.loads(self._arrived.popleft())

    def _open(self) -> list:
        return [pipe for pipe in self._pipes if not pipe.closed]

    def _read(self, ready) -> None:
        dead = [i for i in self._running if self._processes[i].sentinel in ready]
        for i, pipe in enumerate(self._pipes):
            if pipe not in ready and not (i in dead and not pipe.closed and pipe.poll()):
                continue
            try:
                self._arrived.append(pipe.recv_bytes())
            except (EOFError, OSError):
                pipe.close()
                if i in self._running and i not in dead:
                    dead.append(i)
        if dead and not self._arrived:
            raise RuntimeError(self._obituary(dead))

    def _obituary(self, dead: list[int]) -> str:
        processes = [self._processes[i] for i in dead]
        for p in processes:
            p.join(timeout=1.0)
        self._running.difference_update(dead)
        pids = ", ".join(str(p.pid) for p in processes)
        code = processes[0].exitcode
        if code is not None and code < 0:
            how = f", killed by {signal.Signals(-code).name}"
        else:
            how = f" with exit code {code}"
        return f"DataLoader worker (pid(s) {pids}) exited unexpectedly{how}"

    def shut_down(self) -> None:
        """End all workers: each may finish what it is doing, and is terminated if that takes long."""
        if self._owner != os.getpid():
            return  # a forked copy: the workers are the original's
        self._done.set()
        for i in list(self._running):
            self.send(i, None)
        for pipe in self._pipes:
            pipe.close()
        deadline = time.monotonic() + POLL
        for process in self._processes:
            process.join(timeout=max(deadline - time.monotonic(), 0))
        for process in self._processes:
            if process.is_alive():
                process.terminate()
                process.join(timeout=POLL)
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
        for tasks in self._tasks:
            tasks.close()
        self._tasks, self._pipes, self._processes = [], [], []

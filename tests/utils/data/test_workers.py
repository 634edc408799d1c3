"""Worker processes: errors, deaths, early ends, what stays behind."""

import gc
import multiprocessing
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import flashlight

from . import both
from .streams import Big, Failing, Pid, Rows, fail_to_start, keep, stream

DataLoader = flashlight.utils.data.DataLoader


@pytest.fixture(autouse=True)
def nothing_stays_behind():
    yield
    gc.collect()
    deadline = time.monotonic() + 5
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not multiprocessing.active_children(), "worker processes are left"


def until_it_fails(lib, name, how, **options):
    loader = lib.utils.data.DataLoader(Failing(name, how), 2, num_workers=2, **options)
    it, got = iter(loader), []
    with pytest.raises(Exception) as caught:
        for b in it:
            got.append(b.tolist())
    if name == "torch":
        it._shutdown_workers()  # it would be some seconds about it when collected
    return got, caught


@pytest.mark.parametrize("how", ["value", "key", "odd"])
def test_errors_arrive_with_the_workers_traceback(how):
    (got, ours), (expected, theirs) = until_it_fails(flashlight, "flashlight", how), until_it_fails(torch, "torch", how)
    assert got == expected == [[0, 1], [2, 3]]
    assert ours.type is theirs.type
    first = str(theirs.value).split("\n")[0]
    assert str(ours.value).split("\n")[0] == first and "in DataLoader worker process" in first
    assert "Original Traceback" in str(ours.value) and "__getitem__" in str(ours.value)


@pytest.mark.parametrize("how", ["local", "unpicklable"])
def test_what_cannot_be_pickled_is_an_error_and_no_hang(how):
    options = {"collate_fn": keep} if how == "unpicklable" else {}
    loader = DataLoader(Failing("flashlight", how), 2, num_workers=2, **options)
    with pytest.raises(Exception, match=r"Caught .* in DataLoader worker process 0"):
        list(loader)


def test_a_loader_goes_on_after_an_error():
    def fn(lib, name):
        it, got = iter(lib.utils.data.DataLoader(Failing(name, "value"), 2, num_workers=2)), []
        while True:
            try:
                got.append(next(it).tolist())
            except ValueError:
                got.append("bad")
            except StopIteration:
                return got

    assert "bad" in str(both(fn))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_map_dataset_that_stops_ends_the_loop(workers):
    def fn(lib, name):
        return [b.tolist() for b in lib.utils.data.DataLoader(Failing(name, "stop"), 2, num_workers=workers)]

    both(fn)


def test_a_worker_that_fails_to_start():
    with pytest.raises(ValueError, match=r"(?s)Caught ValueError in DataLoader worker process 1.*will not start"):
        list(DataLoader(Rows("flashlight", 8), 2, num_workers=2, worker_init_fn=fail_to_start))


@pytest.mark.parametrize("how, words", [("exit", "exit code 3"), ("kill", "SIGKILL")])
def test_a_worker_that_dies(how, words):
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly.*{words}"):
        list(DataLoader(Failing("flashlight", how), 2, num_workers=2))
    assert time.monotonic() - start < 4


def test_timeout():
    start = time.monotonic()
    loader = DataLoader(Failing("flashlight", "sleep"), 2, num_workers=2, timeout=0.5)
    it = iter(loader)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0\.5 seconds"):
        list(it)
    assert time.monotonic() - start < 3
    it._pool._processes[0].kill()  # it would sleep on: spare the test the wait


def test_arguments_that_cannot_be_pickled_for_spawn():
    loader = DataLoader(range(4), num_workers=1, multiprocessing_context="spawn", collate_fn=lambda b: b)
    with pytest.warns(UserWarning, match="could not start a worker"), pytest.raises(Exception, match="pickle"):
        iter(loader)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_breaking_off_early_ends_the_workers(method):
    loader = DataLoader(Big("flashlight"), 4, num_workers=2, multiprocessing_context=method)
    for i, batch in enumerate(loader):
        assert batch.shape == (4, 200_000)
        start = time.monotonic()
        if i:  # both workers have started
            break
    del batch
    gc.collect()
    assert not multiprocessing.active_children()
    assert time.monotonic() - start < 4


def test_batches_larger_than_a_pipe():
    sums = [b[:, 0].tolist() for b in DataLoader(Big("flashlight", 10), 4, num_workers=2)]
    assert sums == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_persistent_workers_are_the_same_processes():
    loader = DataLoader(Pid(), 1, num_workers=2, persistent_workers=True)
    first, second = ({b.item() for b in loader} for _ in range(2))
    assert first == second and len(first) == 2 and os.getpid() not in first
    for _ in loader:
        break
    assert {b.item() for b in loader} == first  # what was left of the broken-off epoch is gone
    again = DataLoader(Pid(), 1, num_workers=2)
    assert {b.item() for b in again} != {b.item() for b in again}


def test_persistent_workers_start_streams_anew():
    loader = DataLoader(stream("flashlight", 9), 2, num_workers=2, persistent_workers=True)
    assert [sorted(x for b in loader for x in b.tolist()) for _ in range(3)] == [list(range(9))] * 3


def test_out_of_order():
    loader = DataLoader(Rows("flashlight", 20), 2, num_workers=2, in_order=False)
    assert sorted(x for b in loader for x in b[1].tolist()) == list(range(20))


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_prefetching_changes_no_order(factor):
    loader = DataLoader(Rows("flashlight", 20), 3, num_workers=2, prefetch_factor=factor)
    assert [x for b in loader for x in b[1].tolist()] == list(range(20))


def test_dtypes_and_gradients_cross_over():
    samples = [
        flashlight.zeros(2, dtype=getattr(flashlight, n)) for n in ("bfloat16", "float16", "complex64", "int8", "bool")
    ]
    samples.append(flashlight.ones(2, requires_grad=True))
    got = list(DataLoader(samples, None, num_workers=1))
    assert [t.dtype for t in got] == [t.dtype for t in samples]
    assert got[-1].requires_grad and got[-1].is_leaf


def test_pending_values_survive_the_fork():
    pending = flashlight.ones(50, 50) @ flashlight.ones(50, 50)  # not computed yet
    views = pending.t()[1:]
    rows = flashlight.utils.data.TensorDataset(pending + 1, flashlight.arange(50))
    assert sum(b[0].sum().item() for b in DataLoader(rows, 10, num_workers=2)) == 51 * 50 * 50
    assert views.sum().item() == 50 * 50 * 49


def test_two_loaders_at_once_and_threads_in_workers():
    a = iter(DataLoader(Rows("flashlight", 8), 2, num_workers=2))
    b = iter(DataLoader(Rows("flashlight", 8), 2, num_workers=1))
    got = [(x[1].tolist(), y[1].tolist()) for x, y in zip(a, b, strict=True)]
    assert got == [([i, i + 1], [i, i + 1]) for i in range(0, 8, 2)]


SCRIPTS = {
    "an end in the middle of an epoch": """
for batch in DataLoader(Big("flashlight"), 2, num_workers=2):
    break
it = iter(DataLoader(Big("flashlight"), 2, num_workers=2))
next(it)
print("done")
""",
    "an end with persistent workers": """
loader = DataLoader(Big("flashlight"), 2, num_workers=2, persistent_workers=True)
it = iter(loader)
next(it)
print("done")
""",
    "an error in the loop": """
try:
    for batch in DataLoader(Big("flashlight"), 2, num_workers=2):
        raise ValueError
except ValueError:
    print("done")
""",
    "spawned workers": """
loader = DataLoader(Big("flashlight"), 2, num_workers=1, multiprocessing_context="spawn", persistent_workers=True)
it = iter(loader)
next(it)
print("done")
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_interpreter_ends(name, tmp_path):
    script = tmp_path / "script.py"
    body = "\n".join("    " + line for line in SCRIPTS[name].strip().split("\n"))
    script.write_text(
        "from flashlight.utils.data import DataLoader\nfrom tests.utils.data.streams import Big\n"
        f"if __name__ == '__main__':\n{body}\n"
    )
    root = os.path.dirname(os.path.dirname(flashlight.__file__))
    env = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=40, env=env)
    assert done.returncode == 0 and done.stdout.strip() == "done", done.stderr
    assert "Traceback" not in done.stderr


def test_iterators_are_not_pickled():
    with pytest.raises(NotImplementedError, match="cannot be pickled"):
        iter(DataLoader(range(2))).__getstate__()


def test_numpy_states_of_workers_differ():
    class Draw:
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return np.random.rand()

    values = [b.item() for b in DataLoader(Draw(), 1, num_workers=2)]
    assert len(set(values)) == 4

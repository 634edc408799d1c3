"""torch.multiprocessing: spawn, its errors, and tensors in queues."""

import multiprocessing
import os
import pickle
import time

import pytest
import torch

import flashlight
from flashlight import multiprocessing as mp

from .processes import compute, double, fail, leave, put, write


def test_it_is_the_standard_module():
    own = {"Queue", "JoinableQueue", "Pool", "get_context"}  # made for tensors
    for name in set(multiprocessing.__all__) - own:
        assert getattr(mp, name) is getattr(multiprocessing, name), name
    missing = {n for n in torch.multiprocessing.__all__ if n not in mp.__all__}
    assert not missing


def test_sharing_strategies():
    assert mp.get_all_sharing_strategies() == torch.multiprocessing.get_all_sharing_strategies()
    before = mp.get_sharing_strategy()
    assert before == torch.multiprocessing.get_sharing_strategy()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy(before)
    with pytest.raises(AssertionError, match="invalid sharing strategy 'memory'"):
        mp.set_sharing_strategy("memory")


def test_spawned_processes_get_tensors_and_send_some_back():
    queue = mp.get_context("spawn").SimpleQueue()
    assert mp.spawn(put, (queue, flashlight.arange(3.0)), nprocs=2) is None
    got = dict(queue.get()[:2] for _ in range(2))
    assert {i: t.tolist() for i, t in got.items()} == {0: [0, 1, 2], 1: [0, 2, 4]}


def test_forked_processes_compute():
    queue = mp.get_context("fork").Queue()
    started = mp.start_processes(compute, (queue,), nprocs=2, join=False, start_method="fork")
    assert len(started.pids()) == 2
    assert [queue.get(timeout=10) for _ in range(2)] == [27, 27]
    while not started.join(timeout=10):
        continue
    assert started.join()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("kind", ["Queue", "JoinableQueue", "SimpleQueue"])
def test_queues_take_pending_tensors(method, kind):
    context = mp.get_context(method)
    assert context.get_start_method() == method
    queue = getattr(context, kind)()
    process = context.Process(target=put, args=(1, queue, flashlight.arange(3.0) + 1))
    process.start()
    i, t, name = queue.get()
    process.join(10)
    assert (i, t.tolist()) == (1, [2, 4, 6]) and name != multiprocessing.current_process().name
    assert process.exitcode == 0


def test_the_default_queue_takes_pending_tensors():
    for queue in (mp.Queue(), mp.JoinableQueue()):
        queue.put({"a": flashlight.ones(2) * 3})
        assert queue.get(timeout=10)["a"].tolist() == [3, 3]
    with pytest.raises(Exception, match="pickle"):
        queue.put(lambda: None)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_take_pending_tensors(method):
    with mp.get_context(method).Pool(2) as pool:
        x = flashlight.ones(2) * 3
        assert pool.apply(double, (x,)).tolist() == [6, 6]
        for mapped in (pool.map, pool.imap, pool.imap_unordered):
            assert [t.tolist() for t in mapped(double, [x + 1, x + 1])] == [[8, 8]] * 2
        assert [t.tolist() for t in pool.starmap(double, [(x - 1,)])] == [[4, 4]]


def test_a_plain_fork_computes():
    pending = flashlight.ones(3) + 1
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, b"yes" if (pending @ (pending * 2)).item() == 24 else b"no")
        os._exit(0)
    os.close(write)
    assert os.read(read, 10) == b"yes"
    os.waitpid(child, 0)


def test_tensors_are_copies():
    t = flashlight.zeros(2)
    mp.start_processes(write, (t,), start_method="fork")
    assert t.tolist() == [0, 0]


def test_an_error_ends_the_others_and_is_raised_here():
    start = time.monotonic()
    with pytest.raises(mp.ProcessRaisedException, match=r"(?s)Process 1 terminated.*process 1 is bad") as caught:
        mp.start_processes(fail, nprocs=3, start_method="fork")
    assert caught.value.error_index == 1 and time.monotonic() - start < 10
    assert not multiprocessing.active_children()
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.error_pid == caught.value.error_pid and str(again) == str(caught.value)


@pytest.mark.parametrize(
    "code, words", [(3, "process 0 terminated with exit code 3"), (-9, "process 0 terminated with signal SIGKILL")]
)
def test_exit_codes(code, words):
    with pytest.raises(mp.ProcessExitedException, match=words) as caught:
        mp.start_processes(leave, (code,), start_method="fork")
    assert caught.value.exit_code == code and caught.value.signal_name == (None if code > 0 else "SIGKILL")
    assert pickle.loads(pickle.dumps(caught.value)).exit_code == code


def test_spawn_spawns():
    with pytest.warns(FutureWarning, match="only supports start_method=spawn"):
        mp.spawn(leave, (0,), start_method="fork")

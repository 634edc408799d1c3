"""What the processes of test_multiprocessing run; a module without torch, which takes long to start."""

import multiprocessing
import os
import sys
import time

import flashlight


def put(i, queue, t):
    queue.put((i, t * (i + 1), multiprocessing.current_process().name))


def fail(i):
    if i == 1:
        raise ValueError("process 1 is bad")
    time.sleep(20)


def leave(i, code):
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


def write(i, t):
    t.fill_(7.0)


def compute(i, queue):
    queue.put((flashlight.ones(3, 3) @ flashlight.ones(3, 3)).sum().item())


def double(t):
    return t * 2

"""Pending work stays bounded in loops that read nothing."""

from __future__ import annotations

import threading

import mlx.core as mx

import flashlight
from flashlight._core import lazy


def test_memory_is_flat_in_a_loop_that_reads_nothing():
    x = flashlight.ones(1000, 250)
    total = flashlight.zeros(())
    for _ in range(300):
        x = x * 1.0001
        total = total + x.sum()
    mx.synchronize()
    mx.reset_peak_memory()
    for _ in range(3000):
        x = x * 1.0001
        total = total + x.sum()
    assert total.item() > 0
    # a million bytes an array: pending intermediates must have been freed along the way
    assert mx.get_peak_memory() < 600 * 1_000_000


def test_training_loop_without_reads_is_flat():
    w = flashlight.ones(100, 1000, requires_grad=True)
    x = flashlight.ones(50, 100)
    for _ in range(5):
        _train(w, x)
    mx.synchronize()
    before = mx.get_active_memory()
    for _ in range(200):
        _train(w, x)
    mx.synchronize()
    assert mx.get_active_memory() < before + 20_000_000


def _train(w, x):
    loss = ((x @ w) ** 2).mean()
    loss.backward()
    with flashlight.no_grad():
        w -= 1e-6 * w.grad
    w.grad = None


def test_a_pause_is_of_its_own_thread():
    seen = []
    with lazy.paused():
        other = threading.Thread(target=lambda: seen.append(lazy.is_paused()))
        other.start()
        other.join()
        assert lazy.is_paused()
    assert seen == [False]
    assert not lazy.is_paused()

"""The memory that scans in numpy hand on to each other."""

from __future__ import annotations

import gc
import random
import threading

import numpy as np
import pytest

import flashlight
from flashlight.kernels.arrays import Room


class _Ring:
    """Holds a room until the collector comes."""

    def __init__(self):
        self.me, self.room = self, Room()
        self.room.empty((3, 5), "float32")


def test_rooms_end_while_another_ends():
    def work():
        for i in range(3000):
            _Ring()
            room = Room()
            for width in range(12):
                room.empty((i % 31 + 1, width + 3), "float32")

    thresholds = gc.get_threshold()
    gc.set_threshold(3)
    try:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(60)
    finally:
        gc.set_threshold(*thresholds)
    assert not thread.is_alive()


def test_memory_is_bounded_over_changing_lengths():
    layer, lengths = flashlight.nn.LSTM(4, 64), random.Random(0)
    for _ in range(100):
        layer(flashlight.zeros(lengths.randint(1, 60), 32, 4))[0].sum().backward()
    held = sum(block.nbytes for stack in Room._idle.values() for block in stack)
    assert held == Room._held <= Room._LIMIT


@pytest.mark.parametrize("layer", [lambda: flashlight.nn.LSTM(4, 6), lambda: flashlight.nn.GRU(4, 6)])
def test_results_outlive_the_memory_of_their_scan(layer):
    layer, x = layer(), flashlight.randn(5, 3, 4)
    with flashlight.no_grad():
        first = layer(x)[0]
        wanted = first.numpy().copy()
        for _ in range(3):
            layer(x * 2)
    np.testing.assert_array_equal(first.numpy(), wanted)

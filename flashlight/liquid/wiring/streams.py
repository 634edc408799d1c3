"""The random streams wirings are drawn from.

NCP wirings use numpy's RandomState, whose numbers never change. The fully connected and random ones were made with numpy's
PCG64 generator, which numpy may change: its algorithm (SeedSequence, PCG64, Lemire's bounded integers) is written out here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_32 = (1 << 32) - 1
_64 = (1 << 64) - 1
_128 = (1 << 128) - 1


class Twister:
    """The stream of ``numpy.random.RandomState(seed)``."""

    def __init__(self, seed: int):
        self._state = np.random.RandomState(seed)

    def choice(self, values: Sequence[int]) -> int:
        """One of the values."""
        return int(self._state.choice(values))

    def sample(self, values: Sequence[int], k: int) -> list[int]:
        """``k`` different ones of the values."""
        return [int(v) for v in self._state.choice(values, size=k, replace=False)]

    def uniform(self, shape: tuple[int, ...]) -> np.ndarray:
        """Doubles in [0, 1), 53 bits each, in row-major order."""
        return self._state.random_sample(shape)


def _hash_words(seed: int) -> list[int]:
    """numpy's SeedSequence: eight 32-bit words from a seed."""
    entropy = [(seed >> shift) & _32 for shift in range(0, max(seed.bit_length(), 1), 32)]
    multiplier = 0x43B0D7E5

    def hashed(v: int) -> int:
        nonlocal multiplier
        v ^= multiplier
        multiplier = multiplier * 0x931E8875 & _32
        v = v * multiplier & _32
        return v ^ v >> 16

    def mixed(x: int, y: int) -> int:
        r = (0xCA01F9DD * x - 0x4973F715 * y) & _32
        return r ^ r >> 16

    pool = [hashed(entropy[i] if i < len(entropy) else 0) for i in range(4)]
    for a in range(4):
        for b in range(4):
            if a != b:
                pool[b] = mixed(pool[b], hashed(pool[a]))
    for word in entropy[4:]:
        for b in range(4):
            pool[b] = mixed(pool[b], hashed(word))
    words, multiplier = [], 0x8B51F9DD
    for i in range(8):
        d = pool[i % 4] ^ multiplier
        multiplier = multiplier * 0x58F38DED & _32
        d = d * multiplier & _32
        words.append(d ^ d >> 16)
    return words


class PCG:
    """The stream of ``numpy.random.default_rng(seed)`` as numpy 2.4 has it."""

    def __init__(self, seed: int):
        words = _hash_words(seed)
        w0, w1, w2, w3 = (words[i] | words[i + 1] << 32 for i in range(0, 8, 2))
        self._increment = ((w2 << 64 | w3) << 1 | 1) & _128
        self._state = 0
        self._step()
        self._state = (self._state + (w0 << 64 | w1)) & _128
        self._step()
        self._half: int | None = None

    def _step(self) -> None:
        self._state = (self._state * 0x2360ED051FC65DA44385DF649FCCF645 + self._increment) & _128

    def _next64(self) -> int:
        self._step()
        value = (self._state >> 64) ^ self._state & _64
        turn = self._state >> 122
        return (value >> turn | value << (64 - turn)) & _64

    def _next32(self) -> int:
        # a word gives two numbers, the low half first
        if self._half is not None:
            value, self._half = self._half, None
            return value
        word = self._next64()
        self._half = word >> 32
        return word & _32

    def bounded(self, largest: int) -> int:
        """A number in 0..largest (Lemire's method)."""
        if largest == 0:
            return 0
        n = largest + 1
        product = self._next32() * n
        if product & _32 < n:
            threshold = (_32 - largest) % n
            while product & _32 < threshold:
                product = self._next32() * n
        return product >> 32

    def choice(self, values: Sequence[int]) -> int:
        """One of the values."""
        return values[self.bounded(len(values) - 1)]

    def sample(self, values: Sequence, k: int) -> list:
        """``k`` different ones of the values, in the order numpy's ``choice(replace=False)`` gives."""
        n = len(values)
        if n > 10000 and k > n // 50:
            places = list(range(n))
            for i in range(n - 1, max(n - k, 1) - 1, -1):
                j = self.bounded(i)
                places[i], places[j] = places[j], places[i]
            return [values[p] for p in places[n - k :]]
        places, taken = [], set()
        for j in range(n - k, n):
            v = self.bounded(j)
            v = j if v in taken else v
            taken.add(v)
            places.append(v)
        for i in range(k - 1, 0, -1):
            j = self.bounded(i)
            places[i], places[j] = places[j], places[i]
        return [values[p] for p in places]

    def keeps(self, shape: tuple[int, ...], sparsity: float) -> np.ndarray:
        """Which entries survive thinning, in row-major order."""
        drawn = [self.bounded((1 << 24) - 1) / (1 << 24) >= sparsity for _ in range(math.prod(shape))]
        return np.array(drawn, dtype=bool).reshape(shape)

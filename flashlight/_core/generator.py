"""Where random numbers come from: PyTorch's CPU generator, word for word, and the device's own generator.

``Generator`` is the 32-bit Mersenne Twister behind ``torch.Generator("cpu")``: the same seeds give the same
words, and its state is exchanged with PyTorch byte for byte. ``draws`` and ``rejection`` turn the words into
distributions. ``DeviceSource`` draws with ``mx.random`` instead, for speed; ``use_engine`` chooses.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Sequence

import mlx.core as mx
import numpy as np

from flashlight._core import dtypes
from flashlight._core.dtypes import dtype as DType

DEFAULT_SEED = 67280421310721
_BLOCK = 624  # words the twister makes at a time
_CHUNK = 1 << 16  # numbers made at a time, so that temporaries stay in the cache
_FEW = 2000  # words below which numpy's raw interface, which costs less to call, beats the bulk one

# The layout of ``torch.get_rng_state()``; the words are stored as 64-bit numbers for historical reasons.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("words", "<u8", _BLOCK),
        ("unused_x", "<f8"),
        ("spare_double", "<f8"),
        ("unused_rho", "<f8"),
        ("has_spare_double", "<i4"),
        ("padding", "<i4"),
        ("spare_float", "<f4"),
        ("has_spare_float", "u1"),
        ("tail", "u1", 3),
    ]
)
# Under the "mlx" engine a state is this mark, the device key, and then the bytes above, because distributions
# without a device sampler are drawn from the twister all the same.
_DEVICE_MARK = np.frombuffer(b"flashlight.mlx:1", np.uint8)
_KEY_BYTES = 8
_DEVICE_STATE_SIZE = _DEVICE_MARK.size + _KEY_BYTES + _STATE.itemsize


class Generator:
    """A source of random numbers with its own seed and state, equal to ``torch.Generator`` on the CPU.

    The device is a label: numbers are the same whatever it says.
    """

    def __init__(self, device="cpu"):
        self.device = device
        self.lock = threading.RLock()
        self._bits = np.random.MT19937(0)
        self._legacy = np.random.RandomState(self._bits)  # shares the words: public legacy seeding and bulk words
        self.manual_seed(DEFAULT_SEED)

    # ------------------------------------------------------------------------------------------------------ seeding
    def manual_seed(self, seed: int) -> Generator:
        """Start over from ``seed``, between ``-2**63`` and ``2**64 - 1``; negative seeds count from ``2**64``.

        Raises: RuntimeError if the seed is no int; ValueError if it is out of range.
        """
        if isinstance(seed, np.integer):
            seed = int(seed)
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(1 << 63) <= seed < 1 << 64:
            raise ValueError("Overflow when unpacking long long")
        with self.lock:
            self._seed = seed % (1 << 64)
            self._legacy.seed(self._seed & 0xFFFFFFFF)
            self._spent_at = 0  # where a used-up block is left: PyTorch says 0 after seeding, 624 after drawing
            self.spare_normal: float | None = None
            self._spare_float: float | None = None  # nothing draws it any more; kept for the round trip of states
            self._source: DeviceSource | None = None
        return self

    def seed(self) -> int:
        """Start over from a seed taken from the operating system, and return it."""
        seed = int.from_bytes(os.urandom(8), "little")
        self.manual_seed(seed)
        return seed

    def initial_seed(self) -> int:
        """The seed this generator was started from."""
        return self._seed

    @property
    def source(self) -> DeviceSource:
        """The device's random numbers under this generator's seed."""
        if self._source is None:
            self._source = DeviceSource(self._seed)
        return self._source

    # -------------------------------------------------------------------------------------------------------- state
    def get_state(self) -> np.ndarray:
        """The state as bytes: ``torch.get_rng_state()``'s 5056, or the longer form of the "mlx" engine."""
        with self.lock:
            state = self._twister_state()
            if _engine == "torch":
                return state
            key = np.array(self.source.key).astype("<u4").view(np.uint8)
            return np.concatenate([_DEVICE_MARK, key, state])

    def set_state(self, new_state) -> None:
        """Continue from bytes that ``get_state`` gave under the same engine, here or (engine "torch") in PyTorch.

        Raises: TypeError if these are no bytes; RuntimeError if they are no state of this engine.
        """
        state = np.asarray(new_state)
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        state = np.ascontiguousarray(state).reshape(-1)
        marked = state.size == _DEVICE_STATE_SIZE and np.array_equal(state[: _DEVICE_MARK.size], _DEVICE_MARK)
        if marked and _engine == "torch":
            raise RuntimeError('this RNG state was taken under the "mlx" engine: call use_engine("mlx") to restore it')
        if not marked and _engine == "mlx":
            raise RuntimeError(
                f'Expected an RNG state of the "mlx" engine, of size {_DEVICE_STATE_SIZE}, but found one of size '
                f'{state.size}: call use_engine("torch") to restore a state of the default engine'
            )
        twister = state[-_STATE.itemsize :] if marked else state
        with self.lock:
            self._set_twister_state(twister)
            if marked:
                key = state[_DEVICE_MARK.size : -_STATE.itemsize].view("<u4").astype(np.uint32)
                self.source.key = mx.array(key)

    def _twister_state(self) -> np.ndarray:
        words = self._bits.state["state"]
        state = np.zeros((), _STATE)
        spent = words["pos"] == _BLOCK
        state["seed"], state["seeded"] = self._seed, 1
        state["left"] = 1 if spent else _BLOCK + 1 - words["pos"]
        state["next"] = self._spent_at if spent else words["pos"]
        state["words"] = words["key"]
        if self.spare_normal is not None:
            state["has_spare_double"], state["spare_double"] = 1, self.spare_normal
        if self._spare_float is not None:
            state["has_spare_float"], state["spare_float"] = 1, self._spare_float
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def _set_twister_state(self, data: np.ndarray) -> None:
        if data.size != _STATE.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the input RNG state size to be "
                f"{data.size}"
            )
        state = np.frombuffer(data.tobytes(), _STATE)[0]
        left, read = int(state["left"]), int(state["next"])
        spent = left == 1 and read <= _BLOCK
        if not state["seeded"] or not (spent or (1 < left <= _BLOCK and left + read == _BLOCK + 1)):
            raise RuntimeError("Invalid mt19937 state")
        words = state["words"].astype(np.uint32)
        self.rewind(({"key": words, "pos": _BLOCK if spent else read}, read if spent else _BLOCK))
        self._seed = int(state["seed"])
        self.spare_normal = float(state["spare_double"]) if state["has_spare_double"] else None
        self._spare_float = float(state["spare_float"]) if state["has_spare_float"] else None

    def clone_state(self) -> Generator:
        """A generator of its own that continues as this one would."""
        clone = type(self)(self.device)
        with self.lock:
            clone._set_twister_state(self._twister_state())
            if self._source is not None:
                clone.source.key = self._source.key
        return clone

    def __getstate__(self) -> dict:
        with self.lock:
            key = None if self._source is None else np.array(self._source.key)
            return {"device": self.device, "twister": self._twister_state(), "key": key}

    def __setstate__(self, state: dict) -> None:
        Generator.__init__(self, state["device"])
        self._set_twister_state(state["twister"])
        if state["key"] is not None:
            self.source.key = mx.array(state["key"])

    def get_offset(self) -> int:
        """Raises RuntimeError: only counter-based generators have an offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """Raises RuntimeError: only counter-based generators have an offset."""
        raise RuntimeError(f"CPU Generator does not use offset (got {offset})")

    def graphsafe_get_state(self) -> Generator:
        """Raises NotImplementedError, as PyTorch's CPU generator does."""
        raise NotImplementedError("graphsafe_get_state is not supported in this Generator")

    def graphsafe_set_state(self, state: Generator) -> None:
        """Raises NotImplementedError, as PyTorch's CPU generator does."""
        raise NotImplementedError(
            f"graphsafe_set_state is not supported in this Generator (got {type(state).__name__})"
        )

    # -------------------------------------------------------------------------------------------------------- words
    def words(self, n: int) -> np.ndarray:
        """The next ``n`` 32-bit words, uint32."""
        with self.lock:
            if n:
                self._spent_at = _BLOCK
            if n < _FEW:
                return self._bits.random_raw(n).astype(np.uint32)
            return self._legacy.randint(0, 1 << 32, n, np.uint32)

    def words64(self, n: int, bits: int = 64) -> np.ndarray:
        """``n`` integers of ``bits`` random bits, uint64: two words each, the first the high half."""
        out = np.empty(n, np.uint64)
        for part in chunks(out):
            pairs = self.words(2 * part.size).view(np.uint64)
            np.left_shift(pairs, np.uint64(32), out=part)
            pairs >>= np.uint64(32)
            part |= pairs
            if bits < 64:
                part &= np.uint64((1 << bits) - 1)
        return out

    def fill(self, out: np.ndarray) -> np.ndarray:
        """Fill a flat array with uniforms on [0, 1): float32 takes 24 bits of a word each, float64 53 of two words."""
        for part in chunks(out):
            if out.dtype == np.float32:
                words = self.words(part.size)
                words &= np.uint32((1 << 24) - 1)
                part[...] = words.view(np.int32)
                part *= 2.0**-24
            else:
                part[...] = self.words64(part.size, 53).view(np.int64)
                part *= 2.0**-53
        return out

    def doubles(self, n: int) -> np.ndarray:
        """``n`` float64 uniforms on [0, 1)."""
        return self.fill(np.empty(n))

    def mark(self) -> tuple[dict, int]:
        """Where the words stand, for ``rewind``."""
        return self._bits.state["state"], self._spent_at

    def rewind(self, mark: tuple[dict, int]) -> None:
        """Go back to a mark."""
        self._bits.state = {"bit_generator": "MT19937", "state": mark[0]}
        self._spent_at = mark[1]


def chunks(out: np.ndarray, size: int = _CHUNK) -> Iterator[np.ndarray]:
    """The consecutive pieces of a flat array that are filled one at a time, so that temporaries stay in the cache."""
    for start in range(0, out.size, size):
        yield out[start : start + size]


class DeviceSource:
    """Numbers drawn on the device with ``mx.random``; every draw splits the key, which is all the state there is.

    Results are lazy arrays. Floating dtypes are float16, bfloat16 and float32 (and complex64 for ``uniform`` and
    ``normal``): ``mx.random`` makes no float64, and asking for one raises TypeError.
    """

    def __init__(self, seed: int):
        self.key = mx.random.key(seed)

    def next_key(self) -> mx.array:
        """Split the key and return the half to draw with."""
        self.key, drawn = mx.random.split(self.key)
        return drawn

    def uniform(self, shape: Sequence[int], low=0.0, high=1.0, dtype: DType = dtypes.float32) -> mx.array:
        """Uniform on ``[low, high)``, numbers or arrays that broadcast to ``shape``."""
        if dtype is dtypes.complex64:
            return _paired(self.uniform((*shape, 2), low, high))
        return mx.random.uniform(low, high, tuple(shape), _device_float(dtype), self.next_key())

    def normal(self, shape: Sequence[int], mean=0.0, std=1.0, dtype: DType = dtypes.float32) -> mx.array:
        """Normal with ``mean`` and ``std``, numbers or arrays that broadcast to ``shape``."""
        if dtype is dtypes.complex64:
            return std * _paired(self.normal((*shape, 2), 0.0, math.sqrt(0.5))) + mean
        kind = _device_float(dtype)
        return (std * mx.random.normal(tuple(shape), kind, key=self.next_key()) + mean).astype(kind)

    def bernoulli(self, p, shape: Sequence[int]) -> mx.array:
        """Booleans that are true with probability ``p``, a number or an array that broadcasts to ``shape``."""
        return mx.random.bernoulli(p, tuple(shape), self.next_key())

    def exponential(self, shape: Sequence[int], lambd: float = 1.0, dtype: DType = dtypes.float32) -> mx.array:
        """Exponential with rate ``lambd``."""
        return (mx.log1p(-self.uniform(shape)) / -lambd).astype(_device_float(dtype))

    def geometric(self, shape: Sequence[int], p: float, dtype: DType = dtypes.float32) -> mx.array:
        """Number of Bernoulli(``p``) trials up to and including the first success."""
        trials = mx.ceil(mx.log1p(-self.uniform(shape)) / math.log1p(-p))
        return mx.maximum(trials, 1.0).astype(dtypes.to_mlx(dtype))

    def cauchy(self, shape: Sequence[int], median=0.0, sigma=1.0, dtype: DType = dtypes.float32) -> mx.array:
        """Cauchy with location ``median`` and scale ``sigma``."""
        return (median + sigma * mx.tan(math.pi * (self.uniform(shape) - 0.5))).astype(_device_float(dtype))

    def log_normal(self, shape: Sequence[int], mean=1.0, std=2.0, dtype: DType = dtypes.float32) -> mx.array:
        """The exponential of a normal with ``mean`` and ``std``."""
        return mx.exp(self.normal(shape, mean, std)).astype(_device_float(dtype))

    def randint(self, low: int, high: int, shape: Sequence[int], dtype: DType = dtypes.int64) -> mx.array:
        """Integers of ``[low, high)``, both within int64."""
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        if high - low <= 1 << 16:
            offsets = mx.random.randint(0, high - low, tuple(shape), mx.int64, self.next_key())
        else:
            # mx.random.randint scales a float32: more than 16 even bits have to be put together
            pieces = mx.random.randint(0, 1 << 16, (*shape, 4), mx.uint64, self.next_key())
            places = mx.array([1, 1 << 16, 1 << 32, 1 << 48], dtype=mx.uint64)
            offsets = (mx.sum(pieces * places, axis=-1) % mx.array(np.uint64(high - low))).astype(mx.int64)
        return (offsets + mx.array(low, dtype=mx.int64)).astype(dtypes.to_mlx(dtype))

    def randperm(self, n: int, dtype: DType = dtypes.int64) -> mx.array:
        """A permutation of ``0 .. n - 1``."""
        return mx.random.permutation(n, key=self.next_key()).astype(dtypes.to_mlx(dtype))

    def multinomial(self, probs: mx.array, num_samples: int, replacement: bool = False) -> mx.array:
        """Indices drawn in proportion to the last axis of ``probs``: (..., categories) -> (..., num_samples), int64."""
        if replacement:
            drawn = mx.random.categorical(mx.log(probs), num_samples=num_samples, key=self.next_key())
        else:
            arrival = self.exponential(probs.shape) / probs  # at rates ``probs``; the first to arrive are drawn
            drawn = mx.argsort(arrival, axis=-1)[..., :num_samples]
        return drawn.astype(mx.int64)


def _device_float(dtype: DType):
    if dtype not in (dtypes.float16, dtypes.bfloat16, dtypes.float32):
        raise TypeError(f"the mlx engine draws torch.float16, torch.bfloat16 and torch.float32, not {dtype!r}")
    return dtype.mlx


def _paired(x: mx.array) -> mx.array:
    """Real and imaginary parts on a last axis of two -> complex64."""
    return mx.squeeze(x.view(mx.complex64), -1)


# --------------------------------------------------------------------------------------------------- which engine draws
_engine = "torch"


def use_engine(name: str) -> None:
    """Draw PyTorch's numbers ("torch", the default) or the device's own, which are made where they are used ("mlx").

    Raises: ValueError for another name.
    """
    global _engine
    if name not in ("torch", "mlx"):
        raise ValueError(f"unknown random engine {name!r}: choose 'torch' or 'mlx'")
    _engine = name


def engine() -> str:
    """The engine in force, "torch" or "mlx"."""
    return _engine


default_generator = Generator()
default_generator.seed()

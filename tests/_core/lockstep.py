"""A generator and PyTorch's, started from one seed: every draw must give the same numbers and leave the same state."""

import numpy as np
import torch

from flashlight._core import dtypes
from flashlight._core.generator import Generator

SEEDS = (0, 1, 42, -1, 2**32 + 7, 2**64 - 1)
SIZES = (0, 1, 7, 15, 16, 17, 31, 33, 1000)
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTS = ("int64", "int32", "int16", "int8", "uint8")


class Lockstep:
    """``ours`` and ``theirs``, two generators that must not part."""

    def __init__(self, seed: int):
        self.ours = Generator().manual_seed(seed)
        self.theirs = torch.Generator().manual_seed(seed)

    def same(self, drawn: np.ndarray, expected: torch.Tensor, within: float = 0.0, what: object = "") -> None:
        """Assert equal shapes, values (exactly, or relative to 1 + magnitude) and states (byte for byte).

        Values near enough round to the same half but for a few, which may be one step off.
        """
        assert drawn.shape == tuple(expected.shape), what
        cast = torch.from_numpy(np.ascontiguousarray(drawn)).to(expected.dtype).reshape(expected.shape)
        half = expected.dtype in (torch.float16, torch.bfloat16)
        rtol = torch.finfo(expected.dtype).eps if half and within else within
        torch.testing.assert_close(cast, expected, rtol=rtol, atol=within, equal_nan=True, msg=lambda m: f"{what}: {m}")
        if half:
            assert (cast != expected).sum() <= (within > 0) * (1 + expected.numel() / 500), what
        np.testing.assert_array_equal(self.ours.get_state(), self.theirs.get_state().numpy(), err_msg=str(what))


def ours(name: str) -> dtypes.dtype:
    return dtypes.BY_NAME[name]


def theirs(name: str) -> torch.dtype:
    return getattr(torch, name)

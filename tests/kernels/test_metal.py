"""The kernels on a Metal GPU: ``pytest -m metal`` on a Mac."""

import mlx.core as mx
import pytest

from flashlight._core import device
from flashlight.kernels import launch
from flashlight.kernels.cases import CASES, Size, arrays, error, with_gradients

pytestmark = [pytest.mark.metal, pytest.mark.skipif(not device.GPU, reason="needs a Metal GPU")]
# the GPU's exp and tanh differ from the host's in the last places
TOLERANCE = {mx.float32: 2e-5, mx.float16: 4e-3, mx.bfloat16: 3e-2}
SIZES = [Size(1, 1, 1), Size(3, 2, 37), Size(33, 5, 64), Size(1, 1, 1057)]


@pytest.mark.parametrize("dtype", launch.DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_kernels_match_their_references(case, size, dtype):
    given = arrays(case, size, dtype)
    got = with_gradients(case.function, given)
    mx.eval(got)
    with device.cpu_stream():
        wanted = with_gradients(case.reference, [a.astype(mx.float64) for a in given])
        assert error(got, wanted) < TOLERANCE[dtype]

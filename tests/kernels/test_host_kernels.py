"""Every Metal kernel, run from MLX's own text on the host, against the reference: values and gradients."""

import importlib.resources

import mlx.core as mx
import numpy as np
import pytest

from flashlight.kernels import launch
from flashlight.kernels.cases import CASES, Size, arrays, error, with_gradients

from .metal_host import host

DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}
# float32 sums in another order; halves are rounded where they are stored, and gates are stored once
TOLERANCE = {"float32": 5e-6, "float16": 3e-3, "bfloat16": 2.4e-2}
BARRIER = "threadgroup_barrier(mem_flags::mem_threadgroup);"
ODD = Size(3, 2, 37)
NAMES = [case.name for case in CASES]


def _agree(case, size, dtype, on_host):
    given = arrays(case, size, DTYPES[dtype])
    got = with_gradients(case.function, given)
    assert on_host.launches >= 2, "the reference ran in place of the kernels"
    assert [a.dtype for a in got] == [DTYPES[dtype]] * len(got)
    wanted = with_gradients(case.reference, [a.astype(mx.float64) for a in given])
    assert error(got, wanted) < TOLERANCE[dtype]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_float32_at_an_odd_size(case, on_host):
    _agree(case, ODD, "float32", on_host)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_halves_at_an_odd_size(case, dtype, on_host):
    _agree(case, ODD, dtype, on_host)


# arrays of fewer than eight elements are passed in another address space, which is another text
@pytest.mark.parametrize("size", [Size(1, 1, 1), Size(33, 1, 37)], ids=str)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_one_step(case, size, on_host):
    _agree(case, size, "float32", on_host)


def test_the_cases_run_every_kernel(on_host, monkeypatch):
    ran = set()

    def factory(*, name, **definition):
        kernel = host.metal_kernel(name=name, **definition)

        def launched(**arguments):
            ran.add(name)
            return kernel(**arguments)

        return launched

    monkeypatch.setattr(launch, "factory", factory)
    for case in CASES:
        mx.eval(with_gradients(case.function, arrays(case, ODD, mx.float32)))
    files = importlib.resources.files("flashlight.kernels").iterdir()
    families = [file.name.removesuffix(".metal") for file in files if file.name.endswith(".metal")]
    assert ran == {f"flashlight_{name}" for family in families for name in launch.sources(family)}


@pytest.mark.parametrize("case", CASES[:8], ids=NAMES[:8])
def test_more_units_than_a_threadgroup_has_threads(case, on_host):
    _agree(case, Size(1, 1, 1057), "float32", on_host)


@pytest.mark.parametrize("name", ["LTC scan, dense", "LTC scan, sparse"])
def test_a_scan_whose_threads_own_several_units(name, on_host, monkeypatch):
    # the same text with fewer threads than units: as with more than 512 units, without their many synapses
    monkeypatch.setattr("flashlight.kernels.ltc_metal._MAX_THREADS", 32)
    _agree(CASES[NAMES.index(name)], Size(2, 2, 37), "float32", on_host)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", ["LTC scan, dense", "LTC scan, sparse"])
def test_the_order_of_threads_does_not_matter(name, order, on_host, monkeypatch):
    case = CASES[NAMES.index(name)]
    given = arrays(case, ODD, mx.float32)
    first = with_gradients(case.function, given)
    monkeypatch.setattr(on_host, "order", order)
    second = with_gradients(case.function, given)
    assert all(np.array_equal(np.array(a), np.array(b)) for a, b in zip(first, second, strict=True))


def _without(nth: int):
    """A factory of kernels whose text lacks its nth barrier; None where it has fewer."""

    def factory(*, source, **definition):
        at = -1
        for _ in range(nth + 1):
            at = source.index(BARRIER, at + 1)
        return host.metal_kernel(source=source[:at] + source[at + len(BARRIER) :], **definition)

    return factory


@pytest.mark.parametrize("nth", [0, 1])
@pytest.mark.parametrize("kernel", ["ltc_scan", "ltc_scan_backward"])
def test_a_scan_without_one_of_its_barriers_is_noticed(kernel, nth, on_host, monkeypatch):
    broken = _without(nth)

    def factory(*, name, **definition):
        chosen = broken if name == f"flashlight_{kernel}" else host.metal_kernel
        return chosen(name=name, **definition)

    monkeypatch.setattr(launch, "factory", factory)
    case = CASES[NAMES.index("LTC scan, dense")]
    given = arrays(case, ODD, mx.float32)
    wanted = with_gradients(case.reference, given)
    worst = 0.0
    for order in (0, 1, 2):
        monkeypatch.setattr(on_host, "order", order)
        worst = max(worst, error(with_gradients(case.function, given), wanted))
    assert worst > 100 * TOLERANCE["float32"]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", list(DTYPES))
@pytest.mark.parametrize(
    "size", [Size(1, 1, 1), Size(33, 5, 31), Size(2, 7, 33), Size(5, 1, 64), Size(1, 2, 129)], ids=str
)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_every_kernel_at_every_size(case, size, dtype, on_host):
    _agree(case, size, dtype, on_host)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", list(DTYPES))
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_more_than_1024_units(case, dtype, on_host):
    _agree(case, Size(1, 1, 1057), dtype, on_host)

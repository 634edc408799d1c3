"""The host runner itself: it agrees with arithmetic, and it catches the mistakes it is there for."""

import mlx.core as mx
import numpy as np
import pytest

from .metal_host import host

pytestmark = pytest.mark.skipif(not host.USABLE, reason="needs Linux and a C++ compiler")

ROW_MEAN = """
    threadgroup float part[32];
    uint row = threadgroup_position_in_grid.x, lane = thread_index_in_threadgroup, columns = x_shape[1];
    float sum = 0;
    for (uint i = lane; i < columns; i += threads_per_threadgroup.x) sum += x[row * columns + i];
    sum = simd_sum(sum);
    if (thread_index_in_simdgroup == 0) part[simdgroup_index_in_threadgroup] = sum;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (lane == 0) {
        float total = 0;
        for (uint i = 0; i < simdgroups_per_threadgroup; i++) total += part[i];
        y[row] = T(total / columns);
    }
"""
BARRIER = "threadgroup_barrier(mem_flags::mem_threadgroup);"


def run(source, x, shape, *, grid, group, dtype=mx.float32, order=0):
    kernel = host.metal_kernel(name="under_test", input_names=["x"], output_names=["y"], source=source)
    kernel.order = order
    (y,) = kernel(
        inputs=[x], template=[("T", dtype)], grid=grid, threadgroup=group, output_shapes=[shape], output_dtypes=[dtype]
    )
    return np.array(y.astype(mx.float32))


def row_mean(source=ROW_MEAN, **options):
    x = mx.array(np.random.default_rng(0).normal(size=(6, 1000)).astype(np.float32))
    return run(source, x, (6,), grid=(6 * 128, 1, 1), group=(128, 1, 1), **options), np.array(x).mean(axis=1)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_reduction_over_simdgroups_and_threadgroup_memory(order):
    got, wanted = row_mean(order=order)
    np.testing.assert_allclose(got, wanted, atol=1e-7)


def test_a_missing_barrier_shows_in_the_order_of_threads():
    without = ROW_MEAN.replace(BARRIER, "")
    assert not np.array_equal(row_mean(without)[0], row_mean(without, order=1)[0])


def test_a_barrier_that_some_threads_pass_by_raises():
    with pytest.raises(host.HostError, match="not every thread reaches"):
        row_mean(ROW_MEAN.replace(BARRIER, f"if (lane < 40) {BARRIER}"))


@pytest.mark.parametrize("index", ["i + 1", "int(i) - 1"])
def test_a_write_outside_an_output_raises(index):
    with pytest.raises(host.HostError, match="outside"):
        run(
            f"uint i = thread_position_in_grid.x; y[{index}] = T(x[0]);",
            mx.ones(8),
            (8,),
            grid=(8, 1, 1),
            group=(8, 1, 1),
        )


def test_an_output_that_is_not_written_is_nan():
    got = run(
        "uint i = thread_position_in_grid.x; if (i < 5) y[i] = T(x[i]);",
        mx.ones(8),
        (8,),
        grid=(8, 1, 1),
        group=(8, 1, 1),
    )
    np.testing.assert_array_equal(got, [1] * 5 + [np.nan] * 3)


def test_a_function_metal_does_not_have_fails_to_compile():
    with pytest.raises(host.HostError, match="exq"):
        run("y[0] = T(metal::exq(x[0]));", mx.ones(1), (1,), grid=(1, 1, 1), group=(1, 1, 1))


def test_the_last_threadgroup_is_cut_short():
    source = "y[thread_position_in_grid.x] = T(threads_per_threadgroup.x);"
    got = run(source, mx.ones(10), (10,), grid=(10, 1, 1), group=(4, 1, 1))
    np.testing.assert_array_equal(got, [4] * 8 + [2] * 2)


def test_halves_round_as_mlx_rounds_them():
    values = np.random.default_rng(1).normal(size=500).astype(np.float32)
    for dtype in (mx.float16, mx.bfloat16):
        source = "uint i = thread_position_in_grid.x; y[i] = T(x[i] * 3.0f);"
        got = run(source, mx.array(values), (500,), grid=(500, 1, 1), group=(64, 1, 1), dtype=dtype)
        wanted = np.array((mx.array(values) * 3).astype(dtype).astype(mx.float32))
        np.testing.assert_array_equal(got, wanted)

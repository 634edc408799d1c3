"""Metal sources: how they are read, launched, and when they may run.

A ``.metal`` file holds a header (functions every kernel of the file may call), then one section for each kernel::

    // kernel NAME: input, input -> output, output

whose text is the kernel's body. MLX writes the signature around it.
"""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import mlx.core as mx

from .._core import device
from .._core.halves import wide

DTYPES = (mx.float32, mx.float16, mx.bfloat16)
SIMD = 32  # threads that run in step
_GROUP = 256  # threads of a group that share nothing
_SECTION = re.compile(r"^// kernel (\w+): ([\w, ]+) -> ([\w, ]+)\n", re.MULTILINE)

# The factory of kernels; tests put one here that runs the same sources on the host
factory: Callable = mx.fast.metal_kernel


class Source(NamedTuple):
    """A kernel as it stands in its file."""

    name: str
    inputs: list[str]
    outputs: list[str]
    header: str
    body: str


@functools.cache
def sources(family: str) -> dict[str, Source]:
    """The kernels of ``family.metal`` by name."""
    text = importlib.resources.files(__package__).joinpath(f"{family}.metal").read_text(encoding="utf-8")
    header, *parts = _SECTION.split(text)
    rows = (parts[i : i + 4] for i in range(0, len(parts), 4))
    return {name: Source(name, ins.split(", "), outs.split(", "), header, body) for name, ins, outs, body in rows}


@functools.cache
def _built(factory: Callable, family: str, name: str):
    source = sources(family)[name]
    return factory(
        name=f"flashlight_{name}",
        input_names=source.inputs,
        output_names=source.outputs,
        source=source.body,
        header=source.header,
    )


def run(
    family: str, name: str, inputs: Sequence[mx.array], outputs: Sequence[tuple[tuple, mx.Dtype]], *,
    grid: tuple, group: tuple, **template,
) -> list[mx.array]:  # fmt: skip
    """Launch a kernel: ``outputs`` are (shape, dtype) pairs, ``group`` the threads of a group, keywords its template."""
    if any(n == 0 for n in grid):
        raise ValueError(f"{name}: nothing to compute for a batch or a layer of size 0")
    return _built(factory, family, name)(
        inputs=list(inputs),
        template=list(template.items()),
        grid=(*grid, 1, 1)[:3],
        threadgroup=(*group, 1, 1)[:3],
        output_shapes=[shape for shape, _ in outputs],
        output_dtypes=[dtype for _, dtype in outputs],
    )


def elementwise(family: str, name: str, inputs, outputs, *, size: tuple[int, int], **template) -> list[mx.array]:
    """Launch a kernel with one thread for each unit and sequence: ``size`` is (batch, units)."""
    batch, units = size
    group = (min(_GROUP, padded(units)), 1)
    return run(family, name, inputs, outputs, grid=(units, batch), group=group, **template)


def padded(n: int) -> int:
    """``n`` rounded up to whole simdgroups."""
    return -(-n // SIMD) * SIMD


def fits(*arrays: mx.array) -> bool:
    """Whether kernels may run on these arrays: a GPU, one of Metal's floating dtypes for all, nothing empty."""
    if not device.GPU:
        return False
    dtype = arrays[0].dtype
    return dtype in DTYPES and all(a.dtype == dtype and a.size for a in arrays)


def widened(*arrays: mx.array) -> list[mx.array]:
    """The arrays with halves as float32: what the references compute in, as the kernels do."""
    return list(map(wide, arrays))


def differentiable(forward: Callable, backward: Callable, reference: Callable, outputs: int = 1) -> Callable:
    """A kernel as a unit of MLX's autodiff.

    ``forward(*inputs)`` gives a list of arrays, of which the first ``outputs`` carry gradients and the others are kept for
    ``backward(cotangents, inputs, results)``. ``reference(*inputs)`` gives the first ones in mx operations: the gradient's own
    gradient is its autodiff.
    """
    unit = mx.custom_function(forward)

    def plain(*arrays):
        return list(mx.vjp(reference, list(arrays[outputs:]), list(arrays[:outputs]))[1])

    @unit.vjp
    def _(primals, cotangents, results):
        pull = mx.custom_function(lambda *arrays: backward(arrays[:outputs], arrays[outputs:], results))

        @pull.vjp
        def _(arrays, more, _gradients):
            return tuple(mx.vjp(plain, list(arrays), list(more))[1])

        return tuple(pull(*cotangents[:outputs], *primals))

    return unit

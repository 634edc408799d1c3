"""From a distribution to an array: which engine draws, in which order a layout is filled, and when nothing is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx.core as mx
import numpy as np

from . import dtypes, lazy
from .conversion import from_host, host_value, to_numpy
from .device import device as Device
from .dtypes import dtype as DType
from .errors import NeedsValues
from .generator import Generator, default_generator, engine
from .tensor import wrap

DEVICE_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32)


def generator_of(name: str, generator) -> Generator:
    """The generator given, the default one for None; raises TypeError for anything else."""
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"{name}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    return generator


def host_array(a: mx.array) -> np.ndarray:
    """Values as the samplers take them: the halves as float32."""
    values = to_numpy(host_value(wrap(a)))
    return values.astype(np.float32) if values.dtype == np.float16 else values


def drawn(
    name: str,
    shape: Sequence[int],
    dtype: DType,
    device: Device,
    generator,
    host: Callable[..., np.ndarray],
    source: Callable[..., mx.array] | None = None,
    strides: Sequence[int] | None = None,
    arrays: Sequence[mx.array] = (),
) -> mx.array:
    """An array of ``dtype`` from ``host(generator, shape, *arrays)`` or ``source(device source, shape, *arrays)``.

    ``source`` is None where the device has no such draw; under the "mlx" engine the host draws then. ``strides`` say in
    what order a tensor that is not contiguous is filled: along its strides, largest first; arrays have ``shape`` then.
    On the meta device nothing is drawn.

    Raises: RuntimeError inside a traced function if only the host can draw.
    """
    shape, generator, kind = tuple(shape), generator_of(name, generator), dtypes.to_mlx(dtype)
    if device.type == "meta":
        return mx.zeros(shape, dtype=kind)
    if source is not None and (engine() == "mlx" or lazy.is_paused()):
        if not arrays:
            host(generator, (0,))  # an empty draw takes no numbers, but refuses bad arguments
        return source(generator.source, shape, *arrays).astype(kind)
    if lazy.is_paused():
        raise NeedsValues(f"{name} of {dtype} draws on the host, which cannot be done inside a traced function")
    values = [host_array(a) for a in arrays]
    if strides is None:
        return from_host(host(generator, shape, *values), dtype)
    order = sorted(range(len(shape)), key=lambda d: -strides[d])
    values = [np.transpose(v, order) for v in values]
    filled = host(generator, tuple(shape[d] for d in order), *values)
    return from_host(np.transpose(filled, np.argsort(order)), dtype)

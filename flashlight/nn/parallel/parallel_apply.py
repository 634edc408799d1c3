"""Several modules on several inputs."""

from __future__ import annotations

__all__ = ["parallel_apply"]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None) -> list:
    """The outputs of each module for its input, one after the other; the work is evaluated as one lazy graph."""
    modules, inputs = list(modules), list(inputs)
    kwargs_tup = [{}] * len(modules) if kwargs_tup is None else list(kwargs_tup)
    if not len(modules) == len(inputs) == len(kwargs_tup) or (devices is not None and len(devices) != len(modules)):
        raise AssertionError(
            f"The number of modules {len(modules)} is not equal to the number of inputs {len(inputs)} or of devices"
        )
    outputs = []
    for module, given, kwargs in zip(modules, inputs, kwargs_tup, strict=True):
        args = given if isinstance(given, (list, tuple)) else (given,)
        outputs.append(module(*args, **kwargs))
    return outputs

"""Making a batch of samples."""

from __future__ import annotations

import collections.abc
import copy
import re

import numpy as np

from ...._core.dtypes import float64
from ...._core.tensor import Tensor
from ....ops.creation import as_tensor, tensor
from ....ops.joining import stack

np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


# ---------------------------------------------------------------------------------------------------------- containers
def _sequence_like(like, items: list):
    """A sequence of ``like``'s own type, a list where its constructor takes no iterable."""
    if isinstance(like, tuple):
        return type(like)(*items) if hasattr(like, "_fields") else items
    try:
        if not isinstance(like, collections.abc.MutableSequence):
            return type(like)(items)
        clone = copy.copy(like)
        for i, item in enumerate(items):
            clone[i] = item
        return clone
    except TypeError:
        return items


def _mapping_like(like, items: dict):
    """A mapping of ``like``'s own type, a dict where its constructor takes no mapping."""
    try:
        if not isinstance(like, collections.abc.MutableMapping):
            return type(like)(items)
        clone = copy.copy(like)
        clone.update(items)
        return clone
    except TypeError:
        return items


def default_convert(data):
    """Numpy data as tensors, inside any nesting of containers; the rest unchanged."""
    if isinstance(data, np.ndarray):
        return data if np_str_obj_array_pattern.search(data.dtype.str) else as_tensor(data)
    if isinstance(data, np.generic) and not isinstance(data, (np.str_, np.bytes_)):
        return as_tensor(data)
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, collections.abc.Mapping):
        return _mapping_like(data, {k: default_convert(data[k]) for k in data})
    if isinstance(data, collections.abc.Sequence):
        return _sequence_like(data, [default_convert(d) for d in data])
    return data


# ------------------------------------------------------------------------------------------- one function a sample type
def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Tensors stacked along a new first dimension."""
    return stack.public(list(batch), 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    """Numpy arrays as one tensor; raises TypeError for strings and objects."""
    if np_str_obj_array_pattern.search(batch[0].dtype.str):
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    """Numpy numbers as one tensor of their dtype."""
    return as_tensor(np.asarray(batch, dtype=batch[0].dtype))


def collate_float_fn(batch, *, collate_fn_map=None):
    """Floats as a float64 tensor."""
    return tensor(batch, dtype=float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    """Ints, or bools, as one tensor."""
    return tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    """Strings and bytes as they are."""
    return batch


# collating is extended by adding to this map: type or tuple of types -> function
default_collate_fn_map: dict = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def collate(batch, *, collate_fn_map: dict | None = None):
    """A batch from a list of samples, by the map from types to collating functions.

    Raises: TypeError for samples of a type that is not in the map, RuntimeError if samples differ in length.
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for known, fn in collate_fn_map.items():
            if isinstance(first, known):
                return fn(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, collections.abc.Mapping):
        return _mapping_like(first, {k: collate([d[k] for d in batch], collate_fn_map=collate_fn_map) for k in first})
    if isinstance(first, collections.abc.Sequence):
        if not hasattr(first, "_fields") and any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _sequence_like(first, [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)])
    raise TypeError(default_collate_err_msg_format.format(kind))


def default_collate(batch):
    """Stack tensors and numpy arrays, make tensors of numbers, and do so inside dicts, lists and tuples."""
    return collate(batch, collate_fn_map=default_collate_fn_map)

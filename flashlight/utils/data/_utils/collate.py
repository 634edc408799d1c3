"""Making a batch of samples."""

from __future__ import annotations

import collections.abc
import copy
import re

import numpy as np

from ...._core.table import namespaces
from ...._core.tensor import Tensor

_torch = namespaces["torch"]
np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _rebuilt(like, items):
    """A sequence of ``like``'s own type, a list where its constructor takes no iterable."""
    if isinstance(like, tuple) and hasattr(like, "_fields"):
        return type(like)(*items)
    try:
        if isinstance(like, collections.abc.MutableSequence):
            clone = copy.copy(like)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(like)(items)
    except TypeError:
        return list(items)


def _mapped(like, items: dict):
    try:
        if isinstance(like, collections.abc.MutableMapping):
            clone = copy.copy(like)
            clone.update(items)
            return clone
        return type(like)(items)
    except TypeError:
        return items


def default_convert(data):
    """Numpy data as tensors, inside any nesting of containers; the rest unchanged."""
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        if isinstance(data, np.ndarray) and np_str_obj_array_pattern.search(data.dtype.str):
            return data
        return _torch["as_tensor"](data)
    if isinstance(data, collections.abc.Mapping):
        return _mapped(data, {k: default_convert(v) for k, v in data.items()})
    if isinstance(data, tuple):
        items = [default_convert(d) for d in data]
        return type(data)(*items) if hasattr(data, "_fields") else items
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt(data, [default_convert(d) for d in data])
    return data


def _collate_arrays(batch, collate_fn_map):
    first = batch[0]
    if np_str_obj_array_pattern.search(first.dtype.str):
        raise TypeError(default_collate_err_msg_format.format(first.dtype))
    if isinstance(first, np.ndarray):
        return collate([_torch["as_tensor"](b) for b in batch], collate_fn_map=collate_fn_map)
    return _torch["as_tensor"](np.asarray(batch))


def _collate_floats(batch, collate_fn_map=None):
    return _torch["tensor"](batch, dtype=_torch["tensor"](np.float64(0)).dtype)


def _collate_ints(batch, collate_fn_map=None):
    return _torch["tensor"](batch)


def _collate_tensors(batch, collate_fn_map=None):
    return _torch["stack"](batch, 0)


def _collate_strings(batch, collate_fn_map=None):
    return batch


default_collate_fn_map: dict = {
    Tensor: _collate_tensors,
    np.ndarray: lambda batch, collate_fn_map=None: _collate_arrays(batch, collate_fn_map),
    (np.bool_, np.number, np.object_): lambda batch, collate_fn_map=None: _collate_arrays(batch, collate_fn_map),
    float: _collate_floats,
    int: _collate_ints,
    str: _collate_strings,
    bytes: _collate_strings,
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
        return _mapped(first, {k: collate([d[k] for d in batch], collate_fn_map=collate_fn_map) for k in first})
    if isinstance(first, collections.abc.Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [collate(list(column), collate_fn_map=collate_fn_map) for column in zip(*batch, strict=True)]
        if isinstance(first, tuple) and not hasattr(first, "_fields"):
            return columns
        return _rebuilt(first, columns)
    raise TypeError(default_collate_err_msg_format.format(kind))


def default_collate(batch):
    """Stack tensors and numpy arrays, make tensors of numbers, and do so inside dicts, lists and tuples."""
    return collate(batch, collate_fn_map=default_collate_fn_map)

"""Pickling for torch: objects of ours are written under torch's names, tensors as torch's rebuild calls."""

from __future__ import annotations

import copyreg
import pickle
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType
from typing import NamedTuple

import numpy as np

from .._core import dtypes
from .._core.tensor import Tensor, layout
from ..nn.modules.rnn import RNNBase
from ..nn.parameter import Parameter
from . import bridge, names, rebuild
from .storage import Storage, StorageType, storage_type_of


class _Memory(NamedTuple):
    """What stands for a storage while an object is pickled; the persistent id takes its place."""

    parts: bridge.Parts


class _Data(NamedTuple):
    """What stands for a Parameter's data while it is pickled: the call that rebuilds it."""

    call: tuple


class Written(NamedTuple):
    """A storage to write after the pickle."""

    kind: StorageType
    count: int
    data: Callable[[], np.ndarray]
    owner: object


def pickler_class(pickle_module) -> type:
    """The class to derive from: Python's own pickler, whose handling of names can be changed.

    Raises: TypeError for a module whose pickler is a compiled one of its own.
    """
    if pickle_module is pickle:
        return pickle._Pickler
    found = pickle_module.Pickler
    if not issubclass(found, pickle._Pickler):
        raise TypeError(
            f"pickle_module {pickle_module.__name__} cannot be used: to write the names torch knows, its Pickler must "
            "derive from Python's pickle._Pickler, as dill's does"
        )
    return found


class StorageTable:
    """Keys for the storages met while pickling, and torch's rule that one storage has one dtype."""

    def __init__(self):
        self.by_key: dict[str, Written] = {}
        self._keys: dict[int, str] = {}

    def key(self, parts: bridge.Parts) -> str:
        """The key of a tensor's storage, a new one when it is first met."""
        known = self._keys.get(parts.identity)
        kind = storage_type_of(parts.dtype)
        if known is None:
            known = self._keys[parts.identity] = str(len(self._keys))
            self.by_key[known] = Written(kind, self.count(parts), parts.data, parts.storage)
        elif self.by_key[known].kind is not kind:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        return known

    @staticmethod
    def count(parts: bridge.Parts) -> int:
        """The size of a storage in the elements its type counts in."""
        return parts.count * (parts.dtype.itemsize if names.is_untyped(parts.dtype) else 1)


def _tensor_call(t: Tensor, requires_grad: bool) -> tuple:
    """The function that rebuilds a plain tensor, and its arguments."""
    if t.is_meta:
        return rebuild.rebuild_meta_tensor_no_storage, (t.dtype, tuple(t.shape), tuple(t.stride()), requires_grad)
    parts = bridge.tensor_to_parts(t)
    args = (_Memory(parts), parts.offset, parts.size, parts.stride, requires_grad, OrderedDict())
    metadata = ({"conj": True},) if parts.conj else ()
    if names.is_untyped(parts.dtype):
        return rebuild.rebuild_tensor_v3, (*args, parts.dtype, *metadata)
    return rebuild.rebuild_tensor_v2, args + metadata


def _reduce_tensor(t: Tensor) -> tuple:
    state = bridge.python_state(t)
    if issubclass(type(t), Parameter):
        args = (_Data(_tensor_call(t, False)), bridge.requires_grad(t), OrderedDict())
        if state:
            return rebuild.rebuild_parameter_with_state, (*args, state)
        return rebuild.rebuild_parameter, args
    function, args = _tensor_call(t, bridge.requires_grad(t))
    if type(t) is Tensor and not state:
        return function, args
    return rebuild.rebuild_from_type_v2, (function, type(t), args, state)


def dump(obj, sink, pickle_module, protocol: int, table: StorageTable, legacy: bool) -> None:
    """Pickle an object to ``sink``; its storages are gathered in ``table``."""
    if protocol < 2:
        raise ValueError(f"pickle_protocol must be at least 2 to hold tensors, got {protocol}")
    base = pickler_class(pickle_module)
    own_reduces = (Tensor.__reduce_ex__, Parameter.__reduce_ex__)

    class Pickler(base):
        def persistent_id(self, value):
            if type(value) is _Memory:
                parts = value.parts
                pid = ("storage", storage_type_of(parts.dtype), table.key(parts), parts.location, table.count(parts))
                return (*pid, None) if legacy else pid
            if isinstance(value, Storage):
                raise NotImplementedError("storages are saved with the tensors that use them, not by themselves")
            return None

        def reducer_override(self, value):
            if isinstance(value, Tensor) and type(value).__reduce_ex__ in own_reduces:
                return _reduce_tensor(value)
            kind = type(value)
            if kind is _Data:
                return value.call
            if isinstance(value, RNNBase):
                # torch's class keeps as an attribute what ours computes
                return copyreg.__newobj__, (kind,), {**value.__getstate__(), "_flat_weights": value._flat_weights}
            if kind is layout:
                return rebuild.get_layout, (f"torch.{value.name}",)
            if kind is dtypes.dtype or kind is StorageType:
                return value.name
            return NotImplemented

        def save_global(self, value, name=None):
            found = names.export_name(value)
            if found is None:
                base.save_global(self, value, name)
                return
            module, attribute = found
            if self.proto >= 4:
                self.save(module)
                self.save(attribute)
                self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{module}\n{attribute}\n".encode())
            self.memoize(value)

        def save_own(self, value):
            if names.export_name(value) is None:
                base.dispatch[type(value)](self, value)
            else:
                self.save_global(value)

    Pickler.dispatch = {**base.dispatch, FunctionType: Pickler.save_own, type: Pickler.save_own}
    Pickler(sink, protocol=protocol).dump(obj)

"""Handles that remove a registered hook."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict

_ids = itertools.count()


class RemovableHandle:
    """Removes its hook from the dictionary it was registered in; also a context manager."""

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = next(_ids)
        extra = () if extra_dict is None else extra_dict if isinstance(extra_dict, list) else (extra_dict,)
        self.extra_dict_refs = tuple(weakref.ref(d) for d in extra)

    def remove(self) -> None:
        """Take the hook out; doing it twice is harmless."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_refs):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.remove()

    def __getstate__(self):
        return (self.hooks_dict_ref(), self.id)

    def __setstate__(self, state):
        hooks, self.id = state[0], state[1]
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_refs = ()


class Hooks(OrderedDict):
    """Hooks by handle id (a plain dict cannot be weakly referenced)."""

    def register(self, hook) -> RemovableHandle:
        """Add a hook and return its handle."""
        handle = RemovableHandle(self)
        self[handle.id] = hook
        return handle

"""What the safe loader may make: an explicit list, each entry with the one way it may be used.

A name in a checkpoint becomes an object only through this list. Being on the list does not make an object callable:
``REDUCE`` asks `Allowlist.call`, ``NEWOBJ`` asks `Allowlist.new` and ``BUILD`` asks `Allowlist.build`, and each
answers for the objects it knows by identity.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from ..nn.modules.module import Module
from ..nn.parameter import Parameter
from . import names, rebuild
from .storage import StorageType

# never allowed, not even by the user: their functions reach the operating system
_BLOCKED = frozenset({"sys", "os", "posix", "nt", "subprocess"})
_MAX_KEY_PARTS = 10_000
_ATOMS = frozenset({str, int, float, bool, bytes, complex, type(None)})

_user: dict[Any, None] = {}


def add_safe_globals(safe_globals: list) -> None:
    """Let the safe loader use these functions and classes: call them, make instances of them and set their state.

    An item is an object, or a pair (object, name) where the checkpoint knows it by another name.
    """
    _user.update(dict.fromkeys(safe_globals))


def get_safe_globals() -> list:
    """The functions and classes added by `add_safe_globals`."""
    return list(_user)


def clear_safe_globals() -> None:
    """Forget everything added by `add_safe_globals`."""
    _user.clear()


class safe_globals:
    """A context in which the safe loader may use some more functions and classes."""

    def __init__(self, safe_globals: list):
        self.safe_globals = list(safe_globals)

    def __enter__(self) -> None:
        self._added = [item for item in self.safe_globals if item not in _user]
        add_safe_globals(self.safe_globals)

    def __exit__(self, *_exc) -> None:
        for item in self._added:
            _user.pop(item, None)


def user_globals() -> dict[str, Any]:
    """What the user allowed, by the name a checkpoint uses.

    Raises: ValueError or TypeError for a pair that is not (object, name).
    """
    found = {}
    for item in _user:
        if isinstance(item, tuple):
            if len(item) != 2:
                raise ValueError(f"expected a pair (global, name), got a tuple of length {len(item)}")
            if type(item[1]) is not str:
                raise TypeError(f"expected the name of a safe global to be a string, got {type(item[1]).__name__}")
            found[item[1]] = item[0]
        else:
            found[f"{names.canonical(item.__module__)}.{item.__qualname__}"] = item
    return found


# -------------------------------------------------------------------------------------------------- checked containers
def check_key(key) -> None:
    """Refuse keys that would cost unbounded time or stack to hash: tuples nested deep, or into each other."""
    if type(key) in _ATOMS:
        return
    pending, seen = [key], 0
    while pending:
        part = pending.pop()
        seen += 1
        if seen > _MAX_KEY_PARTS:
            raise UnpicklingError("a dictionary key is too large")
        if type(part) in (tuple, frozenset):
            pending.extend(part)
        elif type(part) in (list, dict, set, bytearray, OrderedDict, Counter):
            raise UnpicklingError(f"a {type(part).__name__} cannot be a dictionary key")


def _pairs(items) -> list:
    if type(items) in (dict, OrderedDict):
        return list(items.items())
    if type(items) not in (list, tuple):
        raise UnpicklingError(f"an OrderedDict is made from a list of pairs, got {type(items).__name__}")
    for pair in items:
        if type(pair) not in (list, tuple) or len(pair) != 2:
            raise UnpicklingError("an OrderedDict is made from a list of pairs")
        check_key(pair[0])
    return items


def _container(cls: type, take: Callable[[Any], Any]) -> Callable[[tuple], Any]:
    def make(args: tuple):
        if len(args) > 1:
            raise UnpicklingError(f"{cls.__name__} takes at most one argument here")
        return cls(take(args[0])) if args else cls()

    return make


def _counts(items) -> dict:
    if type(items) is not dict:
        raise UnpicklingError(f"a Counter is made from a dict, got {type(items).__name__}")
    return items


def _elements(items) -> list:
    if type(items) not in (list, tuple, set, frozenset):
        raise UnpicklingError(f"a set is made from a list, got {type(items).__name__}")
    for item in items:
        check_key(item)
    return items


def _octets(value) -> bytes:
    # an integer here would allocate that many bytes
    if type(value) is not bytes:
        raise UnpicklingError(f"a bytearray is made from bytes, got {type(value).__name__}")
    return value


def _complex(args: tuple) -> complex:
    if len(args) != 2 or any(type(a) not in (int, float) for a in args):
        raise UnpicklingError("a complex number is made from two numbers")
    return complex(*args)


def _encoded(args: tuple) -> bytes:
    # how protocol 2 writes bytes; other codecs decompress or import
    if len(args) != 2 or type(args[0]) is not str or args[1] != "latin1":
        raise UnpicklingError("only latin1 strings are decoded to bytes")
    return args[0].encode("latin-1")


def _no_bytes(args: tuple) -> bytes:
    if args:
        raise UnpicklingError("bytes takes no argument here")
    return b""


def _encode(*_args):
    raise UnpicklingError("_codecs.encode is only called by the loader")


_VALUES: dict[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": Counter,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.bytearray": bytearray,
    "builtins.bytes": bytes,
    "builtins.complex": complex,
    "_codecs.encode": _encode,
}
_CALLS: dict[int, Callable[[tuple], Any]] = {
    id(OrderedDict): _container(OrderedDict, _pairs),
    id(Counter): _container(Counter, _counts),
    id(set): _container(set, _elements),
    id(frozenset): _container(frozenset, _elements),
    id(bytearray): _container(bytearray, _octets),
    id(bytes): _no_bytes,
    id(complex): _complex,
    id(_encode): _encoded,
    id(names.Size): lambda args: rebuild.make_size(*args),
    id(names.device): lambda args: rebuild.make_device(*args),
    id(Parameter): lambda args: rebuild.make_parameter(*args),
}


# -------------------------------------------------------------------------------------------------------------- layers
_LAYER_DICTS = ("_parameters", "_buffers", "_modules")


def _build_layer(layer, state) -> None:
    """Set the attributes of a layer; nothing of the layer's own code runs on what the file says."""
    rebuild.check_names(type(layer), state)
    if isinstance(layer, Module):
        for name in _LAYER_DICTS:
            if not isinstance(state.get(name, {}), dict):
                raise UnpicklingError(f"{name} of a {type(layer).__name__} must be a dict")
        # attributes that torch of the file's day did not have yet
        for name, value in Module().__dict__.items():
            layer.__dict__.setdefault(name, value)
    # what torch keeps as an attribute and our class computes (RNNs' _flat_weights) is left to the class
    computed = {name for name in state if isinstance(getattr(type(layer), name, None), property)}
    layer.__dict__.update({name: value for name, value in state.items() if name not in computed})


def _build_ordered(target: OrderedDict, state) -> None:
    rebuild.check_names(OrderedDict, state)
    target.__dict__.update(state)


def _build_any(target, state) -> None:
    """Set the state of an instance of a class the user allowed, as pickle does."""
    if hasattr(target, "__setstate__"):
        target.__setstate__(state)
        return
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


class Allowlist:
    """The list as it stands when a load begins: the built-in part, our layers, and what the user added."""

    def __init__(self):
        self._user = user_globals()
        self._user_ids = {id(value) for value in self._user.values()}
        self._layers: dict[int, type] = {}

    def find(self, module: str, name: str):
        """The object a checkpoint names. Raises: UnpicklingError naming it if it is not on the list."""
        module = names.canonical(module)
        path = f"{module}.{name}"
        if module in _BLOCKED:
            raise UnpicklingError(f"Unsupported global: GLOBAL {path}, whose module {module} is blocked")
        for found in (
            _VALUES.get(path),
            self._user.get(path),
            names.known_object(module, name),
            names.activation(module, name),
        ):
            if found is not None:
                return found
        layer = names.layer_class(module, name)
        if layer is None:
            shown = path.removeprefix("builtins.")
            raise UnpicklingError(
                f"Unsupported global: GLOBAL {shown} is not on the safe loader's list. If you trust it, "
                f"allow it with `flashlight.serialization.add_safe_globals([{shown}])` or in the context "
                f"`safe_globals([{shown}])`; `weights_only=False` loads anything, but runs whatever code the file holds"
            )
        self._layers[id(layer)] = layer
        return layer

    def permits(self, path: str) -> bool:
        """Whether a dotted name is on the list."""
        module, _, name = path.rpartition(".")
        try:
            self.find(module, name)
        except (UnpicklingError, NotImplementedError):
            return False
        return True

    def call(self, fn, args: tuple):
        """What ``REDUCE`` gives."""
        if id(fn) in self._user_ids:
            return fn(*args)
        make = _CALLS.get(id(fn))
        if make is not None:
            return make(args)
        if rebuild.is_rebuild_function(fn):
            return rebuild.call(fn, args)
        raise UnpicklingError(f"the safe loader does not call {_shown(fn)}")

    def new(self, cls, args: tuple):
        """What ``NEWOBJ`` gives: an instance whose constructor has not run."""
        if id(cls) in self._user_ids and isinstance(cls, type):
            return cls.__new__(cls, *args)
        if cls is Parameter:
            return rebuild.make_parameter(*args)
        if id(cls) in self._layers and not args:
            return object.__new__(cls)
        raise UnpicklingError(f"the safe loader does not make instances of {_shown(cls)}")

    def build(self, target, state) -> None:
        """What ``BUILD`` does."""
        kind = type(target)
        if id(kind) in self._user_ids:
            _build_any(target, state)
        elif kind is OrderedDict:
            _build_ordered(target, state)
        elif kind is Parameter:
            rebuild.build_parameter(target, state)
        elif id(kind) in self._layers:
            _build_layer(target, state)
        else:
            raise UnpicklingError(f"the safe loader does not set the state of a {kind.__module__}.{kind.__qualname__}")

    def fills(self, target, builtin: tuple) -> bool:
        """Whether items may be put into a container: one of the built-in kinds or of a class the user allowed."""
        return type(target) in builtin or (id(type(target)) in self._user_ids and isinstance(target, builtin))

    @property
    def has_foreign_code(self) -> bool:
        """Whether code that is not ours may have run."""
        return bool(self._user)


def _shown(value) -> str:
    if isinstance(value, StorageType):
        return repr(value)
    name = getattr(value, "__qualname__", None)
    return f"{value.__module__}.{name}" if name else f"a {type(value).__name__}"

"""Names of PyTorch that are not here: import lines work, a call says in one line what to do instead."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types


def function(where: str, name: str, advice: str):
    """A function that raises NotImplementedError."""

    def refuse(*_args, **_kwargs):
        raise NotImplementedError(f"torch.{where}.{name} is not supported by flashlight: {advice}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__module__ = f"flashlight.{where}"
    refuse.__doc__ = f"Not supported. Raises NotImplementedError: {advice}."
    return refuse


def a_class(where: str, name: str, advice: str) -> type:
    """A class for annotations, ``isinstance`` and subclassing; making an instance raises NotImplementedError."""

    def refuse(cls, *_args, **_kwargs):
        raise NotImplementedError(f"torch.{where}.{name} is not supported by flashlight: {advice}")

    doc = f"Not supported. Raises NotImplementedError: {advice}."
    return type(name, (), {"__new__": refuse, "__module__": f"flashlight.{where}", "__doc__": doc})


def names(where: str, listed: str, advice: str) -> dict:
    """What refuses for each of the listed names: a class if it is capitalised, else a function."""
    made = {}
    for name in listed.split():
        make = a_class if name.lstrip("_")[:1].isupper() else function
        made[name] = make(where, name, advice)
    return made


def modules(package: str, table: dict[str, str], advice: str) -> None:
    """Make submodules of ``package`` (``"distributed"``) that exist only to be imported from: path -> names in them.

    A name written ``name=path:other`` is taken from another module of ours.
    """
    for path, listed in table.items():
        where = f"{package}.{path}"
        full = f"flashlight.{where}"
        spec = importlib.machinery.ModuleSpec(full, None, is_package=True)
        module = importlib.util.module_from_spec(spec)
        module.__doc__ = f"torch.{where}: its names can be imported; {advice}."
        words = listed.split()
        vars(module).update(names(where, " ".join(w for w in words if "=" not in w), advice))
        sys.modules[full] = module
        parent, _, leaf = full.rpartition(".")
        setattr(sys.modules[parent], leaf, module)
        for word in words:
            name, sign, origin = word.partition("=")
            if sign:
                source, _, other = origin.partition(":")
                setattr(module, name, getattr(sys.modules[f"flashlight.{source}"], other or name))


def attributes(**values) -> types.SimpleNamespace:
    """Plain settings a script may read and assign."""
    return types.SimpleNamespace(**values)

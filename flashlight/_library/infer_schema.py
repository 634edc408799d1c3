"""The schema of a function, from its annotations."""

from __future__ import annotations

import collections.abc
import inspect
import re
import types
import typing
from collections.abc import Callable

from .._core import dtypes
from .._core.device import device
from .._core.tensor import Tensor

__all__ = ["infer_schema"]

_BASE = {
    Tensor: "Tensor",
    int: "SymInt",
    float: "float",
    bool: "bool",
    str: "str",
    dtypes.dtype: "ScalarType",
    device: "Device",
}
_LISTED = ("Tensor", "SymInt", "float", "bool", "Scalar")
_RETURNED = ("Tensor", "Tensor[]", "SymInt", "float", "bool", "Scalar")
_VALID = "Tensor, int, float, bool, a union of these numbers, str, dtype, device, and Optional or Sequence of them"


def _parts(annotation) -> tuple[tuple, bool]:
    """The members of a union without None, and whether None is one."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return (annotation,), False
    members = typing.get_args(annotation)
    return tuple(m for m in members if m is not type(None)), type(None) in members


def _name(annotation) -> str | None:
    """A type as schemas write it; None if they can not."""
    members, optional = _parts(annotation)
    suffix = "?" if optional else ""
    if set(members) == {int, float, bool}:
        return "Scalar" + suffix
    if len(members) != 1:
        return None
    (one,) = members
    if typing.get_origin(one) in (list, collections.abc.Sequence):
        (item,) = typing.get_args(one)
        name = _name(item)
        return f"{name}[]{suffix}" if name in _LISTED or name == "Tensor?" else None
    found = _BASE.get(one) if isinstance(one, type) else None
    return None if found is None else found + suffix


def _default(value) -> str:
    if value is inspect.Parameter.empty:
        return ""
    if isinstance(value, (str, device)):
        return f'="{value}"'
    return "=" + str(value).removeprefix("torch.")


def _types(fn: Callable, fail: Callable) -> dict:
    """The annotations of a function; those that are text are looked up where the function is written."""
    if not any(isinstance(a, str) for a in getattr(fn, "__annotations__", {}).values()):
        return dict(fn.__annotations__)
    try:
        return typing.get_type_hints(fn, localns={"Tensor": Tensor, "torch.Tensor": Tensor, "device": device})
    except (NameError, TypeError, SyntaxError) as error:
        return fail(f"Unsupported type annotation: {error}. It is not a type.")


def _parameter(p: inspect.Parameter, hints: dict, mutated: bool | None, place: int, fail: Callable) -> str:
    if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
        fail("We do not support positional-only args, varargs, or varkwargs.")
    if p.name not in hints:
        fail(f"Parameter {p.name} must have a type annotation.")
    name = _name(hints[p.name])
    if name is None:
        fail(f"Parameter {p.name} has unsupported type {hints[p.name]}. The valid types are: {_VALID}.")
    if mutated and not name.startswith("Tensor"):
        fail(f"Parameter {p.name} is in mutable_args but only Tensors or collections of Tensors can be mutated")
    if mutated or (mutated is None and name.startswith("Tensor")):
        name = f"Tensor(a{place}!){name.removeprefix('Tensor')}"
    if p.default not in (p.empty, None) and not isinstance(p.default, (int, float, bool, str, dtypes.dtype, device)):
        fail(f"Parameter {p.name} has an unsupported default value type {type(p.default)}.")
    return f"{name} {p.name}{_default(p.default)}"


def _result(hints: dict, fail: Callable) -> str:
    if "return" not in hints:
        fail("No return type annotation was provided. Please add one.")
    annotation = hints["return"]
    if annotation in (None, type(None)):
        return "()"
    several = typing.get_origin(annotation) is tuple
    names = [_name(a) for a in (typing.get_args(annotation) if several else (annotation,))]
    if not all(name in _RETURNED for name in names):
        fail(
            f"Return has unsupported type {annotation}. The valid types are: Tensor, a list of them, int, float and bool."
        )
    return f"({', '.join(names)})" if several else names[0]


def infer_schema(prototype_function: Callable, /, *, mutates_args, op_name: str | None = None, tags=()) -> str:
    """The schema of a function with annotations, ``"(Tensor x, SymInt n=3) -> Tensor"``.

    Args:
        mutates_args: the names of the parameters written to, or "unknown" for any tensor. op_name: put before it. tags: not part of it.

    Raises: ValueError for a parameter or a result without an annotation, or with one schemas have no word for, and for names in
    ``mutates_args`` that are no tensors.
    """
    signature = inspect.signature(prototype_function)

    def fail(what: str):
        raise ValueError(f"infer_schema(func): {what} Got func with signature {signature})")

    hints = _types(prototype_function, fail)
    parameters = signature.parameters.values()
    if isinstance(mutates_args, str) and mutates_args != "unknown":
        raise ValueError(
            "mutates_args must either be a sequence of the names of the arguments that are mutated or the string 'unknown'. "
        )
    words = []
    for i, p in enumerate(parameters):
        if p.kind is p.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        words.append(_parameter(p, hints, None if mutates_args == "unknown" else p.name in mutates_args, i, fail))
    strangers = set() if mutates_args == "unknown" else set(mutates_args) - set(signature.parameters)
    if strangers:
        fail(
            f"{strangers} in mutates_args were not found in the custom op's signature. mutates_args should contain the names of all "
            "args that the custom op mutates, or just the string 'unknown' if you don't know."
        )
    _check_tags(tags)
    return f"{op_name or ''}({', '.join(words)}) -> {_result(hints, fail)}"


def _check_tags(tags) -> None:
    if not isinstance(tags, (tuple, list)):
        raise TypeError(f"tags must be a sequence of torch.Tag, not {type(tags).__name__}")


def check_schema(schema: str, mutates_args) -> None:
    """Raise for a schema that is none, or that does not write to the parameters ``mutates_args`` names."""
    found = re.fullmatch(r"\s*\((.*)\)\s*->\s*(\S.*)", schema)
    if found is None or found[1].count("(") != found[1].count(")"):
        raise RuntimeError(f"expected a schema such as '(Tensor x, int n) -> Tensor', got {schema!r}")
    written = {p.split("=")[0].split()[-1] for p in found[1].split(",") if "!" in p}
    if mutates_args != "unknown" and written != set(mutates_args):
        raise ValueError(
            f"Attempted to create a custom op with `mutates_args={mutates_args}` and `schema={schema}. The schema suggests that the op "
            f"mutates {written or '{}'}which is different from what was provided to us in `mutates_args`. Please make these consistent."
        )

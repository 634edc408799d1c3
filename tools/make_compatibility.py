"""Writes docs/compatibility.md: for every public name of PyTorch, whether flashlight has it and how.

    python tools/make_compatibility.py [--check]

With ``--check`` nothing is written and the exit code says whether the page is up to date. Needs the real torch (the `test` extra).
"""

from __future__ import annotations

import importlib
import inspect
import pathlib
import sys
import warnings

import torch

import flashlight
from flashlight._core import table

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "compatibility.md"
HEAD = pathlib.Path(__file__).parent / "compatibility_head.md"
SPACES = [
    "torch", "torch.Tensor", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.linalg",
    "torch.fft", "torch.special", "torch.optim", "torch.optim.lr_scheduler", "torch.utils.data", "torch.autograd",
    "torch.distributions",
]  # fmt: skip
# what torch exposes by accident or for its own use
_NOISE = {
    "annotations",
    "TYPE_CHECKING",
    "Any",
    "Optional",
    "Union",
    "Callable",
    "overload",
    "Iterable",
    "TypeVar",
    "Literal",
}


def public_names(space: str) -> list[str]:
    """The public functions, classes and properties torch has in a namespace."""
    owner = _find(torch, space)
    names = []
    for name in dir(owner):
        if name.startswith("_") or name in _NOISE:
            continue
        value = getattr(owner, name, None)
        if inspect.ismodule(value):
            continue
        origin = getattr(value, "__module__", None) or ""
        if (
            isinstance(origin, str)
            and origin
            and not origin.startswith(("torch", "builtins"))
            and space != "torch.Tensor"
        ):
            continue
        names.append(name)
    return names


def _find(root, space: str):
    found = root
    for part in space.split(".")[1:]:
        if not hasattr(found, part):
            try:
                found = importlib.import_module(f"{found.__name__}.{part}")
            except ImportError:
                return None
        else:
            found = getattr(found, part)
    return found


def _entries() -> dict:
    """Table entries by the function they made."""
    return {id(e.function): e for e in table.entries.values()}


def describe(value, entries: dict) -> tuple[str, str, str]:
    """(differentiable, where it runs, note) for something flashlight has."""
    entry = entries.get(id(value))
    if entry is None and hasattr(value, "operator"):
        entry = entries.get(id(value.operator.public))
    if entry is None:
        return "", "", _differs(value)
    operator = getattr(value, "operator", None)
    where = "host" if entry.host else "CPU stream" if operator is not None and operator.cpu else "device"
    return "yes" if entry.differentiable else "no", where, entry.note or _differs(value)


def _differs(value) -> str:
    """What a docstring says after ``Differs:``."""
    text = inspect.getdoc(value) or ""
    if "Differs:" not in text:
        return ""
    return " ".join(text.split("Differs:", 1)[1].split("\n\n")[0].split())


def section(space: str, entries: dict) -> tuple[list[str], int, int]:
    """The lines of one namespace, and how many of its names are there."""
    ours = _find(flashlight, space)
    rows, have = [], 0
    names = public_names(space)
    for name in names:
        value = (
            None
            if ours is None
            else inspect.getattr_static(ours, name, None)
            if inspect.isclass(ours)
            else getattr(ours, name, None)
        )
        if value is None and (ours is None or not hasattr(ours, name)):
            rows.append(f"| `{name}` | no | | | |")
            continue
        have += 1
        rows.append(f"| `{name}` | yes | " + " | ".join(describe(value, entries)) + " |")
    head = [
        "",
        f"## {space}",
        "",
        f"{have} of {len(names)} names.",
        "",
        "| name | there | differentiable | runs on | differs |",
        "|---|---|---|---|---|",
    ]
    return head + rows, have, len(names)


def page() -> str:
    """The whole page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entries = _entries()
        sections = [section(space, entries) for space in SPACES]
    summary = ["", "| namespace | names there | of |", "|---|---|---|"]
    summary += [f"| {space} | {have} | {total} |" for space, (_, have, total) in zip(SPACES, sections, strict=True)]
    return (
        "\n".join([HEAD.read_text().rstrip(), *summary, *(line for lines, _, _ in sections for line in lines)]) + "\n"
    )


def main() -> int:
    text = page()
    if "--check" in sys.argv:
        current = PAGE.exists() and PAGE.read_text() == text
        if not current:
            print("docs/compatibility.md is out of date: run python tools/make_compatibility.py")
        return 0 if current else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Who may import whom, and what importing the package costs."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

PACKAGE = pathlib.Path(__file__).parent.parent / "flashlight"
# each room may import from itself and from rooms to its left
ORDER = ["_core", "ops", "autograd", "nn", "optim", "utils", "serialization", "interop", "cli"]


def imported(path: pathlib.Path):
    """The absolute dotted names of what a file of the package imports from the package."""
    parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    package = parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            for name in names:
                yield ".".join([*base, name])
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield alias.name if isinstance(node, ast.Import) else node.module


def test_imports_go_one_way():
    wrong = []
    for room in ORDER:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            for name in imported(path):
                parts = name.split(".")
                if (
                    parts[0] == "flashlight"
                    and len(parts) > 1
                    and parts[1] in ORDER
                    and ORDER.index(parts[1]) > ORDER.index(room)
                ):
                    wrong.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_nothing_heavy_is_imported():
    code = (
        "import sys, flashlight, flashlight.nn, flashlight.optim;"
        "print([m for m in ('torch', 'scipy', 'matplotlib', 'networkx', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

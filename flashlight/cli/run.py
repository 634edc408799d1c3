"""``flashlight run``: runs a PyTorch script or module with ``torch`` meaning flashlight, as ``python`` would run it."""

import builtins
import importlib.machinery
import importlib.util
import os
import sys
import traceback
import zipfile
from types import CodeType, ModuleType, TracebackType
from typing import NoReturn

from flashlight.cli.parser import MISUSE, Parser, complain
from flashlight.interop import torch_imports

_PROG = "flashlight run"
_DESCRIPTION = """\
Run an unmodified PyTorch script on MLX.

"import torch" and every "import torch.something" in the script, in what it imports and in
the processes it starts give flashlight. Everything else is as "python SCRIPT ARGS" has it:
sys.argv, __file__, sys.path[0], tracebacks and the exit code. What stands after SCRIPT (or
after the module's name) goes to the script, options too."""
_EXAMPLES = """\
examples:
  flashlight run train.py
  flashlight run train.py --epochs 3 --lr 0.01
  flashlight run -m package.train --epochs 3        as python -m package.train --epochs 3
  flashlight run folder_with_main/                  a folder or zip file with a __main__.py
"""


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        usage="flashlight run SCRIPT [ARGS ...]\n       flashlight run -m MODULE [ARGS ...]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module found on sys.path instead of a file")
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="the Python file to run")
    return parser


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Our own options with the script or module name, and what belongs to the script."""
    for i, argument in enumerate(argv):
        if argument == "-m":
            return argv[: i + 2], argv[i + 2 :]
        if not argument.startswith("-") or argument.startswith("-m"):
            return argv[: i + 1], argv[i + 1 :]
    return argv, []


def main(argv: list[str]) -> int:
    """Run the script named in ``argv``; an exception or ``sys.exit`` in it ends the process as under ``python``."""
    ours, theirs = _split(argv)
    parser = _parser()
    options = parser.parse_args(ours)
    if options.module is None and options.script is None:
        parser.error("name a script to run, or a module with -m")
    try:
        torch_imports.install()
        if options.module is not None:
            code, module = _load_module(options.module, theirs)
        else:
            code, module = _load_script(options.script, theirs)
    except _CannotRun as error:
        return complain(_PROG, error, MISUSE)
    except SyntaxError as error:
        _end_like_python(error, None)
    _execute(code, module)
    return 0


class _CannotRun(Exception):
    """What was named on the command line is not there or is not something to run."""


def _load_script(path: str, argv: list[str]) -> tuple[CodeType, ModuleType]:
    if os.path.isdir(path) or zipfile.is_zipfile(path):
        _set_first_path(os.path.abspath(path))
        sys.argv = [path, *argv]
        spec = importlib.machinery.PathFinder.find_spec("__main__", [os.path.abspath(path)])
        if spec is None:
            raise _CannotRun(f"can't find '__main__' module in '{path}'")
        return _from_spec(spec)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        raise _CannotRun(f"can't open file '{path}': {error.strerror}") from None
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    sys.argv = [path, *argv]
    full = os.path.abspath(path)
    module = ModuleType("__main__")
    module.__file__ = full
    module.__loader__ = importlib.machinery.SourceFileLoader("__main__", full)
    module.__cached__ = None
    return compile(source, full, "exec", dont_inherit=True), module


def _load_module(name: str, argv: list[str]) -> tuple[CodeType, ModuleType]:
    if name.startswith("."):
        raise _CannotRun(f"relative module names such as '{name}' are not supported")
    _set_first_path(os.getcwd())
    sys.argv = ["-m", *argv]
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError) as error:
        missing = getattr(error, "name", None)
        if missing is not None and missing != name and not name.startswith(missing + "."):
            raise  # the package is there and one of its own imports is not
        spec = None
    if spec is None or spec.loader is None:
        hint = f"; to run the file, say {_PROG} {name}" if name.endswith(".py") else ""
        raise _CannotRun(f"no module named '{name}' to run{hint}")
    code, module = _from_spec(spec)
    sys.argv[0] = module.__file__
    return code, module


def _set_first_path(folder: str) -> None:
    if not getattr(sys.flags, "safe_path", False):  # python -P puts no folder there to begin with
        sys.path[0] = folder


def _from_spec(spec: importlib.machinery.ModuleSpec) -> tuple[CodeType, ModuleType]:
    code = spec.loader.get_code(spec.name)
    if code is None:
        raise _CannotRun(f"no Python code in '{spec.name}' to run")
    module = ModuleType("__main__")
    module.__spec__ = spec
    module.__package__ = spec.parent
    module.__loader__ = spec.loader
    module.__file__ = spec.origin
    module.__cached__ = spec.cached
    return code, module


def _execute(code: CodeType, module: ModuleType) -> None:
    module.__dict__["__builtins__"] = builtins
    module.__dict__.setdefault("__annotations__", {})
    sys.modules["__main__"] = module
    try:
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        _end_like_python(error, code)


def _end_like_python(error: BaseException, code: CodeType | None) -> NoReturn:
    """Report an uncaught exception as the interpreter does for a script, then let it end the process.

    The frames above the script are ours and are cut off; ``sys.excepthook`` may be the script's own. Raising on
    (silently) leaves the exit code, atexit functions and an interrupt's signal to the interpreter.
    """
    tb: TracebackType | None = error.__traceback__
    while tb is not None and tb.tb_frame.f_code is not code:
        tb = tb.tb_next
    error = error.with_traceback(tb)
    try:
        sys.excepthook(type(error), error, tb)
    except Exception:
        traceback.print_exc()
    sys.excepthook = _silent
    raise error


def _silent(*_: object) -> None:
    """Says nothing: the exception has been reported."""

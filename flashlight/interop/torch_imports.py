"""Makes ``import torch`` mean flashlight: the layer under ``flashlight run``.

``install()`` puts a finder at the head of ``sys.meta_path``. ``torch`` and every ``torch.*`` import then gives
flashlight's own module objects (``torch.nn is flashlight.nn``), and a module flashlight does not have raises
``ModuleNotFoundError`` naming the nearest one. Processes started later (``multiprocessing``'s spawn, ``subprocess``)
get the same through a one-file folder on their path.
"""

import difflib
import importlib
import importlib.machinery
import os
import sys
from types import ModuleType

_PACKAGE = "flashlight"
_PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SHIM_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_path")
# Rooms of flashlight that torch does not have: reachable as flashlight.X only.
_OWN = frozenset({"_core", "cli", "demo", "interop", "kernels", "liquid"})


class _Alias:
    """Loader that hands out a module of flashlight under a torch name and leaves the module as it is."""

    def __init__(self, name: str):
        self.name = name
        self.spec = None

    def create_module(self, spec):
        module = importlib.import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.spec  # the import system has just put the alias's spec here


class _TorchFinder:
    """Answers for ``torch`` and everything below it, before any other finder is asked."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "torch" and not fullname.startswith("torch."):
            return None
        name = _PACKAGE + fullname[len("torch") :]
        if not _exists(name):
            raise ModuleNotFoundError(_unknown(fullname), name=fullname)
        return importlib.machinery.ModuleSpec(fullname, _Alias(name), origin=_PACKAGE, is_package=False)


_finder = _TorchFinder()


def install() -> None:
    """Resolve ``torch`` and ``torch.*`` to flashlight from now on, here and in Python processes started from here.

    Raises:
        RuntimeError: PyTorch itself has been imported already; the two cannot share one name.
    """
    flashlight = importlib.import_module(_PACKAGE)
    present = sys.modules.get("torch")
    if present is not None and present is not flashlight:
        where = getattr(present, "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"cannot make 'torch' mean flashlight: another torch is already imported (from {where}); "
            "install the import layer before anything imports torch"
        )
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    sys.modules["torch"] = flashlight
    flashlight.__name__ = "torch"  # what packages compare; its repr and its classes' modules stay flashlight's
    if _SHIM_FOLDER not in sys.path:  # multiprocessing's spawn hands this list to its children
        sys.path.insert(min(1, len(sys.path)), _SHIM_FOLDER)
    folders = _python_path()
    if _SHIM_FOLDER not in folders:
        os.environ["PYTHONPATH"] = os.pathsep.join([_SHIM_FOLDER, *folders])


def uninstall() -> None:
    """Undo ``install``: later imports of ``torch`` find PyTorch again. Names already bound stay bound."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
        if _is_ours(sys.modules[name]):
            del sys.modules[name]
    importlib.import_module(_PACKAGE).__name__ = _PACKAGE
    if _SHIM_FOLDER in sys.path:
        sys.path.remove(_SHIM_FOLDER)
    folders = _python_path()
    if _SHIM_FOLDER in folders:
        folders.remove(_SHIM_FOLDER)
        if folders:
            os.environ["PYTHONPATH"] = os.pathsep.join(folders)
        else:
            del os.environ["PYTHONPATH"]


def is_installed() -> bool:
    """Whether ``import torch`` gives flashlight in this process."""
    return _finder in sys.meta_path


def _python_path() -> list[str]:
    value = os.environ.get("PYTHONPATH", "")
    return value.split(os.pathsep) if value else []


def _is_ours(module: ModuleType | None) -> bool:
    spec = getattr(module, "__spec__", None)
    name = getattr(module, "__name__", "") if spec is None else spec.name
    return name == _PACKAGE or name.startswith(_PACKAGE + ".")


def _exists(name: str) -> bool:
    """Whether flashlight has this module, without running it."""
    parts = name.split(".")
    if len(parts) > 1 and parts[1] in _OWN:
        return False
    if name in sys.modules:
        return sys.modules[name] is not None
    parent = importlib.import_module(name.rpartition(".")[0])  # torch.a.b is asked for after torch.a was found
    path = getattr(parent, "__path__", None)
    return path is not None and importlib.machinery.PathFinder.find_spec(name, path) is not None


def _unknown(fullname: str) -> str:
    message = f"flashlight has no module '{fullname}'"
    names = _known()
    wanted = fullname[len("torch.") :]
    leaf = wanted.rpartition(".")[2]
    same_leaf = [name for name in names if name.rpartition(".")[2] == leaf]
    nearest = difflib.get_close_matches(wanted, same_leaf or names, n=1, cutoff=0.0 if same_leaf else 0.6)
    return f"{message}; the nearest it has is 'torch.{nearest[0]}'" if nearest else message


def _known() -> list[str]:
    """Every public module below ``torch``, from the files of the package and the modules made at run time."""
    names = {name for name, module in sys.modules.items() if name.startswith(_PACKAGE + ".") and module is not None}
    for folder, folders, files in os.walk(_PACKAGE_FOLDER):
        folders[:] = [name for name in folders if os.path.exists(os.path.join(folder, name, "__init__.py"))]
        package = _PACKAGE + folder[len(_PACKAGE_FOLDER) :].replace(os.sep, ".")
        names.update(f"{package}.{name}" for name in folders)
        names.update(f"{package}.{file[:-3]}" for file in files if file.endswith(".py"))
    public = (name.split(".")[1:] for name in names)
    return sorted(
        ".".join(parts) for parts in public if parts[0] not in _OWN and not any(part.startswith("_") for part in parts)
    )

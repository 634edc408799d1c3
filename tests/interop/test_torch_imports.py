"""The ``torch`` import layer; in processes of its own, because the tests' process holds the real torch."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(code: str, cwd, *flags: str, **environment) -> str:
    values = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    script = cwd / "code_under_test.py"
    script.write_text(textwrap.dedent(code))
    result = subprocess.run(
        [sys.executable, *flags, str(script)], cwd=cwd, env=values, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_modules_are_the_same_objects(tmp_path):
    code = """
        import importlib, sys
        from flashlight.interop import torch_imports
        torch_imports.install()
        torch_imports.install()
        import flashlight, flashlight.nn.functional, flashlight.utils.data, flashlight.optim.lr_scheduler
        import torch, torch.nn as nn, torch.optim.lr_scheduler
        from torch.nn import functional as F
        from torch.utils.data import DataLoader
        spec = flashlight.nn.__spec__
        assert torch is flashlight and nn is flashlight.nn and F is flashlight.nn.functional
        assert torch.optim.lr_scheduler is flashlight.optim.lr_scheduler
        assert DataLoader is flashlight.utils.data.DataLoader
        assert nn.__spec__ is spec and spec.name == "flashlight.nn" and nn.__name__ == "flashlight.nn"
        assert importlib.import_module("torch.nn") is nn and sys.modules["torch.nn"] is nn
        assert sum(type(f).__name__ == "_TorchFinder" for f in sys.meta_path) == 1
        assert torch_imports.is_installed()
        print("fine")
    """
    assert run(code, tmp_path) == "fine\n"


def test_every_submodule_resolves_to_one_object(tmp_path):
    code = """
        import importlib, pkgutil, sys
        import flashlight
        from flashlight.interop import torch_imports
        torch_imports.install()
        count = 0
        for info in pkgutil.walk_packages(flashlight.__path__, "flashlight."):
            parts = info.name.split(".")
            if parts[1] in torch_imports._OWN or parts[-1] == "__main__":
                continue
            ours = importlib.import_module(info.name)
            assert importlib.import_module("torch." + ".".join(parts[1:])) is ours, info.name
            assert ours.__spec__.name == info.name
            count += 1
        assert count > 10
        print("fine")
    """
    assert run(code, tmp_path) == "fine\n"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("torch.data", "torch.utils.data"),
        ("torch.nn.functionl", "torch.nn.functional"),
        ("torch.optim.lr_schedulers", "torch.optim.lr_scheduler"),
        ("torch.cli", None),
        ("torch._core", None),
        ("torch.zzzqqq", None),
    ],
)
def test_unknown_module_names_the_nearest(name, nearest, tmp_path):
    code = f"""
        from flashlight.interop import torch_imports
        torch_imports.install()
        try:
            import {name}
        except ModuleNotFoundError as error:
            print(error.name, error, sep="|")
    """
    found, message = run(code, tmp_path).strip().split("|")
    assert found == name
    assert message.startswith(f"flashlight has no module '{name}'")
    assert nearest is None or message.endswith(f"'{nearest}'")


def test_uninstall_gives_torch_back(tmp_path):
    code = """
        import os, sys
        from flashlight.interop import torch_imports
        before = list(sys.path), os.environ.get("PYTHONPATH"), list(sys.meta_path)
        torch_imports.install()
        import torch.nn
        torch_imports.uninstall()
        assert (list(sys.path), os.environ.get("PYTHONPATH"), list(sys.meta_path)) == before
        assert not torch_imports.is_installed()
        assert not any(name.split(".")[0] == "torch" for name in sys.modules)
        import torch
        import flashlight
        assert torch is not flashlight and torch.__name__ == "torch"
        print("fine")
    """
    assert run(code, tmp_path) == "fine\n"


def test_real_torch_already_imported_raises(tmp_path):
    code = """
        import torch
        from flashlight.interop import torch_imports
        try:
            torch_imports.install()
        except RuntimeError as error:
            print(error)
        assert not torch_imports.is_installed()
    """
    message = run(code, tmp_path)
    assert message.startswith("cannot make 'torch' mean flashlight: another torch is already imported (from ")


def test_processes_started_later_have_it_too(tmp_path):
    code = """
        import multiprocessing, subprocess, sys
        import torch
        def work(x):
            import torch.nn
            return torch.__name__, torch.nn.__name__, x + 1
        if __name__ == "__main__":
            for method in ("spawn", "fork"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    print(method, pool.map(work, [1]))
            code = "import torch.nn as nn, torch; print(torch.__name__, nn.__name__)"
            print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    """
    script = tmp_path / "starts_processes.py"
    script.write_text(textwrap.dedent(code))
    values = {**os.environ, "PYTHONPATH": str(ROOT)}
    for target in (["starts_processes.py"], ["-m", "starts_processes"]):
        result = subprocess.run(
            [sys.executable, "-m", "flashlight", "run", *target],
            cwd=tmp_path,
            env=values,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, result.stderr
        expected = [
            "spawn [('torch', 'flashlight.nn', 2)]",
            "fork [('torch', 'flashlight.nn', 2)]",
            "torch flashlight.nn",
        ]
        assert result.stdout.split("\n")[:3] == expected

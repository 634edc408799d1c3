"""``flashlight run`` beside ``python``: same output, same errors, same exit code."""

import textwrap
import zipfile

import pytest

_NORMAL = """
import sys, os
print(sys.argv, os.path.basename(sys.path[0]), __file__, __name__, __spec__, __package__, __doc__, type(__loader__))
print(sorted(name for name in globals() if name.startswith("__")), sys.modules["__main__"].__dict__ is globals())
import neighbour
print(neighbour.VALUE)
sys.exit(neighbour.VALUE)
"""
_RAISES = """
import atexit
atexit.register(print, "at exit")
def inner():
    raise ValueError("no\\nway")
def outer():
    try:
        inner()
    except ValueError as error:
        raise KeyError("outer") from error
outer()
"""
_HOOK = """
import sys
def hook(kind, value, tb):
    print("hook:", kind.__name__, value, tb.tb_frame.f_code.co_name, tb.tb_lineno)
sys.excepthook = hook
1 / 0
"""
_BROKEN = """
x = 1
if x
    print(x)
"""
_SCRIPTS = {
    "normal": _NORMAL,
    "raises": _RAISES,
    "hook": _HOOK,
    "broken": _BROKEN,
    "message": "import sys\nsys.exit('a message')\n",
    "interrupted": "raise KeyboardInterrupt\n",
    "missing_module": "import there_is_no_such_module\n",
}


@pytest.mark.parametrize("name", _SCRIPTS)
def test_script_like_python(name, tmp_path, flashlight, python):
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "neighbour.py").write_text("VALUE = 7\n")
    (folder / f"{name}.py").write_text(_SCRIPTS[name])
    arguments = [f"scripts/{name}.py", "first", "--epochs", "3", "-m", "--help"]
    expected = python(*arguments)
    result = flashlight("run", *arguments)
    assert (result.returncode, result.stdout, result.stderr) == (
        expected.returncode,
        expected.stdout,
        expected.stderr,
    )


def test_symbolic_link_folder_and_zip_like_python(tmp_path, flashlight, python):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").mkdir()
    source = "import sys, os\nprint(sys.argv, sys.path[0], __file__, __name__, __package__)\n"
    (tmp_path / "real" / "script.py").write_text(source)
    (tmp_path / "real" / "__main__.py").write_text(source)
    (tmp_path / "link" / "script.py").symlink_to(tmp_path / "real" / "script.py")
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as archive:
        archive.writestr("__main__.py", source)
    for target in ("link/script.py", "real", "app.zip"):
        expected = python(target, "x")
        assert expected.returncode == 0
        assert flashlight("run", target, "x").stdout == expected.stdout


def test_module_like_python(tmp_path, flashlight, python):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("import sys\nprint('argv while importing', sys.argv)\n")
    source = "import sys, os\nfrom . import __name__ as n\nprint(sys.argv, sys.path[0], __file__, n, __spec__.name)\n"
    for name in ("train", "__main__"):
        (package / f"{name}.py").write_text(source)
    for module in ("package.train", "package"):
        expected = python("-m", module, "--lr", "1")
        assert expected.returncode == 0
        result = flashlight("run", "-m", module, "--lr", "1")
        assert (result.returncode, result.stdout, result.stderr) == (0, expected.stdout, expected.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "flashlight run: name a script to run, or a module with -m (see flashlight run --help)"),
        (["run", "nowhere.py"], "flashlight run: can't open file 'nowhere.py': No such file or directory"),
        (["run", "--frobnicate"], "flashlight run: unrecognized arguments: --frobnicate (see flashlight run --help)"),
        (["run", "-m"], "flashlight run: argument -m: expected one argument (see flashlight run --help)"),
        (["run", "-m", "no.such.module"], "flashlight run: no module named 'no.such.module' to run"),
        (["run", "-m", ".relative"], "flashlight run: relative module names such as '.relative' are not supported"),
        (["run", "."], "flashlight run: can't find '__main__' module in '.'"),
        (["rum"], "flashlight: unknown command 'rum': did you mean 'run'? (see flashlight --help)"),
        (["info", "extra"], "flashlight info: unrecognized arguments: extra (see flashlight info --help)"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(arguments, message, flashlight):
    result = flashlight(*arguments)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", message + "\n")


def test_torch_is_flashlight_in_a_script(tmp_path, flashlight):
    (tmp_path / "script.py").write_text(
        textwrap.dedent(
            """
            import torch
            import torch.nn as nn
            import torch.nn.functional as F
            from torch.utils.data import DataLoader, TensorDataset

            torch.manual_seed(0)
            layer = nn.Linear(3, 1)
            data = DataLoader(TensorDataset(torch.arange(6.0).reshape(2, 3)), batch_size=2)
            (x,) = next(iter(data))
            F.mse_loss(layer(x), torch.zeros(2, 1)).backward()
            print(torch.__name__, tuple(layer.weight.grad.shape))
            """
        )
    )
    result = flashlight("run", "script.py")
    assert result.stderr == ""
    assert result.stdout == "torch (1, 3)\n"

"""The preloaded BLAS: found, chosen, switched off, refused, too late; in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a BLAS is preloaded on Linux only")
_ALONE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("blas", {path!r})
blas = sys.modules["blas"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(blas)
"""


def run(code: str, setting: str | None = None) -> subprocess.CompletedProcess:
    """The code with ``blas`` loaded by itself, so that ``mlx.core`` is not imported before."""
    environment = {name: value for name, value in os.environ.items() if name != "FLASHLIGHT_BLAS"}
    if setting is not None:
        environment["FLASHLIGHT_BLAS"] = setting
    source = _ALONE.format(path=str(ROOT / "flashlight" / "_core" / "blas.py")) + code
    return subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True, timeout=120)


def found() -> str | None:
    path = run("print(blas.preload().path)").stdout.strip()
    return None if path == "None" else path


@LINUX
def test_off_leaves_mlx_alone():
    result = run("b = blas.preload(); print(b.path, b.reason, blas.threads())", "off")
    assert result.stdout == "None FLASHLIGHT_BLAS=off None\n"


@LINUX
def test_too_late_after_mlx():
    result = run("import mlx.core; print(blas.preload().path, blas.preload().reason)")
    assert result.stdout.startswith("None mlx.core was imported before flashlight")


@LINUX
@pytest.mark.parametrize(("path", "message"), [("/no/such/lib.so", "cannot open"), ("libm.so.6", "has no cblas_sgemm")])
def test_a_library_that_will_not_do_raises(path, message):
    result = run("blas.preload()", path)
    assert result.returncode == 1
    assert result.stderr.strip().split("\n")[-1].startswith(f"ImportError: FLASHLIGHT_BLAS={path}: ")
    assert message in result.stderr


@LINUX
def test_the_system_library_serves_mlx():
    path = found()
    if path is None:
        pytest.skip("this machine has no system OpenBLAS")
    # Speed is what shows that MLX calls it: the reference BLAS makes about 3 GFLOPS, OpenBLAS 20 and more.
    code = """
import time
chosen = blas.preload()
import mlx.core as mx
x = mx.ones((768, 768))
mx.eval(x, x @ x)
times = []
for _ in range(5):
    start = time.perf_counter()
    y = x @ x
    mx.eval(y)
    times.append(time.perf_counter() - start)
print(min(times), y[0, 0].item(), blas.threads() >= 1, blas.preload() is chosen, blas.status() is chosen)
"""
    fast, slow = run(code).stdout.split(), run(code.replace("blas.threads() >= 1", "True"), "off").stdout.split()
    assert fast[1:] == slow[1:] == ["768.0", "True", "True", "True"]
    assert float(fast[0]) < float(slow[0]) / 2
    chosen = run("print(blas.preload())", path).stdout
    assert "chosen by FLASHLIGHT_BLAS" in chosen and "OpenBLAS" in chosen

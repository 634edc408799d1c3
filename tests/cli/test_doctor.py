"""``flashlight doctor``."""

import mlx.core as mx
import pytest

from flashlight._core import device
from flashlight.cli import doctor
from flashlight.kernels import cases, launch, scans
from tests.kernels.metal_host import host

SMALL = ["--batch", "2", "--length", "2", "--units", "7"]


@pytest.mark.skipif(device.GPU, reason="for machines without Metal")
def test_without_metal_only_the_references_are_checked(flashlight):
    result = flashlight("doctor", *SMALL)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Metal is not there: only the reference paths are checked\n")
    assert "GPU" not in result.stdout
    for case in cases.CASES:
        assert any(line.startswith(case.name) and line.endswith("ok") for line in result.stdout.splitlines())


@pytest.mark.skipif(device.GPU, reason="for machines without Metal")
def test_compiled_scans_are_checked(flashlight):
    shown = flashlight("doctor", *SMALL).stdout.split("\ncompiled scans: ")[1].splitlines()
    if shown[0].startswith("none"):
        pytest.skip(shown[0])
    assert [line.split("  ")[0] for line in shown if line.endswith("x  ok")] == [scan.name for scan in scans.SCANS]
    off = flashlight("doctor", *SMALL, FLASHLIGHT_COMPILER="off")
    assert off.returncode == 0 and "\ncompiled scans: none: FLASHLIGHT_COMPILER=off\n" in off.stdout


@pytest.mark.skipif(not host.USABLE, reason="needs Linux and a C++ compiler")
def test_kernels_are_run_and_timed_where_they_can_be(monkeypatch, capsys):
    monkeypatch.setattr(device, "GPU", True)
    monkeypatch.setattr(launch, "factory", host.metal_kernel)
    monkeypatch.setattr(doctor, "_ROUNDS", 1)
    monkeypatch.setattr(doctor, "CASES", cases.CASES[2:4])
    assert doctor.main(SMALL) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Metal: the kernels run on the GPU")
    assert [line.count("x  ") for line in lines if line.startswith(("GRU", "CfC"))] == [2, 2]


def test_a_wrong_kernel_and_one_that_does_not_run_fail(monkeypatch, capsys):
    def broken(*_arrays):
        raise RuntimeError("no such function")

    good = cases.CASES[2]
    wrong = good._replace(name="wrong", function=lambda *a: [good.function(*a)[0] * 1.01])
    monkeypatch.setattr(doctor, "CASES", (good, wrong, good._replace(name="broken", function=broken)))
    assert doctor.main(SMALL) == 1
    out = capsys.readouterr().out
    assert "broken: no such function" in out
    fine = sum(line.endswith("ok") for line in out.splitlines())
    assert out.endswith(f"\n{fine} of {fine + 2} fine\n")
    assert [line.split()[-1] for line in out.splitlines()[4:7]] == ["ok", "WRONG", "WRONG"]


@pytest.mark.parametrize("text", ["0", "-1", "many"])
def test_sizes_are_positive_numbers(text, flashlight):
    result = flashlight("doctor", "--units", text)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and "expected" in result.stderr


def test_errors_are_relative_to_large_values_and_nan_is_infinite():
    assert cases.error([mx.array([101.0])], [mx.array([100.0])]) == pytest.approx(0.01)
    assert cases.error([mx.array([0.5])], [mx.array([0.25])]) == 0.25
    assert cases.error([mx.array([float("nan")])], [mx.array([1.0])]) == float("inf")

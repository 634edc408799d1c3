"""Index checks: at once for host values, at the next read for pending ones, never out of bounds."""

from __future__ import annotations

import pathlib

import pytest
import torch

import flashlight


@pytest.mark.parametrize("lib", [torch, flashlight])
def test_known_indices_raise_at_once(lib):
    x = lib.arange(12.0).reshape(3, 4)
    with pytest.raises(IndexError, match="index 3 is out of bounds for dimension 0 with size 3"):
        x[lib.tensor([0, 3])]
    with pytest.raises(IndexError, match=r"index -5 is out of bounds for dimension . with size 4"):
        x[:, lib.tensor([-5])]
    with pytest.raises(IndexError, match="index 3 is out of bounds for dimension 0 with size 3"):
        x[3]
    with pytest.raises((IndexError, RuntimeError)):
        x.gather(0, lib.tensor([[7]]))
    with pytest.raises(IndexError):
        x.index_select(0, lib.tensor([3]))
    with pytest.raises(IndexError, match="index out of range in self"):
        lib.nn.functional.embedding(lib.tensor([3]), x)
    with pytest.raises(IndexError, match="Target 4 is out of bounds"):
        lib.nn.functional.cross_entropy(x, lib.tensor([0, 1, 4]))


def pending(value: int):
    """An index that is still to be computed."""
    return flashlight.tensor([1.0, 2.0]).argmax(dim=0, keepdim=True) * 0 + value


def test_pending_indices_raise_at_the_next_read():
    x = flashlight.arange(3.0)
    y = x[pending(5)]
    with pytest.raises(IndexError, match="index 5 is out of bounds for dimension 0 with size 3"):
        y.tolist()
    assert x[pending(2)].tolist() == [2.0] and x[pending(-1)].tolist() == [2.0]


def test_forced_checks():
    x = flashlight.arange(3.0)
    flashlight.set_checks(True)
    try:
        with pytest.raises(IndexError):
            x[pending(5)]
    finally:
        flashlight.set_checks(False)
    assert flashlight.get_checks() is False


@pytest.mark.skipif(not hasattr(BaseException, "add_note"), reason="notes came with Python 3.11")
def test_a_late_error_names_the_line_that_asked():
    y = flashlight.arange(3.0)[pending(5)]  # this one
    with pytest.raises(IndexError) as caught:
        y.tolist()
    (note,) = caught.value.__notes__
    lines = pathlib.Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(lines, 1) if text.endswith("# this one"))
    assert f"{__file__}, line {line};" in note and "set_checks(True)" in note

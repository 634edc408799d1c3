"""Promotion, casting rules and type info, against torch's own tables."""

from __future__ import annotations

import itertools
import pickle

import pytest
import torch

import flashlight

NAMES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32", "float64",
    "complex64",
]  # fmt: skip


def outcome(fn, *args):
    """The name of the resulting dtype, or the type of the exception."""
    try:
        return str(fn(*args))
    except Exception as error:
        return type(error)


def product_dtype(a, b):
    return (a * b).dtype


@pytest.mark.parametrize("a", NAMES)
def test_promote_types(a):
    for b in [*NAMES, "complex128"]:
        ours = outcome(flashlight.promote_types, getattr(flashlight, a), getattr(flashlight, b))
        assert ours == outcome(torch.promote_types, getattr(torch, a), getattr(torch, b)), (a, b)


@pytest.mark.parametrize("a", NAMES)
def test_can_cast(a):
    for b in [*NAMES, "complex128"]:
        ours = flashlight.can_cast(getattr(flashlight, a), getattr(flashlight, b))
        assert ours == torch.can_cast(getattr(torch, a), getattr(torch, b)), (a, b)


@pytest.mark.parametrize("a", NAMES)
def test_result_type_of_tensors_and_numbers(a):
    def operands(lib):
        with_dims, scalar = lib.ones(2, dtype=getattr(lib, a)), lib.ones((), dtype=getattr(lib, a))
        for b in NAMES:
            for x, y in itertools.product((with_dims, scalar), (lib.ones(2), lib.ones(()))):
                yield x, y.to(getattr(lib, b))
        for number in (True, 2, 2.5, 1 + 2j):
            yield with_dims, number
            yield scalar, number

    for ours, theirs in zip(operands(flashlight), operands(torch), strict=True):
        expected = outcome(torch.result_type, *theirs)
        # MLX has neither: refused, see test_complex128_is_refused
        if expected not in ("torch.complex128", "torch.complex32"):
            assert outcome(flashlight.result_type, *ours) == expected, theirs
            if isinstance(expected, str):
                assert outcome(product_dtype, *ours) == outcome(product_dtype, *theirs), theirs


def test_default_dtype_drives_python_floats():
    for lib in (torch, flashlight):
        assert lib.tensor(1.5).dtype == lib.float32
        lib.set_default_dtype(lib.float64)
        try:
            assert lib.tensor(1.5).dtype == lib.float64
            assert (lib.tensor([1]) * 1.5).dtype == lib.float64
            assert lib.tensor([1, 2]).exp().dtype == lib.float64
            assert lib.zeros(2).dtype == lib.float64
        finally:
            lib.set_default_dtype(lib.float32)
        with pytest.raises(TypeError):
            lib.set_default_dtype(lib.int32)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "complex64"])
def test_finfo(name):
    ours, theirs = flashlight.finfo(getattr(flashlight, name)), torch.finfo(getattr(torch, name))
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field), field


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(name):
    ours, theirs = flashlight.iinfo(getattr(flashlight, name)), torch.iinfo(getattr(torch, name))
    assert (ours.bits, ours.min, ours.max, ours.dtype) == (theirs.bits, theirs.min, theirs.max, theirs.dtype)
    assert repr(ours) == repr(theirs)


def test_names_and_identity():
    assert repr(flashlight.float) == "torch.float32" and flashlight.double is flashlight.float64
    assert flashlight.long.is_signed and flashlight.half.is_floating_point and flashlight.cfloat.is_complex
    assert pickle.loads(pickle.dumps(flashlight.bfloat16)) is flashlight.bfloat16


def test_complex128_is_refused():
    with pytest.raises(TypeError, match="complex64"):
        flashlight.zeros(2, dtype=flashlight.complex128)


@pytest.mark.parametrize("lib", [torch, flashlight])
def test_integers(lib):
    x = lib.tensor([7, -7])
    assert (x / 2).tolist() == [3.5, -3.5] and (x // 2).tolist() == [3, -4] and (x % 4).tolist() == [3, 1]
    assert x.to(lib.int8).sum().dtype == lib.int64 and lib.tensor([True, True]).sum().item() == 2
    with pytest.raises(RuntimeError, match="mean"):
        x.mean()
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        x.add_(1.5)

"""torch.library: schemas of functions, and what a custom operator refuses."""

from __future__ import annotations

import typing

import pytest
import torch

import flashlight

LIBRARIES = (flashlight, torch)


def annotated(fn, **types):
    fn.__annotations__ = {"return" if name == "result" else name: t for name, t in types.items()}
    return fn


def many(x, y, n=3, f=2.0, s="a", b=True, *, dtype, where=None, sizes=(), number=1): ...


def test_schemas():
    schemas = []
    for lib in LIBRARIES:
        Tensor, found = lib.Tensor, []
        number = typing.Union[int, float, bool]  # noqa: UP007
        fn = annotated(
            many, x=Tensor, y=typing.Optional[Tensor], n=int, f=float, s=str, b=bool, dtype=lib.dtype,  # noqa: UP045
            where=typing.Optional[lib.device], sizes=typing.Sequence[int], number=number, result=tuple[Tensor, list[Tensor], int],  # noqa: UP045
        )  # fmt: skip
        fn.__kwdefaults__ = {"where": None, "number": 1}
        for mutated in ((), ("x",), ("x", "y"), "unknown"):
            found.append(lib.library.infer_schema(fn, mutates_args=mutated, op_name="name"))
        for result in (None, Tensor, list[Tensor], float, tuple[Tensor, float]):
            found.append(lib.library.infer_schema(annotated(lambda: 0, result=result), mutates_args=()))
        schemas.append(found)
    assert schemas[0] == schemas[1]
    assert schemas[0][0].startswith("name(Tensor x, Tensor? y, SymInt n=3")


def anything(x, *more): ...


def test_functions_without_a_schema():
    for lib in LIBRARIES:
        Tensor = lib.Tensor
        for fn, mutated, words in (
            (annotated(lambda x: x), (), "Parameter x must have a type annotation"),
            (annotated(lambda x: x, x=Tensor), (), "No return type annotation was provided"),
            (annotated(lambda x: x, x=dict, result=Tensor), (), "Parameter x has unsupported type"),
            (annotated(lambda x: x, x=Tensor, result=dict), (), "Return has unsupported type"),
            (annotated(lambda x: x, x=Tensor, result=Tensor), ("y",), "in mutates_args were not found"),
            (annotated(lambda x: x, x=Tensor, result=Tensor), "x", "mutates_args must either be a sequence"),
            (annotated(lambda x: x, x=int, result=Tensor), ("x",), "only Tensors or collections of Tensors"),
            (annotated(anything, x=Tensor, result=Tensor), (), "We do not support positional-only args, varargs"),
        ):
            with pytest.raises(ValueError, match=words):
                lib.library.custom_op("flashlight_tests::refused", fn, mutates_args=mutated)


def test_schemas_given():
    for lib in LIBRARIES:
        custom_op = lib.library.custom_op
        sine = custom_op("flashlight_tests::sine", lambda x: x.sin(), mutates_args=(), schema="(Tensor x) -> Tensor")
        assert sine(lib.zeros(2)).tolist() == [0, 0]
        with pytest.raises(RuntimeError):
            custom_op("flashlight_tests::broken", lambda x: x, mutates_args=(), schema="(Tensor x -> Tensor")
        with pytest.raises(ValueError, match="Please make these consistent"):
            custom_op("flashlight_tests::writes", lambda x: None, mutates_args=(), schema="(Tensor(a!) x) -> ()")
        write = custom_op("flashlight_tests::write", lambda x: None, mutates_args=("x",), schema="(Tensor(a!) x) -> ()")
        assert write(lib.zeros(2)) is None


@pytest.mark.parametrize("fn", [lambda x: x, lambda x: x.view(-1), lambda x: (x + 1, x[0])])
def test_results_that_share_memory_with_an_input(fn):
    for lib in LIBRARIES:
        result = "(Tensor, Tensor)" if isinstance(fn(torch.zeros(2)), tuple) else "Tensor"
        same = lib.library.custom_op(
            "flashlight_tests::same", lambda x: fn(x), mutates_args=(), schema=f"(Tensor x) -> {result}"
        )
        with pytest.raises(RuntimeError, match="may not alias any inputs"):
            same(lib.zeros(2))


def test_registering_again_and_for_no_device():
    for lib in LIBRARIES:
        name = "flashlight_tests::again"
        op = lib.library.custom_op(name, lambda x: x.sin(), mutates_args=(), schema="(Tensor x) -> Tensor")
        lib.library.register_fake(name, lambda x: x)
        lib.library.register_fake(name, lambda x: x)
        lib.library.register_fake(name, lambda x: x, allow_override=False)
        with pytest.raises(RuntimeError, match="device type at start of device string: nowhere"):
            op.register_kernel("nowhere", lambda x: x)

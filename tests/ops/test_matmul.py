"""Matrix products beyond the sample table: non-contiguous operands, integers, the words of errors, what is saved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import A, T, check

LAYOUTS = {
    "transposed": lambda x: x.t(),
    "sliced": lambda x: x[::2, 1:],
    "expanded": lambda x: x[:1].expand(4, -1),
    "permuted": lambda x: x.view(2, 2, -1).permute(1, 0, 2)[0],
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_views_as_operands(name):
    def program(lib, x):
        y = LAYOUTS[name](x)
        return y @ y.mT, y.mT.matmul(y), y @ y[0]

    check(program, A(4, 6))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
def test_integer_products_wrap_around(dtype):
    limits = np.iinfo(dtype)
    data = np.random.RandomState(0).randint(limits.min, limits.max, (2, 3, 40), dtype=dtype)
    check(
        lambda lib, x: (x @ x.mT, x[0].mv(x[1, 0]), lib.addmm(x[0, :, :3], x[0], x[1].t(), beta=3, alpha=-2)), T(data)
    )


def test_operators_and_in_place_products():
    def program(lib, x, y):
        z = x @ y
        z @= y
        return z, x.__matmul__(y), y.__rmatmul__(x)

    check(program, A(3, 3), A(3, 3, seed=1), second=False)


WORDS = {
    "mm": lambda lib: lib.ones(2, 3) @ lib.ones(4, 5),
    "mv": lambda lib: lib.ones(2, 3, 4) @ lib.ones(5),
    "folded": lambda lib: lib.ones(2, 3, 4) @ lib.ones(5, 6),
    "batches": lambda lib: lib.ones(2, 3, 4) @ lib.ones(2, 5, 6),
    "batch sizes": lambda lib: lib.ones(2, 3, 4) @ lib.ones(3, 4, 6),
    "vectors": lambda lib: lib.ones(4) @ lib.ones(5),
    "vector and matrix": lambda lib: lib.ones(4) @ lib.ones(5, 6),
    "vector and batch": lambda lib: lib.ones(4) @ lib.ones(2, 5, 6),
    "scalar": lambda lib: lib.ones(()) @ lib.ones(5),
    "dtypes": lambda lib: lib.ones(2, 3) @ lib.ones(3, 2, dtype=lib.float64),
    "dtypes of batches": lambda lib: lib.ones(2, 2, 3) @ lib.ones(2, 3, 2, dtype=lib.float64),
    "dtypes of vectors": lambda lib: lib.ones(3) @ lib.ones(3, dtype=lib.float64),
    "long and float": lambda lib: lib.ones(2, 3, dtype=lib.int64).mm(lib.ones(3, 2)),
    "half and float": lambda lib: lib.ones(2, 3, dtype=lib.float16).mm(lib.ones(3, 2)),
    "bools": lambda lib: lib.ones(2, 3, dtype=lib.bool) @ lib.ones(3, 2, dtype=lib.bool),
    "bmm": lambda lib: lib.bmm(lib.ones(2, 3), lib.ones(2, 3, 3)),
    "addmm": lambda lib: lib.addmm(lib.ones(3), lib.ones(2, 3), lib.ones(3, 4)),
    "addmm dtypes": lambda lib: lib.addmm(lib.ones(4, dtype=lib.float64), lib.ones(2, 3), lib.ones(3, 4)),
    "addmv": lambda lib: lib.addmv(lib.ones(3), lib.ones(2, 3), lib.ones(3)),
    "baddbmm": lambda lib: lib.baddbmm(lib.ones(4), lib.ones(2, 3, 4), lib.ones(2, 4, 5)),
    "tensordot": lambda lib: lib.tensordot(lib.ones(2, 3), lib.ones(4, 5), 1),
    "einsum": lambda lib: lib.einsum("ij,jk", lib.ones(2, 3), lib.ones(4, 4)),
    "einsum output": lambda lib: lib.einsum("ij->iz", lib.ones(2, 3)),
    "multi_dot": lambda lib: lib.linalg.multi_dot([lib.ones(2, 3)]),
    "not a tensor": lambda lib: lib.matmul(lib.ones(2, 3), 2),
}


@pytest.mark.parametrize("name", WORDS)
def test_errors_have_torchs_words(name):
    with pytest.raises(Exception) as theirs:
        WORDS[name](torch)
    with pytest.raises(type(theirs.value)) as ours:
        WORDS[name](flashlight)
    assert str(ours.value) == str(theirs.value)


def test_only_what_the_gradient_reads_is_saved():
    x, w = flashlight.ones(2, 3), flashlight.ones(3, 4, requires_grad=True)
    y = x @ w
    w.data.add_(1)
    with flashlight.no_grad():
        w.add_(1)  # the gradient of w reads x only
    y.sum().backward()
    assert w.grad.tolist() == [[2.0] * 4] * 3


def test_a_chain_is_multiplied_in_the_cheapest_order():
    shapes = [(10, 100), (100, 5), (5, 50), (50, 1)]
    operands = [A(*s, seed=i) for i, s in enumerate(shapes)]
    loose = {"rtol": 1e-4, "atol": 1e-3, "grad_rtol": 1e-4, "grad_atol": 1e-2}
    check(lambda lib, *m: lib.linalg.multi_dot(list(m)), *operands, second=False, **loose)


@pytest.mark.parametrize("equation", ["abc,cd,db->a", "bij,bjk,bkl,blm->bim", "i,i,i,i->", "ab,cd,ef->acebdf"])
def test_einsum_of_many(equation):
    sizes = dict(zip("abcdefijklm", (2, 3, 4, 2, 3, 2, 3, 4, 2, 3, 2), strict=True))
    operands = [A(*(sizes[c] for c in part), seed=i) for i, part in enumerate(equation.split("->")[0].split(","))]
    check(lambda lib, *xs: lib.einsum(equation, *xs), *operands, rtol=1e-4, atol=1e-4, grad_atol=1e-3)

"""Writes to memory that the operands share, or that is shown in several places: what torch refuses and what it takes."""

from __future__ import annotations

import pytest
import torch

import flashlight

MASK = [True, False, True, True, False, False]
BOTH = [torch, flashlight]

REFUSED = {
    "an expanded out": lambda lib: lib.masked_select(lib.zeros(6), lib.tensor(MASK), out=lib.zeros(1).expand(3)),
    "an expanded out of another shape": lambda lib: lib.index_select(
        lib.zeros(3, 6), 1, lib.tensor([0, 1]), out=lib.zeros(1, 6).expand(2, 6)
    ),
    "an expanded out of elementwise": lambda lib: lib.add(lib.zeros(3), 1, out=lib.zeros(1).expand(3)),
    "out is the input": lambda lib: lib.take(x := lib.zeros(3), lib.tensor([0, 1, 2]), out=x),
    "out holds the index": lambda lib: lib.gather(lib.arange(3), 0, (i := lib.tensor([0, 1, 2]))[1:], out=i[:1]),
    "out is one of a list": lambda lib: lib.cat([x := lib.zeros(2, 3), lib.ones(0, 3)], out=x),
    "out is the first of two": lambda lib: lib.kthvalue(x := lib.zeros(3), 2, out=(x, lib.tensor(0))),
    "part of the operand": lambda lib: (x := lib.zeros(4))[1:].add_(x[:-1]),
    "the operand in another order": lambda lib: (x := lib.zeros(3, 3)).mul_(x.t()),
    "a wider out": lambda lib: lib.gather(lib.zeros(2), 0, lib.tensor([0]), out=lib.zeros(1, dtype=lib.float64)),
    "a wider out of a reduction": lambda lib: lib.amax(lib.zeros(2, 2), 0, out=lib.zeros(2, dtype=lib.float64)),
}
TAKEN = {
    "the operand itself": lambda lib: (x := lib.arange(4.0)).add_(x),
    "out is the operand": lambda lib: lib.add(x := lib.arange(4.0), 1, out=x),
    "another part": lambda lib: (x := lib.arange(4.0))[2:].add_(x[:2]),
    "a view of the same": lambda lib: (x := lib.arange(4.0)).add_(x.view(4)),
    "an expanded operand": lambda lib: (x := lib.arange(4.0)).add_(x[:1].expand(4).clone()),
    "columns": lambda lib: (x := lib.arange(4.0).view(2, 2))[:, 0].add_(x[:, 1]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    words = "dtype" if "wider" in name else "unsupported operation"
    for lib in BOTH:
        with pytest.raises(RuntimeError, match=words):
            REFUSED[name](lib)


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name):
    theirs, ours = (TAKEN[name](lib).tolist() for lib in BOTH)
    assert theirs == ours

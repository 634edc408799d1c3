"""Views against torch: chains of views, what they report, writes through them, and autograd through both."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flashlight

from ..oracle import to_numpy

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


# --------------------------------------------------------------------------------------------------- random view chains
def _factors(draw, n: int) -> tuple:
    sizes = []
    while n > 1 and len(sizes) < 3:
        d = draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0]))
        sizes.append(d)
        n //= d
    return (*sizes, n)


def _permute(draw, t):
    order = draw(st.permutations(range(t.dim())))
    return lambda x: x.permute(*order) if order else x.permute(())


def _slice(draw, t):
    d = draw(st.integers(0, t.dim() - 1))
    start, stop = draw(st.integers(-5, 5)), draw(st.one_of(st.none(), st.integers(-5, 5)))
    key = (slice(None),) * d + (slice(start, stop, draw(st.integers(1, 3))),)
    return lambda x: x[key]


def _select(draw, t):
    d = draw(st.integers(0, t.dim() - 1))
    if t.shape[d] == 0:
        return None
    i = draw(st.integers(-t.shape[d], t.shape[d] - 1))
    return lambda x: x.select(d, i)


def _index(draw, t):
    key = []
    for n in t.shape:
        kind = draw(st.integers(0, 3))
        if kind == 0 and n:
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == 1:
            key.append(None)
            key.append(slice(None))
        else:
            key.append(slice(draw(st.integers(0, 3)), None, draw(st.integers(1, 2))))
    key = tuple(key)
    return lambda x: x[key]


def _view(draw, t):
    shape = _factors(draw, t.numel())
    return lambda x: x.view(shape)


def _reshape(draw, t):
    shape = _factors(draw, t.numel())
    return lambda x: x.reshape(shape)


def _expand(draw, t):
    shape = [draw(st.integers(1, 3)) if n == 1 else draw(st.sampled_from((n, -1))) for n in t.shape]
    extra = [draw(st.integers(1, 2))] if draw(st.booleans()) else []
    return lambda x: x.expand(*extra, *shape) if extra or shape else x.expand(())


def _diagonal(draw, t):
    if t.dim() < 2:
        return None
    a, b = draw(st.permutations(range(t.dim())))[:2]
    offset = draw(st.integers(-3, 3))
    return lambda x: x.diagonal(offset, a, b)


def _unfold(draw, t):
    d = draw(st.integers(0, t.dim() - 1))
    size, step = draw(st.integers(0, t.shape[d])), draw(st.integers(1, 3))
    return lambda x: x.unfold(d, size, step)


def _as_strided(draw, t):
    n = t.untyped_storage().nbytes() // 4
    if n < 8:
        return None
    offset = draw(st.one_of(st.none(), st.integers(0, 1)))
    return lambda x: x.as_strided((2, 2), (1, 2), offset) if (t.storage_offset() + 2 < n - 4) else x.view_as(x)


def _method(name, *choices):
    def build(draw, t):
        args = [draw(c(t)) for c in choices]
        return lambda x: getattr(x, name)(*args)

    return build


_dim = lambda t: st.integers(-max(t.dim(), 1), max(t.dim(), 1) - 1)
BUILDERS = [
    _permute,
    _slice,
    _select,
    _index,
    _view,
    _reshape,
    _expand,
    _diagonal,
    _unfold,
    _as_strided,
    _method("squeeze"),
    _method("squeeze", _dim),
    _method("unsqueeze", lambda t: st.integers(-t.dim() - 1, t.dim())),
    _method("transpose", _dim, _dim),
    _method("flatten"),
    _method("detach"),
    _method("chunk", lambda t: st.integers(1, 3)),
    _method("unbind"),
    _method("movedim", _dim, _dim),
]
NEEDS_DIMENSIONS = (_slice, _select, _unfold)


def _same(ours, theirs, what):
    assert tuple(ours.shape) == tuple(theirs.shape), what
    if theirs.numel():  # torch's strides of tensors without elements follow no rule worth having
        assert ours.stride() == theirs.stride(), (what, tuple(theirs.shape))
        assert ours.storage_offset() == theirs.storage_offset(), what
    assert ours.is_contiguous() == theirs.is_contiguous(), what
    np.testing.assert_array_equal(to_numpy(ours), to_numpy(theirs), err_msg=str(what))


def _overlaps(t) -> bool:
    # windows that share elements: torch writes them one after the other in an order it does not promise
    places = torch.arange(t.untyped_storage().nbytes() // 4).as_strided(t.shape, t.stride(), t.storage_offset())
    return 0 not in t.stride() and places.unique().numel() < t.numel()


def _step(draw, ours, theirs, at):
    """One random view (or refusal) of element ``at``; None if it does not apply."""
    build = draw(st.sampled_from(BUILDERS))
    t = theirs[at]
    if build in NEEDS_DIMENSIONS and t.dim() == 0:
        return
    fn = build(draw, t)
    if fn is None:
        return
    try:
        expected = fn(t)
    except (RuntimeError, IndexError) as error:
        with pytest.raises(type(error)) as refused:
            fn(ours[at])
        assert str(refused.value) == str(error)
        return
    got = fn(ours[at])
    if isinstance(expected, tuple):
        assert len(got) == len(expected)
        if not expected:
            return
        i = draw(st.integers(0, len(expected) - 1))
        expected, got = expected[i], got[i]
    theirs.append(expected)
    ours.append(got)


@QUICK
@given(st.data())
def test_view_chains_report_what_torch_reports_and_alias(data):
    shape = data.draw(st.lists(st.integers(0, 4), max_size=4))
    n = int(np.prod(shape))
    theirs = [torch.arange(n, dtype=torch.float32).reshape(shape)]
    ours = [flashlight.arange(n, dtype=flashlight.float32).reshape(shape)]
    for _ in range(data.draw(st.integers(1, 6))):
        _step(data.draw, ours, theirs, data.draw(st.integers(0, len(theirs) - 1)))
        _same(ours[-1], theirs[-1], "view")
    target = data.draw(st.integers(0, len(theirs) - 1))
    if _overlaps(theirs[target]):
        return
    try:
        theirs[target].mul_(-2).add_(1)
    except RuntimeError as error:
        with pytest.raises(RuntimeError) as refused:
            ours[target].mul_(-2).add_(1)
        assert str(refused.value)[:60] == str(error)[:60]
    else:
        ours[target].mul_(-2).add_(1)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        _same(a, b, f"view {i} after writing to {target}")


# ----------------------------------------------------------------------------------------------- programs with autograd
def _program(seed: int):
    """A random program of views and in-place writes under both libraries: (values, gradient) of each."""
    rng = random.Random(seed)
    x0 = np.random.RandomState(seed).randn(3, 4).astype("float32")
    leaves = [lib.tensor(x0, requires_grad=True) for lib in (torch, flashlight)]
    made = [[x * 1.5] for x in leaves]
    for _ in range(rng.randint(2, 9)):
        i, kind = rng.randrange(len(made[0])), rng.randrange(6)
        t = made[0][i]
        if kind == 0 and t.dim() >= 1:
            steps = lambda v: v[0]
        elif kind == 1 and t.dim() == 2:
            steps = lambda v: v.t()
        elif kind == 2 and t.dim() >= 1 and t.shape[0] > 1:
            steps = lambda v: v[1:]
        elif kind == 3 and t.dim() == 2:
            steps = lambda v: v[:, ::2]
        else:
            steps = None
        if steps is not None:
            for side in made:
                side.append(steps(side[i]))
        elif kind == 4:
            s = rng.uniform(-2, 2)
            for side in made:
                side[i].mul_(s)
        else:
            j = rng.randrange(len(made[0]))
            for side in made:
                if made[0][j].shape == t.shape and j != i:
                    side[i].add_(side[j] * 0.5)
                else:
                    side[i].sub_(1)
    for side in made:
        total = sum((v * v).sum() * (n + 1) for n, v in enumerate(side))
        total.backward()
    return made, [x.grad for x in leaves]


@pytest.mark.parametrize("block", range(8))
def test_random_programs_of_views_and_writes(block):
    for seed in range(block * 50, block * 50 + 50):
        made, grads = _program(seed)
        for n, (a, b) in enumerate(zip(*made, strict=True)):
            np.testing.assert_allclose(
                to_numpy(b), to_numpy(a), rtol=1e-4, atol=1e-4, err_msg=f"program {seed}, view {n}"
            )
        np.testing.assert_allclose(
            to_numpy(grads[1]), to_numpy(grads[0]), rtol=1e-3, atol=1e-3, err_msg=f"program {seed}"
        )

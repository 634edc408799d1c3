"""Einstein summation: an equation taken apart, then one matrix product for each pair of operands."""

from __future__ import annotations

import re

import mlx.core as mx

from .._core import dispatch, dtypes
from .._core.axes import summed
from .._core.table import Array, Arrays, composite, op
from .._core.tensor import Tensor
from .matmul import of_one_scalar_type, product

_ELLIPSIS = "..."


# ------------------------------------------------------------------------------------------------------------- equation
def _labels(part: str, where: str, start: int) -> list:
    """The subscripts of one operand or of the output; an ellipsis is one label."""
    out, i = [], 0
    while i < len(part):
        c = part[i]
        if c == ".":
            if _ELLIPSIS in out:
                raise RuntimeError(f"einsum(): found '.' for {where} for which an ellipsis was already found")
            if part[i : i + 3] != _ELLIPSIS:
                suffix = " (...)" if where == "output" else ""
                raise RuntimeError(f"einsum(): found '.' for {where} that is not part of any ellipsis{suffix}")
            out.append(_ELLIPSIS)
            i += 3
        elif re.fullmatch("[a-zA-Z]", c):
            out.append(c)
            i += 1
        elif c == " ":
            i += 1
        else:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {start + i} in the equation string, subscripts must be in "
                "[a-zA-Z]"
            )
    return out


def _parse(equation: str) -> tuple[list, list | None]:
    left, arrow, right = equation.partition("->")
    inputs, start = [], 0
    for i, part in enumerate(left.split(",")):
        inputs.append(_labels(part, f"operand {i}", start))
        start += len(part) + 1
    return inputs, _labels(right, "output", len(left) + 2) if arrow else None


def _from_sublists(args) -> tuple[list, list | None, list]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as subscripts and operands."""
    args = list(args)
    output = args.pop() if len(args) % 2 else None
    operands, lists = args[::2], args[1::2]
    return [_letters(s) for s in lists], None if output is None else _letters(output), operands


def _letters(sublist) -> list:
    out = []
    for s in sublist:
        if s is not Ellipsis and not 0 <= s < 52:
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
        out.append(_ELLIPSIS if s is Ellipsis else chr(65 + s) if s < 26 else chr(71 + s))
    return out


def _spread(labels, ndim: int, i: int) -> list:
    """One label for each dimension: an ellipsis becomes numbered ones, counted from the last."""
    named = len(labels) - (_ELLIPSIS in labels)
    if _ELLIPSIS not in labels and named != ndim:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({named}) does not match the number of dimensions "
            f"({ndim}) for operand "
            f"{i} and no ellipsis was given"
        )
    if named > ndim:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({named}) is more than the number of dimensions "
            f"({ndim}) for operand {i}"
        )
    return _with_ellipsis(labels, ndim - named)


def _with_ellipsis(labels, width: int) -> list:
    out = []
    for c in labels:
        out += [-k for k in range(width, 0, -1)] if c == _ELLIPSIS else [c]
    return out


def _output_labels(given: list | None, subscripts, spread, width: int) -> list:
    if given is None:
        counts: dict = {}
        for labels in subscripts:
            for c in labels:
                counts[c] = counts.get(c, 0) + 1
        once = sorted(c for c, n in counts.items() if n == 1 and c != _ELLIPSIS)
        return [-k for k in range(width, 0, -1)] + once
    for c in given:
        if c == _ELLIPSIS:
            continue
        if given.count(c) > 1:
            raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
        if not any(c in labels for labels in spread):
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
    return _with_ellipsis(given, width)


def _lengths(spread, shapes) -> dict:
    lengths: dict = {}
    for i, (labels, shape) in enumerate(zip(spread, shapes, strict=True)):
        own: dict = {}
        for c, n in zip(labels, shape, strict=True):
            if c in own and own[c] != n:
                raise RuntimeError(
                    f"einsum(): subscript {c} is repeated for operand {i} but the sizes don't match, {n} != {own[c]}"
                )
            own[c] = n
        for c, n in own.items():
            if lengths.setdefault(c, n) == 1:
                lengths[c] = n
            elif n not in (1, lengths[c]):
                raise RuntimeError(
                    f"einsum(): subscript {c} has size {n} for operand {i} which does not broadcast with previously "
                    f"seen size {lengths[c]}"
                )
    return lengths


# ------------------------------------------------------------------------------------------------------------- one step
def _simplified(a, labels: tuple, keep: set, lengths: dict):
    """An operand with repeated labels taken as diagonals and labels nobody else needs summed out."""
    labels = list(labels)
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            i = labels.index(c)
            j = labels.index(c, i + 1)
            a = mx.diagonal(a, 0, i, j)
            labels = [x for k, x in enumerate(labels) if k not in (i, j)] + [c]
    gone = [i for i, c in enumerate(labels) if c not in keep or (a.shape[i] == 1 and lengths[c] != 1)]
    if gone:
        # as in torch, sums of whole numbers are int64, those in a product keep their dtype
        a = summed(a, axis=gone).astype(a.dtype if mx.issubdtype(a.dtype, mx.inexact) else mx.int64)
        labels = [c for i, c in enumerate(labels) if i not in gone]
    return a, labels


def _arranged(a, labels, groups):
    """``a`` with its labels in the order of the groups, one dimension for each group."""
    order = [labels.index(c) for group in groups for c in group if c in labels]
    a = mx.transpose(a, order) if order else a
    shape, at = [], 0
    for group in groups:
        n = 1
        for _ in group:
            n *= a.shape[at]
            at += 1
        shape.append(n)
    return a.reshape(shape)


def _without(a, labels, gone) -> tuple:
    """``a`` without some dimensions of length one."""
    at = [i for i, c in enumerate(labels) if c in gone]
    return (mx.squeeze(a, at) if at else a), [c for c in labels if c not in gone]


def _contract(a, left, b, right, keep) -> tuple:
    """The product of two operands summed over the labels they share that ``keep`` does not name."""
    shared = [c for c in left if c in right]
    batch, summed = [c for c in shared if c in keep], [c for c in shared if c not in keep]
    rows, columns = [c for c in left if c not in shared], [c for c in right if c not in shared]
    lengths = dict(zip(left, a.shape, strict=True)) | dict(zip(right, b.shape, strict=True))
    labels = batch + rows + columns
    if all(lengths[c] == 1 for c in summed):
        a, left = _without(a, left, summed)
        b, right = _without(b, right, summed)
        summed = []
    if summed:
        a, b = of_one_scalar_type("bmm", a, b)
        result = product(_arranged(a, left, (batch, rows, summed)), _arranged(b, right, (batch, summed, columns)))
    else:
        if a.dtype != b.dtype:
            common = dtypes.to_mlx(dtypes.promote_types(dtypes.from_mlx(a.dtype), dtypes.from_mlx(b.dtype)))
            a, b = a.astype(common), b.astype(common)
        result = _arranged(a, left, (batch, rows, ())) * _arranged(b, right, (batch, (), columns))
    return result.reshape([lengths[c] for c in labels]), labels


@op(namespace="_", name="einsum", method=False, autocast="low")
def _einsum(operands: Arrays, subscripts, output, lengths) -> Array:
    """One or two operands multiplied and summed by labels."""
    lengths = dict(lengths)
    if len(operands) == 1:
        a, labels = _simplified(operands[0], subscripts[0], set(output), lengths)
    else:
        keep = set(output)
        a, left = _simplified(operands[0], subscripts[0], keep | set(subscripts[1]), lengths)
        b, right = _simplified(operands[1], subscripts[1], keep | set(left), lengths)
        a, left = _simplified(a, left, keep | set(right), lengths)
        a, labels = _contract(a, left, b, right, keep)
    a = mx.transpose(a, [labels.index(c) for c in output if c in labels]) if labels else a
    return a.reshape([lengths[c] if c in labels else 1 for c in output])


def _order(spread, output, lengths):
    """Pairs to contract, the one with the smallest result first; the last step is left out."""
    current = list(spread)
    while len(current) > 2:
        best = None
        for i in range(len(current)):
            for j in range(i + 1, len(current)):
                rest = set(output).union(*(s for k, s in enumerate(current) if k not in (i, j)))
                kept = tuple(c for c in dict.fromkeys((*current[i], *current[j])) if c in rest)
                size = 1
                for c in kept:
                    size *= lengths[c]
                if best is None or size < best[0]:
                    best = (size, i, j, kept)
        _, i, j, kept = best
        yield i, j, kept
        current = [s for k, s in enumerate(current) if k not in (i, j)] + [kept]


@composite(method=False, autocast="gpu low")
def einsum(*args):
    """Products of tensors summed over subscripts: ``einsum("bij,bjk->bik", a, b)`` or ``einsum(a, [0, 1], b, [1, 2], "
    "[0, 2])``."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], Tensor):
        inputs, output, operands = _from_sublists(args)
    else:
        operands = args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:]
        inputs, output = _parse(args[0])
    operands = list(operands)
    if len(inputs) != len(operands):
        few = "fewer" if len(operands) < len(inputs) else "more"
        raise RuntimeError(f"einsum(): {few} operands were provided than specified in the equation")
    return _evaluate(operands, inputs, output)


def _evaluate(operands, inputs, output) -> Tensor:
    spread = [tuple(_spread(labels, t.ndim, i)) for i, (labels, t) in enumerate(zip(inputs, operands, strict=True))]
    width = max((-c for labels in spread for c in labels if isinstance(c, int)), default=0)
    output = tuple(_output_labels(output, inputs, spread, width))
    lengths = _lengths(spread, [t.shape for t in operands])
    for i, j, kept in _order(spread, output, lengths):
        pair = _step([operands[i], operands[j]], [spread[i], spread[j]], kept, lengths)
        operands = [t for k, t in enumerate(operands) if k not in (i, j)] + [pair]
        spread = [s for k, s in enumerate(spread) if k not in (i, j)] + [kept]
    return _step(operands, spread, output, lengths)


def _contracts(subscripts, output) -> bool:
    return len(subscripts) == 2 and not set(subscripts[0]).intersection(subscripts[1]) <= set(output)


def _step(operands, subscripts, output, lengths) -> Tensor:
    run = dispatch.run if _contracts(subscripts, output) else dispatch.run_as_is  # autocast lowers matrix products only
    return run(_einsum, tuple(operands), (tuple(subscripts), output, tuple(lengths.items())))

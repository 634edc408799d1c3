"""Containers taken apart and put together, as torch does it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest
import torch.utils._pytree as theirs

import flashlight.utils._pytree as ours

Point = namedtuple("Point", "x y")
TREES = [
    3,
    None,
    (),
    [1, (2, [3])],
    {"b": 1, "a": {"c": (2, 3)}},
    OrderedDict(z=1, y=[2]),
    defaultdict(list, {"k": [1, 2]}),
    deque([1, 2], maxlen=3),
    Point(1, [2, 3]),
]


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_flatten(tree):
    leaves, spec = ours.tree_flatten(tree)
    wanted, their_spec = theirs.tree_flatten(tree)
    assert leaves == wanted and repr(spec) == repr(their_spec)
    assert (spec.num_leaves, spec.num_nodes) == (their_spec.num_leaves, their_spec.num_nodes)
    assert ours.tree_unflatten(leaves, spec) == tree and type(spec.unflatten(leaves)) is type(tree)
    assert ours.tree_map(str, tree) == theirs.tree_map(str, tree)
    paths = [ours.keystr(path) for path, _ in ours.tree_leaves_with_path(tree)]
    assert paths == [theirs.keystr(path) for path, _ in theirs.tree_leaves_with_path(tree)]


def test_maps():
    tree = {"a": 1, "b": [2.0, "c"]}
    assert ours.tree_map_only(int, lambda v: v + 1, tree) == {"a": 2, "b": [2.0, "c"]}
    assert ours.tree_map_only((int, float), lambda v: v * 2, tree) == {"a": 2, "b": [4.0, "c"]}
    assert ours.tree_map(lambda a, b: (a, b), {"x": 1}, {"x": [5]}) == {"x": (1, [5])}
    assert ours.tree_any(lambda v: v == "c", tree) and not ours.tree_all(lambda v: v == "c", tree)
    assert ours._broadcast_to_and_flatten((0, 1), ours.tree_structure((5, [6, 7]))) == [0, 1, 1]
    assert ours._broadcast_to_and_flatten((0, 1), ours.tree_structure((5, 6, 7))) is None
    with pytest.raises(ValueError) as error:
        ours.tree_unflatten([1], ours.tree_structure([1, 2]))
    with pytest.raises(ValueError) as wanted:
        theirs.tree_unflatten([1], theirs.tree_structure([1, 2]))
    assert str(error.value) == str(wanted.value)


def test_registration():
    class Box:
        def __init__(self, a):
            self.a = a

    ours.register_pytree_node(Box, lambda b: ([b.a], None), lambda children, _: Box(*children))
    assert ours.tree_map(lambda v: v + 1, [Box(1)])[0].a == 2
    with pytest.raises(ValueError, match="already registered"):
        ours.register_pytree_node(Box, lambda b: ([b.a], None), lambda children, _: Box(*children))

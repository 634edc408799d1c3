"""Nested containers as a list of leaves and a description of the rest."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._core.size import Size

PyTree = Any
Context = Any


class NodeDef(NamedTuple):
    """How a type of container is taken apart and put together."""

    type: type
    flatten_fn: Callable
    unflatten_fn: Callable
    flatten_with_keys_fn: Callable | None


SUPPORTED_NODES: dict[type, NodeDef] = {}
BUILTIN_TYPES = {tuple, list, dict, namedtuple, OrderedDict, defaultdict, deque}


# ---------------------------------------------------------------------------------------------------------------- keys
@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """The place of an element of a sequence."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence):
        """The element there."""
        return sequence[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """The place of a value of a mapping."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping):
        """The value there."""
        return mapping[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """The place of an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj):
        """The attribute there."""
        return getattr(obj, self.name)


def keystr(kp) -> str:
    """A path as Python would write it."""
    return "".join(str(k) for k in kp)


def key_get(obj, kp):
    """What is at a path."""
    for k in kp:
        obj = k.get(obj)
    return obj


# --------------------------------------------------------------------------------------------------------------- specs
@dataclasses.dataclass(init=False, frozen=True, eq=True, repr=False)
class TreeSpec:
    """The containers of a tree without its leaves."""

    type: Any
    _context: Any
    _children: list

    def __init__(self, type, context, children_specs):
        children = list(children_specs)
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "_context", context)
        object.__setattr__(self, "_children", children)
        leaf = type is None
        object.__setattr__(self, "num_nodes", 1 + sum(c.num_nodes for c in children))
        object.__setattr__(self, "num_leaves", 1 if leaf else sum(c.num_leaves for c in children))
        object.__setattr__(self, "num_children", len(children))

    @property
    def context(self):
        return self._context

    @property
    def children_specs(self) -> list:
        return self._children

    def __hash__(self) -> int:
        context = tuple(self._context) if isinstance(self._context, list) else self._context
        return hash((self.type, str(context), tuple(self._children)))

    def is_leaf(self) -> bool:
        """Whether it stands for a single leaf."""
        return self.num_nodes == 1 and self.num_leaves == 1

    def children(self) -> list:
        """The specs of the container's elements."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """The spec of one of the container's elements."""
        return self._children[index]

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        blanks = " " * (indent + 2)
        parts = [child.__repr__(indent + 2) for child in self._children]
        inside = "" if not parts else parts[0] + "".join(f",\n{blanks}{part}" for part in parts[1:])
        return f"TreeSpec({self.type.__name__}, {self._context}, [{inside}])"

    __str__ = __repr__

    def unflatten(self, leaves):
        """The tree with these leaves."""
        return tree_unflatten(leaves, self)

    def flatten_up_to(self, tree) -> list:
        """The parts of ``tree`` that stand where this spec has leaves."""
        found: list = []
        _flatten_up_to(self, tree, found)
        return found


class LeafSpec(TreeSpec):
    """The spec of a leaf."""

    def __init__(self):
        super().__init__(None, None, [])


_LEAF = LeafSpec()


def treespec_leaf() -> TreeSpec:
    """The spec of a leaf."""
    return _LEAF


def treespec_tuple(iterable: Iterable[TreeSpec] = (), /) -> TreeSpec:
    """The spec of a tuple of these."""
    return TreeSpec(tuple, None, list(iterable))


def _flatten_up_to(spec: TreeSpec, tree, found: list) -> None:
    if spec.type is None:
        found.append(tree)
        return
    kind = _get_node_type(tree)
    both = {kind, spec.type}
    if kind is not spec.type and not both <= {dict, OrderedDict, defaultdict}:
        raise ValueError(f"Type mismatch; expected {spec.type!r}, but got {type(tree)!r}.")
    if spec.type in (dict, OrderedDict, defaultdict):
        keys = spec.context[1] if spec.type is defaultdict else spec.context
        missing, extra = set(keys) - set(tree), set(tree) - set(keys)
        if missing or extra:
            text = f"; missing key(s): {missing}" * bool(missing) + f"; extra key(s): {extra}" * bool(extra)
            raise ValueError(f"Node keys mismatch{text}.")
        children = [tree[key] for key in keys]
    else:
        children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        children = list(children)
        if len(children) != spec.num_children:
            raise ValueError(f"Node arity mismatch; expected {spec.num_children}, but got {len(children)}.")
        if context != spec.context and spec.type is not deque:
            raise ValueError(f"Node context mismatch for custom node type {spec.type!r}.")
    for child, child_spec in zip(children, spec.children_specs, strict=True):
        _flatten_up_to(child_spec, child, found)


# -------------------------------------------------------------------------------------------------------- registration
def _register(cls, flatten_fn, unflatten_fn, with_keys=None) -> None:
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, with_keys)


def register_pytree_node(
    cls: type,
    flatten_fn: Callable,
    unflatten_fn: Callable,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable | None = None,
    from_dumpable_context: Callable | None = None,
    flatten_with_keys_fn: Callable | None = None,
) -> None:
    """Make a class a container: ``flatten_fn(x)`` gives (children, context), ``unflatten_fn(children, context)`` undoes it.

    The names and functions for serialising a spec are for programs that are exported, which none are.
    Raises: ValueError if it is one already.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered.")
    if serialized_type_name is not None and not isinstance(serialized_type_name, str):
        raise TypeError("serialized_type_name must be a str")
    _register(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


def _register_pytree_node(cls, flatten_fn, unflatten_fn, to_str_fn=None, maybe_from_str_fn=None, **named) -> None:
    """The old name of ``register_pytree_node``."""
    if to_str_fn is not None or maybe_from_str_fn is not None:
        raise ValueError("`to_str_fn` and `maybe_from_str_fn` are removed: leave them out")
    register_pytree_node(cls, flatten_fn, unflatten_fn, **named)


def _private_register_pytree_node(cls, flatten_fn, unflatten_fn, **named) -> None:
    """``register_pytree_node``."""
    register_pytree_node(cls, flatten_fn, unflatten_fn, **named)


def _deregister_pytree_node(cls: type) -> None:
    """Undo ``register_pytree_node``."""
    del SUPPORTED_NODES[cls]


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None) -> None:
    """Make a dataclass a container of its fields, or of ``field_names``."""
    names = [f.name for f in dataclasses.fields(cls) if f.init] if field_names is None else list(field_names)
    names = [n for n in names if n not in (drop_field_names or ())]
    register_pytree_node(
        cls,
        lambda x: ([getattr(x, n) for n in names], None),
        lambda children, _context: cls(**dict(zip(names, children, strict=True))),
        serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=lambda x: ([(GetAttrKey(n), getattr(x, n)) for n in names], None),
    )


def _indexed(flatten):
    def with_keys(x):
        children, context = flatten(x)
        return [(SequenceKey(i), child) for i, child in enumerate(children)], context

    return with_keys


def _keyed(x):
    return [(MappingKey(key), value) for key, value in x.items()], list(x)


def _sequence(x):
    return list(x), None


_register(tuple, _sequence, lambda children, _: tuple(children), _indexed(_sequence))
_register(list, _sequence, lambda children, _: list(children), _indexed(_sequence))
_register(Size, _sequence, lambda children, _: Size(children), _indexed(_sequence))
_register(dict, lambda d: (list(d.values()), list(d)), lambda c, keys: dict(zip(keys, c, strict=True)), _keyed)
_register(
    OrderedDict, lambda d: (list(d.values()), list(d)), lambda c, keys: OrderedDict(zip(keys, c, strict=True)), _keyed
)
_register(
    defaultdict,
    lambda d: (list(d.values()), [d.default_factory, list(d)]),
    lambda c, context: defaultdict(context[0], zip(context[1], c, strict=True)),
    lambda d: (_keyed(d)[0], [d.default_factory, list(d)]),
)
_register(
    deque,
    lambda d: (list(d), d.maxlen),
    lambda c, maxlen: deque(c, maxlen=maxlen),
    _indexed(lambda d: (list(d), d.maxlen)),
)
_register(
    namedtuple,
    lambda x: (list(x), type(x)),
    lambda children, cls: cls(*children),
    lambda x: ([(GetAttrKey(n), getattr(x, n)) for n in x._fields], type(x)),
)


def _forms(name: str, kind: type) -> dict[str, Callable]:
    """The functions of a built-in container by the names subclasses of it register them under."""
    node = SUPPORTED_NODES[kind]
    parts = {"flatten": node.flatten_fn, "unflatten": node.unflatten_fn, "flatten_with_keys": node.flatten_with_keys_fn}
    return {f"_{name}_{part}": function for part, function in parts.items()}


for _name, _kind in {
    "tuple": tuple,
    "list": list,
    "dict": dict,
    "ordereddict": OrderedDict,
    "odict": OrderedDict,
    "defaultdict": defaultdict,
    "deque": deque,
    "namedtuple": namedtuple,
}.items():
    globals().update(_forms(_name, _kind))


def is_namedtuple_instance(obj) -> bool:
    """Whether an object is of a named tuple class."""
    return is_namedtuple_class(type(obj))


def is_namedtuple_class(cls) -> bool:
    """Whether a class was made by ``namedtuple``."""
    return (
        isinstance(cls, type)
        and issubclass(cls, tuple)
        and isinstance(getattr(cls, "_fields", None), tuple)
        and callable(getattr(cls, "_make", None))
    )


_is_namedtuple_instance, is_namedtuple = is_namedtuple_instance, is_namedtuple_instance


def _get_node_type(tree):
    """The registered type a tree's outermost container is treated as."""
    kind = type(tree)
    return namedtuple if kind not in SUPPORTED_NODES and is_namedtuple_class(kind) else kind


def _is_leaf(tree, is_leaf: Callable | None = None) -> bool:
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


tree_is_leaf = _is_leaf


# ------------------------------------------------------------------------------------------------ taking apart, mapping
def _flatten(tree, leaves: list, is_leaf) -> TreeSpec:
    if _is_leaf(tree, is_leaf):
        leaves.append(tree)
        return _LEAF
    kind = _get_node_type(tree)
    children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [_flatten(child, leaves, is_leaf) for child in children])


def tree_flatten(tree, is_leaf: Callable | None = None) -> tuple[list, TreeSpec]:
    """The leaves, in order, and the spec that ``tree_unflatten`` puts them back by."""
    leaves: list = []
    return leaves, _flatten(tree, leaves, is_leaf)


def tree_unflatten(leaves, treespec: TreeSpec):
    """The tree of a spec with these leaves.

    Raises: ValueError if their number is another.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be a TreeSpec, but got item of type {type(treespec)}.")
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that holds "
            f"{treespec.num_leaves} items ({treespec})."
        )
    return _unflatten(iter(leaves), treespec)


def _unflatten(leaves, spec: TreeSpec):
    if spec.type is None:
        return next(leaves)
    return SUPPORTED_NODES[spec.type].unflatten_fn([_unflatten(leaves, c) for c in spec.children_specs], spec.context)


def tree_leaves(tree, is_leaf: Callable | None = None) -> list:
    """The leaves, in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree, is_leaf: Callable | None = None):
    """An iterator over the leaves."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree, is_leaf: Callable | None = None) -> TreeSpec:
    """The spec alone."""
    return tree_flatten(tree, is_leaf)[1]


def arg_tree_leaves(*args, **kwargs) -> list:
    """The leaves of a call's arguments."""
    return [leaf for part in (*args, *kwargs.values()) for leaf in tree_leaves(part)]


def tree_map(func: Callable, tree, *rests, is_leaf: Callable | None = None):
    """The tree of ``func(leaf, ...)``, the further arguments from trees of the same form."""
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [leaves, *(spec.flatten_up_to(rest) for rest in rests)]
    return spec.unflatten(map(func, *columns))


def tree_map_(func: Callable, tree, *rests, is_leaf: Callable | None = None):
    """Call ``func`` on the leaves as ``tree_map`` does, and give back the tree unchanged."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for row in zip(leaves, *(spec.flatten_up_to(rest) for rest in rests), strict=True):
        func(*row)
    return tree


def map_only(type_or_types_or_pred):
    """A decorator: a function of such leaves as one of all leaves, which leaves the others alone."""
    wanted = type_or_types_or_pred
    if isinstance(wanted, (type, tuple)) or not callable(wanted):
        matches = functools.partial(_isinstance, wanted)
    else:
        matches = wanted

    def decorate(func):
        return lambda leaf: func(leaf) if matches(leaf) else leaf

    return decorate


def _isinstance(types, value) -> bool:
    return isinstance(value, types)


def tree_map_only(type_or_types_or_pred, /, func: Callable, tree, is_leaf: Callable | None = None):
    """``tree_map`` on the leaves of one type, of several, or for which a predicate holds."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func: Callable, tree, is_leaf: Callable | None = None):
    """``tree_map_`` on the leaves of one type, of several, or for which a predicate holds."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable, tree, is_leaf: Callable | None = None) -> bool:
    """Whether ``pred`` holds for every leaf."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable, tree, is_leaf: Callable | None = None) -> bool:
    """Whether ``pred`` holds for some leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred: Callable, tree, is_leaf: Callable | None = None) -> bool:
    """Whether ``pred`` holds for every leaf of a type."""
    return all(pred(leaf) for leaf in tree_leaves(tree, is_leaf) if isinstance(leaf, type_or_types))


def tree_any_only(type_or_types, /, pred: Callable, tree, is_leaf: Callable | None = None) -> bool:
    """Whether ``pred`` holds for some leaf of a type."""
    return any(pred(leaf) for leaf in tree_leaves(tree, is_leaf) if isinstance(leaf, type_or_types))


# --------------------------------------------------------------------------------------------------------------- paths
def _paths(tree, path: tuple, found: list, is_leaf) -> None:
    if _is_leaf(tree, is_leaf):
        found.append((path, tree))
        return
    node = SUPPORTED_NODES[_get_node_type(tree)]
    if node.flatten_with_keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {type(tree)}. Please pass a "
            "flatten_with_keys_fn argument to register_pytree_node."
        )
    for key, child in node.flatten_with_keys_fn(tree)[0]:
        _paths(child, (*path, key), found, is_leaf)


def tree_leaves_with_path(tree, is_leaf: Callable | None = None) -> list:
    """Pairs of path and leaf."""
    found: list = []
    _paths(tree, (), found, is_leaf)
    return found


def tree_flatten_with_path(tree, is_leaf: Callable | None = None) -> tuple[list, TreeSpec]:
    """Pairs of path and leaf, and the spec."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func: Callable, tree, *rests, is_leaf: Callable | None = None):
    """The tree of ``func(path, leaf, ...)``."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [[p for p, _ in pairs], [leaf for _, leaf in pairs], *(spec.flatten_up_to(rest) for rest in rests)]
    return spec.unflatten(map(func, *columns))


def _broadcast_to_and_flatten(tree, treespec: TreeSpec, is_leaf: Callable | None = None) -> list | None:
    """The leaves of ``tree``, each repeated for the leaves of the subtree it stands over; None where they do not match."""
    if _is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    if treespec.is_leaf() or _get_node_type(tree) is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[treespec.type].flatten_fn(tree)
    children = list(children)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    result: list = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        result += part
    return result


class _Star:
    def __repr__(self) -> str:
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """A tree with stars for its leaves."""
    return repr(tree_unflatten([_Star()] * treespec.num_leaves, treespec))

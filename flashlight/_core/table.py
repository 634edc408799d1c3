"""The operator table: ``@op`` turns one pure function on arrays into every form torch has of it.

The signature of the body is the public signature. Its parameters annotated ``Array`` (tensor), ``Operand`` (tensor or number),
``Array | None`` or ``Arrays`` (a sequence of tensors, first) are tensors; the rest are static. The function, the method, the
in-place method and ``out=`` are generated from it; the gradient is MLX's autodiff of the body, or the rule given with ``@name.vjp``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence

import mlx.core as mx

from . import dispatch, views
from .halves import in_single, rule_in_single
from .modes import modes
from .tensor import Tensor

Array = mx.array
Operand = mx.array  # a tensor or a Python number
Arrays = Sequence[mx.array]

_TENSOR_KINDS = {"Array": False, "Operand": True, "Array | None": False, "Operand | None": True}

operators: dict[str, Operator] = {}
namespaces: dict[str, dict[str, Callable]] = {}
entries: dict[str, Entry] = {}


class Entry:
    """What the documentation says of one public function."""

    __slots__ = ("differentiable", "function", "host", "inplace", "method", "name", "namespaces", "note")

    def __init__(self, name, function, namespaces, method, inplace, differentiable, host, note):
        self.name, self.function, self.namespaces, self.method = name, function, namespaces, method
        self.inplace, self.differentiable, self.host, self.note = inplace, differentiable, host, note


def publish(name: str, fn: Callable, where: Sequence[str]) -> None:
    """Put a function into namespaces; a name can be taken once. It is pickled by the first place it is public in."""
    if where and not where[0].startswith("_") and not hasattr(fn, "published"):
        fn.__module__ = "flashlight" if where[0] == "torch" else f"flashlight.{where[0]}"
        fn.__qualname__, fn.published = name, True
    for space in where:
        taken = namespaces.setdefault(space, {})
        if name in taken:
            raise ValueError(f"{space}.{name} is declared twice")
        taken[name] = fn


class Operator:
    """One declared operator. Calling it calls the body on arrays, for use inside other bodies."""

    def __init__(self, body: Callable, name: str, options: dict):
        self.name, self.plain_body = name, body
        self.promotes = options["promote"]
        self.differentiable = options["grad"]
        self.autocast = autocast_policies(options["autocast"])
        self.cpu = options["cpu"]
        self.constant_outputs = options["constant_outputs"]
        self.result = options["result"]
        self.out_rule = options["out_rule"]
        self.backward_name = (options["backward"] or _camel(name)) + "Backward0"
        # with operands all inexact, "float" operators give inexact results: saves a look at the output's dtype
        self.inexact_output = self.promotes == "float"
        self.check = self.guard = self.crosswise = self.reader = None
        self.rule = self.saving_body = None
        self.parameters = list(inspect.signature(body).parameters.values())
        kinds = {p.name: str(p.annotation) for p in self.parameters}
        self.takes_list = kinds[self.parameters[0].name] == "Arrays"
        self.tensors = [n for n, kind in kinds.items() if kind in _TENSOR_KINDS or kind == "Arrays"]
        self.statics = [n for n in kinds if n not in self.tensors]
        self.numbers = {i for i, n in enumerate(self.tensors) if _TENSOR_KINDS.get(kinds[n])}
        self.optional = {i for i, n in enumerate(self.tensors) if "None" in kinds[n]}
        self.body = self._positional(body)
        # MLX's autodiff reads every input again
        self.saved: list | bool | None = True
        self.saves_output = self.broadcasts = self.keeps_shapes = self.keeps_dtypes = False
        words = None if options["watch"] is None else options["watch"].split()
        # the inputs whose writes are looked for, if they are not those the rule reads; and whether the output's are
        self.watched = None if words is None else [self.tensors.index(n) for n in words if n != "output"]
        self._watches_output = None if words is None else "output" in words
        self._reads_indices = options["indices"]
        self.single = options["single"]
        self.by_number = None
        if self.single:
            self.body = in_single(self.body)

    def __call__(self, *args, **kwargs):
        return self.plain_body(*args, **kwargs)

    @property
    def watches_output(self) -> bool:
        """Whether a write to the output before backward is refused."""
        if self._watches_output is not None:
            return self._watches_output
        return self.saves_output and not self._reads_indices

    def _positional(self, body):
        # bodies are called with the tensors first and everything by position
        order = [*self.tensors, *self.statics]
        if [p.name for p in self.parameters if p.kind is not p.KEYWORD_ONLY] == order:
            return body
        given = ", ".join(f"{p.name}={p.name}" if p.kind is p.KEYWORD_ONLY else p.name for p in self.parameters)
        return eval(f"lambda {', '.join(order)}: body({given})", {"body": body})

    def bad_operand(self, i: int, value) -> TypeError:
        """The error for an argument that is no tensor."""
        name = self.tensors[0 if self.takes_list else i]
        place = [p.name for p in self.parameters].index(name) + 1
        kind = "tuple of Tensors" if self.takes_list else "Tensor"
        return TypeError(
            f"{self.name}(): argument '{name}' (position {place}) must be {kind}, not {type(value).__name__}"
        )

    # --------------------------------------------------------------------------------------------------------- gradient
    def vjp(
        self, rule: Callable | None = None, *, crosswise: tuple[str, str] | None = None, reader: str | None = None
    ) -> Callable:
        """Declare the gradient. The rule's parameters say what is saved: ``g`` (``gs`` for several outputs), inputs and static
        arguments by name, ``output`` / ``outputs``, ``needs`` (which inputs want one), ``shapes`` and ``dtypes`` (of the inputs).
        ``crosswise`` names two inputs each of which only the other's gradient reads: one is kept only if the other needs it.
        ``reader`` names the one input whose gradient reads the others: they are kept only if it needs one."""
        if rule is None:
            if crosswise is not None:
                self.crosswise = tuple(self.tensors.index(n) for n in crosswise)
                self.saved_for = functools.cache(self.saved_for)
            else:
                self.reader = self.tensors.index(reader)
            return self.vjp
        names = list(inspect.signature(rule).parameters)
        parts = []
        for n in names:
            if n in self.tensors and not self.takes_list:
                parts.append(f"arrays[{self.tensors.index(n)}]")
            elif n in self.tensors:
                parts.append("arrays")
            elif n in self.statics:
                parts.append(f"node.statics[{self.statics.index(n)}]")
            else:
                parts.append(_RULE_WORDS[n])
        self.rule = eval(f"lambda gs, arrays, outs, node: rule({', '.join(parts)})", {"rule": rule})
        if self.single:
            self.rule = rule_in_single(self.rule)
        read = [i for i, n in enumerate(self.tensors) if n in names]
        every = bool(read) and (self.takes_list or len(read) == len(self.tensors))
        self.saved = True if every else read or None
        self.saves_output = "output" in names or "outputs" in names
        self.broadcasts = bool(self.promotes) and len(self.tensors) > 1
        self.keeps_dtypes = "dtypes" in names
        self.keeps_shapes = self.broadcasts or "shapes" in names or self.keeps_dtypes
        return rule

    def saved_for(self, first: bool, second: bool) -> list | bool:
        """Which inputs to keep, given which of the two crosswise ones need a gradient."""
        if first and second:
            return self.saved
        i, j = self.crosswise
        unread = {k for k, wanted in ((i, second), (j, first)) if not wanted}
        return [k for k in (range(len(self.tensors)) if self.saved is True else self.saved) if k not in unread]

    def saving(self, body: Callable) -> Callable:
        """Declare, after the rule, the form run while recording: it returns the output and what the rule reads as ``saved``.

        The gradient's own gradient is MLX's autodiff of the plain body.
        """
        self.saving_body = self._positional(body)
        if self.single:
            self.saving_body = in_single(self.saving_body)
        self.saved = True
        return body

    def pull(self, gs, arrays, outs, node):
        if self.rule is None:
            return self.pull_body(gs, arrays, outs, node)
        return dispatch.pull_by_rule(self, gs, arrays, outs, node)

    def pull_body(self, gs, arrays, _outs, node):
        return dispatch.pull_by_mlx(self, dispatch.fill_missing(gs, node) if node.nout > 1 else gs, arrays, node)

    def checked(self, check: Callable) -> Callable:
        """Declare a check that runs on the arrays before the body and may replace them."""
        self.check = check
        return check

    def guarded(self, guard: Callable) -> Callable:
        """Declare a check that sees the operands, arrays and numbers, before they are promoted (not when they need none)."""
        self.guard = guard
        return guard

    # ----------------------------------------------------------------------------------------------------- public forms
    def function(self, out: bool) -> Callable:
        """The public function on Tensors."""
        head, prepare = self._head()
        call = self._call("run")
        if out:
            last = f", op.out_rule, {self._operands()}" if self.out_rule else ""
            prepare += f"    if out is not None:\n        return write_out(out, {call}{last})\n"
            head += ["out=None"] if "*" in head else ["*", "out=None"]
        return self._compile(self.name, head, prepare, call)

    def in_place(self) -> Callable:
        """The method with a trailing underscore."""
        head, prepare = self._head()
        return self._compile(self.name + "_", head, prepare, self._call("in_place"))

    def flagged(self) -> Callable:
        """The form with a last argument ``inplace``, as nn.functional has it."""
        head, prepare = self._head()
        prepare += f"    if inplace:\n        return {self._call('in_place')}\n"
        return self._compile(self.name, [*head, "inplace=False"], prepare, self._call("run"))

    def _head(self):
        head, prepare, keyword_only = [], "", False
        for i, p in enumerate(self.parameters):
            if p.kind is p.KEYWORD_ONLY and not keyword_only:
                head.append("*")
                keyword_only = True
            head.append(p.name if p.default is p.empty else f"{p.name}=default{i}")
        names = {p.name for p in self.parameters}
        # numpy's spellings, which torch accepts as keywords
        for name, alias in (("dim", "axis"), ("keepdim", "keepdims")):
            if name in names and alias not in names:
                required = next(p for p in self.parameters if p.name == name).default is inspect.Parameter.empty
                head = [h + "=missing" if h == name and required else h for h in head]
                if not keyword_only:
                    head.append("*")
                    keyword_only = True
                head.append(f"{alias}=missing")
                prepare += f"    if {alias} is not missing:\n        {name} = {alias}\n"
                if required:
                    message = f"{self.name}() missing 1 required positional argument: '{name}'"
                    prepare += f"    if {name} is missing:\n        raise TypeError({message!r})\n"
                    head = _defaults_after(head)
        return head, prepare

    def _operands(self) -> str:
        if self.takes_list:
            return f"listed({self.tensors[0]}, op)"
        return "(" + "".join(f"{n}, " for n in self.tensors) + ")"

    def _call(self, runner: str) -> str:
        statics = "(" + "".join(f"{n}, " for n in self.statics) + ")"
        return f"{runner}(op, {self._operands()}, {statics})"

    def _compile(self, name, head, prepare, call):
        scope = {
            "op": self,
            "run": dispatch.run,
            "in_place": dispatch.in_place,
            "write_out": dispatch.write_out,
            "missing": MISSING,
            "listed": _listed,
            **{f"default{i}": p.default for i, p in enumerate(self.parameters)},
        }
        source = f"def {name}({', '.join(head)}):\n{prepare}    return {call}\n"
        exec(compile(source, f"<operator {name}>", "exec"), scope)
        fn = scope[name]
        fn.__doc__ = self.plain_body.__doc__
        fn.__module__ = self.plain_body.__module__
        fn.operator = self
        return fn


def _listed(tensors, op: Operator) -> tuple:
    """The tensors of a list argument; one tensor is no list."""
    if type(tensors) is list or type(tensors) is tuple:
        return tuple(tensors)
    if isinstance(tensors, Tensor) or not isinstance(tensors, Sequence):
        raise op.bad_operand(0, tensors)
    return tuple(tensors)


class _Missing:
    def __repr__(self):
        return "<missing>"


MISSING = _Missing()
_RULE_WORDS = {
    "g": "gs[0]",
    "gs": "gs",
    "output": "outs[0]",
    "outputs": "outs",
    "needs": "[e is not None for e in node.edges]",
    "shapes": "node.shapes",
    "saved": "node.kept",
    "dtypes": "node.dtypes",
}


def _defaults_after(head: list[str]) -> list[str]:
    """Once one parameter has a default, so must those that follow it."""
    seen, out = False, []
    for h in head:
        if h == "*":
            return out + head[len(out) :]
        seen = seen or "=" in h
        out.append(h if "=" in h or not seen else h + "=missing")
    return out


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.strip("_").split("_"))


def op(
    body: Callable | None = None,
    *,
    name: str | None = None,
    promote: str | None = None,
    namespace: str | Sequence[str] = "torch",
    method: bool | str | None = None,
    inplace: bool = False,
    flagged: bool = False,
    out: bool | str | None = None,
    grad: bool = True,
    autocast: str | None = None,
    cpu: bool = False,
    host: bool = False,
    backward: str | None = None,
    result: Callable | None = None,
    constant_outputs: Sequence[int] = (),
    indices: bool = False,
    watch: str | None = None,
    single: bool = False,
    aliases: Sequence[str] = (),
    note: str = "",
):
    """Declare an operator.

    Args:
        promote: None (operands as they come), "same" (torch's common dtype), "float" (and integers become the default float).
        namespace: "torch", "nn.functional", "linalg", "fft", "special", or several.
        method: also a Tensor method; by default when it is in the torch namespace.
        inplace: also ``name_``. flagged: also in nn.functional, with a last argument ``inplace``.
        out: accept ``out=``; by default when it is in a namespace other than nn.functional. Words say what torch asks of it:
            "exact" (it has the dtype of the result), "apart" (it shares no memory with the operands), "apart-first" (none
            with the first, all or none with another).
        grad: False if it is not differentiable: its result does not require grad.
        autocast: what amp does to its operands: "low", "fp32", "widest", "input" (the dtype of the first), "banned", or for a function
            "keep" (nothing, nor to those of its operators). Where torch's lists differ, one for each family of devices: "cpu fp32,
            gpu widest", or "gpu fp32" alone.
        cpu: MLX has it on the CPU stream only. host: it computes with numpy on the host.
        result: the class of a named result. constant_outputs: outputs that have no gradient.
        indices: what torch saves of the outputs is those without gradient, so the values may be written to before backward.
        watch: the inputs (of those the rule reads) and "output" that torch saves, where the rule here reads others: a write to them
            before backward is refused as torch does, one to the rest is not. Values are those of the call in any case.
        single: halves are computed in single precision and rounded once: for bodies of several steps.
    """

    def declare(body: Callable) -> Operator:
        public = name or body.__name__.rstrip("_")
        where = (namespace,) if isinstance(namespace, str) else tuple(namespace)
        options = {
            "promote": promote, "grad": grad, "autocast": autocast, "cpu": cpu or host, "result": result,
            "constant_outputs": frozenset(constant_outputs), "indices": indices, "watch": watch, "backward": backward, "single": single,
            "out_rule": out if isinstance(out, str) else "",
        }  # fmt: skip
        operator = Operator(body, public, options)
        key = public if "torch" in where else f"{where[0]}.{public}" if where else f"_.{public}"
        if key in operators:
            raise ValueError(f"operator {key} is declared twice")
        operators[key] = operator
        with_out = out if out is not None else any(w not in ("nn.functional",) for w in where)
        fn = operator.function(with_out)
        operator.public = fn
        as_method = method if method is not None else "torch" in where
        for label in (public, *aliases):
            publish(label, fn, where)
            if as_method:
                _attach(as_method if isinstance(as_method, str) else label, fn)
            if inplace:
                fn_ = operator.in_place() if label == public else getattr(Tensor, public + "_")
                if as_method or not flagged:
                    _attach(label + "_", fn_)
                if any(w in ("torch",) for w in where) and label + "_" in TORCH_INPLACE_FUNCTIONS:
                    publish(label + "_", fn_, ("torch",))
        if flagged:
            publish(public, operator.flagged(), ("nn.functional",))
            if inplace:
                publish(public + "_", operator.in_place(), ("nn.functional",))
            where = (*where, "nn.functional")
        entries[key] = Entry(public, fn, where, bool(as_method), inplace, grad, host, note)
        return operator

    return declare if body is None else declare(body)


# the in-place forms torch also has as functions of its own
TORCH_INPLACE_FUNCTIONS = frozenset(
    f"{n}_"
    for n in [
        "abs",
        "acos",
        "acosh",
        "addmv",
        "arccos",
        "arccosh",
        "arcsin",
        "arcsinh",
        "arctan",
        "arctanh",
        "asin",
        "asinh",
        "atan",
        "atanh",
        "ceil",
        "celu",
        "clamp",
        "clamp_max",
        "clamp_min",
        "clip",
        "conj_physical",
        "cos",
        "cosh",
        "deg2rad",
        "detach",
        "dropout",
        "alpha_dropout",
        "erf",
        "erfc",
        "exp",
        "exp2",
        "expm1",
        "feature_alpha_dropout",
        "feature_dropout",
        "fill",
        "fix",
        "floor",
        "frac",
        "gcd",
        "i0",
        "index_put",
        "lcm",
        "ldexp",
        "log",
        "log10",
        "log1p",
        "log2",
        "logit",
        "nan_to_num",
        "neg",
        "negative",
        "rad2deg",
        "reciprocal",
        "relu",
        "resize_as",
        "round",
        "rrelu",
        "rsqrt",
        "selu",
        "sigmoid",
        "sin",
        "sinc",
        "sinh",
        "sqrt",
        "square",
        "tan",
        "tanh",
        "threshold",
        "trunc",
        "xlogy",
        "zero",
    ]
)


def _attach(name: str, fn: Callable) -> None:
    if name in Tensor.__dict__:
        raise ValueError(f"Tensor.{name} is declared twice")
    setattr(Tensor, name, fn)


def composite(
    fn: Callable | None = None,
    *,
    name: str | None = None,
    namespace: str | Sequence[str] = "torch",
    method: bool | str | None = None,
    aliases: Sequence[str] = (),
    differentiable: bool = True,
    host: bool = False,
    note: str = "",
    autocast: str | None = None,
):
    """Publish a function on Tensors that is made of other operators (differentiable because they are), or that answers a question
    about a tensor. ``method="name"`` gives the method another name; ``autocast`` is an operator's, for the function as a whole."""

    def declare(fn: Callable) -> Callable:
        if autocast is not None:
            fn = _autocasting(fn, autocast_policies(autocast))
        public = name or fn.__name__
        where = (namespace,) if isinstance(namespace, str) else tuple(namespace)
        as_method = method if method is not None else "torch" in where
        if where != ("nn.functional",) and inspect.isfunction(
            fn
        ):  # which torch wrote in Python: what is no tensor has no attributes of one there
            fn = _taking_tensors(fn, public)
        for label in (public, *aliases):
            publish(label, fn, where)
            if as_method:
                _attach(as_method if isinstance(as_method, str) and label == public else label, fn)
        key = public if "torch" in where else f"{where[0]}.{public}" if where else f"Tensor.{public}"
        entries[key] = Entry(public, fn, where, bool(as_method), False, differentiable, host, note)
        return fn

    return declare if fn is None else declare(fn)


def _taking_tensors(fn: Callable, name: str) -> Callable:
    """``fn`` with torch's TypeError for an argument without an attribute of tensors."""
    parameters = inspect.signature(fn).parameters.values()
    required = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]

    @functools.wraps(fn)
    def composed(*args, **kwargs):
        try:
            return fn(*args, **kwargs)
        except AttributeError as error:
            wrong, given = error.obj, [*args, *kwargs.values()]
            for place, value in enumerate(given[: len(required)], 1):
                if value is wrong and not isinstance(value, Tensor):
                    kind = type(value).__name__
                    raise TypeError(
                        f"{name}(): argument '{required[place - 1]}' (position {place}) must be Tensor, not {kind}"
                    ) from None
                if type(value) in (list, tuple) and any(v is wrong for v in value) and not isinstance(wrong, Tensor):
                    at = next(i for i, v in enumerate(value) if v is wrong)
                    raise TypeError(
                        f"expected Tensor as element {at} in argument {place - 1}, but got {type(wrong).__name__}"
                    ) from None
            raise

    return composed


def autocast_policies(column: str | None) -> tuple | None:
    """What amp does to the operands of an operator, (on CPUs, on accelerators), from its column in the table."""
    if column is None:
        return None
    if " " not in column:
        return column, column
    named = dict(part.split() for part in column.split(", "))
    return named.get("cpu"), named.get("gpu")


def _autocasting(fn: Callable, policies: tuple) -> Callable:
    @functools.wraps(fn)
    def autocasting(*args, **kwargs):
        if modes.autocast is None:
            return fn(*args, **kwargs)
        return modes.autocast.call(fn, policies, args, kwargs)

    return autocasting


def method(fn: Callable) -> Callable:
    """Publish a function as a Tensor method only."""
    return composite(fn, namespace=(), method=True)


def inplace_view(fn: Callable) -> Callable:
    """From a function that returns a view, the method ``name_`` that turns the tensor itself into it."""

    def change(input, *args, **kwargs):
        return become(input, fn(input, *args, **kwargs))

    change.__name__ = fn.__name__ + "_"
    change.__doc__ = f"In-place form of ``{fn.__name__}``: changes the shape the tensor is seen in, not its storage."
    return composite(change, namespace=(), method=True, name=change.__name__)


def become(t: Tensor, seen: Tensor) -> Tensor:
    """Make ``t`` the view ``seen`` of itself."""
    if t is seen:
        return t
    views.check_writable(t)
    base = seen._view.base
    t._a, t._view, t._rg = seen._a, seen._view, seen._rg
    t._node = seen._node
    if base is t:  # it was the base: its old self goes on living in the node, it follows its own storage now
        t._view.base = None
    return t

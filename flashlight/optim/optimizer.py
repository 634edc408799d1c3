"""The base of optimizers: parameter groups, state, hooks, state dicts, and the loop that applies an update rule.

An update rule is a function on arrays: it gets a parameter, its gradient and its state and returns the new parameter and state.
`Optimizer.step` gathers the arrays, calls the rule once for each parameter, writes the results and starts their evaluation.
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

import mlx.core as mx

from .._core import lazy
from .._core.dispatch import cast, convert
from .._core.hooks import Hooks
from .._core.modes import enable_grad, no_grad
from .._core.tensor import Tensor, read, wrap
from .._core.views import write


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
_global_pre, _global_post = Hooks(), Hooks()


def register_optimizer_step_pre_hook(hook):
    """Call ``hook(optimizer, args, kwargs)`` before every optimizer's step."""
    return _global_pre.register(hook)


def register_optimizer_step_post_hook(hook):
    """Call ``hook(optimizer, args, kwargs)`` after every optimizer's step."""
    return _global_post.register(hook)


def assign(t: Tensor, value: mx.array) -> None:
    """Write an array of a tensor's own shape and dtype into it."""
    if t._view is None:
        t._a = value
        t._v += 1
    else:
        write(t, wrap(value))


def counter(value: float) -> Tensor:
    """A step count as the 0-dimensional float tensor torch keeps; its number stays known on the host."""
    t = wrap(mx.array(value, mx.float32))
    t._count = (t._a, float(value))
    return t


def count_of(t) -> float:
    """The number in a step count, without evaluating anything if we wrote it."""
    if not isinstance(t, Tensor):
        return float(t)
    known = t.__dict__.get("_count")
    return known[1] if known is not None and known[0] is t._a else float(t.item())


def advance(state: dict) -> float:
    """Add one to ``state['step']`` and return the new count."""
    n = count_of(state["step"]) + 1
    if isinstance(state["step"], Tensor):
        t = state["step"]
        t._a = mx.array(n, t._a.dtype)
        t._count = (t._a, n)
    else:
        state["step"] = n
    return n


def _profiled(step):
    """Run the step hooks around an optimizer's ``step``."""

    @functools.wraps(step)
    def wrapped(self, *args, **kwargs):
        for hook in (*_global_pre.values(), *self._optimizer_step_pre_hooks.values()):
            answer = hook(self, args, kwargs)
            if answer is not None:
                if not (isinstance(answer, tuple) and len(answer) == 2):
                    raise RuntimeError(f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {answer}.")
                args, kwargs = answer
        result = step(self, *args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_post.values()):
            hook(self, args, kwargs)
        return result

    wrapped.hooked = True
    return wrapped


class Optimizer:
    """Base of all optimizers.

    Args:
        params: parameters, or dicts with a "params" entry and options of their own, or (name, parameter) pairs.
        defaults: the options a group has unless it says otherwise.
    """

    # arguments about how torch runs a step that make no difference to its result here
    _how = ("foreach", "fused", "capturable")

    def __init__(self, params, defaults: dict):
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got " + params.type()
            )
        self.defaults = defaults
        self._init_hooks()
        self.state: defaultdict = defaultdict(dict)
        self.param_groups: list[dict] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__ and not getattr(cls.step, "hooked", False):
            cls.step = _profiled(cls.step)

    def _init_hooks(self) -> None:
        for name in ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post"):
            setattr(self, f"_optimizer_{name}_hooks", Hooks())

    # ----------------------------------------------------------------------------------------------------------- stepping
    def init_state(self, p: Tensor, state: dict, group: dict) -> None:
        """Fill the empty state of a parameter."""
        raise NotImplementedError(f"{type(self).__name__} has no init_state")

    def update(self, p, g, state: dict, group: dict):
        """The rule: the new value of ``p`` (array) for gradient ``g`` (array); changes the tensors in ``state``."""
        raise NotImplementedError(f"{type(self).__name__} has no update rule")

    def step(self, closure=None):
        """Apply one update; ``closure`` reevaluates the model and returns the loss."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            written = []
            for group in self.param_groups:
                self.step_group(group, written)
            if written and not lazy.is_paused():
                mx.async_eval(written)
        return loss

    def step_group(self, group: dict, written: list) -> None:
        """Apply the rule to every parameter of a group that has a gradient."""
        for p in group["params"]:
            if p._grad is None:
                continue
            state = self.state[p]
            if not state:
                self.init_state(p, state, group)
            g = read(p._grad)
            if group.get("maximize"):
                g = -g
            assign(p, self.update(read(p), g, state, group))
            written.append(p._a)
            written.extend(s._a for s in state.values() if isinstance(s, Tensor))

    step = _profiled(step)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad = wrap(mx.zeros_like(read(p._grad)), p._device)

    # ------------------------------------------------------------------------------------------------------------- groups
    def add_param_group(self, param_group: dict) -> None:
        """Add parameters with options of their own.

        Raises: ValueError for a parameter that is no leaf or in another group already, or a missing required option.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
                "between runs. Please use a list instead."
            )
        params = list(params)
        if params and all(isinstance(p, tuple) for p in params):
            param_group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        param_group["params"] = params
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + type(p).__name__)
            if not self.defaults.get("differentiable") and p._node is not None:
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(params) != len({id(p) for p in params}):
            raise ValueError("some parameters appear more than once in parameter group")
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in seen for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # --------------------------------------------------------------------------------------------------------- state dicts
    def state_dict(self) -> dict:
        """Options and state, parameters numbered in order, in torch's form."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            answer = hook(self, result)
            result = result if answer is None else answer
        return result

    def load_state_dict(self, state_dict: dict) -> None:
        """Take over options and state saved by flashlight or by torch.

        Raises: ValueError if the groups do not fit this optimizer's.
        """
        state_dict = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            answer = hook(self, state_dict)
            state_dict = state_dict if answer is None else answer
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(self.param_groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(self.param_groups, saved, strict=True)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        numbers = itertools.chain.from_iterable(g["params"] for g in saved)
        params = dict(zip(numbers, (p for g in self.param_groups for p in g["params"]), strict=True))
        state: defaultdict = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = params.get(key)
            state[key if p is None else p] = value if p is None else self._loaded(p, value)
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            theirs["params"] = mine["params"]
            if "param_names" in mine and "param_names" not in theirs:
                theirs["param_names"] = mine["param_names"]
            for name, default in self.defaults.items():
                theirs.setdefault(name, default)
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _loaded(self, p: Tensor, value, key=None):
        """A copy of saved state in the dtype of its parameter; step counts keep theirs."""
        if isinstance(value, Tensor):
            if key == "step":
                return counter(float(value.item())) if value.numel() == 1 else value.detach().clone()
            copied = wrap(read(value), p._device)
            return cast(copied, p.dtype) if p.is_floating_point() and value.is_floating_point() else copied
        if isinstance(value, dict):
            return {k: self._loaded(p, v, k) for k, v in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            return type(value)(self._loaded(p, v) for v in value)
        return copy.deepcopy(value)

    def __getstate__(self) -> dict:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        if not hasattr(self, "_optimizer_step_pre_hooks"):
            self._init_hooks()

    # --------------------------------------------------------------------------------------------------------------- hooks
    def register_step_pre_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new (args, kwargs)."""
        return self._optimizer_step_pre_hooks.register(hook)

    def register_step_post_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return self._optimizer_step_post_hooks.register(hook)

    def _placed(self, which: str, hook, prepend: bool):
        hooks = getattr(self, f"_optimizer_{which}_hooks")
        handle = hooks.register(hook)
        if prepend:
            OrderedDict.move_to_end(hooks, handle.id, last=False)
        return handle

    def register_state_dict_pre_hook(self, hook, prepend: bool = False):
        """Call ``hook(optimizer)`` before ``state_dict``."""
        return self._placed("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend: bool = False):
        """Call ``hook(optimizer, state_dict)`` after ``state_dict``; it may return another one."""
        return self._placed("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend: bool = False):
        """Call ``hook(optimizer, state_dict)`` before loading; it may return another one."""
        return self._placed("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend: bool = False):
        """Call ``hook(optimizer)`` after loading."""
        return self._placed("load_state_dict_post", hook, prepend)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def zeros_for(p: Tensor) -> Tensor:
    """A state tensor of zeros like a parameter."""
    return wrap(mx.zeros_like(read(p)), p._device)


def number(value):
    """A learning rate or the like as a Python number; tensors are read."""
    return value.item() if isinstance(value, Tensor) else value


def check_range(what: str, value, low: float = 0.0, high: float | None = None) -> None:
    """Raise torch's ValueError for an option out of range."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"Tensor {what} must be 1-element")
        return
    if not value >= low or (high is not None and not value < high):
        raise ValueError(f"Invalid {what}: {value}")


def in_dtype(a: mx.array, like: mx.array) -> mx.array:
    """An array in another's dtype."""
    return a if a.dtype == like.dtype else convert(a, like.dtype)

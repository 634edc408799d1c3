"""The base of optimizers: parameter groups, state, hooks and state dicts."""

from __future__ import annotations

import copy
import functools
import itertools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from typing import Any, TypeAlias

import mlx.core as mx

from .._core import dtypes
from .._core.dispatch import cast
from .._core.hooks import Hooks
from .._core.modes import modes
from .._core.tensor import Tensor, read, wrap
from .._core.views import write

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
params_t = _params_t = ParamsT


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
    """Write an array of a tensor's own shape and dtype into it, unseen by autograd."""
    v = t._view
    if v is None:
        t._a = value
        t._v += 1
    elif not v.steps and v.base is None:  # parameters share a cell with the tensor they were made from
        cell = v.cell
        cell.value = t._a = value
        cell.version += 1
        v.seen = cell.version
        if not v.hidden:
            cell.writes += 1
    else:
        write(t, wrap(value))


def counter(value: float, dtype=None) -> Tensor:
    """A number kept in the state as a 0-dimensional tensor, of torch's dtype for those."""
    return wrap(_number_array(value, dtype or _get_scalar_dtype()))


@functools.lru_cache(maxsize=64)
def _number_array(value: float, dtype: dtypes.dtype) -> mx.array:
    # one array for all parameters lets their updates share what depends on the step count alone
    return mx.array(value, dtype.mlx)


def number(value):
    """An option as a Python number; a tensor of one element is read."""
    return value.item() if isinstance(value, Tensor) else value


# ---------------------------------------------------------------------------- names that torch-style optimizers import
def _get_scalar_dtype(is_fused: bool | None = None) -> dtypes.dtype:
    """The dtype of step counts."""
    if is_fused:
        return dtypes.float32
    return dtypes.float64 if dtypes.get_default_dtype() is dtypes.float64 else dtypes.float32


_get_value = number


def _default_to_fused_or_foreach(params, differentiable: bool, use_fused: bool = False) -> tuple[bool, bool]:
    """Which implementation to take, (fused, foreach): there is one for all."""
    if not all(p is None or isinstance(p, Tensor) for p in params):
        raise TypeError("params must be tensors")
    return bool(use_fused and not differentiable), False


def _get_capturable_supported_devices(supports_xla: bool = True) -> list[str]:
    """The device types on which the step count may stay on the device: all of them."""
    return ["cpu", "mps", "cuda", "xpu", "hpu", "privateuseone", *(["xla"] if supports_xla else [])]


def _use_grad_for_differentiable(step):
    """Record a ``step`` if the optimizer's default ``differentiable`` says so, else not."""

    @functools.wraps(step)
    def wrapped(self, *args, **kwargs):
        before = modes.grad
        modes.grad = bool(self.defaults["differentiable"])
        try:
            return step(self, *args, **kwargs)
        finally:
            modes.grad = before

    return wrapped


# ----------------------------------------------------------------------------------------------------------------- base
class Optimizer:
    """Base of all optimizers.

    Args:
        params: parameters, or dicts with a "params" entry and options of their own, or (name, parameter) pairs.
        defaults: the options a group has unless it says otherwise.
    """

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._init_hooks()
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {params.type()}"
            )
        self.state: defaultdict[Tensor, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _init_hooks(self) -> None:
        for name in (
            "step_pre",
            "step_post",
            "state_dict_pre",
            "state_dict_post",
            "load_state_dict_pre",
            "load_state_dict_post",
        ):
            if f"_optimizer_{name}_hooks" not in self.__dict__:
                setattr(self, f"_optimizer_{name}_hooks", Hooks())

    def _patch_step_function(self) -> None:
        """Make the class's ``step`` run the hooks, once."""
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = self.profile_hook_step(cls.step)
            cls.step.hooked = True

    @staticmethod
    def profile_hook_step(func):
        """Run the step hooks around ``func``, an optimizer's ``step``."""

        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            self = args[0]
            for hook in (*_global_pre.values(), *self._optimizer_step_pre_hooks.values()):
                answer = hook(self, args, kwargs)
                if answer is not None:
                    if not (isinstance(answer, tuple) and len(answer) == 2):
                        raise RuntimeError(
                            f"{func} must return None or a tuple of (new_args, new_kwargs), but got {answer}."
                        )
                    args, kwargs = answer
            result = func(*args, **kwargs)
            for hook in (*self._optimizer_step_post_hooks.values(), *_global_post.values()):
                hook(self, args, kwargs)
            return result

        return wrapper

    def step(self, closure=None):
        """Update the parameters; ``closure`` reevaluates the model and returns the loss."""
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    grad = p._grad
                    if grad._node is not None:
                        grad.detach_()
                    grad._rg = False
                    zeros = mx.zeros_like(read(grad))
                    assign(grad, -zeros if hasattr(p, "_sparse_rows") else zeros)  # -0.0: the gradient is about no row

    # ------------------------------------------------------------------------------------------------------------- groups
    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own.

        Raises: TypeError for what is no dict or no Tensor; ValueError for a parameter that is no leaf or is in another group
        already, for a missing required option, and where only some parameters have names.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params, names = _named(param_group["params"])
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_typename(p)}")
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len(params) != len({id(p) for p in params}):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with names' if 'param_names' in param_group else 'without names'} to the optimizer"
                )
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in seen for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # --------------------------------------------------------------------------------------------------------- state dicts
    def state_dict(self) -> dict[str, Any]:
        """Options and state, parameters numbered in order, in torch's form."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups, start = [], 0
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            numbers.update({id(p): i for i, p in enumerate(group["params"], start) if id(p) not in numbers})
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            start += len(packed["params"])
            groups.append(packed)
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            answer = hook(self, result)
            result = result if answer is None else answer
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over options and state saved by flashlight or by torch.

        Raises: ValueError if the groups do not fit this optimizer's.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            answer = hook(self, state_dict)
            state_dict = state_dict if answer is None else answer
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(self.param_groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(self.param_groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        numbers = itertools.chain.from_iterable(g["params"] for g in saved)
        params = dict(zip(numbers, (p for g in self.param_groups for p in g["params"]), strict=True))
        group_of = {i: group for group in saved for i in group["params"]}
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = self._loaded(params[key], value, group_of[key])
            else:
                state[key] = value
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            theirs["params"] = mine["params"]
            if "param_names" in mine and "param_names" not in theirs:
                theirs["param_names"] = mine["param_names"]
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _loaded(self, p: Tensor, value, group: dict, key=None):
        """A copy of saved state in the dtype of its parameter; step counts keep theirs."""
        if isinstance(value, Tensor):
            copied = value if value._rg else wrap(read(value), p._device)
            if key == "step":
                return cast(copied, dtypes.float32) if group.get("fused") or group.get("capturable") else copied
            return cast(copied, p.dtype) if p.is_floating_point() and value.dtype is not p.dtype else copied
        if isinstance(value, dict):
            return {k: self._loaded(p, v, group, k) for k, v in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            return type(value)(self._loaded(p, v, group) for v in value)
        return value

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._init_hooks()
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    # --------------------------------------------------------------------------------------------------------------- hooks
    def register_step_pre_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return new (args, kwargs)."""
        return self._optimizer_step_pre_hooks.register(hook)

    def register_step_post_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return self._optimizer_step_post_hooks.register(hook)

    def register_state_dict_pre_hook(self, hook, prepend: bool = False):
        """Call ``hook(optimizer)`` before ``state_dict``."""
        return _placed(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend: bool = False):
        """Call ``hook(optimizer, state_dict)`` after ``state_dict``; it may return another one."""
        return _placed(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend: bool = False):
        """Call ``hook(optimizer, state_dict)`` before loading; it may return another one."""
        return _placed(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend: bool = False):
        """Call ``hook(optimizer)`` after loading."""
        return _placed(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"


def _placed(hooks: Hooks, hook, prepend: bool):
    handle = hooks.register(hook)
    if prepend:
        OrderedDict.move_to_end(hooks, handle.id, last=False)
    return handle


def _named(params) -> tuple[list, list]:
    """The parameters of a group as a list, and their names if they have any."""
    if isinstance(params, Tensor):
        return [params], []
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change "
            "between runs. Please use a list instead."
        )
    params = list(params)
    names = [p[0] for p in params if isinstance(p, tuple)]
    if names and len(names) != len(params):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    return [p[1] if isinstance(p, tuple) else p for p in params], names


def _typename(value) -> str:
    """What torch calls the type of something that is no tensor."""
    named = value if hasattr(value, "__qualname__") else type(value)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "", "builtins") else f"{module}.{named.__qualname__}"

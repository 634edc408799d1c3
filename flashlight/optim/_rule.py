"""Optimizers whose step is a rule on arrays, applied to one parameter after another.

A rule is made once a step for each dtype (``Optimizer.rule``), so that what depends on the options and the step count alone is
computed once for all parameters. In half precision it computes in float32 and rounds where torch's operators round: that is
what ``r`` is for, and torch rounds an added number and the factor of an addition too; complex parameters are seen as pairs of reals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import mlx.core as mx

from .._core import device as devices
from .._core import lazy, tape, views
from .._core.halves import HALVES
from .._core.modes import enable_grad, no_grad
from .._core.tensor import Tensor, read, wrap
from .optimizer import Optimizer, _get_capturable_supported_devices, assign, counter, number


# ------------------------------------------------------------------------------------------------- arithmetic for rules
def mixing(weight, k: Constants) -> Callable:
    """The function ``a + weight * (b - a)``, from the nearer end as torch computes it."""
    if isinstance(weight, mx.array) or weight < 0.5:
        w = k(weight)
        return lambda a, b: a + (b - a) * w
    w = k(1 - weight)
    return lambda a, b: b - (b - a) * w


def decaying(h: dict, k: Constants, r: Callable) -> Callable | None:
    """What weight decay does to ``(p, g)``: shrinks the parameter if decoupled, else adds to the gradient; None if there is none."""
    decay = h["weight_decay"]
    if not is_set(decay):
        return None
    if h.get("decoupled_weight_decay"):
        keep = k(1 - h["lr"] * decay)
        return lambda p, g: (r(p * keep), g)
    decay = r(k(decay))
    return lambda p, g: (p, r(g + p * decay))


def choose(condition, yes: Callable, no: Callable):
    """``yes()`` or ``no()``; both, and ``mx.where``, if the condition is an array."""
    if isinstance(condition, mx.array):
        return mx.where(condition, yes(), no())
    return yes() if condition else no()


def is_set(option) -> bool:
    """Whether an option differs from zero; one that is an array counts as set."""
    return isinstance(option, mx.array) or option != 0


def unrounded(a: mx.array) -> mx.array:
    return a


class Constants:
    """Makes arrays of numbers, in the dtype a rule computes in; ``dtype`` is the parameters'."""

    __slots__ = ("dtype", "within")

    def __init__(self, within, dtype):
        self.within, self.dtype = within, dtype

    def __call__(self, x) -> mx.array:
        return x.astype(self.within) if isinstance(x, mx.array) else mx.array(x, self.within)


# ------------------------------------------------------------------------------------------------------ dtypes of rules
def _in_float32(make: Callable, dtype) -> Callable:
    """A rule for parameters in half precision."""
    rule = make(Constants(mx.float32, dtype), lambda a: a.astype(dtype).astype(mx.float32))

    def widened(p, g, states):
        halves = [s is None or s.dtype == dtype for s in states]
        wide = [s.astype(mx.float32) if half and s is not None else s for s, half in zip(states, halves, strict=True)]
        new, values = rule(p.astype(mx.float32), g.astype(mx.float32), wide)
        values = [v.astype(dtype) if half and v is not None else v for v, half in zip(values, halves, strict=True)]
        return new.astype(dtype), values

    return widened


def _pairs(a):
    """A complex array as reals, element by element."""
    if a is None or a.dtype != mx.complex64:
        return a
    return mx.view(mx.contiguous(a).reshape(-1), mx.float32)


def _of_pairs(make: Callable) -> Callable:
    """A rule for complex parameters."""
    rule = make(Constants(mx.float32, mx.complex64), unrounded)

    def paired(p, g, states):
        new, values = rule(_pairs(p), _pairs(g), [_pairs(s) for s in states])
        joined = [s is None or s.dtype == mx.complex64 for s in states]
        values = [
            mx.view(v, mx.complex64).reshape(p.shape) if join else v for v, join in zip(values, joined, strict=True)
        ]
        return mx.view(new, mx.complex64).reshape(p.shape), values

    return paired


def _off_gpu(make: Callable) -> Callable:
    """A rule for float64, which Metal has not."""
    with devices.cpu_stream():
        rule = make(Constants(mx.float64, mx.float64), unrounded)

    def on_cpu(*args):
        with devices.cpu_stream():
            return rule(*args)

    return on_cpu


def rule_for(make: Callable, dtype) -> Callable:
    if dtype in HALVES:
        return _in_float32(make, dtype)
    if dtype == mx.complex64:
        return _of_pairs(make)
    if dtype == mx.float64:
        return _off_gpu(make)
    return make(Constants(dtype, dtype), unrounded)


class _Plan:
    """The rules of one group and one step count, and the step count that follows as an array."""

    __slots__ = ("make", "next", "rules", "step")

    def __init__(self, make: Callable, step=None, following=None):
        self.make, self.step, self.next, self.rules = make, step, following, {}

    def rule(self, dtype) -> Callable:
        rule = self.rules.get(dtype)
        if rule is None:
            rule = self.rules[dtype] = rule_for(self.make, dtype)
        return rule


class RuleOptimizer(Optimizer):
    """Base of the optimizers that are a rule for one parameter.

    A subclass gives ``names`` (the state tensors its rule reads and writes), ``fill`` (their first values) and ``rule``.
    """

    counted = True  # whether state["step"] counts the updates
    late_options: dict = {}  # options that older checkpoints lack, and what they had
    numbers = ("step",)  # state that older checkpoints hold as plain numbers

    def names(self, group: dict) -> tuple:
        """The names of the state tensors, in the order the rule takes them."""
        raise NotImplementedError(f"{type(self).__name__} does not name its state")

    def fill(self, p: Tensor, g: mx.array, state: dict, group: dict) -> None:
        """Give the state of a parameter its first values."""
        state["step"] = first_count(p, group)
        for name in self.names(group):
            state[name] = zeros_for(p)

    def rule(self, h: dict, n, k: Constants, r: Callable) -> Callable:
        """The function ``(p, g, states) -> (p, states)`` for options ``h`` at update ``n``.

        ``k`` makes constants, ``r`` rounds an intermediate result. ``n`` and options may be arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rule")

    def check(self, p: Tensor, group: dict) -> None:
        """Raise for a parameter or an option the optimizer can not step with."""
        if p._grad.is_sparse:
            raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, default in self.late_options.items():
                group.setdefault(name, default)
            for p in group["params"]:
                held = self.state.get(p, {})
                for name in self.numbers:
                    if name in held and not isinstance(held[name], Tensor):
                        held[name] = counter(float(held[name]))

    # ----------------------------------------------------------------------------------------------------------- stepping
    def step(self, closure=None):
        """Update the parameters; ``closure`` reevaluates the model and returns the loss, which is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        written: list = []
        known = self.__dict__.get("_known_counts", {})
        self._known_counts: dict = {}
        for group in self.param_groups:
            if group.get("differentiable"):
                with enable_grad():
                    self._record_group(group)
            else:
                with no_grad():
                    self._step_group(group, known, written)
        if written and not lazy.is_paused():
            mx.async_eval(written)
        return loss

    def _step_group(self, group: dict, known: dict, written: list) -> None:
        names, plans = self.names(group), {}
        if group.get("fused"):
            check_fused(group["params"])
        stateful = self.counted or bool(names)
        plan = None if self.counted else _Plan(self._maker(group, None))
        for p in group["params"]:
            grad = p._grad
            if grad is None:
                continue
            state = self._state_of(p, grad, group) if stateful else {}
            if self.counted:
                step = state["step"]
                plan = plans.get(id(read(step))) or self._plan(group, step, known, plans)
                assign(step, plan.next)
            a = read(p)
            held = [state.get(name) for name in names]
            new, values = plan.rule(a.dtype)(a, read(grad), [None if t is None else read(t) for t in held])
            assign(p, new)
            written.append(new)
            for name, t, value in zip(names, held, values):
                if t is not None:
                    assign(t, value)
                elif value is None:
                    continue
                else:
                    state[name] = wrap(value, p._device)
                written.append(value)

    def _state_of(self, p: Tensor, grad: Tensor, group: dict) -> dict:
        state = self.state[p]
        if not state:
            self.check(p, group)
            self.fill(p, read(grad), state, group)
        return state

    def _maker(self, group: dict, n) -> Callable:
        """What makes the group's rule at update ``n`` for a dtype."""
        h = {name: _value(option) for name, option in group.items() if name != "params"}

        def make(k, r):
            rule = self.rule(h, n, k, r)
            return (lambda p, g, states: rule(p, -g, states)) if h.get("maximize") else rule

        return make

    def _plan(self, group: dict, step: Tensor, known: dict, plans: dict) -> _Plan:
        """The plan for the parameters whose step count is that of ``step``."""
        a = read(step)
        if group.get("capturable") or lazy.is_paused():
            following = n = a + 1
        else:
            found = known.get(id(a))
            n = (found[1] if found is not None and found[0] is a else a.item()) + 1.0
            same = plans.get((n, a.dtype))
            if same is not None:
                plans[id(a)] = same
                return same
            following = mx.array(n, a.dtype)
            self._known_counts[id(following)] = (following, n)
        plan = plans[id(a)] = _Plan(self._maker(group, n), a, following)
        if not isinstance(n, mx.array):
            plans[n, a.dtype] = plan
        return plan

    # --------------------------------------------------------------------------------------------- differentiable stepping
    def _record_group(self, group: dict) -> None:
        """Apply the rule as a recorded operation: gradients flow to parameters, gradients, state and options that are tensors."""
        names = self.names(group)
        for p in group["params"]:
            if p._grad is None:
                continue
            if p.is_complex():
                raise NotImplementedError(
                    "differentiable=True is not supported for complex parameters: use view_as_real"
                )
            state = self._state_of(p, p._grad, group) if self.counted or names else {}
            self._record(p, state, names, group)

    def _record(self, p: Tensor, state: dict, names: tuple, group: dict) -> None:
        n = None
        if self.counted:
            step = state["step"]
            if step._rg:
                raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")
            n = read(step) + 1 if group.get("capturable") else number(step) + 1.0
            assign(step, n if isinstance(n, mx.array) else mx.array(n, step._a.dtype))
        held = [state.get(name) for name in names]
        present = [t for t in held if t is not None]
        options = [t for t in _tensors(group) if t._rg]

        def apply(a, g, *rest):
            states, arrays = iter(rest[: len(present)]), iter(rest[len(present) :])
            h = {name: _value(option, arrays) for name, option in group.items() if name != "params"}
            make = lambda k, r: self.rule(h, n, k, r)  # noqa: E731
            new, values = rule_for(make, a.dtype)(
                a, -g if h.get("maximize") else g, [None if t is None else next(states) for t in held]
            )
            return [new, *values]

        with devices.cpu_stream() if p._a.dtype == mx.float64 else contextlib.nullcontext():
            new, *values = tape.record(apply, [p, p._grad, *present, *options], f"{type(self).__name__}Backward")
        views.check_writable(p)
        views.write(p, new)
        for name, t, value in zip(names, held, values, strict=True):
            if t is None:  # torch keeps a detached copy
                state[name] = wrap(read(value), p._device)
            else:
                views.write(t, value)


def _tensors(group: dict) -> list[Tensor]:
    """The options of a group that are tensors, those in tuples too."""
    flat = []
    for name, option in group.items():
        if name != "params":
            flat += option if isinstance(option, (tuple, list)) else (option,)
    return [t for t in flat if isinstance(t, Tensor)]


def _value(option, arrays=None):
    """An option as a number; a tensor that requires grad as the next of ``arrays`` if there are any, or as an array where values
    cannot be read."""
    if isinstance(option, tuple):
        return tuple(_value(part, arrays) for part in option)
    if arrays is not None and isinstance(option, Tensor) and option._rg:
        return next(arrays).reshape(())
    if isinstance(option, Tensor) and lazy.is_paused():
        return read(option).reshape(())
    return number(option)


# ----------------------------------------------------------------------------------------------------------------- state
def zeros_for(p: Tensor) -> Tensor:
    """A state tensor of zeros like a parameter."""
    return wrap(mx.zeros_like(read(p)), p._device)


def first_count(p: Tensor, group: dict) -> Tensor:
    """A step count of zero, beside the parameter if the step runs there."""
    if not (group.get("capturable") or group.get("fused")):
        return counter(0.0)
    step = counter(0.0)
    step._device = p._device
    return step


# ------------------------------------------------------------------------------------------------------------ validation
def check_lr(lr) -> None:
    """Raise torch's ValueError for a learning rate that is negative or no single number."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_least("learning rate", lr)


def check_least(what: str, value, low: float = 0.0) -> None:
    """Raise torch's ValueError for an option below ``low``."""
    if not number(value) >= low:
        raise ValueError(f"Invalid {what}: {value}")


def check_betas(betas) -> None:
    """Raise torch's ValueError for a beta outside [0, 1)."""
    for i in (0, 1):
        if not 0.0 <= number(betas[i]) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def check_implementation(foreach, fused, differentiable) -> None:
    """Raise torch's RuntimeError for choices of an implementation that exclude each other."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_fused(params) -> None:
    """Raise torch's RuntimeError for a parameter the fused implementation does not take."""
    for p in params:
        if p._grad is not None and not p.is_floating_point():
            raise RuntimeError(
                "`fused=True` requires all the params to be floating point Tensors of supported devices: "
                f"{_get_capturable_supported_devices(False)} but {p.dtype} and {p.device.type}"
            )

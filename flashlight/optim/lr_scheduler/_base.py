"""What all schedules share: counting epochs, setting the rates, state dicts, and the warning about the order of the two steps."""

from __future__ import annotations

import functools
import types
import warnings
import weakref

import mlx.core as mx

from ..._core.tensor import Tensor, read
from ..optimizer import Optimizer, assign, number

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed form is used "
    "instead of the new chainable form, where available."
)
_OVERRIDDEN = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make sure to call "
    "`optimizer.step()` before `lr_scheduler.step()`."
)
_TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call them in the "
    "opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the first "
    "value of the learning rate schedule."
)
_RESUMING = (
    "when resuming scheduler with last_epoch >= 0.\nThis happens when the optimizer's state was not loaded from the checkpoint first, "
    "or when last_epoch >= 0 is given for training that starts afresh."
)


# -------------------------------------------------------------------------------------------------- options of all groups
def options_of(optimizer: Optimizer, name: str) -> list:
    """An option of every group; tensors are copied, since they are written in place."""
    return [g[name].clone() if isinstance(g[name], Tensor) else g[name] for g in optimizer.param_groups]


def set_option(group: dict, name: str, value) -> None:
    """Set an option of a group; one that is a tensor is written in place."""
    if isinstance(group[name], Tensor):
        like = read(group[name])
        assign(group[name], mx.full(like.shape, number(value), like.dtype))
    else:
        group[name] = value


def values_for(optimizer: Optimizer, value, what: str) -> list:
    """One value for each group, from one value or a list."""
    if not isinstance(value, (list, tuple)):
        value = [value] * len(optimizer.param_groups)
    elif len(value) != len(optimizer.param_groups):
        raise ValueError(
            f"{what} must have the same length as optimizer.param_groups. {what} has {len(value)} values, param_groups has "
            f"{len(optimizer.param_groups)}."
        )
    return [v.clone() if isinstance(v, Tensor) else v for v in value]


def check_optimizer(optimizer) -> None:
    """Raise torch's TypeError for what is no optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def attributes_of(fn) -> dict | None:
    """What a state dict keeps of a function given by the user: the attributes of a callable object, nothing of a function."""
    return None if isinstance(fn, types.FunctionType) else fn.__dict__.copy()


# ----------------------------------------------------------------------------------------------------------------- base
class LRScheduler:
    """Base of schedules: ``get_lr`` gives the rates for ``last_epoch``, ``step`` applies them.

    Raises: TypeError if ``optimizer`` is none, KeyError when resuming groups that have no ``initial_lr``.
    """

    _get_lr_called_within_step: bool = False
    _is_initial: bool = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                rate = group["lr"]
                group.setdefault("initial_lr", rate.clone() if isinstance(rate, Tensor) else rate)
            elif "initial_lr" not in group:
                raise KeyError(f"param 'initial_lr' is not specified in param_groups[{i}] {_RESUMING}")
        self.base_lrs = options_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _watch_step(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict) -> None:
        """Take over the state of another scheduler of this class."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list:
        """The rates set last, one a group."""
        return self._last_lr

    def get_lr(self) -> list:
        """The rates for the current ``last_epoch``; what a schedule of one's own defines."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Advance by one (or to ``epoch``, by the closed form if there is one) and set the optimizer's rates."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(_OVERRIDDEN, UserWarning, stacklevel=2)
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(_TOO_EARLY, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            rates = self._called(self.get_lr)
        else:
            self.last_epoch = epoch
            rates = self._called(getattr(self, "_get_closed_form_lr", self.get_lr))
        self._apply(rates)

    def _called(self, get_lr) -> list:
        self._get_lr_called_within_step = True
        try:
            return get_lr()
        finally:
            self._get_lr_called_within_step = False

    def _apply(self, rates: list) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_option(group, "lr", rate)
        self._last_lr = self._rates()

    def _rates(self) -> list:
        return options_of(self.optimizer, "lr")

    def _scaled(self, factor) -> list:
        """The present rates times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )


class _LRScheduler(LRScheduler):
    """The older name of the base."""


def _watch_step(optimizer: Optimizer) -> None:
    """Note when the optimizer has stepped, to warn when a schedule runs ahead of it."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    # bound anew at each call: a bound method kept in the optimizer's own dictionary would be a reference cycle
    owner, bound = weakref.ref(optimizer), hasattr(step, "__func__")
    function = step.__func__ if bound else step

    @functools.wraps(function)
    def watched(*args, **kwargs):
        target = owner()
        target._opt_called = True
        return function(target, *args, **kwargs) if bound else function(*args, **kwargs)

    watched._wrapped_by_lr_sched = True
    optimizer.step = watched

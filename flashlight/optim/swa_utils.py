"""Averages of a model's parameters over training, and the schedule and the batch statistics that go with them."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

import mlx.core as mx

from .._core.device import as_label
from .._core.dispatch import convert
from .._core.halves import HALVES
from .._core.modes import no_grad
from .._core.tensor import Tensor, read, wrap
from .._core.views import write
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from .lr_scheduler import LRScheduler
from .lr_scheduler._base import values_for
from .optimizer import Optimizer, number

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _blend(averaged: Tensor, current: Tensor, weight: float) -> None:
    """Move ``averaged`` towards ``current`` by ``weight`` of the way, in place; halves are computed in float32, ints truncate."""
    a, b = read(averaged), read(current)
    if mx.issubdtype(a.dtype, mx.inexact) and a.dtype not in HALVES:
        moved = a + (b - a) * mx.array(weight, a.dtype) if weight < 0.5 else b - (b - a) * mx.array(1 - weight, a.dtype)
    else:
        wide = a.astype(mx.float32)
        moved = convert(wide + (b.astype(mx.float32) - wide) * weight, a.dtype)
    write(averaged, wrap(moved))


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """A function that moves a list of averages towards the current values by ``1 - decay``."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list, current_param_list, _):
        for averaged, current in zip(ema_param_list, current_param_list, strict=True):
            _blend(averaged, current, 1 - decay)

    return ema_update


def get_swa_multi_avg_fn() -> Callable:
    """A function that makes a list of averages the equal average of all values so far."""

    @no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        for averaged, current in zip(averaged_param_list, current_param_list, strict=True):
            _blend(averaged, current, 1 / (number(num_averaged) + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """A function of (average, current, count) that gives the exponential moving average."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable:
    """A function of (average, current, count) that gives the equal average of all values so far."""

    @no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are an average over training.

    Args:
        avg_fn: the new average from (average, current, count); by default the equal average.
        multi_avg_fn: the same in place on lists of tensors of one dtype.
        use_buffers: average the buffers too, instead of copying them.

    Source: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, 2018.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device=None,
        avg_fn: Callable | None = None,
        multi_avg_fn: Callable | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", wrap(mx.array(0, mx.int64), as_label(device)))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        """The averaged model's forward."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of ``model`` into the average; the first call copies them."""
        if self.use_buffers:
            mine = itertools.chain(self.module.parameters(), self.module.buffers())
            theirs = itertools.chain(model.parameters(), model.buffers())
        else:
            mine, theirs = self.parameters(), model.parameters()
        averages, values = [], []
        for averaged, current in zip(mine, theirs):  # this model's own count follows the parameters, without a partner
            averages.append(averaged.detach())
            values.append(current.detach().to(averaged.device))
        with no_grad():
            if self.n_averaged.item() == 0:
                for averaged, current in zip(averages, values, strict=True):
                    averaged.copy_(current)
            else:
                self._average(averages, values)
            if not self.use_buffers:
                for mine_, theirs_ in zip(self.module.buffers(), model.buffers(), strict=True):
                    mine_.detach().copy_(theirs_.detach().to(mine_.device))
            self.n_averaged += 1

    def _average(self, averages: list[Tensor], values: list[Tensor]) -> None:
        if self.multi_avg_fn is None:
            average = self.avg_fn or get_swa_avg_fn()
            for averaged, current in zip(averages, values, strict=True):
                averaged.copy_(average(averaged, current, self.n_averaged))
            return
        groups: dict[Any, tuple[list, list]] = {}
        for averaged, current in zip(averages, values, strict=True):
            pair = groups.setdefault((averaged.device, averaged.dtype), ([], []))
            pair[0].append(averaged)
            pair[1].append(current)
        for mine, theirs in groups.values():
            self.multi_avg_fn(mine, theirs, self.n_averaged)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device=None) -> None:
    """Compute the running statistics of all batch norms afresh from one pass over the data.

    Args:
        loader: batches, or tuples whose first entry is the batch.
        device: where to move the batches first.
    """
    momenta = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None  # an equal average over the batches
    for batch in loader:
        x = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(x if device is None else x.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present rates to constant ones for averaging, annealed over ``anneal_epochs`` epochs."""

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, values_for(optimizer, swa_lr, "swa_lr"), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """The share of the final rate at the fraction ``t`` of the way."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def _share(self, step: int) -> float:
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))

    def get_lr(self):
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            final = group["swa_lr"]
            first = final if before == 1 else (group["lr"] - before * final) / (1 - before)
            rates.append(final * now + first * (1 - now))
        return rates

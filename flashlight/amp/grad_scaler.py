"""Scaling the loss so that gradients in half precision neither vanish nor overflow."""

from __future__ import annotations

import contextlib
import enum
import inspect
import warnings
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from .._core import device as devices
from .._core import dtypes
from .._core.modes import no_grad
from .._core.tensor import Tensor, read, wrap
from .._core.views import write

__all__ = ["GradScaler", "OptState"]


class OptState(enum.Enum):
    """How far an optimizer is in its iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh_state() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


def _unscaled(a: mx.array, inverse: mx.array) -> tuple[mx.array, mx.array]:
    """A gradient times ``inverse``, and whether it held an infinity or NaN; halves are computed in float32."""
    with devices.cpu_stream() if a.dtype == mx.float64 else contextlib.nullcontext():
        bad = mx.any(mx.logical_not(mx.isfinite(a)))
        if a.dtype in (mx.float16, mx.bfloat16):
            return (a.astype(mx.float32) * inverse).astype(a.dtype), bad
        return a * inverse.astype(a.dtype), bad


class GradScaler:
    """Multiplies the loss by a scale, divides the gradients by it before the optimizer's step, skips steps whose gradients are
    not finite, and adapts the scale.

    Args:
        device: the label the scale carries.
        init_scale: the first scale.
        growth_factor: what the scale is multiplied by after ``growth_interval`` steps without infinities.
        backoff_factor: what it is multiplied by after a step with one.
        enabled: False makes every method do as if there were no scaler.

    Source: Micikevicius et al., Mixed Precision Training, 2018.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device, self._enabled = device, enabled
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale, self._init_growth_tracker = init_scale, 0
        self._growth_factor, self._backoff_factor, self._growth_interval = (
            growth_factor,
            backoff_factor,
            growth_interval,
        )
        self._scale: Tensor | None = None
        self._growth_tracker: Tensor | None = None
        self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_fresh_state)

    # ------------------------------------------------------------------------------------------------------------- scaling
    def _start(self, label) -> None:
        self._scale = wrap(mx.array(self._init_scale, mx.float32), label)
        self._growth_tracker = wrap(mx.array(self._init_growth_tracker, mx.int32), label)

    def _check_started(self, funcname: str) -> None:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {funcname} but _scale is None.  This may indicate your script did not use scaler.scale(loss or outputs) "
                "earlier in the iteration."
            )

    def scale(self, outputs):
        """Tensors, in any nesting of lists, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._start(outputs._device)
            return outputs * self._scale
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _unscale_grads_(self, optimizer, inv_scale: Tensor, allow_fp16: bool) -> dict:
        """Multiply all gradients by ``inv_scale``; whether any was not finite, by device (nothing if there are no gradients)."""
        inverse, bad = read(inv_scale), None
        with no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if not isinstance(p, Tensor):
                        raise AssertionError(f"expected param to be torch.Tensor, got {type(p).__name__}")
                    if p._grad is None:
                        continue
                    if not allow_fp16 and p._grad.dtype is dtypes.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    new, here = _unscaled(read(p._grad), inverse)
                    write(p._grad, wrap(new))
                    bad = here if bad is None else mx.logical_or(bad, here)
        return {} if bad is None else {self._scale.device: wrap(bad.astype(mx.float32), self._scale._device)}

    def unscale_(self, optimizer) -> None:
        """Divide an optimizer's gradients by the scale, to clip or look at them before ``step``.

        Raises: RuntimeError if it was called already since the last ``update``, or after ``step``.
        """
        if not self._enabled:
            return
        self._check_started("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = wrap(1.0 / read(self._scale), self._scale._device)
        state["found_inf_per_device"] = self._unscale_grads_(optimizer, inverse, False)
        state["stage"] = OptState.UNSCALED

    # ------------------------------------------------------------------------------------------------------------ stepping
    def step(self, optimizer, *args, **kwargs):
        """``optimizer.step(*args, **kwargs)`` on unscaled gradients, unless they hold an infinity or NaN; returns what it returns.

        Raises: RuntimeError for a closure, or if it was called already since the last ``update``.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_started("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            result = self._step_scaled(optimizer, state, args, kwargs)
        else:
            if state["stage"] is OptState.READY:
                self.unscale_(optimizer)
            if not state["found_inf_per_device"]:
                raise AssertionError("No inf checks were recorded for this optimizer.")
            result = None
            if not sum(found.item() for found in state["found_inf_per_device"].values()):
                result = optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def _step_scaled(self, optimizer, state: dict, args: tuple, kwargs: dict):
        """The step of an optimizer that says it unscales and checks its gradients itself."""
        if "grad_scaler" in inspect.signature(optimizer.step).parameters:
            warnings.warn(
                "GradScaler is going to stop passing itself as a keyword argument to the passed optimizer. In the near future GradScaler "
                "registers `grad_scale: Tensor` and `found_inf: Tensor` to the passed optimizer and let the optimizer use them directly.",
                FutureWarning,
                stacklevel=3,
            )
            return optimizer.step(*args, **{**kwargs, "grad_scaler": self})
        if state["stage"] is OptState.READY:
            self._check_inf_per_device(optimizer)
        given = getattr(optimizer, "grad_scale", None)
        if state["stage"] is not OptState.UNSCALED:
            given = self._scale * (1 if given is None else given)
        optimizer.grad_scale, optimizer.found_inf = given, sum(state["found_inf_per_device"].values())
        try:
            return optimizer.step(*args, **kwargs)
        finally:
            del optimizer.grad_scale, optimizer.found_inf

    def _check_inf_per_device(self, optimizer) -> dict:
        """Note whether an optimizer's gradients are finite, without changing them."""
        self._check_started("_check_inf_per_device")
        one = wrap(mx.array(1.0, mx.float32), self._scale._device)
        found = self._unscale_grads_(optimizer, one, True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer) -> dict:
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale to what the steps since the last call met, or set it."""
        if not self._enabled:
            return
        self._check_started("update")
        if new_scale is None:
            self._adapt()
        else:
            if not isinstance(new_scale, float):
                if not (isinstance(new_scale, Tensor) and new_scale.numel() == 1 and not new_scale.requires_grad):
                    raise AssertionError(
                        "new_scale should be a float or a 1-element torch.FloatTensor with requires_grad=False."
                    )
                new_scale = new_scale.item()
            write(self._scale, wrap(mx.array(new_scale, mx.float32)))
        self._per_optimizer_states = defaultdict(_fresh_state)

    def _adapt(self) -> None:
        found = [
            read(t) for state in self._per_optimizer_states.values() for t in state["found_inf_per_device"].values()
        ]
        if not found:
            raise AssertionError("No inf checks were recorded prior to update.")
        bad = mx.any(mx.stack(found) != 0)
        scale, streak = read(self._scale), read(self._growth_tracker) + 1
        full = streak == self._growth_interval
        grown = scale * self._growth_factor
        grown = mx.where(mx.logical_and(full, mx.isfinite(grown)), grown, scale)
        write(self._scale, wrap(mx.where(bad, scale * self._backoff_factor, grown)))
        write(self._growth_tracker, wrap(mx.where(mx.logical_or(bad, full), mx.zeros_like(streak), streak)))

    # ------------------------------------------------------------------------------------------------------------- options
    def _get_scale_async(self) -> Tensor | None:
        return self._scale

    def get_scale(self) -> float:
        """The present scale; 1 if the scaler is not enabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else self._growth_tracker.item()

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale shrinks by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale shrinks by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many finite steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many finite steps the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether the scaler does anything."""
        return self._enabled

    # --------------------------------------------------------------------------------------------------------------- state
    def state_dict(self) -> dict[str, Any]:
        """The scale, how it adapts and how many finite steps it has seen; empty if not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of another scaler.

        Raises: RuntimeError for the state of one that was not enabled.
        """
        if not self._enabled:
            return
        if len(state_dict) == 0:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale, self._init_growth_tracker = state_dict["scale"], state_dict["_growth_tracker"]
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        if self._scale is not None:
            self._start(self._scale._device)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after scaler.update()."
                )
            state["_init_scale"], state["_init_growth_tracker"] = self.get_scale(), self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class LabelledGradScaler(GradScaler):
    """The deprecated scalers of ``torch.cuda.amp`` and ``torch.cpu.amp``, for the device ``label``."""

    label = ""

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        warnings.warn(
            f"`torch.{self.label}.amp.GradScaler(args...)` is deprecated. Please use `torch.amp.GradScaler('{self.label}', args...)` "
            "instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(self.label, init_scale, growth_factor, backoff_factor, growth_interval, enabled)

"""NCP and AutoNCP: one masked affine update for each layer of a neuron map."""

from __future__ import annotations

import flashlight

from ..nn import Parameter
from .activations import get_activation
from .base import BaseModule, agree, one_map
from .cfc import with_maps
from .dense import INITIALIZERS, initialized
from .wiring import AutoNCPMap


class NCP(BaseModule):
    """A neural circuit policy: (..., I) to the motor neurons' (..., m), layer by layer through the map.

    Each layer sees the input and the neurons updated before it through the existing synapses only. The state starts at
    zero; with ``stateful`` it is that of the last call.
    """

    def __init__(
        self,
        neuron_map=None,
        activation="tanh",
        use_bias: bool = True,
        kernel_initializer: str = "glorot_uniform",
        recurrent_initializer: str = "orthogonal",
        bias_initializer: str = "zeros",
        dtype=None,
        *,
        wiring=None,
        input_size: int | None = None,
        stateful: bool = False,
    ):
        super().__init__()
        self.neuron_map = one_map(neuron_map, wiring)
        self.activation, self._function = activation, get_activation(activation)
        self.use_bias, self.stateful, self.dtype = use_bias, stateful, dtype
        self.initializers = (kernel_initializer, recurrent_initializer, bias_initializer)
        for name in self.initializers:
            if name not in INITIALIZERS:
                raise ValueError(f"unknown initializer {name!r}; use one of {sorted(INITIALIZERS)}")
        self._last = None
        if input_size is not None:
            self.neuron_map.build(input_size)
        self.built = self.neuron_map.is_built()
        if self.built:
            self._make()

    def build(self, input_shape) -> None:
        self.neuron_map.build(input_shape[-1])
        self._make()

    def _make(self) -> None:
        wiring, (kernel, recurrent, bias) = self.neuron_map, self.initializers
        self.kernel = initialized((wiring.input_dim, wiring.units), kernel, self.dtype)
        self.recurrent_kernel = initialized((wiring.units, wiring.units), recurrent, self.dtype)
        made = None
        if self.use_bias:
            # a vector has no fans: only constants can be asked of a bias
            if bias not in ("zeros", "ones"):
                raise ValueError(f"bias_initializer must be 'zeros' or 'ones', got {bias!r}")
            made = Parameter(flashlight.full((wiring.units,), float(bias == "ones"), dtype=self.dtype))
        self.register_parameter("bias", made)
        self.register_buffer("input_mask", flashlight.from_numpy(wiring.get_sensory_mask()).to(self.kernel.dtype))
        self.register_buffer("recurrent_mask", flashlight.from_numpy(wiring.get_recurrent_mask()).to(self.kernel.dtype))

    @property
    def input_size(self):
        return self.neuron_map.input_dim

    @property
    def output_size(self) -> int:
        return self.neuron_map.output_dim

    def reset_state(self, batch_size: int = 1):
        """Forget the state of the last call; returns a state of zeros."""
        self._last = None
        return flashlight.zeros(batch_size, self.neuron_map.units)

    def forward(self, x, state=None, return_state: bool = False):
        wiring = self.neuron_map
        if x.shape[-1] != wiring.input_dim:
            raise ValueError(f"expected {wiring.input_dim} features, got {x.shape[-1]}")
        state = self._last if state is None and self.stateful else state
        h = flashlight.zeros(*x.shape[:-1], wiring.units, dtype=x.dtype) if state is None else state
        driven = x @ (self.kernel * self.input_mask)
        if self.bias is not None:
            driven = driven + self.bias
        weights = self.recurrent_kernel * self.recurrent_mask
        for i in range(wiring.num_layers):
            own = flashlight.tensor(wiring.get_neurons_of_layer(i))
            new = self._function(driven.index_select(-1, own) + h @ weights.index_select(1, own))
            h = h.index_copy(-1, own, new)
        if self.stateful:
            self._last = h.detach()
        y = h[..., : wiring.output_dim]
        return (y, h) if return_state else y

    def get_config(self) -> dict:
        kernel, recurrent, bias = self.initializers
        return {
            "neuron_map": self.neuron_map.get_config(),
            "activation": self.activation,
            "use_bias": self.use_bias,
            "kernel_initializer": kernel,
            "recurrent_initializer": recurrent,
            "bias_initializer": bias,
            "stateful": self.stateful,
        }

    @classmethod
    def from_config(cls, config: dict):
        return super().from_config(with_maps(config))


class AutoNCP(NCP):
    """An NCP whose wiring follows from the number of neurons and outputs; the first call fixes the number of inputs."""

    def __init__(
        self,
        units: int,
        output_size: int,
        sparsity_level: float = 0.5,
        seed: int | None = None,
        activation="tanh",
        use_bias: bool = True,
        kernel_initializer: str = "glorot_uniform",
        recurrent_initializer: str = "orthogonal",
        bias_initializer: str = "zeros",
        dtype=None,
        *,
        input_size: int | None = None,
        stateful: bool = False,
    ):
        super().__init__(
            AutoNCPMap(units, output_size, sparsity_level, seed), activation, use_bias, kernel_initializer,
            recurrent_initializer, bias_initializer, dtype, input_size=input_size, stateful=stateful,
        )  # fmt: skip

    def get_config(self) -> dict:
        config = super().get_config()
        wiring = config.pop("neuron_map")
        wiring.pop("class_name")
        return {**wiring, **config}


__all__ = ["NCP", "AutoNCP", "agree"]

"""What liquid modules are built on."""

from __future__ import annotations

import flashlight

from .._core.tensor import Tensor
from ..nn import Module
from .wiring import NeuronMap
from .wiring.base import agree


def shape_of(value) -> tuple:
    """The shape of a tensor, or a tuple of those of a list of tensors."""
    return tuple(value.shape) if isinstance(value, Tensor) else tuple(tuple(v.shape) for v in value)


class BaseModule(Module):
    """A module that may wait for its first input to make its parameters, and that can be described by a configuration."""

    def __init__(self):
        super().__init__()
        self.built = True

    def build(self, input_shape) -> None:
        """Make the parameters for inputs of this shape; called once, before the first forward, if ``built`` is False."""

    def __call__(self, *args, **kwargs):
        if not self.built:
            self.build(shape_of(args[0] if args else next(iter(kwargs.values()))))
            self.built = True
        return super().__call__(*args, **kwargs)

    def parameters(self, recurse: bool = True):
        if not self.built:
            raise RuntimeError(
                f"{type(self).__name__} has no parameters yet: its input size is not known. Give it, or call the module once, "
                "before making an optimizer"
            )
        return super().parameters(recurse)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict):
        """A module from ``get_config``. Raises: TypeError naming the class if the arguments do not fit."""
        arguments = {k: v for k, v in config.items() if k != "class_name"}
        try:
            return cls(**arguments)
        except TypeError as error:
            raise TypeError(f"{cls.__name__} cannot be made from this configuration: {error}") from error


class ModuleCell(BaseModule):
    """One step of a recurrent network: ``forward(inputs, state)``."""

    def __init__(self, input_size, hidden_size, activation="tanh", use_bias: bool = True):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.activation, self.use_bias = activation, use_bias

    @property
    def state_size(self) -> int:
        return self.hidden_size

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def reset_state(self, batch_size: int = 1):
        """A state of zeros."""
        return flashlight.zeros(batch_size, self.state_size)

    def check_step(self, inputs, *states) -> None:
        """Raises: ValueError unless the input is (B, I) and the states that are given are (B, N)."""
        if inputs.dim() != 2 or inputs.shape[1] != self.input_size:
            raise ValueError(f"expected an input of shape (batch, {self.input_size}), got {tuple(inputs.shape)}")
        wanted = (inputs.shape[0], self.state_size)
        if wanted[0] == 0:
            raise ValueError("the batch has no sequences")
        for state in states:
            if state is not None and tuple(state.shape) != wanted:
                raise ValueError(f"expected a state of shape {wanted}, got {tuple(state.shape)}")

    def forward(self, inputs, state=None, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} does not define forward")


class ModuleWiredCell(ModuleCell):
    """A cell whose connections a neuron map gives.

    Raises: TypeError if it is given no NeuronMap; ValueError if the map was built for other inputs.
    """

    def __init__(
        self, input_size=None, neuron_map=None, mode: str = "default", *, wiring=None, activation="tanh", use_bias=True
    ):
        neuron_map = one_map(neuron_map, wiring)
        if input_size is not None:
            neuron_map.build(input_size)
        super().__init__(neuron_map.input_dim, neuron_map.units, activation, use_bias)
        self.neuron_map, self.mode = neuron_map, mode
        self.built = neuron_map.is_built()

    def build(self, input_shape) -> None:
        self.neuron_map.build(input_shape[-1])
        self.input_size = self.neuron_map.input_dim
        self._make()

    def _make(self) -> None:
        """Make the parameters, the number of inputs being known."""

    @property
    def wiring(self) -> NeuronMap:
        return self.neuron_map

    @property
    def sensory_size(self):
        return self.neuron_map.input_dim

    @property
    def motor_size(self) -> int:
        return self.neuron_map.output_dim

    @property
    def output_size(self) -> int:
        return self.motor_size

    @property
    def num_layers(self) -> int:
        return self.neuron_map.num_layers

    @property
    def layer_sizes(self) -> list[int]:
        return [len(self.neuron_map.get_neurons_of_layer(i)) for i in range(self.num_layers)]

    @property
    def synapse_count(self) -> int:
        return self.neuron_map.synapse_count

    @property
    def sensory_synapse_count(self) -> int:
        return self.neuron_map.sensory_synapse_count

    @property
    def input_mask(self) -> Tensor:
        return flashlight.from_numpy(self.neuron_map.get_input_mask())

    @property
    def recurrent_mask(self) -> Tensor:
        return flashlight.from_numpy(self.neuron_map.get_recurrent_mask())

    @property
    def output_mask(self) -> Tensor:
        return flashlight.from_numpy(self.neuron_map.get_output_mask())


def one_map(neuron_map, wiring=None) -> NeuronMap:
    """The neuron map from either of its names. Raises: TypeError if it is none."""
    if neuron_map is not None and wiring is not None and neuron_map is not wiring:
        raise TypeError("neuron_map and wiring name the same argument and differ")
    neuron_map = wiring if neuron_map is None else neuron_map
    if not isinstance(neuron_map, NeuronMap):
        raise TypeError(f"expected a NeuronMap, got {type(neuron_map).__name__}")
    return neuron_map


__all__ = ["BaseModule", "ModuleCell", "ModuleWiredCell", "agree", "one_map", "shape_of"]

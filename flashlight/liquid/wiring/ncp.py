"""Neural circuit policies: inputs to inter neurons, to command neurons, to motor neurons (Lechner et al. 2020)."""

from __future__ import annotations

from .base import NeuronMap, agree, chosen_seed
from .streams import Twister

_SIGNS = (-1, 1)
_UNUSED_SPARSITIES = ("sensory_to_motor_sparsity", "motor_to_motor_sparsity", "motor_to_inter_sparsity")
CELL_PARAMS = [
    "time_scale_factor",
    "activation",
    "recurrent_activation",
    "mode",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "mixed_memory",
    "ode_unfolds",
    "epsilon",
    "implicit_param_constraints",
    "input_mapping",
    "output_mapping",
]


def _fan(n: int, sparsity: float) -> int:
    return max(int(n * (1.0 - sparsity)), 1)


class LayeredMap(NeuronMap):
    """Motor neurons first, then command, then inter neurons; three layers, updated inter, command, motor."""

    num_layers = 3

    def _lay_out(self, inter: int, command: int, motor: int) -> None:
        for name, n in (("inter", inter), ("command", command), ("motor", motor)):
            if n <= 0:
                raise ValueError(f"{name}_neurons must be positive, got {n}")
        self.inter_neurons, self.command_neurons, self.motor_neurons = inter, command, motor
        self._motor = list(range(motor))
        self._command = list(range(motor, motor + command))
        self._inter = list(range(motor + command, motor + command + inter))

    def _check_sizes(self, units, output_dim) -> None:
        total = self.inter_neurons + self.command_neurons + self.motor_neurons
        if units is not None and units != total:
            raise ValueError(f"units={units}, but inter, command and motor neurons are {total}")
        if output_dim is not None and output_dim != self.motor_neurons:
            raise ValueError(f"output_dim={output_dim}, but there are {self.motor_neurons} motor neurons")

    def get_neurons_of_layer(self, layer_id: int) -> list[int]:
        if layer_id not in (0, 1, 2):
            raise ValueError(f"layer {layer_id} is not in 0..2")
        return list((self._inter, self._command, self._motor)[layer_id])

    def get_type_of_neuron(self, neuron_id: int) -> str:
        if neuron_id < self.motor_neurons:
            return "motor"
        return "command" if neuron_id < self.motor_neurons + self.command_neurons else "inter"


class NCPMap(LayeredMap):
    """An NCP wiring given by the numbers of synapses, or by ``sparsity_level`` where they are left out.

    Layer settings (``mode``, ``ode_unfolds``, ...) may be kept in the map: a layer uses those it is not given itself.
    Raises: ValueError if a fan is larger than the layer it draws from.
    """

    def __init__(
        self,
        inter_neurons: int,
        command_neurons: int,
        motor_neurons: int,
        sensory_neurons: int = 0,
        sparsity_level: float = 0.5,
        seed: int | None = None,
        *,
        sensory_fanout: int | None = None,
        inter_fanout: int | None = None,
        recurrent_command_synapses: int | None = None,
        motor_fanin: int | None = None,
        units: int | None = None,
        output_dim: int | None = None,
        input_dim: int | None = None,
        output_size: int | None = None,
        input_size: int | None = None,
        sensory_to_inter_sparsity: float | None = None,
        inter_to_inter_sparsity: float | None = None,
        inter_to_motor_sparsity: float | None = None,
        **settings,
    ):
        self._lay_out(inter_neurons, command_neurons, motor_neurons)
        self._check_sizes(units, agree("output_dim", output_dim, "output_size", output_size))
        self.sparsities = {k: settings.pop(k) for k in _UNUSED_SPARSITIES if k in settings}
        unknown = settings.keys() - set(CELL_PARAMS)
        if unknown:
            raise TypeError(f"{type(self).__name__} got unexpected arguments {sorted(unknown)}")
        self.cell_params = settings
        given = {
            "sensory_to_inter_sparsity": sensory_to_inter_sparsity,
            "inter_to_inter_sparsity": inter_to_inter_sparsity,
            "inter_to_motor_sparsity": inter_to_motor_sparsity,
        }
        self.sparsities.update({k: v for k, v in given.items() if v is not None})
        self._set_fans(sparsity_level, sensory_fanout, inter_fanout, recurrent_command_synapses, motor_fanin)
        input_dim = agree("input_dim", input_dim, "input_size", input_size)
        input_dim = agree("input_dim", input_dim, "sensory_neurons", sensory_neurons or None)
        seed = chosen_seed(seed)
        self._stream = Twister(seed)
        total = inter_neurons + command_neurons + motor_neurons
        super().__init__(total, motor_neurons, input_dim, sparsity_level, seed)

    def _set_fans(self, sparsity, sensory_fanout, inter_fanout, recurrent, motor_fanin) -> None:
        inter, command, own = self.inter_neurons, self.command_neurons, self.sparsities
        density = 1.0 - sparsity
        if sensory_fanout is None:
            sensory_fanout = _fan(inter, own.get("sensory_to_inter_sparsity", sparsity))
        if inter_fanout is None:
            inter_fanout = _fan(command, own.get("inter_to_inter_sparsity", sparsity))
        if recurrent is None:
            recurrent = max(int(command * density * 2), 1)
        if motor_fanin is None:
            motor_fanin = _fan(command, own.get("inter_to_motor_sparsity", sparsity))
        for name, fan, most, what in (
            ("motor_fanin", motor_fanin, command, "command"),
            ("sensory_fanout", sensory_fanout, inter, "inter"),
            ("inter_fanout", inter_fanout, command, "command"),
        ):
            if fan > most:
                raise ValueError(f"{name}={fan} is more than the {most} {what} neurons")
        self.sensory_fanout, self.inter_fanout = sensory_fanout, inter_fanout
        self.recurrent_command_synapses, self.motor_fanin = recurrent, motor_fanin

    @property
    def sensory_neurons(self) -> int:
        return self.input_dim or 0

    def _fan_out(self, matrix, sources: list[int], targets: list[int], fanout: int, most: int) -> None:
        """Each source gets ``fanout`` targets; targets left over get sources of their own, at most ``most`` each."""
        left = list(targets)
        for s in sources:
            for d in self._stream.sample(targets, fanout):
                if d in left:
                    left.remove(d)
                matrix[s, d] = self._stream.choice(_SIGNS)
        k = max(1, min(int(len(sources) * fanout / len(targets)), most))
        for d in left:
            for s in self._stream.sample(sources, k):
                matrix[s, d] = self._stream.choice(_SIGNS)

    def _wire_inputs(self) -> None:
        matrix, inputs = self.adjacency_matrix, list(range(self.input_dim))
        self._fan_out(self.sensory_adjacency_matrix, inputs, self._inter, self.sensory_fanout, len(inputs))
        # the number of command neurons, not of inter neurons, bounds what is left over: as the reference has it
        self._fan_out(matrix, self._inter, self._command, self.inter_fanout, len(self._command))
        for _ in range(self.recurrent_command_synapses):
            s, d = self._stream.choice(self._command), self._stream.choice(self._command)
            matrix[s, d] = self._stream.choice(_SIGNS)
        self._fan_out(matrix.T, self._motor, self._command, self.motor_fanin, len(self._motor))

    def _arguments(self) -> dict:
        return {
            "inter_neurons": self.inter_neurons,
            "command_neurons": self.command_neurons,
            "motor_neurons": self.motor_neurons,
            "sensory_neurons": self.sensory_neurons,
            "sparsity_level": self.sparsity_level,
            "seed": self.seed,
            "sensory_fanout": self.sensory_fanout,
            "inter_fanout": self.inter_fanout,
            "recurrent_command_synapses": self.recurrent_command_synapses,
            "motor_fanin": self.motor_fanin,
            **self.sparsities,
            **self.cell_params,
        }


class AutoNCPMap(NCPMap):
    """An NCP wiring from the number of neurons and outputs: two fifths of the rest are command neurons.

    Raises: ValueError if ``output_size`` leaves fewer than three other neurons, or the sparsity is not in [0.1, 1].
    """

    def __init__(self, units: int, output_size: int, sparsity_level: float = 0.5, seed: int | None = 22222, **settings):
        if output_size >= units - 2:
            raise ValueError(f"output_size must be less than units - 2 = {units - 2}, got {output_size}")
        if not 0.1 <= sparsity_level <= 1.0:
            raise ValueError(f"sparsity_level must be in [0.1, 1.0], got {sparsity_level}")
        rest = units - output_size
        command = max(int(0.4 * rest), 1)
        self._settings = {k: v for k, v in settings.items() if k not in ("input_dim", "input_size")}
        super().__init__(rest - command, command, output_size, 0, sparsity_level, seed, **settings)

    def _arguments(self) -> dict:
        return {
            "units": self.units,
            "output_size": self.output_dim,
            "sparsity_level": self.sparsity_level,
            "seed": self.seed,
            **self._settings,
        }

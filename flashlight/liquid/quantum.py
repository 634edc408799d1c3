"""LQNet and CTRQNet: recurrent layers of two-component neurons that drift, rotate and are driven.

The names and roles follow ember-ml; the equations are bounded: saturating drift with exact Ornstein-Uhlenbeck noise, a true
rotation by the antisymmetric part of ``W_symplectic``, a viscosity that falls with the mean energy.
"""

from __future__ import annotations

import math

import flashlight

from .._core.tensor import Tensor
from ..nn import Parameter, init
from ..nn import functional as F
from .base import BaseModule, one_map
from .cfc import with_maps
from .sequence import Frame, one_of


class LQNet(BaseModule):
    """A recurrent layer (B, L, I) to (B, L, units), with state (h_c, h_s (B, units), t (B, 1)).

    Raises: TypeError if ``neuron_map`` is none; ValueError for negative ``nu_0``, ``beta`` or ``noise_scale``.
    """

    def __init__(
        self,
        neuron_map,
        nu_0: float = 1.0,
        beta: float = 0.1,
        noise_scale: float = 0.1,
        return_sequences: bool = True,
        return_state: bool = False,
        batch_first: bool = True,
        *,
        output_mode: str = "all",
        noise_in_eval: bool = False,
    ):
        super().__init__()
        self.neuron_map = one_map(neuron_map)
        for name, value in (("nu_0", nu_0), ("beta", beta), ("noise_scale", noise_scale)):
            if value < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        if output_mode not in ("motor", "all"):
            raise ValueError(f"output_mode must be 'motor' or 'all', got {output_mode!r}")
        self.nu_0, self.beta, self.noise_scale = nu_0, beta, noise_scale
        self.return_sequences, self.return_state, self.batch_first = return_sequences, return_state, batch_first
        self.output_mode, self.noise_in_eval = output_mode, noise_in_eval
        self.built = self.neuron_map.is_built()
        if self.built:
            self._make()

    def build(self, input_shape) -> None:
        self.neuron_map.build(input_shape[-1])
        self._make()

    def _make(self) -> None:
        wiring = self.neuron_map
        inputs, units = wiring.input_dim, wiring.units
        self._make_drive(inputs, units)
        self.bias = Parameter(flashlight.zeros(units))
        self.recurrent_kernel = Parameter(init.xavier_uniform_(flashlight.empty(units, units)))
        for name in ("A_matrix", "B_matrix", "W_symplectic"):
            setattr(self, name, Parameter(flashlight.randn(units, units) / math.sqrt(units)))
        self.register_buffer("input_mask", flashlight.from_numpy(wiring.get_sensory_mask()))
        self.register_buffer("recurrent_mask", flashlight.from_numpy(wiring.get_recurrent_mask()))

    def _make_drive(self, inputs: int, units: int) -> None:
        self.kernel = Parameter(init.xavier_uniform_(flashlight.empty(inputs, units)))

    @property
    def state_size(self) -> int:
        return self.neuron_map.units

    @property
    def output_size(self) -> int:
        return self.state_size if self.output_mode == "all" else self.neuron_map.output_dim

    def reset_state(self, batch_size: int = 1):
        """A state of zeros."""
        h = flashlight.zeros(batch_size, self.state_size)
        return h, flashlight.zeros_like(h), flashlight.zeros(batch_size, 1)

    def _drive(self, x, _time):
        return x @ (self.kernel * self.input_mask) + self.bias

    def drift(self, h, delta, noise):
        """Towards ``tanh(h A)``, with the noise of an Ornstein-Uhlenbeck process over ``delta``."""
        h = h - flashlight.expm1(-delta) * (flashlight.tanh(h @ self.A_matrix) - h)
        if noise is None:
            return h
        return h + self.noise_scale * flashlight.sqrt(-flashlight.expm1(-2 * delta) / 2) * (noise @ self.B_matrix)

    def rotate(self, h_c, h_s, delta):
        """Turn each neuron by an angle that depends on the radii only, which it keeps."""
        energy = h_c * h_c + h_s * h_s
        w = self.W_symplectic
        angle = delta * (energy / (1 + energy) @ ((w - w.T) / 2))
        cos, sin = flashlight.cos(angle), flashlight.sin(angle)
        return cos * h_c + sin * h_s, cos * h_s - sin * h_c

    def _blend(self, h, viscous, delta):
        return h - flashlight.expm1(-delta) * viscous

    def step(self, x, state, delta, noise=None):
        """The state after ``delta``, a Tensor that broadcasts with (B, 1); ``noise`` is a pair (B, units) or None."""
        h_c, h_s, time = state
        u = self._drive(x, time)
        n_c, n_s = (None, None) if noise is None else noise
        h_c, h_s = self.drift(h_c, delta, n_c), self.drift(h_s, delta, n_s)
        h_c, h_s = self.rotate(h_c, h_s, delta)
        nu = self.nu_0 * flashlight.exp(-self.beta * (h_c * h_c + h_s * h_s).mean(-1, keepdim=True))
        r = self.recurrent_kernel * self.recurrent_mask
        new_c = self._blend(h_c, nu * flashlight.tanh(h_c @ r + u), delta)
        new_s = self._blend(h_s, nu * flashlight.tanh(h_s @ r), delta)
        return new_c, new_s, time + delta

    def _noise(self, frame: Frame, noise):
        """A pair (T, B, units), or None."""
        if noise is not None:
            return tuple(n.transpose(0, 1) if self.batch_first else n for n in noise)
        if self.noise_scale == 0 or not (self.training or self.noise_in_eval):
            return None
        shape = (frame.T, frame.B, self.state_size)
        return tuple(flashlight.randn(*shape, dtype=frame.x.dtype) for _ in range(2))

    def forward(
        self,
        input,
        initial_state=None,
        time_deltas=None,
        *,
        hx=None,
        timespans=None,
        elapsed_time=None,
        noise=None,
        return_sequences=None,
        return_state=None,
    ):
        """Outputs, or (outputs, state); ``noise`` is a pair shaped as the sequence, in place of drawn numbers."""
        if input.dim() != 3:
            raise ValueError(f"expected an input with 3 dimensions, got {input.dim()}")
        frame = Frame(input, self.batch_first, self.neuron_map.input_dim, False)
        ts = frame.timespans(one_of(time_deltas=time_deltas, timespans=timespans, elapsed_time=elapsed_time), 1)
        if not isinstance(ts, Tensor):
            ts = flashlight.full((frame.T, 1, 1), ts, dtype=frame.x.dtype)
        state = one_of(initial_state=initial_state, hx=hx)
        state = tuple(s.to(frame.x.dtype) for s in (self.reset_state(frame.B) if state is None else state))
        noise, outputs = self._noise(frame, noise), []
        for t in range(frame.T):
            state = self.step(frame.x[t], state, ts[t], None if noise is None else (noise[0][t], noise[1][t]))
            outputs.append(state[0] + state[1])
        sequences = self.return_sequences if return_sequences is None else return_sequences
        y = frame.sequence(flashlight.stack(outputs)) if sequences else outputs[-1]
        y = y[..., : self.output_size]
        return (y, state) if (self.return_state if return_state is None else return_state) else y

    def get_config(self) -> dict:
        names = [
            "nu_0",
            "beta",
            "noise_scale",
            "return_sequences",
            "return_state",
            "batch_first",
            "output_mode",
            "noise_in_eval",
        ]
        return {"neuron_map": self.neuron_map.get_config(), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: dict):
        return super().from_config(with_maps(config))


class CTRQNet(LQNet):
    """LQNet with a time constant for each neuron and, by default, inputs that modulate harmonics of the time.

    Raises: as LQNet, and ValueError unless ``time_scale_factor`` is positive.
    """

    def __init__(
        self,
        neuron_map,
        nu_0: float = 1.0,
        beta: float = 0.1,
        noise_scale: float = 0.1,
        time_scale_factor: float = 1.0,
        use_harmonic_embedding: bool = True,
        return_sequences: bool = True,
        return_state: bool = False,
        batch_first: bool = True,
        *,
        output_mode: str = "all",
        noise_in_eval: bool = False,
    ):
        if time_scale_factor <= 0:
            raise ValueError(f"time_scale_factor must be positive, got {time_scale_factor}")
        # plain settings, which may stand before the module is set up
        self.time_scale_factor, self.use_harmonic_embedding = time_scale_factor, use_harmonic_embedding
        super().__init__(
            neuron_map, nu_0, beta, noise_scale, return_sequences, return_state, batch_first,
            output_mode=output_mode, noise_in_eval=noise_in_eval,
        )  # fmt: skip

    def _make_drive(self, inputs: int, units: int) -> None:
        start = math.log(math.expm1(self.time_scale_factor))
        self.raw_time_scale = Parameter(flashlight.full((units,), start))
        if not self.use_harmonic_embedding:
            super()._make_drive(inputs, units)
            return
        for name, low, high in (("amplitudes", 0.5, 1.5), ("frequencies", 0.1, 2.0), ("phases", 0.0, 2 * math.pi)):
            setattr(self, name, Parameter(flashlight.rand(inputs, units) * (high - low) + low))

    def _drive(self, x, time):
        if not self.use_harmonic_embedding:
            return super()._drive(x, time)
        turns = self.frequencies * time.unsqueeze(-1)  # (B, I, units); whole turns are dropped, they cost precision
        waves = flashlight.sin(2 * math.pi * (turns - turns.detach().floor()) + self.phases)
        return (x.unsqueeze(-1) * (self.amplitudes * self.input_mask) * waves).sum(1) + self.bias

    def _blend(self, h, viscous, delta):
        kept = flashlight.exp(-delta / (F.softplus(self.raw_time_scale) + 1e-3))
        return kept * h + (1 - kept) * viscous

    def get_config(self) -> dict:
        own = {"time_scale_factor": self.time_scale_factor, "use_harmonic_embedding": self.use_harmonic_embedding}
        return {**super().get_config(), **own}

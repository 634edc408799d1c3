"""Dense layers, and kernels initialised by name."""

from __future__ import annotations

import flashlight

from ..nn import Parameter, init
from ..nn import functional as F
from .activations import get_activation
from .base import BaseModule, agree

INITIALIZERS = {
    "glorot_uniform": init.xavier_uniform_,
    "glorot_normal": init.xavier_normal_,
    "orthogonal": init.orthogonal_,
    "zeros": init.zeros_,
    "ones": init.ones_,
    "he_uniform": lambda w: init.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu"),
    "he_normal": lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
}


def initialized(shape, name: str, dtype=None) -> Parameter:
    """A parameter (inputs, units) drawn as the initialiser says. Raises: ValueError for an unknown name."""
    if name not in INITIALIZERS:
        raise ValueError(f"unknown initializer {name!r}; use one of {sorted(INITIALIZERS)}")
    made = Parameter(flashlight.empty(shape, dtype=dtype))
    INITIALIZERS[name](made)
    return made


class Dense(BaseModule):
    """``activation(x W^T + b)`` on the last dimension; its state is that of nn.Linear."""

    def __init__(
        self,
        in_features=None,
        out_features=None,
        activation=None,
        use_bias=None,
        *,
        input_dim=None,
        units=None,
        bias=None,
    ):
        super().__init__()
        self.in_features = agree("in_features", in_features, "input_dim", input_dim)
        self.out_features = agree("out_features", out_features, "units", units)
        if self.in_features is None or self.out_features is None:
            raise TypeError("Dense needs in_features and out_features")
        use_bias = agree("use_bias", use_bias, "bias", bias)
        self.use_bias = True if use_bias is None else use_bias
        self.activation, self._function = activation, get_activation(activation)
        self.weight = Parameter(init.xavier_uniform_(flashlight.empty(self.out_features, self.in_features)))
        self.register_parameter("bias", Parameter(flashlight.zeros(self.out_features)) if self.use_bias else None)

    @property
    def kernel(self):
        return self.weight.T

    def forward(self, x):
        if x.shape[-1] != self.in_features:
            raise ValueError(f"expected {self.in_features} features, got {x.shape[-1]}")
        return self._function(F.linear(x, self.weight, self.bias))

    def get_config(self) -> dict:
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "activation": self.activation,
            "use_bias": self.use_bias,
        }

"""Activations and linear maps."""

import numpy as np

from ...oracle import A, T
from . import R, S

F = "nn.functional."

for _name in (
    "relu",
    "relu6",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "gelu",
    "logsigmoid",
    "hardshrink",
    "tanhshrink",
    "softsign",
    "softplus",
    "softshrink",
    "hardsigmoid",
    "silu",
    "mish",
    "hardswish",
    "hardtanh",
):
    _once = {"second": _name != "hardsigmoid"}  # torch has no second derivative of it
    S(F + _name, A(3, 4, low=-5, high=5), options=_once)
    S(F + _name, A(2, 3, dtype="float64"), options=_once)
    S(F + _name, A(), options=_once)
    S(F + _name, A(0, 3), options=_once)
    if _name != "gelu":  # torch's vectorised kernel gives nan for gelu(inf)
        S(F + _name, T(np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)), options={"grad": False})

for _name in ("relu", "relu6", "softsign", "tanhshrink", "hardtanh"):
    S(F + _name, A(3, 4, dtype="int64"))
for _name in (
    "elu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "hardsigmoid",
    "leaky_relu",
    "logsigmoid",
    "hardshrink",
    "relu",
):
    R(F + _name, A(3, dtype="bool"))
for _name in ("elu", "gelu", "silu", "mish", "glu", "hardswish"):
    R(F + _name, A(4, dtype="int64"))
for _name in (
    "relu",
    "relu6",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "hardsigmoid",
    "silu",
    "mish",
    "hardswish",
    "hardtanh",
):
    S(F + _name, A(3, 4, low=-4, high=4), inplace=True, options={"grad": False})

S("relu", A(3, 4))
S("relu", A(3, dtype="int32"))
R("relu", A(3, dtype="bool"))
S("selu", A(3, 4), options={"method": False})
S("celu", A(3, 4), 0.5, options={"method": False})
S("threshold", A(3, 4), 0.3, -1.0, options={"method": False})
S("threshold", A(5, dtype="int64"), 1, 7, options={"method": False})
S("hardshrink", A(3, 4), 0.7)
S(F + "elu", A(3, 4), 0.3)
S(F + "elu", A(3, 4), -1.5)
S(F + "celu", A(3, 4), 2.0)
R(F + "celu", A(3), 0.0)
S(F + "leaky_relu", A(3, 4), 1.5)
S(F + "leaky_relu", A(3, 4), -0.2)
S(F + "hardtanh", A(3, 4), -0.5, 0.7)
R(F + "hardtanh", A(3), 1.0, -1.0)
S(F + "softplus", A(3, 4), 3, 0.2)
S(F + "softshrink", A(3, 4), 0.1)
R(F + "softshrink", A(3), -1.0)
S(F + "gelu", A(3, 4), approximate="tanh")
R(F + "gelu", A(3), approximate="erf")
S(F + "threshold", A(3, 4), 0.1, 5.0)
S(F + "silu", A(3, dtype="complex64", grad=False))
S(F + "glu", A(3, 4))
S(F + "glu", A(4, 3), 0)
R(F + "glu", A(3, 3))
R(F + "glu", A())
S("prelu", A(2, 3, 4), A(3))
S("prelu", A(2, 3), A(1))
S("prelu", A(4), A(1))
S(F + "prelu", A(2, 3, 4, dtype="float64"), A(3, dtype="float64"))
R("prelu", A(2, 3), A(2))
R("prelu", A(2, 3), A(3, 1))
S(F + "rrelu", A(3, 4))
S(F + "softmin", A(3, 4), 1)
S(F + "softmax", A(3, 4), -1)
S(F + "log_softmax", A(2, 3, 4), 1)

S(F + "linear", A(2, 3), A(4, 3), A(4))
S(F + "linear", A(3), A(4, 3))
S(F + "linear", A(2, 5, 3), A(4, 3), A(4))
S(F + "linear", A(2, 3), A(3))
S(F + "linear", A(0, 3), A(4, 3), A(4))
S(F + "linear", A(2, 0), A(4, 0), A(4))
S(F + "linear", A(2, 3, dtype="float64"), A(4, 3, dtype="float64"))
S(F + "linear", A(2, 3, dtype="int64"), A(4, 3, dtype="int64"))
S(F + "linear", A(2, 3, dtype="complex64"), A(4, 3, dtype="complex64"), A(4, dtype="complex64"))
S(F + "linear", A(2, 3, grad=False), A(4, 3))
R(F + "linear", A(2, 3), A(4, 5))
R(F + "linear", A(2, 3), A(4, 3, dtype="float64"))
R(F + "linear", A(2, 3), A(4, 3), A(5))
S("bilinear", A(2, 3), A(2, 4), A(5, 3, 4), A(5))
S("bilinear", A(2, 6, 3), A(2, 6, 4), A(5, 3, 4), None)
R("bilinear", A(2, 3), A(2, 4), A(5, 4, 4), None)

R(F + "softsign", A(3, dtype="bool"))
R(F + "tanhshrink", A(3, dtype="bool"))
S(F + "linear", A(3), A(4, 3), A(1, 4))
R(F + "linear", A(3), A(4, 3), A(1, 1))
R(F + "linear", A(3), A(3), A(1))
for _kind in ("int64", "bool"):
    for _name in ("dropout", "alpha_dropout"):
        S(F + _name, A(3, 4, dtype=_kind), 1.0, True)
        R(F + _name, A(3, 4, dtype=_kind), 0.5, True)

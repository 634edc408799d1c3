"""Normalisations."""

from ...oracle import A
from . import R, S

F = "nn.functional."
_v = {"low": 0.5, "high": 2.0, "grad": False}

S(F + "batch_norm", A(4, 3), None, None, A(3), A(3), True)
S(F + "batch_norm", A(4, 3, 5), A(3, grad=False), A(3, **_v), A(3), A(3), True, 0.3)
S(F + "batch_norm", A(2, 3, 4, 5), A(3, grad=False), A(3, **_v), A(3), A(3), False)
S(F + "batch_norm", A(2, 3, 2, 2, 2, dtype="float64"), None, None, training=True, eps=0.1)
S(F + "batch_norm", A(2, 3, 4), A(3, grad=False), A(3, **_v))
R(F + "batch_norm", A(1, 3), None, None, training=True)
R(F + "batch_norm", A(2, 3), None, None)
R(F + "batch_norm", A(2, 3), A(4), A(4), training=True)
R(F + "batch_norm", A(2, 3), None, None, A(4), training=True)
R(F + "batch_norm", A(2, 3, dtype="int64"), None, None, training=True)

S(F + "instance_norm", A(2, 3, 5), None, None, A(3), A(3))
S(F + "instance_norm", A(2, 3, 4, 5), A(3, grad=False), A(3, **_v), None, None, True, 0.2)
S(F + "instance_norm", A(2, 3, 4, 5), A(3, grad=False), A(3, **_v), A(3), A(3), False)
R(F + "instance_norm", A(2, 3, 1))
R(F + "instance_norm", A(2, 3, 4), use_input_stats=False)

S(F + "layer_norm", A(4, 5), [5], A(5), A(5))
S(F + "layer_norm", A(2, 4, 5), (4, 5), A(4, 5), None, 0.1)
S(F + "layer_norm", A(2, 3, 4, dtype="float64"), [4])
S(F + "layer_norm", A(0, 5), [5], A(5), A(5))
R(F + "layer_norm", A(4, 5), [4])
R(F + "layer_norm", A(4, 5), [])
R(F + "layer_norm", A(4, 5), [5], A(4))
R(F + "layer_norm", A(4, 5), 5)
R(F + "layer_norm", A(4, 5, dtype="int64"), [5])

S("rms_norm", A(4, 5), [5], A(5))
S("rms_norm", A(2, 4, 5), (4, 5), None, 0.1)
S(F + "rms_norm", A(2, 3, dtype="float64"), [3])
R("rms_norm", A(4, 5), [4])

S(F + "group_norm", A(2, 6, 5), 3, A(6), A(6))
S(F + "group_norm", A(2, 6, 3, 4), 2)
S(F + "group_norm", A(3, 4), 2, A(4), A(4))
S(F + "group_norm", A(2, 4, 3, dtype="float64"), 4, None, None, 0.1)
R(F + "group_norm", A(2, 6, 5), 4)
R(F + "group_norm", A(6), 2)
R(F + "group_norm", A(2, 6, 5), 3, A(5))

S(F + "local_response_norm", A(2, 5, 4), 3)
S(F + "local_response_norm", A(2, 5, 3, 3), 2, 0.1, 0.5, 2.0)
R(F + "local_response_norm", A(2, 5), 3)

S(F + "normalize", A(3, 4))
S(F + "normalize", A(3, 4, 2), 1.0, -1)
S(F + "normalize", A(3, 4), 3.0, 0, 0.5)
S(F + "normalize", A(3, 4, low=-1e-13, high=1e-13), options={"second": False, "grad": False})

for training in (True, False):
    S("nn.functional.batch_norm", A(0), A(0, grad=False), A(0, grad=False), training=training)

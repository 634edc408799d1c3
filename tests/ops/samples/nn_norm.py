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

# parameters of another dtype: single precision goes with halves only, and then all of it
_d, _i, _b, _h = ({"dtype": kind, "grad": False} for kind in ("float64", "int64", "bool", "float16"))
for _x, _other in ((A(2, 3, 4, **_d), {}), (A(2, 3, 4), _i), (A(2, 3, 4), _b), (A(2, 3, 4), _d), (A(2, 3, 4), _h)):
    R(F + "batch_norm", _x, A(3), A(3), A(3, **_other), training=True)
    R(F + "batch_norm", _x, A(3, **_other), A(3, **_other))
    R(F + "instance_norm", _x, weight=A(3, **_other))
    R(F + "layer_norm", _x, [4], A(4, **_other))
    R(F + "group_norm", _x, 3, A(3, **_other))
for _x, _first, _second in (
    (A(2, 3, 4), {}, _i),
    (A(2, 3, 4), {}, _d),
    (A(2, 3, 4, **_h), _h, {}),
    (A(2, 3, 4, **_h), {}, _h),
):
    R(F + "batch_norm", _x, None, None, A(3, **_first), A(3, **_second), training=True)
    R(F + "layer_norm", _x, [4], A(4, **_first), A(4, **_second))
    R(F + "group_norm", _x, 3, A(3, **_first), A(3, **_second))
_half = {"grad": False, "atol": 2e-2, "rtol": 2e-2}
S(F + "batch_norm", A(2, 3, 4, **_h), None, None, A(3), A(3), True, options=_half)
S(F + "layer_norm", A(2, 3, **_h), [3], A(3), A(3), options=_half)
S(F + "group_norm", A(2, 4, 3, **_h), 2, A(4), A(4), options=_half)
R(F + "layer_norm", A(2, 3, **_i), [3], A(3))

# running statistics: both or neither, of one dimension
_m, _w = A(3, grad=False), A(3, **_v)
for training in (True, False):
    R(F + "batch_norm", A(2, 3, 4), None, _w, training=training)
    R(F + "batch_norm", A(2, 3, 4), _m, None, training=training)
    R(F + "batch_norm", A(2, 3, 4), A(1, 3, grad=False), _w, training=training)
    R(F + "batch_norm", A(2, 3, 4), _m, A(3, **_i), training=training)
    R(F + "batch_norm", A(2, 1, 4), A(grad=False), A(1, grad=False), training=training)
    R(F + "instance_norm", A(2, 3, 4), A(1, 3, grad=False), _w, use_input_stats=training)
    R(F + "instance_norm", A(2, 3, 4), _m, A(3, **_i), use_input_stats=training)
    R(F + "instance_norm", A(2, 3, 4), A(2, grad=False), _w, use_input_stats=training)
R(F + "batch_norm", A(3), None, None, training=True)
R(F + "instance_norm", A(2, 3, 4), None, _w)
R(F + "instance_norm", A(2, 3, 4), weight=A(1, 3))
R(F + "instance_norm", A(2, 1, 4), A(grad=False), A(1, grad=False))
R(F + "instance_norm", A(3))
R(F + "instance_norm", A(2, 3))
S(F + "instance_norm", A(2, 3, 4), A(3, **_d), A(3, low=1.0, **_i), None, None, False)
S("instance_norm", A(2, 3), None, None, None, None, True, 0.1, 1e-5, False)

R("rms_norm", A(6), [1, 2, 3])
R(F + "group_norm", A(1, 4), 4)
R(F + "group_norm", A(1, 4, 1), 4)
S("group_norm", A(1, 4), 4)
for _shape in ((2, 3, 4), (2, 3, 4, 4)):
    for _kind in ("bool", "int32", "complex64"):
        R(F + "local_response_norm", A(*_shape, dtype=_kind), 2)
    S(F + "local_response_norm", A(*_shape, dtype="int64"), 2)
    R(F + "local_response_norm", A(*_shape), 0)

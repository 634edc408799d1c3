"""Creation: the functions whose arguments are numbers, sizes and dtypes."""

import numpy as np

from ...oracle import A, D, I, T
from . import R, S

nan, inf = float("nan"), float("inf")
DTYPES = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64")

# ---------------------------------------------------------------------------------------------------------- from data
for data in (
    1, 2.5, True, 1 + 2j, [], [[], []], (), [1, 2.5, True], [True, False], [1, True], [1j, 2], 2**40, [[1, 2], [3, 4]],
    range(3), ((1.5, 2), (3, 4)), [[[1]]], nan, [inf, -inf], np.float64(1.5), np.arange(3, dtype=np.int16), np.int32(4),
    np.array([1.5, 2], dtype=np.float64), np.array(True), [np.float32(1), np.float32(2)], [np.int64(3), 4],
    [np.array([1, 2]), np.array([3, 4])], np.zeros((0, 3)), np.array([1, 2, 3])[::2],
):  # fmt: skip
    for name in ("tensor", "as_tensor", "asarray"):
        S(name, data)
for dtype in DTYPES:
    S("tensor", [1, 0, 3], dtype=D(dtype))
    S("tensor", True, dtype=D(dtype))
    S("as_tensor", [[1, 0], [2, 3]], dtype=D(dtype))
    S("scalar_tensor", 3, dtype=D(dtype))
S("tensor", [T(np.int64(1)), T(np.float32(2.0), grad=False)])
S("tensor", [T(np.array([1])), T(np.array([3]))])
S("tensor", [1.7, -1.7], dtype=D("int32"))
S("tensor", [-1], dtype=D("uint8"))
S("tensor", [np.float64(1), 2.0])
S("tensor", [np.float16(1), 2])
S("tensor", [np.float16(1), 2.0])
S("tensor", [T(np.int8(1)), T(np.int16(2))])
S("tensor", [[T(np.float32(1.0), grad=False), 2], [3, 4.5]])
S("tensor", bytearray(b"ab"))
S("tensor", 1e40)
S("tensor", -255, dtype=D("uint8"))
S("tensor", 2**63, dtype=D("float32"))
S("tensor", [2**63, 1.0])
S("tensor", [1 + 1j], dtype=D("bool"))
R("tensor", [1, [2, 3]])
R("tensor", [[1], [2, 3]])
R("tensor", [[[1]], [2]])
R("tensor", ["a", "b"])
R("tensor", [1, None])
R("tensor", 2**63)
R("tensor", -256, dtype=D("uint8"))
R("tensor", 200.7, dtype=D("int8"))
R("tensor", inf, dtype=D("int32"))
R("tensor", 1e30, dtype=D("int64"))
R("tensor", [T(np.zeros(2)), T(np.zeros(2))])
S("tensor", [1.0, 2.0], requires_grad=True)
S("tensor", 1.0000000001, dtype=D("float64"))
S("tensor", [3e38, 1e-40])
S("scalar_tensor", 2)
S("scalar_tensor", True)
S("as_tensor", A(2, 3))
S("as_tensor", A(2, 3), dtype=D("float64"))
S("asarray", A(2, 3), dtype=D("float16"))
S("asarray", A(2, 3, grad=False), requires_grad=True)
for bad in ([[1, 2], [3]], [1, "a"], "a", None, [None], 2**64, {1: 2}, [[1], 2], object()):
    R("tensor", bad)
R("tensor", [300], dtype=D("uint8"))
R("tensor", [300], dtype=D("int8"))
R("tensor", 1 + 2j, dtype=D("float32"))
R("tensor", nan, dtype=D("int64"))
R("tensor", [1, 2], requires_grad=True)
R("asarray", [1, 2], copy=False)

# --------------------------------------------------------------------------------------------------------- of a shape
for name in ("zeros", "ones"):
    for dtype in DTYPES:
        S(name, 2, 3, dtype=D(dtype))
        S(f"{name}_like", A(2, 3, dtype=dtype))
    S(name, 3)
    S(name, (2, 3))
    S(name, [2, 0])
    S(name, ())
    S(name, size=(2,))
    S(name, 2, requires_grad=True)
    S(f"{name}_like", A(2, 3), dtype=D("int64"))
    S(f"{name}_like", A())
    S(f"Tensor.new_{name}", A(1, dtype="int32"), 2, 3)
    S(f"Tensor.new_{name}", A(1, dtype="int32"), (2, 3), dtype=D("float64"))
    S(f"Tensor.new_{name}", A(1), size=(2,))
    R(name)
    R(name, -1)
    R(name, 2, 3.0)
    R(name, (2,), dtype="float")
    R(name, 2, device="nowhere")
    R(name, 2, colour=1)
    R(f"{name}_like", 3)
for value in (3, 2.5, True, 1j, nan, inf, -1):
    S("full", (2, 3), value)
    S("full", (), value)
    S("full", [0], value)
for dtype in DTYPES:
    S("full", (2,), 3, dtype=D(dtype))
    S("full_like", A(2, 3, dtype=dtype), 2)
    S("Tensor.new_full", A(1, dtype=dtype), (2, 2), 1)
S("full", (2,), T(np.int64(2)))
S("full_like", A(2, dtype="int64"), 1.5)
S("full_like", A(2), 3, dtype=D("float64"))
S("Tensor.new_full", A(1, dtype="int64"), (2,), 1.5)
S("Tensor.new_tensor", A(1, dtype="int64"), [1.5, 2.5])
S("Tensor.new_tensor", A(1), [[1, 2]], dtype=D("int8"))
R("full", 2, 1)
R("full", (2,), [1])
R("full", (2,), "a")
S("Tensor.new", A(1), [3, 4])
S("Tensor.new", A(1, dtype="int64"), [3, 4])

# ------------------------------------------------------------------------------------------------------------- ranges
for args in (
    (5,), (1, 5), (1, 5, 2), (5, 1, -2), (0,), (5, 5), (0.5, 5), (0, 1, 0.1), (1.0, 0.0, -0.25), (0, 5, 1.5), (-3, 3),
    (2**40, 2**40 + 3), (0, 1, 0.3), (5.0,), (np.int64(4),), (T(np.int64(3)),),
    (0, T(np.float32(2.5), grad=False), 0.5),
):  # fmt: skip
    S("arange", *args)
    for dtype in ("float32", "float64", "int32", "float16"):
        S("arange", *args, dtype=D(dtype))
S("arange", 0.5, 5, dtype=D("int64"))
S("arange", 0, 5, 1.5, dtype=D("int64"))
R("arange", 0, 1, 0.1, dtype=D("int64"))
S("arange", end=4)
S("arange", start=1, end=4)
S("arange", 0, end=4, step=2)
S("arange", 100, dtype=D("bfloat16"))
S("arange", 200, dtype=D("uint8"))
S("arange", 3, dtype=D("float32"), requires_grad=True)
S("arange", 0, 1, 1e-3)
S("arange", 1e6, 1e6 + 5)
R("arange")
R("arange", 0, 5, 0)
R("arange", 5, 0, 1)
R("arange", 0, inf)
R("arange", nan)
R("arange", "a")
R("arange", 2, dtype=D("bool"))
R("arange", 2, dtype=D("complex64"))
R("arange", 3, requires_grad=True)
S("range", 0, 5)
S("range", 1, 2, 0.25)
S("range", 5, 0, -1, dtype=D("int64"))
R("range", 5, 0)
for name in ("linspace", "logspace"):
    for args in (
        (0, 1, 5),
        (0, 1, 1),
        (0, 1, 0),
        (-3, 3.5, 8),
        (5, 1, 4),
        (0.1, 0.7, 101),
        (T(np.float32(0), grad=False), 2, 3),
    ):
        S(name, *args, options={"rtol": 2e-5})
    for dtype in ("float64", "int64", "float16", "int32", "uint8"):
        S(name, 0, 2, 5, dtype=D(dtype))
    S(name, start=0, end=1, steps=3)
    S(name, 0, 1, T(np.int64(3)))
    R(name, 0, 1, -1)
    R(name, 0, 1, 3.0)
    R(name, 0, 1)
    R(name, A(2), 1, 3)
S("linspace", 0, 10, 4, dtype=D("int64"))
S("linspace", 0, 1j, 3)
S("linspace", -1e30, 1e30, 7)
S("logspace", 0, 3, 4, base=2)
S("logspace", 0, 3, 4, 2.5, dtype=D("float64"))
for args in ((3,), (2, 3), (3, 2), (0,), (0, 2)):
    S("eye", *args)
S("eye", 2, 3, dtype=D("bool"))
S("eye", n=2, m=2, dtype=D("int64"))
R("eye", -1)
R("eye", 2, -1)
R("eye", 2.0)
for name in ("tril_indices", "triu_indices"):
    for args in ((3, 3), (3, 2, -1), (3, 4, 1), (0, 4), (2, 5, 2), (5, 2, -3)):
        S(name, *args)
    S(name, 3, 3, dtype=D("int32"))
    R(name, -1, 2)
    R(name, 2, -1)
for dtype in ("float32", "float64", "int64", "complex64"):
    S("vander", A(4, dtype=dtype, grad=False))
S("vander", A(3, grad=False), 5)
S("vander", A(3, grad=False), N=2, increasing=True)
S("vander", A(3, grad=False), 1)
S("vander", T(np.array([0.0, 1.0, 2.0], np.float32), grad=False), 4)
R("vander", A(2, 2))
R("vander", A(2), -1)

# ------------------------------------------------------------------------------------------------------------ windows
for name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"):
    for n in (0, 1, 2, 5, 16):
        S(name, n)
        S(name, n, False)
    S(name, 7, periodic=False, dtype=D("float64"), options={"atol": 1e-9, "rtol": 1e-7})
    R(name, -1)
    R(name, 4, dtype=D("int64"))
S("hamming_window", 5, True, 0.5, 0.4)
S("kaiser_window", 6, True, 8.0)
S("kaiser_window", 6, True, beta=3.0)

# -------------------------------------------------------------------------------------------------------------- joins
S("meshgrid", A(2), A(3, seed=1))
S("meshgrid", A(2), A(3, seed=1), indexing="xy")
S("meshgrid", [A(2), A(3, seed=1), A(2, seed=2)], indexing="ij")
S("meshgrid", A(2), A(3, seed=1), A(4), indexing="xy")
S("meshgrid", A(2), A())
S("meshgrid", A(2), indexing="xy")
R("meshgrid", A(2, 2), A(2))
R("meshgrid", A(2), A(2, dtype="int64"))
R("meshgrid", A(2), A(2), indexing="ab")
S("combinations", A(4))
S("combinations", A(4), 3)
S("combinations", A(3), r=2, with_replacement=True)
S("combinations", A(3, grad=False), 0)
S("combinations", I(4, high=9), 1)
S("combinations", A(2), 3)
R("combinations", A(2, 2))
R("combinations", A(2), -1)
S("cartesian_prod", A(2), A(3, seed=1))
S("cartesian_prod", A(2))
S("numel", A(2, 3))
S("numel", A())
R("numel", 1)
S("typename", A(2))
S("typename", A(2, dtype="int64"))
S("typename", 1)
S("is_nonzero", A(1, grad=False))
R("is_nonzero", A(2))
S("Tensor.sum_to_size", A(2, 3), 2, 1)
S("Tensor.sum_to_size", A(2, 3), (3,))
S("Tensor.sum_to_size", A(4, 2, 3), 1, 3)
S("Tensor.sum_to_size", A(2, 3), 2, 3)
R("Tensor.sum_to_size", A(2, 3), 3, 1)

# ------------------------------------------------------------------------------------------------------------ filling
for dtype in DTYPES:
    S("fill", A(2, 3, dtype=dtype), 2)
S("fill", A(2, 3), 1.5)
S("fill", A(2, dtype="int64"), 1.5)
S("fill", A(2, 3), A())
S("fill", A(2, 3), T(np.int64(2)))
R("fill", A(2), A(1))
R("fill", A(2), "a")
R("fill", A(2, dtype="int64"), 1j)
S("clone", A(2, 3))
S("clone", A(2, 3, dtype="int64"))
for form in ("float", "double", "half", "bfloat16", "int", "long", "short", "char", "byte", "bool", "cfloat"):
    for dtype in DTYPES:
        if dtype != "complex64" or form == "cfloat":
            # torch leaves the conversion of negative and out of range numbers to unsigned types open
            S(f"Tensor.{form}", A(3, 4, dtype=dtype, low=0))
    S(f"Tensor.{form}", A(), options={"second": False})
S("Tensor.type_as", A(2), A(1, dtype="float64"))
S("Tensor.type_as", A(2), A(1, dtype="int64"))
S("Tensor.to", A(2), D("float64"))
S("Tensor.to", A(2), "cpu", D("float16"))
S("Tensor.to", A(2), D("float64"), True, True)
S("Tensor.to", A(2), dtype=D("int64"), copy=True)
S("Tensor.to", A(2), A(1, dtype="float64"))
S("Tensor.to", A(2), tensor=A(1, dtype="float64"))
S("Tensor.to", A(2), device="cpu", dtype=None)
S("Tensor.to", A(2), device="cpu", non_blocking=True)
R("Tensor.to", A(2), "nowhere")
R("Tensor.to", A(2), [1])

R("Tensor.to", A(2), colour=1)

"""dtype objects, torch's promotion lattice, and finfo / iinfo."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

BOOL, INT, FLOAT, COMPLEX = range(4)


class dtype:
    """A torch data type; ``mlx`` is its MLX counterpart, None where MLX has none."""

    __slots__ = ("category", "is_signed", "itemsize", "mlx", "name", "numpy")

    def __init__(self, name: str, mlx, numpy, category: int, itemsize: int, is_signed: bool = True):
        self.name, self.mlx, self.numpy = name, mlx, numpy
        self.category, self.itemsize, self.is_signed = category, itemsize, is_signed

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOAT

    @property
    def is_complex(self) -> bool:
        return self.category == COMPLEX

    def to_complex(self) -> dtype:
        return {"float16": complex32, "float64": complex128, "complex128": complex128}.get(self.name, complex64)

    def to_real(self) -> dtype:
        return {"complex32": float16, "complex64": float32, "complex128": float64}.get(self.name, self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


# pickle finds a dtype by its name in the public namespace
dtype.__module__ = "flashlight"

_KINDS = [
    ("bool", mx.bool_, np.bool_, BOOL, 1, False),
    ("uint8", mx.uint8, np.uint8, INT, 1, False),
    ("int8", mx.int8, np.int8, INT, 1, True),
    ("int16", mx.int16, np.int16, INT, 2, True),
    ("int32", mx.int32, np.int32, INT, 4, True),
    ("int64", mx.int64, np.int64, INT, 8, True),
    ("uint16", mx.uint16, np.uint16, INT, 2, False),
    ("uint32", mx.uint32, np.uint32, INT, 4, False),
    ("uint64", mx.uint64, np.uint64, INT, 8, False),
    ("float16", mx.float16, np.float16, FLOAT, 2, True),
    ("bfloat16", mx.bfloat16, None, FLOAT, 2, True),
    ("float32", mx.float32, np.float32, FLOAT, 4, True),
    ("float64", mx.float64, np.float64, FLOAT, 8, True),
    ("complex64", mx.complex64, np.complex64, COMPLEX, 8, True),
    ("complex32", None, None, COMPLEX, 4, True),
    ("complex128", None, np.complex128, COMPLEX, 16, True),
    ("float8_e4m3fn", None, None, FLOAT, 1, True),
    ("float8_e4m3fnuz", None, None, FLOAT, 1, True),
    ("float8_e5m2", None, None, FLOAT, 1, True),
    ("float8_e5m2fnuz", None, None, FLOAT, 1, True),
]
BY_NAME: dict[str, dtype] = {kind[0]: dtype(*kind) for kind in _KINDS}
ALIASES = {
    "half": "float16",
    "float": "float32",
    "double": "float64",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "cfloat": "complex64",
    "chalf": "complex32",
    "cdouble": "complex128",
}
bool_ = BY_NAME["bool"]
uint8, int8, int16, int32, int64 = (BY_NAME[n] for n in ("uint8", "int8", "int16", "int32", "int64"))
uint16, uint32, uint64 = (BY_NAME[n] for n in ("uint16", "uint32", "uint64"))
float16, bfloat16, float32, float64 = (BY_NAME[n] for n in ("float16", "bfloat16", "float32", "float64"))
complex32, complex64, complex128 = (BY_NAME[n] for n in ("complex32", "complex64", "complex128"))

_FROM_MLX = {d.mlx: d for d in BY_NAME.values() if d.mlx is not None}
_FROM_NUMPY = {np.dtype(d.numpy): d for d in BY_NAME.values() if d.numpy is not None}


def from_mlx(d) -> dtype:
    return _FROM_MLX[d]


def from_numpy(d) -> dtype:
    found = _FROM_NUMPY.get(np.dtype(d))
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{np.dtype(d).name}. The only supported types are: float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    return found


def to_mlx(d: dtype):
    """The MLX dtype of ``d``; raises TypeError for the types MLX cannot hold."""
    if not isinstance(d, dtype):
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(d).__name__}")
    if d.mlx is None:
        hint = "use complex64" if d.category == COMPLEX else "use float16 or bfloat16"
        raise TypeError(f"{d!r} is not supported: MLX has no such type, {hint} instead")
    return d.mlx


_default = float32


def get_default_dtype() -> dtype:
    """The dtype of tensors made from Python floats."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Set the dtype of tensors made from Python floats.

    Raises: TypeError if ``d`` is not a floating point dtype.
    """
    global _default
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    to_mlx(d)
    _default = d


def of_scalar(value) -> dtype:
    """The dtype torch gives a Python number."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return _default
    return of_scalar(value.item()) if isinstance(value, np.generic) else complex64


# ---------------------------------------------------------------------------------------------------------- promotion
_SIGNED = [int8, int16, int32, int64]
_UNSIGNED_WIDE = {uint16, uint32, uint64}
_FLOATS = [float16, bfloat16, float32, float64]


def _join(a: dtype, b: dtype) -> dtype:
    if a is b:
        return a
    if a.category > b.category:
        a, b = b, a
    if b.category == COMPLEX:
        if a in _UNSIGNED_WIDE:
            raise _no_promotion(a, b)
        if a is float64 or a is complex128 or b is complex128:
            return complex128
        wide = a.category < FLOAT or (a.category in (FLOAT, COMPLEX) and a.to_real() is float16)
        return complex32 if b is complex32 and wide else complex64
    if b.category == FLOAT:
        if a.category < FLOAT:
            return b
        if "float8" in a.name or "float8" in b.name:
            raise RuntimeError(f"Promotion for Float8 Types is not supported, attempted to promote {a!r} and {b!r}")
        if {a, b} == {float16, bfloat16}:
            return float32
        return max(a, b, key=_FLOATS.index)
    if a is bool_:
        if b in _UNSIGNED_WIDE:
            raise _no_promotion(a, b)
        return b
    if a in _UNSIGNED_WIDE or b in _UNSIGNED_WIDE:
        raise _no_promotion(a, b)
    if uint8 in (a, b):
        other = b if a is uint8 else a
        return int16 if other is int8 else other
    return max(a, b, key=_SIGNED.index)


_TORCH_NAMES = {
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float32": "Float",
    "float64": "Double",
    "complex32": "ComplexHalf",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "bool": "Bool",
    "float8_e4m3fn": "Float8_e4m3fn",
    "float8_e4m3fnuz": "Float8_e4m3fnuz",
    "float8_e5m2": "Float8_e5m2",
    "float8_e5m2fnuz": "Float8_e5m2fnuz",
}


# what C++ calls the types, which torch's messages show
_CPP_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "uint64": "long unsigned int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
}


def cpp_name(d: dtype) -> str:
    """What C++ calls a dtype: ``float``, ``long int``, ``c10::Half``."""
    return _CPP_NAMES.get(d.name, d.name)


def scalar_type_name(d: dtype) -> str:
    """The name torch's messages use: ``Float``, ``Long``, ``ComplexFloat``."""
    return _TORCH_NAMES[d.name]


def _no_promotion(a: dtype, b: dtype) -> RuntimeError:
    return RuntimeError(
        "Promotion for uint16, uint32, uint64 types is not supported, "
        f"attempted to promote {scalar_type_name(a)} and {scalar_type_name(b)}"
    )


_joined: dict[tuple[dtype, dtype], dtype] = {}


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype, of at least their kind, that holds both."""
    found = _joined.get((type1, type2))
    if found is None:
        found = _joined[type1, type2] = _join(type1, type2)
    return found


def _over(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """Combine a class of operands with one of lower priority: only a higher category can change the result."""
    if higher is None or lower is None:
        return higher or lower
    if higher.category == COMPLEX:
        return higher
    if higher.category == FLOAT:
        return higher.to_complex() if lower.category == COMPLEX else higher
    if higher in _UNSIGNED_WIDE and lower.category == COMPLEX:
        return lower
    if higher.category == BOOL or lower.category >= FLOAT:
        return promote_types(higher, lower)
    return higher


def result_type_of(operands) -> dtype:
    """torch's result type for ``(kind, dtype)`` pairs, where kind is 0 for tensors with dimensions, 1 for
    0-dimensional tensors and 2 for Python numbers."""
    kinds: list[dtype | None] = [None, None, None]
    for kind, d in operands:
        kinds[kind] = d if kinds[kind] is None else promote_types(kinds[kind], d)
    result = _over(kinds[0], _over(kinds[1], kinds[2]))
    if result is None:
        raise RuntimeError("at least one tensor or number is needed to compute a result type")
    return result


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether torch lets a value of the first dtype be written into the second."""
    if from_.category == COMPLEX:
        return to.category == COMPLEX
    if from_.category == FLOAT:
        return to.category >= FLOAT
    return from_.category == BOOL or to.category != BOOL


# --------------------------------------------------------------------------------------------------------- type info
class finfo:
    """Limits of a floating point dtype: bits, eps, max, min, tiny, smallest_normal, resolution, dtype."""

    def __init__(self, type: dtype | None = None):
        d = _default if type is None else type
        if not isinstance(d, dtype) or d.category < FLOAT:
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{d!r}'"
                if isinstance(d, dtype)
                else "finfo(): argument 'type' (position 1) must be torch.dtype"
            )
        d = d.to_real()
        self.bits, self.dtype = d.itemsize * 8, d.name
        if d is bfloat16:
            self.eps, self.max, self.tiny, self.resolution = 2.0**-7, 2.0**127 * (2 - 2.0**-7), 2.0**-126, 0.01
        else:
            info = np.finfo(d.numpy)
            self.eps, self.max, self.tiny = float(info.eps), float(info.max), float(info.tiny)
            self.resolution = float(f"1e-{info.precision}")
        self.min, self.smallest_normal = -self.max, self.tiny

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype: bits, min, max, dtype."""

    def __init__(self, type: dtype):
        if not isinstance(type, dtype) or type.category != INT:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type!r}'"
                if isinstance(type, dtype)
                else "iinfo(): argument 'type' (position 1) must be torch.dtype"
            )
        info = np.iinfo(type.numpy)
        self.bits, self.min, self.max, self.dtype = info.bits, int(info.min), int(info.max), type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

"""torch._foreach_*: one operation on each tensor of a list, as optimizers and weight averages of packages write it.

An operand beside the list is a number for all, a list of numbers, a list of tensors, or a tensor of one element.
"""

from __future__ import annotations

from .._core import dtypes
from .._core.errors import cannot_cast
from .._core.table import composite, namespaces
from .._core.tensor import Tensor

_UNARY = """
    abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt
    sigmoid sign sin sinh sqrt tan tanh trunc
"""
# a number has a method of another name where torch's function takes tensors only
_BINARY = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "div": "div",
    "pow": "pow",
    "clamp_min": "clamp_min",
    "clamp_max": "clamp_max",
    "maximum": "clamp_min",
    "minimum": "clamp_max",
}


def _listed(tensors, name: str) -> list:
    tensors = list(tensors)
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    for t in tensors:
        if not isinstance(t, Tensor):
            raise TypeError(f"_foreach_{name}(): every element of the list must be a Tensor, not {type(t).__name__}")
    return tensors


def _beside(tensors: list, other) -> list:
    """One operand for each tensor."""
    if isinstance(other, Tensor) and other.dim():
        raise RuntimeError(
            f"scalar tensor expected to be 0 dim but it has {other.dim()} dimensions and {other.numel()} elements."
        )
    if not isinstance(other, (list, tuple)):
        return [other] * len(tensors)
    values = list(other)
    if len(values) != len(tensors):
        if values and isinstance(values[0], Tensor):
            raise RuntimeError(
                f"Tensor lists must have the same number of tensors, got {len(tensors)} and {len(values)}"
            )
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")
    return values


def _publish(name: str, function, doc: str) -> None:
    function.__name__ = function.__qualname__ = f"_foreach_{name}"
    function.__doc__ = doc
    composite(function, namespace=("torch", "aten"), method=False)


def _declare_unary(name: str) -> None:
    def new(self):
        return tuple(getattr(t, name)() for t in _listed(self, name))

    def in_place(self):
        for t in _listed(self, name):
            getattr(t, f"{name}_")()
        return self

    _publish(name, new, f"``{name}`` of each tensor.")
    _publish(f"{name}_", in_place, f"``{name}_`` of each tensor.")


def _written(t, new) -> None:
    if not dtypes.can_cast(new.dtype, t.dtype):
        raise cannot_cast(dtypes.scalar_type_name(new.dtype), dtypes.scalar_type_name(t.dtype))
    t.copy_(new)


def _declare_binary(name: str, of_number: str) -> None:
    def call(t, other, suffix: str, alpha):
        word = name if isinstance(other, Tensor) else of_number
        return getattr(t, word + suffix)(other, **({} if alpha is None else {"alpha": alpha}))

    def new(self, other, *, alpha=None):
        if name == "pow" and isinstance(self, (int, float)):
            return tuple(namespaces["torch"]["pow"](self, t) for t in _listed(other, name))
        tensors = _listed(self, name)
        return tuple(call(t, x, "", alpha) for t, x in zip(tensors, _beside(tensors, other)))

    def in_place(self, other, *, alpha=None):
        tensors = _listed(self, name)
        for t, x in zip(tensors, _beside(tensors, other)):
            if without_suffix and isinstance(x, Tensor):
                _written(t, call(t, x, "", alpha))
            else:
                call(t, x, "_", alpha)
        return self

    without_suffix = name in ("maximum", "minimum")
    _publish(name, new, f"``{name}`` of each tensor and its operand.")
    _publish(f"{name}_", in_place, f"``{name}`` of each tensor and its operand, into the tensor.")


def _declare_fused(name: str) -> None:
    def factors(tensors, tensor1, tensor2, value, scalars):
        value = value if scalars is None else scalars
        value = value.tolist() if isinstance(value, Tensor) and value.dim() == 1 else value
        return zip(tensors, _beside(tensors, list(tensor1)), _beside(tensors, list(tensor2)), _beside(tensors, value))

    def new(self, tensor1, tensor2, value=1, *, scalars=None):
        rows = factors(_listed(self, name), tensor1, tensor2, value, scalars)
        return tuple(getattr(t, name)(a, b, value=v) for t, a, b, v in rows)

    def in_place(self, tensor1, tensor2, value=1, *, scalars=None):
        for t, a, b, v in factors(_listed(self, name), tensor1, tensor2, value, scalars):
            getattr(t, f"{name}_")(a, b, value=v)
        return self

    _publish(name, new, f"``{name}`` of each tensor and its two factors.")
    _publish(f"{name}_", in_place, f"``{name}_`` of each tensor and its two factors.")


for _name in _UNARY.split():
    _declare_unary(_name)
for _name, _of_number in _BINARY.items():
    _declare_binary(_name, _of_number)
for _name in ("addcmul", "addcdiv"):
    _declare_fused(_name)

_in_torch = {"namespace": ("torch", "aten"), "method": False}


@composite(**_in_torch)
def _foreach_lerp(self, tensors1, weight):
    """``lerp`` from each tensor to its end, by one weight, or one for each."""
    tensors = _listed(self, "lerp")
    rows = zip(tensors, _beside(tensors, list(tensors1)), _beside(tensors, weight))
    return tuple(t.lerp(end, w) for t, end, w in rows)


@composite(**_in_torch)
def _foreach_lerp_(self, tensors1, weight):
    """``lerp_`` of each tensor to its end, by one weight, or one for each."""
    tensors = _listed(self, "lerp_")
    for t, end, w in zip(tensors, _beside(tensors, list(tensors1)), _beside(tensors, weight)):
        t.lerp_(end, w)
    return self


@composite(**_in_torch)
def _foreach_mm(self, mat2):
    """``mm`` of each tensor and its factor."""
    tensors = _listed(self, "mm")
    return tuple(t.mm(other) for t, other in zip(tensors, _beside(tensors, list(mat2))))


@composite(**_in_torch)
def _foreach_norm(self, ord=2, dtype=None):
    """The vector norm of each tensor."""
    norm = namespaces["linalg"]["vector_norm"]
    return tuple(norm(t, ord, dtype=dtype) for t in _listed(self, "norm"))


@composite(**_in_torch)
def _foreach_powsum(self, ord=2, dtype=None):
    """The sum of ``abs(x) ** ord`` over each tensor."""
    return tuple(t.abs().pow(ord).sum(dtype=dtype) for t in _listed(self, "powsum"))


@composite(**_in_torch)
def _foreach_max(self):
    """The largest element of each tensor."""
    return tuple(t.max() for t in _listed(self, "max"))


@composite(**_in_torch)
def _foreach_clone(self, *, memory_format=None):
    """A copy of each tensor."""
    form = {} if memory_format is None else {"memory_format": memory_format}
    return tuple(t.clone(**form) for t in _listed(self, "clone"))


@composite(**_in_torch)
def _foreach_copy_(self, src, non_blocking: bool = False):
    """``copy_`` into each tensor from its source."""
    tensors = _listed(self, "copy_")
    for t, source in zip(tensors, _beside(tensors, list(src))):
        t.copy_(source, non_blocking)
    return self


@composite(**_in_torch)
def _foreach_zero_(self):
    """``zero_`` of each tensor."""
    for t in _listed(self, "zero_"):
        t.zero_()
    return self

"""Python's operators on Tensors: ``a + b``, ``a += b``, ``a == b``.

A method returns NotImplemented for an operand torch does not take: Python asks the other side or raises TypeError.
"""

from __future__ import annotations

import numpy as np

from .._core import dispatch, dtypes
from .._core.conversion import from_host
from .._core.dispatch import is_number
from .._core.table import composite, namespaces
from .._core.tensor import Tensor, wrap
from . import arithmetic, bitwise, compare
from .arithmetic import ONE

_USUAL = {Tensor, int, float}


def _accepted(value) -> bool:
    return type(value) in _USUAL or isinstance(value, (Tensor, np.ndarray)) or is_number(value)


def _operand(value):
    """A numpy array as a tensor, anything else as it is."""
    return wrap(from_host(value)) if isinstance(value, np.ndarray) else value


def _publish(name: str, fn) -> None:
    fn.__name__ = fn.__qualname__ = name
    composite(fn, name=name, namespace=(), method=True)


def _declare(name: str, op, statics: tuple = (), in_place: bool = True) -> None:
    """Declare ``__name__``, ``__rname__`` and ``__iname__`` by one operator."""
    run, write = dispatch.run, dispatch.in_place

    def forward(self, other):
        if type(other) in _USUAL:
            return run(op, (self, other), statics)
        return run(op, (self, _operand(other)), statics) if _accepted(other) else NotImplemented

    def backward(self, other):
        if not isinstance(self, Tensor):
            raise TypeError(
                f"descriptor '__r{name}__' requires a 'Tensor' object but received a '{type(self).__name__}'"
            )
        if not _accepted(other):
            return NotImplemented
        if op is arithmetic.true_divide:  # torch rounds twice: the reciprocal, then the product
            return run(arithmetic.mul, (run(arithmetic.reciprocal, (self,), ()), _operand(other)), ())
        return run(op, (_operand(other), self), statics)

    def onto(self, other):
        return write(op, (self, _operand(other)), statics) if _accepted(other) else NotImplemented

    _publish(f"__{name}__", forward)
    _publish(f"__r{name}__", backward)
    if in_place:
        _publish(f"__i{name}__", onto)


_declare("add", arithmetic.add, (ONE,))
_declare("sub", arithmetic.sub, (ONE,))
_declare("mul", arithmetic.mul)
_declare("truediv", arithmetic.true_divide)
_declare("div", arithmetic.true_divide)
_declare("floordiv", arithmetic.floor_divide)
_declare("mod", arithmetic.remainder)
_declare("and", bitwise.bitwise_and)
_declare("or", bitwise.bitwise_or)
_declare("xor", bitwise.bitwise_xor)
_declare("lshift", bitwise.bitwise_left_shift)
_declare("rshift", bitwise.bitwise_right_shift)


def _compare(name: str, op) -> None:
    def ask(self, other):
        return dispatch.run(op, (self, _operand(other)), ()) if _accepted(other) else NotImplemented

    _publish(f"__{name}__", ask)


for _name in ("lt", "le", "gt", "ge"):
    _compare(_name, getattr(compare, _name))


def __eq__(self, other):
    """Elementwise equality; a foreign value is not equal."""
    return dispatch.run(compare.eq, (self, _operand(other)), ()) if _accepted(other) else NotImplemented


def __ne__(self, other):
    """Elementwise inequality; a foreign value is not equal."""
    return dispatch.run(compare.ne, (self, _operand(other)), ()) if _accepted(other) else NotImplemented


# the class defines neither, but object does, so they are set where `composite` would see a name twice
_publish("__eq__", __eq__)
_publish("__ne__", __ne__)


# --------------------------------------------------------------------------------------------------------------- powers
def __pow__(self, other, modulo=None):
    if modulo is not None or not _accepted(other):
        return NotImplemented
    return namespaces["torch"]["pow"](self, _operand(other))


def __rpow__(self, other):
    return namespaces["torch"]["pow"](_operand(other), self) if _accepted(other) else NotImplemented


def __ipow__(self, other):
    return self.pow_(_operand(other)) if _accepted(other) else NotImplemented


def __matmul__(self, other):
    return namespaces["torch"]["matmul"](self, other) if isinstance(other, Tensor) else NotImplemented


def __rmatmul__(self, other):
    return namespaces["torch"]["matmul"](other, self) if isinstance(other, Tensor) else NotImplemented


# ---------------------------------------------------------------------------------------------------------- one operand
def __neg__(self):
    return dispatch.run(arithmetic.neg, (self,), ())


def __pos__(self):
    return self.positive()


def __abs__(self):
    return self.abs()


def __invert__(self):
    if self.dtype.category > dtypes.INT:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return dispatch.run(bitwise.bitwise_not, (self,), ())


# ------------------------------------------------------------------------------------------------- what Python asks for
def __reversed__(self):
    return self.flip(0) if self.ndim else self


def __nonzero__(self):
    return bool(self)


def __long__(self):
    return int(self)


def __array_wrap__(self, array, context=None, return_scalar=False):
    # numpy hands the result of a ufunc of tensors to the first of them; torch shows truth values as uint8
    array = np.asarray(array)
    return wrap(from_host(array.astype(np.uint8) if array.dtype == bool else array))


for _fn in (
    __reversed__,
    __nonzero__,
    __long__,
    __array_wrap__,
    __pow__,
    __rpow__,
    __ipow__,
    __matmul__,
    __rmatmul__,
    __neg__,
    __pos__,
    __abs__,
    __invert__,
):
    _publish(_fn.__name__, _fn)

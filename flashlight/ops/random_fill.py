"""The methods that fill a tensor with random numbers in place: uniform_, normal_, bernoulli_, random_, ..."""

from __future__ import annotations

import mlx.core as mx

from .._core import dispatch, dtypes, views
from .._core.discrete import geometric as geometrics
from .._core.draws import cauchy as cauchies
from .._core.draws import exponential as exponentials
from .._core.draws import log_normal as log_normals
from .._core.sampling import DEVICE_FLOATS, drawn
from .._core.table import Array, method, op
from .._core.tensor import Tensor, read, wrap
from .random import integers_of, normal_of, real_number, refused, strides_to_fill, uniform_of, whole_number
from .random_of import bernoulli_by, bernoulli_of, parametric, zeros_for_all

_HISTORY = {
    "uniform_": parametric("uniform_", zeros_for_all, "Uniform"),
    "normal_": parametric("normal_", zeros_for_all, "Normal"),
    "random_": parametric("random_", zeros_for_all, "Random"),
    "bernoulli_": parametric("bernoulli_", zeros_for_all, "Bernoulli", 2),
    "exponential_": parametric("exponential_", zeros_for_all, "Exponential"),
    "geometric_": parametric("geometric_", zeros_for_all, "Geometric"),
    "cauchy_": parametric("cauchy_", zeros_for_all, "Cauchy"),
    "log_normal_": parametric("log_normal_", zeros_for_all, "LogNormal"),
}


@op(namespace="_random", method=False, out=False, name="bernoulli_1")
def _bernoulli_by_tensor(input: Array, p: Array, values: Array) -> Array:
    return values


_bernoulli_by_tensor.vjp(zeros_for_all)
_bernoulli_by_tensor.backward_name = "BernoulliBackward1"


def _fill(name: str, self: Tensor, draw, generator, *args) -> Tensor:
    """Write what ``draw`` gives for the shape, dtype and layout of a tensor into it."""
    _check_writable(self)
    values = draw(
        read(self).shape, self.dtype, self._device, generator, *args, strides=strides_to_fill(self), name=name
    )
    return _put(self, _HISTORY[name], (self, wrap(values, self._device)))


def _check_writable(self: Tensor) -> None:
    # before anything is drawn: a refused call leaves the generator where it was
    views.check_writable(self)
    views.fit(self, self, dispatch.cast)


def _put(self: Tensor, history, tensors) -> Tensor:
    return views.write(self, views.fit(self, dispatch.run(history, tensors, ()), dispatch.cast))


def _by_doubles(sampler, on_device, dtypes_on_device=DEVICE_FLOATS):
    """The drawing function of a distribution whose sampler takes (generator, shape, *parameters, dtype)."""

    def draw(shape, dtype, device, generator, *args, strides=None, name="") -> mx.array:
        source = (lambda s, shape: on_device(s, shape, *args, dtype)) if dtype in dtypes_on_device else None
        return drawn(
            name, shape, dtype, device, generator, lambda g, shape: sampler(g, shape, *args, dtype), source, strides
        )

    return draw


_exponential = _by_doubles(exponentials, lambda s, shape, *args: s.exponential(shape, *args))
_cauchy = _by_doubles(cauchies, lambda s, shape, *args: s.cauchy(shape, *args))
_log_normal = _by_doubles(log_normals, lambda s, shape, *args: s.log_normal(shape, *args))
_geometric = _by_doubles(
    geometrics,
    lambda s, shape, *args: s.geometric(shape, *args),
    (*DEVICE_FLOATS, dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64),
)


@method
def uniform_(self, *args, generator=None, **given):
    """``uniform_(from=0, to=1)``: fill with uniform numbers of [from, to).

    Raises: RuntimeError for bounds out of order, NotImplementedError for integer dtypes.
    """
    names = ("from", "to")
    if len(args) > 2 or not set(given) <= set(names[len(args) :]):
        raise refused("uniform_", args, given)
    bounds = {"from": 0.0, "to": 1.0} | dict(zip(names, args)) | given
    low, high = (real_number("uniform_", n, i, bounds[n]) for i, n in enumerate(names, 1))
    return _fill("uniform_", self, uniform_of, generator, low, high)


@method
def normal_(self, mean=0, std=1, *, generator=None):
    """Fill with normal numbers. Raises: RuntimeError for a negative ``std``."""
    parameters = real_number("normal_", "mean", 1, mean), real_number("normal_", "std", 2, std)
    return _fill("normal_", self, normal_of, generator, *parameters)


@method
def exponential_(self, lambd=1, *, generator=None):
    """Fill with exponential numbers of rate ``lambd``. Raises: RuntimeError for a rate that is not positive."""
    return _fill("exponential_", self, _exponential, generator, real_number("exponential_", "lambd", 1, lambd))


@method
def geometric_(self, p, *, generator=None):
    """Fill with the numbers of trials of probability ``p`` up to a success.

    Raises: RuntimeError for p outside (0, 1).
    """
    return _fill("geometric_", self, _geometric, generator, real_number("geometric_", "p", 1, p))


@method
def cauchy_(self, median=0, sigma=1, *, generator=None):
    """Fill with Cauchy numbers. Raises: RuntimeError for a ``sigma`` that is not positive."""
    parameters = real_number("cauchy_", "median", 1, median), real_number("cauchy_", "sigma", 2, sigma)
    return _fill("cauchy_", self, _cauchy, generator, *parameters)


@method
def log_normal_(self, mean=1, std=2, *, generator=None):
    """Fill with exponentials of normal numbers. Raises: RuntimeError for a ``std`` that is not positive."""
    parameters = real_number("log_normal_", "mean", 1, mean), real_number("log_normal_", "std", 2, std)
    return _fill("log_normal_", self, _log_normal, generator, *parameters)


@method
def random_(self, *args, generator=None, **given):
    """``random_()``, ``random_(to)``, ``random_(from, to)``: fill with integers of [from, to).

    Without ``to``, up to the largest the dtype holds (a floating one: up to which it holds them all).
    Raises: RuntimeError for bounds the dtype does not hold.
    """
    names = ("from", "to") if len(args) + len(given) == 2 else ("to",)
    if len(args) > len(names) or not set(given) <= set(names[len(args) :]):
        raise refused("random_", args, given)
    bounds = dict(zip(names, args)) | given
    if any(isinstance(b, (float, str)) or (b is None and n == "from") for n, b in bounds.items()):
        raise refused("random_", args, given)
    low, high = (None if bounds.get(n) is None else whole_number("random_", n, 1, bounds[n]) for n in ("from", "to"))
    return _fill("random_", self, integers_of, generator, low, high)


@method
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with ones and zeros, one with probability ``p``: a number, or a tensor that broadcasts to this one.

    Raises: RuntimeError for a probability outside [0, 1].
    """
    if not isinstance(p, Tensor):
        return _fill("bernoulli_", self, bernoulli_of, generator, real_number("bernoulli_", "p", 1, p))
    _check_writable(self)
    probabilities = read(p.expand(read(self).shape))
    values = bernoulli_by(probabilities, self.dtype, self._device, generator, strides_to_fill(self))
    return _put(self, _bernoulli_by_tensor, (self, p, wrap(values, self._device)))

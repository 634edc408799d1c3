"""Special functions with a derivative: error functions, gamma functions, modified Bessel functions, entropies."""

from __future__ import annotations

import math

import mlx.core as mx

from .._core import dispatch
from .._core.numerics import bessel, error, gamma, host
from .._core.numerics.elementary import exp
from .._core.table import Array, Operand, composite, op, publish
from .kinds import BOOL, FLOAT, INT, needs_a_tensor, only

_BOTH = ("torch", "special")


# ------------------------------------------------------------------------------------------------------ error functions
@op(promote="float", inplace=True, namespace=_BOTH)
def erf(input: Array) -> Array:
    """The error function."""
    return error.erf(input)


@op(promote="float", inplace=True, namespace=_BOTH)
def erfc(input: Array) -> Array:
    """``1 - erf(input)``, exact for large values."""
    return error.erfc(input)


@op(promote="float", inplace=True, namespace=_BOTH, autocast="gpu fp32", watch="")
def erfinv(input: Array) -> Array:
    """The inverse of ``erf``."""
    return error.erfinv(input)


@erfinv.vjp
def _(g, output):
    return g * exp(output * output) * (math.sqrt(math.pi) / 2)


@op(promote="float", namespace="special", watch="input output")
def erfcx(input: Array) -> Array:
    """``exp(input ** 2) * erfc(input)``, which does not underflow."""
    return error.erfcx(input)


@op(promote="float", namespace="special", watch="", single=True)
def ndtr(input: Array) -> Array:
    """The distribution function of the standard normal distribution."""
    return error.ndtr(input)


@op(promote="float", namespace="special", watch="input output")
def log_ndtr(input: Array) -> Array:
    """The logarithm of ``ndtr``, exact in both tails."""
    return error.log_ndtr(input)


@op(promote="float", namespace="special", watch="output")
def ndtri(input: Array) -> Array:
    """The inverse of ``ndtr``."""
    return error.ndtri(input)


# ------------------------------------------------------------------------------------------------------ gamma functions
@op(promote="float", inplace=True)
def lgamma(input: Array) -> Array:
    """The logarithm of the absolute value of the gamma function."""
    return gamma.lgamma(input)


@op(promote="float", inplace=True, namespace=_BOTH)
def digamma(input: Array) -> Array:
    """The derivative of ``lgamma``."""
    return gamma.digamma(input)


publish("gammaln", lgamma.public, ("special",))
publish("psi", digamma.public, ("special",))


@op(promote="float", namespace="_", method=False, name="polygamma")
def derivative_of_digamma(input: Array, n) -> Array:
    """The ``n``-th derivative of ``digamma``."""
    return gamma.polygamma(n, input)


def _order(n) -> int:
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return int(n)


@composite(namespace=_BOTH, method=False)
def polygamma(n, input, *, out=None):
    """The ``n``-th derivative of ``digamma``."""
    result = dispatch.run(derivative_of_digamma, (input,), (_order(n),))
    return result if out is None else dispatch.write_out(out, result)


@composite(name="polygamma", namespace=(), method=True)
def _polygamma(self, n):
    """The ``n``-th derivative of ``digamma``."""
    return polygamma(n, self)


@composite(namespace=(), method=True)
def polygamma_(self, n):
    """In-place form of ``polygamma``."""
    return dispatch.in_place(derivative_of_digamma, (self,), (_order(n),))


@op(promote="float", inplace=True)
def mvlgamma(input: Array, p: int) -> Array:
    """The logarithm of the multivariate gamma function of dimension ``p``. Raises: RuntimeError for ``p`` below 1."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    parts = [gamma.lgamma(input - j / 2) for j in range(p)]
    return sum(parts[1:], parts[0]) + p * (p - 1) / 4 * math.log(math.pi)


@mvlgamma.guarded
def _(operands):
    if operands[0].dtype == mx.bool_:
        raise RuntimeError("The input tensor may not be a boolean tensor.")


publish("multigammaln", mvlgamma.public, ("special",))


def _incomplete(name: str, special: str, evaluate, sign: float):
    """Declare a regularized incomplete gamma function under torch's two names."""

    def body(input: Array, other: Array) -> Array:
        return host.on_host(evaluate, input, other)

    body.__doc__ = f"The regularized {'lower' if sign > 0 else 'upper'} incomplete gamma function."
    declared = op(body, name=name, promote="same", inplace=True, host=True)

    @declared.vjp
    def _(g, input, other, needs):
        if needs[0]:
            raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")
        slope = exp((input - 1) * mx.log(other) - other - gamma.lgamma(input))
        return None, sign * g * slope

    only(declared, f"{name}_cpu", FLOAT)
    publish(special, declared.public, ("special",))


_incomplete("igamma", "gammainc", host.gammainc, 1.0)
_incomplete("igammac", "gammaincc", host.gammaincc, -1.0)


@op(promote="float", namespace="special", host=True)
def zeta(input: Operand, other: Operand) -> Array:
    """Hurwitz's zeta function, the sum of ``(other + k) ** -input`` over whole k from 0."""
    return host.on_host(host.zeta, input, other)


@zeta.vjp
def _(g, input, other, needs):
    if needs[0]:
        raise NotImplementedError("the derivative for 'zeta' is not implemented.")
    return None, g * -input * host.differentiable_zeta(input + 1, other)


# ----------------------------------------------------------------------------------------- modified Bessel functions, I
@op(promote="float", inplace=True, namespace=_BOTH)
def i0(input: Array) -> Array:
    """The modified Bessel function of the first kind, order 0."""
    return bessel.i0(input)


@op(promote="float", namespace="special", watch="input output")
def i0e(input: Array) -> Array:
    """``exp(-abs(input)) * i0(input)``."""
    return bessel.i0e(input)


@op(promote="float", namespace="special", watch="input output")
def i1(input: Array) -> Array:
    """The modified Bessel function of the first kind, order 1."""
    return bessel.i1(input)


@op(promote="float", namespace="special", watch="input output")
def i1e(input: Array) -> Array:
    """``exp(-abs(input)) * i1(input)``."""
    return bessel.i1e(input)


# ------------------------------------------------------------------------------------------------ entropies, logarithms
@op(promote="float", namespace="special")
def entr(input: Array) -> Array:
    """``-input * log(input)``; 0 at 0, minus infinity below."""
    positive = input > 0
    safe = mx.where(positive, input, mx.array(1, input.dtype))
    rest = mx.where(input == 0, mx.array(0, input.dtype), mx.array(-math.inf, input.dtype))
    return mx.where(mx.isnan(input), input, mx.where(positive, -safe * mx.log(safe), rest))


@entr.vjp
def _(g, input):
    return g * (-mx.log(input) - 1)


def _product_with_log(input, other, log):
    return mx.where(mx.isnan(other), other, mx.where(input == 0, mx.array(0, input.dtype), input * log))


def _slope_of_log_product(g, input, zero, log):
    # no gradient to a zero factor where the logarithm has none to give
    return mx.where((input == 0) & zero, mx.array(0, g.dtype), g * log)


@op(promote="float", namespace=_BOTH, inplace=True)
def xlogy(input: Operand, other: Operand) -> Array:
    """``input * log(other)``, 0 where ``input`` is 0."""
    return _product_with_log(input, other, mx.log(other))


@xlogy.vjp
def _(g, input, other, needs):
    first = _slope_of_log_product(g, input, other <= 0, mx.log(other)) if needs[0] else None
    return first, g * input / other if needs[1] else None


@op(promote="float", namespace="special")
def xlog1py(input: Operand, other: Operand) -> Array:
    """``input * log1p(other)``, 0 where ``input`` is 0."""
    return _product_with_log(input, other, mx.log1p(other))


@xlog1py.vjp
def _(g, input, other, needs):
    first = _slope_of_log_product(g, input, other <= -1, mx.log1p(other)) if needs[0] else None
    return first, g * input / (other + 1) if needs[1] else None


needs_a_tensor(zeta, xlogy, xlog1py)
for _operator, _kernel in (
    (erf, "erf_vml_cpu"),
    (erfc, "erfc_vml_cpu"),
    (erfinv, "erfinv_vml_cpu"),
    (erfcx, "erfcx_cpu"),
    (ndtr, "erf_vml_cpu"),
    (log_ndtr, "log_ndtr_cpu"),
    (ndtri, "ndtri_cpu"),
    (lgamma, "lgamma_vml_cpu"),
    (digamma, "digamma"),
    (derivative_of_digamma, "polygamma"),
    (mvlgamma, "lgamma_vml_cpu"),
    (zeta, "zeta_cpu"),
    (i0, "i0_vml_cpu"),
    (i0e, "i0e_cpu"),
    (i1, "i1_cpu"),
    (i1e, "i1e_cpu"),
    (entr, "entr_cpu"),
    (xlogy, "xlogy_cpu"),
    (xlog1py, "xlog1py_cpu"),
):
    only(_operator, _kernel, BOOL, INT, FLOAT)

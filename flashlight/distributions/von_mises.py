"""The von Mises distribution."""

from __future__ import annotations

import math

import flashlight

from .._core.size import Size
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]

# polynomials of the modified Bessel functions I0 and I1 in (x / 3.75)^2 and 3.75 / x: Abramowitz and Stegun 9.8.1 to 9.8.4
_NEAR = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.360768e-1, 0.45813e-2),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.2658733e-1, 0.301532e-2, 0.32411e-3),
)
_FAR = (
    (
        0.39894228, 0.1328592e-1, 0.225319e-2, -0.157565e-2, 0.916281e-2,
        -0.2057706e-1, 0.2635537e-1, -0.1647633e-1, 0.392377e-2,
    ),
    (
        0.39894228, -0.3988024e-1, -0.362018e-2, 0.163801e-2, -0.1031555e-1,
        0.2282967e-1, -0.2895312e-1, 0.1787654e-1, -0.420059e-2,
    ),
)  # fmt: skip
_EDGE = 3.75


def _polynomial(y, coefficients):
    result = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        result = c + y * result
    return result


def _log_modified_bessel_fn(x, order: int = 0):
    """The logarithm of I0 or I1 at positive x."""
    if order not in (0, 1):
        raise AssertionError(f"order must be 0 or 1, got {order}")
    near = _polynomial((x / _EDGE) ** 2, _NEAR[order])
    if order == 1:
        near = x.abs() * near
    far = x - 0.5 * x.log() + _polynomial(_EDGE / x, _FAR[order]).log()
    return flashlight.where(x < _EDGE, near.log(), far)


class VonMises(Distribution):
    """Angles around ``loc``, of density proportional to exp(concentration * cos(x - loc)).

    Source: Best and Fisher, Efficient simulation of the von Mises distribution, 1979, for the rejection sampling.
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc, concentration, validate_args=None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, Size(), validate_args)

    def expand(self, batch_shape, _instance=None):
        loc, concentration = self.loc.expand(batch_shape), self.concentration.expand(batch_shape)
        return type(self)(loc, concentration, validate_args=self.__dict__.get("_validate_args"))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        peak = self.concentration * flashlight.cos(value - self.loc)
        return peak - math.log(2 * math.pi) - _log_modified_bessel_fn(self.concentration, order=0)

    # sampling is in float64: at small concentrations the proposal needs the digits
    @lazy_property
    def _loc(self):
        return self.loc.to(flashlight.double)

    @lazy_property
    def _concentration(self):
        return self.concentration.to(flashlight.double)

    @lazy_property
    def _proposal_r(self):
        kappa = self._concentration
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        return flashlight.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape=()):
        with flashlight.no_grad():
            shape, r = self._extended_shape(sample_shape), self._proposal_r
            x = flashlight.zeros(shape, dtype=r.dtype, device=r.device)
            done = flashlight.zeros(shape, dtype=flashlight.bool, device=r.device)
            while not done.all():
                u1, u2, u3 = flashlight.rand((3,) + shape, dtype=r.dtype, device=r.device).unbind()
                z = flashlight.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = self._concentration * (r - f)
                accept = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                # an element accepted again is replaced again
                x = flashlight.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + self._loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def mean(self):
        """The circular mean."""
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):
        """The circular variance, 1 - I1 / I0."""
        log_ratio = _log_modified_bessel_fn(self.concentration, 1) - _log_modified_bessel_fn(self.concentration, 0)
        return 1 - log_ratio.exp()

"""Kullback-Leibler divergences: the registry, and the closed forms for pairs of distributions."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable

import flashlight

from ..nn.functional import softplus
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .dirichlet import Dirichlet
from .exp_family import ExponentialFamily
from .exponential import Exponential
from .gamma import Gamma
from .geometric import Geometric
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .independent import Independent
from .laplace import Laplace
from .lowrank_multivariate_normal import (
    LowRankMultivariateNormal,
    _batch_lowrank_logdet,
    _batch_lowrank_mahalanobis,
)
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis, half_log_det
from .normal import Normal
from .one_hot_categorical import OneHotCategorical
from .pareto import Pareto
from .poisson import Poisson
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import _sum_rightmost
from .utils import euler_constant as _euler_gamma

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY: dict[tuple[type, type], Callable] = {}
_KL_MEMOIZE: dict[tuple[type, type], Callable] = {}


# ----------------------------------------------------------------------------------------------------------- the registry
def register_kl(type_p, type_q):
    """A decorator that enters ``fn(p, q)`` for a pair of distribution classes and their subclasses.

    Raises: TypeError for what is no class.
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def decorator(fun):
        _KL_REGISTRY[type_p, type_q] = fun
        _KL_MEMOIZE.clear()
        return fun

    return decorator


@functools.total_ordering
class _Match:
    """A tuple of classes ordered by how special they are, the first deciding before the second."""

    __slots__ = ("types",)

    def __init__(self, *types):
        self.types = types

    def __eq__(self, other):
        return self.types == other.types

    def __le__(self, other):
        for mine, others in zip(self.types, other.types):
            if not issubclass(mine, others):
                return False
            if mine is not others:
                break
        return True


def _dispatch_kl(type_p, type_q):
    """The most special entry for a pair of classes; a RuntimeWarning if the two sides disagree on which that is."""
    matches = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not matches:
        return NotImplemented
    left_p, left_q = min(_Match(*m) for m in matches).types
    right_q, right_p = min(_Match(*reversed(m)) for m in matches).types
    found = _KL_REGISTRY[left_p, left_q]
    if found is not _KL_REGISTRY[right_p, right_q]:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
            f"Please register_kl({left_p.__name__}, {right_q.__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return found


def kl_divergence(p, q):
    """The divergence of ``p`` from ``q``, the mean under p of log p(x) - log q(x), of the batch shape.

    Raises: NotImplementedError for a pair without an entry.
    """
    key = type(p), type(q)
    if key not in _KL_MEMOIZE:
        _KL_MEMOIZE[key] = _dispatch_kl(*key)
    fun = _KL_MEMOIZE[key]
    if fun is NotImplemented:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}"
        )
    return fun(p, q)


# -------------------------------------------------------------------------------------------------------- common terms
def _infinite_where(result, condition):
    return result.masked_fill(condition, math.inf)


def _x_log_x(x):
    return flashlight.special.xlogy(x, x)


def _batch_trace_XXT(bmat):
    """The trace of X X^T, the sum of squares."""
    return bmat.pow(2).sum((-2, -1))


def _negative_log_gamma_constant(q):
    """log(gamma(a) / rate^a), the constant of a gamma density turned around."""
    return q.concentration.lgamma() - q.concentration * q.rate.log()


def _log_sqrt_2_pi_scale(scale):
    return (math.sqrt(2 * math.pi) * scale).log()


# ------------------------------------------------------------------------------------------------------- never absolute
def _infinite(p, q):
    """p has mass where q has none."""
    return flashlight.full_like(getattr(p, _SHAPED[_family(p)]), math.inf)


_SHAPED = {
    Beta: "concentration1",
    ContinuousBernoulli: "probs",
    Exponential: "rate",
    Gamma: "concentration",
    Gumbel: "loc",
    Laplace: "loc",
    Normal: "loc",
    Pareto: "scale",
    Poisson: "rate",
}


def _family(p) -> type:
    return next(kind for kind in _SHAPED if isinstance(p, kind))


for _kind, _others in {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}.items():
    for _other in _others:
        register_kl(_kind, _other)(_infinite)


# ------------------------------------------------------------------------------------------------------------- discrete
@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p, q):
    ones = _infinite_where(p.probs * (softplus(-q.logits) - softplus(-p.logits)), q.probs == 0)
    zeros = _infinite_where((1 - p.probs) * (softplus(q.logits) - softplus(p.logits)), q.probs == 1)
    return ones.masked_fill(p.probs == 0, 0) + zeros.masked_fill(p.probs == 1, 0)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p, q):
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Binomial, Binomial)
def _binomial_binomial(p, q):
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    one = p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p()
    return _infinite_where(p.total_count * one, p.total_count > q.total_count)


@register_kl(Categorical, Categorical)
def _categorical_categorical(p, q):
    terms = _infinite_where(p.probs * (p.logits - q.logits), q.probs == 0)
    return terms.masked_fill(p.probs == 0, 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _onehot_onehot(p, q):
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric_geometric(p, q):
    return -p.entropy() - flashlight.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson_poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


# ----------------------------------------------------------------------------------------------------------- one family
@register_kl(Beta, Beta)
def _beta_beta(p, q):
    sum_p, sum_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    constant_q = q.concentration1.lgamma() + q.concentration0.lgamma() + sum_p.lgamma()
    constant_p = p.concentration1.lgamma() + p.concentration0.lgamma() + sum_q.lgamma()
    slope1 = (p.concentration1 - q.concentration1) * p.concentration1.digamma()
    slope0 = (p.concentration0 - q.concentration0) * p.concentration0.digamma()
    return constant_q - constant_p + slope1 + slope0 + (sum_q - sum_p) * sum_p.digamma()


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p, q):
    distance = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return distance.log() - (4 * p.scale * q.scale).log()


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli_continuous_bernoulli(p, q):
    constant_p = p._cont_bern_log_norm() + flashlight.log1p(-p.probs)
    constant_q = q._cont_bern_log_norm() + flashlight.log1p(-q.probs)
    return p.mean * (p.logits - q.logits) + constant_p - constant_q


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p, q):
    a, b = p.concentration, q.concentration
    sum_a, sum_b = a.sum(-1), b.sum(-1)
    constant = sum_a.lgamma() - sum_b.lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return constant + ((a - b) * (a.digamma() - sum_a.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential_exponential(p, q):
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(ExponentialFamily, ExponentialFamily)
def _expfamily_expfamily(p, q):
    """The Bregman divergence of the log normalizer."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot"
            f"{' ' * 29}be computed using Bregman divergences"
        )
    natural_p = [t.detach().requires_grad_() for t in p._natural_params]
    natural_q = q._natural_params
    normalizer = p._log_normalizer(*natural_p)
    slopes = flashlight.autograd.grad(normalizer.sum(), natural_p, create_graph=True)
    result = q._log_normalizer(*natural_q) - normalizer
    for a, b, slope in zip(natural_p, natural_q, slopes):
        result = result - _sum_rightmost((b - a) * slope, len(q.event_shape))
    return result


@register_kl(Gamma, Gamma)
def _gamma_gamma(p, q):
    a, b = p.concentration, q.concentration
    constant = b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma()
    return constant + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Gumbel, Gumbel)
def _gumbel_gumbel(p, q):
    ratio, loc_p, loc_q = p.scale / q.scale, p.loc / q.scale, q.loc / q.scale
    linear = -ratio.log() - loc_q + loc_p + ratio * _euler_gamma
    return linear + flashlight.exp(loc_q + (1 + ratio).lgamma() - loc_p) - (1 + _euler_gamma)


@register_kl(HalfNormal, HalfNormal)
def _halfnormal_halfnormal(p, q):
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace_laplace(p, q):
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return distance / q.scale + ratio * flashlight.exp(-distance / p.scale) - ratio.log() - 1


@register_kl(Normal, Normal)
def _normal_normal(p, q):
    var_ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (var_ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - var_ratio.log())


@register_kl(Pareto, Pareto)
def _pareto_pareto(p, q):
    ratio = q.alpha / p.alpha
    result = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return _infinite_where(result, p.support.lower_bound < q.support.lower_bound)


@register_kl(Uniform, Uniform)
def _uniform_uniform(p, q):
    result = ((q.high - q.low) / (p.high - p.low)).log()
    return _infinite_where(result, (q.low > p.low) | (q.high < p.high))


# ---------------------------------------------------------------------------------------------------- multivariate normal
def _require_one_event_shape(p, q, what: str) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(f"KL-divergence between two {what} with different event shapes cannot be computed")


def _log_det_of(d):
    if isinstance(d, LowRankMultivariateNormal):
        return _batch_lowrank_logdet(*d._parts(), d._capacitance_tril)
    return 2 * half_log_det(d._unbroadcasted_scale_tril)


def _distance_to(q, x):
    if isinstance(q, LowRankMultivariateNormal):
        return _batch_lowrank_mahalanobis(*q._parts(), x, q._capacitance_tril)
    return _batch_mahalanobis(q._unbroadcasted_scale_tril, x)


def _roots_of(p) -> list:
    """Matrices X with sum of X X^T the covariance."""
    if isinstance(p, LowRankMultivariateNormal):
        W, D = p._parts()
        return [W, flashlight.diag_embed(D.sqrt())]
    return [p._unbroadcasted_scale_tril]


def _trace_of_ratio(p, q):
    """trace(cov_q^-1 cov_p)."""
    if not isinstance(q, LowRankMultivariateNormal):
        factor = q._unbroadcasted_scale_tril
        return sum(
            _batch_trace_XXT(flashlight.linalg.solve_triangular(factor, root, upper=False)) for root in _roots_of(p)
        )
    # cov_q^-1 = D^-1 - A^T A
    W, D = q._parts()
    A = flashlight.linalg.solve_triangular(q._capacitance_tril, W.mT / D.unsqueeze(-2), upper=False)
    scale = D.rsqrt().unsqueeze(-1)
    if isinstance(p, LowRankMultivariateNormal):
        p_W, p_D = p._parts()
        diagonal = (p_D / D).sum(-1) - _batch_trace_XXT(A * p_D.sqrt().unsqueeze(-2))
        return diagonal + _batch_trace_XXT(p_W * scale) - _batch_trace_XXT(A.matmul(p_W))
    root = p._unbroadcasted_scale_tril
    return _batch_trace_XXT(root * scale) - _batch_trace_XXT(A.matmul(root))


def _register_multivariate(type_p, type_q, what: str) -> None:
    @register_kl(type_p, type_q)
    def _(p, q):
        _require_one_event_shape(p, q, what)
        log_dets = _log_det_of(q) - _log_det_of(p)
        distance = _distance_to(q, q.loc - p.loc)
        return 0.5 * (log_dets + _trace_of_ratio(p, q) + distance - p.event_shape[0])


_register_multivariate(MultivariateNormal, MultivariateNormal, "Multivariate Normals")
_register_multivariate(LowRankMultivariateNormal, LowRankMultivariateNormal, "Low Rank Multivariate Normals")
_register_multivariate(MultivariateNormal, LowRankMultivariateNormal, "(Low Rank) Multivariate Normals")
_register_multivariate(LowRankMultivariateNormal, MultivariateNormal, "(Low Rank) Multivariate Normals")


# ------------------------------------------------------------------------------------------------------------- compound
@register_kl(Independent, Independent)
def _independent_independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


# ---------------------------------------------------------------------------------------------------- between families
# most are -entropy of p - the mean under p of log q
def _mean_energy_of_normal(q, mean, square):
    """The mean of (x - loc)^2 / (2 scale^2), given the means of x and x^2."""
    return (0.5 * square - q.loc * mean + 0.5 * q.loc.pow(2)) / q.scale.pow(2)


@register_kl(Beta, ContinuousBernoulli)
@register_kl(Uniform, ContinuousBernoulli)
def _to_continuous_bernoulli(p, q):
    result = -p.entropy() - p.mean * q.logits - flashlight.log1p(-q.probs) - q._cont_bern_log_norm()
    if isinstance(p, Beta):
        return result
    # infinite also where the supports are equal, as in torch
    outside = (p.high >= q.support.upper_bound) | (p.low <= q.support.lower_bound)
    return _infinite_where(result, outside)


@register_kl(Beta, Exponential)
def _beta_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p, q):
    mean_log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return -p.entropy() + _negative_log_gamma_constant(q) - (q.concentration - 1) * mean_log + q.rate * p.mean


@register_kl(Beta, Normal)
def _beta_normal(p, q):
    energy = _mean_energy_of_normal(q, p.mean, p.variance + p.mean.pow(2))
    return -p.entropy() + _log_sqrt_2_pi_scale(q.scale) + energy


@register_kl(Beta, Uniform)
def _beta_uniform(p, q):
    result = -p.entropy() + (q.high - q.low).log()
    return _infinite_where(result, (q.low > p.support.lower_bound) | (q.high < p.support.upper_bound))


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p, q):
    energy = _mean_energy_of_normal(q, p.mean, p.variance + p.mean.square())
    return -p.entropy() + _log_sqrt_2_pi_scale(q.scale) + energy


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p, q):
    result = -p.entropy() + (q.high - q.low).log()
    # the comparisons are torch's: infinite for an interval that begins at or above 0, or ends at or below 1
    return _infinite_where(result, (q.low >= p.support.lower_bound) | (q.high <= p.support.upper_bound))


@register_kl(Exponential, Gamma)
def _exponential_gamma(p, q):
    ratio = q.rate / p.rate
    power = q.concentration.lgamma() + q.concentration * _euler_gamma - q.concentration * ratio.log()
    return power + ratio - (1 + _euler_gamma)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p, q):
    product, loc = p.rate * q.scale, q.loc / q.scale
    tail = flashlight.exp(loc) * product / (product + 1)
    return product.log() - 1 - loc + tail + product.reciprocal()


@register_kl(Exponential, Normal)
def _exponential_normal(p, q):
    energy = _mean_energy_of_normal(q, p.rate.reciprocal(), 2 * p.rate.pow(-2))
    return _log_sqrt_2_pi_scale(q.scale) + p.rate.log() - 1 + energy


@register_kl(Gamma, Exponential)
def _gamma_exponential(p, q):
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p, q):
    product, loc, a = p.rate * q.scale, q.loc / q.scale, p.concentration
    own = (a - 1) * a.digamma() - a.lgamma() - a
    tail = flashlight.exp(loc) * (1 + product.reciprocal()).pow(-a)
    return own + product.log() + a / product + tail - loc


@register_kl(Gamma, Normal)
def _gamma_normal(p, q):
    a = p.concentration
    own = (a - 1) * a.digamma() - a - a.lgamma() + p.rate.log()
    energy = _mean_energy_of_normal(q, a / p.rate, (a.pow(2) + a) / p.rate.pow(2))
    return own + _log_sqrt_2_pi_scale(q.scale) + energy


@register_kl(Gumbel, Normal)
def _gumbel_normal(p, q):
    ratio = p.scale / q.scale
    spread = (math.pi * ratio * 0.5).pow(2) / 3
    distance = ((p.loc + p.scale * _euler_gamma - q.loc) / q.scale).pow(2) * 0.5
    return -(ratio / math.sqrt(2 * math.pi)).log() + spread + distance - (_euler_gamma + 1)


@register_kl(Laplace, Normal)
def _laplace_normal(p, q):
    ratio = p.scale.pow(2) / q.scale.pow(2)
    energy = _mean_energy_of_normal(q, p.loc, p.loc.pow(2))
    return -0.5 * flashlight.log(2 * ratio / math.pi) + ratio + energy - 1


@register_kl(Normal, Gumbel)
def _normal_gumbel(p, q):
    mean, loc, ratio = p.loc / q.scale, q.loc / q.scale, (p.scale / q.scale).pow(2)
    tail = flashlight.exp(-mean + 0.5 * ratio + loc)
    return mean - loc + tail - 0.5 * ratio.log() - 0.5 * (1 + math.log(2 * math.pi))


@register_kl(Normal, Laplace)
def _normal_laplace(p, q):
    distance = p.loc - q.loc
    z = distance / p.scale
    folded = math.sqrt(2 / math.pi) * p.scale * flashlight.exp(-0.5 * z.pow(2))
    deviation = folded + distance * flashlight.erf(math.sqrt(0.5) * z)
    return -(p.scale / q.scale).log() + deviation / q.scale - 0.5 * (1 + math.log(0.5 * math.pi))


@register_kl(Pareto, Exponential)
def _pareto_exponential(p, q):
    product = p.scale * q.rate
    result = (p.alpha / product).log() - p.alpha.reciprocal() + p.alpha * product / (p.alpha - 1) - 1
    return _infinite_where(result, p.alpha <= 1)


@register_kl(Pareto, Gamma)
def _pareto_gamma(p, q):
    mean_log = p.scale.log() + p.alpha.reciprocal()
    linear = q.rate * p.alpha * p.scale / (p.alpha - 1)
    own = p.alpha.log() - mean_log - 1
    result = own + _negative_log_gamma_constant(q) + (1 - q.concentration) * mean_log + linear
    return _infinite_where(result, p.alpha <= 1)


@register_kl(Pareto, Normal)
def _pareto_normal(p, q):
    part = p.scale / (p.alpha - 1)
    spread = p.alpha * part.pow(2) / (p.alpha - 2)
    energy = (spread + (p.alpha * part - q.loc).pow(2)) / (2 * q.scale.pow(2))
    own = (math.sqrt(2 * math.pi) * q.scale * p.alpha / p.scale).log() - p.alpha.reciprocal() - 1
    return _infinite_where(own + energy, p.alpha <= 2)


def _mean_log_of_uniform(low, high):
    """The mean of log(x)."""
    width = high - low
    return (_x_log_x(high) - _x_log_x(low) - width) / width


@register_kl(Uniform, Beta)
def _uniform_beta(p, q):
    a, b = q.concentration1, q.concentration0
    powers = (a - 1) * _mean_log_of_uniform(p.low, p.high) + (b - 1) * _mean_log_of_uniform(1 - p.high, 1 - p.low)
    result = a.lgamma() + b.lgamma() - (a + b).lgamma() - (p.high - p.low).log() - powers
    return _infinite_where(result, (p.high > q.support.upper_bound) | (p.low < q.support.lower_bound))


@register_kl(Uniform, Exponential)
def _uniform_exponential(p, q):
    result = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    return _infinite_where(result, p.low < q.support.lower_bound)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p, q):
    powers = (1 - q.concentration) * _mean_log_of_uniform(p.low, p.high)
    linear = q.rate * (p.high + p.low) / 2
    result = _negative_log_gamma_constant(q) - (p.high - p.low).log() + powers + linear
    return _infinite_where(result, p.low < q.support.lower_bound)


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p, q):
    part = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return part.log() + 0.5 * (high + low) - part * (flashlight.exp(-high) - flashlight.exp(-low))


@register_kl(Uniform, Normal)
def _uniform_normal(p, q):
    width = p.high - p.low
    square = width.pow(2) / 12 + ((p.high + p.low - 2 * q.loc) / 2).pow(2)
    return (math.sqrt(math.pi * 2) * q.scale / width).log() + 0.5 * square / q.scale.pow(2)


@register_kl(Uniform, Pareto)
def _uniform_pareto(p, q):
    own = (q.alpha * q.scale.pow(q.alpha) * (p.high - p.low)).log()
    result = _mean_log_of_uniform(p.low, p.high) * (q.alpha + 1) - own
    return _infinite_where(result, p.low < q.support.lower_bound)

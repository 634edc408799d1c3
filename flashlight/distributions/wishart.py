"""The Wishart distribution."""

from __future__ import annotations

import math
import warnings

import flashlight

from .._core.size import Size
from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import MATRICES, factor_of, half_log_det
from .utils import NUMBERS, lazy_property

__all__ = ["Wishart"]

_LOG_2 = math.log(2)


def _mvdigamma(x, p: int):
    """The slope of ``mvlgamma``."""
    if not x.gt((p - 1) / 2).all():
        raise AssertionError("Wrong domain for multivariate digamma function.")
    return flashlight.digamma(x.unsqueeze(-1) - flashlight.arange(p, dtype=x.dtype, device=x.device).div(2)).sum(-1)


class Wishart(ExponentialFamily):
    """Positive definite (..., P, P) matrices: sums of ``df`` outer products of normal vectors of a covariance.

    The covariance is given itself, by its inverse or by its Cholesky factor. Samples are made by Bartlett's decomposition.
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    @property
    def arg_constraints(self):
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None) -> None:
        values = (covariance_matrix, precision_matrix, scale_tril)
        given = [(name, value) for name, value in zip(MATRICES, values) if value is not None]
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        if isinstance(df, NUMBERS):
            batch_shape = matrix.shape[:-2]
            self.df = flashlight.tensor(df, dtype=matrix.dtype, device=matrix.device)
        else:
            batch_shape = flashlight.broadcast_shapes(matrix.shape[:-2], df.shape)
            self.df = df.expand(batch_shape)
        event_shape = matrix.shape[-2:]
        p = event_shape[-1]
        if self.df.le(p - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {p - 1}.")
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        if self.df.lt(p).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        super().__init__(batch_shape, event_shape, validate_args=validate_args)
        self._unbroadcasted_scale_tril = factor_of(*values)
        self._dist_chi2 = self._chi2()

    def _chi2(self):
        """The squares of the diagonal of Bartlett's triangle."""
        df, p = self.df, self._event_shape[-1]
        steps = flashlight.arange(p, dtype=self._unbroadcasted_scale_tril.dtype, device=df.device)
        return Chi2(df=df.unsqueeze(-1) - steps.expand(self._batch_shape + (-1,)))

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Wishart, _instance)
        new.df = self.df.expand(batch_shape)
        kept = ("_unbroadcasted_scale_tril",)
        self._expand_fields(Wishart, batch_shape, new, *MATRICES, kept=kept)
        new._dist_chi2 = new._chi2()
        return new

    def _whole(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._whole(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        factor = self._unbroadcasted_scale_tril
        identity = flashlight.eye(self._event_shape[-1], device=factor.device, dtype=factor.dtype)
        return self._whole(flashlight.cholesky_solve(identity, factor))

    def _times_covariance(self, factor):
        return factor.reshape(factor.shape + (1, 1)) * self.covariance_matrix

    @property
    def mean(self):
        return self._times_covariance(self.df)

    @property
    def mode(self):
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        return self._times_covariance(factor.masked_fill(factor <= 0, math.nan))

    @property
    def variance(self):
        V = self.covariance_matrix
        diagonal = V.diagonal(dim1=-2, dim2=-1)
        products = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df.reshape(self.df.shape + (1, 1)) * (V.pow(2) + products)

    def _bartlett_sampling(self, sample_shape=()):
        p = self._event_shape[-1]
        roots = self._dist_chi2.rsample(sample_shape).sqrt()
        roots = roots.clamp(min=flashlight.finfo(roots.dtype).eps)
        below = flashlight.randn(
            Size(sample_shape) + self._batch_shape + (p * (p - 1) // 2,), dtype=roots.dtype, device=roots.device
        )
        noise = roots.diag_embed(dim1=-2, dim2=-1)
        i, j = flashlight.tril_indices(p, p, offset=-1)
        noise[..., i, j] = below
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def _any_in_batch(self, flags):
        # flags of whole draws: one matrix of the batch decides
        dims = [-(i + 1) for i in range(len(self._batch_shape))]
        return flags.any(dim=dims) if dims else flags

    def rsample(self, sample_shape=(), max_try_correction=None):
        """Matrices; draws that fail a check are drawn again up to ``max_try_correction`` (10) times.

        The first check is on matrices that do lie in the support, as it is in torch: the numbers drawn are torch's.
        """
        tries = 10 if max_try_correction is None else max_try_correction
        sample = self._bartlett_sampling(Size(sample_shape))
        again = self._any_in_batch(self.support.check(sample))
        if not again.any():
            return sample
        warnings.warn("Singular sample detected.", stacklevel=2)
        for _ in range(tries):
            new = self._bartlett_sampling(again[again].shape)
            sample[again] = new
            failed = self._any_in_batch(~self.support.check(new))
            again[again.clone()] = failed
            if not again.any():
                break
        return sample

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        nu, p, factor = self.df, self._event_shape[-1], self._unbroadcasted_scale_tril
        trace = flashlight.cholesky_solve(value, factor).diagonal(dim1=-2, dim2=-1).sum(dim=-1)
        return (
            -nu * (p * _LOG_2 / 2 + half_log_det(factor))
            - flashlight.mvlgamma(nu / 2, p=p)
            + (nu - p - 1) / 2 * flashlight.linalg.slogdet(value).logabsdet
            - trace / 2
        )

    def entropy(self):
        nu, p = self.df, self._event_shape[-1]
        return (
            (p + 1) * (p * _LOG_2 / 2 + half_log_det(self._unbroadcasted_scale_tril))
            + flashlight.mvlgamma(nu / 2, p=p)
            - (nu - p - 1) / 2 * _mvdigamma(nu / 2, p=p)
            + nu * p / 2
        )

    @property
    def _natural_params(self) -> tuple:
        return (-self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2)

    def _log_normalizer(self, x, y):
        p = self._event_shape[-1]
        half = y + (p + 1) / 2
        return half * (-flashlight.linalg.slogdet(-2 * x).logabsdet + _LOG_2 * p) + flashlight.mvlgamma(half, p=p)

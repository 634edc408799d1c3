"""The multivariate normal distribution."""

from __future__ import annotations

import math

import flashlight

from . import constraints
from .distribution import Distribution
from .utils import _standard_normal, lazy_property

__all__ = ["MultivariateNormal"]

MATRICES = ("covariance_matrix", "precision_matrix", "scale_tril")


def _batch_mv(bmat, bvec):
    """Matrices (..., N, M) times vectors (..., M)."""
    return flashlight.matmul(bmat, bvec.unsqueeze(-1)).squeeze(-1)


def _batch_mahalanobis(bL, bx):
    """The squared length of L^-1 x: (B..., N, N), (S..., B..., N) -> (S..., B...)."""
    lead = max(bx.dim() + 1 - bL.dim(), 0)
    outer = bx.shape[:lead]
    # the dimensions that share a factor become the columns of one system
    columns = bx.reshape((outer.numel(),) + bx.shape[lead:]).movedim(0, -1)
    squares = flashlight.linalg.solve_triangular(bL, columns, upper=False).pow(2).sum(-2)
    return squares.movedim(-1, 0).reshape(outer + squares.shape[:-1])


def _precision_to_scale_tril(P):
    """The Cholesky factor of a matrix' inverse, without inverting it: factors of the matrix turned around, and back."""
    factor = flashlight.linalg.cholesky(flashlight.flip(P, (-2, -1)))
    inverse = flashlight.flip(factor, (-2, -1)).mT
    identity = flashlight.eye(P.shape[-1], dtype=P.dtype, device=P.device)
    return flashlight.linalg.solve_triangular(inverse, identity, upper=False)


def factor_of(covariance_matrix, precision_matrix, scale_tril):
    """The Cholesky factor of the covariance, from whichever matrix is given."""
    if scale_tril is not None:
        return scale_tril
    if covariance_matrix is not None:
        return flashlight.linalg.cholesky(covariance_matrix)
    return _precision_to_scale_tril(precision_matrix)


def half_log_det(factor):
    """Half the logarithm of the determinant of L L^T."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(Distribution):
    """Normal vectors (..., N) of mean ``loc``, with a covariance, a precision or a lower triangular factor L of L L^T."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        values = (covariance_matrix, precision_matrix, scale_tril)
        given = [(name, value) for name, value in zip(MATRICES, values) if value is not None]
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given
        if matrix.dim() < 2:
            what = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(f"{what} must be at least two-dimensional, with optional leading batch dimensions")
        batch_shape = flashlight.broadcast_shapes(matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand(batch_shape + (-1, -1)))
        self.loc = loc.expand(batch_shape + (-1,))
        super().__init__(batch_shape, self.loc.shape[-1:], validate_args=validate_args)
        self._unbroadcasted_scale_tril = factor_of(*values)

    def expand(self, batch_shape, _instance=None):
        kept = ("_unbroadcasted_scale_tril",)
        return self._expand_fields(MultivariateNormal, batch_shape, _instance, "loc", *MATRICES, kept=kept)

    def _whole(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The Cholesky factor of the covariance."""
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._whole(flashlight.matmul(factor, factor.mT))

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        return self._whole(flashlight.cholesky_inverse(self._unbroadcasted_scale_tril))

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return self._unbroadcasted_scale_tril.pow(2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=()):
        eps = _standard_normal(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + _batch_mv(self._unbroadcasted_scale_tril, eps)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        factor = self._unbroadcasted_scale_tril
        distance = _batch_mahalanobis(factor, value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det(factor)

    def entropy(self):
        constant = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi))
        return (constant + half_log_det(self._unbroadcasted_scale_tril)).expand(self._batch_shape)

"""The LKJ distribution of Cholesky factors of correlation matrices."""

from __future__ import annotations

import math

import flashlight

from .._core.size import Size
from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Cholesky factors of (dim, dim) correlation matrices of density proportional to det ** (concentration - 1).

    Source: Lewandowski, Kurowicka and Joe, Generating random correlation matrices based on vines and extended onion method,
    2009; samples are made by the onion method.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration=1.0, validate_args=None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        like = {"dtype": self.concentration.dtype, "device": self.concentration.device}
        # the squared length of each row's part below the diagonal; the first row has none and is overwritten
        offset = flashlight.arange(-1, dim - 1, **like).clamp(min=0)
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    def expand(self, batch_shape, _instance=None):
        return self._expand_fields(LKJCholesky, batch_shape, _instance, "concentration", "_beta", kept=("dim",))

    def sample(self, sample_shape=()):
        with flashlight.no_grad():
            length = self._beta.sample(sample_shape).unsqueeze(-1)
            shape = self._extended_shape(sample_shape)
            direction = flashlight.randn(shape, dtype=length.dtype, device=length.device).tril(-1)
            direction = direction / direction.norm(dim=-1, keepdim=True)
            direction[..., 0, :] = 0.0
            below = flashlight.sqrt(length) * direction
            tiny = flashlight.finfo(below.dtype).tiny
            diagonal = flashlight.clamp(1 - flashlight.sum(below**2, dim=-1), min=tiny).sqrt()
            return below + flashlight.diag_embed(diagonal)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        rows = flashlight.arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - rows
        unnormalised = flashlight.sum(order * diagonal.log(), dim=-1)
        m = self.dim - 1
        alpha = self.concentration + 0.5 * m
        normalizer = 0.5 * m * math.log(math.pi) + flashlight.mvlgamma(alpha - 0.5, m) - flashlight.lgamma(alpha) * m
        return unnormalised - normalizer

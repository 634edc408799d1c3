"""Instance normalisation. Shapes: N batch, C channels, then the spatial dimensions."""

from __future__ import annotations

import warnings

from ..._core.tensor import Tensor
from .. import functional as F
from .batchnorm import _check_dims, _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    """Normalises each channel of each sample over the spatial dimensions (Ulyanov et al. 2016)."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _get_no_batch_dim(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not say which inputs it takes")

    def _normalise(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ) -> None:
        # before version 2 the statistics were saved although they were never used
        if local_metadata.get("version", None) is None and not self.track_running_stats:
            stale = [n for n in ("running_mean", "running_var") if prefix + n in state_dict]
            if stale:
                listed = " and ".join(f'"{prefix + n}"' for n in stale)
                name = type(self).__name__
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {listed} for {name} with track_running_stats=False. If "
                    f"state_dict is a checkpoint saved before 0.4.0, this may be expected because {name} does not "
                    "track running stats by default since 0.4.0. Please remove these keys from state_dict. If the "
                    f"running stats are actually needed, instead set track_running_stats=True in {name} to enable "
                    f"them. See the documentation of {name} for details."
                )
                for n in stale:
                    state_dict.pop(prefix + n)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        unbatched = input.dim() == self._get_no_batch_dim()
        feature_dim = input.dim() - self._get_no_batch_dim()
        if input.size(feature_dim) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={feature_dim} to match num_features ({self.num_features}), but got: "
                    f"{input.size(feature_dim)}."
                )
            warnings.warn(
                f"input's size at dim={feature_dim} does not match num_features. You can silence this warning by not "
                "passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        return self._normalise(input.unsqueeze(0)).squeeze(0) if unbatched else self._normalise(input)


class _1d:
    def _get_no_batch_dim(self) -> int:
        return 2

    def _check_input_dim(self, input: Tensor) -> None:
        _check_dims(input, 2, 3)


class _2d:
    def _get_no_batch_dim(self) -> int:
        return 3

    def _check_input_dim(self, input: Tensor) -> None:
        _check_dims(input, 3, 4)


class _3d:
    def _get_no_batch_dim(self) -> int:
        return 4

    def _check_input_dim(self, input: Tensor) -> None:
        _check_dims(input, 4, 5)


class InstanceNorm1d(_1d, _InstanceNorm):
    """Instance normalisation.

    Shape: (N, C, L) or (C, L), kept.
    """


class InstanceNorm2d(_2d, _InstanceNorm):
    """Instance normalisation.

    Shape: (N, C, H, W) or (C, H, W), kept.
    """


class InstanceNorm3d(_3d, _InstanceNorm):
    """Instance normalisation.

    Shape: (N, C, D, H, W) or (C, D, H, W), kept.
    """


class LazyInstanceNorm1d(_1d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm1d that learns ``num_features`` from its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_2d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm2d that learns ``num_features`` from its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_3d, _LazyNormBase, _InstanceNorm):
    """An InstanceNorm3d that learns ``num_features`` from its first input."""

    cls_to_become = InstanceNorm3d

"""Padding, resizing, sampling, folding, shuffles and distances."""

import dataclasses

from ...oracle import A
from . import R, S

F = "nn.functional."

S(F + "pad", A(2, 3), (1, 2), value=3.5)
S(F + "pad", A(2, 3, 4), (1, -1, -1, 2))
S(F + "pad", A(2, 3, dtype="int64"), (0, 1))
R(F + "pad", A(3), (1,))
R(F + "pad", A(3), (-2, -2))
for _mode in ("reflect", "replicate", "circular"):
    S(F + "pad", A(2, 3, 5), (2, 1), _mode)
    S(F + "pad", A(3, 5), (1, 2), _mode)
    S(F + "pad", A(2, 3, 4, 5), (1, 2, 3, 0), _mode)
    S(F + "pad", A(1, 2, 3, 4, 5), (1, 2, 2, 1, 1, 0), _mode)
    R(F + "pad", A(3), (1, 1), _mode)
R(F + "pad", A(1, 3), (3, 1), "reflect")
R(F + "pad", A(1, 3), (4, 1), "circular")
R(F + "pad", A(1, 3), (1, 1), "mirror")
R(F + "pad", A(1, 3), (1, 1), "reflect", 2.0)

for _mode in ("nearest", "nearest-exact", "area"):
    S(F + "interpolate", A(2, 3, 5), 8, mode=_mode)
    S(F + "interpolate", A(2, 3, 4, 6), scale_factor=2, mode=_mode)
    S(F + "interpolate", A(1, 2, 3, 4, 5), (4, 2, 7), mode=_mode)
for _mode, _shape in (
    ("linear", (2, 3, 5)),
    ("bilinear", (2, 3, 5, 4)),
    ("bicubic", (2, 3, 5, 4)),
    ("trilinear", (1, 2, 3, 4, 5)),
):
    for _align in (False, True):
        S(F + "interpolate", A(*_shape), 7, mode=_mode, align_corners=_align)
        S(F + "interpolate", A(*_shape), scale_factor=0.7, mode=_mode, align_corners=_align)
        S(
            F + "interpolate",
            A(*_shape, dtype="float64"),
            scale_factor=1.7,
            mode=_mode,
            align_corners=_align,
            recompute_scale_factor=True,
        )
for _mode in ("bilinear", "bicubic"):
    S(F + "interpolate", A(1, 2, 9, 8), (4, 11), mode=_mode, antialias=True)
    S(F + "interpolate", A(1, 2, 9, 8, low=0, high=255, dtype="uint8"), (4, 5), mode=_mode, antialias=True)
R(F + "interpolate", A(1, 2, 4), 4, 2.0)
R(F + "interpolate", A(1, 2, 4))
R(F + "interpolate", A(1, 2, 4), (4, 4))
R(F + "interpolate", A(1, 2, 4), 4, mode="bilinear")
R(F + "interpolate", A(1, 2, 4), 4, mode="nearest", align_corners=True)
R(F + "interpolate", A(1, 2, 4, dtype="int64"), 4)

_grid = {"low": -1.4, "high": 1.4}
for _padding in ("zeros", "border", "reflection"):
    for _mode in ("bilinear", "nearest", "bicubic"):
        for _align in (False, True):
            _how = (_mode, _padding, _align)
            S(F + "grid_sample", A(2, 3, 5, 4), A(2, 3, 4, 2, **_grid), *_how, options={"second": False})
    S(
        F + "grid_sample",
        A(1, 2, 3, 4, 5),
        A(1, 2, 3, 2, 3, **_grid),
        "bilinear",
        _padding,
        False,
        options={"second": False},
    )
R(F + "grid_sample", A(2, 3, 5, 4), A(1, 3, 4, 2), align_corners=False)
R(F + "grid_sample", A(2, 3, 5, 4), A(2, 3, 4, 3), align_corners=False)
R(F + "grid_sample", A(2, 3, 5, 4), A(2, 3, 4, 2), "cubic")
S(F + "affine_grid", A(2, 2, 3), [2, 3, 4, 5], True)
S(F + "affine_grid", A(2, 3, 4), [2, 3, 2, 4, 1], False)
S("affine_grid_generator", A(2, 2, 3), [2, 3, 4, 5], False)
R(F + "affine_grid", A(2, 2, 4), [2, 3, 4, 5], True)
R(F + "affine_grid", A(2, 2, 3), [2, 3, 0, 5], True)

S(F + "unfold", A(2, 3, 5, 6), (2, 3))
S(F + "unfold", A(3, 5, 6), 3, 1, 1, 2)
S(F + "unfold", A(2, 3, 7, 7), 2, 2, 1, (1, 2))
R(F + "unfold", A(2, 3, 4, 4), 5)
S(F + "fold", A(2, 12, 12), (4, 5), (2, 2))
S(F + "fold", A(2, 18, 9), 5, 3, 1, 1, 2)
S(F + "fold", A(8, 4), 4, 2, 1, 0, 2)
R(F + "fold", A(2, 12, 11), (4, 5), (2, 2))
R(F + "fold", A(2, 13, 12), (4, 5), (2, 2))
S("pixel_shuffle", A(2, 8, 2, 3), 2)
S("pixel_unshuffle", A(2, 4, 6), 2)
S("channel_shuffle", A(2, 6, 3), 3)
R("pixel_shuffle", A(2, 6, 2, 3), 2)
R("pixel_unshuffle", A(2, 3, 6), 2)
R("channel_shuffle", A(2, 6, 3), 4)

for _p in (1.0, 2.0, 3.5):
    S("pairwise_distance", A(3, 4), A(3, 4, seed=1), _p)
    S("pdist", A(5, 3), _p, options={"second": False})
S("pairwise_distance", A(3, 4), A(4), 2.0, 1e-3, True)
R("pdist", A(3))
R("pdist", A(3, 2), -1.0)
S("cosine_similarity", A(3, 4), A(3, 4, seed=1))
S("cosine_similarity", A(3, 1, 4), A(2, 4), -1)
R("cosine_similarity", A(3, dtype="int64"), A(3, dtype="int64"), 0)

for _mode in ("reflect", "replicate"):
    for _shape in ((2, 5), (2, 3, 5), (2, 3, 5, 5), (2, 3, 5, 5, 5)):
        R(F + "pad", A(*_shape, dtype="bool"), (1, 1) * max(len(_shape) - 2, 1), _mode)
S(F + "pad", A(2, 5, dtype="bool"), (1, 1), "circular")
S(F + "pad", A(2, 0, 4), (1, 1), "circular")
R(F + "pad", A(2, 3), 1)
R(F + "pad", A(2, 3), (1, 1), "constant", "x")

for _name, _shape, _rest in (("unfold", (2, 3, 4, 4), (2,)), ("fold", (2, 12, 9), ((4, 4), 2))):
    for _kind in ("int64", "int32"):
        R(F + _name, A(*_shape, dtype=_kind), *_rest)
    S(F + _name, A(*_shape, dtype="bool"), *_rest)
for _shape in ((), (4,), (4, 4)):
    R(F + "unfold", A(*_shape), 2)
R("pixel_shuffle", A(4, 4, 4), 1.5)
R("pixel_unshuffle", A(4, 4, 4), 1.5)

for _size in ((4, 11), 5, (20, 3)):
    S(F + "interpolate", A(1, 2, 9, 8), _size, mode="lanczos", antialias=True)
    S(F + "interpolate", A(1, 2, 9, 8, low=0, high=255, dtype="uint8"), _size, mode="lanczos", antialias=True)
S(F + "interpolate", A(1, 2, 9, 8, dtype="float64"), scale_factor=1.7, mode="lanczos", antialias=True)
R(F + "interpolate", A(1, 2, 9, 8), 4, mode="lanczos")
R(F + "interpolate", A(1, 2, 9, 8), 4, mode="lanczos", antialias=True, align_corners=True)
R(F + "interpolate", A(1, 2, 9), 4, mode="lanczos", antialias=True)
R(F + "interpolate", A(2), scale_factor=2.0)
R(F + "interpolate", A(1, 2, 9), 2.5)
R(F + "interpolate", A(1, 2, 9, 8), (2.5, 2))

for _shape in ((1, 1, 4, 4), (1, 1, 4, 4, 4)):
    _points = A(1, *(2,) * (len(_shape) - 2), len(_shape) - 2)
    for _kind in ("int64", "bool", "complex64"):
        R(F + "grid_sample", A(*_shape, dtype=_kind), _points, align_corners=False)
        R(F + "grid_sample", A(*_shape), dataclasses.replace(_points, dtype=_kind), align_corners=False)
        R(F + "grid_sample", A(*_shape, dtype=_kind), dataclasses.replace(_points, dtype=_kind), align_corners=False)

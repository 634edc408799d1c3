"""Samples of what torch has below its public functions, and of the torch module's own forms of nn.functional's."""

from __future__ import annotations

import numpy as np

from ...oracle import A, D, I, T
from . import R, S


def _ints(*values) -> T:
    return T(np.array(values, dtype=np.int64), grad=False)


# ---------------------------------------------------------------------------------------------------------- statistics
_P = A(2, low=0.5, grad=True)
_STATS = (A(2, grad=False), A(2, low=0.5, grad=False, seed=1))
for _name in ("native_batch_norm", "_native_batch_norm_legit"):
    for _training in (True, False):
        S(_name, A(3, 2, 4), _P, A(2), *_STATS, _training, 0.1, 1e-5, options={"atol": 1e-4, "rtol": 1e-4})
    S(_name, A(3, 2), None, None, *_STATS, True, 0.1, 1e-5, options={"atol": 1e-4, "rtol": 1e-4})
S("_native_batch_norm_legit", A(3, 2, 4), _P, A(2), True, 0.1, 1e-5)
S("ops.aten._batch_norm_with_update", A(3, 2, 4), _P, A(2), *_STATS, 0.1, 1e-5)
R("native_batch_norm", A(3, 2, 4, dtype="int64"), None, None, None, None, True, 0.1, 1e-5)

# -------------------------------------------------------------------------------------------------------------- softmax
for _name in ("_softmax_backward_data", "_log_softmax_backward_data"):
    S(_name, A(3, 4), A(3, 4, low=0.1, high=0.3), 1, D("float32"))
    S(_name, A(3, 4, dtype="float64"), A(3, 4, low=0.1, high=0.3, dtype="float64"), 0, D("float64"))
S("_safe_softmax", A(3, 4), 1)
S("_safe_softmax", T(np.array([[-np.inf, -np.inf], [1.0, -np.inf]], dtype=np.float32)), -1)
S("_safe_softmax", A(3, 4, dtype="int64"), 0, dtype=D("float32"))
S("ops.aten.native_dropout_backward", A(3, 4), A(3, 4, dtype="bool"), 2.0)
S("ops.aten.native_dropout_backward", A(3, 4, dtype="int64"), A(3, 4, dtype="bool"), 2.0)

# ------------------------------------------------------------------------------------------------------------- indexing
_MASK = T(np.array([True, False, True, True]), grad=False)
S("_unsafe_masked_index", A(3, 5), _MASK, [_ints(0, 7, 2, 1), _ints(4, -9, 0, 3)], 0.5)
S("_unsafe_masked_index_put_accumulate", A(3, 5), _MASK, [_ints(0, 7, 2, 0), _ints(4, -9, 0, 4)], A(4))
S("ops.aten.slice", A(3, 5), 1, 1, 4, 2)
S("ops.aten.slice", A(3, 5), -2, -2)
S("ops.aten.slice.Tensor", A(5))
R("ops.aten.slice", A(3, 5), 2)
R("ops.aten.slice", A(3, 5), 1, 0, 4, 0)
_TOPS = T(np.array([[[[5, 7], [13, 15]]]]), grad=False)
S(
    "ops.aten.max_pool2d_with_indices_backward",
    A(1, 1, 2, 2),
    A(1, 1, 4, 4),
    [2, 2],
    [2, 2],
    [0, 0],
    [1, 1],
    False,
    _TOPS,
)

# ---------------------------------------------------------------------------------------------------------------- joins
# torch has no gradient for it
S("_chunk_cat", [A(1, 2, 3, grad=False), A(1, 2, 5, grad=False)], -1, 5)
S("_chunk_cat", [A(3, 3, 2, grad=False), A(1, 4, 2, grad=False), A(2, 1, 3, grad=False)], 0, 2)
S("_chunk_cat", [A(2, 3, 3, grad=False), A(2, 3, 1, 2, grad=False), A(2, 3, grad=False)], 1, 3)
R("_chunk_cat", [A(2, 3), A(4)], -1, 3)
R("_chunk_cat", [A(2, 3), A(4)], 1, 3)
R("_chunk_cat", [A(2, 3, 4), A(4, 3)], 1, 3)
R("_chunk_cat", [A(2), A(3)], 0, 0)
R("_chunk_cat", [], 0, 1)
R("_chunk_cat", [A(0), A(3)], 0, 1)
S("ops.aten._upsample_bilinear2d_aa", A(1, 2, 6, 5), [3, 4], False)
S("ops.aten._upsample_bilinear2d_aa", A(1, 2, 6, 5), [3, 4], True)
S("ops.aten._upsample_bilinear2d_aa", A(1, 2, 6, 5), [9, 4], False, 1.5, None)
R("ops.aten._upsample_bilinear2d_aa", A(1, 2, 6), [3, 4], False)

# ------------------------------------------------------------------------------------------------------------- segments
_X = T(np.array([1.0, 5.0, 2.0, 4.0, 3.0], dtype=np.float32))
for _reduce in ("sum", "mean", "max", "min", "prod"):
    _options = {"second": False}  # torch has no second gradient
    S("segment_reduce", _X, _reduce, lengths=_ints(2, 3), options=_options)
    S("segment_reduce", _X, _reduce, lengths=_ints(2, 0, 3), initial=2.5, options=_options)
    S("segment_reduce", _X, _reduce, offsets=_ints(0, 1, 1, 5), initial=1.0, options=_options)
    S("segment_reduce", _X, _reduce, lengths=_ints(1, 2), unsafe=True, options=_options)
    _pairs = T(np.array([[1, 2], [3, 0]]), grad=False)
    S("segment_reduce", A(2, 3, 2), _reduce, lengths=_pairs, axis=1, initial=1.0, options=_options)
    S("segment_reduce", A(5, 2, dtype="float64", grad=False), _reduce, lengths=_ints(0, 5))
R("segment_reduce", _X, "sum")
R("segment_reduce", _X, "other", lengths=_ints(2, 3))
R("segment_reduce", _X, "sum", lengths=_ints(2, 2))
R("segment_reduce", _X, "sum", lengths=_ints(-2, 7))
R("segment_reduce", _X, "sum", indices=_ints(0, 0, 1, 1, 2))
R("segment_reduce", _X, "sum", lengths=A(2))
R("segment_reduce", A(5, dtype="int64"), "sum", lengths=_ints(2, 3))
R("segment_reduce", _X, "sum", lengths=_ints(2, 3), axis=1)

# --------------------------------------------------------------------------------------------------------------- losses
_Y, _PROB, _SIGN = A(3, 4), A(3, 4, low=0.1, high=0.9, grad=False), T(np.array([1.0, -1, 1], np.float32), grad=False)
_SIGNS = T(np.sign(np.linspace(-1, 2, 12)).reshape(3, 4).astype(np.float32), grad=False)
for _reduction in (0, 1, 2):
    S("kl_div", _Y, _PROB, _reduction)
    S("kl_div", _Y, _PROB, _reduction, log_target=True)
    S("binary_cross_entropy_with_logits", _Y, _PROB, A(4, grad=False), A(4, low=0.5, grad=False), _reduction)
    S("poisson_nll_loss", _Y, _PROB, True, True, 1e-8, _reduction)
    S("hinge_embedding_loss", _Y, _SIGNS, 0.7, _reduction)
    S("margin_ranking_loss", _Y, A(3, 4, seed=1), _SIGNS, 0.1, _reduction)
    S("cosine_embedding_loss", _Y, A(3, 4, seed=1), _SIGN, 0.1, _reduction)
    S("triplet_margin_loss", _Y, A(3, 4, seed=1), A(3, 4, seed=2), 1.5, reduction=_reduction)
    _labels = T(np.array([[1, 2], [2, 1]]), grad=False)
    S("ctc_loss", A(5, 2, 3), _labels, [5, 4], [2, 1], 0, _reduction, options={"second": False})
for _name in ("kl_div", "binary_cross_entropy_with_logits", "hinge_embedding_loss"):
    S(_name, _Y, _PROB)
S("margin_ranking_loss", _Y, A(4), _SIGNS)
S("triplet_margin_loss", _Y, A(3, 4, seed=1), A(3, 4, seed=2), -0.5, swap=True)
R("kl_div", _Y, _PROB, "sum")
R("binary_cross_entropy_with_logits", _Y, A(4, grad=False))
R("cosine_embedding_loss", _Y, _Y, _SIGNS)
R("triplet_margin_loss", _Y, A(4), _Y)

# --------------------------------------------------------------------------------------------------------------- tables
S("embedding", A(5, 3), I(2, 4, high=5))
S("embedding", A(5, 3), I(2, 4, high=5), 2, True)
R("embedding", A(5, 3), _ints(1, 9))
R("embedding", A(5), _ints(1))
R("embedding", A(5, 3), A(2))
for _mode in (0, 1, 2):
    S("embedding_bag", A(5, 3), _ints(1, 2, 4, 4), _ints(0, 2), False, _mode)
    S("embedding_bag", A(5, 3), _ints(1, 2, 4, 4), _ints(0, 2, 2), False, _mode, False, None, False, 4)
    S("embedding_bag", A(5, 3), _ints(1, 2, 4, 4), _ints(0, 3, 4), mode=_mode, include_last_offset=True)
    S("embedding_bag", A(5, 3), _ints(1, 2, 4, 4), _ints(0, 3, 4), False, _mode, False, None, True, 2)
S("embedding_bag", A(5, 3, grad=False), _ints(1, 2, 4, 4), _ints(0, 3, 4), include_last_offset=True)
S("embedding_bag", A(5, 3), _ints(1, 2, 4, 4), _ints(0, 2), per_sample_weights=A(4), options={"second": False})
R("embedding_bag", A(5, 3), _ints(1, 2, 4, 4), None)
R("embedding_bag", A(5, 3), _ints(1, 2), _ints(0), mode=3)
R("embedding_bag", A(5, 3), _ints(1, 2), _ints(1))
R("embedding_bag", A(5, 3), _ints(1, 2), _ints(0), False, 1, False, A(2))

# ------------------------------------------------------------------------------------------------------ norms, questions
S("frobenius_norm", A(3, 4), 1)
S("frobenius_norm", A(3, 4), [])
S("frobenius_norm", A(2, 3, 4), (0, 2), True)
R("frobenius_norm", A(2, 3, 4), (0, 1, 2))
S("nuclear_norm", A(3, 4))
S("nuclear_norm", A(3, 4), True)
S("nuclear_norm", A(2, 3, 4), (0, 2), True)
R("nuclear_norm", A(2, 3, 4), 1)
S("detach", A(3))
S("get_device", A(3))
R("detach", 3)
S("is_anomaly_enabled")
S("is_anomaly_check_nan_enabled")

# --------------------------------------------------------------------------------------------------- Tensor's own methods
S("Tensor.dim_order", A(2, 3, 4))
S("Tensor.dim_order", A(2, 1), ambiguity_check=False)
R("Tensor.dim_order", A(2, 1), ambiguity_check=True)
R("Tensor.dim_order", A(2, 1), ambiguity_check=3)
S("Tensor.apply_", A(2, 3, grad=False), lambda v: v * v + 1)
S("Tensor.apply_", A(2, 3, dtype="int64"), lambda v: v + 1.5)
S("Tensor.map_", A(2, 3, grad=False), A(3, grad=False), lambda a, b: a - b)
R("Tensor.map_", A(2, dtype="int64"), A(2), lambda a, b: a - b)

# ---------------------------------------------------------------------------------------------------------- eigenpairs
R("lobpcg", A(5, 5), 2)
R("lobpcg", A(4, 5))


# ---------------------------------------------------------------------------------------------------------- convolution
S("convolution", A(2, 4, 7), A(6, 2, 3), A(6), [2], [1], [1], False, [0], 2)
S("convolution", A(2, 4, 7, 5), A(4, 3, 3, 2), A(3), [2, 1], [1, 0], [1, 1], True, [1, 0], 1)
S("convolution", A(1, 2, 4, 5, 4), A(3, 2, 2, 2, 2), None, [1, 1, 1], [0, 0, 0], [1, 1, 1], False, [0, 0, 0], 1)


# ------------------------------------------------------------------------------------------------------- gradients of softmax
R("_softmax_backward_data", A(5), A(2, 5), 0, D("float32"))
R("_softmax_backward_data", A(1, 5), A(5), 0, D("float32"))
for name in ("_softmax_backward_data", "_log_softmax_backward_data"):
    for dim in (0, 1):
        for dtype in ("int64", "bool"):
            R(name, A(5, 2, dtype=dtype), A(5, 2), dim, D("float32"))
            R(name, A(5, 2), A(5, 2, dtype=dtype), dim, D("float32"))
        R(name, A(5, 2, dtype="float16"), A(5, 2), dim, D("float32"))
        R(name, A(5, 2, dtype="float64"), A(5, 2), dim, D("float32"))

# ------------------------------------------------------------------------------------------- arguments that do not fit
_LAST = (True, 0.1, 1e-5)
R("native_batch_norm", A(0, 2, 3), A(2), A(2), None, None, *_LAST)
R("native_batch_norm", A(3, 2, 4, dtype="float64"), A(2), A(2), *_STATS, *_LAST)
R("native_batch_norm", A(3, 2, 4), A(2, dtype="bool"), A(2), *_STATS, *_LAST)
R("native_batch_norm", A(3, 2, 4), A(2), A(2, dtype="int64"), *_STATS, *_LAST)
for _bad in (A(2, dtype="bool"), A(1, 2, grad=False), A(2, dtype="float64", grad=False), None):
    R("native_batch_norm", A(3, 2, 4), A(2), A(2), _bad, _STATS[1], *_LAST)
    R("_native_batch_norm_legit", A(3, 2, 4), A(2), A(2), _bad, _STATS[1], *_LAST)
    R("ops.aten._batch_norm_with_update", A(3, 2, 4), A(2), A(2), _STATS[0], _bad, 0.1, 1e-5)
R("_native_batch_norm_legit", A(3, 2, 4), A(2), A(2), None, None, *_LAST)
R("_native_batch_norm_legit", A(0, 2, 4), A(2), A(2), *_LAST)
R("native_layer_norm", A(2, 3, dtype="float64"), [3], A(3), None, 1e-5)
R("native_layer_norm", A(2, 3), [3], A(3, dtype="int64"), None, 1e-5)
R("native_layer_norm", A(2, 3, dtype="int64"), [3], None, None, 1e-5)
R("native_layer_norm", A(2, 3, dtype="complex64"), [3], None, None, 1e-5)
S(
    "native_layer_norm",
    A(2, 3, dtype="float16", grad=False),
    [3],
    A(3),
    None,
    1e-5,
    options={"atol": 2e-2, "grad": False},
)
for _bad in ((2, 4, 4, 2), (3, 4, 3, 2), (2, 4, 3, 3), (2, 4, 3, 0)):
    R("native_group_norm", A(2, 4, 3), None, None, *_bad, 1e-5)
for _bad in (A(1, 4), A(3), A(4, dtype="int64"), A(4, dtype="float64")):
    R("native_group_norm", A(2, 4, 3), _bad, None, 2, 4, 3, 2, 1e-5)
R("native_group_norm", A(0, 4, 3), None, None, 2, 4, 3, 2, 1e-5)
R("native_group_norm", A(2, 4, 3, dtype="int64"), None, None, 2, 4, 3, 2, 1e-5)
for _shape in ((24,), (1, 2, 4, 3), (4, 2, 3)):  # what counts are N, C and HxW
    S("native_group_norm", A(*_shape), A(4), A(4), 2, 4, 3, 2, 1e-5, options={"second": False})

_WINDOW = ([2, 2], [2, 2], [0, 0], [1, 1], False)
_POOLED = "ops.aten.max_pool2d_with_indices_backward"
R(_POOLED, A(1, 1, 2, 2, dtype="int64"), A(1, 1, 4, 4, dtype="int64"), *_WINDOW, _TOPS)
R(_POOLED, A(1, 1, 2, 2, dtype="float64"), A(1, 1, 4, 4), *_WINDOW, _TOPS)
R(_POOLED, A(1, 2, 2), A(1, 1, 4, 4), *_WINDOW, _TOPS)
R(_POOLED, A(1, 1, 2, 3), A(1, 1, 4, 4), *_WINDOW, _TOPS)
R(_POOLED, A(1, 1, 2, 2), A(1, 1, 4, 4), *_WINDOW, I(1, 1, 2, 2, high=4, dtype="int32"))
S(_POOLED, A(0, 1, 2, 2), A(0, 1, 4, 4), *_WINDOW, I(0, 1, 2, 2, high=4))
S("ops.aten.native_dropout_backward", A(5), A(5, dtype="float64", grad=False), 2.0, options={"grad": False})
R("segment_reduce", A(3), "sum", lengths=_ints([1, 1, 1]))
R("segment_reduce", A(3), "sum", offsets=_ints([0, 1, 3]))
R("grid_sampler_2d", A(1, 1, 4, 4, 4), A(1, 2, 2, 2, 3), 0, 0, False)
R("grid_sampler_3d", A(1, 1, 4, 4), A(1, 2, 2, 2), 0, 0, False)
R("grid_sampler_2d", A(1, 1, 4, 4, dtype="int64"), A(1, 2, 2, 2), 0, 0, False)

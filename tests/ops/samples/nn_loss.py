"""Losses, embeddings, attention."""

from __future__ import annotations

import numpy as np

from ...oracle import A, I, T
from . import R, S

F = "nn.functional."
P = {"low": 0.05, "high": 0.95}
# torch itself has no second derivative for these
ONCE = {"second": False}
SIGNS = T(np.array([1.0, -1.0, 1.0, -1.0], dtype=np.float32), grad=False)

for reduction in ("mean", "sum", "none"):
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss"):
        S(F + name, A(4, 3), A(4, 3, seed=1), reduction=reduction)
    S(F + "soft_margin_loss", A(4), SIGNS, reduction=reduction)
    S(F + "smooth_l1_loss", A(4, 3), A(4, 3, seed=1), reduction=reduction, beta=0.5)
    S(F + "smooth_l1_loss", A(4, 3), A(4, 3, seed=1), reduction=reduction, beta=0.0)
    S(F + "huber_loss", A(4, 3), A(4, 3, seed=1), reduction=reduction, delta=0.7)
    S(F + "binary_cross_entropy", A(4, 3, **P), A(4, 3, seed=1, **P), reduction=reduction)
    S(
        F + "binary_cross_entropy",
        A(4, 3, **P),
        A(4, 3, seed=1, grad=False, **P),
        A(4, 3, grad=False, **P),
        reduction=reduction,
    )
    S(F + "binary_cross_entropy_with_logits", A(4, 3), A(4, 3, seed=1, **P), reduction=reduction)
    S(F + "binary_cross_entropy_with_logits", A(4, 3), A(4, 3, seed=1, grad=False, **P), A(3, grad=False, **P), reduction=reduction,
      pos_weight=A(3, grad=False, **P))  # fmt: skip
    S(F + "kl_div", A(4, 3, high=0.0), A(4, 3, seed=1, **P), reduction=reduction)
    S(F + "kl_div", A(4, 3, high=0.0), A(4, 3, seed=1, high=0.0), reduction=reduction, log_target=True)
    S(F + "gaussian_nll_loss", A(4, 3), A(4, 3, seed=1), A(4, 3, seed=2, **P), reduction=reduction)
    S(F + "gaussian_nll_loss", A(4, 3), A(4, 3, seed=1), A(4, 1, seed=2, **P), reduction=reduction, full=True)
    S(F + "hinge_embedding_loss", A(4, low=0.1), SIGNS, reduction=reduction)
    S(F + "margin_ranking_loss", A(4), A(4, seed=1), SIGNS, margin=0.3, reduction=reduction)
    S(F + "cosine_embedding_loss", A(4, 5), A(4, 5, seed=1), SIGNS, margin=0.1, reduction=reduction)
    S(F + "triplet_margin_loss", A(4, 5), A(4, 5, seed=1), A(4, 5, seed=2), reduction=reduction)
    S(F + "triplet_margin_loss", A(4, 5), A(4, 5, seed=1), A(4, 5, seed=2), reduction=reduction, swap=True, margin=2.0)
    S(F + "triplet_margin_with_distance_loss", A(4, 5), A(4, 5, seed=1), A(4, 5, seed=2), reduction=reduction)
    S(F + "multi_margin_loss", A(4, 5), I(4, high=5), reduction=reduction, options=ONCE)
    S(F + "multi_margin_loss", A(4, 5), I(4, high=5), p=2, margin=0.5, weight=A(5, grad=False, **P), reduction=reduction,
      options=ONCE)  # fmt: skip
    S(
        F + "multilabel_margin_loss",
        A(2, 4),
        T(np.array([[3, 0, -1, 1], [1, -1, 0, 0]])),
        reduction=reduction,
        options=ONCE,
    )
    S(F + "multilabel_soft_margin_loss", A(4, 3), T(np.eye(4, 3, dtype=np.float32), grad=False), reduction=reduction)
    for name in ("nll_loss", "cross_entropy"):
        S(F + name, A(4, 5), I(4, high=5), reduction=reduction)
        S(F + name, A(4, 5, dtype="float64"), I(4, high=5), reduction=reduction)
        S(F + name, A(4, 5), I(4, high=5), A(5, grad=False, **P), reduction=reduction)
        S(F + name, A(4, 5), I(4, high=5), ignore_index=int(I(4, high=5).data[0]), reduction=reduction)
        S(F + name, A(2, 5, 3, 2), I(2, 3, 2, high=5), reduction=reduction)
        S(F + name, A(5), I(high=5), reduction=reduction)
    S(F + "cross_entropy", A(4, 5), I(4, high=5), label_smoothing=0.2, reduction=reduction)
    S(F + "cross_entropy", A(4, 5), I(4, high=5), A(5, grad=False, **P), label_smoothing=0.2, reduction=reduction,
      ignore_index=int(I(4, high=5).data[1]))  # fmt: skip
    S(F + "cross_entropy", A(4, 5), A(4, 5, seed=1, **P), reduction=reduction, label_smoothing=0.1)
    S(F + "cross_entropy", A(4, 5, 2), A(4, 5, 2, seed=1, **P), A(5, grad=False, **P), reduction=reduction)
    S(
        F + "ctc_loss",
        A(7, 2, 5, low=-3, high=0),
        I(2, 3, low=1, high=5),
        (7, 6),
        (3, 2),
        reduction=reduction,
        options=ONCE,
    )
    S(
        F + "ctc_loss",
        A(7, 2, 5, low=-3, high=0),
        I(5, low=1, high=5),
        (7, 6),
        (3, 2),
        reduction=reduction,
        options=ONCE,
    )

S(F + "kl_div", A(4, 3, high=0.0), A(4, 3, seed=1, **P), reduction="batchmean")
S(F + "poisson_nll_loss", A(4, 3, low=0.1), A(4, 3, seed=1, low=0.1, high=4.0), log_input=False, full=True)
S(F + "mse_loss", A(4, 3), A(4, 1, seed=1))
S(F + "mse_loss", A(4, 3), A(4, 3, seed=1), size_average=False)
R(F + "cross_entropy", A(4, 5), T(np.array([0, 1, 5, 2])))
R(F + "cross_entropy", A(4, 5), I(3, high=5))
R(F + "cross_entropy", A(4, 5), I(4, high=5, dtype="int32"))
R(F + "nll_loss", A(4, 5), T(np.array([0, 1, -1, 2])))
R(F + "mse_loss", A(4, 3), A(4, 2))
R(F + "mse_loss", A(4, 3), A(4, 3), reduction="average")
R(F + "binary_cross_entropy", A(4, 3, **P), A(4, 2, **P))
R(F + "binary_cross_entropy", A(4, 3, low=1.5, high=2.0), A(4, 3, **P))
R(F + "huber_loss", A(4), A(4), delta=0)
R(F + "multi_margin_loss", A(4, 5), I(4, high=5), p=3)

S(F + "embedding", I(2, 3, high=6), A(6, 4))
S(F + "embedding", I(2, 3, high=6), A(6, 4), padding_idx=2)
S(F + "embedding", I(7, high=3), A(3, 4), padding_idx=-1, scale_grad_by_freq=True)
S(F + "embedding", I(high=6), A(6, 4))
S(F + "embedding", I(0, high=6), A(6, 4))
R(F + "embedding", T(np.array([0, 6])), A(6, 4))
R(F + "embedding", T(np.array([-1])), A(6, 4))
R(F + "embedding", A(3), A(6, 4))
for mode in ("sum", "mean", "max"):
    S(F + "embedding_bag", I(3, 4, high=6), A(6, 5), mode=mode)
    S(F + "embedding_bag", I(7, high=6), A(6, 5), T(np.array([0, 2, 2, 5])), mode=mode)
    S(
        F + "embedding_bag",
        I(7, high=6),
        A(6, 5),
        T(np.array([0, 2, 7])),
        mode=mode,
        include_last_offset=True,
        padding_idx=1,
    )
S(F + "embedding_bag", I(3, 4, high=6), A(6, 5), mode="sum", per_sample_weights=A(3, 4), options=ONCE)
S(F + "one_hot", I(2, 3, high=5))
S(F + "one_hot", I(2, 3, high=5), num_classes=7)
R(F + "one_hot", T(np.array([-1])))
R(F + "one_hot", T(np.array([5])), num_classes=3)

Q, K, V = A(2, 3, 4, 6), A(2, 3, 5, 6, seed=1), A(2, 3, 5, 7, seed=2)
S(F + "scaled_dot_product_attention", Q, K, V, options=ONCE)
S(F + "scaled_dot_product_attention", Q, K, V, scale=0.3, options=ONCE)
S(F + "scaled_dot_product_attention", Q, K, V, is_causal=True, options=ONCE)
S(F + "scaled_dot_product_attention", Q, K, V, attn_mask=A(4, 5, seed=3), options=ONCE)
S(F + "scaled_dot_product_attention", Q, K, V, attn_mask=T(np.tril(np.ones((2, 1, 4, 5), dtype=bool))), options=ONCE)
S(F + "scaled_dot_product_attention", A(4, 6), A(5, 6, seed=1), A(5, 6, seed=2), options=ONCE)
S(
    F + "scaled_dot_product_attention",
    A(2, 4, 4, 6),
    A(2, 2, 5, 6, seed=1),
    A(2, 2, 5, 6, seed=2),
    enable_gqa=True,
    options=ONCE,
)
S(F + "scaled_dot_product_attention", *(A(2, 3, 4, 6, seed=i, dtype="float64") for i in range(3)), options=ONCE)
R(F + "scaled_dot_product_attention", Q, K, V, attn_mask=A(4, 5), is_causal=True)
R(F + "scaled_dot_product_attention", Q, K, A(2, 3, 5, 7, dtype="float64"))

R("nn.functional.triplet_margin_loss", A(3, 4), A(3, 4, seed=1), A(3, 4, seed=2), margin=0.0)
R("nn.functional.multilabel_margin_loss", A(0), I(0, high=1))
R("nn.functional.multilabel_margin_loss", A(3, 0), I(3, 0, high=1))
R("nn.functional.multilabel_margin_loss", A(2, 3, 4), I(2, 3, 4, high=1))

# what torch refuses of the dtypes, before it looks at the shapes or after
REAL, DOUBLE, WHOLE, TRUTH = (A(4, 3, dtype=d, grad=False, **P) for d in ("float32", "float64", "int64", "bool"))
# torch's own gradient fails
PLAIN = {"grad": False}
COMPLEX = A(4, 3, dtype="complex64", grad=False)
for other in (DOUBLE, WHOLE, TRUTH):
    R(F + "binary_cross_entropy", REAL, other)
    R(F + "binary_cross_entropy", other, REAL)
R(F + "binary_cross_entropy", WHOLE, WHOLE)
R(F + "binary_cross_entropy", TRUTH, TRUTH)
for name in ("binary_cross_entropy_with_logits", "multilabel_soft_margin_loss"):
    for logits in (WHOLE, TRUTH, COMPLEX):
        R(F + name, logits, REAL)
    R(F + name, REAL, TRUTH)
R(F + "binary_cross_entropy_with_logits", REAL, REAL, pos_weight=A(3, dtype="bool"))
R(F + "multilabel_soft_margin_loss", A(), A())
S(F + "multilabel_soft_margin_loss", A(3), A(4, 3, grad=False, **P))
S(F + "binary_cross_entropy", A(4, 3, **P), REAL, DOUBLE, reduction="none")
for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
    R(F + name, REAL, REAL, weight=A(1, 4, 3, **P))
    R(F + name, A(1, 3, **P), A(1, 3, **P), weight=A(4, 1, **P))
    R(F + name, A(**P), A(**P), weight=A(3, **P))
R(F + "binary_cross_entropy_with_logits", REAL, REAL, pos_weight=A(1, 4, 3, **P))
for target in (DOUBLE, WHOLE):
    S(F + "huber_loss", A(4, 3), target, reduction="none", options=PLAIN)
    S(F + "soft_margin_loss", A(4, 3), target, reduction="none")
S(F + "huber_loss", A(4, 3), A(4, 3, seed=1), weight=A(4, 3, grad=False, **P))
S(F + "mse_loss", A(4, 3), A(4, 3, seed=1), weight=A(4, 3, grad=False, **P))
S(F + "mse_loss", WHOLE, WHOLE, weight=REAL)
S(F + "l1_loss", A(4, 3), A(4, 3, seed=1), weight=A(4, 3, grad=False, **P))
S(F + "l1_loss", COMPLEX, COMPLEX, weight=REAL)
S(F + "l1_loss", WHOLE, WHOLE, reduction="sum")
S(F + "smooth_l1_loss", WHOLE, WHOLE, reduction="sum", beta=0.0)
R(F + "l1_loss", WHOLE, WHOLE)
for name in ("huber_loss", "kl_div", "soft_margin_loss"):
    R(F + name, WHOLE, REAL)
for name in ("huber_loss", "kl_div", "l1_loss", "pairwise_distance"):
    R(F + name, TRUTH, REAL)
for name in ("mse_loss", "smooth_l1_loss", "huber_loss", "kl_div"):
    R(F + name, WHOLE, WHOLE)
    R(F + name, TRUTH, TRUTH)
    R(F + name, COMPLEX, COMPLEX)
R(F + "l1_loss", TRUTH, TRUTH)
R(F + "pairwise_distance", TRUTH, TRUTH)
R(F + "huber_loss", REAL, COMPLEX)
S(F + "soft_margin_loss", A(4, 3), TRUTH, options=PLAIN)
R(F + "soft_margin_loss", TRUTH, REAL)
R(F + "soft_margin_loss", REAL, COMPLEX)
R(F + "soft_margin_loss", A(3), A(4, 3))
SIGNS_OF_ROWS = T(np.array([[1], [-1], [1], [-1]]))
S(F + "hinge_embedding_loss", WHOLE, SIGNS_OF_ROWS, margin=1.7, reduction="sum")
R(F + "hinge_embedding_loss", WHOLE, SIGNS_OF_ROWS)
S(F + "margin_ranking_loss", A(4, dtype="int64"), A(4, dtype="int64", seed=1), T(np.array([1, -1, 1, -1])))
R(F + "cosine_embedding_loss", A(4, 5), A(5), SIGNS)
R(F + "cosine_embedding_loss", A(5), A(1, 5), T(np.array(1)))
R(F + "triplet_margin_with_distance_loss", A(1, 4, 3), A(4, 3), A(4, 3))
R(F + "triplet_margin_with_distance_loss", TRUTH, REAL, REAL)
R(F + "gaussian_nll_loss", REAL, REAL, WHOLE)
R(F + "gaussian_nll_loss", REAL, REAL, TRUTH)
R(F + "gaussian_nll_loss", REAL, REAL, COMPLEX)
R(F + "gaussian_nll_loss", REAL, REAL, A(1, 1, grad=False, **P))
R(F + "gaussian_nll_loss", REAL, REAL, 1)
S(F + "cosine_similarity", WHOLE, A(4, 3))
S(F + "cosine_similarity", A(4, 3), TRUTH)
R(F + "cosine_similarity", WHOLE, TRUTH)
R(F + "cosine_similarity", COMPLEX, COMPLEX)

# margins: the input's dtype, the targets' dtype and shape
CLASSES = I(4, high=3)
for wrong in (WHOLE, TRUTH, COMPLEX):
    R(F + "multi_margin_loss", wrong, CLASSES)
    R(F + "multilabel_margin_loss", wrong, I(4, 3, high=3))
R(F + "multi_margin_loss", REAL, CLASSES, weight=A(3, dtype="float64", grad=False, **P))
S(F + "multi_margin_loss", A(1, 3), I(high=3), reduction="none", options=ONCE)
R(F + "multi_margin_loss", A(2, 1, 3), I(2, high=3))
R(F + "multi_margin_loss", A(3), I(3, high=3))
R(F + "multi_margin_loss", A(4, 0), I(4, high=1))
R(F + "multilabel_margin_loss", A(6), I(2, 3, high=3))
R(F + "multilabel_margin_loss", A(3), I(1, 3, high=3))
for dtype in ("int32", "bool"):
    R(F + "multilabel_margin_loss", REAL, A(4, 3, dtype=dtype))

# classes: shapes of the target, the weights' number and dtype
for name in ("nll_loss", "cross_entropy"):
    for wrong in (WHOLE, TRUTH, COMPLEX):
        R(F + name, wrong, CLASSES)
    for dtype in ("float64", "int64", "bool"):
        R(F + name, REAL, CLASSES, weight=A(3, dtype=dtype, grad=False, **P))
    R(F + name, DOUBLE, CLASSES, weight=A(3, grad=False, **P))
    R(F + name, REAL, CLASSES, weight=A(3, 1, grad=False, **P))
    S(F + name, A(4, 3, 2), I(4, 2, high=3), weight=A(3, 1, grad=False, **P))
    R(F + name, A(4, 3, 2), I(4, 2, high=3), weight=A(2, grad=False, **P))
    S(F + name, A(3), I(1, high=3), reduction="none", options=PLAIN)
    for shape, of_target in (((3,), (2,)), ((3,), (1, 1)), ((2, 3), ()), ((1, 3), ()), ((2, 3), (2, 1)), ((2, 3, 4), (2, 3)),
                             ((2, 3, 4, 5), (2, 5, 4)), ((2, 3, 4, 5), (2, 4))):  # fmt: skip
        R(F + name, A(*shape), I(*of_target, high=3))
for shape in ((), (1,), (2,), (3, 1), (1, 3)):
    R(F + "cross_entropy", REAL, REAL, weight=A(*shape, grad=False, **P))
R(F + "cross_entropy", REAL, WHOLE)
R(F + "cross_entropy", REAL, TRUTH)
R(F + "cross_entropy", WHOLE, REAL)
R(F + "cross_entropy", REAL, REAL, ignore_index=1)
S(F + "cross_entropy", A(4, 0), A(4, 0))
S(F + "linear_cross_entropy", A(5), A(3, 5), I(1, high=3), options=PLAIN)
R(F + "linear_cross_entropy", A(4, 5), A(3, 5), CLASSES, weight=A(3, dtype="float64", grad=False, **P))
R(F + "linear_cross_entropy", A(1, 5), A(3, 5), I(high=3))

# ctc: integral lengths, as many as the batch has samples, and targets of the size they say
PROBS = A(7, 2, 5, low=-3, high=0)
LENGTHS, COUNTS = T(np.array([7, 6])), T(np.array([3, 2]))
S(F + "ctc_loss", PROBS, I(2, 3, low=1, high=5), T(np.array([[7, 6]])), COUNTS, options=ONCE)
for dtype in ("int64", "bool", "complex64"):
    R(F + "ctc_loss", A(7, 2, 5, dtype=dtype, grad=False), I(2, 3, low=1, high=5), LENGTHS, COUNTS)
for dtype in ("float32", "bool"):
    R(F + "ctc_loss", PROBS, I(2, 3, low=1, high=5), T(LENGTHS.data.astype(dtype), grad=False), COUNTS)
    R(F + "ctc_loss", PROBS, I(2, 3, low=1, high=5), LENGTHS, T(COUNTS.data.astype(dtype), grad=False))
for shape in ((7,), (7, 2, 5, 1)):
    R(F + "ctc_loss", A(*shape, low=-3, high=0), I(2, 3, low=1, high=5), LENGTHS, COUNTS)
for shape in ((6,), (4,), (0,), (1, 3), (3, 3), (2, 2), (2, 3, 1), ()):
    R(F + "ctc_loss", PROBS, I(*shape, low=1, high=5), LENGTHS, COUNTS)
R(F + "ctc_loss", A(7, 5, low=-3, high=0), I(5, low=1, high=5), (7,), (3,))
for lengths, counts in (((7,), (3, 2)), ((7, 6), (3,)), ((8, 6), (3, 2)), ((-1, 6), (3, 2)), ((7, 6), (-1, 6)), ((7, 6), (4, 2)),
                        ((7.5, 6), (3, 2)), (7, (3, 2)), (LENGTHS, (3, 2))):  # fmt: skip
    R(F + "ctc_loss", PROBS, I(2, 3, low=1, high=5), lengths, counts)
R(F + "ctc_loss", PROBS, I(2, 3, low=1, high=5), LENGTHS, COUNTS, blank=True)
R(F + "ctc_loss", A(7, 0, 5), I(0, 3, high=5), I(0, high=1), I(0, high=1))

R(F + "embedding", I(2, 3, high=6), A(6))
R(F + "embedding", I(2, 3, high=6), A(6), padding_idx=9)
R(F + "embedding", I(2, 3, high=6), A(0, 4))
R(F + "embedding", I(2, 3, high=6), A(6, 4), padding_idx=1.0)
R(F + "embedding", I(2, 3, high=6), A(6, 4), scale_grad_by_freq=1)
R(F + "one_hot", I(2, 3, high=5), num_classes=5.0)
BAGS, STARTS = I(7, high=6), T(np.array([0, 2, 2, 5]))
for dtype in ("int64", "bool", "complex64"):
    R(F + "embedding_bag", BAGS, A(6, 5, dtype=dtype, grad=False), STARTS)
R(F + "embedding_bag", BAGS, A(6, 5), T(STARTS.data.astype(np.float32), grad=False))
for dtype in ("bool", "uint8", "int16"):
    S(F + "embedding_bag", T((BAGS.data % 2).astype(dtype)), A(6, 5), STARTS, options=PLAIN)
for shape in ((6,), (6, 5, 1), ()):
    R(F + "embedding_bag", BAGS, A(*shape), STARTS)
R(F + "embedding_bag", BAGS, A(0, 5), STARTS)
R(F + "embedding_bag", T(np.array([6])), A(6, 5), T(np.array([0])))
R(F + "embedding_bag", BAGS, A(6, 5), T(np.array([0, 5, 2])), include_last_offset=True)
R(F + "embedding_bag", BAGS, A(6, 5), I(0, high=1), include_last_offset=True)
S(F + "embedding_bag", BAGS, A(6, 5), I(0, high=1), options=PLAIN)
S(F + "embedding_bag", BAGS, A(6, 5), T(np.array([0])), include_last_offset=True, options=PLAIN)
R(F + "embedding_bag", I(2, 0, high=6), A(6, 5))
R(F + "embedding_bag", BAGS, A(6, 5), STARTS, padding_idx=6)
R(F + "embedding_bag", BAGS, A(6, 5), STARTS, mode="sum", per_sample_weights=A(7, dtype="float64"))
R(F + "embedding_bag", BAGS, A(6, 5), STARTS, scale_grad_by_freq=1)

for dtype in ("int64", "bool", "complex64"):
    R(F + "scaled_dot_product_attention", *(A(2, 4, 6, dtype=dtype, grad=False) for _ in range(3)))
R(F + "scaled_dot_product_attention", A(5, 4), A(4, 4), A(4, 4), attn_mask=A(4, 4))
R(F + "scaled_dot_product_attention", A(2, 4, 6), A(2, 5, 6), A(2, 5, 7), attn_mask=A(1, 2, 4, 5))
R(F + "scaled_dot_product_attention", A(2, 4, 6), A(3, 5, 6), A(3, 5, 7))
for flag in ("is_causal", "enable_gqa"):
    R(F + "scaled_dot_product_attention", Q, K, V, **{flag: 1})
R(F + "scaled_dot_product_attention", Q, K, V, dropout_p=1.5)
R(F + "scaled_dot_product_attention", Q, K, V, scale="x")
S(F + "scaled_dot_product_attention", Q, A(2, 3, 0, 6), A(2, 3, 0, 7), options=ONCE)
S(F + "scaled_dot_product_attention", A(2, 3, 4, 0), A(2, 3, 5, 0), A(2, 3, 5, 7), options=ONCE)

ROWS = (A(4, 2), A(4, 3), A(5, 2, 3), A(5))
for place in range(4):
    for dtype in ("float64", "int64", "bool"):
        R(F + "bilinear", *(A(*x.data.shape, dtype=dtype, grad=False) if i == place else x for i, x in enumerate(ROWS)))
R(F + "bilinear", A(4, 2), A(4, 3), A(5, 2, 3, 1))
R(F + "bilinear", *(A(*x.data.shape, dtype="bool") for x in ROWS))
R(F + "bilinear", A(4, 2), A(4, 0), A(5, 2, 0))
S(F + "bilinear", A(4, 2), A(4, 3), A(0, 2, 3), A(0))

E, HEADS = 6, 2
ATTENTION = {
    "query": A(3, 2, E), "key": A(4, 2, E), "value": A(4, 2, E), "embed_dim_to_check": E, "num_heads": HEADS,
    "in_proj_weight": A(3 * E, E), "in_proj_bias": A(3 * E), "bias_k": None, "bias_v": None, "add_zero_attn": False,
    "dropout_p": 0.0, "out_proj_weight": A(E, E), "out_proj_bias": A(E),
}  # fmt: skip
APART = {"use_separate_proj_weight": True} | dict.fromkeys(("q_proj_weight", "k_proj_weight", "v_proj_weight"), A(E, E))
S(F + "multi_head_attention_forward", **ATTENTION, options=ONCE)
S(F + "multi_head_attention_forward", **ATTENTION, **APART, options=ONCE)
for wrong in ({"in_proj_weight": A(3 * E + 1, E)}, {"in_proj_weight": A(2 * E, E)}, {"in_proj_weight": None},
              {"in_proj_bias": A(2 * E)}, {"bias_k": A(1, 1, E)}, {"bias_v": A(1, 1, E)}, {"static_k": A(2, 4, 3)},
              {"static_v": A(4, 4, 2)}, {"key_padding_mask": A(2, 4, dtype="float16", grad=False)}):  # fmt: skip
    R(F + "multi_head_attention_forward", **(ATTENTION | wrong))
for wrong in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
    R(F + "multi_head_attention_forward", **(ATTENTION | APART | {wrong: None}))
    R(F + "multi_head_attention_forward", **(ATTENTION | APART | {wrong: A(E, E - 1)}))

# the forms of the torch module
TABLE = A(6, 5)
R("embedding", TABLE, I(2, 3, high=6), 1.0)
R("embedding", TABLE, I(2, 3, high=6), -1, 1)
R("embedding_bag", A(6), BAGS, STARTS)
R("embedding_bag", TABLE, BAGS, I(1, 2, high=1))
R("embedding_bag", TABLE, BAGS, STARTS, False, 0, False, None, False, 6)
R("embedding_bag", TABLE, BAGS, T(STARTS.data.astype(np.float32), grad=False))
R("embedding_bag", A(6, 5, dtype="int64"), BAGS, STARTS)
R("pdist", WHOLE)
R("cosine_similarity", A(), A())
R("cosine_similarity", A(4, 3), A(4, 3), eps=-1.0)
R("cosine_similarity", A(4, 3), A(4, 3), dim=1.0)
S("pairwise_distance", A(), A(seed=1), options=ONCE)
R("pairwise_distance", A(4, 3), A(4, 3), keepdim=1)

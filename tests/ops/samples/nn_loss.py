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

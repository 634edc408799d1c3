"""One call of every function that torch's autocast lists, or might."""

from __future__ import annotations

import numpy as np

RNG = np.random.RandomState(0)


def T(*shape, low=-1.0, high=1.0):
    """A floating point operand, in the dtype under test."""
    return ("in the dtype under test", RNG.uniform(low, high, shape).astype(np.float32))


def W(*shape):
    """An operand that stays float32, as a weight does."""
    return ("float32", RNG.uniform(0.1, 1.0, shape).astype(np.float32))


def I(*shape, high):  # noqa: E743
    """Indices."""
    return ("int64", RNG.randint(0, high, shape))


A, B, V, P = T(4, 4), T(4, 4), T(4), T(4, 4, low=0.1, high=0.9)
X3, X4, X5 = T(2, 3, 8), T(2, 3, 8, 8), T(1, 2, 4, 4, 4)
Q, M = T(1, 2, 4, 8), T(2, 4, 4)
SYMMETRIC = ("in the dtype under test", (np.eye(4) * 3 + 0.25).astype(np.float32))
CASES: dict = {}


def case(name, fn, *args):
    """Register ``fn(lib, F, *args)``."""
    CASES[name] = (fn, args)


for n in (
    "acos", "asin", "atan", "cosh", "erfinv", "exp", "expm1", "log", "log10", "log2", "log1p", "reciprocal",
    "rsqrt", "sinh", "tan", "sqrt", "sin", "sigmoid", "tanh", "abs", "exp2",
):  # fmt: skip
    case(n, lambda lib, F, x, n=n: getattr(lib, n)(x), P)
for n in (
    "softplus", "gelu", "silu", "relu", "elu", "mish", "hardswish", "logsigmoid", "leaky_relu", "glu",
    "hardtanh",
):  # fmt: skip
    case(n, lambda lib, F, x, n=n: getattr(F, n)(x), A)
case("pow number", lambda lib, F, x: x**2, P)
case("pow fraction", lambda lib, F, x: x**0.3, P)
case("pow tensor", lambda lib, F, x, y: lib.pow(x, y), P, P)
case("number pow", lambda lib, F, x: 2.0**x, P)
case("add mixed", lambda lib, F, x, y: x + y, A, W(4, 4))
case("F.softmax", lambda lib, F, x: F.softmax(x, -1), A)
case("softmax", lambda lib, F, x: lib.softmax(x, -1), A)
case("log_softmax", lambda lib, F, x: F.log_softmax(x, -1), A)
case("softmin", lambda lib, F, x: F.softmin(x, -1), A)
case("layer_norm", lambda lib, F, x: F.layer_norm(x, (4,)), A)
case("layer_norm weights", lambda lib, F, x, w: F.layer_norm(x, (4,), w, w), A, W(4))
case("rms_norm", lambda lib, F, x: F.rms_norm(x, (4,), eps=1e-6), A)
case("rms_norm weights", lambda lib, F, x, w: F.rms_norm(x, (4,), w, 1e-6), A, W(4))
case("group_norm", lambda lib, F, x: F.group_norm(x, 1), X4)
case("group_norm weights", lambda lib, F, x, w: F.group_norm(x, 1, w, w), X4, W(3))
case("instance_norm", lambda lib, F, x: F.instance_norm(x), X4)
case("batch_norm", lambda lib, F, x, w: F.batch_norm(x, w * 0, w * 0 + 1, w, w, training=True), X4, W(3))
case("local_response_norm", lambda lib, F, x: F.local_response_norm(x, 2), X4)
case("norm", lambda lib, F, x: lib.norm(x), A)
case("norm dim", lambda lib, F, x: x.norm(dim=1), A)
case("linalg.norm", lambda lib, F, x: lib.linalg.norm(x), A)
case("vector_norm", lambda lib, F, x: lib.linalg.vector_norm(x), A)
case("matrix_norm", lambda lib, F, x: lib.linalg.matrix_norm(x), A)
case("normalize", lambda lib, F, x: F.normalize(x), A)
case("cosine_similarity", lambda lib, F, x, y: F.cosine_similarity(x, y), A, B)
case("pairwise_distance", lambda lib, F, x, y: F.pairwise_distance(x, y), A, B)
case("dist", lambda lib, F, x, y: lib.dist(x, y), A, B)
case("cdist", lambda lib, F, x, y: lib.cdist(x, y), A, B)
case("renorm", lambda lib, F, x: lib.renorm(x, 2, 0, 0.5), A)
case("logsumexp", lambda lib, F, x: lib.logsumexp(x, 0), A)
for n in (
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "kl_div", "poisson_nll_loss",
    "hinge_embedding_loss",
):  # fmt: skip
    case(n, lambda lib, F, x, y, n=n: getattr(F, n)(x, y), P, P)
case("mse_loss mixed", lambda lib, F, x, y: F.mse_loss(x, y, reduction="none"), P, W(4, 4))
case("gaussian_nll_loss", lambda lib, F, x, y, v: F.gaussian_nll_loss(x, y, v), P, P, P)
case("margin_ranking_loss", lambda lib, F, x, y, z: F.margin_ranking_loss(x, y, lib.sign(z)), P, A, B)
case("triplet_margin_loss", lambda lib, F, x, y, z: F.triplet_margin_loss(x, y, z), P, A, B)
case("triplet with distance", lambda lib, F, x, y, z: F.triplet_margin_with_distance_loss(x, y, z), P, A, B)
case("cosine_embedding_loss", lambda lib, F, x, y, z: F.cosine_embedding_loss(x, y, lib.sign(z)), P, A, V)
case("multilabel_margin_loss", lambda lib, F, x, y: F.multilabel_margin_loss(x, y), A, I(4, 4, high=4))
case("multi_margin_loss", lambda lib, F, x, y: F.multi_margin_loss(x, y), A, I(4, high=4))
case("multilabel_soft_margin_loss", lambda lib, F, x, y: F.multilabel_soft_margin_loss(x, y), A, P)
case(
    "cross_entropy",
    lambda lib, F, x, y, w: F.cross_entropy(x, y, w, label_smoothing=0.1),
    A,
    I(4, high=4),
    T(4, low=0.1),
)
case("cross_entropy shares", lambda lib, F, x, y: F.cross_entropy(x, y), A, P)
case("nll_loss", lambda lib, F, x, y: F.nll_loss(x, y), A, I(4, high=4))
case("binary_cross_entropy", lambda lib, F, x, y: F.binary_cross_entropy(x, y), P, P)
case("with_logits", lambda lib, F, x, y: F.binary_cross_entropy_with_logits(x, y), A, P)
case("prod", lambda lib, F, x: lib.prod(x), A)
case("prod dim", lambda lib, F, x: lib.prod(x, 1), A)
for n in ("sum", "mean", "var", "std"):
    case(n, lambda lib, F, x, n=n: getattr(x, n)(), A)
for n in ("amax", "cumsum", "cumprod"):
    case(n, lambda lib, F, x, n=n: getattr(x, n)(0), A)
case("sum dtype", lambda lib, F, x: x.sum(dtype=lib.float32), A)
case("addcdiv", lambda lib, F, x, y, z: lib.addcdiv(x, y, z), A, B, P)
case("atan2", lambda lib, F, x, y: lib.atan2(x, y), A, B)
case("cross", lambda lib, F, x, y: lib.linalg.cross(x, y), T(4, 3), T(4, 3))
case("dot", lambda lib, F, x, y: lib.dot(x, y), V, V)
case("vdot", lambda lib, F, x, y: lib.vdot(x, y), V, V)
case("outer", lambda lib, F, x, y: lib.outer(x, y), V, V)
case("tensordot", lambda lib, F, x, y: lib.tensordot(x, y, 1), A, B)
case("scatter_add", lambda lib, F, x, i, y: lib.scatter_add(x, 0, i, y), A, I(4, 4, high=4), B)
case("index_copy", lambda lib, F, x, i, y: lib.index_copy(x, 0, i, y), A, ("int64", np.array([1, 2])), T(2, 4))
case("index_put", lambda lib, F, x, i, y: x.index_put((i,), y), A, ("int64", np.array([1, 2])), T(2, 4))
case("grid_sample", lambda lib, F, x, g: F.grid_sample(x, g, align_corners=False), X4, T(2, 4, 4, 2))
case("conv1d", lambda lib, F, x, w: F.conv1d(x, w), X3, T(4, 3, 3))
case("conv2d", lambda lib, F, x, w: F.conv2d(x, w), X4, T(4, 3, 3, 3))
case("conv2d same", lambda lib, F, x, w: F.conv2d(x, w, padding="same"), X4, T(4, 3, 3, 3))
case("conv3d", lambda lib, F, x, w: F.conv3d(x, w), X5, T(3, 2, 2, 2, 2))
case("conv_transpose1d", lambda lib, F, x, w: F.conv_transpose1d(x, w), X3, T(3, 4, 3))
case("conv_transpose2d", lambda lib, F, x, w: F.conv_transpose2d(x, w), X4, T(3, 4, 3, 3))
case("conv_transpose3d", lambda lib, F, x, w: F.conv_transpose3d(x, w), X5, T(2, 3, 2, 2, 2))
case("conv_tbc", lambda lib, F, x, w, b: lib.conv_tbc(x, w, b), T(5, 2, 3), T(3, 3, 4), V)
case("prelu", lambda lib, F, x, w: F.prelu(x, w), A, T(1))
case("addmm", lambda lib, F, x, y, z: lib.addmm(x, y, z), A, B, P)
case("addmv", lambda lib, F, x, y, z: lib.addmv(x, y, z), V, B, V)
case("addr", lambda lib, F, x, y, z: lib.addr(x, y, z), A, V, V)
case("addbmm", lambda lib, F, x, y, z: lib.addbmm(x, y, z), A, M, M)
case("baddbmm", lambda lib, F, x, y, z: lib.baddbmm(x, y, z), M, M, M)
case("matmul", lambda lib, F, x, y: x @ y, A, B)
case("matmul mixed", lambda lib, F, x, y: x @ y, A, W(4, 4))
case("matrix times vector", lambda lib, F, x, y: x @ y, A, V)
case("vector times vector", lambda lib, F, x, y: x @ y, V, V)
case("batches", lambda lib, F, x, y: x @ y, M, B)
case("einsum", lambda lib, F, x, y: lib.einsum("ij,jk->ik", x, y), A, B)
case("einsum mixed", lambda lib, F, x, y: lib.einsum("ij,jk->ik", x, y), A, W(4, 4))
case("einsum products", lambda lib, F, x, y: lib.einsum("ij,ij->ij", x, y), A, B)
case("einsum sum", lambda lib, F, x: lib.einsum("ij->i", x), A)
case("mm", lambda lib, F, x, y: lib.mm(x, y), A, B)
case("mv", lambda lib, F, x, y: lib.mv(x, y), A, V)
case("bmm", lambda lib, F, x, y: lib.bmm(x, y), M, M)
case("vecdot", lambda lib, F, x, y: lib.linalg.vecdot(x, y), A, B)
case("chain_matmul", lambda lib, F, x, y, z: lib.chain_matmul(x, y, z), A, B, P)
case("multi_dot", lambda lib, F, x, y, z: lib.linalg.multi_dot([x, y, z]), A, B, P)
case("linear", lambda lib, F, x, w, b: F.linear(x, w, b), A, W(4, 4), W(4))
case("attention", lambda lib, F, x: F.scaled_dot_product_attention(x, x, x), Q)
case("attention mask", lambda lib, F, x, m: F.scaled_dot_product_attention(x, x, x, m), Q, B)
case("attention causal", lambda lib, F, x: F.scaled_dot_product_attention(x, x, x, is_causal=True), Q)
for n in ("avg_pool3d", "max_pool3d", "adaptive_avg_pool3d", "adaptive_max_pool3d"):
    case(n, lambda lib, F, x, n=n: getattr(F, n)(x, 2), X5)
for n in ("avg_pool2d", "max_pool2d", "adaptive_avg_pool2d"):
    case(n, lambda lib, F, x, n=n: getattr(F, n)(x, 2), X4)
case("max_unpool2d", lambda lib, F, x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2), X4)
case("cat mixed", lambda lib, F, x, y: lib.cat([x, y]), A, W(4, 4))
case("stack", lambda lib, F, x, y: lib.stack([x, y]), A, B)
case("where mixed", lambda lib, F, x, y: lib.where(x > 0, x, y), A, W(4, 4))
for n in ("cholesky", "inv", "eigvalsh", "svdvals", "matrix_rank", "cond", "inv_ex", "eigvals"):
    case(f"linalg.{n}", lambda lib, F, x, n=n: getattr(lib.linalg, n)(x), SYMMETRIC)
case("linalg.solve", lambda lib, F, x, y: lib.linalg.solve(x, y), SYMMETRIC, B)
case("linalg.lstsq", lambda lib, F, x, y: lib.linalg.lstsq(x, y)[0], SYMMETRIC, B)
case("inverse", lambda lib, F, x: lib.inverse(x), SYMMETRIC)
case("cholesky_solve", lambda lib, F, x, y: lib.cholesky_solve(y, lib.linalg.cholesky(x)), SYMMETRIC, B)
case("triangular_solve", lambda lib, F, x, y: lib.triangular_solve(y, x)[0], SYMMETRIC, B)
case("trace", lambda lib, F, x: x.trace(), A)
case("polar", lambda lib, F, x, y: lib.polar(x, y), P, A)
case("view_as_complex", lambda lib, F, x: lib.view_as_complex(x), T(3, 2))
case("quantile", lambda lib, F, x: lib.quantile(x, 0.3), A)
for n in ("fft", "ifft", "rfft", "hfft", "ihfft", "fft2", "fftn", "rfftn"):
    case(f"fft.{n}", lambda lib, F, x, n=n: getattr(lib.fft, n)(x), A)
for n in ("reflect", "replicate", "circular", "constant"):
    case(f"pad {n}", lambda lib, F, x, n=n: F.pad(x, (1, 1, 1, 1), mode=n), X4)
for n in ("nearest", "bilinear", "bicubic", "nearest-exact", "area"):
    case(f"interpolate {n}", lambda lib, F, x, n=n: F.interpolate(x, scale_factor=2, mode=n), X4)
case("embedding", lambda lib, F, i, w: F.embedding(i, w), I(3, high=4), A)
case("sum of integers", lambda lib, F, i: i.sum(), I(3, high=4))
case("exp of integers", lambda lib, F, i: lib.exp(i), I(3, high=4))
case("mm of doubles", lambda lib, F, i: i.double() @ i.double(), I(3, 3, high=4))


def operand(lib, value, dtype: str):
    """A case's operand in one library."""
    kind, data = value
    t = lib.tensor(data)
    return t.to(getattr(lib, dtype)) if kind == "in the dtype under test" else t


# what CUDA's list makes of float16 operands that it does not leave in float16, and of float32 ones that it lowers
GPU_FLOAT32 = {
    "F.softmax", "acos", "add mixed", "asin", "cat mixed", "cdist", "cosh", "cosine_embedding_loss",
    "cosine_similarity", "cross_entropy", "cross_entropy shares", "cumprod", "cumsum", "dist", "erfinv", "exp",
    "expm1", "gaussian_nll_loss", "group_norm", "group_norm weights", "hinge_embedding_loss", "huber_loss",
    "interpolate bicubic", "interpolate bilinear", "interpolate nearest", "interpolate nearest-exact", "kl_div",
    "l1_loss", "layer_norm", "layer_norm weights", "linalg.norm", "log", "log10", "log1p", "log2", "log_softmax",
    "logsumexp", "margin_ranking_loss", "matrix_norm", "mse_loss", "mse_loss mixed", "multi_margin_loss",
    "multilabel_margin_loss", "nll_loss", "norm", "norm dim", "normalize", "number pow", "pairwise_distance",
    "poisson_nll_loss", "pow fraction", "pow number", "pow tensor", "prod", "prod dim", "reciprocal", "renorm",
    "rms_norm", "rms_norm weights", "rsqrt", "sinh", "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin",
    "softplus", "sum", "sum dtype", "tan", "triplet with distance", "triplet_margin_loss", "vector_norm",
    "where mixed", "with_logits",
}  # fmt: skip
GPU_LOW = {
    "addbmm", "addmm", "addmv", "addr", "attention", "attention causal", "attention mask", "baddbmm", "batches",
    "bmm", "chain_matmul", "conv1d", "conv2d", "conv2d same", "conv3d", "conv_tbc", "conv_transpose1d",
    "conv_transpose2d", "conv_transpose3d", "einsum", "einsum mixed", "einsum products", "einsum sum", "linear",
    "matmul", "matmul mixed", "matrix times vector", "mm", "multi_dot", "mv", "prelu", "vecdot",
    "vector times vector",
}  # fmt: skip

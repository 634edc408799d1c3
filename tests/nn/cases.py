"""One line for each way to make a layer: its class, its arguments and what it is called with."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..oracle import A, I, T, realise


@dataclasses.dataclass
class Case:
    name: str
    args: tuple
    kwargs: dict
    inputs: tuple
    call: dict
    double: bool = True  # computed in float64, where rounding hides nothing

    def __str__(self) -> str:
        shown = [*map(_short, self.args), *(f"{k}={_short(v)}" for k, v in self.kwargs.items())]
        shapes = ["x".join(map(str, t.data.shape)) if isinstance(t, T) else "?" for t in self.inputs]
        return f"{self.name}({','.join(shown)})({','.join(shapes)})".replace(" ", "")

    def make(self, lib):
        """The layer, in one of the libraries."""
        args, kwargs = realise(list(self.args), lib, False, []), realise(self.kwargs, lib, False, [])
        return getattr(lib.nn, self.name)(*args, **kwargs)


def _short(value) -> str:
    return "tensor" if isinstance(value, T) else repr(value)


CASES: list[Case] = []


def L(name: str, *args, on=(), call=None, double=True, **kwargs) -> None:
    """Add a layer ``name(*args, **kwargs)`` called with the inputs ``on`` and the keywords ``call``."""
    CASES.append(Case(name, args, kwargs, tuple(on), call or {}, double))


def N(values, dtype="int64") -> T:
    """Given numbers."""
    return T(np.array(values).astype(dtype), grad=False)


def P(*shape, **kwargs) -> T:
    """Positive numbers below 1."""
    return A(*shape, low=0.05, high=0.95, **kwargs)


# -------------------------------------------------------------------------------------------------------------- linear
L("Identity", 3, on=[A(2, 3)])
L("Linear", 4, 3, on=[A(2, 4)])
L("Linear", 4, 3, on=[A(2, 5, 4)])
L("Linear", 4, 3, False, on=[A(4)])
L("Bilinear", 3, 4, 5, on=[A(2, 3), A(2, 4)])
L("Bilinear", 3, 4, 5, bias=False, on=[A(2, 6, 3), A(2, 6, 4)])
L("LazyLinear", 3, on=[A(2, 4)])

# ---------------------------------------------------------------------------------------------------------- convolution
L("Conv1d", 4, 6, 3, on=[A(2, 4, 8)])
L("Conv1d", 4, 6, 3, stride=2, padding=2, dilation=2, groups=2, on=[A(2, 4, 11)])
L("Conv1d", 4, 6, 3, padding="same", bias=False, on=[A(4, 8)])
for mode in ("reflect", "replicate", "circular"):
    L("Conv1d", 2, 3, 3, padding=1, padding_mode=mode, on=[A(2, 2, 6)])
    L("Conv2d", 2, 3, (3, 5), padding=(1, 2), padding_mode=mode, on=[A(2, 2, 6, 7)])
    L("Conv3d", 2, 3, 3, padding=1, padding_mode=mode, on=[A(1, 2, 4, 4, 4)])
L("Conv2d", 2, 4, 3, on=[A(2, 2, 6, 7)])
L("Conv2d", 2, 4, (3, 2), (2, 1), (1, 0), (1, 2), on=[A(2, 2, 7, 8)])
L("Conv2d", 4, 4, 3, padding="same", groups=4, on=[A(2, 4, 5, 6)])
L("Conv2d", 4, 2, 3, padding="valid", on=[A(4, 5, 6)])
L("Conv2d", 2, 2, 4, padding="same", padding_mode="circular", on=[A(1, 2, 6, 6)])
L("Conv3d", 2, 4, 2, on=[A(2, 2, 4, 5, 4)])
L("Conv3d", 4, 4, (2, 3, 1), stride=(1, 2, 1), padding=(0, 1, 0), groups=2, on=[A(1, 4, 4, 5, 3)])
L("ConvTranspose1d", 4, 6, 3, on=[A(2, 4, 5)])
L("ConvTranspose1d", 4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2, on=[A(2, 4, 5)])
L("ConvTranspose2d", 2, 4, 3, stride=2, on=[A(2, 2, 4, 5)])
L("ConvTranspose2d", 2, 4, 3, stride=2, padding=1, bias=False, on=[A(2, 4, 5)])
L("ConvTranspose2d", 2, 4, 3, stride=2, padding=1, on=[A(1, 2, 4, 5)], call={"output_size": [8, 10]})
L("ConvTranspose3d", 2, 2, 2, stride=2, on=[A(1, 2, 3, 3, 2)])
L("LazyConv1d", 4, 3, on=[A(2, 3, 6)])
L("LazyConv2d", 4, 3, padding=1, on=[A(2, 3, 6, 5)])
L("LazyConv3d", 4, 2, on=[A(1, 3, 4, 4, 4)])
L("LazyConvTranspose1d", 4, 3, on=[A(2, 3, 6)])
L("LazyConvTranspose2d", 4, 3, stride=2, on=[A(2, 3, 4, 5)])
L("LazyConvTranspose3d", 4, 2, on=[A(1, 3, 3, 3, 3)])
L("Unfold", 3, padding=1, stride=2, on=[A(2, 3, 6, 7)])
L("Fold", (5, 6), (2, 3), on=[A(2, 12, 16)])

# ------------------------------------------------------------------------------------------------------- normalisation
for n, shapes in ((1, [(4, 3), (4, 3, 5)]), (2, [(4, 3, 5, 4)]), (3, [(2, 3, 3, 4, 2)])):
    for shape in shapes:
        L(f"BatchNorm{n}d", 3, on=[A(*shape)])
    L(f"BatchNorm{n}d", 3, affine=False, on=[A(*shape)])
    L(f"BatchNorm{n}d", 3, bias=False, on=[A(*shape)])
    L(f"BatchNorm{n}d", 3, momentum=None, eps=1e-3, on=[A(*shape)])
    L(f"BatchNorm{n}d", 3, track_running_stats=False, on=[A(*shape)])
    L(f"LazyBatchNorm{n}d", on=[A(*shape)])
    image = (2, 3, 4, 3, 2)[: n + 2]
    L(f"InstanceNorm{n}d", 3, on=[A(*image)])
    L(f"InstanceNorm{n}d", 3, affine=True, track_running_stats=True, on=[A(*image)])
    L(f"InstanceNorm{n}d", 3, on=[A(*image[1:])])
    L(f"LazyInstanceNorm{n}d", on=[A(*image)])
L("LayerNorm", 4, on=[A(2, 3, 4)])
L("LayerNorm", (3, 4), eps=1e-3, bias=False, on=[A(2, 3, 4)])
L("LayerNorm", [4], elementwise_affine=False, on=[A(2, 4)])
L("GroupNorm", 2, 4, on=[A(2, 4, 3)])
L("GroupNorm", 4, 4, affine=False, on=[A(2, 4, 3, 3)])
L("GroupNorm", 1, 4, bias=False, on=[A(3, 4)])
L("RMSNorm", 4, on=[A(2, 3, 4)])
L("RMSNorm", (3, 4), eps=1e-3, elementwise_affine=False, on=[A(2, 3, 4)])
L("LocalResponseNorm", 3, alpha=0.1, on=[A(2, 5, 4)])
L("LocalResponseNorm", 2, alpha=0.1, k=2.0, on=[A(2, 5, 4, 3)])

# ---------------------------------------------------------------------------------------------------------- activations
for name in [
    "CELU",
    "ELU",
    "GELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
]:
    L(name, on=[A(3, 5, low=-4, high=4)])
for name in [
    "CELU",
    "ELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "Mish",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SELU",
    "SiLU",
]:
    L(name, inplace=True, on=[A(3, 5, low=-4, high=4, grad=False)])
L("Threshold", 0.1, 20.0, on=[A(3, 5)])
L("Threshold", 0.1, 20.0, inplace=True, on=[A(3, 5, grad=False)])
L("CELU", 2.0, on=[A(3, 5)])
L("ELU", 2.0, on=[A(3, 5)])
L("GELU", "tanh", on=[A(3, 5)])
L("GLU", on=[A(3, 6)])
L("GLU", 0, on=[A(4, 3)])
L("Hardshrink", 0.3, on=[A(3, 5)])
L("Softshrink", 0.3, on=[A(3, 5)])
L("Hardtanh", -0.5, 0.7, on=[A(3, 5)])
L("LeakyReLU", 0.3, on=[A(3, 5)])
L("PReLU", 3, 0.1, on=[A(2, 3, 4)])
L("Softplus", 2.0, 1.0, on=[A(3, 5)])
for name in ("Softmax", "Softmin", "LogSoftmax"):
    L(name, -1, on=[A(3, 5)])
    L(name, 1, on=[A(3, 5, 2)])
L("Softmax2d", on=[A(2, 3, 4, 5)])
L("Softmax2d", on=[A(3, 4, 5)])

# -------------------------------------------------------------------------------------------------------------- dropout
for name, shape in (
    ("Dropout", (4, 6)), ("Dropout1d", (3, 8, 4)), ("Dropout2d", (3, 8, 2, 2)), ("Dropout3d", (2, 9, 2, 2, 2)),
    ("AlphaDropout", (4, 6)), ("FeatureAlphaDropout", (3, 8, 2)),
):  # fmt: skip
    L(name, on=[A(*shape)])
    L(name, 0.2, on=[A(*shape)])
    L(name, 1.0, on=[A(*shape)])
L("Dropout", 0.3, True, on=[A(4, 6, grad=False)])

# -------------------------------------------------------------------------------------------------------------- pooling
for n, shape in ((1, (2, 3, 9)), (2, (2, 3, 8, 7)), (3, (1, 2, 6, 5, 7))):
    L(f"MaxPool{n}d", 2, on=[A(*shape)])
    L(f"MaxPool{n}d", 3, 2, 1, ceil_mode=True, on=[A(*shape)])
    L(f"MaxPool{n}d", 2, dilation=2, stride=1, return_indices=True, on=[A(*shape)])
    L(f"MaxPool{n}d", 2, on=[A(*shape[1:])])
    L(f"AvgPool{n}d", 2, on=[A(*shape)])
    L(f"AvgPool{n}d", 3, 2, 1, ceil_mode=True, count_include_pad=False, on=[A(*shape)])
    L(f"LPPool{n}d", 2, 2, on=[P(*shape)])
    L(f"LPPool{n}d", 3, 3, 2, True, on=[P(*shape)])
    L(f"AdaptiveAvgPool{n}d", 3, on=[A(*shape)])
    L(f"AdaptiveMaxPool{n}d", 2, on=[A(*shape)])
    L(f"AdaptiveMaxPool{n}d", 2, True, on=[A(*shape)])
L("AvgPool2d", 2, divisor_override=3, on=[A(2, 3, 6, 6)])
L("AvgPool3d", 2, divisor_override=3, on=[A(1, 2, 4, 4, 4)])
L("AdaptiveAvgPool2d", (None, 3), on=[A(2, 3, 5, 7)])
L("AdaptiveAvgPool2d", (1, 1), on=[A(3, 5, 7)])
L("AdaptiveMaxPool2d", (3, None), on=[A(2, 3, 5, 7)])
L("MaxUnpool1d", 2, on=[A(1, 1, 3), N([[[1, 2, 4]]])])
L("MaxUnpool2d", 2, on=[A(1, 1, 2, 2), N([[[[0, 3], [9, 14]]]])])
L("MaxUnpool3d", 2, on=[A(1, 1, 1, 1, 2), N([[[[[3, 10]]]]])])
L("FractionalMaxPool2d", 2, (3, 3), on=[A(2, 2, 7, 8)])
L("FractionalMaxPool2d", 2, output_ratio=0.5, return_indices=True, on=[A(2, 2, 7, 8)])
L("FractionalMaxPool3d", 2, (2, 3, 2), on=[A(1, 2, 5, 6, 5)])

# -------------------------------------------------------------------------------------------------------------- padding
for n, shape in ((1, (2, 3, 5)), (2, (2, 3, 5, 6)), (3, (1, 2, 4, 5, 4))):
    one_each = (1, 2, 0, 1, 2, 1)[: 2 * n]
    for kind in ("Circular", "Reflection", "Replication", "Zero"):
        L(f"{kind}Pad{n}d", 1, on=[A(*shape)])
        L(f"{kind}Pad{n}d", one_each, on=[A(*shape)])
    L(f"ConstantPad{n}d", one_each, 2.5, on=[A(*shape)])

# --------------------------------------------------------------------------------------------------- shape and distance
L("Flatten", on=[A(2, 3, 4)])
L("Flatten", 0, 1, on=[A(2, 3, 4)])
L("Unflatten", 1, (2, 3), on=[A(2, 6, 2)])
L("PixelShuffle", 2, on=[A(2, 8, 3, 2)])
L("PixelUnshuffle", 2, on=[A(2, 2, 6, 4)])
L("ChannelShuffle", 2, on=[A(2, 6, 3, 2)])
L("Upsample", (5, 6), on=[A(1, 2, 3, 4)])
L("Upsample", scale_factor=2, mode="bilinear", on=[A(1, 2, 3, 4)])
L("Upsample", scale_factor=(1.5, 2.0), mode="bilinear", align_corners=True, on=[A(1, 2, 4, 3)])
L("Upsample", scale_factor=2, mode="linear", on=[A(1, 2, 4)])
L("Upsample", scale_factor=2, mode="bicubic", on=[A(1, 2, 4, 3)])
L("Upsample", size=(3, 4, 5), mode="trilinear", on=[A(1, 2, 2, 3, 3)])
L("UpsamplingNearest2d", scale_factor=2, on=[A(1, 2, 3, 4)])
L("UpsamplingBilinear2d", (5, 6), on=[A(1, 2, 3, 4)])
L("PairwiseDistance", on=[A(3, 4), A(3, 4, seed=1)])
L("PairwiseDistance", 1.0, keepdim=True, on=[A(3, 4), A(3, 4, seed=1)])
L("CosineSimilarity", on=[A(3, 4), A(3, 4, seed=1)])
L("CosineSimilarity", 0, on=[A(3, 4), A(3, 4, seed=1)])

# ------------------------------------------------------------------------------------------------------------ embedding
L("Embedding", 10, 3, on=[I(2, 4, high=10)])
L("Embedding", 10, 3, padding_idx=-1, on=[I(2, 4, high=10)])
L("Embedding", 10, 3, max_norm=0.5, norm_type=1.0, on=[I(2, 4, high=10)])
L("Embedding", 5, 3, scale_grad_by_freq=True, on=[I(2, 6, high=5)])
for mode in ("sum", "mean", "max"):
    L("EmbeddingBag", 10, 3, mode=mode, on=[I(4, 3, high=10)])
    L("EmbeddingBag", 10, 3, mode=mode, padding_idx=2, on=[I(7, high=10), N([0, 2, 5])])
L("EmbeddingBag", 10, 3, mode="sum", include_last_offset=True, on=[I(6, high=10), N([0, 4, 6])])
L("EmbeddingBag", 10, 3, mode="sum", on=[I(4, 3, high=10)], call={"per_sample_weights": A(4, 3)})

# ------------------------------------------------------------------------------------------------------------ recurrent
for name, states in (("RNN", 1), ("GRU", 1), ("LSTM", 2)):
    h = A(2, 3, 5)
    state = h if states == 1 else (h, A(2, 3, 5, seed=1))
    one = A(1, 5) if states == 1 else (A(1, 5), A(1, 5, seed=1))
    L(name, 4, 5, on=[A(6, 3, 4)])
    L(name, 4, 5, 2, on=[A(6, 3, 4), state])
    L(name, 4, 5, 1, bidirectional=True, batch_first=True, on=[A(3, 6, 4), state])
    L(name, 4, 5, num_layers=2, bias=False, bidirectional=True, on=[A(6, 3, 4)])
    L(name, 4, 5, num_layers=2, dropout=0.4, on=[A(6, 3, 4)])
    L(name, 4, 5, on=[A(6, 4), one])
    L(name + "Cell", 4, 5, on=[A(3, 4)])
    L(name + "Cell", 4, 5, bias=False, on=[A(4)])
    L(name + "Cell", 4, 5, on=[A(3, 4), A(3, 5) if states == 1 else (A(3, 5), A(3, 5, seed=1))])
L("RNN", 4, 5, nonlinearity="relu", on=[A(6, 3, 4)])
L("RNNCell", 4, 5, nonlinearity="relu", on=[A(3, 4)])
L("LSTM", 4, 5, num_layers=2, proj_size=2, bidirectional=True, on=[A(6, 3, 4)])

# ------------------------------------------------------------------------------------------------------------ attention
L("MultiheadAttention", 8, 2, on=[A(3, 2, 8), A(5, 2, 8), A(5, 2, 8, seed=1)])
L("MultiheadAttention", 8, 2, batch_first=True, on=[A(2, 3, 8), A(2, 5, 8), A(2, 5, 8, seed=1)])
L("MultiheadAttention", 8, 2, kdim=6, vdim=4, bias=False, on=[A(3, 2, 8), A(5, 2, 6), A(5, 2, 4)])
L("MultiheadAttention", 8, 2, add_bias_kv=True, add_zero_attn=True, on=[A(3, 2, 8), A(5, 2, 8), A(5, 2, 8)])
L("MultiheadAttention", 8, 4, on=[A(3, 8), A(5, 8), A(5, 8)], call={"average_attn_weights": False})
L("MultiheadAttention", 8, 2, dropout=0.3, on=[A(3, 2, 8), A(5, 2, 8), A(5, 2, 8)], call={"need_weights": False})
L("MultiheadAttention", 8, 2, on=[A(3, 2, 8)] * 3, call={"attn_mask": N([[0] * 3] * 3, "bool")})
L("MultiheadAttention", 8, 2, on=[A(3, 2, 8)] * 3, call={"attn_mask": A(3, 3, grad=False), "need_weights": False})
L("TransformerEncoderLayer", 8, 2, 16, on=[A(3, 2, 8)])
L("TransformerEncoderLayer", 8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True, on=[A(2, 3, 8)])
L("TransformerEncoderLayer", 8, 2, 16, bias=False, on=[A(3, 8)])
L("TransformerDecoderLayer", 8, 2, 16, on=[A(3, 2, 8), A(4, 2, 8)])
L("TransformerDecoderLayer", 8, 2, 16, 0.1, "gelu", batch_first=True, norm_first=True, on=[A(2, 3, 8), A(2, 4, 8)])
L("Transformer", 8, 2, 1, 2, 16, on=[A(4, 2, 8), A(3, 2, 8)])
L("Transformer", 8, 2, 2, 1, 16, batch_first=True, norm_first=True, on=[A(2, 4, 8), A(2, 3, 8)])

# --------------------------------------------------------------------------------------------------------------- losses
for reduction in ("mean", "sum", "none"):
    r = {"reduction": reduction}
    for name in ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss"):
        L(name, **r, on=[A(3, 4), A(3, 4, seed=1)])
    for name in ("NLLLoss", "CrossEntropyLoss"):
        L(name, **r, on=[A(4, 5), I(4, high=5)])
        L(name, P(5, grad=False), ignore_index=1, **r, on=[A(2, 5, 3), I(2, 3, high=5)])
    L("CrossEntropyLoss", label_smoothing=0.2, **r, on=[A(4, 5), I(4, high=5)])
    L("CrossEntropyLoss", P(5, grad=False), **r, on=[A(4, 5), P(4, 5)])
    L("BCELoss", **r, on=[P(3, 4), P(3, 4, seed=1, grad=False)])
    L("BCELoss", P(4, grad=False), **r, on=[P(3, 4), P(3, 4, seed=1, grad=False)])
    L("BCEWithLogitsLoss", **r, on=[A(3, 4), P(3, 4, seed=1)])
    L("BCEWithLogitsLoss", P(4), pos_weight=P(4), **r, on=[A(3, 4), P(3, 4, seed=1, grad=False)])
    L("PoissonNLLLoss", **r, on=[A(3, 4), P(3, 4, grad=False)])
    L("PoissonNLLLoss", False, True, **r, on=[P(3, 4), A(3, 4, low=1, high=5, grad=False)])
    L("GaussianNLLLoss", **r, on=[A(3, 4), A(3, 4, seed=1), P(3, 4)])
    L("GaussianNLLLoss", full=True, **r, on=[A(3, 4), A(3, 4, seed=1), P(3, 1)])
    L("KLDivLoss", **r, on=[A(3, 4), P(3, 4)])
    L("KLDivLoss", log_target=True, **r, on=[A(3, 4), A(3, 4, seed=1)])
    L("HingeEmbeddingLoss", 0.7, **r, on=[A(3, 4), T(I(3, 4, high=2).data * 2 - 1)])
    L("MultiLabelMarginLoss", **r, on=[A(2, 4), N([[3, 0, -1, 1], [2, -1, 0, 0]])])
    L("SoftMarginLoss", **r, on=[A(3, 4), T((I(3, 4, high=2).data * 2 - 1).astype("float32"), grad=False)])
    L("MultiLabelSoftMarginLoss", **r, on=[A(3, 4), T(I(3, 4, high=2).data.astype("float32"), grad=False)])
    L("CosineEmbeddingLoss", 0.1, **r, on=[A(4, 3), A(4, 3, seed=1), T(I(4, high=2).data * 2 - 1)])
    L("MarginRankingLoss", 0.3, **r, on=[A(4), A(4, seed=1), T(I(4, high=2).data * 2 - 1)])
    L("MultiMarginLoss", **r, on=[A(3, 4), I(3, high=4)])
    L("MultiMarginLoss", 2, 0.5, P(4, grad=False), **r, on=[A(3, 4), I(3, high=4)])
    L("TripletMarginLoss", **r, on=[A(3, 4), A(3, 4, seed=1), A(3, 4, seed=2)])
    L("TripletMarginLoss", 0.5, 1.0, swap=True, **r, on=[A(3, 4), A(3, 4, seed=1), A(3, 4, seed=2)])
    L("TripletMarginWithDistanceLoss", margin=0.5, swap=True, **r, on=[A(3, 4), A(3, 4, seed=1), A(3, 4, seed=2)])
    L("LinearCrossEntropyLoss", 4, 5, bias=True, **r, on=[A(3, 4), I(3, high=5)])
    L("CTCLoss", **r, on=[A(6, 2, 4, high=0), I(2, 3, low=1, high=4), N([6, 5]), N([3, 2])])
L("AdaptiveLogSoftmaxWithLoss", 16, 20, [5, 10], on=[A(6, 16), I(6, high=20)])
L("AdaptiveLogSoftmaxWithLoss", 16, 20, [4], 2.0, True, on=[A(6, 16), I(6, high=20)])

"""What a table of layers does not show: stacks, masks, statistics, pretrained tables, the documented extras."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import flashlight

from ..oracle import to_numpy
from .same import check_same

CLOSE = {"atol": 3e-6, "rtol": 3e-5}


def x(lib, *shape):
    """The same numbers in both libraries."""
    return lib.tensor(np.random.RandomState(sum(shape)).uniform(-1, 1, shape).astype("float32"))


def encoder(lib, norm=False, **kwargs):
    layer = lib.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    return lib.nn.TransformerEncoder(layer, 2, lib.nn.LayerNorm(8) if norm else None, **kwargs)


def padding(lib):
    return lib.tensor([[False, False, True, True], [False, False, False, True]])


def causal(lib, n=4):
    return lib.nn.Transformer.generate_square_subsequent_mask(n)


ENCODER = {
    "plain": lambda lib, m: m(x(lib, 2, 4, 8)),
    "mask": lambda lib, m: m(x(lib, 2, 4, 8), mask=causal(lib)),
    "hint": lambda lib, m: m(x(lib, 2, 4, 8), mask=causal(lib), is_causal=True),
    "bool mask": lambda lib, m: m(x(lib, 2, 4, 8), mask=causal(lib) != 0),
    "unbatched": lambda lib, m: m(x(lib, 4, 8)),
    "padding": lambda lib, m: m(x(lib, 2, 4, 8), src_key_padding_mask=padding(lib)),
}


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("norm", [False, True], ids=["bare", "norm"])
@pytest.mark.parametrize("name", ENCODER)
def test_transformer_encoder(name, norm, training):
    def fn(lib):
        m = encoder(lib, norm).train(training)
        out = ENCODER[name](lib, m)
        out.sum().backward()
        return [out, [p.grad for p in m.parameters()], list(m.state_dict())]

    check_same(fn, warned=False, **CLOSE)


@pytest.mark.parametrize("norm", [False, True], ids=["bare", "norm"])
@pytest.mark.parametrize("options", [{}, {"enable_nested_tensor": False}, {"mask_check": False}], ids=str)
def test_padding_in_inference(options, norm):
    def fn(lib):
        m = encoder(lib, norm, **options).eval()
        with lib.no_grad():
            told = [m(x(lib, 2, 4, 8), src_key_padding_mask=padding(lib))]
            if "mask_check" not in options:  # with it off, torch takes the padding to be at the end
                told.append(m(x(lib, 2, 4, 8), src_key_padding_mask=padding(lib).flip(1)))
            return told

    check_same(fn, warned=False, **CLOSE)


def test_why_no_nested_tensors():
    def made(lib, **kwargs):
        return lib.nn.TransformerEncoder(lib.nn.TransformerEncoderLayer(8, kwargs.pop("heads", 2), 8, **kwargs), 1)

    for kwargs in (
        {}, {"batch_first": True, "norm_first": True}, {"batch_first": True, "bias": False},
        {"batch_first": True, "heads": 1}, {"batch_first": True, "activation": "gelu"}, {"batch_first": True},
    ):  # fmt: skip
        check_same(lambda lib, kwargs=kwargs: repr(made(lib, **dict(kwargs))))
    check_same(lambda lib: repr(made(lib, batch_first=True, activation=lib.tanh)))
    check_same(lambda lib: repr(made(lib, batch_first=True, activation=lib.nn.ReLU())))
    check_same(lambda lib: lib.nn.TransformerEncoderLayer(8, 2, 8, activation="x"))


def test_transformer_decoder():
    def fn(lib):
        layer = lib.nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0)
        m = lib.nn.TransformerDecoder(layer, 2, lib.nn.LayerNorm(8))
        out = m(
            x(lib, 3, 2, 8), x(lib, 4, 2, 8), tgt_mask=causal(lib, 3), tgt_is_causal=True,
            memory_key_padding_mask=padding(lib), tgt_key_padding_mask=padding(lib)[:, :3].flip(1) & False,
        )  # fmt: skip
        out.sum().backward()
        return [out, [p.grad for p in m.parameters()]]

    check_same(fn, warned=False, **CLOSE)


def test_transformer_with_masks():
    def fn(lib):
        m = lib.nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True)
        return m(
            x(lib, 2, 4, 8), x(lib, 2, 3, 8), tgt_mask=causal(lib, 3), src_key_padding_mask=padding(lib),
            memory_key_padding_mask=padding(lib),
        )  # fmt: skip

    def custom(lib):
        m = lib.nn.Transformer(8, 2, custom_encoder=lib.nn.Identity(), num_decoder_layers=1)
        return [n for n, _ in m.named_children()]

    check_same(fn, warned=False, **CLOSE)
    check_same(custom, warned=False)
    check_same(lambda lib: lib.nn.Transformer(8, 2, 1, 1, 8)(lib.ones(3, 2, 8), lib.ones(3, 3, 8)), warned=False)
    check_same(lambda lib: lib.nn.Transformer(8, 2, 1, 1, 8)(lib.ones(3, 2, 8), lib.ones(3, 2, 7)), warned=False)


ATTENTION = {
    "padding": {"key_padding_mask": padding},
    "float padding": {"key_padding_mask": lambda lib: padding(lib) * -1e9},
    "mask": {"attn_mask": lambda lib: causal(lib)},
    "bool mask": {"attn_mask": lambda lib: causal(lib) != 0},
    "mask of each head": {"attn_mask": lambda lib: causal(lib).expand(4, 4, 4)},
    "both": {"attn_mask": lambda lib: causal(lib), "key_padding_mask": lambda lib: padding(lib) * -1e9},
    "hint": {"attn_mask": lambda lib: causal(lib), "is_causal": lambda lib: True, "need_weights": lambda lib: False},
    "hint without mask": {"is_causal": lambda lib: True},
    "all heads": {"average_attn_weights": lambda lib: False},
    "no weights": {"need_weights": lambda lib: False},
    "mask shape": {"attn_mask": lambda lib: causal(lib, 3)},
    "padding shape": {"key_padding_mask": lambda lib: padding(lib)[:1]},
}


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", ATTENTION)
def test_attention_masks(name, batch_first):
    def fn(lib):
        m = lib.nn.MultiheadAttention(8, 2, batch_first=batch_first)
        q = x(lib, 2, 4, 8).requires_grad_() if batch_first else x(lib, 4, 2, 8).requires_grad_()
        out, weights = m(q, q, q, **{k: v(lib) for k, v in ATTENTION[name].items()})
        out.sum().backward()
        return [out, weights, q.grad, m.in_proj_weight.grad]

    check_same(fn, warned=False, **CLOSE)


def test_attention_errors():
    check_same(lambda lib: lib.nn.MultiheadAttention(8, 3))
    check_same(lambda lib: lib.nn.MultiheadAttention(0, 1))
    check_same(lambda lib: lib.nn.MultiheadAttention(8, 2).merge_masks(None, padding(lib), x(lib, 2, 4, 8)))
    check_same(
        lambda lib: lib.nn.MultiheadAttention(8, 2).merge_masks(causal(lib), padding(lib) * 1.0, x(lib, 2, 4, 8))
    )


# -------------------------------------------------------------------------------------------------------- normalisation
def test_batch_norm_follows_batches():
    def fn(lib, momentum):
        m = lib.nn.BatchNorm2d(3, momentum=momentum)
        for i in range(3):
            m(x(lib, 4, 3, 2, 2) * (i + 1))
        told = [m.running_mean.clone(), m.running_var.clone(), m.num_batches_tracked.clone()]
        m.eval()
        told.append(m(x(lib, 4, 3, 2, 2)))
        m.reset_running_stats()
        return [*told, m.running_mean, m.num_batches_tracked]

    for momentum in (0.1, None, 0.9):
        check_same(lambda lib, momentum=momentum: fn(lib, momentum), **CLOSE)


def test_normalisation_errors():
    check_same(lambda lib: lib.nn.BatchNorm1d(3)(lib.ones(2, 3, 4, 5)))
    check_same(lambda lib: lib.nn.BatchNorm2d(3)(lib.ones(2, 3)))
    check_same(lambda lib: lib.nn.BatchNorm3d(3)(lib.ones(2, 3)))
    check_same(lambda lib: lib.nn.InstanceNorm2d(3)(lib.ones(2, 3)))
    check_same(lambda lib: lib.nn.InstanceNorm1d(3, affine=True)(lib.ones(2, 4, 5)))
    check_same(lambda lib: lib.nn.InstanceNorm1d(3)(x(lib, 2, 4, 5)), **CLOSE)
    check_same(lambda lib: lib.nn.GroupNorm(3, 4))
    check_same(lambda lib: lib.nn.BatchNorm1d(3)(lib.ones(1, 3)))


def test_sync_batch_norm():
    m = flashlight.nn.SyncBatchNorm(3)
    same_as = flashlight.nn.BatchNorm2d(3)
    data = x(flashlight, 4, 3, 2, 2)
    assert bool((m(data) == same_as(data)).all())
    assert bool((m.running_var == same_as.running_var).all())
    model = flashlight.nn.Sequential(flashlight.nn.Conv2d(3, 3, 1), flashlight.nn.BatchNorm2d(3), same_as)
    converted = flashlight.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert [type(layer).__name__ for layer in converted] == ["Conv2d", "SyncBatchNorm", "SyncBatchNorm"]
    assert converted[2].weight is same_as.weight and converted[2].running_mean is same_as.running_mean
    with pytest.raises(ValueError, match="at least 2D"):
        m(flashlight.ones(3))
    check_same(lambda lib: [repr(lib.nn.SyncBatchNorm(3)), list(lib.nn.SyncBatchNorm(3).state_dict())])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8])
def test_cross_map_lrn(size):
    check_same(lambda lib: [repr(m := lib.nn.CrossMapLRN2d(size, 0.5, k=2.0)), m(x(lib, 2, 7, 3, 3))], **CLOSE)


def test_cross_map_lrn_gradient():
    m = flashlight.nn.CrossMapLRN2d(3, 0.5)
    data = x(flashlight, 1, 5, 2, 2).double().requires_grad_()
    m(data).sum().backward()
    step = 1e-6
    moved = data.detach().clone()
    moved[0, 2, 1, 0] += step
    slope = (m(moved).sum() - m(data.detach()).sum()) / step
    assert abs(float(slope) - float(data.grad[0, 2, 1, 0])) < 1e-5
    check_same(lambda lib: lib.nn.CrossMapLRN2d(3)(lib.ones(2, 3, 4)))


# --------------------------------------------------------------------------------------------------------------- tables
def test_embeddings():
    def fn(lib):
        weight = x(lib, 5, 3)
        m = lib.nn.Embedding.from_pretrained(weight, padding_idx=1)
        free = lib.nn.Embedding.from_pretrained(weight, freeze=False)
        weight[0] = 7.0
        bag = lib.nn.EmbeddingBag.from_pretrained(weight, mode="sum", include_last_offset=True)
        return [
            m.weight, m.weight.requires_grad, free.weight.requires_grad, repr(m), m.padding_idx,
            bag(lib.tensor([0, 1, 2]), lib.tensor([0, 2, 3])), bag.weight.requires_grad, bag.include_last_offset,
        ]  # fmt: skip

    check_same(fn, **CLOSE)


def test_embedding_errors():
    check_same(lambda lib: lib.nn.Embedding(3, 2, padding_idx=3))
    check_same(lambda lib: lib.nn.Embedding(3, 2, padding_idx=-4))
    check_same(lambda lib: lib.nn.Embedding(3, 2, _weight=lib.ones(2, 2)))
    check_same(lambda lib: lib.nn.Embedding.from_pretrained(lib.ones(2)))
    check_same(lambda lib: lib.nn.EmbeddingBag.from_pretrained(lib.ones(2)))
    check_same(lambda lib: lib.nn.EmbeddingBag(3, 2, padding_idx=5))


def test_max_norm_changes_the_table():
    def fn(lib):
        m = lib.nn.Embedding(5, 3, max_norm=0.5)
        m(lib.tensor([1, 3]))
        return m.weight

    check_same(fn, **CLOSE)


def test_adaptive_softmax():
    def fn(lib):
        m = lib.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4, 10])
        data, target = x(lib, 12, 16) * 3, lib.tensor([0, 3, 4, 9, 10, 19, 1, 2, 5, 11, 15, 7])
        out = m(data, target)
        single = m(data[0], target[5])
        return [
            out.output,
            out.loss,
            single.output,
            single.loss,
            m.log_prob(data),
            m.predict(data),
            m.predict(data[:1]),
        ]

    check_same(fn, **CLOSE)
    for bad in ([], [3, 3], [0, 3], [3, 20], [5, 2], [2.5]):
        check_same(lambda lib, bad=bad: lib.nn.AdaptiveLogSoftmaxWithLoss(16, 20, bad))
    made = lambda lib: lib.nn.AdaptiveLogSoftmaxWithLoss(16, 20, [4])
    check_same(lambda lib: made(lib)(lib.ones(2, 16), lib.tensor([1, 20])))
    check_same(lambda lib: made(lib)(lib.ones(2, 16), lib.tensor([1])))
    check_same(lambda lib: made(lib)(lib.ones(16), lib.tensor([1])))
    check_same(lambda lib: made(lib)(lib.ones(2, 16), lib.tensor(1)))
    check_same(lambda lib: made(lib)(lib.ones(2, 16), lib.tensor([[1]])))


# ------------------------------------------------------------------------------------------------- arguments and errors
CONSTRUCTORS = {
    "groups": lambda lib: lib.nn.Conv2d(3, 4, 3, groups=2),
    "groups out": lambda lib: lib.nn.Conv2d(4, 3, 3, groups=2),
    "groups zero": lambda lib: lib.nn.Conv2d(4, 4, 3, groups=0),
    "same strided": lambda lib: lib.nn.Conv2d(4, 4, 3, padding="same", stride=2),
    "transposed mode": lambda lib: lib.nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"),
    "transposed size": lambda lib: lib.nn.ConvTranspose2d(1, 1, 3, stride=2)(lib.ones(1, 1, 2, 2), [9, 9]),
    "transposed dims": lambda lib: lib.nn.ConvTranspose2d(1, 1, 3)(lib.ones(1, 1, 2, 2), [9]),
    "bilinear": lambda lib: lib.nn.Bilinear(0, 1, 1),
    "dropout": lambda lib: lib.nn.Dropout(1.5),
    "hardtanh": lambda lib: lib.nn.Hardtanh(1.0, 0.0),
    "hardtanh old names": lambda lib: repr(lib.nn.Hardtanh(min_value=-2.0, max_value=2.0)),
    "softmax2d": lambda lib: lib.nn.Softmax2d()(lib.ones(2)),
    "huber": lambda lib: lib.nn.HuberLoss(delta="a"),
    "multi margin p": lambda lib: lib.nn.MultiMarginLoss(p=3),
    "multi margin weight": lambda lib: lib.nn.MultiMarginLoss(weight=lib.ones(2, 2)),
    "triplet": lambda lib: lib.nn.TripletMarginLoss(margin=0),
    "triplet distance": lambda lib: lib.nn.TripletMarginWithDistanceLoss(margin=-1),
    "old reduction": lambda lib: [lib.nn.L1Loss(size_average=False).reduction, lib.nn.L1Loss(reduce=False).reduction],
    "old name": lambda lib: repr(lib.nn.NLLLoss2d()),
    "linear cross entropy": lambda lib: lib.nn.LinearCrossEntropyLoss(2, 3, weight=lib.ones(2)),
    "label smoothing": lambda lib: lib.nn.LinearCrossEntropyLoss(2, 3, label_smoothing=2),
    "options": lambda lib: repr(lib.nn.LinearCrossEntropyOptions()),
    "options policy": lambda lib: lib.nn.LinearCrossEntropyOptions(acc_policy="x"),
    "options method": lambda lib: lib.nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio:0"),
    "options size": lambda lib: lib.nn.LinearCrossEntropyOptions(batch_chunk_size=-1),
    "options dtype": lambda lib: lib.nn.LinearCrossEntropyOptions(acc_dtype=lib.int32),
    "fractional": lambda lib: lib.nn.FractionalMaxPool2d(2),
    "fractional both": lambda lib: lib.nn.FractionalMaxPool2d(2, 3, 0.3),
    "fractional ratio": lambda lib: lib.nn.FractionalMaxPool2d(2, output_ratio=(0.5, 1.2)),
    "fractional kernel": lambda lib: lib.nn.FractionalMaxPool3d(-1, 2),
    "unflatten": lambda lib: lib.nn.Unflatten(1, 3),
    "unflatten element": lambda lib: lib.nn.Unflatten(1, [1, "a"]),
    "circular": lambda lib: lib.nn.CircularPad2d(1)(lib.ones(2, 2)),
    "lazy dims": lambda lib: lib.nn.LazyConv1d(2, 2)(lib.ones(2)),
    "lazy groups": lambda lib: lib.nn.LazyConv1d(4, 2, groups=2)(lib.ones(1, 3, 4)),
}


@pytest.mark.parametrize("fn", CONSTRUCTORS.values(), ids=CONSTRUCTORS)
def test_arguments(fn):
    check_same(fn)


WITH_PARAMETERS = {
    "AdaptiveLogSoftmaxWithLoss": (16, 20, [5]),
    "BatchNorm2d": (3,),
    "Bilinear": (2, 3, 4),
    "Conv2d": (2, 3, 3),
    "ConvTranspose1d": (2, 3, 3),
    "Embedding": (4, 3),
    "EmbeddingBag": (4, 3),
    "GRUCell": (2, 3),
    "GroupNorm": (1, 3),
    "InstanceNorm1d": (3,),
    "LSTM": (2, 3),
    "LayerNorm": (3,),
    "LazyLinear": (3,),
    "Linear": (2, 3),
    "LinearCrossEntropyLoss": (3, 4),
    "MultiheadAttention": (4, 2),
    "PReLU": (),
    "RMSNorm": (3,),
    "Transformer": (4, 2, 1, 1, 8),
    "TransformerDecoderLayer": (4, 2, 8),
    "TransformerEncoderLayer": (4, 2, 8),
}


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_dtype_and_device_arguments(name):
    def fn(lib):
        m = getattr(lib.nn, name)(*WITH_PARAMETERS[name], dtype=lib.float64, device="cpu")
        ghost = getattr(lib.nn, name)(*WITH_PARAMETERS[name], device="meta")
        told = [(n, str(t.dtype), str(t.device)) for n, t in m.state_dict().items()]
        return [told, [(n, str(t.device)) for n, t in ghost.state_dict().items()], lib.rand(1)]

    check_same(fn, warned=False)


def test_layers_copy():
    def fn(lib):
        m = lib.nn.Sequential(lib.nn.LSTM(2, 3), lib.nn.MultiheadAttention(4, 2), lib.nn.BatchNorm1d(3))
        twin = copy.deepcopy(m)
        with lib.no_grad():
            twin[0].weight_ih_l0.zero_()
        return [twin[0](lib.ones(2, 1, 2))[0], m[0](lib.ones(2, 1, 2))[0], list(twin.state_dict())]

    check_same(fn, **CLOSE)


# ---------------------------------------------------------------------------------------------------- documented models
def test_documented_models_train():
    """The small models of the documents, with torch's loss under the same seed."""

    def fn(lib):
        nn = lib.nn

        class ResidualStack(nn.Module):
            def __init__(self, num_layers, hidden_dim):
                super().__init__()
                self.layers = nn.ModuleList([nn.Linear(hidden_dim, hidden_dim) for _ in range(num_layers)])
                self.relu = nn.ReLU()
                self.heads = nn.ModuleDict({"a": nn.Linear(hidden_dim, 3), "b": nn.Linear(hidden_dim, 1)})

            def forward(self, x, task="a"):
                for layer in self.layers:
                    x = x + self.relu(layer(x))
                return self.heads[task](x)

        model = ResidualStack(2, 6)
        data, target = x(lib, 8, 6), lib.tensor([0, 1, 2, 0, 1, 2, 0, 1])
        losses = []
        for _ in range(5):
            model.zero_grad()
            loss = nn.CrossEntropyLoss()(model(data), target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            with lib.no_grad():
                for p in model.parameters():
                    if p.grad is not None:
                        p -= 0.1 * p.grad
            losses.append(loss.detach())
        return losses

    check_same(fn, **CLOSE)


def test_weights_move_to_torch_and_back():
    ours = flashlight.nn.Conv2d(2, 3, 3)
    theirs = torch.nn.Conv2d(2, 3, 3)
    theirs.load_state_dict({k: torch.from_numpy(to_numpy(v)) for k, v in ours.state_dict().items()})
    data = np.random.RandomState(0).rand(1, 2, 5, 5).astype("float32")
    np.testing.assert_allclose(to_numpy(ours(flashlight.tensor(data))), to_numpy(theirs(torch.tensor(data))), atol=1e-6)

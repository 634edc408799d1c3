"""Whole modules: torch's read as ours under the safe default, ours read by torch, a user's own by leave only."""

import io
import pickle
import warnings

import numpy as np
import pytest
import torch

import flashlight
from flashlight.serialization import load, safe_globals, save

LAYERS = {
    "mlp": (lambda nn: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2, bias=False)), (3, 4)),
    "norms": (lambda nn: nn.Sequential(nn.BatchNorm1d(4), nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.Tanh()), (5, 4)),
    "conv": (lambda nn: nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.MaxPool2d(2)), (2, 1, 8, 8)),
    "lists": (lambda nn: nn.ModuleList([nn.Linear(2, 2), nn.ModuleDict({"a": nn.Sigmoid()})]), None),
    "lstm": (lambda nn: nn.LSTM(4, 3, num_layers=2, bidirectional=True), (5, 2, 4)),
    "gru": (lambda nn: nn.GRU(4, 3, batch_first=True), (2, 5, 4)),
    "embedding": (lambda nn: nn.Embedding(10, 4, padding_idx=0), None),
    "transformer": (lambda nn: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (2, 5, 4)),
    "attention": (lambda nn: nn.MultiheadAttention(4, 2), None),
}


def outputs(model, x, library):
    model.eval()
    found = model(library.tensor(x))
    found = found[0] if isinstance(found, tuple) else found
    return np.array(found.detach().numpy())


def torch_bytes(obj, **options) -> io.BytesIO:
    sink = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(obj, sink, **options)
    sink.seek(0)
    return sink


def our_bytes(obj, **options) -> io.BytesIO:
    sink = io.BytesIO()
    save(obj, sink, **options)
    sink.seek(0)
    return sink


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_models_torch_saved(name, legacy):
    make, shape = LAYERS[name]
    theirs = make(torch.nn)
    ours = load(torch_bytes(theirs, _use_new_zipfile_serialization=not legacy))
    assert type(ours) is getattr(flashlight.nn, type(theirs).__name__)
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert [type(m).__name__ for m in ours.modules()] == [type(m).__name__ for m in theirs.modules()]
    for (n, p), (m, q) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert n == m and np.array_equal(p.numpy(), q.numpy())
    assert all(p.requires_grad and type(p) is flashlight.nn.Parameter for p in ours.parameters())
    assert ours.training
    if shape is not None:
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        np.testing.assert_allclose(outputs(ours, x, flashlight), outputs(theirs, x, torch), atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_models_we_saved(name):
    make, shape = LAYERS[name]
    ours = make(flashlight.nn)
    again = load(our_bytes(ours))
    theirs = torch.load(our_bytes(ours), weights_only=False)
    assert type(again) is type(ours) and type(theirs) is getattr(torch.nn, type(ours).__name__)
    assert repr(again) == repr(ours) == repr(theirs)
    for model in (again, theirs):
        for (n, p), (m, q) in zip(model.state_dict().items(), ours.state_dict().items(), strict=True):
            assert n == m and np.array_equal(p.numpy(), q.numpy())
    if shape is not None:
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        expected = outputs(ours, x, flashlight)
        np.testing.assert_array_equal(outputs(again, x, flashlight), expected)
        np.testing.assert_allclose(outputs(theirs, x, torch), expected, atol=1e-5)


def test_a_loaded_model_trains(tmp_path):
    save(flashlight.nn.Sequential(flashlight.nn.Linear(3, 1)), tmp_path / "model.pt")
    model = load(tmp_path / "model.pt")
    optimizer = flashlight.optim.SGD(model.parameters(), lr=0.01)
    x = flashlight.ones(4, 3)
    before = (model(x) ** 2).sum()
    before.backward()
    optimizer.step()
    assert (model(x) ** 2).sum().item() < before.item()


def test_tied_weights_and_state_stay():
    model = torch.nn.ModuleDict({"embed": torch.nn.Embedding(5, 3), "head": torch.nn.Linear(3, 5, bias=False)})
    model["head"].weight = model["embed"].weight
    model.register_buffer("scratch", torch.ones(2), persistent=False)
    model.eval()
    ours = load(torch_bytes(model))
    assert ours["head"].weight is ours["embed"].weight and not ours.training
    assert "scratch" not in ours.state_dict() and ours.scratch.tolist() == [1, 1]
    again = load(our_bytes(ours))
    assert again["head"].weight is again["embed"].weight and "scratch" not in again.state_dict()


def test_attributes_older_versions_lacked_are_filled_in():
    model = torch.nn.Linear(2, 2)
    for name in ("_non_persistent_buffers_set", "_forward_pre_hooks_with_kwargs", "_backward_pre_hooks"):
        del model.__dict__[name]
    ours = load(torch_bytes(model))
    assert ours(flashlight.ones(1, 2)).shape == (1, 2) and ours.state_dict().keys() == {"weight", "bias"}


def test_what_torch_stores_and_we_compute():
    theirs = torch.nn.LSTM(2, 3)
    ours = load(torch_bytes(theirs))
    assert "_flat_weights" not in ours.__dict__ and len(ours._flat_weights) == 4
    back = torch.load(our_bytes(ours), weights_only=False)
    assert all(a is b for a, b in zip(back._flat_weights, back.parameters(), strict=True))


def test_a_layer_holding_a_function():
    theirs = torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
    found = load(torch_bytes({"activation": theirs.activation}))
    assert found["activation"] is flashlight.nn.functional.relu


class Net(flashlight.nn.Module):
    """A user's own model."""

    def __init__(self):
        super().__init__()
        self.layer = flashlight.nn.Linear(2, 1)
        self.note = "mine"

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_users_own_class(legacy):
    model = Net()
    raw = our_bytes(model, _use_new_zipfile_serialization=not legacy).getvalue()
    with pytest.raises(pickle.UnpicklingError, match=r"test_modules\.Net.*add_safe_globals"):
        load(io.BytesIO(raw))
    with safe_globals([Net]):
        allowed = load(io.BytesIO(raw))
    trusted = load(io.BytesIO(raw), weights_only=False)
    for again in (allowed, trusted):
        assert type(again) is Net and again.note == "mine"
        assert again.layer.weight.tolist() == model.layer.weight.tolist()
        assert again(flashlight.ones(1, 2)).tolist() == model(flashlight.ones(1, 2)).tolist()


def test_hooks_need_leave():
    model = torch.nn.Linear(2, 2)
    model.register_forward_hook(print)
    with pytest.raises(pickle.UnpicklingError, match="print"):
        load(torch_bytes(model))


def test_full_loading_maps_torch_names():
    theirs = torch.nn.Linear(2, 2)
    found = load(torch_bytes({"m": theirs, "o": torch.optim.SGD, "f": torch.nn.functional.relu}), weights_only=False)
    assert type(found["m"]) is flashlight.nn.Linear and found["o"] is flashlight.optim.SGD
    assert found["f"] is flashlight.nn.functional.relu
    functions = {"a": torch.tanh, "b": torch.nn.functional.gelu, "c": torch.nn.functional.cross_entropy}
    found = load(torch_bytes(functions), weights_only=False)
    assert found["a"] is flashlight.tanh and found["b"] is flashlight.nn.functional.gelu
    assert found["c"] is flashlight.nn.functional.cross_entropy
    again = torch.load(our_bytes(found), weights_only=False)
    assert again["b"] is torch.nn.functional.gelu and again["c"] is torch.nn.functional.cross_entropy
    assert again["a"](torch.zeros(2)).tolist() == [0, 0]

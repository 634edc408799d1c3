"""Recurrent layers at the edges of their shapes, against torch."""

import pytest
import torch

import flashlight


@pytest.mark.parametrize("shape", [(2, 0, 3), (1, 1, 3), (1, 4, 3)], ids=str)
@pytest.mark.parametrize(
    "name, options",
    [("RNN", {}), ("LSTM", {}), ("LSTM", {"proj_size": 2}), ("GRU", {"bidirectional": True, "num_layers": 2})],
)
def test_empty_batches_and_single_steps(name, options, shape):
    results = []
    state = getattr(torch.nn, name)(3, 4, **options).state_dict()
    values = torch.randn(shape)
    for lib in (torch, flashlight):
        layer = getattr(lib.nn, name)(3, 4, **options)
        layer.load_state_dict({k: lib.tensor(v.tolist()) for k, v in state.items()})
        x = lib.tensor(values.numpy(), requires_grad=True)
        y, h = layer(x)
        y.square().sum().backward()
        h = h if isinstance(h, tuple) else (h,)
        results.append([t.detach().numpy() for t in (y, *h, x.grad, *(p.grad for p in layer.parameters()))])
    for ours, theirs in zip(*results[::-1], strict=True):
        assert ours.shape == theirs.shape
        assert abs(ours - theirs).max(initial=0) < 2e-6

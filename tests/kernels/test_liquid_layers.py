"""Liquid layers on the kernels give what they give without them."""

import numpy as np
import pytest

import flashlight
from flashlight.liquid import LTC, AutoNCPMap, CfC

T, B, I, N = 4, 3, 5, 13  # noqa: E741
PLAIN = {"backbone_layers": 0}
LAYERS = {
    "default": (CfC, {"mode": "default"}),
    "no_gate": (CfC, {"mode": "no_gate", **PLAIN}),
    "pure": (CfC, {"mode": "pure", **PLAIN}),
    "memory": (CfC, {"mixed_memory": True, **PLAIN}),
    "wired": (CfC, {"wired": True}),
    "ltc": (LTC, {}),
    "ltc wired": (LTC, {"wired": True}),
    "ltc memory": (LTC, {"mixed_memory": True}),
}


def _layer(name):
    kind, options = LAYERS[name]
    options = dict(options)
    wired = options.pop("wired", False)
    return kind(I, AutoNCPMap(N, 3, seed=3) if wired else N, **options)


def _run(layer, timed):
    rng = np.random.default_rng(4)
    x = flashlight.tensor(rng.normal(size=(B, T, I)).astype(np.float32), requires_grad=True)
    ts = flashlight.tensor(rng.uniform(0.1, 2, (B, T)).astype(np.float32), requires_grad=True) if timed else None
    out, _ = layer(x, timespans=ts)
    layer.zero_grad()
    (out * out).sum().backward()
    grads = [x.grad, *([ts.grad] if timed else []), *(p.grad for p in layer.parameters() if p.grad is not None)]
    return [out.detach().numpy(), *(g.numpy() for g in grads)]


@pytest.mark.parametrize("timed", [False, True], ids=["unit time", "timespans"])
@pytest.mark.parametrize("name", list(LAYERS))
def test_layers_on_the_kernels_match_layers_without(name, timed, on_host, monkeypatch):
    monkeypatch.setattr("flashlight._core.device.GPU", False)
    layer = _layer(name)
    wanted = _run(layer, timed)
    assert on_host.launches == 0
    monkeypatch.setattr("flashlight._core.device.GPU", True)
    got = _run(layer, timed)
    assert on_host.launches >= (2 if name.startswith("ltc") else 2 * T)
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=5e-5, rtol=5e-5)

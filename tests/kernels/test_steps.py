"""The steps and their references: hand-written gradients, second gradients, and which of the two runs when."""

import mlx.core as mx
import numpy as np
import pytest
import torch

import flashlight
from flashlight._core import device
from flashlight.kernels import cfc_metal, gru, launch, lstm, ltc_metal
from flashlight.kernels.cases import CASES, Size, arrays, with_gradients

B, H = 3, 5


def normal(*shape, dtype=mx.float64, seed=0):
    return mx.array(np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)).astype(dtype)


def close(got, wanted, tolerance):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(np.array(a), np.array(b), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("order", ["torch", "ncps"])
def test_lstm_backward_is_the_gradient_of_the_step(order):
    pre, cell, dh, dc = normal(B, 4 * H), normal(B, H), normal(B, H, seed=1), normal(B, H, seed=2)
    _, new_cell, gates = lstm.reference(pre, cell, order)
    wanted = mx.vjp(lambda p, c: list(lstm.reference(p, c, order)[:2]), [pre, cell], [dh, dc])[1]
    close(lstm.reference_backward(dh, dc, gates, cell, new_cell, order), wanted, 1e-13)


def test_gru_backward_is_the_gradient_of_the_step():
    x, y, h, g = normal(B, 3 * H), normal(B, 3 * H, seed=1), normal(B, H), normal(B, H, seed=2)
    wanted = mx.vjp(lambda *a: [gru.reference(*a)[0]], [x, y, h], [g])[1]
    close(gru.reference_backward(g, gru.reference(x, y, h)[1], y, h), wanted, 1e-13)


def test_ncps_order_is_the_mixed_memory_of_ncps():
    from ncps.torch.lstm import LSTMCell

    theirs = LSTMCell(4, H)
    x, h, c = torch.randn(B, 4), torch.randn(B, H), torch.randn(B, H)
    wanted = theirs(x, (h, c))
    pre = theirs.input_map(x) + theirs.recurrent_map(h)
    got = lstm.step(*(mx.array(a.detach().numpy()) for a in (pre, c)), "ncps")
    close(got[:2], [a.detach().numpy() for a in wanted], 1e-6)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_gradients_of_gradients(case, on_host):
    given = arrays(case, Size(2, 2, 6), mx.float32)

    def second(function):
        def first(*inputs):
            _, gradients = mx.vjp(function, list(inputs), [mx.ones_like(a) for a in function(*inputs)])
            return sum(mx.sum(g * g) for g in gradients)

        return mx.grad(first, argnums=list(range(len(given))))(*given)

    for a, b in zip(second(case.function), second(case.reference), strict=True):
        scale = max(1.0, float(mx.abs(b).max()))
        np.testing.assert_allclose(np.array(a) / scale, np.array(b) / scale, atol=2e-5)
    assert on_host.launches > 0


def test_kernels_are_for_metals_dtypes_on_a_gpu(on_host, monkeypatch):
    single, double, whole = normal(2, 2, dtype=mx.float32), normal(2, 2), mx.zeros((2, 2), dtype=mx.int32)
    assert launch.fits(single, single)
    assert not launch.fits(single, single.astype(mx.float16))
    assert not launch.fits(double, double)
    assert not launch.fits(whole)
    assert not launch.fits(single[:0])
    monkeypatch.setattr(device, "GPU", False)
    assert not launch.fits(single)


def test_an_empty_batch_runs_the_reference_and_a_launch_refuses_it(on_host):
    pre, cell = mx.zeros((0, 4 * H)), mx.zeros((0, H))
    assert [a.shape for a in lstm.step(pre, cell)] == [(0, H), (0, H), (0, 4 * H)]
    assert on_host.launches == 0
    with pytest.raises(ValueError, match="lstm_step: nothing to compute for a batch or a layer of size 0"):
        lstm._launch(pre, cell, "torch")


def test_a_scan_too_wide_for_a_threadgroup_runs_the_reference(on_host):
    assert ltc_metal.fits(mx.zeros((1, ltc_metal.MAX_UNITS)))
    assert not ltc_metal.fits(mx.zeros((1, ltc_metal.MAX_UNITS + 1)))


def test_no_elapsed_time_leaves_the_scan_where_it_is(on_host):
    case = next(case for case in CASES if case.name == "LTC scan, dense")
    given = arrays(case, Size(2, 3, 7), mx.float32)
    given[-1] = mx.zeros_like(given[-1])
    got = with_gradients(case.function, given)
    close(got, with_gradients(case.reference, given), 2e-5)
    close([got[0][-1]], [given[0]], 1e-7)


def test_edges_are_the_synapses_by_target_and_by_source():
    mask = np.array([[0, 1, 1], [0, 0, 1]])
    at = ltc_metal.edges(mask)
    assert [a.tolist() for a in at] == [[1, 2, 5], [0, 0, 1], [1, 2, 2], [0, 0, 1, 3], [0, 1, 2], [1, 2, 2], [0, 2, 3]]


@pytest.mark.parametrize("sparse", [False, True])
def test_saved_scans_give_the_gradients_of_the_scan(sparse, on_host):
    case = next(case for case in CASES if case.name == f"LTC scan, {'sparse' if sparse else 'dense'}")
    given = arrays(case, Size(2, 3, 7), mx.float32)
    at = ltc_metal.edges(np.array(given[3]) != 0) if sparse else None
    states, kept = ltc_metal.scan_saving(*given[:3], given[3:7], *given[7:], 3, 1e-8, at)
    wanted, gradients = mx.vjp(case.reference, given, [mx.ones_like(states)])
    close([states, *ltc_metal.scan_backward(mx.ones_like(states), kept)], [*wanted, *gradients], 2e-5)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_network_is_its_synapses_and_its_scan(sparse, on_host):
    rng = np.random.default_rng(9)
    masks = [rng.random(shape) < 0.4 for shape in ((6, 6), (3, 6))]
    tables = [[mx.array((0.5 + rng.random(m.shape)) * m).astype(mx.float32) for _ in range(4)] for m in masks]
    neurons = [mx.array(0.5 + rng.random(6)).astype(mx.float32) for _ in range(3)]
    delta = mx.array(rng.random((4, 2, 1))).astype(mx.float32)
    net = ltc_metal.Network(normal(4, 2, 3, dtype=mx.float32), normal(2, 6, dtype=mx.float32), *tables, *neurons, delta)
    at = [ltc_metal.edges(m) for m in masks] if sparse else (None, None)
    rules = ltc_metal.Rules(3, 1e-8, *at)
    assert ltc_metal.fits_network(net)

    def flat(net):
        return [net.inputs, net.initial, *net.own, *net.sensory, *net[4:]]

    def whole(*a):
        return [ltc_metal.sequence(ltc_metal.Network(*a[:2], a[2:6], a[6:10], *a[10:]), rules)]

    states, kept = ltc_metal.sequence_saving(net, rules)
    g = normal(*states.shape, dtype=mx.float32)
    wanted, gradients = mx.vjp(whole, flat(net), [g])
    close([states, *flat(ltc_metal.sequence_backward(g, net, rules, kept))], [*wanted, *gradients], 1e-6)
    device.GPU = False  # restored with the fixture
    wanted, gradients = mx.vjp(whole, flat(net), [g])
    close([states, *flat(ltc_metal.sequence_backward(g, net, rules, kept))], [*wanted, *gradients], 1e-4)


@pytest.mark.parametrize("elapsed", [(), (1,), (B, 1), (1, H), (B, H), (1, 1)], ids=str)
def test_elapsed_times_of_every_shape(elapsed, on_host):
    gates, ts = normal(B, 4 * H, dtype=mx.float32), mx.abs(normal(*elapsed, dtype=mx.float32))
    g = [normal(B, H, dtype=mx.float32)]
    got = mx.vjp(lambda z, t: [cfc_metal.step(z, t)], [gates, ts], g)
    wanted = mx.vjp(lambda z, t: [cfc_metal.reference(z, t)], [gates, ts], g)
    close([*got[0], *got[1]], [*wanted[0], *wanted[1]], 2e-6)
    assert got[1][1].shape == elapsed and on_host.launches > 0


@pytest.mark.parametrize("rows", [1, 300, 700])
def test_gradients_of_weights_add_up_over_parts(rows, on_host, monkeypatch):
    # room for two parts: 700 rows make them larger than 256
    monkeypatch.setattr(ltc_metal, "_SLABS", 2 * 16 * 10)
    table = [normal(2, 5, dtype=mx.float32, seed=k) for k in range(4)]
    x, g = normal(rows, 2, dtype=mx.float32), [normal(rows, 5, dtype=mx.float32, seed=k) for k in (5, 6)]
    got = mx.vjp(lambda x, *t: ltc_metal.synapses(x, t), [x, *table], g)[1]
    wanted = mx.vjp(ltc_metal.reference_synapses, [x, *table], g)[1]
    close(got, wanted, 5e-5)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_second_gradients_of_layers_on_the_kernels(name, on_host):
    theirs = getattr(torch.nn, name)(3, 4)
    ours = getattr(flashlight.nn, name)(3, 4)
    ours.load_state_dict({k: flashlight.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(5).normal(size=(3, 2, 3)).astype(np.float32)
    found = []
    for lib, layer in ((torch, theirs), (flashlight, ours)):
        given = lib.tensor(x, requires_grad=True)
        (first,) = lib.autograd.grad((layer(given)[0] ** 2).sum(), given, create_graph=True)
        (first**2).sum().backward()
        found.append([given.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    assert on_host.launches > 0
    close(found[1], found[0], 2e-5)


@pytest.mark.parametrize("name", ["CfC step, default", "CfC step, merged time"])
def test_rows_of_elapsed_gradients_sum_to_the_gradient(name, on_host):
    case = next(case for case in CASES if case.name == name)
    given = arrays(case, Size(B, 1, H), mx.float32)
    g = normal(B, H, dtype=mx.float32)
    wanted = mx.vjp(case.reference, given, [g])[1]
    d_gates, d_elapsed = cfc_metal.step_backward(g, given[0], given[1] if len(given) == 2 else None)
    close([d_gates, mx.sum(d_elapsed, axis=1, keepdims=True)][: len(given)], wanted, 1e-6)


def test_rows_of_pure_gradients_sum_to_the_gradients(on_host):
    case = next(case for case in CASES if case.name == "CfC step, pure")
    given = arrays(case, Size(B, 1, H), mx.float32)
    g = normal(B, H, dtype=mx.float32)
    d_gates, d_elapsed, *rest = cfc_metal.step_pure_backward(g, *given)
    got = [d_gates, mx.sum(d_elapsed), *(mx.sum(d, axis=0) for d in rest)]
    close(got, mx.vjp(case.reference, given, [g])[1], 1e-6)


def _layer(lib, name, options, state):
    layer = getattr(lib.nn, name)(4, 6, 2, bidirectional=True, batch_first=True, **options)
    layer.load_state_dict({k: lib.tensor(v) for k, v in state.items()})
    return layer


@pytest.mark.parametrize(
    "name,options", [("LSTM", {}), ("LSTM", {"proj_size": 3}), ("GRU", {}), ("GRU", {"bias": False})]
)
def test_layers_on_the_kernels_match_torch(name, options, on_host):
    theirs = getattr(torch.nn, name)(4, 6, 2, bidirectional=True, batch_first=True, **options)
    ours = _layer(flashlight, name, options, {k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(3).normal(size=(3, 5, 4)).astype(np.float32)
    results = []
    for lib, layer in ((torch, theirs), (flashlight, ours)):
        given = lib.tensor(x, requires_grad=True)
        lengths = lib.tensor([5, 2, 3])
        packed = lib.nn.utils.rnn.pack_padded_sequence(given, lengths, batch_first=True, enforce_sorted=False)
        out = lib.nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)[0]
        (out * out).sum().backward()
        results.append([out.detach().numpy(), given.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())])
    assert on_host.launches >= 2 * 2 * 2 * 5
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, atol=2e-5)

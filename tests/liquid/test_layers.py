"""CfC and LTC against ncps on PyTorch, gradients in float64, timespans, and the shapes of every layer."""

import numpy as np
import pytest

import flashlight
from flashlight import liquid
from flashlight.autograd import gradcheck
from flashlight.kernels import cfc as cfc_kernel
from flashlight.kernels import ltc as ltc_kernel
from flashlight.liquid.ncps import wirings as W

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("ncps.torch")
their_wirings = pytest.importorskip("ncps.wirings")

CFC = [
    ((7,), {"backbone_units": 9}),
    ((7,), {"mode": "pure", "backbone_layers": 0}),
    ((7, 3), {"mode": "no_gate", "backbone_layers": 2, "backbone_units": 9, "activation": "silu"}),
    (
        (7,),
        {
            "backbone_units": 9,
            "backbone_dropout": 0.3,
            "backbone_layers": 3,
            "activation": "gelu",
            "mixed_memory": True,
        },
    ),
    (("AutoNCP", 12, 4), {}),
    (("AutoNCP", 12, 4), {"mode": "pure", "mixed_memory": True, "proj_size": 3}),
    (("FullyConnected", 7), {"mode": "no_gate"}),
]
LTC = [
    ((7,), {}),
    (("AutoNCP", 12, 4), {"mixed_memory": True}),
    (("FullyConnected", 7, 3), {"implicit_param_constraints": False, "ode_unfolds": 2}),
    (("Random", 9, 3, 0.8), {"input_mapping": None, "output_mapping": "linear"}),
]


def pair(name, args, options):
    """One of our layers and ncps's with its state."""

    def made(package, wirings):
        units = getattr(wirings, args[0])(*args[1:]) if isinstance(args[0], str) else args[0]
        rest = () if isinstance(args[0], str) else args[1:]
        return getattr(package, name)(5, units, *rest, **options)

    ours, reference = made(liquid, W).eval(), made(theirs, their_wirings).eval()
    state = {k: flashlight.from_numpy(v.detach().numpy().copy()) for k, v in reference.state_dict().items()}
    ours.load_state_dict(state)
    return ours, reference


def both(ours, reference, batch, ts=None):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((batch, 50, 5)).astype(np.float32)
    a, b = flashlight.from_numpy(x).requires_grad_(), torch.from_numpy(x.copy()).requires_grad_()
    given = (None, None) if ts is None else (flashlight.from_numpy(ts), torch.from_numpy(ts.copy()))
    y, h = ours(a, timespans=given[0])
    want, state = reference(b, timespans=given[1])
    np.testing.assert_allclose(y.detach().numpy(), want.detach().numpy(), atol=2e-6, rtol=0)
    first, wanted = (h[0], state[0]) if isinstance(h, tuple) else (h, state)
    np.testing.assert_allclose(first.detach().numpy(), wanted.detach().numpy(), atol=2e-6, rtol=0)
    with flashlight.no_grad():
        np.testing.assert_allclose(ours(a, timespans=given[0])[0].numpy(), want.detach().numpy(), atol=2e-6, rtol=0)
    g = rng.standard_normal(tuple(want.shape)).astype(np.float32)
    y.backward(flashlight.from_numpy(g))
    want.backward(torch.from_numpy(g))
    np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=2e-5, rtol=1e-4)
    parameters = dict(reference.named_parameters())
    for name, p in ours.named_parameters():
        expected = parameters[name].grad.numpy()
        np.testing.assert_allclose(p.grad.numpy(), expected, atol=1e-4 * (1 + np.abs(expected).max()), rtol=1e-4)


@pytest.mark.parametrize("args, options", CFC)
def test_cfc_is_that_of_ncps(args, options):
    both(*pair("CfC", args, options), 3)


@pytest.mark.parametrize("args, options", LTC)
def test_ltc_is_that_of_ncps(args, options):
    both(*pair("LTC", args, options), 3)


@pytest.mark.parametrize(
    "name, args", [("CfC", ("AutoNCP", 12, 4)), ("CfC", (7,)), ("LTC", ("AutoNCP", 12, 4)), ("LTC", (7,))]
)
def test_timespans(name, args):
    ts = np.random.default_rng(0).uniform(0.1, 2, (1, 50)).astype(np.float32)
    ours, reference = pair(name, args, {})
    both(ours, reference, 1, ts)
    x = flashlight.randn(2, 6, 5)
    spans = flashlight.rand(2, 6) + 0.1
    y = ours(x, timespans=spans)[0]
    for shape in ((2, 6, 1), (2, 6, ours.state_size)):
        assert flashlight.allclose(ours(x, timespans=spans.unsqueeze(-1).expand(shape))[0], y, atol=1e-6)
    alone = flashlight.stack([ours(x[i], timespans=spans[i])[0] for i in range(2)])
    assert flashlight.allclose(alone, y, atol=1e-6)
    assert flashlight.allclose(ours(x, timespans=0.5)[0], ours(x, timespans=flashlight.full((6,), 0.5))[0], atol=1e-5)
    with pytest.raises(ValueError, match="timespans of shape"):
        ours(x, timespans=flashlight.ones(3, 6))


@pytest.mark.parametrize("name, args", [("CfC", (7,)), ("LTC", ("AutoNCP", 12, 4))])
def test_states_go_back_to_ncps(name, args):
    ours, reference = pair(name, args, {})
    for p in ours.parameters():
        p.data.add_(0.01)
    reference.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in ours.state_dict().items()})
    x = np.random.default_rng(1).standard_normal((2, 50, 5)).astype(np.float32)
    got, want = ours(flashlight.from_numpy(x))[0], reference(torch.from_numpy(x))[0]
    np.testing.assert_allclose(got.detach().numpy(), want.detach().numpy(), atol=2e-6, rtol=0)


def double(layer):
    return layer.to(flashlight.float64)


@pytest.mark.parametrize(
    "make",
    [
        lambda: liquid.CfC(2, 3, backbone_units=3, backbone_layers=2),
        lambda: liquid.CfC(2, 3, backbone_layers=0, mode="pure", mixed_memory=True),
        lambda: liquid.CfC(2, W.AutoNCP(6, 2), mode="no_gate"),
        lambda: liquid.LTC(2, 3, ode_unfolds=2),
        lambda: liquid.LTC(2, W.AutoNCP(6, 2), ode_unfolds=2, mixed_memory=True),
    ],
)
def test_gradients_in_float64(make):
    layer = double(make())
    names, parameters = zip(*layer.named_parameters(), strict=True)
    x = flashlight.randn(2, 3, 2, dtype=flashlight.float64).requires_grad_()
    ts = (flashlight.rand(2, 3, dtype=flashlight.float64) + 0.3).requires_grad_()

    def run(x, ts, *values):
        return flashlight.func.functional_call(layer, dict(zip(names, values, strict=True)), (x, None, ts))[0]

    assert gradcheck(run, (x, ts, *parameters))


@pytest.mark.parametrize("module", [cfc_kernel, ltc_kernel])
def test_the_reference_in_mlx_agrees(module, monkeypatch):
    layer = (
        liquid.CfC(4, W.AutoNCP(9, 3), mixed_memory=True) if module is cfc_kernel else liquid.LTC(4, W.AutoNCP(9, 3))
    )
    x, ts = flashlight.randn(2, 5, 4), flashlight.rand(2, 5) + 0.2
    results = []
    for host in (True, False):
        monkeypatch.setattr(module, "uses_host", lambda host=host: host)
        layer.zero_grad()
        y = layer(x, timespans=ts)[0]
        y.square().sum().backward()
        results.append([y.detach().numpy(), *(p.grad.numpy() for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-4)


def shapes(value):
    return tuple(value.shape) if isinstance(value, flashlight.Tensor) else [shapes(v) for v in value]


def ncp_map():
    return liquid.NCPMap(inter_neurons=10, command_neurons=5, motor_neurons=5, sensory_neurons=10, seed=42)


def full_map():
    return liquid.FullyConnectedMap(units=20, input_dim=10, output_dim=20)


S, V = (32, 5, 20), (32, 20)
LAYERS = [
    (lambda x: liquid.RNN(input_size=10, hidden_size=20, activation="tanh")(x), [S, V]),
    (lambda x: liquid.RNN(10, 20)(x, return_state=True), [S, [(1, 32, 20)]]),
    (lambda x: liquid.LSTM(10, 20)(x), [S, [V, V]]),
    (lambda x: liquid.LSTM(10, 20)(x, return_state=True), [S, [(1, 32, 20), (1, 32, 20)]]),
    (lambda x: liquid.GRU(10, 20)(x), [S, V]),
    (lambda x: liquid.GRU(10, 20, activation="relu", return_state=False)(x), S),
    (lambda x: liquid.CfC(input_size=10, hidden_size=20)(x), [S, V]),
    (lambda x: liquid.CfC(neuron_map=ncp_map())(x), V),
    (lambda x: liquid.CfC(neuron_map=ncp_map())(x, return_state=True), [V, [V, V]]),
    (lambda x: liquid.CfC(neuron_map=ncp_map())(x, time_deltas=flashlight.rand(32, 5, 1)), V),
    (lambda x: liquid.CfC(neuron_map=ncp_map(), return_sequences=True)(x), S),
    (lambda x: liquid.CfC(neuron_map=ncp_map(), return_sequences=True, output_mode="motor")(x), (32, 5, 5)),
    (lambda x: liquid.WiredCfCCell(neuron_map=ncp_map(), mixed_memory=True)(x[:, 0], flashlight.zeros(V)), [V, V]),
    (lambda x: liquid.WiredCfCCell(neuron_map=ncp_map())(x[:, 0], flashlight.zeros(V)), V),
    (lambda x: liquid.LTC(input_size=10, hidden_size=20)(x), [S, V]),
    (lambda x: liquid.LTC(neuron_map=full_map())(x), S),
    (lambda x: liquid.LTCCell(neuron_map=ncp_map(), input_mapping="affine")(x[:, 0], flashlight.zeros(V)), V),
    (lambda x: liquid.StrideAwareCfC(input_size=10, hidden_size=20, stride_lengths=[1, 2, 4])(x), [S, V]),
    (lambda x: liquid.StrideAwareCfC(neuron_map=full_map(), stride_lengths=[1, 2, 4, 8], backbone_units=32)(x), V),
    (lambda x: liquid.StrideAwareWiredCfCCell(neuron_map=ncp_map(), stride_length=4, backbone_layers=2)(x[:, 0]), V),
    (lambda x: liquid.LQNet(neuron_map=ncp_map())(x), S),
    (lambda x: liquid.CTRQNet(neuron_map=ncp_map())(x), S),
    (lambda x: liquid.Dense(in_features=10, out_features=5, activation="relu")(x), (32, 5, 5)),
    (lambda x: liquid.NCP(wiring=ncp_map(), activation="tanh")(x[:, 0]), (32, 5)),
    (lambda x: liquid.AutoNCP(units=64, output_size=10, sparsity_level=0.5, seed=42)(x[:, 0]), (32, 10)),
]


@pytest.mark.parametrize("call, expected", LAYERS)
def test_shapes(call, expected):
    assert shapes(call(flashlight.randn(32, 5, 10))) == expected


def test_orders_of_dimensions():
    layer = liquid.CfC(3, 4)
    x = flashlight.randn(2, 6, 3)
    y, h = layer(x)
    layer.batch_first = False
    z, g = layer(x.transpose(0, 1))
    assert flashlight.equal(z.transpose(0, 1), y) and flashlight.equal(g, h)
    assert shapes(layer(x[0])) == [(6, 4), (4,)]
    assert shapes(layer(x[0], return_sequences=False)) == [(4,), (4,)]


def test_an_ncp_depends_on_its_input():
    layer = liquid.NCP(wiring=ncp_map())
    assert (layer(flashlight.randn(4, 10)) - layer(flashlight.randn(4, 10))).abs().max() > 0


def test_parameters_wait_for_the_inputs():
    layer = liquid.AutoNCP(16, 4)
    with pytest.raises(RuntimeError, match="no parameters yet"):
        layer.parameters()
    layer(flashlight.randn(2, 3))
    assert len(list(layer.parameters())) == 3


def test_refusals():
    for make, error in (
        (lambda: liquid.CfC(3, W.AutoNCP(8, 2), backbone_units=4), ValueError),
        (lambda: liquid.CfC(3, 4, mode="fast"), ValueError),
        (lambda: liquid.CfC(3, 4)(flashlight.randn(2, 0, 3)), ValueError),
        (lambda: liquid.CfC(3, 4)(flashlight.randn(2, 5, 2)), ValueError),
        (lambda: liquid.CfC(3, 4, mixed_memory=True)(flashlight.randn(2, 5, 3), flashlight.zeros(2, 4)), RuntimeError),
        (lambda: liquid.LTC(3, 4, input_mapping="cubic"), ValueError),
        (lambda: liquid.LTC(3, 4, ode_unfolds=0), ValueError),
        (lambda: liquid.LQNet(3), TypeError),
        (lambda: liquid.StrideAwareCfC(3, 4, [1, 2, 3, 4, 5]), ValueError),
        (lambda: liquid.get_activation("nothing"), ValueError),
    ):
        with pytest.raises(error):
            make()


def test_strides():
    x = flashlight.randn(2, 8, 10)
    plain = liquid.CfC(neuron_map=ncp_map(), return_sequences=True)
    strided = liquid.StrideAwareCfC(neuron_map=ncp_map(), stride_lengths=[2], return_sequences=True)
    strided.load_state_dict(plain.state_dict())
    y = strided(x)
    assert flashlight.allclose(y[:, ::2], plain(x[:, ::2], timespans=2.0), atol=1e-6)
    assert flashlight.equal(y[:, 1::2], y[:, ::2])
    mixed = liquid.StrideAwareCfC(
        neuron_map=ncp_map(), stride_lengths=[1, 2, 3], return_sequences=True, return_state=True
    )
    whole, _ = mixed(x)
    _, state = mixed(x[:, :3])
    assert flashlight.allclose(mixed(x[:, 3:], initial_state=state, start_step=3)[0], whole[:, 3:], atol=1e-6)


def test_the_rotation_keeps_the_radius():
    layer = liquid.LQNet(neuron_map=ncp_map()).eval()
    h_c, h_s = flashlight.randn(3, 20), flashlight.randn(3, 20)
    a, b = layer.rotate(h_c, h_s, 0.7)
    assert flashlight.allclose(a * a + b * b, h_c * h_c + h_s * h_s, atol=1e-5)
    back = layer.rotate(a, b, -0.7)
    assert flashlight.allclose(back[0], h_c, atol=1e-5)
    _, (h_c, h_s, t) = layer(flashlight.randn(2, 4, 10) * 10, return_state=True)
    assert (h_c**2 + h_s**2).max().sqrt() <= 2**0.5 * 2 and flashlight.equal(t, flashlight.full((2, 1), 4.0))
    same = layer(flashlight.randn(2, 4, 10), (h_c, h_s, t), 0.0)
    assert flashlight.allclose(same[:, -1], h_c + h_s, atol=1e-6)

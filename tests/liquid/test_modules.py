"""Dense, NCP, activations, base classes, the recurrent layers of the other dialect, and the stride-aware family."""

import math

import numpy as np
import pytest

import flashlight
from flashlight import liquid, nn

B, L, I, N = 3, 6, 4, 8  # noqa: E741


def close(a, b, atol=1e-6):
    assert a.shape == b.shape
    assert flashlight.allclose(a, b, atol=atol)


def ncp_map(**options):
    return liquid.NCPMap(4, 3, 2, I, seed=5, **options)


# ------------------------------------------------------------------------------------------------- dense and activations
def test_dense_is_a_linear_layer_with_an_activation():
    dense, linear = liquid.Dense(I, 5, "softmax"), nn.Linear(I, 5)
    assert dense.bias.eq(0).all() and dense.weight.abs().max() <= math.sqrt(6 / (I + 5))
    dense.load_state_dict(linear.state_dict())
    x = flashlight.randn(2, B, I)
    close(dense(x), linear(x).softmax(-1))
    close(dense.kernel, linear.weight.T)
    assert liquid.Dense(input_dim=I, units=5, bias=False).bias is None
    close(liquid.Dense(I, 5, lambda v: v * 0)(x), flashlight.zeros(2, B, 5))
    with pytest.raises(ValueError, match="expected 4 features"):
        dense(flashlight.randn(2, 3))


ACTIVATIONS = {
    "relu": nn.functional.relu, "tanh": flashlight.tanh, "sigmoid": flashlight.sigmoid, "softplus": nn.functional.softplus,
    "softmax": lambda x: flashlight.softmax(x, -1), "lecun_tanh": lambda x: 1.7159 * flashlight.tanh(0.666 * x),
    "silu": nn.functional.silu, "swish": nn.functional.silu, "gelu": nn.functional.gelu, "elu": nn.functional.elu,
    "selu": nn.functional.selu, "linear": lambda x: x, "identity": lambda x: x, None: lambda x: x, abs: abs,
}  # fmt: skip


@pytest.mark.parametrize("name", list(ACTIVATIONS), ids=str)
def test_activations_by_name(name):
    x = flashlight.randn(3, 4)
    close(liquid.get_activation(name)(x), ACTIVATIONS[name](x))


def test_activation_modules():
    x = flashlight.randn(3, 4)
    for name in ("ReLU", "Tanh", "Sigmoid", "Softplus", "Module", "Parameter"):
        assert getattr(liquid, name) is getattr(nn, name)
    close(liquid.LeCunTanh()(x), 1.7159 * flashlight.tanh(0.666 * x))
    close(liquid.LeCunTanh(scale=2 / 3, amplitude=1.0)(x), flashlight.tanh(2 / 3 * x))
    close(liquid.Softmax()(x), x.softmax(-1))
    close(liquid.Softmax(axis=0)(x), liquid.Softmax(dim=0)(x))


def test_dropout():
    x, layer = flashlight.ones(100, 100), liquid.Dropout(rate=0.2)
    y = layer(x, training=True)
    assert set(y.unique().tolist()) == {0.0, 1.25} and abs(y.mean().item() - 1) < 0.02
    assert layer.eval()(x) is x and layer.train()(x).eq(0).any() and layer(x, training=False) is x
    close(liquid.Dropout(0.5, seed=3)(x), liquid.Dropout(0.5, seed=3)(x))
    for rate in (1.0, -0.1):
        with pytest.raises(ValueError, match="rate must be"):
            liquid.Dropout(rate)


# ------------------------------------------------------------------------------------------------------- circuit policies
def test_an_ncp_by_hand():
    layer = liquid.NCP(ncp_map(), activation="tanh")
    x, h = flashlight.randn(B, I), flashlight.randn(B, 9)
    y, new = layer(x, h, return_state=True)
    state = h.numpy().copy()
    kernel, recurrent = ((p * m).detach().numpy() for p, m in
                         ((layer.kernel, layer.input_mask), (layer.recurrent_kernel, layer.recurrent_mask)))  # fmt: skip
    for i in range(3):
        own = layer.neuron_map.get_neurons_of_layer(i)
        driven = x.numpy() @ kernel[:, own] + state @ recurrent[:, own] + layer.bias.detach().numpy()[own]
        state[:, own] = np.tanh(driven)
    np.testing.assert_allclose(new.detach().numpy(), state, atol=1e-6)
    close(y, new[:, :2])


def test_an_ncp_that_remembers():
    layer, x = liquid.NCP(ncp_map(), stateful=True), flashlight.randn(B, I)
    other = liquid.NCP(ncp_map())
    other.load_state_dict(layer.state_dict())
    first, state = other(x, return_state=True)
    close(layer(x), first)
    close(layer(x), other(x, state))
    assert layer.reset_state(B).shape == (B, 9)
    close(layer(x), first)
    close(other(x), first)


def test_initializers_of_an_ncp():
    for name in ("glorot_uniform", "glorot_normal", "orthogonal", "zeros", "ones", "he_uniform", "he_normal"):
        assert liquid.NCP(ncp_map(), kernel_initializer=name).kernel.isfinite().all()
    layer = liquid.NCP(ncp_map(), kernel_initializer="ones", bias_initializer="ones")
    assert layer.kernel.eq(1).all() and layer.bias.eq(1).all()
    close(layer.recurrent_kernel @ layer.recurrent_kernel.T, flashlight.eye(9), 1e-5)
    with pytest.raises(ValueError, match="unknown initializer"):
        liquid.NCP(ncp_map(), kernel_initializer="lecun")
    with pytest.raises(ValueError, match="expected 4 features"):
        layer(flashlight.randn(B, I + 1))


# ----------------------------------------------------------------------------------------------------------- base classes
class Waiting(liquid.BaseModule):
    def __init__(self, units):
        super().__init__()
        self.units, self.built = units, False

    def build(self, input_shape):
        self.shape = input_shape
        self.weight = liquid.Parameter(flashlight.ones(self.units))

    def forward(self, x):
        return x[0] if isinstance(x, list) else x


def test_a_module_that_waits_for_its_input():
    layer = Waiting(3)
    with pytest.raises(RuntimeError, match="Waiting has no parameters yet"):
        layer.parameters()
    layer(flashlight.zeros(2, 5))
    layer(flashlight.zeros(4, 7))
    assert layer.shape == (2, 5) and len(list(layer.parameters())) == 1
    listed = Waiting(3)
    listed([flashlight.zeros(2, 5), flashlight.zeros(1)])
    assert listed.shape == ((2, 5), (1,))
    assert Waiting.from_config({"class_name": "Waiting", "units": 2}).units == 2 and Waiting(1).get_config() == {}
    with pytest.raises(TypeError, match="Waiting cannot be made"):
        Waiting.from_config({"width": 2})


def test_cells():
    cell = liquid.ModuleCell(I, N)
    assert (cell.state_size, cell.output_size, cell.reset_state(B).shape) == (N, N, (B, N))
    with pytest.raises(NotImplementedError, match="ModuleCell does not define forward"):
        cell(flashlight.zeros(B, I))
    wired = liquid.ModuleWiredCell(neuron_map=ncp_map())
    assert (wired.state_size, wired.sensory_size, wired.motor_size, wired.output_size) == (9, I, 2, 2)
    assert (wired.num_layers, wired.layer_sizes) == (3, [4, 3, 2])
    m = wired.neuron_map
    assert (wired.synapse_count, wired.sensory_synapse_count) == (m.synapse_count, m.sensory_synapse_count)
    for name, shape in (("input_mask", (I,)), ("recurrent_mask", (9, 9)), ("output_mask", (9,))):
        assert getattr(wired, name).shape == shape
    with pytest.raises(TypeError, match="expected a NeuronMap"):
        liquid.ModuleWiredCell(I, 3)
    with pytest.raises(ValueError, match="built for 4 inputs"):
        liquid.LTCCell(ncp_map(), I + 1)
    for kind in (liquid.CfCCell, liquid.StrideAwareCell):
        assert issubclass(kind, liquid.ModuleCell)
    for kind in (liquid.WiredCfCCell, liquid.LTCCell, liquid.StrideAwareWiredCfCCell):
        assert issubclass(kind, liquid.ModuleWiredCell)


@pytest.mark.parametrize("name", ["WiredCfCCell", "LTCCell"])
def test_cells_by_position_and_by_name(name):
    kind, x, h = getattr(liquid, name), flashlight.randn(B, I), flashlight.randn(B, 9)
    m = ncp_map()
    cell, named = (kind(I, m) if name == "WiredCfCCell" else kind(m, I)), kind(neuron_map=m)
    named.load_state_dict(cell.state_dict())
    y, new = cell(x, h, 0.7)
    close(named(x, h, 0.7), new)
    close(named.output(new), y)
    close(cell(x, h, flashlight.full((B, 1), 0.7))[1], new)
    assert cell.sensory_synapse_count == m.sensory_synapse_count != m.synapse_count
    with pytest.raises(ValueError, match="not known"):
        kind(None, liquid.NCPMap(4, 3, 2)) if name == "WiredCfCCell" else kind(liquid.NCPMap(4, 3, 2))


@pytest.mark.parametrize("name", ["CfCCell", "WiredCfCCell", "LTCCell", "StrideAwareCell", "StrideAwareWiredCfCCell"])
def test_cells_refuse_other_shapes(name):
    kind = getattr(liquid, name)
    cell = kind(I, 9) if name in ("CfCCell", "StrideAwareCell") else kind(neuron_map=ncp_map())
    cell(flashlight.randn(B, I), flashlight.zeros(B, 9))
    for x in (flashlight.randn(B, I + 1), flashlight.randn(B, L, I), flashlight.randn(I)):
        with pytest.raises(ValueError, match="expected an input of shape"):
            cell(x)
    for h in (flashlight.zeros(B + 1, 9), flashlight.zeros(B, 8), flashlight.zeros(9)):
        with pytest.raises(ValueError, match="expected a state of shape"):
            cell(flashlight.randn(B, I), h)
    with pytest.raises(ValueError, match="the batch has no sequences"):
        cell(flashlight.randn(0, I))


def test_constraints_of_ltc():
    layer = liquid.LTC(I, 5, implicit_param_constraints=False)
    with flashlight.no_grad():
        for p in layer.parameters():
            p.sub_(10)
    layer.apply_weight_constraints()
    cell = layer.rnn_cell
    assert all(p.min() == 0 for p in (cell.w, cell.sensory_w, cell.cm, cell.gleak)) and cell.vleak.max() < 0
    free = liquid.LTC(I, 5)
    before = free.rnn_cell.w.detach().clone().sub_(10)
    free.rnn_cell.w.data.sub_(10)
    free.apply_weight_constraints()
    close(free.rnn_cell.w.detach(), before)
    assert free.rnn_cell.implicit_param_constraints and not liquid.LTCCell(ncp_map()).implicit_param_constraints


# ----------------------------------------------------------------------------------- recurrent layers, the other dialect
KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def first(state):
    return state[0] if isinstance(state, (tuple, list)) else state


@pytest.mark.parametrize("name", list(KINDS))
def test_torchs_weights_load(name):
    layer = getattr(liquid, name)(I, N, 2, bidirectional=True)
    torchs = KINDS[name](I, N, 2, bidirectional=True, batch_first=True)
    layer.load_state_dict(torchs.state_dict())
    x = flashlight.randn(B, L, I)
    y, state = layer(x)
    wanted, last = torchs(x)
    close(y, wanted)
    close(first(state), first(last))
    close(layer(x, return_sequences=False)[0], wanted[:, -1])
    assert flashlight.is_tensor(layer(x, return_state=False))


@pytest.mark.parametrize("name", list(KINDS))
def test_states_of_the_other_dialect(name):
    layer, x = getattr(liquid, name)(I, N), flashlight.randn(B, L, I)
    y, state = layer(x)
    assert first(state).shape == (B, N)
    listed = layer(x, return_state=True)[1]
    assert isinstance(listed, tuple if name == "LSTM" else list) and first(listed).shape == (1, B, N)
    for given in (None, (None, None), [None]):
        close(layer(x, initial_state=given)[0], y)
    begun, middle = layer(x[:, :2])
    close(layer(x[:, 2:], initial_state=middle)[0], y[:, 2:])
    _, listed = layer(x[:, :2], return_state=True)
    close(layer(x[:, 2:], initial_state=listed)[0], y[:, 2:])
    assert begun.shape == (B, 2, N)


def test_weights_of_the_other_dialect():
    layer = liquid.LSTM(I, N)
    for block in layer.weight_hh_l0.detach().chunk(4, 0):
        close(block @ block.T, flashlight.eye(N), 1e-5)
    assert layer.weight_ih_l0.abs().max() <= math.sqrt(6 / (I + N))
    bias = layer.bias_ih_l0.detach().reshape(4, N)
    assert bias[1].eq(1).all() and bias[[0, 2, 3]].eq(0).all() and layer.bias_hh_l0.eq(0).all()
    assert not liquid.GRU(I, N, use_bias=False).bias
    with pytest.raises(ValueError, match="unknown initializer"):
        liquid.RNN(I, N, kernel_initializer="best")


@pytest.mark.parametrize("activation", ["relu", "silu", "sigmoid"])
def test_other_activations(activation):
    layer, x = liquid.RNN(I, N, activation=activation, bidirectional=True), flashlight.randn(B, L, I)
    y, h = layer(x)
    act, state = liquid.get_activation(activation), flashlight.zeros(B, N)
    for t in range(L):
        state = act(x[:, t] @ layer.weight_ih_l0.T + layer.bias_ih_l0 + state @ layer.weight_hh_l0.T + layer.bias_hh_l0)
        close(y[:, t, :N], state)
    close(h[0], state)
    plain, gated = liquid.GRU(I, N), liquid.GRU(I, N, recurrent_activation="sigmoid", activation=flashlight.tanh)
    gated.load_state_dict(plain.state_dict())
    close(gated(x)[0], plain(x)[0])


# ----------------------------------------------------------------------------------------------------------- stride aware
def test_a_stride_aware_cell():
    cell, x, h = (
        liquid.StrideAwareCell(I, N, stride_length=3, time_scale_factor=0.5),
        flashlight.randn(B, I),
        flashlight.randn(B, N),
    )
    target = flashlight.tanh(x @ cell.weight_ih.T + h @ cell.weight_hh.T + cell.bias)
    wanted = h + (1 - math.exp(-0.2 * 3 * 0.5)) * (target - h)
    for elapsed in (0.2, flashlight.full((B, 1), 0.2)):
        y, new = cell(x, h, elapsed)
        close(new, wanted)
        close(y, new)
    close(cell(x, h, 1e6)[1], target)
    for stride in (0, 1.5, True):
        with pytest.raises(ValueError, match="stride_length"):
            liquid.StrideAwareCell(I, N, stride)


def test_a_stride_aware_layer():
    layer, x, ts = liquid.StrideAware(I, N, 2, 1.5), flashlight.randn(B, L, I), flashlight.rand(B, L)
    close(nn.functional.softplus(layer.raw_tau) + 1e-3, flashlight.ones(N))
    y, last = layer(x, timespans=ts)
    h, tau = flashlight.zeros(B, N), nn.functional.softplus(layer.raw_tau) + 1e-3
    for t in range(L):
        target = flashlight.tanh(x[:, t] @ layer.weight_ih.T + layer.bias_ih + h @ layer.weight_hh.T + layer.bias_hh)
        h = h + (1 - flashlight.exp(-ts[:, t : t + 1] * 3 / tau)) * (target - h)
        close(y[:, t], flashlight.tanh(h @ layer.weight_ho.T + layer.bias_ho), 1e-5)
    close(last, h, 1e-5)


def test_strides_of_one_are_a_cfc():
    for make in (
        lambda k, **o: k(I, N, backbone_units=5, **o),
        lambda k, **o: k(neuron_map=ncp_map(), return_sequences=True, **o),
    ):
        plain, strided = make(liquid.CfC), make(liquid.StrideAwareCfC)
        strided.load_state_dict(plain.state_dict())
        x, ts = flashlight.randn(B, L, I), flashlight.rand(B, L)
        a, b = plain(x, timespans=ts, return_state=False), strided(x, timespans=ts, return_state=False)
        close(a, b)


@pytest.mark.parametrize("combine", ["concat", "mean"])
def test_joined_strides(combine):
    layer, x = liquid.StrideAwareCfC(I, N, [1, 2], combine=combine), flashlight.randn(B, L, I)
    y, states = layer(x)
    parts = []
    for k, stride in enumerate((1, 2)):
        cell = liquid.CfC(I, N)
        cell.rnn_cell.load_state_dict(layer.rnn_cells[k].state_dict())
        part = cell(x[:, ::stride], timespans=float(stride))[0]
        parts.append(part.repeat_interleave(stride, 1))
    close(y, flashlight.cat(parts, -1) if combine == "concat" else (parts[0] + parts[1]) / 2)
    assert [[tuple(s.shape) for s in state] for state in states] == [[(B, N), (B, N)]] * 2


def test_wired_stride_aware_cells():
    m, x, h = ncp_map(), flashlight.randn(B, I), flashlight.randn(B, 9)
    plain, strided = liquid.WiredCfCCell(neuron_map=m), liquid.StrideAwareWiredCfCCell(m, 3, 0.5)
    strided.load_state_dict(plain.state_dict())
    close(strided(x, h, 0.4), plain(x, h, 0.6))
    deep = liquid.StrideAwareWiredCfCCell(m, 2, backbone_layers=2, backbone_units=7)
    for k, cell in enumerate(deep.cells):
        assert cell.input_mask.shape == (cell.input_size + cell.hidden_size,) and cell.backbone[0].weight.shape[0] == 7
        assert f"layer_{k}.input_mask" in deep.state_dict() and cell.sparsity_mask is None
    unseen = (np.abs(m.sensory_adjacency_matrix[:, m.get_neurons_of_layer(0)]).sum(1) == 0).tolist()
    assert deep.cells[0].input_mask[:I].eq(0).tolist() == unseen
    own = m.get_neurons_of_layer(1)
    thin = liquid.StrideAwareWiredCfCCell(m, fully_recurrent=False).cells[1].sparsity_mask[:, 4:].numpy()
    np.testing.assert_array_equal(thin, np.maximum(np.abs(m.adjacency_matrix[np.ix_(own, own)]), np.eye(3)).T)


def test_a_layer_around_a_ready_cell():
    cell = liquid.StrideAwareWiredCfCCell(ncp_map(), 2)
    layer, x = liquid.StrideAwareCfC(cell, return_sequences=True), flashlight.randn(B, L, I)
    assert layer.stride_lengths == [2] and layer.rnn_cell is cell
    y = layer(x)
    assert flashlight.equal(y[:, 1::2], y[:, ::2])


# ------------------------------------------------------------------------------------------------ two-component neurons
def test_rotations_compose():
    layer = liquid.LQNet(ncp_map()).to(flashlight.float64)
    h = flashlight.randn(B, 9, dtype=flashlight.float64), flashlight.randn(B, 9, dtype=flashlight.float64)
    a, b = layer.rotate(*layer.rotate(*h, 0.3), 0.5), layer.rotate(*h, 0.8)
    for p, q in zip(a, b, strict=True):
        close(p, q, 1e-13)


@pytest.mark.parametrize("kind", ["LQNet", "CTRQNet"])
def test_bounds_and_noise(kind):
    layer = getattr(liquid, kind)(ncp_map(), nu_0=1.5, noise_scale=0.3)
    x, ts = flashlight.randn(B, 40, I) * 10, flashlight.rand(B, 40) * 3
    y, (h_c, h_s, t) = layer.eval()(x, timespans=ts, return_state=True)
    bound = math.sqrt(2) * (2.5 if kind == "LQNet" else 1.5)
    assert (h_c * h_c + h_s * h_s).sqrt().max() <= bound + 1e-5
    close(t, ts.sum(1, keepdim=True), 1e-4)
    close(layer(x, timespans=ts), y)  # no noise outside of training
    assert not flashlight.equal(layer.train()(x), layer(x))
    noise = flashlight.randn(B, 40, 9), flashlight.randn(B, 40, 9)
    close(layer(x, noise=noise), layer(x, noise=noise))
    assert not flashlight.equal(layer.eval()(x, noise=noise), layer(x))
    flashlight.manual_seed(1)
    a = layer.train()(x)
    flashlight.manual_seed(1)
    close(layer(x), a)
    layer.noise_scale, state = 0.0, flashlight.get_rng_state()
    layer(x)
    assert flashlight.equal(flashlight.get_rng_state(), state)
    assert layer.reset_state(2)[2].shape == (2, 1)
    assert getattr(liquid, kind)(ncp_map(), output_mode="motor")(x).shape == (B, 40, 2)


def test_masks_of_two_component_neurons_hold_in_training():
    layer = liquid.LQNet(ncp_map(), noise_scale=0.0)
    layer(flashlight.randn(B, L, I)).square().sum().backward()
    assert (layer.recurrent_kernel.grad * (1 - layer.recurrent_mask)).eq(0).all()
    assert (layer.kernel.grad * (1 - layer.input_mask)).eq(0).all() and layer.kernel.grad.abs().max() > 0
    assert {n for n, _ in layer.named_buffers()} == {"input_mask", "recurrent_mask"}
    for options in ({"nu_0": -1}, {"beta": -1}, {"noise_scale": -1}, {"output_mode": "some"}):
        with pytest.raises(ValueError):
            liquid.LQNet(ncp_map(), **options)
    with pytest.raises(ValueError, match="time_scale_factor"):
        liquid.CTRQNet(ncp_map(), time_scale_factor=0)
    with pytest.raises(ValueError, match="3 dimensions"):
        layer(flashlight.randn(L, I))
    harmonic, plain = (
        set(dict(liquid.CTRQNet(ncp_map(), use_harmonic_embedding=u).named_parameters())) for u in (True, False)
    )
    assert harmonic - plain == {"amplitudes", "frequencies", "phases"} and plain - harmonic == {"kernel"}

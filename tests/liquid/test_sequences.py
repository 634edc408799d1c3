"""What the recurrent liquid layers agree on: timespans, states, orders of dimensions, refusals."""

import warnings

import pytest

import flashlight
from flashlight import liquid
from flashlight.liquid.ncps.wirings import AutoNCP

B, L, I, N = 3, 5, 4, 8  # noqa: E741
LAYERS = {
    "CfC": lambda **o: liquid.CfC(I, N, backbone_units=6, **o),
    "CfC pure": lambda **o: liquid.CfC(I, N, backbone_layers=0, mode="pure", **o),
    "CfC wired": lambda **o: liquid.CfC(I, AutoNCP(N, 2), **o),
    "LTC": lambda **o: liquid.LTC(I, N, **o),
    "LTC sparse": lambda **o: liquid.LTC(I, AutoNCP(N, 2), **o),
    "LTC mixed": lambda **o: liquid.LTC(I, AutoNCP(N, 2), mixed_memory=True, **o),
}
NAMES = list(LAYERS)


def close(a, b, atol=1e-6):
    assert a.shape == b.shape
    assert flashlight.allclose(a, b, atol=atol)


def tensors(state):
    return list(state) if isinstance(state, (tuple, list)) else [state]


# shape of the timespans, and how sequence b of a batch has them
BATCH_FIRST = {
    (): lambda ts, b: ts,
    (L,): lambda ts, b: ts,
    (1, L): lambda ts, b: ts[0],
    (B, L): lambda ts, b: ts[b],
    (B, L, 1): lambda ts, b: ts[b, :, 0],
    (B, L, N): lambda ts, b: ts[b],
}
TIME_FIRST = {
    (L, 1): lambda ts, b: ts[:, 0],
    (L, B): lambda ts, b: ts[:, b],
    (L, B, 1): lambda ts, b: ts[:, b, 0],
    (L, B, N): lambda ts, b: ts[:, b],
}


@pytest.mark.parametrize("shape", BATCH_FIRST, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_timespans_batch_first(name, shape):
    layer, x, ts = LAYERS[name](), flashlight.randn(B, L, I), flashlight.rand(shape) * 2
    y, state = layer(x, timespans=ts)
    for b in range(B):
        alone, last = layer(x[b], timespans=BATCH_FIRST[shape](ts, b))
        close(alone, y[b])
        for s, whole in zip(tensors(last), tensors(state), strict=True):
            close(s, whole[b])


@pytest.mark.parametrize("shape", TIME_FIRST, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_timespans_time_first(name, shape):
    layer, x, ts = LAYERS[name](batch_first=False), flashlight.randn(L, B, I), flashlight.rand(shape) * 2
    y, _ = layer(x, timespans=ts)
    for b in range(B):
        close(layer(x[:, b], timespans=TIME_FIRST[shape](ts, b))[0], y[:, b])


@pytest.mark.parametrize("name", NAMES)
def test_timespans_of_one_sequence_and_their_names(name):
    layer, x, ts = LAYERS[name](), flashlight.randn(L, I), flashlight.rand(L) + 0.1
    y, _ = layer(x, timespans=ts)
    close(layer(x, time_deltas=ts.unsqueeze(1))[0], y)
    close(layer(x, elapsed_time=ts.tolist())[0], y)
    close(layer(x, timespans=1)[0], layer(x)[0])
    close(layer(x, timespans=1.0)[0], layer(x, timespans=flashlight.ones(L))[0])
    with pytest.raises(TypeError, match="name the same argument"):
        layer(x, timespans=ts, time_deltas=ts)
    with pytest.raises(TypeError, match="name the same argument"):
        layer(x, flashlight.zeros(N), initial_state=flashlight.zeros(N))


@pytest.mark.parametrize("shape", [(B,), (L, B), (B, L, 2), (2, L), (B, L, N, 1), (L + 1,)], ids=str)
@pytest.mark.parametrize("name", ["CfC", "LTC"])
def test_timespans_of_other_shapes_are_refused(name, shape):
    with pytest.raises(ValueError, match="timespans of shape"):
        LAYERS[name]()(flashlight.randn(B, L, I), timespans=flashlight.ones(shape))


@pytest.mark.parametrize("name", NAMES)
def test_a_sequence_in_two_parts(name):
    layer, x, ts = LAYERS[name](), flashlight.randn(B, L, I), flashlight.rand(B, L) + 0.1
    y, state = layer(x, timespans=ts)
    first, middle = layer(x[:, :2], timespans=ts[:, :2])
    second, last = layer(x[:, 2:], middle, timespans=ts[:, 2:])
    close(flashlight.cat([first, second], 1), y)
    for a, b in zip(tensors(last), tensors(state), strict=True):
        close(a, b)


@pytest.mark.parametrize("timed", [False, True], ids=["unit time", "timespans"])
@pytest.mark.parametrize("name", NAMES)
def test_backwards(name, timed):
    layer, turned = LAYERS[name](), LAYERS[name](go_backwards=True)
    turned.load_state_dict(layer.state_dict())
    x, ts = flashlight.randn(B, L, I), flashlight.rand(B, L) + 0.1 if timed else None
    y, state = layer(x.flip(1), timespans=None if ts is None else ts.flip(1))
    z, last = turned(x, timespans=ts)
    close(z, y.flip(1))
    close(tensors(last)[0], tensors(state)[0])
    # the last output is that of the last step taken: the first one in time
    close(turned(x, timespans=ts, return_sequences=False)[0], z[:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_orders_of_dimensions(name):
    layer, other = LAYERS[name](), LAYERS[name](batch_first=False)
    other.load_state_dict(layer.state_dict())
    x = flashlight.randn(B, L, I)
    y, state = layer(x)
    z, last = other(x.transpose(0, 1))
    close(z, y.transpose(0, 1))
    for a, b in zip(tensors(last), tensors(state), strict=True):
        close(a, b)
    for made in (layer, other):
        alone, h = made(x[0])
        assert alone.shape == (L, y.shape[2]) and tensors(h)[0].shape == (N,)
        only, _ = made(x[0], return_sequences=False)
        close(only, y[0, -1])
    close(other(x.transpose(0, 1), return_sequences=False, return_state=False), y[:, -1])


@pytest.mark.parametrize("name", ["LTC", "LTC sparse"])
def test_no_time_changes_nothing(name):
    layer, x, h = LAYERS[name](), flashlight.randn(B, L, I), flashlight.rand(B, N)
    for ts in (0.0, flashlight.zeros(B, L)):
        y, state = layer(x, h, timespans=ts)
        close(state, h)
        assert y.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_refused_inputs(name):
    layer = LAYERS[name]()
    for x in (
        flashlight.randn(B, 0, I),
        flashlight.randn(B, L, I + 1),
        flashlight.randn(I),
        flashlight.randn(2, B, L, I),
    ):
        with pytest.raises(ValueError):
            layer(x)
    with pytest.raises(ValueError, match="the batch has no sequences"):
        layer(flashlight.randn(0, L, I))
    pair = (lambda h: (h, h)) if layer.mixed_memory else (lambda h: h)
    with pytest.raises(ValueError, match="expected a state of shape"):
        layer(flashlight.randn(B, L, I), pair(flashlight.zeros(B + 1, N)))
    for x, h in (
        (flashlight.randn(B, L, I), flashlight.zeros(1, B, N)),
        (flashlight.randn(L, I), flashlight.zeros(1, N)),
    ):
        with pytest.raises(RuntimeError, match="hx and cx should be"):
            layer(x, pair(h))


def test_a_memory_needs_a_cell():
    for make in (LAYERS["LTC mixed"], lambda: liquid.CfC(I, N, mixed_memory=True)):
        with pytest.raises(RuntimeError, match="mixed_memory"):
            make()(flashlight.randn(B, L, I), flashlight.zeros(B, N))


def full(**options):
    return liquid.FullyConnectedMap(N, 3, I, seed=1, **options)


def test_states_of_layers_made_with_a_map():
    layer, x = liquid.CfC(neuron_map=full(), return_state=True), flashlight.randn(B, L, I)
    y, [h, t] = layer(x)
    assert flashlight.equal(y, h) and flashlight.equal(t, flashlight.full((B, N), float(L)))
    zeros = layer.reset_state(B)
    assert [tuple(z.shape) for z in zeros] == [(B, N), (B, N)]
    for state in (zeros, zeros[0], [zeros[0]], (zeros[0], zeros[1])):
        close(layer(x, initial_state=state)[0], y)
    _, [_, later] = layer(x, initial_state=[h, t], timespans=0.5)
    close(later, flashlight.full((B, N), L * 1.5))
    mixed = liquid.CfC(neuron_map=full(), mixed_memory=True, return_state=True)
    y, [h, c] = mixed(x)
    assert not flashlight.equal(h, c)
    close(mixed(x, initial_state=(flashlight.zeros(B, N), flashlight.zeros(B, N)))[0], y)
    assert liquid.LTC(neuron_map=full())(x).shape == (B, L, 3)
    assert liquid.LTC(neuron_map=full(), output_mode="all")(x).shape == (B, L, N)


def test_time_scale_of_cfc():
    a, b = liquid.CfC(I, N), liquid.CfC(I, N, time_scale_factor=4.0)
    b.load_state_dict(a.state_dict())
    x, ts = flashlight.randn(B, L, I), flashlight.rand(B, L)
    close(b(x, timespans=4 * ts)[0], a(x, timespans=ts)[0])
    close(b(x, timespans=2.0)[0], a(x, timespans=0.5)[0])


def test_settings_kept_in_a_map():
    m = liquid.NCPMap(5, 3, 2, I, seed=2, mode="pure", ode_unfolds=2, mixed_memory=True, time_scale_factor=2.0)
    cfc = liquid.CfC(neuron_map=m)
    assert (cfc.mode, cfc.mixed_memory, cfc.time_scale_factor) == ("pure", True, 2.0)
    assert liquid.CfC(neuron_map=m, mode="default", mixed_memory=False).mode == "default"
    assert liquid.LTC(neuron_map=m).get_config()["ode_unfolds"] == 2
    assert liquid.LTC(neuron_map=m, ode_unfolds=3).get_config()["ode_unfolds"] == 3
    with pytest.raises(TypeError, match="unexpected"):
        liquid.NCPMap(5, 3, 2, I, units_of_nothing=2)


def test_arguments_of_other_libraries():
    with pytest.warns(UserWarning, match="no use for kernel_initializer"):
        liquid.CfC(I, N, kernel_initializer="zeros")
    with pytest.warns(UserWarning, match="a wired CfC has not"):
        liquid.CfC(I, AutoNCP(N, 2), activation="relu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        liquid.CfC(I, N, use_bias=True)
    with pytest.raises(TypeError, match="unexpected keyword"):
        liquid.CfC(I, N, units_per_layer=2)


def test_two_names_for_one_argument():
    assert liquid.CfC(I, hidden_size=N).units == N
    assert liquid.LTC(I, hidden_size=N, units=N).state_size == N
    for make in (
        lambda: liquid.CfC(I, units=N, hidden_size=N + 1),
        lambda: liquid.LTC(I, units=N, hidden_size=N + 1),
        lambda: liquid.CfC(neuron_map=full(), wiring=full()),
        lambda: liquid.CfC(I, N, neuron_map=full()),
        lambda: liquid.FullyConnectedMap(N, output_dim=2, output_size=3),
        lambda: liquid.Dense(3, 4, units=5),
        lambda: liquid.Dropout(0.2, p=0.3),
        lambda: liquid.LTCCell(full(), I, input_size=I + 1),
    ):
        with pytest.raises(TypeError, match="name the same argument|exclude each other"):
            make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: liquid.CfC(I, N, backbone_layers=2, backbone_units=5, proj_size=2),
        lambda: liquid.CfC(I, AutoNCP(N, 2), mode="no_gate", mixed_memory=True),
        lambda: liquid.CfC(neuron_map=liquid.NCPMap(4, 2, 2, I, seed=3), return_state=True),
        lambda: liquid.LTC(I, AutoNCP(N, 2), ode_unfolds=3, input_mapping=None),
        lambda: liquid.LTC(neuron_map=full(), implicit_param_constraints=False),
        lambda: liquid.LQNet(full(), noise_scale=0.0),
        lambda: liquid.CTRQNet(full(), noise_scale=0.0, time_scale_factor=2.0),
        lambda: liquid.StrideAwareCfC(I, N, [1, 2], combine="concat"),
        lambda: liquid.StrideAwareCfC(neuron_map=full(), stride_lengths=[1, 3]),
        lambda: liquid.NCP(liquid.NCPMap(4, 2, 2, I, seed=3), activation="relu"),
        lambda: liquid.Dense(I, N, activation="silu", use_bias=False),
        lambda: liquid.AutoNCP(N, 2, 0.3, seed=4, input_size=I),
    ],
)
def test_a_layer_from_its_configuration(make):
    layer = make()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    x = flashlight.randn(B, L, I)
    if not again.built:  # the configuration of an AutoNCP does not say how many inputs it saw
        again(x)
    again.load_state_dict(layer.state_dict())
    a, b = layer(x), again(x)
    close(tensors(a)[0], tensors(b)[0])


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_dtypes(name, kind):
    dtype = getattr(flashlight, kind)
    layer, x, ts = (
        LAYERS[name]().to(dtype),
        flashlight.randn(B, L, I, dtype=dtype).requires_grad_(),
        flashlight.rand(B, L),
    )
    wide = LAYERS[name]().to(flashlight.float64)
    wide.load_state_dict(layer.state_dict())
    y, state = layer(x, timespans=ts.to(dtype))
    y.sum().backward()
    assert y.dtype == tensors(state)[0].dtype == x.grad.dtype == dtype
    assert all(p.grad.dtype == dtype for p in layer.parameters() if p.grad is not None)
    wanted = wide(x.detach().double(), timespans=ts.to(dtype).double())[0]
    assert (y.detach().double() - wanted).abs().max() < {"float16": 4e-3, "bfloat16": 3e-2, "float64": 1e-12}[kind]

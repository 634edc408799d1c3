"""First and second derivatives of every hand-written rule of a scan, in float64, by finite differences."""

import pytest

import flashlight
from flashlight import liquid, nn
from flashlight.autograd import gradcheck, gradgradcheck
from flashlight.kernels import cfc as cfc_kernel
from flashlight.kernels import ltc as ltc_kernel
from flashlight.liquid.ncps.wirings import AutoNCP, FullyConnected, Random

FACTS = {"dtype": flashlight.float64}
BATCH, STEPS, INPUTS = 2, 2, 2


def cfc(units=2, **options):
    return lambda: liquid.CfC(INPUTS, units() if callable(units) else units, **options)


def ltc(units=2, **options):
    return lambda: liquid.LTC(INPUTS, units() if callable(units) else units, ode_unfolds=2, **options)


def ncp():
    return AutoNCP(5, 1)


BACKBONE = {"backbone_units": 2, "backbone_layers": 2}
LAYERS = {
    "CfC": cfc(**BACKBONE),
    "CfC silu": cfc(**BACKBONE, activation="silu"),
    "CfC gelu": cfc(**BACKBONE, activation="gelu"),
    "CfC tanh": cfc(**BACKBONE, activation="tanh"),
    "CfC no_gate": cfc(backbone_layers=0, mode="no_gate"),
    "CfC pure": cfc(backbone_layers=0, mode="pure"),
    "CfC mixed": cfc(backbone_layers=0, mixed_memory=True),
    "CfC proj": cfc(3, backbone_layers=0, proj_size=1),
    "CfC wired": cfc(ncp),
    "CfC wired no_gate": cfc(ncp, mode="no_gate"),
    "CfC wired pure": cfc(ncp, mode="pure"),
    "CfC wired mixed": cfc(ncp, mixed_memory=True),
    "CfC backwards": cfc(backbone_layers=0, go_backwards=True),
    "LTC": ltc(),
    "LTC explicit": ltc(implicit_param_constraints=False),
    "LTC linear": ltc(input_mapping="linear", output_mapping=None),
    "LTC mixed": ltc(mixed_memory=True),
    "LTC sparse": ltc(ncp),
    "LTC sparse mixed": ltc(ncp, mixed_memory=True),
    "LTC random": ltc(lambda: Random(4, 2, 0.8)),
    "LTC few outputs": ltc(lambda: FullyConnected(3, 1)),
    "LTC backwards": ltc(go_backwards=True),
    "strides": lambda: liquid.StrideAwareCfC(INPUTS, 2, [1, 2], backbone_layers=0),
}
MEASURED = ["none", "scalar", "(L,)", "(B, L)", "(B, L, N)"]


def spans(kind: str, units: int):
    if kind == "none":
        return None
    shape = {"scalar": (), "(L,)": (STEPS,), "(B, L)": (BATCH, STEPS), "(B, L, N)": (BATCH, STEPS, units)}[kind]
    return (flashlight.rand(shape, **FACTS) + 0.4).requires_grad_()


def problem(layer, kind: str):
    """A function of (input, state[, timespans], weights) and its arguments."""
    layer = layer.to(flashlight.float64)
    units = layer.state_size
    x = flashlight.randn(BATCH, STEPS, INPUTS, **FACTS).requires_grad_()
    h = [flashlight.randn(BATCH, units, **FACTS).requires_grad_() for _ in range(1 + layer.mixed_memory)]
    names, weights = zip(*((n, p.detach().requires_grad_()) for n, p in layer.named_parameters()), strict=True)
    ts = spans(kind, units)
    extra = [] if ts is None else [ts]

    def run(x, *rest):
        state, rest = rest[: len(h)], rest[len(h) :]
        time, values = (rest[0], rest[1:]) if extra else (None, rest)
        given = tuple(state) if len(state) > 1 else state[0]
        y, last = flashlight.func.functional_call(layer, dict(zip(names, values, strict=True)), (x, given, time))
        return y, *(last if isinstance(last, (list, tuple)) else [last])[: len(h)]

    return run, (x, *h, *extra, *weights)


def narrowed(run, arguments):
    """The function along three random directions of all its arguments at once, two sums of its outputs: few enough to check
    the second derivatives of, and none is left out."""
    rng = flashlight.Generator().manual_seed(8)

    def like(a):
        return flashlight.randn(tuple(a.shape), generator=rng, **FACTS)

    arguments = [a.detach() for a in arguments]
    directions = [[like(a) for _ in range(3)] for a in arguments]
    weights = [[like(o) for o in run(*arguments)] for _ in range(2)]

    def along(t):
        moved = (a + sum(t[k] * d for k, d in enumerate(ds)) for a, ds in zip(arguments, directions, strict=True))
        outputs = run(*moved)
        return flashlight.stack([sum((o * w).sum() for o, w in zip(outputs, ws, strict=True)) for ws in weights])

    return along, (flashlight.zeros(3, **FACTS).requires_grad_(),)


def check_both(run, arguments):
    assert gradcheck(run, arguments)
    assert gradgradcheck(*narrowed(run, arguments))


@pytest.mark.parametrize("name", list(LAYERS))
def test_layers(name):
    flashlight.manual_seed(3)
    # every kind of timespans comes up, with the layers taking turns
    kind = MEASURED[list(LAYERS).index(name) % len(MEASURED)]
    run, arguments = problem(LAYERS[name](), kind)
    check_both(run, arguments)


@pytest.mark.parametrize("kind", MEASURED)
@pytest.mark.parametrize("name", ["CfC no_gate", "CfC pure", "CfC wired", "LTC", "LTC sparse"])
def test_timespans_of_every_shape(name, kind):
    flashlight.manual_seed(4)
    run, arguments = problem(LAYERS[name](), kind)
    assert gradcheck(run, arguments)


@pytest.mark.parametrize("name", ["CfC", "CfC pure", "CfC mixed", "CfC wired", "LTC", "LTC sparse", "LTC mixed"])
def test_the_rules_in_mlx(name, monkeypatch):
    # what runs beside a GPU that has no kernel for float64
    for module in (cfc_kernel, ltc_kernel):
        monkeypatch.setattr(module, "uses_host", lambda: False)
    flashlight.manual_seed(5)
    run, arguments = problem(LAYERS[name](), "(B, L)")
    check_both(run, arguments)


def test_dropout_of_the_backbone():
    layer = liquid.CfC(INPUTS, 2, **BACKBONE, backbone_dropout=0.5).to(flashlight.float64)
    x = flashlight.randn(BATCH, STEPS, INPUTS, **FACTS).requires_grad_()

    def run(x):
        flashlight.manual_seed(0)  # the same entries are dropped each time
        return layer(x)[0]

    assert gradcheck(run, (x,))
    assert gradgradcheck(run, (x,))
    assert not flashlight.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    assert flashlight.equal(layer(x)[0], layer(x)[0])


RECURRENT = {
    "RNN": (nn.RNN, {}),
    "RNN relu": (nn.RNN, {"nonlinearity": "relu"}),
    "LSTM": (nn.LSTM, {}),
    "LSTM both ways": (nn.LSTM, {"bidirectional": True}),
    "LSTM projected": (nn.LSTM, {"proj_size": 1}),
    "LSTM no bias": (nn.LSTM, {"bias": False}),
    "GRU": (nn.GRU, {}),
    "GRU both ways": (nn.GRU, {"bidirectional": True, "num_layers": 2}),
}


@pytest.mark.parametrize("name", list(RECURRENT))
def test_recurrent_layers(name):
    flashlight.manual_seed(6)
    kind, options = RECURRENT[name]
    layer = kind(INPUTS, 2, batch_first=True, **options).to(flashlight.float64)
    x = flashlight.randn(BATCH, STEPS, INPUTS, **FACTS).requires_grad_()
    names, weights = zip(*((n, p.detach().requires_grad_()) for n, p in layer.named_parameters()), strict=True)

    def run(x, *values):
        y, h = flashlight.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))
        return y, *(h if isinstance(h, tuple) else [h])

    check_both(run, (x, *weights))


def test_dropout_between_recurrent_layers():
    layer = nn.LSTM(INPUTS, 3, 2, dropout=0.5).to(flashlight.float64)
    x = flashlight.randn(STEPS, BATCH, INPUTS, **FACTS).requires_grad_()

    def run(x):
        flashlight.manual_seed(1)
        return layer(x)[0]

    assert gradcheck(run, (x,))
    assert gradgradcheck(run, (x,))

"""Layers of random shapes, wirings and timespans against ncps over 50 steps, their states going both ways."""

import random

import numpy as np
import pytest

import flashlight
from flashlight import liquid
from flashlight.liquid.ncps import wirings as ours

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("ncps.torch")
their_wirings = pytest.importorskip("ncps.wirings")

STEPS = 50


def wiring(draw: random.Random):
    """The name and arguments of a wiring, or (None, number of units)."""
    kind = draw.choice(["AutoNCP", "NCP", "FullyConnected", "Random", None])
    seed = draw.randrange(1 << 31)
    if kind is None:
        return None, draw.randrange(2, 40)
    if kind == "NCP":
        inter, command, motor = draw.randrange(3, 20), draw.randrange(2, 10), draw.randrange(1, 6)
        fans = draw.randint(1, inter), draw.randint(1, command), draw.randrange(1, 12), draw.randint(1, command)
        return kind, (inter, command, motor, *fans, seed)
    units = draw.randrange(6, 40)
    if kind == "FullyConnected":
        return kind, (units, None, seed, draw.random() < 0.5)
    if kind == "Random":
        return kind, (units, None, draw.uniform(0.1, 0.9), seed)
    return kind, (units, draw.randrange(1, units - 3), draw.uniform(0.1, 0.9), seed)


def cfc_options(draw: random.Random, wired: bool) -> dict:
    options = {"mode": draw.choice(["default", "pure", "no_gate"]), "mixed_memory": draw.random() < 0.4}
    if draw.random() < 0.4:
        options["proj_size"] = draw.randrange(1, 6)
    if not wired:
        options["backbone_layers"] = draw.randrange(4)
        options["backbone_units"] = draw.randrange(2, 40)
        options["activation"] = draw.choice(["silu", "relu", "tanh", "gelu", "lecun_tanh"])
        options["backbone_dropout"] = draw.choice([0.0, 0.3])
    return options


def ltc_options(draw: random.Random, wired: bool) -> dict:
    mappings = ["affine", "linear", None]
    return {
        "mixed_memory": draw.random() < 0.4,
        "input_mapping": draw.choice(mappings),
        "output_mapping": draw.choice(mappings),
        "ode_unfolds": draw.randrange(1, 7),
        "implicit_param_constraints": draw.random() < 0.7,
    }


def pair(name: str, draw: random.Random):
    """The two layers before they share a state, and their number of inputs."""
    kind, arguments = wiring(draw)
    inputs = draw.randrange(1, 12)
    options = (cfc_options if name == "CfC" else ltc_options)(draw, kind is not None)

    def made(package, wirings):
        units = arguments if kind is None else getattr(wirings, kind)(*arguments)
        return getattr(package, name)(inputs, units, **options).eval()

    return made(liquid, ours), made(theirs, their_wirings), inputs


def to_torch(state) -> dict:
    return {k: torch.from_numpy(v.detach().numpy().copy()) for k, v in state.items()}


def to_flashlight(state) -> dict:
    return {k: flashlight.from_numpy(v.detach().numpy().copy()) for k, v in state.items()}


def flat(state):
    return [s.detach().numpy() for s in (state if isinstance(state, (tuple, list)) else (state,))]


def compare(layer, reference, inputs: int, rng, timed: bool) -> None:
    batch = int(rng.integers(1, 6))
    x = rng.standard_normal((batch, STEPS, inputs)).astype(np.float32)
    spans = rng.uniform(0.05, 3, (batch, STEPS)).astype(np.float32) if timed else None
    h = rng.uniform(-0.5, 0.5, (2, batch, layer.state_size)).astype(np.float32)
    mixed = layer.mixed_memory
    ours_state = tuple(flashlight.from_numpy(v) for v in h) if mixed else flashlight.from_numpy(h[0])
    y, state = layer(
        flashlight.from_numpy(x), ours_state, timespans=None if spans is None else flashlight.from_numpy(spans)
    )
    with torch.no_grad():
        for b in range(batch):  # ncps understands the timespans of one sequence only
            given = (
                tuple(torch.from_numpy(v[b : b + 1].copy()) for v in h) if mixed else torch.from_numpy(h[0, b : b + 1])
            )
            ts = None if spans is None else torch.from_numpy(spans[b : b + 1])
            wanted, last = reference(torch.from_numpy(x[b : b + 1]), given, timespans=ts)
            np.testing.assert_allclose(y[b].detach().numpy(), wanted[0].numpy(), atol=2e-6, rtol=0)
            for got, want in zip(flat(state), flat(last), strict=True):
                np.testing.assert_allclose(got[b], want[0], atol=2e-6, rtol=0)


@pytest.mark.parametrize("timed", [False, True], ids=["unit time", "timespans"])
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", ["CfC", "LTC"])
def test_outputs_and_states_both_ways(name, seed, timed):
    draw = random.Random(f"{name}{seed}")
    flashlight.manual_seed(seed)
    torch.manual_seed(seed)
    layer, reference, inputs = pair(name, draw)
    rng = np.random.default_rng(seed)
    # ours into theirs, then theirs (drawn by them) into ours: strictly, every key
    fresh = to_flashlight(reference.state_dict())
    reference.load_state_dict(to_torch(layer.state_dict()), strict=True)
    compare(layer, reference, inputs, rng, timed)
    layer.load_state_dict(fresh, strict=True)
    reference.load_state_dict(to_torch(fresh), strict=True)
    compare(layer, reference, inputs, rng, timed)


def test_initial_weights_have_the_ranges_of_ncps():
    for name, options in (("LTC", {}), ("CfC", {"mode": "pure"})):
        layer, reference = (getattr(p, name)(6, 50, **options) for p in (liquid, theirs))
        for key, wanted in reference.state_dict().items():
            got, wanted = layer.state_dict()[key].numpy(), wanted.numpy()
            assert got.shape == wanted.shape
            spread = wanted.max() - wanted.min()
            assert abs(got.max() - wanted.max()) <= 0.25 * spread and abs(got.min() - wanted.min()) <= 0.25 * spread


@pytest.mark.parametrize("name", ["CfC", "LTC"])
def test_files_go_both_ways(name, tmp_path):
    layer, reference, _ = pair(name, random.Random(11))
    torch.save(reference.state_dict(), tmp_path / "theirs.pth")
    assert layer.load_state_dict(flashlight.load(tmp_path / "theirs.pth"), strict=True).missing_keys == []
    flashlight.save(layer.state_dict(), tmp_path / "ours.pth")
    back = torch.load(tmp_path / "ours.pth")
    assert reference.load_state_dict(back, strict=True).unexpected_keys == []
    for key, value in reference.state_dict().items():
        assert torch.equal(back[key], value)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", ["CfC", "LTC"])
def test_the_same_seed_makes_the_same_layer(name, seed):
    draw, again = random.Random(seed), random.Random(seed)
    flashlight.manual_seed(seed)
    mine, _, _ = pair(name, draw)
    torch.manual_seed(seed)
    _, other, _ = pair(name, again)
    wanted, got = other.state_dict(), mine.state_dict()
    assert wanted.keys() == got.keys()
    trained = [n for n, p in other.named_parameters() if p.requires_grad]
    assert trained == [n for n, _ in mine.named_parameters()]
    for key, values in wanted.items():
        # orthogonal matrices come from another factorisation
        exact = "recurrent_map" not in key
        np.testing.assert_allclose(got[key].numpy(), values.numpy(), rtol=0, atol=0 if exact else 5e-7, err_msg=key)

"""Every code block of two documents that describe the liquid layers runs, with the package renamed, and gives its shapes."""

from __future__ import annotations

import importlib
import pathlib
import re
import subprocess
import sys

import pytest

import flashlight
from flashlight import liquid, nn

FOLDER = pathlib.Path(__file__).parent.parent / "seeds"
Y, H = (32, 5, 20), (32, 20)
# the shapes each block's last results must have; None for blocks that only define or import
MODULES = [
    None, None, None, {"y": (32, 5)}, {"y": (32, 3)}, {"y": (32, 10)}, {"y": (32, 5)}, None, None, None,
    {"y": Y, "h": H}, {"y": Y, "h": H, "c": H}, {"y": Y, "h": H}, {"y": Y, "h": H, "h_next": (H, H)},
    {"y": Y, "h": H, "h_next": H}, {"y": Y, "h": H}, {"h_next": H}, {"y": (32, 5)},
]  # fmt: skip
RNN = [
    None, {"y": (Y, H)}, {"y": (Y, (H, H))}, {"y": (Y, H)}, {"y": H}, {"y": Y}, {"y": H}, {"y": H}, {"y": H},
    {"y": Y, "states": ((H, H),) * 3}, {"outputs": (32, 100, 56)}, {"outputs": (32, 100, 56)},
]  # fmt: skip
BACKENDS = "from ember_ml.backend import"  # choosing among NumPy, PyTorch and MLX has no meaning here


def blocks(name: str) -> list[str]:
    found = re.findall(r"```python\n(.*?)```", (FOLDER / f"{name}.md").read_text(encoding="utf-8"), re.S)
    return [block for block in found if BACKENDS not in block]


def renamed(block: str) -> str:
    block = block.replace("from ember_ml.nn import modules", "from flashlight import liquid as modules")
    return re.sub(r"ember_ml\.nn(\.modules)?", "flashlight.liquid", block)


def shapes(value):
    return tuple(value.shape) if isinstance(value, flashlight.Tensor) else tuple(shapes(v) for v in value)


CASES = [(name, i) for name, expected in (("ember_modules", MODULES), ("ember_rnn", RNN)) for i in range(len(expected))]


@pytest.mark.parametrize("name, i", CASES)
def test_blocks(name, i):
    expected = MODULES if name == "ember_modules" else RNN
    assert len(blocks(name)) == len(expected)
    # some blocks use what those before them have imported
    names = {"tensor": liquid.tensor} if name == "ember_modules" else {}
    exec(compile(renamed(blocks(name)[i]), f"{name}[{i}]", "exec"), names)
    for result, shape in (expected[i] or {}).items():
        assert shapes(names[result]) == shape
    if name == "ember_modules" and i == 6:  # Dropout(rate=0.2) with training=True
        zeros = names["y"].eq(0).float().mean().item()
        assert zeros > 0.3  # relu's half, and a fifth of the rest


@pytest.mark.parametrize("name", ["CfC", "LTC"])
def test_states_the_comments_speak_of(name):
    m = liquid.NCPMap(inter_neurons=10, command_neurons=5, motor_neurons=5, sensory_neurons=10, seed=42)
    x, deltas = flashlight.randn(32, 5, 10), liquid.tensor.random_uniform((32, 5, 1), minval=0.1, maxval=1.0)
    y, state = getattr(liquid, name)(neuron_map=m)(x, time_deltas=deltas, return_state=True)
    if name == "LTC":
        assert (shapes(y), shapes(state)) == ((32, 5, 5), H)
        return
    h, t = state
    assert (shapes(y), shapes(h), shapes(t)) == (H, H, H)
    assert flashlight.allclose(t, deltas.sum((1, 2)).unsqueeze(1).expand(32, 20))


def test_torchs_lstm_stays_torchs():
    y, (h, c) = nn.LSTM(10, 20)(flashlight.randn(32, 5, 10))
    assert (shapes(y), shapes(h), shapes(c)) == (Y, (1, 5, 20), (1, 5, 20))


def test_the_wiring_styles_of_ncps():
    for layer in (liquid.CfC, liquid.LTC):
        y, h = layer(20, liquid.ncps.wirings.AutoNCP(28, 10))(flashlight.randn(5, 3, 20))
        assert (shapes(y), shapes(h)) == ((5, 3, 10), (5, 28))


LAYERS = [
    "CfC",
    "CfCCell",
    "WiredCfCCell",
    "LTC",
    "LTCCell",
    "NCP",
    "AutoNCP",
    "Dense",
    "LeCunTanh",
    "LQNet",
    "CTRQNet",
    "StrideAware",
    "StrideAwareCell",
    "StrideAwareCfC",
    "StrideAwareWiredCfCCell",
]
MAPS = ["NeuronMap", "FullyConnectedMap", "RandomMap", "NCPMap", "AutoNCPMap", "EnhancedNeuronMap", "EnhancedNCPMap"]


@pytest.mark.parametrize("name", [*LAYERS, *MAPS])
def test_nn_offers_the_names_torch_has_not(name):
    assert getattr(nn, name) is getattr(liquid, name)
    assert getattr(nn.modules, name) is getattr(liquid, name)
    if name in MAPS:
        assert getattr(importlib.import_module("flashlight.nn.modules.wiring"), name) is getattr(liquid, name)
    elif name not in ("NCP", "AutoNCP", "Dense", "LeCunTanh"):
        assert getattr(nn.modules.rnn, name) is getattr(liquid, name) is getattr(liquid.rnn, name)


def test_modules_and_wirings_do_not_share_a_namespace():
    assert not issubclass(liquid.AutoNCP, liquid.NeuronMap) and issubclass(nn.AutoNCP, nn.Module)
    assert issubclass(liquid.ncps.wirings.AutoNCP, liquid.NeuronMap)
    assert nn.modules.rnn.LSTM is nn.LSTM is not liquid.rnn.LSTM


def test_liquid_layers_are_imported_when_they_are_asked_for():
    program = (
        "import sys, flashlight; from flashlight import nn; assert 'flashlight.liquid' not in sys.modules; "
        "nn.CfC; assert 'flashlight.liquid' in sys.modules; hasattr(nn, 'CfD') and sys.exit(1)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_torch_liquid_is_not_a_module(tmp_path):
    script = tmp_path / "program.py"
    script.write_text("import torch\nfrom flashlight.liquid import CfC\nimport torch.liquid\n")
    done = subprocess.run([sys.executable, "-m", "flashlight", "run", str(script)], capture_output=True, text=True)
    assert done.returncode == 1 and "flashlight has no module 'torch.liquid'" in done.stderr


def test_the_page_of_the_documentation(tmp_path, monkeypatch):
    pytest.importorskip("networkx")
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(tmp_path)
    page = (FOLDER.parent.parent / "docs" / "liquid.md").read_text(encoding="utf-8")
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        if "torch.load(" not in block:  # a file the reader has
            exec(compile(block, "docs/liquid.md", "exec"), names)
    assert shapes(names["y"]) == (16, 50, 4) and (tmp_path / "wiring.json").exists()

"""Numbers recorded from ncps in float64, so that they can be checked where ncps is not installed."""

import numpy as np
import pytest

import flashlight
from flashlight.liquid import LTC, CfC
from flashlight.liquid.ncps.wirings import AutoNCP

BACKBONE = {"backbone_units": 5, "backbone_layers": 2}


def plain(**options):
    return CfC(3, 4, **options)


# layer, whether sequences have timespans of their own, first outputs of the last step, sums of the final states
GOLDEN = {
    "CfC": (
        lambda: plain(**BACKBONE), False,
        [[-0.225356966084, -0.126200751648, 0.050215987998, 0.062174117278],
         [-0.228348508027, -0.127197243872, 0.047721210103, 0.057013027744]], [-0.489979126509]),
    "CfC no_gate": (
        lambda: plain(mode="no_gate", **BACKBONE), False,
        [[-0.457976639165, -0.320419996996, -0.009767910115, 0.099279541566],
         [-0.460793088229, -0.322226011144, -0.013027328214, 0.092740654807]], [-1.392190777491]),
    "CfC pure": (
        lambda: plain(mode="pure", **BACKBONE), False,
        [[0, 0.328951398219, 0.144985680078, -0.213170984490],
         [0, 0.330438894392, 0.146552522951, -0.214914711409]], [0.522842799742]),
    "CfC mixed": (
        lambda: plain(backbone_layers=0, mixed_memory=True), False,
        [[-0.444192981957, 0.021610268390, -0.156842816284, 0.106692383214],
         [-0.405552500129, -0.064486004229, -0.055554257590, 0.058000415350]], [-0.940325493235, 0.223597798856]),
    "CfC timespans": (
        lambda: plain(backbone_layers=0), True,
        [[0.352845113028, -0.200750980342, 0.096559169945, -0.290800558589],
         [0.092903228045, -0.129274979506, -0.012607454278, -0.246517416435]], [-0.337643878131]),
    "CfC wired": (
        lambda: CfC(3, AutoNCP(8, 2)), False,
        [[-0.211879095310, -0.122407056945], [-0.211252834538, -0.122509508254]], [-1.356013218009]),
    "CfC wired no_gate": (
        lambda: CfC(3, AutoNCP(8, 2), mode="no_gate"), False,
        [[-0.384915670159, -0.354272046984], [-0.383231309026, -0.353675070764]], [-1.565402281212]),
    "CfC wired pure": (
        lambda: CfC(3, AutoNCP(8, 2), mode="pure"), False,
        [[0.253477398067, 0.045483011410], [0.253468318607, 0.045484104453]], [-0.021262143347]),
    "LTC": (
        lambda: LTC(3, AutoNCP(8, 2)), False,
        [[-0.281397007217, -0.085780923054], [-0.281396892965, -0.085781156244]], [-3.157380725584]),
    "LTC timespans": (
        lambda: LTC(3, AutoNCP(8, 2)), True,
        [[-0.282616301709, -0.054459759380], [-0.281370224617, -0.087847051858]], [-2.750407458684]),
    "LTC mixed": (
        lambda: LTC(3, AutoNCP(8, 2), mixed_memory=True), False,
        [[0.306056704283, 0.087912663431], [0.304945083000, 0.088483695147]], [-2.880368350008, 1.344948002881]),
}  # fmt: skip


def fill(layer):
    """Parameters in the order of their names: element k of the q-th is 0.3 sin(1.3 k + q)."""
    state = layer.state_dict()
    names = [name for name in sorted(state) if not name.endswith(("sparsity_mask", "erev"))]
    for q, name in enumerate(names):
        values = 0.3 * np.sin(1.3 * np.arange(state[name].numel()) + q)
        state[name] = flashlight.from_numpy(values.reshape(tuple(state[name].shape)))
    layer.load_state_dict(state)


@pytest.mark.parametrize("name", list(GOLDEN))
def test_recorded_outputs(name):
    make, timed, outputs, sums = GOLDEN[name]
    layer = make().to(flashlight.float64).eval()
    fill(layer)
    b, t, i = np.ogrid[:2, :3, :3]
    x = flashlight.from_numpy(np.sin(0.5 * b + 0.9 * t + 1.7 * i))
    spans = flashlight.tensor([[0.25] * 3, [2.0] * 3], dtype=flashlight.float64) if timed else None
    for recorded in (True, False):  # with a gradient to come, and without
        with flashlight.set_grad_enabled(recorded):
            y, state = layer(x, timespans=spans)
        np.testing.assert_allclose(y[:, -1, :4].detach().numpy(), outputs, atol=2e-12, rtol=0)
        state = state if isinstance(state, tuple) else (state,)
        np.testing.assert_allclose([s.sum().item() for s in state], sums, atol=5e-12, rtol=0)

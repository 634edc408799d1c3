"""Neuron maps: recorded synapses, random circuit policies of ncps, files, places, and maps of one's own."""

import json
import random

import numpy as np
import pytest

import flashlight
from flashlight import liquid
from flashlight.liquid.ncps import wirings as W

SUMS = [
    (lambda: W.AutoNCP(28, 10), 8, (70, 40, 8, 0)),
    (lambda: W.AutoNCP(16, 4), 8, (28, 32, 6, 4)),
    (lambda: liquid.AutoNCPMap(64, 10, 0.5, 42), 16, (454, 256, -22, 2)),
    (lambda: W.NCP(10, 10, 8, 6, 6, 4, 6), 8, (112, 48, 14, 8)),
    (lambda: W.FullyConnected(8), 3, (64, 24, 36, 12)),
    (lambda: W.Random(8, sparsity_level=0.5), 3, (32, 12, 16, 0)),
]


@pytest.mark.parametrize("make, inputs, sums", SUMS)
def test_numbers_of_synapses(make, inputs, sums):
    m = make()
    m.build(inputs)
    a, s = m.adjacency_matrix, m.sensory_adjacency_matrix
    assert (a.dtype, s.dtype) == (np.int32, np.int32)
    assert (m.synapse_count, m.sensory_synapse_count, a.sum(), s.sum()) == sums


def test_a_small_policy_synapse_by_synapse():
    m = W.AutoNCP(8, 2)
    m.build(3)
    found = {(int(i), int(j)): int(m.adjacency_matrix[i, j]) for i, j in zip(*np.nonzero(m.adjacency_matrix))}
    inputs = m.sensory_adjacency_matrix
    assert found == {(2, 0): 1, (2, 1): -1, (3, 0): -1, (3, 2): 1, (4, 3): -1, (5, 2): -1, (6, 2): -1, (7, 2): -1}
    assert {(int(i), int(j)): int(inputs[i, j]) for i, j in zip(*np.nonzero(inputs))} == {
        (0, 4): -1, (0, 7): -1, (1, 5): 1, (1, 6): 1, (2, 5): -1, (2, 6): -1,
    }  # fmt: skip
    assert m.get_neuron_groups() == {"motor": [0, 1], "command": [2, 3], "inter": [4, 5, 6, 7]}
    assert [m.get_neurons_of_layer(i) for i in range(3)] == [[4, 5, 6, 7], [2, 3], [0, 1]]
    np.testing.assert_array_equal(m.erev_initializer(), m.adjacency_matrix)
    np.testing.assert_array_equal(m.get_recurrent_mask(), np.abs(m.adjacency_matrix))
    np.testing.assert_array_equal(m.get_sensory_mask(), np.abs(inputs))
    np.testing.assert_array_equal(m.get_input_mask(), [1, 1, 1])
    np.testing.assert_array_equal(m.get_output_mask(), [1, 1] + [0] * 6)
    with pytest.raises(ValueError, match="layer 3"):
        m.get_neurons_of_layer(3)


@pytest.mark.parametrize("seed", range(12))
def test_circuit_policies_of_ncps(seed):
    theirs = pytest.importorskip("ncps.wirings")
    draw = random.Random(seed)
    inter, command, motor = draw.randrange(1, 25), draw.randrange(1, 12), draw.randrange(1, 12)
    fans = draw.randint(1, inter), draw.randint(1, command), draw.randrange(1, 20), draw.randint(1, command)
    arguments = (inter, command, motor, *fans, draw.randrange(1 << 31))
    a, b, inputs = W.NCP(*arguments), theirs.NCP(*arguments), draw.randrange(1, 20)
    a.build(inputs)
    b.build(inputs)
    np.testing.assert_array_equal(a.adjacency_matrix, b.adjacency_matrix)
    np.testing.assert_array_equal(a.sensory_adjacency_matrix, b.sensory_adjacency_matrix)
    for i in range(a.units):
        assert a.get_type_of_neuron(i) == b.get_type_of_neuron(i)


def test_fans_follow_from_the_sparsity():
    m = liquid.NCPMap(10, 6, 4, sparsity_level=0.3, seed=1)
    fans = m.sensory_fanout, m.inter_fanout, m.recurrent_command_synapses, m.motor_fanin
    assert fans == (7, 4, 8, 4)
    own = liquid.NCPMap(10, 6, 4, 5, sensory_to_inter_sparsity=0.9, inter_to_inter_sparsity=0.0, inter_to_motor_sparsity=0.5,
                        motor_to_inter_sparsity=0.1, seed=1)  # fmt: skip
    assert (own.sensory_fanout, own.inter_fanout, own.motor_fanin) == (1, 6, 3)
    assert liquid.NeuronMap.from_config(own.get_config()).sparsities == own.sparsities
    assert (own.units, own.output_dim, own.input_dim) == (20, 4, 5) and not m.is_built()


def test_seeds_come_from_the_generator():
    def drawn(seed):
        flashlight.manual_seed(seed)
        return liquid.RandomMap(9, input_dim=4).adjacency_matrix

    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert not np.array_equal(drawn(3), drawn(4))
    np.testing.assert_array_equal(
        W.Random(9, sparsity_level=0.5).adjacency_matrix, W.Random(9, None, 0.5).adjacency_matrix
    )


def test_thinning_leaves_the_other_synapses_as_they_are():
    full, thin = (liquid.FullyConnectedMap(20, input_dim=8, sparsity_level=s, seed=6) for s in (0.0, 0.4))
    for name in ("adjacency_matrix", "sensory_adjacency_matrix"):
        a, b = getattr(full, name), getattr(thin, name)
        np.testing.assert_array_equal(b[b != 0], a[b != 0])
        assert 0.4 < np.count_nonzero(b) / b.size < 0.8


class Ring(liquid.NeuronMap):
    """Each neuron to the next one, each input to one neuron."""

    def build_adjacency_matrix(self):
        for i in range(self.units):
            self.add_synapse(i, (i + 1) % self.units, 1)

    def build_sensory_adjacency_matrix(self):
        for i in range(self.input_dim):
            self.add_sensory_synapse(i, i % self.units, -1)


def test_a_map_of_ones_own(tmp_path):
    layer = liquid.LTC(neuron_map=Ring(5, 2, seed=0))
    assert layer(flashlight.randn(2, 3, 4)).shape == (2, 3, 2)
    m = layer.neuron_map
    assert (m.synapse_count, m.sensory_synapse_count) == (5, 4)
    m.add_synapse(0, 1, -1)
    m.save(tmp_path / "ring.json")
    again = liquid.NeuronMap.load(tmp_path / "ring.json")
    assert type(again) is Ring and again.adjacency_matrix[0, 1] == -1
    content = json.loads((tmp_path / "ring.json").read_text())
    assert content["input_dim"] == 4 and content["config"]["class_name"] == "Ring"
    assert Ring.from_config({"units": 3, "seed": 1}).units == 3


def test_a_file_says_what_the_synapses_are_whatever_the_seed_gives(tmp_path):
    m = W.AutoNCP(12, 3, seed=5)
    m.build(4)
    m.save(tmp_path / "map.json")
    content = json.loads((tmp_path / "map.json").read_text())
    content["adjacency"] = np.zeros((12, 12), int).tolist()
    (tmp_path / "map.json").write_text(json.dumps(content))
    assert liquid.NeuronMap.load(tmp_path / "map.json").synapse_count == 0


def test_places_and_distances():
    m = liquid.EnhancedNeuronMap(6, 2, 3, network_structure=(2, 3), seed=1, sparsity_level=0.2)
    np.testing.assert_array_equal(m.coordinates, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])
    for metric, far in (("euclidean", 5**0.5), ("manhattan", 3), ("chebyshev", 2)):
        d = liquid.EnhancedNeuronMap(
            6, network_structure=(2, 3), distance_metric=metric, distance_power=2.0
        ).distance_matrix
        np.testing.assert_allclose(d[0, 5], far**2, rtol=1e-6)
        np.testing.assert_array_equal(d, d.T)
    g = m.get_spatial_properties()["communicability_matrix"]
    np.testing.assert_allclose(g, g.T, atol=1e-6)
    assert (np.linalg.eigvalsh(g) > 0).all() and isinstance(m, liquid.NeuronMap)
    unbuilt = liquid.EnhancedNeuronMap(6, network_structure=(2, 3))
    assert (unbuilt.get_spatial_properties()["communicability_matrix"] == 1).all()
    given = liquid.EnhancedNeuronMap(3, coordinates_list=[[0, 1, 5], [0, 0, 0]])
    assert given.distance_matrix[0, 2] == 5
    for options in ({"coordinates_list": [[0, 1]]}, {"network_structure": (1, 2)}):
        with pytest.raises(ValueError):
            liquid.EnhancedNeuronMap(3, **options)


def test_near_neurons_are_connected_more_often():
    m = liquid.EnhancedNeuronMap(100, 2, 3, network_structure=(10, 10), sparsity_level=0.1, seed=2)
    near = m.distance_matrix <= np.median(m.distance_matrix)
    connected = m.adjacency_matrix != 0
    assert connected[near].mean() > 1.5 * connected[~near].mean()


def test_neurons_from_a_map():
    for kind, cell in (("cfc", liquid.CfCCell), ("ltc", liquid.LTCCell)):
        m = liquid.EnhancedNeuronMap(6, network_structure=(2, 3), neuron_type=kind)
        made = m.get_neuron_factory()(4, 3)
        assert isinstance(made, cell) and made.state_size == 3
        assert m.get_dynamic_properties() == {"neuron_type": kind, "neuron_params": {}}
    with pytest.raises(ValueError, match="neuron_type"):
        liquid.EnhancedNeuronMap(6, network_structure=(2, 3), neuron_type="lif").get_neuron_factory()


@pytest.mark.parametrize("layer", [liquid.CfC, liquid.LTC, liquid.LQNet, liquid.NCP])
def test_layers_run_on_maps_with_places(layer):
    x = flashlight.randn(2, 3, 4)
    for m in (
        liquid.EnhancedNCPMap(6, 4, 2, 4, seed=3),
        liquid.EnhancedNeuronMap(9, 2, 4, network_structure=(3, 3), seed=3),
    ):
        y = layer(neuron_map=m)(x)
        assert y.isfinite().all() and y.shape[0] == 2


def test_more_refusals():
    for make in (
        lambda: liquid.NeuronMap(0),
        lambda: liquid.NeuronMap(3, 4),
        lambda: liquid.NeuronMap(3, input_dim=-1),
        lambda: liquid.NCPMap(10, 5, 5, sensory_fanout=11),
        lambda: liquid.NCPMap(10, 5, 5, inter_fanout=6),
        lambda: liquid.NCPMap(10, 5, 5, output_dim=4),
        lambda: liquid.NCPMap(0, 5, 5),
        lambda: liquid.AutoNCPMap(10, 2, 1.01),
        lambda: liquid.FullyConnectedMap(5, sparsity_level=1.0),
        lambda: W.AutoNCP(10, 2).sensory_synapse_count,
    ):
        with pytest.raises(ValueError):
            make()
    with pytest.raises(TypeError):
        liquid.EnhancedNCPMap(6, 4, 2, sparsity_of_nothing=0.2)

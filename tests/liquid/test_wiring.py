"""Neuron maps against the wirings of ncps, fingerprints, files and refusals."""

import hashlib
import random

import numpy as np
import pytest

from flashlight.liquid.ncps import wirings as W
from flashlight.liquid.wiring import EnhancedNCPMap, EnhancedNeuronMap, FullyConnectedMap, NCPMap, NeuronMap, RandomMap

FINGERPRINTS = [
    (lambda: W.AutoNCP(28, 10), 8, "b6715ab9b4e992b1"),
    (lambda: W.AutoNCP(16, 4), 8, "55e54b0806d1d8f5"),
    (lambda: W.AutoNCP(64, 10, 0.5, 42), 16, "482a4bd40275ed4f"),
    (lambda: W.NCP(10, 10, 8, 6, 6, 4, 6), 8, "17b3fe3e24689926"),
    (lambda: W.FullyConnected(8), 3, "2f50d9bc9e197665"),
    (lambda: W.Random(8, sparsity_level=0.5), 3, "a06acafec91ac5d2"),
]


@pytest.mark.parametrize("make, inputs, expected", FINGERPRINTS)
def test_fingerprints(make, inputs, expected):
    m = make()
    m.build(inputs)
    content = m.adjacency_matrix.astype(np.int8).tobytes() + m.sensory_adjacency_matrix.astype(np.int8).tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == expected


def test_the_wirings_of_ncps():
    theirs = pytest.importorskip("ncps.wirings")
    r = random.Random(7)
    for _ in range(12):
        seed, n, inputs, sparsity = r.randrange(1 << 31), r.randrange(6, 40), r.randrange(1, 12), r.uniform(0.1, 0.9)
        outputs = r.randrange(1, n - 3)
        for name, args in (
            ("AutoNCP", (n, outputs, sparsity, seed)),
            ("FullyConnected", (n, outputs, seed, False)),
            ("Random", (n, outputs, sparsity, seed)),
        ):
            a, b = getattr(W, name)(*args), getattr(theirs, name)(*args)
            a.build(inputs)
            b.build(inputs)
            assert np.array_equal(a.adjacency_matrix, b.adjacency_matrix)
            assert np.array_equal(a.sensory_adjacency_matrix, b.sensory_adjacency_matrix)


@pytest.mark.parametrize(
    "make",
    [
        lambda: NCPMap(10, 5, 5, sensory_neurons=8),
        lambda: EnhancedNCPMap(10, 6, 4, 8),
        lambda: EnhancedNeuronMap(9, 3, 4),
        lambda: RandomMap(9, 5, 4),
        lambda: FullyConnectedMap(6, 2, 3, sparsity_level=0.3),
        lambda: NeuronMap(4, 2, 3),
    ],
)
def test_files_bring_back_the_synapses(make, tmp_path):
    m = make()
    m.save(tmp_path / "map.json")
    again = NeuronMap.load(tmp_path / "map.json")
    assert type(again) is type(m)
    assert again.get_config() == m.get_config()
    assert np.array_equal(again.adjacency_matrix, m.adjacency_matrix)
    assert np.array_equal(again.sensory_adjacency_matrix, m.sensory_adjacency_matrix)


def test_building_twice_changes_nothing():
    m = W.AutoNCP(12, 3, seed=5)
    m.build(4)
    before = m.adjacency_matrix.copy()
    m.build(4)
    assert np.array_equal(m.adjacency_matrix, before)
    with pytest.raises(ValueError, match="built for 4 inputs"):
        m.build(5)


def test_counts_of_the_random_map():
    m = RandomMap(units=10, output_size=5, input_size=8, sparsity_level=0.5, seed=42)
    assert (m.synapse_count, m.sensory_synapse_count) == (50, 40)


def test_every_neuron_of_an_enhanced_ncp_is_reached():
    m = EnhancedNCPMap(10, 6, 4, 3, sparsity_level=0.95, seed=1)
    reached = np.abs(m.adjacency_matrix).sum(0) + np.abs(m.sensory_adjacency_matrix).sum(0)
    assert (reached > 0).all()


def test_refusals():
    for make in (
        lambda: NCPMap(10, 5, 5, motor_fanin=6),
        lambda: NCPMap(10, 5, 5, units=19),
        lambda: W.AutoNCP(10, 8),
        lambda: W.AutoNCP(10, 2, 0.05),
        lambda: RandomMap(5, sparsity_level=1.0),
        lambda: EnhancedNeuronMap(9, distance_metric="cosine"),
        lambda: NeuronMap(3).add_sensory_synapse(0, 0, 1),
        lambda: NeuronMap(3).add_synapse(0, 5, 1),
        lambda: NeuronMap(3).add_synapse(0, 1, 2),
        lambda: NeuronMap(3).draw_graph(),
        lambda: NeuronMap.from_config({"class_name": "Nobody"}),
    ):
        with pytest.raises(ValueError):
            make()
    with pytest.raises(TypeError):
        NeuronMap(3, output_dim=2, output_size=1)

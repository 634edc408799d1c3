"""Neuron maps as graphs and pictures: what networkx and matplotlib are given."""

import numpy as np
import pytest

from flashlight.liquid import AutoNCPMap, EnhancedNCPMap, FullyConnectedMap, NeuronMap

networkx = pytest.importorskip("networkx")
matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")
colors = pytest.importorskip("matplotlib.colors")

LAYOUTS = ["kamada", "circular", "random", "shell", "spring", "spectral", "spiral"]


@pytest.fixture
def axes():
    figure, axes = pyplot.subplots()
    yield axes
    pyplot.close(figure)


@pytest.fixture
def wiring():
    m = AutoNCPMap(16, 3, seed=4)
    m.build(5)
    return m


def test_the_graph_has_every_neuron_and_synapse(wiring):
    graph = wiring.get_graph()
    assert graph.number_of_nodes() == 16 + 5
    assert graph.number_of_edges() == wiring.synapse_count + wiring.sensory_synapse_count
    kinds = dict(graph.nodes(data="neuron_type"))
    assert kinds["neuron_0"] == "motor" and kinds["sensory_4"] == "sensory"
    assert sorted(set(kinds.values())) == ["command", "inter", "motor", "sensory"]
    for i, j in zip(*np.nonzero(wiring.adjacency_matrix), strict=True):
        wanted = "excitatory" if wiring.adjacency_matrix[i, j] > 0 else "inhibitory"
        assert graph.edges[f"neuron_{i}", f"neuron_{j}"]["polarity"] == wanted
    for i, j in zip(*np.nonzero(wiring.sensory_adjacency_matrix), strict=True):
        assert graph.has_edge(f"sensory_{i}", f"neuron_{j}")
    assert wiring.get_graph(include_sensory_neurons=False).number_of_nodes() == 16


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_draws_every_neuron(wiring, layout, axes):
    patches = wiring.draw_graph(layout=layout)
    assert len(axes.collections[0].get_offsets()) == 21
    assert len(axes.patches) == wiring.synapse_count + wiring.sensory_synapse_count
    assert [p.get_label() for p in patches] == [f"{k} neurons" for k in ("Inter", "Motor", "Sensory", "Command")]


def _same(color, name: str) -> bool:
    return np.allclose(colors.to_rgba(color), colors.to_rgba(name))


def test_colors_and_labels(wiring, axes):
    wiring.draw_graph(neuron_colors={"motor": "black"}, synapse_colors={"inhibitory": "tab:purple"}, draw_labels=True)
    neurons, graph = axes.collections[0].get_facecolors(), wiring.get_graph()
    for color, (_, kind) in zip(neurons, graph.nodes(data="neuron_type"), strict=True):
        wanted = {"motor": "black", "command": "tab:cyan", "inter": "tab:blue", "sensory": "tab:olive"}[kind]
        assert _same(color, wanted)
    drawn = [p.get_edgecolor() for p in axes.patches]
    inhibitory = sum(kind == "inhibitory" for *_, kind in graph.edges(data="polarity"))
    assert sum(_same(c, "tab:purple") for c in drawn) == inhibitory
    assert sum(_same(c, "tab:green") for c in drawn) == len(drawn) - inhibitory
    assert {t.get_text() for t in axes.texts} == set(graph.nodes)


def test_one_color_for_all_synapses(wiring, axes):
    wiring.draw_graph(synapse_colors="tab:gray")
    assert all(_same(p.get_edgecolor(), "tab:gray") for p in axes.patches)


def test_maps_without_layers_and_with_places(axes):
    assert [p.get_label() for p in FullyConnectedMap(4, 2, 3, seed=1).draw_graph()] == [
        "Inter neurons",
        "Motor neurons",
        "Sensory neurons",
    ]
    assert len(EnhancedNCPMap(6, 4, 2, 3, seed=1).draw_graph(layout="spring")) == 4


def test_refusals(wiring):
    with pytest.raises(ValueError, match="unknown layout 'grid'"):
        wiring.draw_graph(layout="grid")
    for ask in (NeuronMap(3).get_graph, NeuronMap(3).draw_graph):
        with pytest.raises(ValueError, match="not built"):
            ask()

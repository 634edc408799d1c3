"""Neuron maps as networkx graphs and as pictures; both libraries are the ``viz`` extra."""

from __future__ import annotations

import numpy as np

_LAYOUTS = {
    "kamada": "kamada_kawai_layout",
    "circular": "circular_layout",
    "random": "random_layout",
    "shell": "shell_layout",
    "spring": "spring_layout",
    "spectral": "spectral_layout",
    "spiral": "spiral_layout",
}
_NEURON_COLORS = {"inter": "tab:blue", "motor": "tab:orange", "sensory": "tab:olive", "command": "tab:cyan"}
_SYNAPSE_COLORS = {"excitatory": "tab:green", "inhibitory": "tab:red"}


def _edges(matrix: np.ndarray, source: str):
    for src, dest in zip(*np.nonzero(matrix), strict=True):
        polarity = "excitatory" if matrix[src, dest] > 0 else "inhibitory"
        yield f"{source}_{src}", f"neuron_{dest}", {"polarity": polarity}


def graph_of(neuron_map, include_sensory: bool):
    """A networkx DiGraph with the attributes ``neuron_type`` and ``polarity``."""
    import networkx

    graph = networkx.DiGraph()
    for i in range(neuron_map.units):
        graph.add_node(f"neuron_{i}", neuron_type=neuron_map.get_type_of_neuron(i))
    if include_sensory:
        graph.add_nodes_from((f"sensory_{i}" for i in range(neuron_map.input_dim)), neuron_type="sensory")
        graph.add_edges_from(_edges(neuron_map.sensory_adjacency_matrix, "sensory"))
    graph.add_edges_from(_edges(neuron_map.adjacency_matrix, "neuron"))
    return graph


def _positions(graph, layout: str):
    import networkx

    if layout == "shell":
        shells: dict[str, list[str]] = {}
        for name, kind in graph.nodes(data="neuron_type"):
            shells.setdefault(kind, []).append(name)
        order = [shells[kind] for kind in ("motor", "command", "inter", "sensory") if kind in shells]
        return networkx.shell_layout(graph, order)
    return getattr(networkx, _LAYOUTS[layout])(graph)


def draw(neuron_map, layout, neuron_colors, synapse_colors, draw_labels: bool) -> list:
    """Draw into matplotlib's current axes. Raises: ValueError for an unknown layout."""
    if layout not in _LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}; use one of {sorted(_LAYOUTS)}")
    import matplotlib.patches
    import networkx

    if isinstance(synapse_colors, str):
        synapse_colors = dict.fromkeys(_SYNAPSE_COLORS, synapse_colors)
    synapse_colors = {**_SYNAPSE_COLORS, **(synapse_colors or {})}
    neuron_colors = {**_NEURON_COLORS, **(neuron_colors or {})}
    graph = graph_of(neuron_map, True)
    positions = _positions(graph, layout)
    kinds = dict(graph.nodes(data="neuron_type"))
    networkx.draw_networkx_nodes(graph, positions, node_color=[neuron_colors[kinds[n]] for n in graph.nodes])
    if draw_labels:
        networkx.draw_networkx_labels(graph, positions)
    edges = list(graph.edges(data="polarity"))
    networkx.draw_networkx_edges(
        graph, positions, edgelist=[e[:2] for e in edges], edge_color=[synapse_colors[e[2]] for e in edges]
    )
    present = [kind for kind in neuron_colors if kind in kinds.values()]
    return [matplotlib.patches.Patch(color=neuron_colors[k], label=f"{k.capitalize()} neurons") for k in present]

"""Draws the wiring of docs/liquid.md: AutoNCP(19, 3) with 4 inputs.

    python tools/draw_wiring.py

Needs the ``viz`` extra.
"""

import pathlib

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams["svg.hashsalt"] = "wiring"  # the same wiring gives the same file

from matplotlib import pyplot  # noqa: E402 - the backend is chosen first

from flashlight.liquid.ncps.wirings import AutoNCP  # noqa: E402

PICTURE = pathlib.Path(__file__).parent.parent / "docs" / "pictures" / "ncp_wiring.svg"


def main():
    wiring = AutoNCP(19, 3)
    wiring.build(4)
    figure, axes = pyplot.subplots(figsize=(6.4, 5.2), layout="constrained")
    patches = wiring.draw_graph(layout="shell")
    for synapse in axes.patches:
        synapse.set_alpha(0.55)
    axes.set_axis_off()
    axes.set_aspect("equal")
    figure.legend(handles=patches, loc="outside lower center", ncols=2, frameon=False)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None})
    print(f"wrote {PICTURE}: {wiring.synapse_count} synapses, {wiring.sensory_synapse_count} from the inputs")


if __name__ == "__main__":
    main()

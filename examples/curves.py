"""Training curves as a CSV file, and as a picture where matplotlib is installed."""

import csv
import pathlib


def save(folder, name, curves, labels):
    """Write ``name.csv`` and ``name.svg``: ``curves`` gives each model's list of (x, y), ``labels`` names both axes."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["model", *labels])
        rows.writerows([model, x, f"{y:.6f}"] for model, curve in curves.items() for x, y in curve)
    print(f"wrote {folder / name}.csv")
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed (pip install 'flashlight-mlx[viz]')")
        return
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    matplotlib.rcParams["svg.hashsalt"] = name  # the same curves give the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
    for model, curve in curves.items():
        axes.plot(*zip(*curve), label=model)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    pyplot.close(figure)
    print(f"wrote {folder / name}.svg")

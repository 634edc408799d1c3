"""Pictures for a terminal, and a PNG where matplotlib is installed: loss curves and digits."""

import importlib.util
import sys
from pathlib import Path

import numpy as np


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def text_digits(images: np.ndarray, captions: list[str]) -> str:
    """Images of 0..16 (N, 8, 8) side by side in shades of grey, a caption under each."""
    shades = " ░▒▓█" if _can_print("░▒▓█") else " .:*#"
    cells = np.array([shade * 2 for shade in shades])[
        np.minimum(images.astype(int) * len(shades) // 17, len(shades) - 1)
    ]
    rows = ["   ".join("".join(cell) for cell in cells[:, row]) for row in range(cells.shape[1])]
    return "\n".join([*rows, "   ".join(caption.center(16) for caption in captions)])


def text_plot(first: np.ndarray, second: np.ndarray, names: tuple[str, str], width: int = 66, height: int = 14) -> str:
    """Two loss curves on one logarithmic grid: ``o`` the first, ``+`` the second, ``*`` where they fall together."""
    columns = np.linspace(0, len(first) - 1, width).round().astype(int)
    low = np.log10(max(min(first.min(), second.min()), 1e-8))
    high = max(np.log10(max(first.max(), second.max())), low + 1e-6)
    grid = np.full((height, width), " ")
    for values, mark in ((first, "o"), (second, "+")):
        level = (high - np.log10(np.maximum(values[columns], 1e-8))) / (high - low)
        rows = np.clip((level * (height - 1)).round().astype(int), 0, height - 1)
        places = (rows, np.arange(width))
        grid[places] = np.where(grid[places] == "o", "*", mark)
    ticks = 10 ** np.linspace(high, low, height)
    lines = [f"{tick:8.3f} |{''.join(row).rstrip()}" for tick, row in zip(ticks, grid)]
    axis = " " * 9 + "+" + "-" * width
    numbers = " " * 10 + "step 1" + f"step {len(first)}".rjust(width - 6)
    key = " " * 10 + f"o {names[0]}   + {names[1]}   * both"
    return "\n".join([*lines, axis, numbers, key])


def png_plot(path: Path, first: np.ndarray, second: np.ndarray, names: tuple[str, str]) -> bool:
    """Draw both curves and their difference into ``path``; False where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # optional: only this picture needs it
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    steps = np.arange(1, len(first) + 1)
    above.semilogy(steps, first, color="tab:orange", linewidth=4, alpha=0.5, label=names[0])
    above.semilogy(steps, second, color="tab:blue", linewidth=1, label=names[1])
    above.set_ylabel("training loss")
    above.legend()
    below.semilogy(steps, np.maximum(np.abs(first - second), 1e-9), color="tab:gray", linewidth=1)
    below.set_ylabel("difference")
    below.set_xlabel("step")
    figure.savefig(path, dpi=120)
    return True

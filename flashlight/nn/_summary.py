"""A table of a module's layers, their outputs and parameters."""

from __future__ import annotations

from .._core.modes import no_grad
from .._core.tensor import Tensor
from .modules.module import Module


class Summary:
    """What ``summary`` found: ``rows`` (name, class, output shape or None, parameters), and totals. Printing shows the table."""

    def __init__(self, rows: list, total: int, trainable: int, nbytes: int):
        self.rows, self.total_params, self.trainable_params, self.nbytes = rows, total, trainable, nbytes

    def __repr__(self) -> str:
        shown = any(shape is not None for _, _, shape, _ in self.rows)
        cells = [["Layer", "Type", *(["Output shape"] if shown else []), "Parameters"]]
        for name, kind, shape, count in self.rows:
            cells.append([name, kind, *([_text(shape)] if shown else []), f"{count:,}"])
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
        rule = "-" * max(map(len, lines))
        totals = (
            f"Parameters: {self.total_params:,} ({self.trainable_params:,} trainable), {self.nbytes / 2**20:.2f} MiB"
        )
        return "\n".join([lines[0], rule, *lines[1:], rule, totals])


def _text(shape) -> str:
    return "-" if shape is None else str(shape)


def _shape(output):
    if isinstance(output, Tensor):
        return tuple(output.shape)
    if isinstance(output, (tuple, list)):
        return [_shape(o) for o in output]
    return {k: _shape(v) for k, v in output.items()} if isinstance(output, dict) else None


def _shapes(model: Module, args, kwargs) -> dict:
    """The output shape of every module below ``model``, from one call in evaluation mode."""
    found: dict = {}
    modes = {module: module.training for module in model.modules()}
    hooks = [m.register_forward_hook(lambda module, _args, out: found.update({module: _shape(out)})) for m in modes]
    try:
        with no_grad():
            model.eval()(*args, **kwargs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    return found


def summary(model: Module, *args, **kwargs) -> Summary:
    """The layers of a module with their parameters; given the arguments of a call also with the shapes of their outputs.

    Parameters shared by several layers are counted once in the totals.
    """
    shapes = _shapes(model, args, kwargs) if args or kwargs else {}
    rows = []
    for name, module in model.named_modules():
        own = sum(p.numel() for p in module.parameters(recurse=False))
        rows.append((name or "(model)", type(module).__name__, shapes.get(module), own))
    params = list(model.parameters())
    trainable = sum(p.numel() for p in params if p.requires_grad)
    return Summary(rows, sum(p.numel() for p in params), trainable, sum(p.nbytes for p in params))


Module.summary = summary

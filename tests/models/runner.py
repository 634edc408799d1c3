"""Runs cases of the table under the library ``import torch`` gives, and writes what was seen: ``runner.py FOLDER CASE ...``.

Under PyTorch it leaves initial weights and inputs too, which the run under flashlight starts from.
"""

import copy
import importlib
import os
import pickle
import sys
import traceback

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from table import CASES

OURS = "flashlight" in torch.__version__
STEPS = 5


def leaves(value) -> list:
    """The tensors of an output, in order: also of lists, mappings and records."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    return leaves(vars(value)) if hasattr(value, "__dict__") and not isinstance(value, torch.nn.Module) else []


def is_float(x) -> bool:
    return torch.is_tensor(x) and x.is_floating_point()


def array(tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()


def loss_of(outputs):
    """A scalar in which every element counts differently, by weights that are exact."""
    total = 0.0
    for leaf in outputs:
        if leaf.is_floating_point() and leaf.requires_grad:
            weight = ((torch.arange(leaf.numel()) % 7 - 2).to(leaf.dtype) / 4).reshape(leaf.shape)
            total = total + (leaf * weight + leaf * leaf * 0.125).mean()
    return total


def train_once(call, model, inputs, seen: dict, part: str) -> None:
    """Outputs and gradients in training mode."""
    model.train()
    torch.manual_seed(3)
    inputs = [x.clone().requires_grad_() if is_float(x) else x for x in inputs]
    outputs = leaves(call(model, *inputs))
    seen[f"{part} train"] = {str(i): array(leaf) for i, leaf in enumerate(outputs)}
    loss_of(outputs).backward()
    named = [*model.named_parameters(), *((f"input {i}", x) for i, x in enumerate(inputs) if is_float(x))]
    seen[f"{part} gradient"] = {name: None if p.grad is None else array(p.grad) for name, p in named}
    model.zero_grad()


def observe(case, stored: dict) -> dict:
    """Initial weights, outputs in both modes, gradients, losses of a few steps."""
    seen = {}
    torch.manual_seed(0)
    model = case.build(importlib.import_module(case.package), torch)
    seen["initial weights"] = {key: array(value) for key, value in model.state_dict().items()}
    if OURS:
        model.load_state_dict(stored["weights"], strict=True)
    else:
        stored["weights"], stored["inputs"] = copy.deepcopy(model.state_dict()), case.inputs(torch)
    inputs, call = stored["inputs"], case.forward or (lambda model, *inputs: model(*inputs))
    model.eval()
    torch.manual_seed(2)
    with torch.no_grad():
        seen["eval"] = {str(i): array(leaf) for i, leaf in enumerate(leaves(call(model, *inputs)))}
    train_once(call, model, inputs, seen, "float32")
    if case.double:
        model, inputs = model.double(), [x.double() if is_float(x) else x for x in inputs]
        train_once(call, model, inputs, seen, "float64")
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9), []
    for number in range(STEPS):
        torch.manual_seed(10 + number)
        optimizer.zero_grad()
        loss = loss_of(leaves(call(model, *inputs)))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    seen["losses"] = {"": np.array(losses)}
    return seen


def main(folder: str, names: list[str]) -> None:
    if not OURS:  # torchvision's compiled operators may not fit this PyTorch; its classifiers do not call them
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    for name in names:
        path, stored = os.path.join(folder, name), {}
        try:
            if OURS:
                stored = torch.load(f"{path}.start", weights_only=False)
            result = observe(CASES[name], stored)
            if not OURS:
                torch.save(stored, f"{path}.start")
        except Exception:
            result = traceback.format_exc()
        with open(f"{path}.{'flashlight' if OURS else 'torch'}", "wb") as file:
            pickle.dump(result, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

"""Every code block of three documents that describe this interface runs, with the package renamed."""

from __future__ import annotations

import ast
import pathlib
import re
import typing

import pytest

import flashlight
from flashlight import nn

FOLDER = pathlib.Path(__file__).parent / "seeds"


def blocks(name: str) -> list[str]:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    text = re.sub(r"\b(neurenix|genesis)\b", "flashlight", text)
    return re.findall(r"```python\n(.*?)```", text, re.S)


def examples(block: str) -> str:
    """The ``>>>`` lines of a block's docstrings, as a program."""
    lines = [line.strip() for line in block.splitlines()]
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))


def is_signature(block: str) -> bool:
    """Whether a block shows how something is called, ``flashlight.nn.X(a, b=1)``, and is no program."""
    return re.match(r"flashlight\.nn\.\w+(\(.*\))?\s*$", block.strip()) is not None


def run(program: str, names: dict, where: str) -> dict:
    exec(compile(program, where, "exec"), names)
    return names


NEURENIX = blocks("neurenix")


@pytest.mark.parametrize("i", [i for i, b in enumerate(NEURENIX) if is_signature(b)])
def test_signatures_exist(i):
    node = ast.parse(NEURENIX[i].strip(), mode="eval").body
    called = node if isinstance(node, ast.Attribute) else node.func
    assert isinstance(getattr(nn, called.attr), type)


@pytest.mark.parametrize("i", [i for i, b in enumerate(NEURENIX) if not is_signature(b)])
def test_neurenix(i):
    # one block trains on data the document leaves out
    names = {"input_data": flashlight.randn(16, 10), "target_data": flashlight.randn(16, 5)}
    found = run(NEURENIX[i], names, f"neurenix[{i}]")
    if "output" in found:
        assert found["output"].isfinite().all()


GENESIS = blocks("genesis")


def genesis_names() -> dict:
    model = nn.Linear(10, 5)
    model(flashlight.randn(2, 10)).sum().backward()
    names = {name: getattr(typing, name) for name in ("List", "Dict", "Tuple", "Optional", "Iterator")}
    return names | {"flashlight": flashlight, "nn": nn, "Tensor": flashlight.Tensor, "Module": nn.Module, "model": model,
                    "init_weights": nn.init_weights}  # fmt: skip


@pytest.mark.parametrize("i", range(len(GENESIS)))
def test_genesis(i, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(GENESIS[i], genesis_names(), f"genesis[{i}]")
    program = examples(GENESIS[i])
    found = run(program, genesis_names(), f"genesis[{i}] examples")
    assert found["flashlight"] is flashlight
    for shape, name in re.findall(r"(?m)^(output) = .*# Shape: (\(.*\))", program):
        assert tuple(found[shape].shape) == ast.literal_eval(name)


# what each block of the third document uses and does not make
FLASHLIGHT = {
    0: {"input_tensor": lambda: flashlight.randn(2, 784)},
    2: {"input": lambda: flashlight.randn(2, 784)},
    6: {"x1": lambda: flashlight.randn(3, 64), "x2": lambda: flashlight.randn(3, 32)},
    9: {"x": lambda: flashlight.randn(2, 784)},
    12: {"x": lambda: flashlight.randn(2, 5, 64)},
    13: {"query": lambda: flashlight.randn(2, 5, 512), "key": lambda: flashlight.randn(2, 5, 512),
         "value": lambda: flashlight.randn(2, 5, 512), "mask": lambda: flashlight.zeros(5, 5)},
    14: {"token_ids": lambda: flashlight.randint(0, 10000, (2, 7))},
    15: {"logits": lambda: flashlight.randn(4, 3), "targets": lambda: flashlight.randint(0, 3, (4,))},
    17: {"epoch": lambda: 3, "loss": lambda: flashlight.tensor(0.5)},
}  # fmt: skip
# the last block shows PyTorch's way, which needs CUDA, beside ours
MIGRATION = "# PyTorch\n"


def test_flashlight(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for i, block in enumerate(blocks("flashlight")):
        names.update({name: make() for name, make in FLASHLIGHT.get(i, {}).items()})
        if i == 17:
            names["optimizer"] = flashlight.optim.Adam(names["model"].parameters())
        if block.startswith(MIGRATION):
            block = block[block.index("# Flashlight") :]
        run(block, names, f"flashlight[{i}]")
    assert names["start_epoch"] == 3
    assert names["attn_output"].shape == (2, 5, 512)
    assert names["embedded"].shape == (2, 7, 256)
    assert names["output"].shape == (32, 10)


def test_devices():
    devices = flashlight.get_available_devices()
    assert flashlight.Device(flashlight.DeviceType.CPU) in devices
    assert devices[-1].type == flashlight.DeviceType.CPU
    assert devices[-1].type != flashlight.DeviceType.WEBGPU


def test_to_in_place():
    t = flashlight.ones(2, requires_grad=True)
    assert t.to("mps", inplace=True) is t
    assert str(t.device) == "mps:0"
    assert t.requires_grad
    assert t.to(flashlight.float64, inplace=True).dtype is flashlight.float64


def test_summary():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())
    table = model.summary(flashlight.randn(2, 4))
    assert (table.total_params, table.trainable_params) == (21, 21)
    assert ("0", "Linear", (2, 3), 15) in table.rows
    assert "Output shape" in str(table) and "Linear" in str(flashlight.summary(model))
    assert model.training and model[1].training
    assert model[1].running_mean.eq(0).all()

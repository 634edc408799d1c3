"""``flashlight demo``: loads what PyTorch saved, trains what was written for it, and compares both with PyTorch."""

import csv
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import mlx.core as mx
import numpy as np
from tqdm import tqdm

import flashlight
from flashlight._core import blas
from flashlight.cli.parser import FAILED, Parser, complain
from flashlight.demo import CHECKPOINT, DATA, SCRIPT, Recording, curves, recording
from flashlight.interop import torch_imports

_PROG = "flashlight demo"
_DESCRIPTION = """\
A one-minute tour on real handwritten digits, compared with what PyTorch recorded:
  1. load a checkpoint that PyTorch trained and saved, and compare every logit
  2. run an ordinary PyTorch training script, unmodified, and compare every loss
  3. save the result so that PyTorch can load it

Exit code 1 if a comparison is outside its limit."""
_EXAMPLES = """\
examples:
  flashlight demo
  flashlight demo --out /tmp/demo      write the results there
  flashlight demo --no-train           only load and compare the checkpoint
"""
_LOGIT_LIMIT, _LOSS_LIMIT = 1e-4, 1e-3
_STEP = re.compile(r"step (\d+)/(\d+)\s+loss (\S+)")


def main(argv: list[str]) -> int:
    """Run the demo; returns 0 when everything agrees with PyTorch."""
    parser = Parser(prog=_PROG, description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("flashlight-demo"), help="where results go")
    parser.add_argument("--no-train", action="store_true", help="skip the training (parts 2 and 3)")
    options = parser.parse_args(argv)
    recorded = recording()
    print(_machine())
    fine = _compare_checkpoint(recorded)
    if not options.no_train:
        try:
            options.out.mkdir(parents=True, exist_ok=True)
            losses = _train(recorded, options.out)
        except (OSError, _TrainingFailed) as error:
            return complain(_PROG, error)
        fine &= _compare_curves(recorded, losses, options.out)
        _explain_saved(options.out)
    if not fine:
        return complain(_PROG, "a comparison with PyTorch is outside its limit (marked FAILED above)", FAILED)
    return 0


class _TrainingFailed(Exception):
    """The training script did not end with exit code 0 or left no losses."""


def _machine() -> str:
    name = mx.device_info().get("device_name", "")
    where = "Metal GPU" if mx.default_device().type == mx.gpu else f"CPU, BLAS: {blas.status().name}"
    return f"flashlight on MLX {mx.__version__}: {where}{f' ({name})' if name else ''}"


def _heading(number: int, text: str) -> None:
    print(f"\n{number}. {text}")


def _verdict(label: str, value: float, limit: float) -> bool:
    fine = bool(value <= limit)  # false for nan
    print(f"   {label:<28} {value:.1e}   (limit {limit:.0e}: {'ok' if fine else 'FAILED'})")
    return fine


def _script_module() -> ModuleType:
    """The training script as a module, its ``import torch`` bound to flashlight."""
    torch_imports.install()
    try:
        return importlib.import_module("flashlight.demo.train_digits")
    finally:
        torch_imports.uninstall()


def _compare_checkpoint(recorded: Recording) -> bool:
    """Part 1: the logits of the shipped checkpoint beside PyTorch's."""
    script = _script_module()
    start = time.perf_counter()
    weights = flashlight.load(CHECKPOINT)
    model = script.DigitNet()
    model.load_state_dict(weights)
    model.eval()
    index = flashlight.from_numpy(recorded.test_index.astype(np.int64))
    images, labels = script.load_digits(DATA)[index]
    with flashlight.no_grad():
        logits = model(images).numpy()
    seconds = time.perf_counter() - start

    guess, truth = logits.argmax(axis=1), labels.numpy()
    right = guess == truth
    count = sum(parameter.numel() for parameter in model.parameters())
    _heading(1, f"A checkpoint that PyTorch {recorded.torch_version} trained and saved, loaded without PyTorch")
    print(f"   {CHECKPOINT.name}: {len(weights)} tensors, {count:,} parameters, read and run in {seconds:.1f} s\n")
    shown = np.concatenate([np.flatnonzero(right)[:3], np.flatnonzero(~right)[:1]])
    captions = [f"{guess[i]} " + ("(right)" if right[i] else f"(it is {truth[i]})") for i in shown]
    pixels = images.numpy()[shown, 0] * 16
    print("   " + curves.text_digits(pixels.round(), captions).replace("\n", "\n   ") + "\n")
    print(f"   {'test accuracy':<28} {100 * right.mean():.2f} %  ({right.sum()} of {len(right)} images it never saw)")
    print(f"   {'PyTorch recorded':<28} {100 * recorded.accuracy:.2f} %")
    return _verdict("largest logit difference", float(np.abs(logits - recorded.logits).max()), _LOGIT_LIMIT)


def _train(recorded: Recording, out: Path) -> np.ndarray:
    """Part 2: the training script under ``flashlight run``; returns the loss of every step."""
    script, log = out / SCRIPT.name, out / "losses.csv"
    for source in (SCRIPT, DATA):
        shutil.copyfile(source, out / source.name)
    log.unlink(missing_ok=True)
    arguments = [
        script,
        "--epochs",
        recorded.epochs,
        "--seed",
        recorded.seed,
        "--log",
        log,
        "--save",
        out / "digits.pth",
    ]
    words = [str(argument) for argument in arguments]
    _heading(2, "A PyTorch training script, unmodified, with torch meaning flashlight")
    print(f"   $ flashlight run {shlex.join(words)}")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    start = time.perf_counter()
    command = [sys.executable, "-m", "flashlight", "run", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        _follow(process.stdout, len(recorded.losses))
    if process.returncode != 0:
        raise _TrainingFailed(f"the training script ended with exit code {process.returncode}")
    with open(log, newline="") as file:
        losses = np.array([float(row["loss"]) for row in csv.DictReader(file)])
    if len(losses) != len(recorded.losses):
        raise _TrainingFailed(f"expected {len(recorded.losses)} steps, the script made {len(losses)}")
    seconds = time.perf_counter() - start
    print(f"   {len(losses)} steps in {seconds:.1f} s, start-up included\n")
    return losses


def _follow(lines, total: int) -> None:
    """Turn the script's step lines into a progress bar and pass its other lines on."""
    with tqdm(total=total, desc="   training", unit="step", disable=None, leave=False) as bar:
        for line in lines:
            step = _STEP.match(line)
            if step is None:
                bar.write(f"   {line.rstrip()}", file=sys.stdout)
            else:
                bar.update(int(step[1]) - bar.n)
                bar.set_postfix_str(f"loss {step[3]}", refresh=False)


def _compare_curves(recorded: Recording, losses: np.ndarray, out: Path) -> bool:
    """The losses beside the ones PyTorch recorded under the same seed."""
    difference = np.abs(losses - recorded.losses)
    names = (f"PyTorch {recorded.torch_version}", "flashlight")
    print(f"   the loss under seed {recorded.seed}:")
    print(f"   {'step':>6} {names[0]:>15} {names[1]:>12} {'difference':>12}")
    for i in np.linspace(0, len(losses) - 1, 7).round().astype(int):
        print(f"   {i + 1:>6} {recorded.losses[i]:>15.6f} {losses[i]:>12.6f} {difference[i]:>12.1e}")
    fine = _verdict(f"largest over {len(losses)} steps", float(difference.max()), _LOSS_LIMIT)
    picture = out / "curves.png"
    if curves.png_plot(picture, recorded.losses, losses, names):
        print(f"   both curves: {picture}")
    else:
        print("\n" + curves.text_plot(recorded.losses, losses, names))
    return fine


def _explain_saved(out: Path) -> None:
    """Part 3: where the weights are and how PyTorch reads them."""
    weights = out / "digits.pth"
    _heading(3, f"Saved: {weights} ({weights.stat().st_size / 1e3:.0f} kB), in PyTorch's own format")
    print(f"   In PyTorch, from the folder {out}:")
    print("       import torch")
    print("       from train_digits import DigitNet")
    print("       model = DigitNet()")
    print('       model.load_state_dict(torch.load("digits.pth"))')
    print("\n   Your own script next:  flashlight run SCRIPT.py")

"""State dicts: interchangeable with torch's in both directions, through the bytes of a checkpoint."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch

import flashlight
import flashlight.optim as ours
from flashlight.serialization import load, save

from .cases import CASES, IDS, Run, both, numbers, same_state

EVERY = pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)


def to_flashlight(saved: dict) -> dict:
    """A state dict of torch after a trip through the bytes torch writes."""
    sink = io.BytesIO()
    torch.save(saved, sink)
    return load(io.BytesIO(sink.getvalue()))


def to_torch(saved: dict) -> dict:
    """A state dict of flashlight after a trip through the bytes flashlight writes."""
    sink = io.BytesIO()
    save(saved, sink)
    return torch.load(io.BytesIO(sink.getvalue()), weights_only=True)


def close(mine: Run, theirs: Run) -> None:
    rtol, atol = (1e-12, 1e-13) if mine.dtype == "float64" else (2e-6, 2e-6)
    for a, b in zip(mine.params, theirs.params, strict=True):
        np.testing.assert_allclose(numbers(a), numbers(b), rtol=rtol, atol=atol)
    same_state(mine.optimizer.state_dict(), theirs.optimizer.state_dict(), rtol, atol)


@EVERY
def test_torch_run_resumed_by_flashlight(name, options):
    mine, theirs = both(name, options)
    theirs.steps(4)
    mine.rng = np.random.RandomState()
    mine.rng.set_state(theirs.rng.get_state())
    with flashlight.no_grad():
        for p, q in zip(mine.params, theirs.params, strict=True):
            p.copy_(flashlight.tensor(q.detach().numpy()))
    mine.optimizer.load_state_dict(to_flashlight(theirs.optimizer.state_dict()))
    mine.steps(4), theirs.steps(4)
    close(mine, theirs)


@EVERY
def test_flashlight_run_resumed_by_torch(name, options):
    mine, theirs = both(name, options)
    mine.steps(4)
    theirs.rng.set_state(mine.rng.get_state())
    with torch.no_grad():
        for p, q in zip(theirs.params, mine.params, strict=True):
            p.copy_(torch.from_numpy(np.array(q.detach().numpy())))
    theirs.optimizer.load_state_dict(to_torch(mine.optimizer.state_dict()))
    mine.steps(4), theirs.steps(4)
    close(mine, theirs)


@EVERY
def test_round_trip_in_flashlight(name, options):
    whole, first = Run(flashlight, name, options).steps(6), Run(flashlight, name, options).steps(3)
    second = Run(flashlight, name, options, seed=5)
    second.rng.set_state(first.rng.get_state())
    with flashlight.no_grad():
        for p, q in zip(second.params, first.params, strict=True):
            p.copy_(q)
    second.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    second.steps(3)
    for a, b in zip(whole.params, second.params, strict=True):
        assert (numbers(a) == numbers(b)).all()


def test_state_saved_before_options_existed_gets_what_they_had():
    for name, options in CASES:
        for lib in (flashlight, torch):
            run = Run(lib, name, options).steps(2)
            saved = copy.deepcopy(run.optimizer.state_dict())
            group = saved["param_groups"][0]
            for late in (
                "foreach",
                "maximize",
                "capturable",
                "differentiable",
                "fused",
                "amsgrad",
                "nesterov",
                "centered",
            ):
                group.pop(late, None)
            for state in saved["state"].values():
                for number in ("step", "mu_product", "eta", "mu"):
                    if number in state:
                        state[number] = state[number].item()
            run.optimizer.load_state_dict(saved)
            restored = run.optimizer.state_dict()
            if lib is flashlight:
                mine = restored
        if name != "Adafactor":  # torch forgets to give a default to its maximize
            assert mine["param_groups"] == restored["param_groups"], name
        for key, state in restored["state"].items():
            assert {n: str(v.dtype) for n, v in state.items() if hasattr(v, "dtype")} == {
                n: str(v.dtype) for n, v in mine["state"][key].items() if hasattr(v, "dtype")
            }, name


def test_state_is_cast_to_the_parameters_dtype_but_step_counts_are_not():
    for lib in (flashlight, torch):
        saved = Run(lib, "Adam", {}).steps(2).optimizer.state_dict()
        half = Run(lib, "Adam", {}, dtype="bfloat16")
        half.optimizer.load_state_dict(saved)
        state = half.optimizer.state[half.params[0]]
        assert [str(state[n].dtype) for n in ("step", "exp_avg")] == ["torch.float32", "torch.bfloat16"]


def test_loading_copies():
    first, second = Run(flashlight, "Adam", {}).steps(2), Run(flashlight, "Adam", {})
    saved = first.optimizer.state_dict()
    second.optimizer.load_state_dict(saved)
    second.steps(3)
    assert saved["state"][0]["step"].item() == 2.0
    assert first.optimizer.state[first.params[0]]["step"].item() == 2.0
    assert second.optimizer.state[second.params[0]]["step"].item() == 5.0
    second.optimizer.param_groups[0]["lr"] = 3
    assert saved["param_groups"][0]["lr"] == 1e-3


def test_state_dict_shows_later_steps():
    for lib in (flashlight, torch):
        run = Run(lib, "Adam", {}).steps(1)
        saved = run.optimizer.state_dict()
        run.steps(1)
        assert saved["state"][0]["step"].item() == 2.0
        assert (numbers(saved["state"][0]["exp_avg"]) == numbers(run.optimizer.state[run.params[0]]["exp_avg"])).all()


def test_saved_steps_do_not_share_memory():
    saved = to_torch(Run(flashlight, "Adam", {}).steps(3).optimizer.state_dict())
    steps = [state["step"] for state in saved["state"].values()]
    steps[0] += 1
    assert [s.item() for s in steps] == [4.0, 3.0, 3.0]


def test_state_of_other_keys_is_kept():
    for lib, optim in ((flashlight, ours), (torch, torch.optim)):
        optimizer = optim.SGD([lib.ones(1)], lr=0.1)
        saved = optimizer.state_dict()
        saved["state"] = {"extra": 3, 0: {"momentum_buffer": None, "nested": {"a": [1, 2]}}}
        optimizer.load_state_dict(saved)
        assert optimizer.state["extra"] == 3
        assert optimizer.state[optimizer.param_groups[0]["params"][0]] == {
            "momentum_buffer": None,
            "nested": {"a": [1, 2]},
        }

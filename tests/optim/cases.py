"""The optimizers and options every comparison with torch runs over."""

from __future__ import annotations

import numpy as np
import torch

import flashlight
import flashlight.optim as ours

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"betas": (0.4, 0.9), "maximize": True}),
    ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {"weight_decay": 0.1}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.1}),
    ("Adagrad", {"maximize": True}),
    ("Adadelta", {"weight_decay": 0.1, "rho": 0.8}),
    ("Adadelta", {"maximize": True}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1, "d": 1.5, "eps": (1e-6, 1e-2), "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True, "maximize": True}),
    ("RMSprop", {"momentum": 0.5}),
    ("Rprop", {}),
    ("Rprop", {"etas": (0.4, 1.5), "step_sizes": (1e-3, 0.02), "maximize": True}),
    ("ASGD", {"t0": 10, "weight_decay": 0.1, "lambd": 0.01}),
    ("ASGD", {"maximize": True}),
    ("Muon", {}),
    ("Muon", {"adjust_lr_fn": "match_rms_adamw", "nesterov": False}),
]
IDS = [f"{name}-{'-'.join(options)}" for name, options in CASES]
REAL_ONLY = ("Muon", "Adafactor")


def tensor(lib, data, dtype: str = "float32"):
    """A tensor of a dtype that numpy may lack."""
    data = np.asarray(data)
    return lib.tensor(data.astype(np.complex64 if dtype == "complex64" else np.float64)).to(getattr(lib, dtype))


def numbers(t) -> np.ndarray:
    """A tensor of either library as numpy."""
    t = t.detach()
    return (t.float() if "bfloat16" in str(t.dtype) else t).numpy()


class Run:
    """One library's parameters and optimizer, with random data that depends on the seed alone."""

    def __init__(self, lib, name: str, options: dict, dtype: str = "float32", shapes=None, seed: int = 0):
        self.lib, self.dtype = lib, dtype
        self.rng = np.random.RandomState(seed)
        if shapes is None:
            shapes = [(5, 3), (3, 6), (4, 4)] if name == "Muon" else [(8, 16), (32,), (2, 4, 8)]
        self.params = [self.draw(shape).requires_grad_() for shape in shapes]
        self.optimizer = getattr(lib.optim if lib is torch else ours, name)(self.params, **options)

    def draw(self, shape):
        data = self.rng.randn(*shape)
        return tensor(self.lib, data + 1j * self.rng.randn(*shape) if self.dtype == "complex64" else data, self.dtype)

    def steps(self, n: int) -> Run:
        for _ in range(n):
            for p in self.params:
                p.grad = self.draw(tuple(p.shape))
            self.optimizer.step()
        return self


def both(name: str, options: dict, **kwargs) -> tuple[Run, Run]:
    """The same run in flashlight and in torch."""
    return Run(flashlight, name, options, **kwargs), Run(torch, name, options, **kwargs)


def same_state(mine: dict, theirs: dict, rtol: float, atol: float) -> None:
    """Assert that two state dicts have the same keys in the same order, dtypes, shapes and values."""
    assert list(mine) == list(theirs)
    assert mine["param_groups"] == theirs["param_groups"]
    assert [list(group) for group in mine["param_groups"]] == [list(group) for group in theirs["param_groups"]]
    assert list(mine["state"]) == list(theirs["state"])
    for key, expected in theirs["state"].items():
        found = mine["state"][key]
        assert list(found) == list(expected)
        for name, value in expected.items():
            if isinstance(value, torch.Tensor):
                assert str(found[name].dtype) == str(value.dtype), name
                assert tuple(found[name].shape) == tuple(value.shape), name
                np.testing.assert_allclose(numbers(found[name]), numbers(value), rtol=rtol, atol=atol, err_msg=name)
            else:
                assert found[name] == value, name
